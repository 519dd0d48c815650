"""The command `bridge`. Exit status: 0 good, 1 found wanting, 2 misuse."""

from typing import Annotated

import typer

from bridge import __version__
from bridge.app import StartRefused
from bridge.cli import blocks, calls, daemon, tokens
from bridge.cli.frame import fail, out
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
bridge.add_typer(blocks.commands, name="block")
bridge.add_typer(tokens.commands, name="token")


def main() -> None:
    """Run the command line; what the store refuses is a sentence, not a traceback."""
    try:
        bridge()
    except (StoreError, StartRefused) as error:
        fail(str(error))


@bridge.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    if version:
        out.print(f"callbridge {__version__}")
        raise typer.Exit
