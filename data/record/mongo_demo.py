"""A database for the demo beside the one that a MongoDB URL names: emptied for each night, never the record itself."""

from contextlib import closing
from urllib.parse import parse_qsl, urlencode, urlsplit

from data.errors import BadFile
from data.record.mongo_errors import translated
from data.record.mongo_schema import INDEXES, connect

_ENDS = "_demo"
# Says in a database that a demo made it, and may empty it again.
_MARK = "demo"


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

    Raises `BadFile` for a database in which is what no demo put there, `Unavailable` when nobody answers.
    """
    database, keys = connect(url)
    where = f"MongoDB database {database.name!r}"
    with closing(database.client), translated(where):
        rows = (*(database[name] for name in INDEXES), database["meta"], keys["key"])
        ours = database["meta"].find_one({"_id": _MARK}) is not None
        if not ours and any(one.find_one({}, {"_id": 1}) is not None for one in rows):
            raise BadFile(f"{where}: holds what no demo put there; set PHMS_STORE to another database for the demo")
        # The mark first: whatever a crash leaves is a demo's.
        database["meta"].update_one({"_id": _MARK}, {"$set": {"of": "the demo"}}, upsert=True)
        for collection in rows:
            collection.delete_many({"_id": {"$ne": _MARK}})
