"""What a channel is in the company's eyes: a phone of ours, a trunk to the outside, or nobody."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import assert_never

from bridge.model.call_records import NamedChannel
from bridge.model.channels import ChannelBorn, ChannelKind, ChannelListed
from bridge.rules.switchboard.live import Role

_MOST = 4096
"""End-points remembered; guests may come under names without end."""


class Roles:
    """Tells trunks by patterns (`*` stands for anything), matched with and without the technology."""

    __slots__ = ("_known", "_trunks")

    def __init__(self, trunks: Iterable[str]) -> None:
        self._trunks = tuple(trunks)
        self._known: dict[tuple[str, str], Role] = {}

    def of(self, fact: ChannelBorn | ChannelListed | NamedChannel) -> Role:
        """The role of this channel, or of the one that this fact is about."""
        match fact.kind:
            case ChannelKind.DEVICE:
                key = (fact.technology, fact.endpoint)
                role = self._known.get(key)
                return role if role is not None else self._learn(key)
            case ChannelKind.LOCAL:
                return Role.LOCAL
            case ChannelKind.MACHINE:
                return Role.MACHINE
            case _:
                assert_never(fact.kind)

    def _learn(self, key: tuple[str, str]) -> Role:
        technology, endpoint = key
        names = (endpoint, f"{technology}/{endpoint}")
        leads_out = any(fnmatchcase(name, pattern) for name in names for pattern in self._trunks)
        if len(self._known) >= _MOST:
            self._known.clear()
        role = self._known[key] = Role.TRUNK if leads_out else Role.PHONE
        return role
