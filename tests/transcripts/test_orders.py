"""Every real call, shuffled and with repeats, leads to the same records (all of them: tests/faults/any_order.py)."""

from pathlib import Path

import pytest

from tests.transcripts.orders import disordered, facts_of, records_of
from tests.transcripts.test_transcripts import TRACES, name
from tests.transcripts.trace import read_trace

SOME = TRACES[3::12]


@pytest.mark.parametrize("folder", SOME, ids=name)
async def test_the_facts_of_real_calls_in_any_order_and_twice_lead_to_the_same_records(folder: Path):
    calls = facts_of(read_trace(folder))
    if not calls:
        pytest.skip("nothing is told of it")
    assert await records_of(disordered(calls, seed=1)) == await records_of(calls)
