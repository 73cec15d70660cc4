"""Third-party peers on loopback for tests of PHMS's doors: what there is and how to use it.

Each peer is a context manager that starts it on a free port of 127.0.0.1, waits until it answers and ends it with all
that it started, also when the test is killed (guard.py). The first use installs what it needs below
${PHMS_CACHE:-~/.cache/phms}/emulators (install.py; `python -m tests.emulators.install` does it beforehand).
A test is skipped only where a package registry is out of reach; every other trouble fails it and says what to do.

Fixtures: import the ones you need in your folder's conftest.py, as the one beside this file does.

    telegram_peer   telegram_polling.TelegramPolling   per test, 0.4 s to start
    twilio_peer     twilio_emulator.Twilio             per test, 0.4 s
    telemelya_peer  telemelya.Telemelya                per module, 5 s (redis, moto and telemelya)
    door            receiver.Receiver                  per test, stands in for PHMS and keeps what came

Without a fixture: `with twilio() as peer:`, or `yield from fixtures.or_skip(twilio)` in a fixture of your own; also
`prism.prism(upstream)` and `segments.segments(texts)`.

Clients here block. Where the door under test runs in the test's own loop, call them by `await asyncio.to_thread(...)`:
`peer.text(...)` and `telemelya.says(...)` return only when the webhook has answered. What works on its own (waiting for
what was sent) has a deadline: `wait_sent(count, ...)`, `door.wait(count)`, `threads.wait_for(look, within, what)`.

Settings of PHMS: PHMS_TELEGRAM_BASE_URL=peer.base_url, PHMS_TELEGRAM_TOKEN=telegram_polling.TOKEN;
PHMS_TWILIO_BASE_URL=peer.base_url, PHMS_TWILIO_ACCOUNT_SID, _AUTH_TOKEN, _FROM and _MESSAGING_SERVICE_SID out of
twilio_emulator.FIRST (the second provider: SECOND, another account at the same address). clients.py has the real
clients pointed there, for tests of the peers themselves.

A patient writes, a clinician answers:

    def test_chest_pain(telegram_peer, twilio_peer):
        with serving(telegram_peer.base_url, twilio_peer.base_url) as phms:      # yours
            twilio_peer.send_inbound_to(f"{phms.url}/twilio/sms")
            telegram_peer.says(77, "chest pain")
            [page] = twilio_peer.wait_sent(1, to="+15005550188", within=3)
            twilio_peer.status(page.sid, "undelivered", error_code="30003")
            twilio_peer.text("+15005550188", "123 ok")
            telegram_peer.wait_sent(2, chat_id=77)

What goes wrong on demand: `telegram_peer.too_many/forbidden/not_found/broken/hangs/drops`, `twilio_peer.refuse(21610)`,
`twilio_peer.faults.answer/hang/drop_before/drop_after/slow` (faulty_proxy.py). Cuts after the fact count as sent.

What the peers do not do. emulate: enforce STOP, retry webhooks, MMS or OptOutType inbound, ErrorCode on callbacks,
rate limits: use `post`, `status(error_code=)`, `refuse`. telemelya: push an update twice, getUpdates, edited messages,
blocked bots; a removed keyboard still shows in what it kept. The polling emulator: pace by chat, parse_mode, methods
that telegram_launcher.js does not name; it answers every chat, also one that never wrote. All of it is a stand-in:
first contact with the real services still needs a real token and number.

For benchmarks take `twilio_peer.process.url` (emulate itself): the faulty proxy costs two thirds of the throughput.
"""
