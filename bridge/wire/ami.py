"""AMI, the Asterisk Manager Interface: bytes to messages and actions to bytes, without any I/O.

A message is a few `Name: value` lines ended by an empty one. Nine of ten messages of a busy PBX interest nobody, so a
message is parsed only as far as somebody asks: the stream finds where it ends, reads its first header and looks up
whether anybody cares; a header is searched for when it is wanted.

Decisions are made on the first header (`Event`, `Response`) and on headers at the beginning of a line, never on text
somewhere inside, so a caller named "Event: Hangup" is a caller with an odd name.

Sources: docs.asterisk.org "AMI v2 Specification"; main/manager.c; streams of Asterisk 16.28 and 22.10
(tests/transcripts).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import md5

_BANNER = b"Asterisk Call Manager"
_NUL, _NO_CHARACTER = b"\0", "\ufffd".encode()
_END = b"\r\n\r\n"
_ODD_END = b"\r\n\n"  # CoreShowChannelMap of Asterisk 18.19 and 20.4 to 20.9 ends so (asterisk/asterisk#761)
_EVENT = b"Event: "
_NAME = len(_EVENT)
_MAP = b"CoreShowChannelMap"
_HEAD = 16  # bytes by which messages are told apart at first sight
_MOST_HEADS = 512
_EARLY = 160  # bytes within which a time stamp stands
_LONGEST_BANNER = 256


class AmiProtocolError(Exception):
    """The other side does not speak AMI or goes over a limit: close the connection. The message names the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one message may weigh, in bytes and in number of headers; Asterisk's own stay below 4 KiB and 60."""

    frame: int = 65_536
    header: int = 16_384
    headers: int = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    r"""Interest in an event only if, from the value of this header on, the message begins with one of these.

    `Only(header=b"Variable", begins=(b"VMSTATUS\r\n", b"DIALSTATUS\r\nValue: CHANUNAVAIL"))` asks for one variable
    whatever its value and for another with one value. It saves work and promises nothing: a reader checks again.
    """

    header: bytes
    begins: tuple[bytes, ...]


Interest = Mapping[bytes, Only | None]
"""The events that somebody cares for, by name; None: whatever they say."""


def header(name: bytes) -> bytes:
    """What marks the beginning of a header's value: a name inside of a value is not at the beginning of a line."""
    return b"\r\n" + name + b": "


_TIMESTAMP = header(b"Timestamp")


class AmiMessage:
    """One event or response, parsed as far as asked.

    Header names are bytes, spelled as Asterisk spells them (the fast way); another spelling is found as well, since
    Asterisk itself writes `Uniqueid` in one event and `UniqueID` in the next. Values are text, decoded one by one as
    UTF-8 with U+FFFD for what is none.
    """

    __slots__ = ("_folded", "_frame", "event", "response")

    def __init__(self, frame: bytes, event: bytes | None, response: str | None = None) -> None:
        self._frame = frame
        self.event = event
        """The event's name, None for a response."""
        self.response = response
        """`Success`, `Error`, `Follows` ..., None for an event."""
        self._folded: bytes | None = None

    def get(self, name: bytes) -> str | None:
        """The value of the first header of this name; None if there is none, "" if it is empty."""
        return self.find(header(name))

    def find(self, anchor: bytes) -> str | None:
        """As `get`, for an anchor that `header` made beforehand."""
        frame = self._frame
        at = frame.find(anchor)
        if at < 0:
            return self._find_folded(anchor)
        at += len(anchor)
        end = frame.find(b"\r", at)
        value = frame[at:end] if end >= 0 else frame[at:]
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("utf-8", "replace")

    def find_last(self, anchor: bytes) -> str | None:
        """As `find`, but the last one, and searched from the end: faster for what stands there, like `Uniqueid`."""
        # Not shared with `find`: one more call would cost as much as the search.
        frame = self._frame
        at = frame.rfind(anchor)
        if at < 0:
            return self._find_folded(anchor)
        at += len(anchor)
        end = frame.find(b"\r", at)
        value = frame[at:end] if end >= 0 else frame[at:]
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("utf-8", "replace")

    def find_exact(self, anchor: bytes) -> str | None:
        """As `find`, but in this spelling only: for headers that are mostly absent and always spelled alike."""
        return self.find(anchor) if anchor in self._frame else None

    @property
    def timestamp(self) -> str | None:
        """When it happened, as the PBX says (`timestampevents = yes`): the third header, if it is there."""
        return self.find(_TIMESTAMP) if self._frame.find(_TIMESTAMP, 0, _EARLY) >= 0 else None

    def get_all(self, name: bytes) -> list[str]:
        """The values of every header of this name, in order: a name may come more than once."""
        folded = name.decode("ascii", "replace").lower()
        return [value for key, value in self._lines() if key.lower() == folded]

    def headers(self) -> dict[str, str | list[str]]:
        """Every header as it is spelled; a repeated one has a list. Lines without a colon are left out."""
        found: dict[str, str | list[str]] = {}
        for key, value in self._lines():
            known = found.get(key)
            if known is None:
                found[key] = value
            elif isinstance(known, list):
                known.append(value)
            else:
                found[key] = [known, value]
        return found

    @property
    def action_id(self) -> str | None:
        """The id of the action of ours that this message answers."""
        return self.get(b"ActionID")

    @property
    def succeeded(self) -> bool:
        """A response that grants what was asked."""
        return self.response in {"Success", "Goodbye", "Follows"}

    def __repr__(self) -> str:
        return f"<AmiMessage {self.headers()!r}>"

    def _find_folded(self, anchor: bytes) -> str | None:
        """Look the header up in any spelling, with or without the blank after the colon."""
        if self._folded is None:
            self._folded = self._frame.lower()  # bytes.lower() touches ASCII only, so places stay the same
        anchor = anchor.lower().removesuffix(b" ")
        at = self._folded.find(anchor)
        if at < 0:
            return None
        at += len(anchor)
        end = self._frame.find(b"\r\n", at)
        value = self._frame[at:end] if end >= 0 else self._frame[at:]
        return str(value.removeprefix(b" "), "utf-8", "replace")

    def _lines(self) -> Iterable[tuple[str, str]]:
        for line in self._frame.split(b"\r\n"):
            key, colon, value = line.partition(b":")
            if colon:
                yield str(key, "utf-8", "replace"), str(value.removeprefix(b" "), "utf-8", "replace")


