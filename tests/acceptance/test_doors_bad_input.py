"""Whatever is thrown at a door: a documented answer, never a 500, nothing kept of what is forged, no word ever told."""

import json
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.door_clinic import ANNA, BEN_PHONE, SECRET, both_doors
from tests.emulators.twilio_emulator import FIRST, SECOND
from tests.serving.served import Served, eventually

CANARY = "Zyzzyva-canary"
WEARABLE = "a-secret-of-a-wearable"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
JSON = {"Content-Type": "application/json", HEADER: SECRET}
TELEGRAM, SMS = "/telegram/webhook", "/twilio/sms"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory, telegram_here, twilio_here) -> Iterator[SimpleNamespace]:
    """One machine for all attacks, logging all it can."""
    folder = tmp_path_factory.mktemp("attacked")
    secrets = {"PHMS_LOG_LEVEL": "DEBUG", "PHMS_WEARABLE_SECRETS": f"oura={WEARABLE}"}
    with both_doors(folder, telegram_here, twilio_here, more=secrets) as machine:
        machine.start()
        eventually(lambda: telegram_here.webhook()["url"])
        yield SimpleNamespace(machine=machine, telegram=telegram_here, twilio=twilio_here)
        assert machine.process is not None and machine.process.poll() is None
        unexpected = [line for line in machine.said().splitlines() if line.startswith(("ERROR", "CRITICAL"))]
        assert not unexpected, unexpected
        assert machine.count("phms_handler_errors") == 0
        assert machine.stop() < 20


def kept(machine: Served) -> tuple[int, int]:
    """How much has come in. The journal may still grow with answers to what came before."""
    with closing(sqlite3.connect(f"file:{machine.home}/record.sqlite?mode=ro", uri=True, timeout=20)) as there:
        (inbox,) = there.execute("SELECT count(*) FROM inbox").fetchone()
    return inbox, len(list((machine.home / "spool").iterdir()))


def update(number: int, text: str = "hello", chat: int = ANNA) -> dict:
    person = {"id": chat, "is_bot": False, "first_name": "A"}
    message = {"message_id": number, "date": 1, "chat": {"id": chat, "type": "private"}, "from": person, "text": text}
    return {"update_id": number, "message": message}


_numbers = iter(range(50_000_000, 60_000_000))


def posted(clinic, body: bytes, **headers: str) -> int:
    return clinic.machine.ask("POST", TELEGRAM, body, JSON | headers)[0]


def raw(machine: Served, data: bytes, *, shut: bool = False, within: float = 5.0, enough: bool = False) -> bytes:
    """What comes back for these bytes until the other side closes or goes silent."""
    with socket.create_connection(("127.0.0.1", machine.port), timeout=within) as line:
        line.sendall(data)
        if shut:
            line.shutdown(socket.SHUT_WR)
        found = b""
        try:
            while chunk := line.recv(65536):
                found += chunk
                if enough:
                    break
        except (TimeoutError, ConnectionError):
            pass
        return found


