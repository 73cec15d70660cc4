"""A small house for tests: the crash tests' clinic, in memory, with providers one can look into."""

from itertools import count

from bot.house import House
from data.clock import SimulatedClock
from data.model.people import ChannelKind
from data.record.memory import MemoryRecord
from integrations.simulator_channel import SimulatedProvider
from tests.acceptance.crashing import KIT, PARSER, START, people

_COUNT = count(1)


def house(parser=PARSER, members=None):
    """A house in memory with everyone enrolled."""
    carriers = (SimulatedProvider("A", ChannelKind.SMS), SimulatedProvider("telegram", ChannelKind.TELEGRAM))
    built = House(MemoryRecord(), SimulatedClock(START), carriers, KIT, parser)
    for person in people() if members is None else members:
        built.enrol(person, event_id=f"enrol:{person.id}")
    return built


def heard(built, person_id):
    """Texts that the providers took for one person, in order."""
    return [a.communication.text for c in built.carriers for a in c.accepted if a.communication.recipient == person_id]


def says(built, text, address="+15550001", kind=ChannelKind.SMS):
    """One message in, everything due done."""
    built.hear(kind, address, text, f"M{next(_COUNT)}")
    built.settle()