class AmiStream:
    """What a manager connection sends, bytes in and messages out.

    With an `interest` only responses and those events are handed out; the others are counted in `skipped`. Memory is
    bounded by `limits`. After an `AmiProtocolError` the stream is of no use any more.
    """

    __slots__ = ("_beginnings", "_broken", "_interest", "_limits", "_sieves", "_small", "_tail", "banner", "skipped")

    def __init__(self, interest: Interest | None = None, limits: Limits | None = None) -> None:
        self.banner: str | None = None
        """The server's first line, e.g. "Asterisk Call Manager/11.0.0"; None until it came."""
        self.skipped = 0
        """How many messages were passed over because nobody cares."""
        self._interest = interest
        self._beginnings = tuple(_EVENT + name for name in (*(interest or ()), _MAP))
        # By how messages begin: what must follow for them to be of interest; None: nothing that begins so ever is.
        self._sieves: dict[bytes, _Sieve | None] = {
            _head(name): _sieve(only)
            for name, only in (interest or {}).items()
            if only is not None and not self._shares_head(name)
        }
        self._limits = limits or Limits()
        # A shorter message breaks no other limit: a header takes two bytes or more.
        self._small = min(self._limits.header, 2 * self._limits.headers)
        self._tail = bytearray()
        self._broken: str | None = None

    def receive(self, data: bytes) -> list[AmiMessage]:
        """The messages that these bytes complete, in order.

        Raises:
            AmiProtocolError: no AMI banner, or a limit is passed.

        """
        if self._broken is not None:
            raise AmiProtocolError(self._broken)
        if _NUL in data:  # Asterisk never sends one; a text with it is none that every store can keep
            data = data.replace(_NUL, _NO_CHARACTER)
        tail = self._tail
        if tail:
            seam = max(len(tail) - len(_END) + 1, 0)
            tail += data
            if self.banner is not None and tail.find(_END, seam) < 0:
                self._bound(tail)
                return []
            data = bytes(tail)
        if self.banner is None:
            data = self._read_banner(data)
        frames = data.split(_END)
        tail[:] = frames.pop()
        self._bound(tail)
        if len(data) > self._limits.frame:
            for frame in frames:
                self._bound(frame)
        messages: list[AmiMessage] = []
        self._open_all(frames, messages)
        self.skipped += max(len(frames) - len(messages), 0)
        return messages

    def _open_all(self, frames: list[bytes], messages: list[AmiMessage]) -> None:
        """Open the messages that somebody cares for. This loop sees every event of the PBX, hence its plain manner."""
        interest = self._interest
        sieves = self._sieves
        small = self._small
        for frame in frames:
            head = frame[:_HEAD]
            if head in sieves:
                sieve = sieves[head]
                if sieve is None:
                    continue
                anchor, skip, width, beginnings, begins = sieve
                at = frame.rfind(anchor) + skip
                # If it is not found, it is spelled otherwise: whoever opens it will see.
                if at >= skip and (frame[at : at + width] not in beginnings or not frame.startswith(begins, at)):
                    continue
            if frame.startswith(_EVENT):
                end = frame.find(b"\r", _NAME)
                name = frame[_NAME:end] if end > 0 else frame[_NAME:]
                if interest is None or name in interest:
                    if len(frame) > small:
                        self._check(frame)
                    messages.append(AmiMessage(frame, name))
                elif name.startswith(_MAP) and _ODD_END in frame:
                    self._open_all(frame.split(_ODD_END), messages)
                else:
                    self._learn(head)
            else:
                self._open_odd(frame, messages)

    def _shares_head(self, name: bytes) -> bool:
        """Whether another event of interest looks the same at first sight."""
        head = _head(name)
        others = [event for event in self._beginnings if event != _EVENT + name]
        return any(head.startswith(event) or event.startswith(head) for event in others)

    def _learn(self, head: bytes) -> None:
        """Remember that messages which begin like this need not be opened, if none of interest begins so."""
        if len(head) < _HEAD or any(head.startswith(event) or event.startswith(head) for event in self._beginnings):
            return
        if len(self._sieves) < _MOST_HEADS:
            self._sieves[head] = None

    def _open_odd(self, frame: bytes, messages: list[AmiMessage]) -> None:
        """Open what does not begin with `Event: `: a response, extra blank lines, another spelling, or nothing."""
        frame = frame.lstrip(b"\r\n")
        if frame.startswith(_EVENT):
            self._open_all([frame], messages)
            return
        lines = frame.split(b"\r\n")
        for place, line in enumerate(lines):
            key, colon, value = line.partition(b":")
            match key.lower() if colon else b"":
                case b"event":
                    lines[place] = _EVENT + value.removeprefix(b" ")
                    self._open_all([b"\r\n".join(lines[place:])], messages)
                    return
                case b"response":
                    rest = b"\r\n".join(lines[place:])
                    self._check(rest)
                    messages.append(AmiMessage(rest, None, value.removeprefix(b" ").decode("utf-8", "replace")))
                    return
                case b"":
                    continue
                case _:
                    return

    def _read_banner(self, data: bytes) -> bytes:
        """Take the greeting line off; the bytes after it."""
        line, end, rest = data.partition(b"\r\n")
        if not _BANNER.startswith(line[: len(_BANNER)]):
            raise self._break(f"not an Asterisk manager port: it greets with {line[:40]!r}")
        if not end and len(line) <= _LONGEST_BANNER:
            return data
        if not end or not line.startswith(_BANNER):
            raise self._break(f"not an Asterisk manager port: it greets with {line[:40]!r}")
        self.banner = line.decode("ascii", "replace")
        self._tail.clear()
        return rest

    def _bound(self, frame: bytes | bytearray) -> None:
        if len(frame) > self._limits.frame:
            raise self._break(f"a message is longer than {self._limits.frame} bytes")

    def _check(self, frame: bytes) -> None:
        limits = self._limits
        lines = frame.split(b"\r\n")
        self._bound(frame)
        if len(lines) > limits.headers:
            raise self._break(f"a message has more than {limits.headers} headers")
        if max(map(len, lines)) > limits.header:
            raise self._break(f"a header is longer than {limits.header} bytes")

    def _break(self, reason: str) -> AmiProtocolError:
        self._broken = reason
        self._tail.clear()
        return AmiProtocolError(reason)


