"""What is counted, for /metrics in Prometheus' text form: doors, kinds and outcomes, never a person or their words."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from data.model.communication import Communication
from data.ports import Outcome

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self._received = Counter("phms_received", "Messages taken in", ["door", "new"], registry=r)
        self._refused = Counter("phms_refused", "Requests refused, nothing kept", ["door", "why"], registry=r)
        self._spooled = Counter("phms_spooled", "Messages kept in the spool, for the record did not answer", registry=r)
        self._receipts = Counter("phms_receipts", "What providers said of our messages", ["state"], registry=r)
        self._sent = Counter("phms_sent", "Messages handed over, by outcome", ["provider", "outcome"], registry=r)
        self._answered = Histogram(
            "phms_door_seconds", "From a request to its answer", ["door"], buckets=_SECONDS, registry=r
        )
        self._waited = Histogram(
            "phms_send_wait_seconds",
            "From the event to the provider's answer",
            ["priority"],
            buckets=(*_SECONDS, 30.0, 60.0, 300.0),
            registry=r,
        )
        self.up_since = Gauge("phms_start_seconds", "When this process began, seconds since 1970", registry=r)
        self.ready = Gauge("phms_ready", "1 while /readyz says so", registry=r)
        self.spool = Gauge("phms_spool_files", "Messages that wait in the spool", registry=r)
        self.unanswered = Gauge("phms_handler_errors", "Requests that ended in an error of ours", registry=r)

    def received(self, door: str, *, new: bool) -> None:
        """A message came in; an old one was sent again by its provider."""
        self._received.labels(door, "yes" if new else "no").inc()

    def refused(self, door: str, why: str) -> None:
        """A request was turned away."""
        self._refused.labels(door, why).inc()

    def spooled(self) -> None:
        """A message is in the spool."""
        self._spooled.inc()

    def receipt(self, state: str) -> None:
        """A provider told of one of our messages."""
        self._receipts.labels(state).inc()

    def sent(self, row: Communication, outcome: Outcome, now: datetime) -> None:
        """A message was handed over, or was not."""
        self._sent.labels(outcome.provider or "none", outcome.state.value).inc()
        if outcome.provider_id:
            since = max(row.created_at, row.not_before or row.created_at)
            self._waited.labels(row.priority.value).observe(max((now - since).total_seconds(), 0.0))

    def answered(self, door: str, seconds: float) -> None:
        """A request was answered."""
        self._answered.labels(door).observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
