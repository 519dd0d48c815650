"""What strangers send reaches either database; what no database can keep is our bug and no outage."""

import json

import pytest

from bridge.store.errors import StoreUnavailable
from bridge.store.journal import NewEntry, append, pending, put_in_quarantine, quarantined
from bridge.wire.generic import read_events
from bridge.wire.problems import Unreadable
from tests.store.builders import ANNA, NOON, entry

FACT = {"event_id": "e1", "type": "call.ended", "call_id": "c1", "occurred_at": "2026-11-22T10:15:30+00:00",
        "outcome": "missed", "client_number": "07700 900111"}  # fmt: skip
ODD = ("\0", "Anna\0Nowak", "\ud83d", "\udc00\ud800", "\ufffe\uffff", "😀", "\x1b[31m", "\u2028", "a" * 5000)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "key", ["event_id", "call_id", "client_number", "client_name", "queue", "utm", "outcome", "\0"]
)
async def test_whatever_stands_in_a_pushed_body_it_is_stored_as_an_event_or_in_the_quarantine(store, key, odd):
    body = json.dumps(FACT | {key: {"source": odd, odd: odd} if key == "utm" else odd}).encode()
    read = read_events(body, source="shop", received_at=NOON)
    async with store.writing() as conn:
        if isinstance(read, Unreadable):
            told = {"content_type": "application/json", "body": body, "problem": str(read)}
            await put_in_quarantine(conn, "shop", received_at=NOON, **told)
        else:
            assert await append(conn, [NewEntry(event=fact, lane=ANNA) for fact in read]) == 1
    async with store.reading() as conn:
        kept = [each.event for each in await pending(conn, 10)]
        assert kept == ([] if isinstance(read, Unreadable) else list(read))
        assert [each.body for each in (await quarantined(conn)).items] == (
            [body] if isinstance(read, Unreadable) else []
        )


async def stored(store, *entries):
    async with store.writing() as conn:
        await append(conn, entries)
        raise LookupError("this database takes it")


@pytest.mark.parametrize(
    "bad", [{"event_id": "\ud800"}, {"occurred_at": "yesterday"}, {"platform_call_id": "\udfff"}], ids=str
)
async def test_a_value_that_cannot_be_stored_is_no_outage_and_harms_nobody_else(store, bad):
    with pytest.raises(Exception) as raised:  # each driver has its own word for it
        await stored(store, entry(1), entry(2, **bad), entry(3))
    assert not isinstance(raised.value, StoreUnavailable)
    async with store.writing() as conn:
        assert await pending(conn, 10) == []
        assert await append(conn, [entry(1), entry(3)]) == 2
