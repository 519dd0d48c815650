"""From journal entries to calls: what each entry says of its call, before anything is decided.

Folding needs nothing but the events themselves, so it is done first for a whole batch; then it is known whose clients
have to be looked up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bridge.flow.identity import Identity, caller, form_client, line_of
from bridge.model.call import Call
from bridge.model.events import CallRecorded, CallRinging, CallSeen, CallStep, ChatRequested, FormSubmitted
from bridge.model.people import Company
from bridge.rules.lifecycle import fold_steps
from bridge.store.calls import CallRecord
from bridge.store.journal import JournalEntry

MOST_STEPS = 200
"""Steps of one call after which no more ringing is heard, and after twice as many nothing; the journal has it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one entry says. `call` is the whole call after it (None: a form or a chat), `key` that call's own key."""

    entry: JournalEntry
    key: str
    who: Identity
    call: Call | None = None
    steps: tuple[CallStep, ...] = ()
    line: str | None = None
    inquiry: FormSubmitted | ChatRequested | None = None


class Unfoldable(Exception):  # noqa: N818  # style: an exception is named for what happened
    """This entry cannot be folded; trying again would fail again."""


@dataclass(frozen=True, slots=True)
class _Folded:
    call: Call
    steps: tuple[CallStep, ...]


class Fold:
    """The calls of one batch, as its entries are told one after the other in the order of their arrival."""

    def __init__(self, known: Mapping[str, CallRecord], company: Company) -> None:
        self._company = company
        self._own = {key: record.key for key, record in known.items()}
        self._calls = {record.key: _Folded(record.body, record.steps) for record in known.values()}

    def tell(self, entry: JournalEntry) -> Told:
        """The call, or the form or chat, after this entry.

        Raises:
            Unfoldable: the entry cannot be read.

        """
        match entry.event:
            case None:
                raise Unfoldable(entry.problem or "it cannot be read")
            case FormSubmitted() | ChatRequested() as inquiry:
                who = form_client(inquiry, self._company.country)
                return Told(entry=entry, key=f"{entry.source}/{entry.event_id}", who=who, inquiry=inquiry)
            case CallSeen() as event:
                return self._told(entry, self._key_of_snapshot(event.call), event.call, None)
            case step:
                return self._told(entry, self._own.get(step.call_key, step.call_key), None, step)

    def _told(self, entry: JournalEntry, key: str, snapshot: Call | None, step: CallStep | None) -> Told:
        known = self._calls.get(key)
        folded = _with_snapshot(known, key, snapshot) if snapshot is not None else known
        if step is not None:
            folded = _with_step(known, step, self._company)
        if folded is None:
            raise Unfoldable("its call was never seen")
        self._calls[key] = folded
        call = folded.call
        who, line = caller(call, self._company.country), line_of(call, self._company.country)
        return Told(entry=entry, key=key, who=who, call=call, steps=folded.steps, line=line)

    def _key_of_snapshot(self, call: Call) -> str:
        """The key of the call that this snapshot is about; whatever it has absorbed leads to it from now on."""
        key = self._own.get(call.key, call.key)
        if key == call.key:
            for absorbed in call.merged:
                self._own[absorbed] = key
        return key


def _with_snapshot(known: _Folded | None, key: str, call: Call) -> _Folded:
    """The newer snapshot replaces; one of a call that was absorbed meanwhile comes too late to say anything."""
    if known is not None and (call.key != key or call.revision < known.call.revision):
        return known
    return _Folded(call, ())


def _with_step(known: _Folded | None, step: CallStep, company: Company) -> _Folded:
    """Any order and any number of repeats of the same steps give the same call."""
    if known is not None and not known.steps:
        return _with_late_recording(known, step)
    before = known.steps if known is not None else ()
    if known is not None and (any(told.event_id == step.event_id for told in before) or _told_enough(before, step)):
        return known
    steps = (*before, step)
    return _Folded(fold_steps(steps, company), steps)


def _told_enough(before: tuple[CallStep, ...], step: CallStep) -> bool:
    """A platform that repeats itself under ever new ids would make each step of this call dearer than the last one."""
    most = MOST_STEPS if isinstance(step, CallRinging) else 2 * MOST_STEPS
    return len(before) >= most


def _with_late_recording(known: _Folded, step: CallStep) -> _Folded:
    """A step about a call that a switchboard of ours has followed: the switchboard knows better, but for recordings."""
    if not isinstance(step, CallRecorded) or step.recording_url in known.call.recordings:
        return known
    return _Folded(replace(known.call, recordings=(*known.call.recordings, step.recording_url)), ())
