from dataclasses import replace
from datetime import UTC, datetime, timedelta

from data.model.communication import Category, Communication, SendState
from data.model.people import ChannelKind, ContactPoint
from integrations.simulator_channel import Delivery, Receipt, SimulatedProvider

AT = datetime(2026, 3, 3, tzinfo=UTC)
TO = ContactPoint(system=ChannelKind.SMS, value="+1")
ROW = Communication(
    id="p/c/1", subject="p", recipient="p", category=Category.REPLY, channel=ChannelKind.SMS, text_key="k", text="hi",
    language="en", created_at=AT,
)  # fmt: skip


def sent(**faults):
    provider = SimulatedProvider("A", ChannelKind.SMS, **faults)
    outcome = provider.send(TO, ROW, AT)
    return provider, outcome


def test_a_message_arrives_at_once_and_its_receipt_two_seconds_later():
    provider, outcome = sent()
    assert (outcome.state, outcome.provider_id) == (SendState.ACCEPTED, "A-1")
    assert provider.take_due(AT) == [Delivery(AT, TO, ROW, "A")]
    assert provider.next_at() == AT + timedelta(seconds=2)
    assert provider.take_due(AT + timedelta(seconds=1)) == []
    (receipt,) = provider.take_due(AT + timedelta(seconds=2))
    assert isinstance(receipt, Receipt)
    assert (receipt.state, receipt.communication_id) == (SendState.DELIVERED, "p/c/1")
    assert provider.next_at() is None


def test_down_is_known_not_sent():
    provider, outcome = sent(down=True)
    assert outcome.state is SendState.QUEUED
    assert outcome.error
    assert outcome.retry_at is None
    assert (provider.accepted, provider.next_at()) == ([], None)


def test_undelivered_is_taken_and_reported_and_never_rings():
    provider, outcome = sent(undelivered=True)
    assert outcome.state is SendState.ACCEPTED
    (only,) = provider.take_due(AT + timedelta(hours=1))
    assert only.state is SendState.UNDELIVERED


def test_late_and_lost_receipts_and_healing():
    provider, _ = sent(late=timedelta(minutes=2), loses_receipts=True)
    assert provider.take_due(AT + timedelta(minutes=1)) == []
    provider.shift(timedelta(hours=1))
    assert provider.next_at() == AT + timedelta(hours=1, minutes=2)
    assert len(provider.take_due(provider.next_at())) == 1
    provider.heal()
    provider.send(TO, replace(ROW, id="p/c/2"), AT)
    assert len(provider.take_due(AT + timedelta(seconds=2))) == 2
    assert [a.provider_id for a in provider.accepted] == ["A-1", "A-2"]