def test_a_forged_update_is_refused_and_only_counted(clinic) -> None:
    before, log, refused = kept(clinic.machine), clinic.machine.said(), clinic.machine.count("phms_refused_total")
    body = json.dumps(update(next(_numbers), f"chest pain {CANARY}")).encode()
    wrong = [{}, {HEADER: ""}, {HEADER: SECRET[:-1]}, {HEADER: SECRET + "x"}, {HEADER: "é" * 40}, {HEADER: " "}]
    for headers in wrong:
        status, said = clinic.machine.ask("POST", TELEGRAM, body, {"Content-Type": "application/json"} | headers)
        assert (status, said) == (403, b"")
    doubled = (
        f"POST {TELEGRAM} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"{HEADER}: {SECRET}\r\n{HEADER}: wrong\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    assert raw(clinic.machine, doubled.encode() + body).startswith(b"HTTP/1.1 403")
    assert kept(clinic.machine) == before
    assert clinic.machine.count("phms_refused_total") == refused + len(wrong) + 1
    told = clinic.machine.said().removeprefix(log)
    assert CANARY not in told and SECRET not in told and "chest" not in told
    assert all(line.startswith("DEBUG") for line in told.splitlines() if "phms" in line), told


def test_a_forged_form_is_refused_and_only_counted(clinic) -> None:
    twilio, url = clinic.twilio, clinic.machine.url + SMS
    before, log = kept(clinic.machine), clinic.machine.said()
    params = twilio.inbound_params(BEN_PHONE, f"chest pain {CANARY}")
    unsigned = clinic.machine.ask(
        "POST", SMS, urlencode(params).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    )
    answers = [
        unsigned[0],
        twilio.post(url, params, token="x" * 32).status,
        twilio.post(url, params, signed_url="http://127.0.0.1:1/twilio/sms").status,
        twilio.post(url + "?a=b", params, signed_url=url).status,
        twilio.post(url, params | {"AccountSid": SECOND.sid}).status,
        twilio.post(url, params, SECOND).status,
        twilio.post(url, params, headers={"X-Twilio-Signature": "a" * 28}).status,
        twilio.post(url, params, headers={"X-Twilio-Signature": ""}).status,
        twilio.post(url, params, sha256=True).status,
        # A proxy's words about the host change nothing: the address that counts is the configured one.
        twilio.post(url, params, signed_url=f"https://evil.example{SMS}", headers={"Host": "evil.example"}).status,
        twilio.post(
            url,
            params,
            signed_url=f"https://evil.example{SMS}",
            headers={
                "X-Forwarded-Host": "evil.example",
                "X-Forwarded-Proto": "https",
                "Forwarded": "host=evil.example",
            },
        ).status,
    ]
    assert answers == [403] * len(answers)
    assert kept(clinic.machine) == before
    told = clinic.machine.said().removeprefix(log)
    assert CANARY not in told and FIRST.token not in told and "+1555" not in told


def test_what_a_proxy_says_of_the_host_does_not_spoil_a_good_signature(clinic) -> None:
    params = clinic.twilio.inbound_params(BEN_PHONE, "hello")
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    assert clinic.twilio.post(clinic.machine.url + SMS, params, headers=headers).status == 200


def test_a_forged_receipt_changes_nothing(clinic) -> None:
    peer, machine = clinic.twilio, clinic.machine
    peer.post(machine.url + SMS, peer.inbound_params(BEN_PHONE, "pulse 70"))
    eventually(lambda: any(" 70 " in one.body for one in peer.sent(BEN_PHONE)))
    sent = next(one for one in peer.sent(BEN_PHONE) if " 70 " in one.body)
    url, form = sent.form["StatusCallback"], peer.status_params(sent.sid, "undelivered", "30003")
    receipts = machine.count("phms_receipts_total")
    other = url[:-4] + ("AAAA" if not url.endswith("AAAA") else "BBBB")
    assert peer.post(url, form, token="x" * 32).status == 403
    assert peer.post(other, form, signed_url=url).status == 403
    assert peer.post(url, form, SECOND).status == 403
    assert machine.count("phms_receipts_total") == receipts
    # Signed, but of a message that we never sent, or of none: nothing to learn, and no reason to send it again.
    assert peer.post(other, form).status == 200
    assert peer.post(machine.url + "/twilio/status", form).status == 200
    assert peer.post(url, form | {"MessageStatus": "made up"}).status == 200
    with machine.record() as record:
        rows = record.chart("B-18", observations=False).communications
        assert all(not row.state.bad for row in rows if row.provider_id == sent.sid)


def test_two_signatures_are_none(clinic) -> None:
    from twilio.request_validator import RequestValidator

    params = clinic.twilio.inbound_params(BEN_PHONE, "hello")
    body = urlencode(params).encode()
    good = RequestValidator(FIRST.token).compute_signature(clinic.machine.url + SMS, params)
    before = kept(clinic.machine)
    for signatures in ((good, "a" * 28), ("a" * 28, good), (good, good)):
        head = "".join(f"X-Twilio-Signature: {one}\r\n" for one in signatures)
        request = (
            f"POST {SMS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\n{head}\r\n"
        )
        assert raw(clinic.machine, request.encode() + body).startswith(b"HTTP/1.1 403")
    assert kept(clinic.machine) == before


def test_sizes_and_kinds(clinic) -> None:
    before = kept(clinic.machine)
    assert posted(clinic, b" " * (2**20 + 1)) == 413
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert posted(clinic, json.dumps(update(next(_numbers))).encode(), **{"Content-Type": kind}) == 415, kind
    params = clinic.twilio.inbound_params(BEN_PHONE, "x")
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", "application/json", "text/plain"):
        headers = {"Content-Type": kind}
        assert clinic.twilio.post(clinic.machine.url + SMS, params, headers=headers).status == 415, kind
    assert clinic.twilio.post(clinic.machine.url + SMS, params | {"Body": "y" * 2**20}).status == 413
    assert kept(clinic.machine) == before


def test_a_compressed_body_that_swells_or_is_none(clinic) -> None:
    import gzip

    packed = gzip.compress(b" " * (64 * 2**20))
    assert posted(clinic, packed, **{"Content-Encoding": "gzip"}) in (400, 413)
    assert posted(clinic, b"not packed at all", **{"Content-Encoding": "gzip"}) == 400
    assert posted(clinic, b"{}", **{"Content-Encoding": "nonsense"}) in (400, 415)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{}",
        b'{"update_id": "1"}',
        b'{"update_id": -1}',
        b'{"update_id": true}',
        b'{"update_id": 1e400}',
        b"\xff\xfe",
        b"\x00",
        b'{"update_id": 5, "message": {}}',
        b'{"update_id": 5, "message": null}',
        b'{"update_id": 5, "message": {"chat": {"id": "x"}}}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"update_id": ' + b"9" * 5000 + b"}",
    ],
    ids=range(19),
)
def test_broken_updates(clinic, body: bytes) -> None:
    before = kept(clinic.machine)
    assert posted(clinic, body) == 400
    assert kept(clinic.machine) == before


