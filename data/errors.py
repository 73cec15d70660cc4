"""Errors whose type says what to do about them."""


class PhmsError(Exception):
    """Any error of ours. Its text is one line for the person who can mend it, without patient data."""


class BadFile(PhmsError):  # noqa: N818 - the name says what to do, as the design asks
    """A file of content or settings is wrong: start refuses. Names file, line or key, and what is allowed."""


class BadInput(PhmsError):  # noqa: N818
    """Someone's input is wrong: answer kindly (4xx, exit code 2), nothing is lost."""


class NotFound(PhmsError):  # noqa: N818
    """There is no such thing, or it is not for this person: both answer alike."""


class Conflict(PhmsError):  # noqa: N818
    """Someone else wrote first: reload and try again."""


class Unavailable(PhmsError):  # noqa: N818
    """A store or provider does not answer: the outcome is unknown; try the same again later."""


class Forged(PhmsError):  # noqa: N818
    """Not shown to come from whom it claims: refuse (403), keep nothing, tell nothing but a count."""
