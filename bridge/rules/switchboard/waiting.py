"""Where the caller is while nobody talks to him: queues, menus, announcements, mailboxes; and what is recorded."""

from typing import assert_never

from bridge.model.call import MissedReason
from bridge.model.channels import (
    NobodyThere,
    Place,
    PlaceReached,
    QueueJoined,
    QueueLeft,
    RecordingNamed,
    VoicemailEnded,
    VoicemailNamed,
)
from bridge.rules.switchboard.live import Channel, LiveCall
from bridge.rules.switchboard.registry import Registry
from bridge.rules.switchboard.talk import note_recording


def waits(registry: Registry, fact: QueueJoined | QueueLeft | PlaceReached | NobodyThere) -> None:
    """The caller came before a queue or a machine, or left it."""
    channel = registry.channels.get(fact.channel)
    if channel is None or not channel.call.live:
        return
    call = channel.call
    match fact:
        case QueueJoined():
            call.queue, call.queued = fact.queue, True
            registry.report_soon(call)
        case QueueLeft():
            call.queued = False
        case NobodyThere():
            call.nobody = MissedReason.NO_ANSWER if fact.in_queue else MissedReason.UNAVAILABLE
        case PlaceReached():
            _reached(call, channel, fact)
        case _:
            assert_never(fact)


def _reached(call: LiveCall, channel: Channel, fact: PlaceReached) -> None:
    match fact.place:
        case Place.MAILBOX:
            call.mailbox = True
        case Place.QUEUE:
            call.queue = fact.name or call.queue
        case Place.MENU:
            call.menu = call.menu or channel is call.pivot
        case Place.ANNOUNCEMENT:
            call.announced = call.announced or channel is call.pivot
        case _:
            assert_never(fact.place)


def voicemail(registry: Registry, fact: VoicemailNamed | VoicemailEnded) -> None:
    """A message is being left, or the mailbox is done; it may say so after the caller has hung up."""
    channel = registry.channels.get(fact.channel)
    if channel is None:
        return
    call = channel.call
    match fact:
        case VoicemailNamed():
            changed = call.voicemail != fact.file
            call.voicemail = fact.file
        case VoicemailEnded():
            changed = fact.left and not call.voicemail_left
            call.mailbox = True
            call.voicemail_left = call.voicemail_left or fact.left
        case _:
            assert_never(fact)
    if changed and call.ended_at is not None:
        registry.report(call)


def recording_named(registry: Registry, fact: RecordingNamed) -> None:
    """A channel is recorded; the file counts once its channel takes part in a talk with the client."""
    channel = registry.channels.get(fact.channel)
    if channel is None:
        return
    call = channel.call
    if not fact.written_later:
        channel.recording = fact.file
        if call.pivot is not None and any(spell.until is None for spell in call.spells):
            group = channel.reach()
            if call.pivot in group:
                note_recording(call, group)
                registry.report(call)
    elif call.from_record is None and (channel is call.root or channel is call.client):
        call.from_record = fact.file
        if call.ended_at is not None and not call.recordings:
            registry.report(call)
