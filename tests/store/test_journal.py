from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from bridge.model.crm import record_id
from bridge.store import journal
from bridge.store.calls import add_aliases, save_calls
from bridge.store.journal import (
    EntryState,
    NewEntry,
    QuarantineState,
    append,
    append_new,
    entries,
    fail,
    finish,
    known_lane,
    pending,
    put_in_quarantine,
    quarantined,
    retry_failed,
    settle_quarantined,
)
from tests.store.builders import ANNA, BELLA, NOON, call_record, ended, entry, eventful_call, seen


async def test_an_event_comes_out_of_the_journal_as_it_went_in(store):
    fact = seen(eventful_call())
    async with store.writing() as conn:
        assert await append(conn, [NewEntry(event=fact, lane=ANNA)]) == 1
    async with store.reading() as conn:
        (kept,) = await pending(conn, 10)
    assert kept.event == fact
    assert (kept.source, kept.event_id, kept.type, kept.lane) == ("pbx", "pbx/1#7", "call.seen", ANNA)
    assert (kept.call_key, kept.occurred_at, kept.state) == ("pbx/1", NOON + 99.25, EntryState.PENDING)


async def test_the_same_event_twice_is_stored_once_and_the_first_wording_stays(store):
    async with store.writing() as conn:
        assert await append(conn, [entry(1), entry(2), entry(1)]) == 2
        assert await append(conn, [entry(1, client_name="Anna, told later")]) == 0
        assert [kept.event.client_name for kept in await pending(conn, 10)] == [None, None]


async def test_two_sources_may_use_the_same_event_id(store):
    async with store.writing() as conn:
        assert await append(conn, [entry(1), entry(1, source="other")]) == 2


async def test_each_sender_of_a_shared_commit_learns_which_of_his_events_were_new(store):
    async with store.writing() as conn:
        first = await append_new(conn, [entry(1), entry(2)])
        second = await append_new(conn, [entry(2), entry(3)])
        kept = {("shop", found.event_id): found.id for found in await pending(conn, 10)}
    assert set(first) == {("shop", "e1"), ("shop", "e2")}
    assert set(second) == {("shop", "e3")}
    assert first | second == kept


async def test_an_event_that_is_still_at_hand_is_not_read_again(store):
    async with store.writing() as conn:
        stored = await append_new(conn, [entry(1), entry(2)])
        at_hand = ended(1)
        first, second = await pending(conn, 10, fresh={stored["shop", "e1"]: at_hand})
    assert first.event is at_hand
    assert second.event == ended(2)


async def test_nothing_to_append_is_no_work(store):
    async with store.writing() as conn:
        assert await append(conn, []) == 0


async def test_thousands_of_events_arrive_at_once_in_their_order(store):
    async with store.writing() as conn:
        assert await append(conn, [entry(n) for n in range(5000)]) == 5000
        assert [kept.event_id for kept in await pending(conn, 5000)] == [f"e{n}" for n in range(5000)]


async def test_what_is_finished_is_not_pending_and_what_failed_says_why(store):
    async with store.writing() as conn:
        await append(conn, [entry(n) for n in range(1, 5)])
        one, two, three, _ = await pending(conn, 10)
        await finish(conn, [one.id, three.id], NOON + 9)
        await fail(conn, two.id, "KeyError: 'moon'", NOON + 9)
        assert [kept.event_id for kept in await pending(conn, 10)] == ["e4"]
        failed = await entries(conn, state=EntryState.FAILED)
    assert [(kept.event_id, kept.problem, kept.handled_at) for kept in failed.items] == [
        ("e2", "KeyError: 'moon'", NOON + 9)
    ]


async def test_a_failed_event_can_be_tried_again(store):
    async with store.writing() as conn:
        await append(conn, [entry(1), entry(2), entry(3)])
        for kept in await pending(conn, 10):
            await fail(conn, kept.id, "broken", NOON)
        first = (await entries(conn, state=EntryState.FAILED)).items[-1]
        assert await retry_failed(conn, [first.id]) == 1
        assert [kept.event_id for kept in await pending(conn, 10)] == ["e1"]
        assert await retry_failed(conn) == 2
        assert [kept.problem for kept in await pending(conn, 10)] == [None, None, None]


