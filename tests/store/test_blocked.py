from bridge.model.phone import PhoneNumber, lookup_keys
from bridge.store.blocked import block, blocked_among, blocked_numbers, blocking, unblock
from tests.store.builders import ANNA, BELLA, NOON

MEXICAN = PhoneNumber("+525512345678")
MEXICAN_AS_DIALLED_FROM_ABROAD = PhoneNumber("+5215512345678")


async def test_a_number_is_blocked_until_it_is_unblocked(store):
    anna = PhoneNumber(ANNA)
    async with store.writing() as conn:
        assert await block(conn, anna, now=NOON, reason="sells vacuum cleaners", added_by="jan")
        assert not await block(conn, anna, now=NOON + 1)
        (entry,) = await blocked_numbers(conn)
        assert (entry.number, entry.reason, entry.added_by, entry.added_at) == (
            ANNA,
            "sells vacuum cleaners",
            "jan",
            NOON,
        )
        assert await blocking(conn, anna) == entry
        assert await blocked_among(conn, [ANNA, BELLA]) == {ANNA}
        assert await unblock(conn, anna)
        assert not await unblock(conn, anna)
        assert await blocked_among(conn, [ANNA, BELLA]) == set()
        assert await blocking(conn, anna) is None


async def test_a_number_is_blocked_under_every_spelling_that_a_platform_may_use(store):
    assert len(lookup_keys(MEXICAN)) > 1
    async with store.writing() as conn:
        await block(conn, MEXICAN, now=NOON)
        for spelling in (MEXICAN, MEXICAN_AS_DIALLED_FROM_ABROAD):
            assert (await blocking(conn, spelling)).number == MEXICAN.e164
            assert await blocked_among(conn, lookup_keys(spelling)) == lookup_keys(spelling)


async def test_a_number_blocked_under_two_spellings_is_free_once_either_is_lifted(store):
    async with store.writing() as conn:
        await block(conn, MEXICAN, now=NOON)
        await block(conn, MEXICAN_AS_DIALLED_FROM_ABROAD, now=NOON)
        assert await unblock(conn, MEXICAN)
        assert await blocked_among(conn, lookup_keys(MEXICAN)) == set()
        assert await blocked_numbers(conn) == []
        assert await blocked_among(conn, []) == set()
