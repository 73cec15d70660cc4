"""Health, readiness and metrics; pages behind links, pictures, the practice door; none of them tells anything."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.settings import read_settings
from data.clock import SystemClock
from data.record.coding import micros
from tests.acceptance.door_clinic import ANNA, BEN_PHONE, MIA, NIA_PHONE, SECRET, both_doors
from tests.emulators.telegram_polling import TOKEN
from tests.emulators.twilio_emulator import FIRST
from tests.serving.served import Served, eventually, served

CANARY = "zyzzyva"
TELLTALES = (CANARY, str(ANNA), BEN_PHONE.strip("+"), NIA_PHONE.strip("+"), "A-17", "B-18", "Anna", "Ben", TOKEN,
             SECRET, TOKEN.split(":")[1], FIRST.token, "chest", "5550001001")  # fmt: skip


@pytest.fixture(scope="module")
def clinic(tmp_path_factory, telegram_here, twilio_here) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("ready")
    with both_doors(folder, telegram_here, twilio_here, more={"PHMS_LOG_LEVEL": "DEBUG"}) as machine:
        machine.start()
        eventually(lambda: telegram_here.webhook()["url"])
        yield SimpleNamespace(machine=machine, telegram=telegram_here, twilio=twilio_here)
        tell_nothing(machine.said())


def tell_nothing(text: str) -> None:
    """Fail where a name, address, secret or word shows; digits within a measured number (0.0010018 s) are none."""
    telling = re.compile("|".join(rf"(?<![\d.]){re.escape(word)}(?!\d)" for word in TELLTALES))
    assert not telling.search(text), [line for line in text.splitlines() if telling.search(line)][:5]


def families(machine: Served) -> dict[str, float]:
    status, body = machine.get("/metrics")
    assert status == 200
    return {
        family.name: sum(s.value for s in family.samples if not s.name.endswith(("_created", "_bucket")))
        for family in text_string_to_metric_families(body.decode())
    }


def test_metrics_are_readable_count_and_tell_nothing(clinic) -> None:
    machine, telegram, peer = clinic.machine, clinic.telegram, clinic.twilio
    before = families(machine)
    telegram.says(ANNA, f"I have chest pain {CANARY}")
    peer.post(f"{machine.url}/twilio/sms", peer.inbound_params(BEN_PHONE, f"pulse 71 {CANARY}"))
    peer.wait_sent(1, to=NIA_PHONE)
    (reply,) = peer.wait_sent(1, to=BEN_PHONE)
    peer.status(reply.sid, "delivered")
    for path in (f"/{CANARY}", f"/link/{CANARY}", f"/picture/{CANARY}", f"/wearables/{CANARY}", f"/metrics?{CANARY}"):
        tell_nothing(machine.get(path)[1].decode())
        machine.ask("POST", path, CANARY.encode(), {"X-Telegram-Bot-Api-Secret-Token": CANARY})
    eventually(lambda: families(machine)["phms_receipts"] > before.get("phms_receipts", 0))
    after = families(machine)
    assert after["phms_received"] - before.get("phms_received", 0) == 2
    assert after["phms_sent"] - before.get("phms_sent", 0) >= 3
    assert after["phms_refused"] > before.get("phms_refused", 0)
    assert after["phms_ready"] == 1 and after["phms_spool_files"] == 0
    tell_nothing(machine.get("/metrics")[1].decode())
    tell_nothing(machine.get("/readyz")[1].decode())
    labels = re.findall(r'door="([^"]*)"', machine.get("/metrics")[1].decode())
    assert CANARY not in "".join(labels) and len(set(labels)) < 20


def test_healthy_and_ready(clinic) -> None:
    assert clinic.machine.get("/healthz") == (200, b"ok\n")
    status, body = clinic.machine.get("/readyz")
    assert (status, json.loads(body)) == (200, {"ready": True, "reasons": []})


def link(clinic) -> str:
    """A one-time link that a care manager has sent to Ben's phone."""
    before = len(clinic.twilio.sent(BEN_PHONE))
    clinic.telegram.says(MIA, "/invite B-18 sms")
    body = clinic.twilio.wait_sent(before + 1, to=BEN_PHONE)[-1].body
    found = re.search(r"https?://\S+/link/([\w-]+)", body)
    assert found, body
    return found[1]


def test_a_link_is_looked_at_without_harm_and_used_once(clinic) -> None:
    token, machine = link(clinic), clinic.machine
    for _ in range(3):
        status, page = machine.get(f"/link/{token}")
        assert status == 200 and b'<form method="post">' in page
    tell_nothing(page.decode())
    for method in ("HEAD", "PUT", "DELETE", "PATCH"):
        assert machine.ask(method, f"/link/{token}")[0] == 405
    assert b"<form" not in (used := machine.ask("POST", f"/link/{token}", b""))[1] and used[0] == 200
    gone = [machine.ask("POST", f"/link/{token}", b""), machine.get(f"/link/{token}")]
    made_up = [machine.ask("POST", f"/link/{token[:-1]}A", b""), machine.get("/link/made-up"), machine.get("/link/%00")]
    assert {status for status, _ in gone + made_up} == {404}
    assert len({page for _, page in gone + made_up}) == 1, "used, too old and made up look the same"


def test_the_headers_of_a_page(clinic) -> None:
    import httpx

    answer = httpx.get(f"{clinic.machine.url}/link/x", headers={"Accept-Language": "de-AT"}, trust_env=False)
    assert 'lang="de"' in answer.text and "<script" not in answer.text and "http" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer" and answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for odd in ("<script>", "xx", "e" * 5000, "de;q=x", ""):
        page = httpx.get(f"{clinic.machine.url}/link/x", headers={"Accept-Language": odd}, trust_env=False)
        assert page.status_code == 404 and "<script" not in page.text


