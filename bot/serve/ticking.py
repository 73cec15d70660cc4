"""The clock: APScheduler calls tick and upkeep once a second; what is due is a row in the record, never a job."""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Event
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler

from bot.house import House
from bot.linking import lapse
from bot.serve.readiness import Readiness
from bot.serve.working import fire_due
from bot.settings import Settings
from bot.upkeep import Upkeep
from data.errors import PhmsError

log = logging.getLogger("phms.clock")

# Old vitals are thinned out, and addresses that fell silent doubted, when hardly anybody writes.
_NIGHTLY = 3


class Ticking:
    """Two jobs in memory, neither of which overlaps itself or, when late, runs several times.

    Apart, for a ladder's next step does not wait until a night's vitals are thinned out.
    """

    def __init__(
        self, house: House, settings: Settings, readiness: Readiness, stopping: Event, done: Callable[[], None]
    ) -> None:
        self._house, self._settings, self._readiness = house, settings, readiness
        self._stopping, self._done = stopping, done
        self._anchors = Upkeep(house.record, settings.anchors_path)
        self._tended_on: object = None
        # While the record does not answer a tick lasts long, and each that is left out would be told.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(timezone="UTC")
        for job in (self.tick, self.upkeep):
            self._scheduler.add_job(job, "interval", seconds=1, coalesce=True, max_instances=1, misfire_grace_time=None)

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()

    def stop(self) -> None:
        """Let a tick that runs come to its end, and tick no more."""
        self._scheduler.shutdown(wait=True)

    def tick(self) -> None:
        """What is due. Never raises."""
        self._tried("timers", lambda: fire_due(self._house, self._stopping, self._done))
        self._readiness.ticked()

    def upkeep(self) -> None:
        """Anchors, and once a night what can wait until then. Never raises."""
        now = self._house.now()
        self._tried("anchors", lambda: self._anchors.tick(now))
        self._nightly(now)

    def _nightly(self, now: datetime) -> None:
        here = now.astimezone(ZoneInfo(self._settings.zone))
        if here.hour != _NIGHTLY or self._tended_on == here.date():
            return
        self._tended_on = here.date()
        full, keep = self._settings.vitals_full, self._settings.vitals_keep
        self._tried("old vitals", lambda: self._house.record.tend(now, full, keep))
        self._tried("silent addresses", lambda: lapse(self._house))

    def _tried(self, what: str, step: Callable[[], object]) -> None:
        try:
            step()
        except PhmsError as problem:
            # Its text may name an event, and an event a patient and what ails them.
            log.warning("%s could not be seen to: %s", what, type(problem).__name__)
        except Exception as problem:
            log.error("%s could not be seen to: %s", what, type(problem).__name__)
