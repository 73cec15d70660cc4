"""From a file's text to the lines of each scene: comments, several scenes in a file, and `for each` tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from data.errors import BadInput

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|[“„][^”“]*[”“]|(?<![\w/])/(?:[^/\\\s]|\\.)(?:[^/\\]|\\.)*/(?=i?(?:[\s,]|$))')
_FOR_EACH = re.compile(r"^(\s*(?:[-*•]\s+)?)for\s+each\b\s*:?\s*(.*)$", re.IGNORECASE)
_SINGLE = re.compile(r"\{?(\w+)\}?\s+(?:in|of)\s*:?\s*(\S.*)$")
_SINGLE_COLON = re.compile(r"\{?(\w+)\}?\s*:\s*(\S.*)$")
_SCENE = re.compile(r"\s*scene\s*:", re.IGNORECASE)
_STEP = re.compile(
    r"\s*(?:\+\s*\d|\d{1,2}:\d\d\b|next day\b|nothing else\b|server\b|risk of\b|flag\s+\S+\s+for\b|provider\s)"
)
_RULE = re.compile(r"\s*-{3,}\s*")
_WORD = re.compile(r"[A-Za-z_]\w*")
MOST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Raw:
    """One line of the file and its number, counted from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """One `for each`: the words and a row of values for each run."""

    words: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class TableError(BadInput):
    """A `for each` table that cannot be read, with its line."""

    def __init__(self, number: int, what: str) -> None:
        """Remember the line."""
        super().__init__(what)
        self.number = number


def split_scenes(text: str) -> list[list[Raw]]:
    """The lines of every scene of a file; a scene begins at a line `Scene:`."""
    lines = [Raw(i, line.rstrip()) for i, line in enumerate(re.split(r"\r\n|\r|\n", text.lstrip("\ufeff")), 1)]
    starts = [i for i, line in enumerate(lines) if _SCENE.match(line.text)]
    if len(starts) < 2:
        return [lines]
    bounds = [0, *starts[1:], len(lines)]
    return [lines[a:b] for a, b in pairwise(bounds)]


def without_comment(text: str, *, speech: bool = False) -> str:
    """The line before its `#` comment. Quotes and regexes keep theirs.

    What is said (`speech`, the text after the colon) keeps "#427" and "#{code}", and a # that it begins with.
    """
    if "#" not in text:
        return text
    covered = [] if speech else [m.span() for m in _QUOTED.finditer(text)]
    for mark in re.finditer(r"(?:^|(?<=\s))#", text):
        at = mark.start()
        if any(a <= at < b for a, b in covered):
            continue
        if speech and (re.match(r"#[\d{]", text[at:]) or not text[:at].strip()):
            continue
        return text[:at].rstrip()
    return text


def for_each(lines: list[Raw]) -> Iterator[tuple[list[Raw], dict[str, str]]]:
    """The scene's lines once for each row of its tables, with {words} replaced. Raises `TableError`."""
    tables, rest = _take_tables(lines)
    if not tables:
        yield lines, {}
        return
    runs = 1
    for table in tables:
        runs *= len(table.rows)
    if runs > MOST_ROWS:
        raise TableError(lines[0].number, f"the tables ask for {runs} runs; at most {MOST_ROWS} are allowed")
    for rows in product(*(table.rows for table in tables)):
        chosen = {w: v for table, row in zip(tables, rows, strict=True) for w, v in zip(table.words, row, strict=True)}
        yield [Raw(line.number, replace_words(line.text, chosen)) for line in rest], chosen


def replace_words(text: str, chosen: dict[str, str]) -> str:
    """{words} replaced; a value in quotes loses them where it stands inside quotes or in speech already."""

    def put(place: re.Match[str]) -> str:
        value = chosen.get(place[1])
        if value is None:
            return place[0]
        bare = _bare(value)
        if bare == value:
            return value
        before = text[: place.start()]
        inside = before.count('"') % 2 == 1 or before.rstrip().endswith(("“", "/"))
        speech = not re.search(r"\b(?:hears|hear|because|with|presses)\b", before) and "'s " not in before
        return bare if inside or speech else value

    return re.sub(r"\{(\w+)\}", put, text)