async def test_an_event_that_this_version_cannot_read_does_not_hide_the_others(store):
    async with store.writing() as conn:
        await append(conn, [entry(1), entry(2)])
        await conn.execute(text("UPDATE event SET body = '{\"is\":\"Eclipse\"}' WHERE event_id = 'e1'"))
        broken, fine = await pending(conn, 10)
    assert broken.event is None
    assert "Eclipse" in broken.problem
    assert fine.event == ended(2)


async def test_the_flight_recorder_is_read_newest_first_page_by_page(store):
    async with store.writing() as conn:
        await append(conn, [entry(n) for n in range(5)])
        first = await entries(conn, limit=2)
        second = await entries(conn, limit=2, cursor=first.next)
        third = await entries(conn, limit=2, cursor=second.next)
    assert [[kept.event_id for kept in page.items] for page in (first, second, third)] == [
        ["e4", "e3"],
        ["e2", "e1"],
        ["e0"],
    ]
    assert third.next is None


async def test_the_flight_recorder_can_be_asked_for_one_call_and_one_source(store):
    async with store.writing() as conn:
        await append(conn, [entry(1), entry(2), entry(3, source="other")])
        of_call = await entries(conn, call_keys=["shop/c1", "shop/c2"])
        of_source = await entries(conn, source="other")
    assert [kept.event_id for kept in of_call.items] == ["e2", "e1"]
    assert [kept.event_id for kept in of_source.items] == ["e3"]


async def test_a_step_without_a_number_finds_the_lane_of_its_call(store):
    async with store.writing() as conn:
        await append(conn, [entry(1, lane=ANNA), entry(2, lane="call:shop/c2"), entry(3, lane="call:shop/c3")])
        await append(conn, [entry(13, lane=BELLA, platform_call_id="c3")])
        await save_calls(conn, [call_record(4, lane=BELLA), call_record(5, lane="call:pbx/5")])
        await add_aliases(conn, {"pbx/6": record_id("call", "pbx/4")})
        lanes = await known_lane(conn, ["shop/c1", "shop/c2", "shop/c3", "pbx/4", "pbx/5", "pbx/6", "pbx/7"])
    assert lanes == {"shop/c1": ANNA, "shop/c3": BELLA, "pbx/4": BELLA, "pbx/6": BELLA}


async def test_a_call_keeps_the_lane_that_its_first_event_with_a_number_gave(store):
    async with store.writing() as conn:
        await append(conn, [entry(1, lane=ANNA), entry(2, lane=BELLA, platform_call_id="c1")])
        assert await known_lane(conn, ["shop/c1"]) == {"shop/c1": ANNA}
        assert await known_lane(conn, []) == {}


async def test_a_body_that_nobody_can_read_is_kept_as_it_came(store):
    body = bytes(range(256))
    async with store.writing() as conn:
        for n in range(3):
            await put_in_quarantine(
                conn, "shop", received_at=NOON + n, content_type="text/odd", body=body, problem="no JSON"
            )
        page = await quarantined(conn, limit=2)
        rest = await quarantined(conn, limit=2, cursor=page.next)
        assert await settle_quarantined(conn, [page.items[0].id], QuarantineState.REPLAYED) == 1
        waiting = await quarantined(conn)
        every = await quarantined(conn, state=None)
        one = await quarantined(conn, ids=[rest.items[0].id])
    assert [found.received_at for found in (*page.items, *rest.items)] == [NOON + 2, NOON + 1, NOON]
    assert (page.items[0].body, page.items[0].content_type, page.items[0].problem) == (body, "text/odd", "no JSON")
    assert (len(waiting.items), len(every.items), len(one.items)) == (2, 3, 1)


def test_every_kind_of_event_has_a_name_in_the_journal():
    assert {kind.__name__ for kind in journal.TYPES} == {
        "CallRinging",
        "CallAnswered",
        "CallTransferred",
        "CallEnded",
        "CallRecorded",
        "CallSeen",
        "FormSubmitted",
        "ChatRequested",
    }
    assert len(set(journal.TYPES.values())) == len(journal.TYPES)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.integers(0, 12), max_size=8), max_size=6))
async def test_however_events_repeat_each_is_stored_once(store, batches):
    async with store.writing() as conn:
        await conn.execute(text("DELETE FROM event"))
        stored = [await append(conn, [entry(n) for n in batch]) for batch in batches]
        kept = [found.event_id for found in await pending(conn, 100)]
    assert sum(stored) == len(kept) == len({n for batch in batches for n in batch})
