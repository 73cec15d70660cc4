"""Twilio's forms in our words: SMS, MMS, WhatsApp, opt-out, receipts; and the table of error codes."""

import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.content import loads
from data.errors import BadFile, BadInput
from data.model.communication import SendState
from data.model.conversation import MessageKind
from data.model.inbound import Inbound, Report
from data.model.people import ChannelKind
from integrations.twilio_faults import Faults, fault, word_of
from integrations.twilio_inbound import SILENCE, opt_out, read_message, read_status

SID = "SM" + "0123456789abcdef" * 2
FORM = {"MessageSid": SID, "From": "+3725551234", "To": "+15005550111", "Body": "Tere õhtust", "NumMedia": "0"}
CALLBACK = {"MessageSid": SID, "MessageStatus": "delivered", "To": "+3725551234", "From": "+15005550111"}


def test_an_sms() -> None:
    assert read_message(FORM) == Inbound(
        channel=ChannelKind.SMS, address="+3725551234", text="Tere õhtust", provider_message_id=SID
    )


def test_whatsapp_is_told_by_its_prefix_and_has_the_bare_number() -> None:
    read = read_message(FORM | {"From": "whatsapp:+3725551234", "To": "whatsapp:+15005550112"})
    assert read is not None
    assert (read.channel, read.address) == (ChannelKind.WHATSAPP, "+3725551234")


def test_a_pressed_quick_reply_says_its_payload() -> None:
    form = FORM | {"From": "whatsapp:+3725551234", "Body": "Yes, taken", "ButtonText": "Yes, taken"}
    read = read_message(form | {"ButtonPayload": "TAKEN"})
    assert read is not None
    assert (read.text, read.kind) == ("TAKEN", MessageKind.TEXT)


@pytest.mark.parametrize(
    ("media", "text", "sender", "kind"),
    [
        ("image/jpeg", "my foot", "+3725551234", MessageKind.PICTURE),
        ("image/jpeg", "", "+3725551234", MessageKind.PICTURE),
        ("", "chest pain", "+3725551234", MessageKind.PICTURE),
        ("audio/ogg", "", "whatsapp:+3725551234", MessageKind.VOICE),
        ("audio/ogg", "chest pain", "+3725551234", MessageKind.FILE),
        ("image/webp", "", "whatsapp:+3725551234", MessageKind.STICKER),
        ("image/webp", "chest pain", "whatsapp:+3725551234", MessageKind.PICTURE),
        ("video/mp4", "", "+3725551234", MessageKind.FILE),
        ("text/vcard", "", "+3725551234", MessageKind.FILE),
    ],
)
def test_what_comes_with_a_text(media: str, text: str, sender: str, kind: MessageKind) -> None:
    read = read_message(FORM | {"From": sender, "Body": text, "NumMedia": "1", "MediaContentType0": media})
    assert read is not None
    assert (read.kind, read.text) == (kind, text)


def test_a_place_on_a_map_is_no_empty_text() -> None:
    read = read_message(FORM | {"Body": "", "Latitude": "59.4", "Longitude": "24.7"})
    assert read is not None
    assert read.kind is MessageKind.FILE


@given(st.text())
def test_words_stay_as_they_were_written(text: str) -> None:
    read = read_message(FORM | {"Body": text})
    assert read is not None
    assert read.text == text


@pytest.mark.parametrize(
    ("said", "means"), [("STOP", "stop"), ("START", "start"), ("HELP", "help"), ("", ""), ("X", "")]
)
def test_advanced_opt_out_is_heard_and_changes_no_text(said: str, means: str) -> None:
    form = FORM | {"Body": "Genug", "OptOutType": said}
    read = read_message(form)
    assert read is not None
    assert (opt_out(form), read.text) == (means, "Genug")
    assert opt_out(FORM) == ""


