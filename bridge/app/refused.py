"""Why a daemon does not start."""


class StartRefused(Exception):  # noqa: N818  # style: an exception is named for what happened
    """The daemon cannot start; the message says what to do."""
