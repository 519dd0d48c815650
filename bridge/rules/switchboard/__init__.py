"""From channels to calls: the state machine that turns what a PBX says into whole calls."""

from bridge.rules.switchboard.board import Switchboard

__all__ = ["Switchboard"]