@pytest.mark.parametrize("sender", ["22395", "CLINIC", "My Bank", "messenger:1234567", "rcs:+15551234567"])
def test_what_is_no_phone_is_harmless(sender: str) -> None:
    assert read_message(FORM | {"From": sender}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"MessageSid": "SMxyz"},
        {"MessageSid": SID.upper()},
        {"MessageSid": SID + "\n"},
        {"MessageSid": "IM" + "0" * 32},
        {"From": ""},
        {"From": "+0123456"},
        {"From": "+1555123000x"},
        {"From": "+1555123000\n"},
        {"From": "+" + "1" * 20},
        {"From": "whatsapp:CLINIC"},
        {"From": "whatsapp:+"},
        {"From": "+١٢٣٤٥٦٧٨"},
        {"To": ""},
        {"To": "+15005550111ToCity"},
        {"NumMedia": "x"},
        {"NumMedia": "²"},
        {"NumMedia": "99999"},
    ],
)
def test_what_twilio_never_sends_is_bad_input(change: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        read_message(FORM | change)


@pytest.mark.parametrize("name", ["MessageSid", "From", "To", "Body"])
def test_nothing_needed_may_be_missing(name: str) -> None:
    with pytest.raises(BadInput):
        read_message({key: value for key, value in FORM.items() if key != name})


@given(st.dictionaries(st.sampled_from([*FORM, *CALLBACK, "ErrorCode", "NumMedia", "SmsSid"]), st.text(max_size=50)))
def test_no_form_is_trouble(form: dict[str, str]) -> None:
    for read in (read_message, lambda it: read_status(it, "twilio")):
        try:
            read(form)
        except BadInput as problem:
            # One line without anything of the form.
            assert not any(value in str(problem) for value in form.values() if len(value) > 3)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("accepted", SendState.ACCEPTED),
        ("scheduled", SendState.ACCEPTED),
        ("queued", SendState.ACCEPTED),
        ("sending", SendState.ACCEPTED),
        ("sent", SendState.SENT),
        ("delivered", SendState.DELIVERED),
        ("read", SendState.READ),
        ("undelivered", SendState.UNDELIVERED),
        ("failed", SendState.FAILED),
        ("canceled", SendState.FAILED),
    ],
)
def test_receipts(said: str, state: SendState) -> None:
    report = read_status(CALLBACK | {"MessageStatus": said}, "twilio")
    error = "canceled" if said == "canceled" else ""
    assert report == Report(provider="twilio", provider_id=SID, state=state, said=said, error=error)


@pytest.mark.parametrize("said", ["received", "receiving", "something-new"])
def test_a_status_that_tells_nothing_of_ours(said: str) -> None:
    assert read_status(CALLBACK | {"MessageStatus": said}, "twilio") is None


def test_why_it_did_not_arrive_is_our_own_word() -> None:
    report = read_status(CALLBACK | {"MessageStatus": "undelivered", "ErrorCode": "30005"}, "twilio")
    assert report is not None
    assert report.error == "unreachable"
    late = read_status(CALLBACK | {"MessageStatus": "failed", "ErrorCode": "63016"}, "twilio")
    assert late is not None
    assert late.error == "template"
    # A delivered message has no fault, whatever else is said of it.
    fine = read_status(CALLBACK | {"ErrorCode": "30005"}, "twilio")
    assert fine is not None
    assert fine.error == ""


