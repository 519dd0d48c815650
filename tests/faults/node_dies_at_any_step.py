"""The long form of tests/stories/test_crashes_on_postgresql.py: each instruction and each commit is once the last."""

from tests.stories.test_crashes_on_postgresql import crash, full, outcome

__all__ = ["full"]


async def test_a_crash_between_any_two_steps_of_a_batch_changes_nothing(full, tmp_path):
    undisturbed = await outcome(full(), tmp_path)
    crashes = 0
    while await crash(url := full(), tmp_path, before=crashes):
        assert await outcome(url, tmp_path) == undisturbed, f"crashed before step {crashes}"
        crashes += 1
    assert crashes > 20, "a batch takes more steps than that"