def _take_tables(lines: list[Raw]) -> tuple[list[Table], list[Raw]]:
    tables, rest, i = [], [], 0
    while i < len(lines):
        head = _FOR_EACH.match(lines[i].text)
        if head is None:
            rest.append(lines[i])
            i += 1
            continue
        table, i = _table(lines, i, without_comment(head[2]).strip().rstrip(":").strip())
        tables.append(table)
    return tables, rest


def _table(lines: list[Raw], at: int, beside: str) -> tuple[Table, int]:
    number = lines[at].number
    single = _SINGLE.match(beside) or _SINGLE_COLON.match(beside)
    if single and "|" not in beside:
        values = tuple((_bare(cell),) for cell in re.findall(r'"[^"]*"|“[^”]*”|[^\s,][^,]*', single[2]))
        return Table((single[1],), values), at + 1
    rows: list[tuple[str, ...]] = [_cells(beside)] if beside else []
    if beside and len(rows[0]) == 1 and "|" not in beside:
        rows = [tuple(re.split(r"[\s,]+", beside))]
    base, inner, i = _indent(lines[at].text), None, at + 1
    piped = "|" in beside
    while i < len(lines):
        text = without_comment(lines[i].text)
        if not text.strip():
            if lines[i].text.strip() or not rows:
                i += 1
                continue
            break
        if inner is None:
            inner, piped = _indent(text), piped or "|" in text
        if _ends_table(text, rows, piped, indented=inner > base, here=_indent(text) > base):
            break
        cells = _cells(text) if piped or not rows or len(rows[0]) > 1 else (text.strip(),)
        if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            rows.append(cells)
            _check_width(rows, lines[i].number)
        i += 1
    return _checked(rows, number), i


def _ends_table(text: str, rows: list[tuple[str, ...]], piped: bool, *, indented: bool, here: bool) -> bool:
    """Whether a line is no row any more. Rows are indented more than `for each`, or have pipes, or look like rows."""
    if _RULE.fullmatch(text) or _FOR_EACH.match(text) or (piped and "|" not in text):
        return True
    if indented or piped:
        return indented and not here
    if _STEP.match(text) or (rows and any(f"{{{word.strip('{}')}}}" in text for word in rows[0])):
        return True
    return bool(rows) and len(rows[0]) > 1 and len(_cells(text)) != len(rows[0])


def _check_width(rows: list[tuple[str, ...]], number: int) -> None:
    if len(rows[-1]) != len(rows[0]):
        raise TableError(
            number,
            f"this row of `for each` has {len(rows[-1])} columns, the first has {len(rows[0])} "
            f"({', '.join(rows[0])}); part columns by | or by two or more spaces",
        )


def _checked(rows: list[tuple[str, ...]], number: int) -> Table:
    if len(rows) < 2:
        raise TableError(number, "`for each` needs a first row of words and at least one row of values")
    words = tuple(word.strip("{}") for word in rows[0])
    for word in words:
        if not _WORD.fullmatch(word):
            raise TableError(number, f"{word!r} is not a word that {{...}} can name; use letters, digits and _")
    if len(set(words)) != len(words):
        raise TableError(number, "a word stands twice in the first row of `for each`")
    return Table(words, tuple(rows[1:]))


def _cells(text: str) -> tuple[str, ...]:
    flat = re.sub(r"^\s*[-*•]\s+", "", text).strip()
    if "|" in flat:
        return tuple(cell.strip() for cell in flat.removeprefix("|").removesuffix("|").split("|"))
    return tuple(cell for cell in re.split(r"\s*\t\s*|\s{2,}", flat) if cell)


def _bare(cell: str) -> str:
    cell = cell.strip()
    if len(cell) > 1 and (cell[0], cell[-1]) in (('"', '"'), ("“", "”"), ("'", "'")) and cell[0] not in cell[1:-1]:
        return cell[1:-1]
    return cell


def _indent(text: str) -> int:
    expanded = text.expandtabs(8)
    return len(expanded) - len(expanded.lstrip())
