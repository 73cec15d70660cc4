"""Twilio's signature: what is genuine passes, what is forged, doubled or cut at other places does not."""

import re
import time
from collections.abc import Sequence
from urllib.parse import urlencode

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import HMAC_SHA256, RequestValidator

from data.errors import BadInput, Forged
from integrations.twilio_inbound import read_message
from integrations.twilio_signature import verify

URL = "https://clinic.example/twilio/sms"
TOKEN = "a-token-of-the-tests"  # noqa: S105
SID = "AC" + "7" * 32
MESSAGE = "SM" + "0123456789abcdef" * 2
OTHER = "SM" + "f" * 32
VICTIM, WRITER = "+15551230000", "+16667770000"
Pairs = Sequence[tuple[str, str]]

SMS = {
    "AccountSid": SID,
    "ApiVersion": "2010-04-01",
    "Body": "I have chest pain",
    "From": WRITER,
    "FromCity": "SAN FRANCISCO",
    "FromCountry": "US",
    "FromState": "CA",
    "FromZip": "94105",
    "MessageSid": MESSAGE,
    "MessagingServiceSid": "MG" + "2" * 32,
    "NumMedia": "0",
    "NumSegments": "1",
    "SmsMessageSid": MESSAGE,
    "SmsSid": MESSAGE,
    "SmsStatus": "received",
    "To": "+15005550111",
    "ToCity": "",
    "ToCountry": "US",
    "ToState": "",
    "ToZip": "",
}
WHATSAPP = {
    "AccountSid": SID,
    "Address": "",
    "ApiVersion": "2010-04-01",
    "Body": "hello",
    "ChannelMetadata": '{"type":"whatsapp","data":{"context":{"ProfileName":"Ann Lee"}}}',
    "From": f"whatsapp:{WRITER}",
    "Label": "",
    "MessageSid": MESSAGE,
    "MessageType": "text",
    "NumMedia": "0",
    "NumSegments": "1",
    "OriginalRepliedMessageSender": "whatsapp:+15005550112",
    "OriginalRepliedMessageSid": OTHER,
    "ProfileName": "Ann Lee",
    "SmsMessageSid": MESSAGE,
    "SmsSid": MESSAGE,
    "SmsStatus": "received",
    "To": "whatsapp:+15005550112",
    "WaId": WRITER.removeprefix("+"),
}


def signed(pairs: Pairs, url: str = URL, token: str = TOKEN, algorithm: str | None = None) -> str:
    return RequestValidator(token).compute_signature(url, MultiDict(pairs), algorithm)


def encoded(pairs: Pairs) -> bytes:
    return urlencode(list(pairs)).encode()


def checked(pairs: Pairs, signature: str | None = None, url: str = URL) -> dict[str, str]:
    return dict(verify(url, encoded(pairs), signature or signed(pairs, url), TOKEN, SID))


@pytest.mark.parametrize("form", [SMS, WHATSAPP])
def test_what_twilio_signs_passes_with_its_blanks(form: dict[str, str]) -> None:
    assert checked(list(form.items())) == form


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_whatever_a_patient_writes_passes(text: str) -> None:
    assume("MessageSid" not in text)
    assert checked(list((SMS | {"Body": text}).items()))["Body"] == text


@given(st.text(max_size=40), st.text(max_size=40))
def test_words_that_look_like_parameters_are_still_words(before: str, after: str) -> None:
    text = f"{before}From{VICTIM}{after}To+1&Body=x"
    assert checked(list((SMS | {"Body": text}).items()))["Body"] == text


def test_a_parameter_that_nobody_knew_is_no_fault() -> None:
    new = SMS | {"CarrierTier": "gold two", "ZonedAt": "2027-01-01 10:00", "x-new": ""}
    assert checked(list(new.items())) == new
    read = read_message(new)
    assert read is not None and read.text == SMS["Body"]


@pytest.mark.parametrize("port", ["https://clinic.example:443/twilio/sms", "https://clinic.example/twilio/sms"])
def test_the_port_may_be_written_or_not(port: str) -> None:
    pairs = list(SMS.items())
    assert verify(URL, encoded(pairs), signed(pairs, port), TOKEN, SID)


def test_the_query_belongs_to_the_address() -> None:
    pairs = list(SMS.items())
    assert checked(pairs, signed(pairs, f"{URL}?m=1"), f"{URL}?m=1")
    with pytest.raises(Forged):
        checked(pairs, signed(pairs, f"{URL}?m=1"), f"{URL}?m=2")


