"""What only one of several nodes may do: hold the line to a PBX, do the chores.

Who may is settled by an advisory lock of PostgreSQL, which one session of each node tries to get and which ends with
that session (`store.guard`). Who got it counts the takeovers up (`take_over`); and whatever a holder writes is written
only if nobody has taken over since (`require_hold`), in the same transaction. So even a node that was stopped for a
while and does not know yet that it is no holder any more writes nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Text, bindparam, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.moment import Instant
from bridge.store.claims import is_shared
from bridge.store.errors import Superseded
from bridge.store.ready import rows_of
from bridge.store.schema import hold
from bridge.store.statements import insert_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The right to do this, until a higher epoch is taken."""

    name: str
    epoch: int


async def take_over(conn: AsyncConnection, name: str, node: str, now: Instant) -> Hold:
    """Be the one who does this from now on; the caller has the lock. A node that had it last goes on where it was.

    Waits for the former holder's transactions that are under way.
    """
    taken = insert_for(conn, hold).values(name=name, epoch=1, node=node, since=now)
    ours = hold.c.node == taken.excluded.node
    statement = taken.on_conflict_do_update(
        index_elements=["name"],
        set_={
            "epoch": case((ours, hold.c.epoch), else_=hold.c.epoch + 1),
            "since": case((ours, hold.c.since), else_=taken.excluded.since),
            "node": taken.excluded.node,
        },
    ).returning(hold.c.epoch)
    return Hold(name=name, epoch=(await conn.execute(statement)).scalar_one())


_HELD = select(hold.c.epoch, hold.c.node).where(hold.c.name == bindparam("name")).with_for_update(read=True)


async def require_hold(conn: AsyncConnection, held: Hold) -> None:
    """See that nobody has taken this over, and that nobody does until this transaction has ended.

    Raises:
        Superseded: somebody has.

    """
    found = await rows_of(conn, _HELD, name=held.name)
    if not found or found[0][0] != held.epoch:
        raise Superseded(f"{held.name!r} is {found[0][1] if found else 'nobody'}'s")


class News(StrEnum):
    """What nodes tell each other. FACTS: there is work in the journal. RECORDS: something was handled."""

    FACTS = "callbridge_facts"
    RECORDS = "callbridge_records"


_TELL = select(func.pg_notify(bindparam("news", type_=Text), bindparam("node", type_=Text)))


async def tell_nodes(conn: AsyncConnection, news: News, node: str) -> None:
    """Tell the other nodes, as soon as this transaction is committed; nobody is told on an embedded store."""
    if is_shared(conn):
        await rows_of(conn, _TELL, news=news.value, node=node)