_Sieve = tuple[bytes, int, int, frozenset[bytes], tuple[bytes, ...]]
"""What to look for, its length, how many bytes after it decide at first sight, which ones, and all that may follow."""


def _sieve(only: Only) -> _Sieve:
    anchor = header(only.header)
    width = min(map(len, only.begins))
    return anchor, len(anchor), width, frozenset(begin[:width] for begin in only.begins), only.begins


def _head(name: bytes) -> bytes:
    """How a message with this event begins, as far as heads are compared: the next header is always `Privilege`."""
    return (_EVENT + name + b"\r\nPrivilege: ")[:_HEAD]


def encode_action(name: str, action_id: str, fields: Iterable[tuple[str, str]] = ()) -> bytes:
    """The bytes of one action; a field may come more than once (`Variable`).

    Raises:
        ValueError: a name or value holds CR, LF or NUL and would smuggle in another header or action.

    """
    lines = [("Action", name), ("ActionID", action_id), *fields]
    for key, value in lines:
        if not key or ":" in key or not key.isascii() or not key.isprintable():
            raise ValueError(f"{key!r} cannot be the name of an AMI header")
        if any(sign in value for sign in "\r\n\0"):
            raise ValueError(f"the AMI header {key} must not hold CR, LF or NUL; take them out of its value")
    return "".join(f"{key}: {value}\r\n" for key, value in lines).encode() + b"\r\n"


def challenge_key(challenge: str, secret: str) -> str:
    """The `Key` of a Login with `AuthType: MD5`, so that the secret itself does not travel."""
    return md5((challenge + secret).encode(), usedforsecurity=False).hexdigest()


class ActionIds:
    """Ids for our actions, unique within one connection: `bridge-1`, `bridge-2` ..."""

    __slots__ = ("_count", "_prefix")

    def __init__(self, prefix: str = "bridge") -> None:
        self._prefix = prefix
        self._count = 0

    def next(self) -> str:
        """An id that was not given before."""
        self._count += 1
        return f"{self._prefix}-{self._count}"
