"""The command `bridge`. Exit status: 0 good, 1 found wanting, 2 misuse."""

import os
import sys
from collections.abc import Sequence
from errno import ENOSPC, EPIPE
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bridge import __version__
from bridge.app.refused import StartRefused
from bridge.cli import blocks, calls, daemon, replay, tokens
from bridge.cli.frame import WANTING, fail, json_is_asked, misuse, out
from bridge.store.errors import StoreError

bridge = typer.Typer(
    name="bridge",
    help="Tells your CRM what really happened to every call.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
bridge.add_typer(daemon.commands)
bridge.add_typer(calls.commands)
bridge.add_typer(replay.commands)
bridge.add_typer(blocks.commands, name="block")
bridge.add_typer(tokens.commands, name="token")


def main() -> None:
    """Run the command line; what the store refuses is a sentence, not a traceback."""
    if sys.stdout is None:  # it was closed when we were started
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 # for as long as the process
    try:
        _refuse_odd_words(sys.argv[1:])
        try:
            bridge()
        except (StoreError, StartRefused) as error:
            fail(str(error), as_json=json_is_asked())
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in {EPIPE, ENOSPC}:
            raise
        _speak_no_more()


def _refuse_odd_words(words: Sequence[str]) -> None:
    """Words that are no UTF-8 could neither be looked up nor shown."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            misuse(f"{word!a} is no UTF-8")


def _speak_no_more() -> NoReturn:
    """Whoever reads the answer has gone, or the disk to which it goes is full. What is left of it must not be tried
    again at the exit.
    """  # noqa: D205
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(WANTING)


@bridge.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    if version:
        out.print(f"callbridge {__version__}")
        raise typer.Exit
