"""What the demo is played on when the record is kept in MongoDB: a database of its own beside the record's."""

from bot.scene.keeping import Houses
from data.ports import KeyStore
from data.record.mongo import MongoRecord
from data.record.mongo_demo import demo_url, empty


class InMongo(Houses):
    """Houses over one demo's database: every reload opens it anew, as a restarted server does."""

    def __init__(self, url: str, keys: KeyStore) -> None:
        """Keep the record beside the database that `url` names; what an earlier performance left there goes.

        Raises `BadFile` for what is no URL of MongoDB, `Unavailable` when nobody answers.
        """
        self.url, self.keys = demo_url(url), keys
        empty(self.url)

    def empty(self) -> MongoRecord:
        """The database, with nothing written."""
        return MongoRecord(self.url, self.keys)

    def reload(self, record: MongoRecord) -> MongoRecord:
        """The record as it comes back from the server."""
        record.close()
        return MongoRecord(self.url, self.keys)
