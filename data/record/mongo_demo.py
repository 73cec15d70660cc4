"""A database for the demo beside the one that a MongoDB URL names: emptied for each night, never the record itself."""

from contextlib import closing
from urllib.parse import parse_qsl, urlencode, urlsplit

from data.errors import BadFile
from data.record.mongo_errors import translated
from data.record.mongo_schema import INDEXES, connect

_ENDS = "_demo"


def demo_url(url: str) -> str:
    """The same server and login with "_demo" behind the database's name. Raises `BadFile` for what is no URL."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
    except ValueError:
        raise BadFile("the URL of the MongoDB record cannot be read; write mongodb://host:27017/database") from None
    name = parts.path.strip("/")
    if parts.username and "authSource" not in options:
        # Who logs in does so where they did before.
        options["authSource"] = name or "admin"
    return parts._replace(path=f"/{name or 'phms'}{_ENDS}", query=urlencode(options)).geturl()


def empty(url: str) -> None:
    """Take everything out of a demo's database and of that of its keys; its indexes stay.

    Raises `ValueError` for any other database, `Unavailable` when nobody answers.
    """
    database, keys = connect(url)
    with closing(database.client):
        if not database.name.endswith(_ENDS):
            raise ValueError("only a demo's database may be emptied")
        with translated(f"MongoDB database {database.name!r}"):
            for collection in (*(database[name] for name in (*INDEXES, "meta")), keys["key"]):
                collection.delete_many({})
