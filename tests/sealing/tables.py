"""Tables of keys to test with: one in memory, and one that tells each call to a probe, which may crash there."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from threading import Lock
from typing import TypeVar

from data.ports import KeyStore
from data.sealing.wrapping import KeyRow, KeyTable
from integrations.file_keystore import FileKeyStore, fresh_line

T = TypeVar("T")
Probe = Callable[[str], None]


def fresh_root() -> KeyStore:
    return FileKeyStore.of_text(fresh_line()[1], "test")


class MemoryKeys:
    """The `KeyTable` in memory, safe for threads."""

    def __init__(self, rows: Iterable[KeyRow] = ()) -> None:
        self.rows = {(row.owner, row.generation): row for row in rows}
        self._lock = Lock()

    def keys_of(self, owner: str) -> tuple[KeyRow, ...]:
        with self._lock:
            return tuple(sorted((r for r in self.rows.values() if r.owner == owner), key=lambda r: r.generation))

    def keys(self) -> Iterator[KeyRow]:
        with self._lock:
            return iter(list(self.rows.values()))

    def put_key(self, row: KeyRow) -> bool:
        with self._lock:
            if (row.owner, row.generation) in self.rows or (row.owner, 0) in self.rows:
                return False
            self.rows[row.owner, row.generation] = row
            return True

    def replace_key(self, row: KeyRow) -> bool:
        with self._lock:
            if not row.generation or (row.owner, row.generation) not in self.rows:
                return False
            # As the stores do it: what a key is known by never changes.
            kept = self.rows[row.owner, row.generation]
            self.rows[row.owner, row.generation] = replace(kept, under=row.under, wrapped=row.wrapped)
            return True

    def shred(self, owner: str) -> int:
        with self._lock:
            gone = [key for key in self.rows if key[0] == owner and key[1] > 0]
            for key in gone:
                del self.rows[key]
            self.rows[owner, 0] = KeyRow(owner=owner, generation=0, under="", wrapped=b"", check=b"")
            return len(gone)

    def remove_key(self, owner: str, generation: int) -> None:
        with self._lock:
            self.rows.pop((owner, generation), None)


class Crash(BaseException):
    """The process died here. Not an Exception, so that nothing can swallow it."""


class ProbedKeys:
    """Another table, with `probe` called before each call and, for those that write, also after it."""

    def __init__(self, table: KeyTable, probe: Probe) -> None:
        self._table, self._probe = table, probe

    def keys_of(self, owner: str) -> tuple[KeyRow, ...]:
        self._probe("read")
        return self._table.keys_of(owner)

    def keys(self) -> Iterator[KeyRow]:
        self._probe("read")
        return self._table.keys()

    def put_key(self, row: KeyRow) -> bool:
        return self._writing(lambda: self._table.put_key(row))

    def replace_key(self, row: KeyRow) -> bool:
        return self._writing(lambda: self._table.replace_key(row))

    def shred(self, owner: str) -> int:
        return self._writing(lambda: self._table.shred(owner))

    def remove_key(self, owner: str, generation: int) -> None:
        self._writing(lambda: self._table.remove_key(owner, generation))

    def _writing(self, write: Callable[[], T]) -> T:
        self._probe("write")
        answer = write()
        self._probe("written")
        return answer
