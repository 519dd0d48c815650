"""One conversation with an Asterisk manager interface, from the greeting to the loss: questions and their answers.

Sources: docs.asterisk.org "AMI v2 Specification" and the actions Challenge, Login, Filter, Events, CoreShowChannels,
Status; Asterisk 16.28 and 22.10 as observed.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping

from bridge.flow.clock import Clock
from bridge.model.moment import Instant
from bridge.sources.ami_settings import AmiSettings
from bridge.wire.ami import (
    ActionIds,
    AmiMessage,
    AmiProtocolError,
    AmiStream,
    Interest,
    challenge_key,
    encode_action,
)

CHUNK = 65_536
"""Bytes taken from the socket at once: about 150 events."""
LIST_ENDS: Interest = {b"CoreShowChannelsComplete": None, b"StatusComplete": None}
"""The events that close the lists that we ask for."""
LONGEST_FILTER = 900
"""Characters of one filter; Asterisk reads action lines of up to 1024 (main/manager.c)."""


_Answer = asyncio.Future[AmiMessage | None]
"""What an action is answered with; None: the connection is lost."""


class LineLost(Exception):  # noqa: N818  # style: an exception is named for what happened
    """The connection is gone or of no use; connecting again is right. The message is the reason."""


class LoginRefused(Exception):  # noqa: N818  # the same
    """The PBX does not let us in; a person must put something right there or here. The message says what."""


async def connect(settings: AmiSettings) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An open connection to the manager port.

    Raises:
        LineLost: nobody is there, or the certificate is not one that we trust.

    """
    where = f"{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(settings.connect_seconds):
            if not settings.tls:
                return await asyncio.open_connection(settings.host, settings.port)
            return await asyncio.open_connection(
                settings.host,
                settings.port,
                ssl=ssl.create_default_context(cafile=settings.ca_file),
                server_hostname=settings.tls_name or settings.host,
            )
    except TimeoutError:
        raise LineLost(f"no connection to {where} within {settings.connect_seconds:g} s") from None
    except OSError as error:  # ssl.SSLError is one, too
        raise LineLost(f"no connection to {where}: {error}") from None


