"""Everything that can go wrong with the store, sorted by what the caller does next.

    StoreError
    ├── StoreUnavailable    try again later: it comes back by itself
    │   ├── StoreContended  try again at once: another node was faster
    │   └── StoreRefused    try again later, but a person must put it right first
    ├── Superseded          let go: another node does this now
    ├── StoreInUse          stop: another daemon works on it
    ├── StoreCorrupt        stop: a person must restore it
    ├── SchemaOutdated      stop: run `bridge migrate`
    ├── SchemaTooNew        stop: a newer callbridge wrote it
    ├── MoveUnfinished      stop: go on with `bridge migrate --to`
    ├── NotEmpty            stop: name an empty database
    ├── VersionConflict     tell the person: somebody was faster
    ├── BadCursor           tell the caller: his cursor is none of ours
    └── UnreadableDocument  put the row aside: a document in it cannot be read

The first line of each docstring is the beginning of its message.
"""


# ruff: noqa: N818 # the names say what is the case; the tree above says that they are errors


class StoreError(Exception):
    """The store refused."""

    def __init__(self, detail: str = "") -> None:
        lead = (type(self).__doc__ or "").partition("\n")[0].rstrip(".")
        super().__init__(f"{lead}: {detail}" if detail else lead)


class StoreUnavailable(StoreError):
    """The store cannot be used now.

    The disk is full, has an I/O error, the database is locked or unreachable. Nothing was written; trying again later
    is right, and it works again by itself as soon as there is room.
    """


class StoreContended(StoreUnavailable):
    """Another node worked on the same rows.

    PostgreSQL has rolled this transaction back (a deadlock, or rows changed meanwhile); it can be tried again at once.
    """


class StoreRefused(StoreUnavailable):
    """The database does not let us in.

    A wrong password, no such database, or a missing right: set `store.url` and `store.password` right, or the server.
    """


class Superseded(StoreError):
    """Another node has taken this over.

    Nothing was written. Whatever this node still knows of it is out of date.
    """


class StoreInUse(StoreError):
    """Another bridge works on this store.

    Two daemons on one embedded store would both act on the same events. Stop the other one first.
    """


class StoreCorrupt(StoreError):
    """The store's file is damaged.

    Nothing is read from or written to it until a person has put a good copy in its place.
    """


class SchemaOutdated(StoreError):
    """The store was written by an older callbridge; run `bridge migrate`."""


class SchemaTooNew(StoreError):
    """The store was written by a newer callbridge; install that version, or restore the backup made before it."""


class MoveUnfinished(StoreError):
    """A move to this store is not finished; run the same `bridge migrate --to` again, it goes on where it stopped."""


class NotEmpty(StoreError):
    """A store is moved only to an empty one."""


class VersionConflict(StoreError):
    """The record was changed by somebody else in the meantime; read it again."""


class BadCursor(StoreError):
    """The cursor is not one that this list gave."""


class UnreadableDocument(StoreError):
    """A stored document cannot be read."""
