"""The lines that the daemon holds, over a reload."""

import asyncio

from bridge.app.lines import Lines
from bridge.sources.ami_settings import AmiSettings

PBX = AmiSettings.model_validate({"id": "pbx", "username": "bridge", "secret": "s3cret", "trunks": ["trunk"]})


class Turn:
    """Another node has the line until `comes` is called."""

    async def during(self, _name, work):
        self.comes = work


async def test_a_line_that_is_taken_later_reads_in_the_zone_that_counts_by_then(office, monkeypatch):
    zones = []

    class Line:
        def __init__(self, *_parts, zone, **_more):
            zones.append(zone.key)

        def resume(self, calls):
            assert calls == []

        async def run(self):
            pass

    monkeypatch.setattr("bridge.app.lines.AmiLine", Line)
    turn = Turn()
    async with asyncio.TaskGroup() as tasks:
        lines = Lines(
            office.store,
            office.clock,
            intake=office.intake,
            holds=turn,
            begin=lambda _name, work: tasks.create_task(work()),
        )
        await lines.use([PBX], "UTC")
        await asyncio.sleep(0)
        await lines.use([PBX], "Europe/Berlin")
        await turn.comes(None)
    assert zones == ["Europe/Berlin"]