class AmiSession:
    """A conversation on an open connection. `take` is given every message that interests and when it came."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        settings: AmiSettings,
        clock: Clock,
        interest: Interest,
        take: Callable[[AmiMessage, Instant], None],
    ) -> None:
        self._reader, self._writer = streams
        self._settings = settings
        self._clock = clock
        self._take = take
        self._interest = interest
        self._stream = AmiStream({**interest, **LIST_ENDS})
        self._ids = ActionIds()
        self._answers: dict[str, _Answer] = {}
        self._list_ends: dict[str, _Answer] = {}
        self._greeted = asyncio.Event()
        self._lost = asyncio.Event()
        self._reason = ""

    @property
    def banner(self) -> str | None:
        """What the PBX greeted with, e.g. "Asterisk Call Manager/11.0.0"."""
        return self._stream.banner

    @property
    def skipped(self) -> int:
        """How many events came that nobody cares for."""
        return self._stream.skipped

    async def listen(self) -> None:
        """Read until the connection is lost, and tell whoever waits for an answer; run beside everything else."""
        try:
            while data := await self._reader.read(CHUNK):
                began = self._clock.now()
                self._hear(data, began)
                if len(data) == CHUNK:  # more than we can take at once: half of the time is everybody else's
                    await self._clock.sleep(self._clock.now() - began)
            self._lose("the PBX closed the connection")
        except AmiProtocolError as error:
            self._lose(str(error))
        except OSError as error:
            self._lose(f"the connection broke: {error}")

    def _hear(self, data: bytes, now: Instant) -> None:
        messages = self._stream.receive(data)
        if self._stream.banner is not None:
            self._greeted.set()
        for message in messages:
            self._take(message, now)
            if message.event is None:
                _settle(self._answers, message)
            elif message.event.endswith(b"Complete"):
                _settle(self._list_ends, message)

    def _lose(self, reason: str) -> None:
        self._reason = reason
        self._lost.set()
        self._greeted.set()
        for future in (*self._answers.values(), *self._list_ends.values()):
            if not future.done():
                future.set_result(None)

    async def log_in(self) -> None:
        """Say who we are; from then on events come, the first being `FullyBooted` where we may see it.

        Raises:
            LoginRefused: wrong secret or name, or not from this address.
            LineLost: no greeting, no answer.

        """
        await self._greeting()
        settings = self._settings
        secret = settings.secret.get_secret_value()
        fields = [("Username", settings.username), ("Events", "on")]
        if settings.login == "md5":
            asked = await self.ask("Challenge", [("AuthType", "MD5")])
            if not asked.succeeded:
                raise LoginRefused(f'no MD5 login there ({asked.get(b"Message")}); set login = "plain" and use TLS')
            key = challenge_key(asked.get(b"Challenge") or "", secret)
            fields += [("AuthType", "MD5"), ("Key", key)]
        else:
            fields += [("Secret", secret)]
        answer = await self.ask("Login", fields)
        if not answer.succeeded:
            raise LoginRefused(
                f"{answer.get(b'Message')}: Asterisk says the same for a wrong secret, a user name that it does not "
                f"know ({settings.username!r}) and an address that manager.conf does not permit; compare all three"
            )

    async def _greeting(self) -> None:
        try:
            async with asyncio.timeout(self._settings.reply_seconds):
                await self._greeted.wait()
        except TimeoutError:
            raise LineLost(
                f"no greeting within {self._settings.reply_seconds:g} s: is this the manager port?"
            ) from None
        self._check()

    async def narrow(self) -> bool:
        """Ask the PBX to send only the events that interest us; False if it refuses (write right `system`)."""
        for pattern in filters(self._interest):
            answer = await self.ask("Filter", [("Operation", "Add"), ("Filter", pattern)])
            if not answer.succeeded:
                return False
        return True

    async def ask(self, action: str, fields: Iterable[tuple[str, str]] = (), *, whole_list: bool = False) -> AmiMessage:
        """The answer to one action; with `whole_list` the event that closes the list, or the refusal.

        Raises:
            LineLost: no answer in time.

        """
        action_id = self._ids.next()
        reply: AmiMessage | None
        try:
            async with asyncio.timeout(self._settings.reply_seconds):
                self._check()
                answer = self._answers[action_id] = asyncio.get_running_loop().create_future()
                end = self._list_ends[action_id] = asyncio.get_running_loop().create_future()
                self._writer.write(encode_action(action, action_id, fields))
                await self._writer.drain()
                reply = await answer
                if whole_list and reply is not None and reply.succeeded:
                    reply = await end
        except TimeoutError:
            raise LineLost(f"no answer to {action} within {self._settings.reply_seconds:g} s") from None
        except OSError as error:
            raise LineLost(f"the connection broke: {error}") from None
        finally:
            self._answers.pop(action_id, None)
            self._list_ends.pop(action_id, None)
        if reply is None:
            raise LineLost(self._reason)
        return reply

    async def rest(self, seconds: float) -> None:
        """Wait so long while the connection holds.

        Raises:
            LineLost: it does not.

        """
        until = self._clock.now() + seconds
        while not self._lost.is_set() and self._clock.now() < until:
            await self._clock.wait(self._lost, until=until)
        self._check()

    def _check(self) -> None:
        if self._lost.is_set():
            raise LineLost(self._reason)

    async def close(self) -> None:
        """Leave; whatever the other side does about it."""
        self._writer.transport.abort()
        try:
            await self._writer.wait_closed()
        except OSError:
            return


def _settle(waiting: Mapping[str, _Answer], message: AmiMessage) -> None:
    future = waiting.get(message.action_id or "")
    if future is not None and not future.done():
        future.set_result(message)


def filters(interest: Interest) -> list[str]:
    """The extended regular expressions that let exactly these events pass, as `Filter` and `eventfilter` take them.

    Asterisk matches them against the whole text of an event, in which lines end in CR LF and "." matches those, too.
    """
    whole = sorted(event.decode() for event, only in interest.items() if only is None)
    patterns = _alternatives("^Event: (", whole, ")[[:space:]]")
    for event, only in sorted(interest.items()):
        if only is not None:
            begins = [begin.decode().replace("\r\n", "[[:space:]]+") for begin in only.begins]
            head = f"^Event: {event.decode()}[[:space:]].*[[:space:]]{only.header.decode()}: ("
            patterns += _alternatives(head, begins, ")")
    return patterns


def _alternatives(head: str, choices: Iterable[str], tail: str) -> list[str]:
    """As few patterns as can hold these choices."""
    patterns, held = [], ""
    for choice in choices:
        if held and len(head) + len(held) + len(choice) + len(tail) >= LONGEST_FILTER:
            patterns.append(f"{head}{held}{tail}")
            held = ""
        held = f"{held}|{choice}" if held else choice
    return [*patterns, f"{head}{held}{tail}"] if held else patterns