@pytest.mark.parametrize(
    "more", [{}, {"poll": {}}, {"channel_post": {"text": "x"}}, {"made_up_tomorrow": [1, 2]}, {"inline_query": None}]
)
def test_unknown_kinds_of_update_are_let_pass(clinic, more: dict) -> None:
    before = kept(clinic.machine)
    assert posted(clinic, json.dumps({"update_id": next(_numbers)} | more).encode()) == 200
    assert kept(clinic.machine) == before


def test_forms_that_can_be_read_in_two_ways(clinic) -> None:
    from twilio.request_validator import RequestValidator

    def signed(pairs: list[tuple[str, str]]) -> int:
        together: dict[str, list[str]] = {}
        for name, value in pairs:
            together.setdefault(name, []).append(value)
        from multidict import MultiDict

        signature = RequestValidator(FIRST.token).compute_signature(clinic.machine.url + SMS, MultiDict(pairs))
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        return clinic.machine.ask("POST", SMS, urlencode(pairs).encode(), headers)[0]

    before = kept(clinic.machine)
    good = list(clinic.twilio.inbound_params(BEN_PHONE, f"STOPFrom{BEN_PHONE}").items())
    doubled = [*good, ("From", "+15550009999")]
    assert signed(doubled) == 400
    assert signed([*good, ("Body", "other")]) == 400
    # The same letters, cut elsewhere: the text of one becomes the sender of another.
    cut = [(n, v) for n, v in good if n not in ("Body", "From", "FromCity", "FromCountry", "FromState")]
    assert signed([*cut, ("Body", "STOP"), ("From", f"{BEN_PHONE}From{BEN_PHONE}")]) == 400
    assert kept(clinic.machine) == before


def test_forms_that_are_none(clinic) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": "a" * 28}
    for body in (b"", b"=", b"&&&", b"a", b"%", b"Body=%ff", b"Body=\xff", b"a=1&" * 300, b"\x00=\x00"):
        assert clinic.machine.ask("POST", SMS, body, headers)[0] in (400, 403), body


@pytest.mark.parametrize("path", [TELEGRAM, SMS, "/twilio/status", "/twilio/whatsapp", "/wearables/oura"])
def test_only_post_at_the_doors(clinic, path: str) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        assert clinic.machine.ask(method, path)[0] == 405, method


def test_unknown_paths(clinic) -> None:
    odd = (
        "/",
        "/telegram",
        "/telegram/webhook/",
        "//telegram/webhook",
        "/%00",
        "/..%2f..%2fetc",
        "/metrics/x",
        "/link/",
    )
    for path in (*odd, "/simulator/messages", "/wearables/", "/wearables/a/b", "/twilio/sms%00"):
        for method in ("GET", "POST"):
            assert clinic.machine.ask(method, path)[0] == 404, (method, path)
    assert clinic.machine.ask("POST", "/healthz")[0] == 405