@pytest.mark.parametrize("change", [{"MessageStatus": ""}, {"MessageSid": ""}, {"MessageSid": "x"}])
def test_a_receipt_without_a_message(change: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        read_status(CALLBACK | change, "twilio")


@pytest.mark.parametrize(
    ("codes", "word"),
    [
        ((21610,), "stopped"),
        ((63014,), "blocked"),
        ((21211, 21614, 21635, 30006), "invalid"),
        ((30003, 30005), "unreachable"),
        ((30004, 30007), "filtered"),
        ((30008, 30410), "temporary"),
        ((63016,), "template"),
        ((20429, 21611), "busy"),
        ((20003,), "account"),
        ((21408,), "region"),
        ((21612,), "route"),
        ((30034,), "sender"),
        ((21617,), "too-long"),
        ((0, -1, 99999999), "refused"),
    ],
)
def test_the_table_of_codes(codes: tuple[int, ...], word: str) -> None:
    assert {fault(code).word for code in codes} == {word}


def test_only_what_was_never_processed_is_worth_the_same_again() -> None:
    table = tomllib.loads((files("integrations") / "twilio_faults.toml").read_text("utf-8"))["faults"]
    assert {one["code"] for one in table if one.get("again")} == {20429, 21611}
    # A fault of ours or of our account is never laid at the door of somebody's number.
    blamed = {one["word"] for one in table if 20000 <= one["code"] < 21000}
    assert blamed == {"account", "busy"}


@pytest.mark.parametrize("code", ["x", "٣", "9" * 40, "-1", "30003 "])
def test_what_is_no_code_is_the_unknown_one(code: str) -> None:
    assert word_of(code) == "refused"


def test_a_code_twice_is_refused() -> None:
    row = '[[faults]]\ncode = 1\nword = "x"\ntitle = "x"\n'
    with pytest.raises(BadFile, match="twice"):
        loads(f'source = "s"\nother = "o"\n{row}{row}', Faults, "faults.toml")


def test_the_answer_says_nothing() -> None:
    assert SILENCE.endswith("<Response/>")


@pytest.mark.parametrize(
    ("whole", "body", "more"),
    [
        ("I cannot Breathe", "I cannot ", {"Breathe": ""}),
        ("chestBodzpain", "chest", {"Bodz": "pain"}),
        ("stopButtonText", "stop", {"ButtonText": ""}),
    ],
)
def test_a_text_whose_end_was_cut_off_into_a_parameter_is_read_whole(
    whole: str, body: str, more: dict[str, str]
) -> None:
    """The signature fits both, so both must mean the same: an emergency that was cut would be no emergency."""
    read = read_message(FORM | {"Body": body} | more)
    assert read is not None and read.text == whole


@pytest.mark.parametrize("text", ["my chest hurts", "STOP", ""])
def test_what_twilio_adds_to_a_form_is_no_part_of_the_text(text: str) -> None:
    """Parameters of WhatsApp, and one that nobody knows yet."""
    more = {"ExternalUserId": "EE.1502576394655843", "FrequentlyForwarded": "false", "CarrierTierName": "gold one"}
    read = read_message(FORM | {"Body": text} | more)
    assert read is not None and read.text == text


@pytest.mark.parametrize("user", ["EE.1502576394655843", "US.ENT.11815799212886844830", "GB.a1B2"])
def test_a_whatsapp_user_without_a_number(user: str) -> None:
    read = read_message(FORM | {"Body": "my chest hurts", "From": f"whatsapp:{user}", "ExternalUserId": user})
    assert read is not None
    assert (read.channel, read.address, read.text) == (ChannelKind.WHATSAPP, user, "my chest hurts")


@pytest.mark.parametrize("user", ["EE", "EE.", "ee.1", "E.1", "EE.1.2", "EE.x y", "EE." + "1" * 129])
def test_what_is_no_user_of_whatsapp_is_no_address(user: str) -> None:
    with pytest.raises(BadInput):
        read_message(FORM | {"From": f"whatsapp:{user}"})


def test_only_whatsapp_has_buttons() -> None:
    """Of an SMS it is a piece of the text, cut off: what the text says stays said."""
    read = read_message(FORM | {"Body": "chest pain, do not ", "ButtonPayload": "STOP"})
    assert read is not None and read.text == "chest pain, do not ButtonPayloadSTOP"
    pressed = read_message(FORM | {"Body": "Yes", "From": "whatsapp:+15551230000", "ButtonPayload": "ok"})
    assert pressed is not None and pressed.text == "ok"
