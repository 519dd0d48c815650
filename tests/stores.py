"""Stores with our tables, for tests: a copy of one that was made once costs a hundredth of making it."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import create_engine

from bridge.store.migrate import make_tables
from bridge.store.place import place_of


@cache
def _made_once() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bridge-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    engine = create_engine(f"sqlite:///{folder}/bridge.db")
    with engine.connect() as conn:
        conn.exec_driver_sql("PRAGMA journal_mode=WAL")
        make_tables(conn)
        conn.commit()
    engine.dispose()
    return folder / "bridge.db"


def has_tables(url: str, folder: Path) -> None:
    """See that the store at this URL has our tables; one on PostgreSQL has them already (`tests/conftest.py`)."""
    file = place_of(url, folder).file
    if file is not None and not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_made_once(), file)
        file.chmod(0o600)