@pytest.mark.parametrize(
    "text",
    [
        "x" * 4096,
        "😀" * 2048,
        "👩‍👩‍👧‍👦🏳️‍🌈🇦🇹" * 100,
        "nul\x00nul",
        "\x00",
        "half \ud83d",
        "\udc00\ud800",
        "\u202eevil\u200b",
        "{name:A-17} {code} %s \\N{BULLET}",
        "a\u0300" * 2000,
        "   ",
        "\r\n\t",
    ],
    ids=["long", "emoji", "joined", "nul", "only nul", "half", "halves", "bidi", "marks", "accents", "blank", "lines"],
)
def test_any_text_is_kept_and_answered_on_telegram(clinic, text: str) -> None:
    before = kept(clinic.machine)[0], len(clinic.telegram.sent(ANNA, "sendMessage"))
    assert posted(clinic, json.dumps(update(next(_numbers), text)).encode()) == 200
    assert kept(clinic.machine)[0] == before[0] + 1
    clinic.telegram.wait_sent(before[1] + 1, chat_id=ANNA)


@pytest.mark.parametrize("text", ["x" * 1600, "😀" * 800, "nul\x00nul", "\u202eevil", "", " ", "=&%+;\"'<>"])
def test_any_text_is_kept_and_answered_by_sms(clinic, text: str) -> None:
    before = kept(clinic.machine)[0], len(clinic.twilio.sent(BEN_PHONE))
    params = clinic.twilio.inbound_params(BEN_PHONE, text)
    answer = clinic.twilio.post(clinic.machine.url + SMS, params)
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/xml")
    assert kept(clinic.machine)[0] == before[0] + 1
    clinic.twilio.wait_sent(before[1] + 1, to=BEN_PHONE)


def test_the_same_id_with_other_words_changes_nothing(clinic) -> None:
    number, params = next(_numbers), clinic.twilio.inbound_params(BEN_PHONE, "pulse 71")
    before = kept(clinic.machine)
    sent = len(clinic.telegram.sent(ANNA, "sendMessage")), len(clinic.twilio.sent(BEN_PHONE))
    assert posted(clinic, json.dumps(update(number, "pulse 71")).encode()) == 200
    assert posted(clinic, json.dumps(update(number, f"chest pain {CANARY}")).encode()) == 200
    assert clinic.twilio.post(clinic.machine.url + SMS, params).status == 200
    assert clinic.twilio.post(clinic.machine.url + SMS, params | {"Body": f"chest pain {CANARY}"}).status == 200
    clinic.telegram.wait_sent(sent[0] + 1, chat_id=ANNA)
    clinic.twilio.wait_sent(sent[1] + 1, to=BEN_PHONE)
    assert kept(clinic.machine)[0] == before[0] + 2
    assert not clinic.twilio.sent(to="+15550002001"), "nobody was paged"
    assert CANARY not in clinic.machine.said()


def test_a_body_that_does_not_come_ends_with_408_and_holds_up_nobody(clinic) -> None:
    before = kept(clinic.machine)
    head = (
        f"POST {TELEGRAM} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{HEADER}: {SECRET}\r\n"
        "Content-Length: 100\r\n\r\n{"
    )
    found: list[bytes] = []

    def dawdle() -> None:
        found.append(raw(clinic.machine, head.encode(), within=15, enough=True))

    slow = [threading.Thread(target=dawdle) for _ in range(50)]
    for one in slow:
        one.start()
    began = time.monotonic()
    assert posted(clinic, json.dumps({"update_id": next(_numbers)}).encode()) == 200
    assert time.monotonic() - began < 1
    for one in slow:
        one.join()
    assert len(found) == 50 and all(answer.startswith(b"HTTP/1.1 408") for answer in found)
    assert kept(clinic.machine) == before


def test_half_a_request_and_then_nothing(clinic) -> None:
    before = kept(clinic.machine)
    body = json.dumps(update(next(_numbers), "half")).encode()
    head = f"POST {TELEGRAM} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{HEADER}: {SECRET}\r\n"
    for cut in (b"POST", head.encode()[:40], f"{head}Content-Length: {len(body) + 5}\r\n\r\n".encode() + body):
        answer = raw(clinic.machine, cut, shut=True)
        assert not answer or re.match(rb"HTTP/1\.[01] 4\d\d", answer), answer
    assert kept(clinic.machine) == before
    whole = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    # Closed for writing only: the answer still goes.
    raw(clinic.machine, whole, shut=True, within=1)
    eventually(lambda: clinic.machine.get("/healthz")[0] == 200)