@pytest.mark.parametrize(
    ("signature", "token", "account"),
    [
        (None, TOKEN, SID),
        ("", TOKEN, SID),
        ("x", TOKEN, SID),
        ("A" * 27 + "=", TOKEN, SID),
        ("é" * 28, TOKEN, SID),
        (signed(list(SMS.items()), token="another"), TOKEN, SID),  # noqa: S106
        (signed(list(SMS.items()), url="https://elsewhere.example/twilio/sms"), TOKEN, SID),
        (signed(list(SMS.items()), url="http://clinic.example/twilio/sms"), TOKEN, SID),
        (signed(list(SMS.items())), "", SID),
        (signed(list(SMS.items())), TOKEN, ""),
        (signed(list(SMS.items())), TOKEN, "AC" + "8" * 32),
        (signed(list(SMS.items()), token=""), "", SID),
    ],
)
def test_a_wrong_signature_is_forged(signature: str | None, token: str, account: str) -> None:
    with pytest.raises(Forged):
        verify(URL, encoded(list(SMS.items())), signature, token, account)


@given(st.integers(0, 27), st.characters(codec="ascii"))
def test_every_sign_of_a_signature_counts(place: int, char: str) -> None:
    right = signed(list(SMS.items()))
    assume(right[place] != char)
    with pytest.raises(Forged):
        checked(list(SMS.items()), right[:place] + char + right[place + 1 :])


def test_the_algorithm_is_ours_to_choose() -> None:
    pairs = list(SMS.items())
    stronger = signed(pairs, algorithm=HMAC_SHA256)
    with pytest.raises(Forged):
        verify(URL, encoded(pairs), stronger, TOKEN, SID)
    assert verify(URL, encoded(pairs), stronger, TOKEN, SID, algorithm=HMAC_SHA256)
    with pytest.raises(Forged):
        verify(URL, encoded(pairs), signed(pairs), TOKEN, SID, algorithm=HMAC_SHA256)
    with pytest.raises(Forged):
        verify(URL, encoded(pairs), stronger, TOKEN, SID, algorithm="NONE")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Body",
        b"=x",
        b"&",
        b"Body=%ff",
        b"Body=%ed%a0%80",
        b"Body=\xc3\xa9",
        b"Bo+dy=x",
        b'{"Body": "x"}',
        b'--b\r\nContent-Disposition: form-data; name="Body"\r\n\r\nx\r\n--b--',
        b"&".join(b"P%d=1" % i for i in range(300)),
    ],
)
def test_what_is_no_form_is_bad_input(body: bytes) -> None:
    with pytest.raises(BadInput):
        verify(URL, body, "A" * 28, TOKEN, SID)


@given(st.binary(max_size=200), st.text(max_size=40) | st.none(), st.text(max_size=30))
def test_no_bytes_are_trouble(body: bytes, signature: str | None, url: str) -> None:
    with pytest.raises((Forged, BadInput)):
        verify(url, body, signature, TOKEN, SID)


@pytest.mark.parametrize("name", sorted(SMS))
def test_a_parameter_twice_is_refused_though_the_signature_fits(name: str) -> None:
    again = [*SMS.items(), (name, SMS[name])]
    assert RequestValidator(TOKEN).validate(URL, MultiDict(again), signed(list(SMS.items())))
    with pytest.raises(BadInput):
        checked(again, signed(list(SMS.items())))


def letters(pairs: Pairs) -> str:
    return "".join(name + value for name, value in sorted(pairs))


def named(cut: dict[str, str], signature: str) -> None:
    """The forgery is a good one: Twilio's own library takes it."""
    assert RequestValidator(TOKEN).validate(URL, cut, signature)


def test_a_text_does_not_become_a_sender() -> None:
    """The attack of the reference: a text "STOPFrom+1555..." of one's own, cut so that somebody else says STOP."""
    captured = SMS | {"Body": f"STOPFrom{VICTIM}FromCity"}
    signature = signed(list(captured.items()))
    city = "FromCity" + captured["FromCity"]
    forged = captured | {"Body": "STOP", "From": VICTIM, "FromCity": f"From{WRITER}{city}"}
    named(forged, signature)
    with pytest.raises(BadInput):
        checked(list(forged.items()), signature)
    doubled = [(k, v) for k, v in captured.items() if k != "Body"] + [("Body", "STOP"), ("From", VICTIM + "FromCity")]
    with pytest.raises((BadInput, Forged)):
        checked(doubled, signature)


def test_a_sender_is_not_swallowed_by_the_text() -> None:
    signature = signed(list(SMS.items()))
    forged = {name: value for name, value in SMS.items() if name != "From"}
    forged["Body"] += f"From{WRITER}"
    named(forged, signature)
    with pytest.raises(BadInput):
        read_message(checked(list(forged.items()), signature))


def test_a_replay_does_not_get_a_new_message_id() -> None:
    captured = SMS | {"Body": f"xMessageSid{OTHER}"}
    with pytest.raises(BadInput):
        checked(list(captured.items()))
    forged = SMS | {"SmsSid": OTHER}
    with pytest.raises(BadInput):
        checked(list(forged.items()))


