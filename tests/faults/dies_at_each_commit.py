"""Promises 1 and 2 at the one place where they are decided: a process that dies before or after each of its commits."""

from pathlib import Path

import pytest

from tests.stories.commits import COMPANY, DIED, SETTLED, lived
from tests.stories.office import open_office
from tests.stories.test_any_order import gist


async def made(folder: Path) -> dict:
    async with open_office(folder, COMPANY) as office:
        office.clock.advance(2 * SETTLED)
        await office.work()
        return gist(await office.everything()) | {"counters": await office.counters()}


@pytest.fixture
async def undisturbed(tmp_path):
    folder = tmp_path / "undisturbed"
    assert lived(folder) == 0
    return int((folder / "commits").read_text()), await made(folder)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_day_is_the_same_whichever_commit_was_the_last_of_a_life(tmp_path, undisturbed, when):
    commits, expected = undisturbed
    assert commits > 30
    for fatal in range(commits):
        folder = tmp_path / str(fatal)
        assert lived(folder, fatal, when) == DIED
        assert lived(folder) == 0  # its senders tell again whatever they did not hear acknowledged
        assert await made(folder) == expected, f"died {when} commit {fatal}"


async def test_a_bridge_that_dies_at_an_early_commit_of_each_life_gets_through_the_day(tmp_path, undisturbed):
    _, expected = undisturbed
    folder, lives = tmp_path / "dying", 0
    while lived(folder, 2 + lives % 11, "before" if lives % 2 else "after") == DIED and lives < 40:
        lives += 1
    assert lives > 10
    assert lived(folder) == 0
    assert await made(folder) == expected
