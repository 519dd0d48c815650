"""Log in to an Asterisk once, look around and leave: for `bridge check --connect`."""

import asyncio
from datetime import tzinfo

from bridge.flow.clock import Clock
from bridge.flow.trial import Trial
from bridge.sources.ami_session import AmiSession, LineLost, LoginRefused, connect
from bridge.sources.ami_settings import AmiSettings
from bridge.sources.record_settings import CallRecordSettings
from bridge.store.call_records import RecordsUnavailable
from bridge.wire.asterisk import EVENTS


async def try_asterisk(settings: AmiSettings, clock: Clock, zone: tzinfo) -> Trial:
    """See whether the account may ask what the bridge has to ask, and the call records, if there are any, be read.

    `zone` is the company's time zone.
    """
    line = await _try_line(settings, clock)
    if settings.cdr is None:
        return line
    records = await _try_records(settings.cdr, zone)
    return Trial(good=line.good and records.good, detail=f"{line.detail}; call records: {records.detail}")


async def _try_records(settings: CallRecordSettings, zone: tzinfo) -> Trial:
    try:
        return Trial(good=True, detail=await settings.place(zone).look())
    except RecordsUnavailable as reason:
        return Trial(good=False, detail=str(reason))


async def _try_line(settings: AmiSettings, clock: Clock) -> Trial:
    try:
        session = AmiSession(await connect(settings), settings, clock, EVENTS, lambda _message, _now: None)
    except LineLost as reason:
        return Trial(good=False, detail=str(reason))
    try:
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(session.listen())
            trial = await _look_around(session, settings)
            listening.cancel()
            return trial
    finally:
        await session.close()


async def _look_around(session: AmiSession, settings: AmiSettings) -> Trial:
    try:
        await session.log_in()
        listed = await session.ask("CoreShowChannels", whole_list=True)
        if listed.event is None:
            return Trial(good=False, detail="logged in, but the account needs write = reporting in manager.conf")
        about = await session.ask("CoreSettings")
        narrowed = not settings.filter or await session.narrow()
    except (LineLost, LoginRefused) as reason:
        return Trial(good=False, detail=str(reason))
    version = about.get(b"AsteriskVersion") or session.banner
    traffic = "" if narrowed else "; the PBX will send every event (no write = system), see docs/how-to/asterisk.md"
    return Trial(good=True, detail=f"Asterisk {version}, {listed.get(b'ListItems')} channels live{traffic}")
