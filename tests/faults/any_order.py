"""Every transcript in an order of chance, every fact twice, through intake and lanes: the same final records."""

from pathlib import Path

import pytest

from tests.transcripts.orders import disordered, facts_of, records_of
from tests.transcripts.test_transcripts import TRACES, name
from tests.transcripts.trace import read_trace


@pytest.mark.parametrize("folder", TRACES, ids=name)
async def test_every_real_call_in_any_order_and_twice_leads_to_the_same_records(folder: Path):
    facts = facts_of(read_trace(folder))
    expected = await records_of(facts) if facts else None
    if facts:
        assert await records_of(disordered(facts, seed=2)) == expected