def test_pipelined_requests_are_answered_in_order(clinic) -> None:
    def request(body: bytes, last: bool, secret: str = SECRET) -> bytes:
        close = "Connection: close\r\n" if last else ""
        return (
            f"POST {TELEGRAM} HTTP/1.1\r\nHost: x\r\n{close}Content-Type: application/json\r\n{HEADER}: {secret}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    good = json.dumps({"update_id": next(_numbers)}).encode()
    answers = raw(
        clinic.machine,
        request(good, False) + request(good, False, "wrong") + request(b"{", False) + request(good, True),
    )
    assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"200", b"403", b"400", b"200"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"POST /telegram/webhook HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /telegram/webhook HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /telegram/webhook HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST /telegram/webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \x00\r\nX\x00: y\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: nonsense\r\nConnection: close\r\n\r\n",
        b"GET /link/%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /picture/%00%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /link/%ed%a0%80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"GET /link/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=range(19),
)
def test_what_is_no_http_and_odd_http(clinic, data: bytes) -> None:
    log = clinic.machine.said()
    answer = raw(clinic.machine, data, shut=False, within=1.0)
    assert not re.match(rb"HTTP/1\.[01] 5", answer), answer
    assert clinic.machine.get("/healthz")[0] == 200
    assert "Traceback" not in clinic.machine.said().removeprefix(log)


_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_changed_update_is_never_a_500(clinic, data) -> None:
    thing = update(next(_numbers))
    thing["edited_message"] = thing["message"] if data.draw(st.booleans()) else {}
    thing["callback_query"] = {"id": "1", "from": {"id": 5}, "data": "x", "message": thing["message"]}
    thing["my_chat_member"] = {"chat": {"id": 5, "type": "private"}, "new_chat_member": {"status": "kicked"}}
    for key in data.draw(st.sets(st.sampled_from(sorted(thing)))):
        del thing[key]
    spot = thing
    for _ in range(data.draw(st.integers(0, 3))):
        inner = [k for k, v in spot.items() if isinstance(v, dict)]
        if not inner:
            break
        spot = spot[data.draw(st.sampled_from(sorted(inner)))]
    key = data.draw(st.sampled_from(sorted(spot)) if spot else st.text(max_size=5))
    spot[key] = data.draw(_value)
    assert posted(clinic, json.dumps(thing).encode()) in (200, 400)


@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "X"]),
    path=st.sampled_from([TELEGRAM, SMS, "/twilio/status?m=", "/link/", "/picture/", "/wearables/oura", "/readyz"]),
    tail=st.binary(max_size=12),
    names=st.lists(
        st.tuples(
            st.sampled_from(
                ["Content-Type", "Content-Length", HEADER, "X-Twilio-Signature", "Transfer-Encoding", "Host"]
            ),
            st.sampled_from(
                ["application/json", "application/x-www-form-urlencoded", "0", "3", SECRET, "chunked", "\xff"]
            ),
        ),
        max_size=5,
    ),
    body=st.binary(max_size=40),
)
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_requests_are_never_a_500(clinic, method, path, tail, names, body) -> None:
    quoted = "".join(f"%{b:02x}" for b in tail)
    head = "".join(f"{name}: {value}\r\n" for name, value in names)
    data = f"{method} {path}{quoted} HTTP/1.1\r\nConnection: close\r\n{head}\r\n".encode("latin-1") + body
    answer = raw(clinic.machine, data, shut=True, within=0.5)
    assert not re.match(rb"HTTP/1\.[01] 5", answer), answer


def test_a_wearables_word_is_checked_and_kept_once(clinic) -> None:
    import hmac
    from hashlib import sha256

    def word(body: bytes, *, age: int = 0, secret: str = WEARABLE, vendor: str = "oura", stamp: str = ""):
        stamp = stamp or str(int(clock().timestamp()) - age)
        signature = hmac.new(secret.encode(), stamp.encode() + body, sha256).hexdigest()
        headers = {"x-oura-signature": signature, "x-oura-timestamp": stamp, "Content-Type": "application/json"}
        return clinic.machine.ask("POST", f"/wearables/{vendor}", body, headers)[0]

    from data.clock import SystemClock

    clock = SystemClock().now
    before = kept(clinic.machine)
    body = b'{"user_id": "wearer-1", "event_time": "2026-01-01"}'
    assert word(body, secret="another secret 123") == 403  # noqa: S106
    assert word(body, age=301) == 403
    assert word(body, age=-310) == 403
    assert word(body, stamp="soon") == 403
    assert word(body, stamp="99999999999999999999") == 403
    assert word(body, vendor="fitbit") == 404
    assert word(b"[]") == 400
    assert word(b'{"user_id": "a b"}') == 400
    assert kept(clinic.machine) == before
    assert word(body) == word(body, age=299) == 200
    assert kept(clinic.machine)[0] == before[0] + 1
