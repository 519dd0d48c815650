"""A transcript's facts through intake and lanes on a real store, in any order and as often as one likes."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random  # noqa: TID251 - seeded: the same orders in every run

from bridge.model.events import CallSeen
from tests.flow.builders import acme
from tests.flow.hand_clock import HandClock
from tests.stories.office import open_office
from tests.stories.test_any_order import gist
from tests.transcripts.trace import Trace, play

LATER = 7200.0
PIECE = 3


Calls = list[list[CallSeen]]


def facts_of(trace: Trace) -> Calls:
    """What the switchboard tells, all of it come at the same time, as after an outage.

    One list; but two calls of one client come one after the other, a list for each call: what the second one means
    depends, rightly, on what the first one was.
    """
    told = play(trace)
    come = max((fact.occurred_at for fact in told), default=trace.t0)
    facts = [replace(fact, received_at=come) for fact in told]
    if not _called_twice(facts):
        return [facts] if facts else []
    return [[fact for fact in facts if fact.call_key == key] for key in dict.fromkeys(f.call_key for f in facts)]


def disordered(calls: Calls, seed: int) -> Calls:
    """Every fact twice, in an order of chance."""
    chance = Random(seed)  # noqa: S311 - not a secret
    return [chance.sample(facts * 2, 2 * len(facts)) for facts in calls]


def _called_twice(facts: Sequence[CallSeen]) -> bool:
    """Some client has more than one call among them."""
    calls = {(fact.call.raw_number, fact.call_key) for fact in facts if fact.call.raw_number}
    return len(calls) > len({number for number, _ in calls})


async def records_of(calls: Calls) -> dict:
    """What is made of them; handled after every third, so that some are late for the batch of the others."""
    clock = HandClock(max(fact.received_at for facts in calls for fact in facts))
    with tempfile.TemporaryDirectory() as folder:
        async with open_office(Path(folder), acme(), clock) as office:
            for facts in calls:
                for start in range(0, len(facts), PIECE):
                    await office.store_facts(*facts[start : start + PIECE])
                    await office.work()
                await office.pass_by(office.company.policy.settle)
            await office.pass_by(LATER)
            return gist(await office.everything()) | {"counters": await office.counters()}
