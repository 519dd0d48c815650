from bridge.store.listening import begin_listening, gap_repaired, has_listened


async def begin(store, now, source="pbx"):
    async with store.writing() as conn:
        return await begin_listening(conn, source, now)


async def listened(store, until, source="pbx"):
    async with store.writing() as conn:
        await has_listened(conn, source, until)


async def repaired(store, since, source="pbx"):
    async with store.writing() as conn:
        await gap_repaired(conn, source, since)


async def test_a_first_start_has_no_gap(store):
    assert await begin(store, 100.0) is None


async def test_a_gap_begins_where_the_line_was_heard_last_and_a_late_word_changes_nothing(store):
    await begin(store, 100.0)
    await listened(store, 200.0)
    await listened(store, 150.0)
    assert await begin(store, 500.0) == 200.0


async def test_a_gap_that_was_not_repaired_stays_whoever_holds_the_line_next(store):
    await begin(store, 100.0)
    assert await begin(store, 500.0) == 100.0
    await listened(store, 600.0)
    assert await begin(store, 900.0) == 100.0
    await repaired(store, 100.0)
    assert await begin(store, 1000.0) == 900.0


async def test_who_repaired_an_earlier_gap_does_not_end_a_later_one(store):
    await begin(store, 100.0)
    await begin(store, 500.0)
    await repaired(store, 400.0)
    assert await begin(store, 900.0) == 100.0


async def test_each_line_has_its_own(store):
    await begin(store, 100.0)
    assert await begin(store, 500.0, "other") is None
    await listened(store, 999.0, "other")
    assert await begin(store, 900.0) == 100.0
