"""The key that signs the page's cookies."""

import contextlib
import secrets
from pathlib import Path

from bridge.app.refused import StartRefused

KEY_FILE = "session.key"
KEY_BYTES = 32
KEY_MODE = 0o600


def session_key(data_dir: Path) -> bytes:
    """The key of this bridge; made once, so that a restart asks nobody for his token again.

    Raises:
        StartRefused: it cannot be kept there.

    """
    path = data_dir / KEY_FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o750)  # nothing else is in it when the store is a server
        with contextlib.suppress(FileNotFoundError):
            path.chmod(KEY_MODE)  # also of one that came back from a backup
            key = path.read_bytes()
            if len(key) == KEY_BYTES:
                return key
        key = secrets.token_bytes(KEY_BYTES)
        path.touch(mode=KEY_MODE)
        path.write_bytes(key)
    except OSError as error:
        raise StartRefused(
            f"{path}: {error.strerror}; make room, or give this user the right to write there"
        ) from error
    return key
