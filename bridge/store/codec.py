"""How values of our dataclasses become plain json values and come back, worked out once per class from its fields.

For each class two functions are written and compiled at import, because they are the hottest ones of the store (each
call passes them several times): `plain_call` tests and reads each field by name, where a loop over the fields would
take twice as long. Only names of our own fields enter the source; data never does.

A field that has its default value is not written, and a key that no field has is not read, so that versions which
know more or fewer fields read each other's documents. A member of a union (an event, an effect) carries the name of
its class under `is`.
"""

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any

Plain = Any  # what json gives and takes
Turn = Callable[[Any], Any]
_IS = "is"


def compiled(name: str, lines: Iterable[str], names: Mapping[str, object]) -> Turn:
    """The function of this name that this source defines, which sees these names."""
    seen = dict(names)
    exec("\n".join(lines), seen)  # noqa: S102 # source of ours, made of our own field names, never of data
    return typing.cast("Turn", seen[name])


def turns(hint: Any) -> tuple[Turn | None, Turn | None]:
    """The way to plain and back of a value with this type; None: it stays as it is."""
    members = [member for member in _members(hint) if member is not type(None)]
    if len(members) > 1:
        return _union(members)
    (kind,) = members
    if typing.get_origin(kind) is tuple:
        return _tuple(*turns(typing.get_args(kind)[0]))
    if typing.get_origin(kind) is Mapping:
        return dict, None
    if is_dataclass(kind):
        return _writer(typing.cast("type", kind)), _reader(typing.cast("type", kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return None, {member.value: member for member in kind}.__getitem__
    return None, None


def _members(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _tuple(write: Turn | None, read: Turn | None) -> tuple[Turn | None, Turn]:
    return (
        None if write is None else lambda items: [write(item) for item in items],
        tuple if read is None else lambda plain: tuple([read(item) for item in plain]),
    )


def _union(kinds: Iterable[type]) -> tuple[Turn, Turn]:
    """The ways of a closed set of classes, told apart by the name of the class."""
    writers = {kind: _writer(kind) for kind in kinds}
    readers = {kind.__name__: _reader(kind) for kind in kinds}

    def write(value: Any) -> Plain:
        plain = writers[type(value)](value)
        plain[_IS] = type(value).__name__
        return plain

    def read(plain: Plain) -> Any:
        return readers[plain[_IS]](plain)

    return write, read


@cache
def _writer(kind: type) -> Turn:
    """`write(value)` gives a new dict: fields without a default at once, each other one if it is not its default."""
    hints = typing.get_type_hints(kind)
    names: dict[str, object] = {}
    lines = ["def write(value):", " plain = {}"]
    for part in fields(kind):
        turn = turns(hints[part.name])[0]
        names |= {f"turn_{part.name}": turn, f"default_{part.name}": _default(part)}
        item = "item" if turn is None else f"turn_{part.name}(item)"
        if turn is not None and _may_be_none(hints[part.name]):
            item = f"None if item is None else {item}"
        lines += [
            f" item = value.{part.name}",
            f" {_unless_default(part)}plain[{part.name!r}] = {item}",
        ]
    return compiled("write", [*lines, " return plain"], names)


def _unless_default(part: "Field[Any]") -> str:
    default = _default(part)
    if default is MISSING:
        return ""
    if default is None:
        return "if item is not None: "
    return "if item: " if default in ((), "", False, 0) else f"if item != default_{part.name}: "


@cache
def _reader(kind: type) -> Turn:
    """`read(plain)` gives a new value; a missing key means the default."""
    hints = typing.get_type_hints(kind)
    names: dict[str, object] = {"make": kind}
    lines = ["def read(plain):", " return make("]
    for part in fields(kind):
        turn = turns(hints[part.name])[1]
        names |= {f"turn_{part.name}": turn, f"default_{part.name}": _default(part)}
        lines.append(f"  {part.name}={_read(part, turn, may_be_none=_may_be_none(hints[part.name]))},")
    return compiled("read", [*lines, " )"], names)


def _read(part: "Field[Any]", turn: Turn | None, *, may_be_none: bool) -> str:
    required = _default(part) is MISSING
    if turn is None:
        return f"plain[{part.name!r}]" if required else f"plain.get({part.name!r}, default_{part.name})"
    turned = f"turn_{part.name}(plain[{part.name!r}])"
    if may_be_none:
        otherwise = "None" if _default(part) in (None, MISSING) else f"plain.get({part.name!r}, default_{part.name})"
        return f"{turned} if plain.get({part.name!r}) is not None else {otherwise}"
    return turned if required else f"{turned} if {part.name!r} in plain else default_{part.name}"


def _may_be_none(hint: Any) -> bool:
    return type(None) in _members(hint)


def _default(part: "Field[Any]") -> object:
    """The default of a field, MISSING if it has none. A factory's value is shared: our values are never changed."""
    if part.default is not MISSING:
        return part.default
    return part.default_factory() if part.default_factory is not MISSING else MISSING
