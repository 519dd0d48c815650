"""A manager port on loopback that says what a test wants, when it wants: Asterisk's side of a dialogue."""

import asyncio
import hashlib
import ssl
from collections.abc import Iterable, Mapping

Fields = Mapping[str, str]
NEEDS = {"filter": {"system"}, "coreshowchannels": {"system", "reporting"}, "status": {"system", "call", "reporting"}}
LISTS = {"coreshowchannels": ("CoreShowChannel", "CoreShowChannelsComplete"), "status": ("Status", "StatusComplete")}


class FakeAsterisk:
    """`async with FakeAsterisk() as pbx:` listens on `pbx.port`.

    `rights` are the write rights of the account. Actions in `mute` are heard but never answered. `listed` holds the
    items of the next list answers, by action in lower case. Every action of every connection is in `heard`.
    """

    def __init__(
        self,
        *,
        secret: str = "s3cret",  # noqa: S107  # invented
        rights: Iterable[str] = ("system", "reporting"),
        banner: bytes = b"Asterisk Call Manager/11.0.0\r\n",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.secret = secret
        self.rights = set(rights)
        self.banner = banner
        self.mute: set[str] = set()
        self.listed: dict[str, list[Fields]] = {}
        self.heard: list[dict[str, str]] = []
        self.connections = 0
        self._tls = tls
        self._something = asyncio.Condition()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info):
        await self.hang_up()
        self._server.close()
        await self._server.wait_closed()

    async def down(self) -> None:
        """Nobody listens any more; connections are cut."""
        self._server.close()
        await self.hang_up()
        await self._server.wait_closed()

    async def up(self) -> None:
        """Somebody listens again, on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)

    async def asked(self, action: str, times: int = 1) -> dict[str, str]:
        """Wait until an action of this name has come so often (on all connections together); the last of them."""
        async with asyncio.timeout(5), self._something:
            await self._something.wait_for(lambda: len(self._of(action)) >= times)
        return self._of(action)[times - 1]

    async def connected(self, times: int) -> None:
        """Wait until somebody has connected so often."""
        async with asyncio.timeout(5), self._something:
            await self._something.wait_for(lambda: self.connections >= times)

    def say(self, *messages: str) -> None:
        """Send messages, written with one header a line."""
        for message in messages:
            self.say_bytes(message.strip().replace("\n", "\r\n").encode() + b"\r\n\r\n")

    def say_bytes(self, data: bytes) -> None:
        """Send exactly this on the newest connection."""
        self._writers[-1].write(data)

    async def hang_up(self) -> None:
        """Cut every connection."""
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    def _of(self, action: str) -> list[dict[str, str]]:
        return [heard for heard in self.heard if heard["action"].lower() == action.lower()]

    async def _serve(self, reader, writer):
        self._writers.append(writer)
        async with self._something:
            self.connections += 1
            self._something.notify_all()
        try:
            writer.write(self.banner)
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                action = {}
                for line in block.decode().split("\r\n"):
                    name, colon, value = line.partition(": ")
                    if colon:
                        action[name.lower()] = value
                if not await self._react(writer, action):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    async def _react(self, writer, action):
        name = action["action"].lower()
        if name not in self.mute:
            for message in self._answers(name, action):
                writer.write("".join(f"{key}: {value}\r\n" for key, value in message).encode() + b"\r\n")
        async with self._something:
            self.heard.append(action)
            self._something.notify_all()
        return not (name == "login" and not self._right(action))

    def _answers(self, name, action):
        own = ("ActionID", action["actionid"])
        if name == "challenge":
            return [[("Response", "Success"), own, ("Challenge", "193994136")]]
        if name == "login":
            if not self._right(action):
                return [[("Response", "Error"), own, ("Message", "Authentication failed")]]
            return [[("Response", "Success"), own, ("Message", "Authentication accepted")]]
        if name in NEEDS and not NEEDS[name] & self.rights:
            return [[("Response", "Error"), own, ("Message", "Permission denied")]]
        if name in LISTS:
            item, end = LISTS[name]
            items = [[("Event", item), own, *fields.items()] for fields in self.listed.get(name, ())]
            done = [("Event", end), own, ("EventList", "Complete"), ("ListItems", str(len(items)))]
            begun = [("Response", "Success"), own, ("EventList", "start"), ("Message", "Channels will follow")]
            return [begun if name == "coreshowchannels" else begun[:3], *items, done]
        return [[("Response", "Success"), own, ("Message", "ok"), ("AsteriskVersion", "22.10.1")]]

    def _right(self, action):
        key = hashlib.md5(("193994136" + self.secret).encode(), usedforsecurity=False).hexdigest()
        return action.get("key") == key or action.get("secret") == self.secret