def test_words_of_a_text_are_not_cut_off() -> None:
    captured = SMS | {"Body": "no. Chest pain is back"}
    forged = captured | {"Body": "no. ", "Chest": " pain is back"}
    signature = signed(list(captured.items()))
    named(forged, signature)
    with pytest.raises(BadInput):
        checked(list(forged.items()), signature)


def test_words_of_a_text_are_not_hidden_before_it() -> None:
    captured = SMS | {"Body": "Chest pain. Body aches"}
    signature = signed(list(captured.items()))
    for hiding in ({"ApiVersion": "2010-04-01BodyChest pain. "}, {"Bod": "yChest pain. "}):
        forged = captured | {"Body": " aches"} | hiding
        named(forged, signature)
        with pytest.raises(BadInput):
            checked(list(forged.items()), signature)


def test_a_label_on_a_map_does_not_become_a_sender() -> None:
    captured = WHATSAPP | {"Label": f"homeFromwhatsapp:{VICTIM}LabelZ"}
    with pytest.raises(BadInput):
        checked(list(captured.items()))
    swallowed = {k: v for k, v in captured.items() if k not in ("From", "Label")}
    swallowed["ChannelMetadata"] += f"From{captured['From']}Labelhome"
    swallowed |= {"From": f"whatsapp:{VICTIM}", "Label": "Z"}
    signature = signed(list(captured.items()))
    named(swallowed, signature)
    with pytest.raises(BadInput):
        checked(list(swallowed.items()), signature)


NAMES = sorted({*SMS, *WHATSAPP, "Bod", "Chest", "Dizzy", "FromAFrom", "Emergency", "ErrorCode", "Fever"})
BAIT = [*NAMES, VICTIM, WRITER, f"From{VICTIM}", f"Fromwhatsapp:{VICTIM}", f"MessageSid{OTHER}", f"SmsSid{OTHER}"]
BAIT += [" pain", "STOP", "0", "1", "US", SID, "whatsapp:", "To+15005550111", f"WaId{VICTIM[1:]}", "NumMedia0"]
WORDS = st.lists(st.sampled_from(BAIT), max_size=8).map("".join)
IDENTITY = ("AccountSid", "From", "To", "MessageSid")


@st.composite
def recut(draw: st.DrawFn) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """A genuine form with words of an attacker, and the same letters cut into parameters at other places."""
    base = draw(st.sampled_from([SMS, WHATSAPP]))
    free = ("Body",) if base is SMS else ("Body", "Label", "ProfileName", "Address")
    genuine = base | {name: draw(WORDS) for name in free}
    line = letters(list(genuine.items()))
    places = [m.start() for m in re.finditer("(?=" + "|".join(NAMES) + ")", line)]
    possible = [(place, name) for place in places for name in NAMES if line.startswith(name, place)]
    ours, place = set(), 0
    for name, value in sorted(genuine.items()):
        ours.add((place, name))
        place += len(name + value)
    turned = draw(st.sets(st.sampled_from([c for c in possible if c not in ours] or possible), max_size=4))
    turned |= draw(st.sets(st.sampled_from(sorted(ours)), max_size=2))
    cuts, last, place = [(0, "AccountSid")], "AccountSid", len("AccountSid")
    for start, name in possible:
        if ((start, name) in ours) != ((start, name) in turned) and start >= place and name > last:
            cuts.append((start, name))
            last, place = name, start + len(name)
    ends = [start for start, _ in cuts[1:]] + [len(line)]
    return genuine, [(name, line[start + len(name) : end]) for (start, name), end in zip(cuts, ends, strict=True)]


@given(recut())
@example((SMS, list(SMS.items())))
def test_no_other_cut_of_a_genuine_form_says_who_or_which(case: tuple[dict[str, str], list[tuple[str, str]]]) -> None:
    genuine, cut = case
    signature = signed(list(genuine.items()))
    assume(letters(cut) == letters(list(genuine.items())))
    try:
        got = checked(cut, signature)
        read = read_message(got)
    except (Forged, BadInput):
        return
    if read is None:
        return  # a name that is nobody's phone: nothing is kept
    assert {name: got.get(name) for name in IDENTITY} == {name: genuine[name] for name in IDENTITY}
    if "FromCity" not in genuine:
        return  # of WhatsApp the writer has other words of their own beside the text
    assert genuine["Body"].startswith(got["Body"])
    assert not any(char.isspace() for char in genuine["Body"].removeprefix(got["Body"]))


def test_it_is_fast() -> None:
    pairs = list(SMS.items())
    body, signature = encoded(pairs), signed(pairs)
    rounds = []
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(50):
            verify(URL, body, signature, TOKEN, SID)
        rounds.append((time.perf_counter() - start) / 50)
    # About 60 microseconds; the least of many rounds, for the machine has other work too.
    assert min(rounds) < 200e-6
