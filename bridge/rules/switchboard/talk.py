"""Who talks with the client: the persons whom his channel reaches, through bridges and local pairs."""

from collections.abc import Iterable
from urllib.parse import unquote

from bridge.model.call import Direction, HungUpBy
from bridge.model.moment import Instant
from bridge.rules.switchboard.live import Channel, LiveCall, Spell
from bridge.rules.switchboard.registry import Registry, is_person


def regroup(registry: Registry, moved: Iterable[Channel], at: Instant) -> None:
    """Look again at everybody who hears one of these channels, after one of them came or went."""
    seen: list[Channel] = []
    for channel in moved:
        if channel in seen:
            continue
        group = channel.reach()
        seen += group
        for member in group:
            call = member.call
            if call.pivot is member and call.ended_at is None:
                _settle(registry, call, group, at)


def _settle(registry: Registry, call: LiveCall, group: list[Channel], at: Instant) -> None:
    """Begin and end spells so that they are those of the persons in the pivot's group."""
    persons = [member for member in group if member is not call.pivot and is_person(member)]
    for spell in call.spells:
        if spell.until is None and spell.channel is not None and spell.channel not in persons:
            spell.end(at)
    for person in persons:
        if person.call is not call and call.client is not None and person.call.client is None:
            registry.join(call, person.call)  # a pick-up, a fetch from parking, a consultation, a conference
        _begin(registry, call, person, at)
    if persons or len(group) > 1:  # with nobody else it may be a mailbox, behind a local pair
        note_recording(call, group)


def _begin(registry: Registry, call: LiveCall, person: Channel, at: Instant) -> None:
    spell = _spell_of(call, person)
    if spell is not None and spell.until is None:
        return
    last = call.spells[-1] if call.spells else None
    if last is not None and last.party == person.party:
        # Back, and nobody talked meanwhile: a local pair was optimised away, a consultation, a parking that timed out.
        last.channel, last.until = person, None
    else:
        since = at if spell is not None else _picked_up_at(call, person, at)
        call.spells = tuple(sorted((*call.spells, Spell(person, person.party, since)), key=lambda spell: spell.since))
        registry.report(call)
        if call.answered_at is None:
            call.answered_at = _answered_at(call, since)
            registry.dials_no_more(call)
    call.parked_at = None
    if call.hung_up_by is HungUpBy.EMPLOYEE:
        call.hung_up_by = None  # he hung up, but the client went on to somebody else
    _settle_transfers(registry, call, person)


def _spell_of(call: LiveCall, person: Channel) -> Spell | None:
    """His latest spell; one whose channel was not known (from before a restart of ours) becomes his."""
    for spell in reversed(call.spells):
        if spell.channel is person:
            return spell
        if spell.channel is None and spell.until is None and spell.party == person.party:
            spell.channel = person
            return spell
    return None


def _picked_up_at(call: LiveCall, person: Channel, at: Instant) -> Instant:
    """When he picked up his phone for this call; if it was up before the call began, when he got the client."""
    up_at = person.up_at if person.up_at is not None else at
    if call.direction is Direction.OUTBOUND and call.pivot is not None and call.pivot.up_at is not None:
        up_at = max(up_at, call.pivot.up_at)
    return up_at if up_at >= call.started_at else at


def _answered_at(call: LiveCall, since: Instant) -> Instant:
    if call.direction is Direction.OUTBOUND and call.pivot is not None and call.pivot.up_at is not None:
        return call.pivot.up_at
    return since


def _settle_transfers(registry: Registry, call: LiveCall, person: Channel) -> None:
    """He has the client now: so a transfer was taken, or came back, or was thought better of."""
    over = call.transfers[-1] if call.transfers else None
    if over is not None and over.answered is None:
        over.answered = person.party != over.by
        if over.to is None and over.answered:
            over.to = person.party
        registry.report(call)
    asked = call.consulting
    if asked is not None and asked.by == person.party:
        call.consulting = None
        asked.answered = False
        call.transfers += (asked,)
        registry.report(call)


def note_recording(call: LiveCall, group: list[Channel]) -> None:
    """Of the files that record this group keep one: the one that is known already, else the client's or oldest."""
    files = [member.recording for member in group if member.recording is not None]
    if not files or any(_is_named(call, file) for file in files):
        return
    first = next(
        (member.recording for member in (call.client, call.root) if member in group and member.recording), None
    )
    call.recordings += (first or files[0],)


def _is_named(call: LiveCall, file: str) -> bool:
    """Whether the file is known already; before a restart of ours it may have been made a link."""
    return file in call.recordings or any("://" in link and unquote(link).endswith(file) for link in call.recordings)
