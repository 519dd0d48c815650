from dataclasses import replace

from sqlalchemy import text

from bridge.model.call import MissedReason, Outcome
from bridge.model.crm import Client, record_id
from bridge.store.calls import (
    add_aliases,
    call_by_id,
    calls_by_key,
    calls_of_unknown_party,
    due_calls,
    due_lanes,
    keys_of,
    live_calls,
    next_due,
    save_calls,
    short_abandons,
    stale_calls,
    unknown_parties,
)
from tests.store.builders import ANNA, BELLA, NOON, SALES, call, call_record, contact, ended, eventful_call, lead


def full_record():
    """A call record in which every field says something."""
    return call_record(
        body=eventful_call(),
        client_number=ANNA,
        line_number=SALES,
        outcome=Outcome.ANSWERED,
        missed_reason=MissedReason.OUT_OF_HOURS,
        answered_by="jan",
        last_talker="eve",
        listed=False,
        unknown_party="109",
        lead_id="lead1",
        contact_id="contact1",
        deal_id="deal1",
        branch="warsaw",
        scenario="S6",
        judge_at=NOON + 102,
        pickup_judged=True,
        judged_at=NOON + 103,
        matrix="m1",
        client_before=Client(lane=ANNA, contacts=(contact(),), leads=(lead(),)),
        steps=(ended(1), ended(2)),
        version=3,
    )


async def test_a_call_comes_back_as_it_was_saved(store):
    async with store.writing() as conn:
        await save_calls(conn, [full_record()])
        assert await call_by_id(conn, full_record().id) == full_record()
        assert await calls_by_key(conn, ["pbx/1"]) == {"pbx/1": full_record()}


async def test_the_columns_that_people_query_agree_with_the_call(store):
    async with store.writing() as conn:
        await save_calls(conn, [full_record()])
        (row,) = (await conn.execute(text("SELECT * FROM call"))).mappings().all()
    body = eventful_call()
    told = ("key", "source", "platform_call_id", "direction", "raw_number", "client_name", "raw_line", "queue")
    assert {name: row[name] for name in told} == {name: getattr(body, name) for name in told}
    assert (row["started_at"], row["answered_at"], row["ended_at"]) == (NOON + 1, NOON + 7, NOON + 99.25)
    assert (row["recording_url"], row["voicemail_url"]) == ("https://pbx.example/monitor/1.wav", None)
    assert (row["revision"], row["incomplete"], row["outcome"]) == (7, 0, "answered")


async def test_a_call_saved_again_is_replaced(store):
    async with store.writing() as conn:
        await save_calls(conn, [full_record()])
        later = call_record(1, body=call(1, revision=9))
        await save_calls(conn, [later])
        assert await calls_by_key(conn, ["pbx/1", "pbx/2"]) == {"pbx/1": later}
        await save_calls(conn, [])


async def test_a_call_is_found_by_the_keys_that_turned_out_to_be_it(store):
    record = call_record(1)
    async with store.writing() as conn:
        await save_calls(conn, [record])
        await add_aliases(conn, {"pbx/8": record.id, "pbx/9": record.id})
        await add_aliases(conn, {"pbx/9": record.id})
        assert await calls_by_key(conn, ["pbx/9", "pbx/1", "pbx/7"]) == {"pbx/1": record, "pbx/9": record}
        assert sorted(await keys_of(conn, record.id)) == ["pbx/8", "pbx/9"]
        assert await calls_by_key(conn, []) == {}
        assert await call_by_id(conn, "nobody") is None


async def test_hundreds_of_calls_are_found_at_once(store):
    records = {f"pbx/{n}": call_record(n) for n in range(2500)}
    async with store.writing() as conn:
        await save_calls(conn, records.values())
        assert await calls_by_key(conn, list(records)) == records


