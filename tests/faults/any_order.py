"""Every transcript in an order of chance, every fact twice, through intake and lanes: the same final records."""

from pathlib import Path

import pytest

from tests.transcripts.orders import disordered, facts_of, records_of
from tests.transcripts.test_transcripts import TRACES, name
from tests.transcripts.trace import read_trace

SEED = 2


@pytest.mark.parametrize("folder", TRACES, ids=name)
async def test_every_real_call_in_any_order_and_twice_leads_to_the_same_records(folder: Path):
    calls = facts_of(read_trace(folder))
    if calls:  # an internal call that nobody took tells nothing
        assert await records_of(disordered(calls, SEED)) == await records_of(calls)
