"""S1, S3-22: a blocked number touches nothing, under any spelling, in any channel, in either direction."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from bridge.model.call import Direction, Outcome, Talk
from bridge.model.events import ChatRequested, FormSubmitted
from bridge.model.phone import PhoneNumber
from bridge.store.blocked import block, unblock
from tests.flow.builders import ANNA, BELLA, acme, answered, missed, pbx_call, recorded, ringing, seen, talked
from tests.flow.hand_clock import NOON
from tests.stories.office import open_office

DIGITS = ANNA.removeprefix("+44")
SPELLINGS = [ANNA, f"0{DIGITS}", f"0044{DIGITS}", f"+44 (0){DIGITS[:4]} {DIGITS[4:]}", f"sip:{ANNA}@pbx.example"]


@pytest.fixture
async def shut_office(tmp_path):
    """Anna is blocked by the configuration."""
    async with open_office(tmp_path, acme(blocked=[ANNA], forms=True, chat_intake="auto")) as office:
        yield office


async def traces_of(office, digits: str = DIGITS) -> list[str]:
    """Every table and column in which the number is found."""
    found = []
    async with office.store.reading() as conn:
        tables = (await conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))).scalars().all()
        for table in tables:
            rows = (await conn.execute(text(f'SELECT * FROM "{table}"'))).mappings().all()  # noqa: S608  # our own name
            found += [f"{table}.{column}" for row in rows for column, value in row.items() if digits in str(value)]
    return found


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("direction", [Direction.INBOUND, Direction.OUTBOUND])
async def test_a_blocked_call_leaves_nothing_but_a_counter(shut_office, spelling, direction):
    office, told = shut_office, {"client_number": spelling, "direction": direction}
    await office.settle(ringing(**told), answered(**told), talked(**told), recorded(), missed("c2", **told))
    assert await office.everything() == dict.fromkeys(await office.everything(), ())
    assert await office.counters() == {"blocked": 2}
    assert office.tally.blocked == 2
    assert await traces_of(office) == []


async def test_a_blocked_live_call_is_not_shown_while_it_lasts(shut_office):
    with shut_office.bulletin.listening() as listener:
        await shut_office.hear(ringing())
        assert await shut_office.calls() == ()
        assert not listener._changes


async def test_a_number_that_becomes_known_in_the_middle_of_the_call_is_blocked_from_then_on(shut_office):
    await shut_office.hear(ringing(client_number=None))
    assert len(await shut_office.calls()) == 1
    with shut_office.bulletin.listening() as listener:
        await shut_office.settle(answered(), talked(client_number=None), recorded())
        assert [change.record for change in listener._changes] == [None]
    assert await shut_office.everything() == dict.fromkeys(await shut_office.everything(), ())
    assert await shut_office.counters() == {"blocked": 1}
    assert await traces_of(shut_office) == []


async def test_a_switchboards_snapshots_of_a_blocked_call_leave_nothing_either(shut_office):
    hidden = pbx_call(raw_number=None)
    known = pbx_call(revision=2, answered_at=NOON + 6, talked=(Talk(party="101", since=NOON + 6),))
    await shut_office.settle(seen(hidden), seen(known), seen(pbx_call(revision=3, raw_number=None, ended_at=NOON + 60)))
    assert await shut_office.everything() == dict.fromkeys(await shut_office.everything(), ())
    assert await shut_office.counters() == {"blocked": 1}
    assert await traces_of(shut_office) == []


async def test_forms_and_chats_of_a_blocked_number_are_only_counted(shut_office):
    fact = {"source": "site", "occurred_at": NOON, "received_at": NOON}
    form = FormSubmitted(event_id="f1", phone=SPELLINGS[1], name="Anna", **fact)
    chat = ChatRequested(event_id="m1", chat_id="m1", phone=SPELLINGS[2], sent_to_crm=True, **fact)
    await shut_office.settle(form, chat)
    assert await shut_office.everything() == dict.fromkeys(await shut_office.everything(), ())
    assert await shut_office.counters() == {"blocked": 2}
    assert await traces_of(shut_office) == []


async def test_other_clients_are_served(shut_office):
    await shut_office.settle(missed(client_number=BELLA))
    assert len(await shut_office.leads()) == 1


async def test_a_number_blocked_at_run_time_is_blocked_at_once_and_lifted_again(office):
    async with office.store.writing() as conn:
        await block(conn, PhoneNumber(ANNA), now=NOON)
    await office.settle(missed("c1"))
    assert await office.leads() == ()
    async with office.store.writing() as conn:
        await unblock(conn, PhoneNumber(ANNA))
    await office.settle(missed("c2", NOON + 60))
    assert len(await office.leads()) == 1


async def test_a_number_blocked_between_the_end_and_the_verdict_gets_none(office):
    await office.hear(missed())
    async with office.store.writing() as conn:
        await block(conn, PhoneNumber(ANNA), now=NOON)
    await office.pass_by(3)
    assert await office.leads() == ()
    assert await office.counters() == {"blocked": 1}


async def test_a_blocked_event_that_is_repeated_is_still_a_duplicate(shut_office):
    assert (await shut_office.hear(missed(), missed())).duplicates == 1
    assert await shut_office.counters() == {"blocked": 1}


OTHER_LEG = pbx_call("m", raw_number=None)
MISSED_LEG = replace(OTHER_LEG, ended_at=NOON + 2, outcome=Outcome.MISSED, revision=2)
BLOCKED_LEG = pbx_call("k", raw_number=ANNA, merged=(OTHER_LEG.key,), started_at=NOON + 1)
OVER = replace(BLOCKED_LEG, ended_at=NOON + 9, outcome=Outcome.MISSED, revision=2)


@pytest.mark.parametrize(
    "facts",
    [
        [seen(OTHER_LEG), seen(BLOCKED_LEG, NOON + 3), seen(OVER)],
        [seen(OTHER_LEG), seen(MISSED_LEG), seen(BLOCKED_LEG, NOON + 3), seen(OVER)],
        [seen(BLOCKED_LEG, NOON + 3), seen(OVER), seen(MISSED_LEG, NOON + 10)],
        [seen(OTHER_LEG), seen(replace(BLOCKED_LEG, merged=()), NOON + 3), seen(OVER)],
    ],
    ids=["it lives", "it has just ended", "it is told of later", "it is told of at the end"],
)
@pytest.mark.parametrize("size", [1, 400])
async def test_a_call_that_a_blocked_callers_call_takes_over_is_his(shut_office, facts, size):
    shut_office.lanes._size = size
    await shut_office.hear(*facts)
    await shut_office.pass_by(600)
    assert not any((await shut_office.everything()).values())
    assert await shut_office.counters() == {"blocked": 1}
