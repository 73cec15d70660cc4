"""The place a row's body is sealed for: the row and its revision, so that an earlier body put back does not open."""


def at_revision(row: str, revision: int) -> str:
    """The row part of a place (see `data.sealing.sealing.Sealing.seal`) for a row that says of which revision it is.

    The same for every store: rows are moved between them still sealed.
    """
    return f"{row}@{revision}"