def test_pictures_are_for_who_has_the_link_for_a_while(clinic) -> None:
    machine, peer = clinic.machine, clinic.twilio
    before = len(peer.sent(BEN_PHONE))
    for value in (70, 72):
        peer.post(f"{machine.url}/twilio/sms", peer.inbound_params(BEN_PHONE, f"pulse {value}"))
    peer.wait_sent(before + 2, to=BEN_PHONE)
    peer.post(f"{machine.url}/twilio/sms", peer.inbound_params(BEN_PHONE, "trend pulse 7d"))
    sent = peer.wait_sent(before + 3, to=BEN_PHONE)[-1]
    where = sent.media[0] if sent.media else re.search(r"https?://\S+/picture/[\w-]+", sent.body)[0]
    path = where.removeprefix(machine.url)
    status, png = machine.get(path)
    assert status == 200 and png.startswith(b"\x89PNG")
    assert b"Ben" not in png and b"B-18" not in png
    token = path.rpartition("/")[2]
    from bot.serve.tokens import Tokens

    with machine.record() as record:
        ours, others = Tokens(record.secret("pictures")), Tokens(record.secret("status callbacks"))
    assert read_settings(machine.env).public == machine.url
    row = ours.open(token).partition(" ")[2]
    now = micros(SystemClock().now())
    later, before_now = now + 10**9, now - 1
    assert machine.get(f"/picture/{ours.seal(f'{later} {row}')}")[0] == 200
    forged = [
        ours.seal(f"{before_now} {row}"),
        ours.seal(f"{later} {row}x"),
        ours.seal(f"{later} nobody/1"),
        ours.seal(f"{later} "),
        others.seal(f"{later} {row}"),
        token[:-2] + ("AA" if not token.endswith("AA") else "BB"),
        "x",
        "%00",
        "a" * 4000,
    ]
    assert [machine.get(f"/picture/{one}")[0] for one in forged] == [404] * len(forged)


def test_tokens_are_in_no_log_when_the_providers_are_out_of_reach(tmp_path: Path) -> None:
    env = {
        "PHMS_TELEGRAM_TOKEN": TOKEN,
        "PHMS_TELEGRAM_BASE_URL": "http://127.0.0.1:9",
        "PHMS_TELEGRAM_WEBHOOK_SECRET": SECRET,
        "PHMS_TWILIO_ACCOUNT_SID": FIRST.sid,
        "PHMS_TWILIO_AUTH_TOKEN": FIRST.token,
        "PHMS_TWILIO_FROM": FIRST.number,
        "PHMS_TWILIO_BASE_URL": "http://127.0.0.1:9",
        "PHMS_PUBLIC_URL": "https://phms.example",
        "PHMS_LOG_LEVEL": "DEBUG",
    }
    people = f"People:\n  Anna  patient  telegram {ANNA}  id A-17\n  Nia  nurse  sms {NIA_PHONE}  step 1\n"
    with served(tmp_path, env, people) as machine:
        machine.start(ready=False)
        person = {"id": ANNA, "is_bot": False, "first_name": "A"}
        for n in range(8):
            chat = {"id": ANNA, "type": "private"}
            message = {"message_id": n, "date": 1, "chat": chat, "from": person, "text": f"chest pain {CANARY}"}
            body = json.dumps({"update_id": n, "message": message}).encode()
            headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": SECRET}
            assert machine.ask("POST", "/telegram/webhook", body, headers)[0] == 200
        eventually(lambda: b"provider-down:telegram" in machine.get("/readyz")[1], within=40)
        assert machine.get("/readyz")[0] == 503 and machine.get("/healthz")[0] == 200
        tell_nothing(machine.get("/readyz")[1].decode() + machine.get("/metrics")[1].decode())
        assert machine.stop() < 20
        tell_nothing(machine.said())


def test_the_practice_door_is_for_this_machine_and_only_without_providers(clinic, tmp_path: Path) -> None:
    say = json.dumps({"channel": "sms", "from": BEN_PHONE, "text": "pulse 71"}).encode()
    kind = {"Content-Type": "application/json"}
    assert clinic.machine.ask("POST", "/simulator/messages", say, kind)[0] == 404
    people = f"People:\n  Ben  patient  sms {BEN_PHONE}  id B-18\n"
    with served(tmp_path, {}, people) as machine:
        machine.start()
        assert "No provider is set up" in machine.said()
        status, body = machine.ask("POST", "/simulator/messages", say, kind)
        assert status == 200 and json.loads(body)["new"] is True
        eventually(lambda: f"to sms {BEN_PHONE}: " in machine.said())
        for more in (
            {"X-Forwarded-For": "203.0.113.7"},
            {"Forwarded": "for=203.0.113.7"},
            {"Host": "phms.example"},
            {"Origin": "https://evil.example"},
        ):
            assert machine.ask("POST", "/simulator/messages", say, kind | more)[0] == 403, more
        assert machine.ask("POST", "/simulator/messages", say, {"Content-Type": "text/plain"})[0] == 415
        for bad in (b"", b"{}", b"[]", b'{"from": 1, "text": "x"}', b'{"from": "+1", "text": "x", "more": 1}', b"\xff"):
            assert machine.ask("POST", "/simulator/messages", bad, kind)[0] == 400, bad
        for door in ("/telegram/webhook", "/twilio/sms", "/wearables/oura"):
            assert machine.ask("POST", door, say, kind)[0] == 404
