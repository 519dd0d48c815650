"""Asterisk over its manager interface."""

from bridge.sources.ami_settings import AmiSettings

__all__ = ["AmiSettings"]