async def test_calls_are_due_when_they_have_settled_the_longest_due_first(store):
    async with store.writing() as conn:
        assert await next_due(conn) is None
        await save_calls(conn, [call_record(n, judge_at=NOON + 10 - n) for n in range(4)] + [call_record(9)])
        assert await next_due(conn) == NOON + 7
        assert [due.key for due in await due_calls(conn, NOON + 9, 2)] == ["pbx/3", "pbx/2"]
        assert [due.key for due in await due_calls(conn, NOON + 9, 9)] == ["pbx/3", "pbx/2", "pbx/1"]
        await save_calls(conn, [call_record(3, judged_at=NOON + 9)])
        assert await next_due(conn) == NOON + 8


async def test_of_calls_that_are_due_at_one_moment_the_one_that_ended_first_comes_first(
    store,
):
    at_once = [call_record(n, body=call(n, ended_at=NOON - n), judge_at=NOON) for n in range(1, 5)]
    async with store.writing() as conn:
        await save_calls(conn, at_once)
        for many in (1, 3, 9):
            expected = ["pbx/4", "pbx/3", "pbx/2", "pbx/1"][:many]
            assert [due.key for due in await due_calls(conn, NOON, many)] == expected
            assert [due.key for due in await due_lanes(conn, NOON, many)] == expected


async def test_the_live_calls_of_a_source_are_those_that_have_not_ended(store):
    over = call_record(2, body=call(2, ended_at=NOON + 5))
    elsewhere = call_record(3, body=call(3, key="abc/3", source="abc"))
    async with store.writing() as conn:
        await save_calls(conn, [call_record(4), call_record(1), over, elsewhere])
        assert [live.key for live in await live_calls(conn, "pbx")] == ["pbx/1", "pbx/4"]


async def test_the_calls_of_an_extension_that_nobody_owned_are_found_when_it_is_mapped(store):
    async with store.writing() as conn:
        await save_calls(conn, [call_record(n, unknown_party="109") for n in (2, 1)])
        await save_calls(conn, [call_record(3, unknown_party="110"), call_record(4)])
        assert [found.key for found in await calls_of_unknown_party(conn, "109", 9)] == ["pbx/1", "pbx/2"]
        assert [found.key for found in await calls_of_unknown_party(conn, "109", 1)] == ["pbx/1"]


async def test_everybody_whom_no_settings_named_is_listed_once(store):
    async with store.writing() as conn:
        await save_calls(conn, [call_record(n, unknown_party=party) for n, party in enumerate(["109", None, "109"])])
        assert await unknown_parties(conn) == ["109"]


async def test_calls_of_whose_end_nobody_told_grow_stale(store):
    over = call_record(1, body=call(1, ended_at=NOON + 5))
    async with store.writing() as conn:
        await save_calls(conn, [over, *[call_record(n) for n in (4, 3, 2)]])
        assert [stale.key for stale in await stale_calls(conn, NOON + 4, 9)] == ["pbx/2", "pbx/3"]
        assert [stale.key for stale in await stale_calls(conn, NOON + 9, 1)] == ["pbx/2"]


async def test_who_gave_up_early_within_the_hour_is_known(store):
    early = call_record(1, lane=ANNA, missed_reason=MissedReason.SHORT_ABANDON)
    other = call_record(2, lane=BELLA, missed_reason=MissedReason.NO_ANSWER)
    async with store.writing() as conn:
        await save_calls(conn, [early, other])
        assert await short_abandons(conn, [ANNA, BELLA], NOON) == {ANNA: {early.key: early.body.started_at}}
        assert await short_abandons(conn, [ANNA, BELLA], NOON + 2) == {}
        assert await short_abandons(conn, [], NOON) == {}


def test_the_id_of_a_call_derives_from_its_key():
    record = call_record(1)
    assert record.id == record_id("call", record.key)
    assert (record.source, record.recording_url) == ("pbx", None)
    assert replace(record, body=eventful_call()).recording_url == "https://pbx.example/monitor/1.wav"
