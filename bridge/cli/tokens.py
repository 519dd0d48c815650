"""`bridge token`: who may use the API and the page."""

import secrets
from typing import Annotated, Any

import typer

from bridge.cli.frame import (
    DEFAULT_PATH,
    AsJson,
    ConfigPath,
    answer,
    fail,
    loaded,
    misuse,
    print_json,
    print_table,
    with_store,
)
from bridge.flow.clock import Clock
from bridge.model.moment import iso
from bridge.store.engine import Store
from bridge.store.tokens import api_tokens, revoke_token
from bridge.web.tokens import ENTROPY, SCOPES, issue_token

LONGEST_NAME = 100

commands = typer.Typer(no_args_is_help=True, help="Tokens for the API and the page.")


@commands.command("add", epilog="Example: bridge token add my-laptop")
def token_add(
    name: Annotated[str, typer.Argument(help="Whose or what for; unique for ever.")],
    scope: Annotated[list[str] | None, typer.Option(help="read, write; both if not said.")] = None,
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, once: only its hash is kept."""
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        misuse(f"a token needs a name of 1 to {LONGEST_NAME} printable characters")
    scopes = scope or list(SCOPES)
    if unknown := set(scopes) - set(SCOPES):
        misuse(f"no scope is named {', '.join(sorted(unknown))}; known: {', '.join(SCOPES)}")
    configuration, _ = loaded(config, as_json=as_json)

    async def add(store: Store) -> str | None:
        token = await issue_token(store, name, scopes, entropy=secrets.token_bytes(ENTROPY), now=Clock().now())
        return None if token is None else token.text

    text = with_store(configuration, add)
    if text is None:
        fail(f"a token was named {name!r} before; choose another name", as_json=as_json)
    answer({"name": name, "token": text, "scopes": scopes}, text, as_json)


@commands.command("list", epilog="Example: bridge token list")
def token_list(config: ConfigPath = DEFAULT_PATH, as_json: AsJson = False) -> None:
    """Name every token, revoked ones too; never their texts."""
    configuration, _ = loaded(config, as_json=as_json)

    async def read(store: Store) -> list[dict[str, Any]]:
        async with store.reading() as conn:
            return [
                {
                    "name": token.name,
                    "scopes": " ".join(sorted(token.scopes)),
                    "created_at": iso(token.created_at),
                    "used_at": None if token.used_at is None else iso(token.used_at),
                    "revoked_at": None if token.revoked_at is None else iso(token.revoked_at),
                }
                for token in await api_tokens(conn)
            ]

    found = with_store(configuration, read)
    columns = ("name", "scopes", "created_at", "used_at", "revoked_at")
    print_json(found) if as_json else print_table(columns, found)


@commands.command("revoke", epilog="Example: bridge token revoke my-laptop")
def token_revoke(
    name: Annotated[str, typer.Argument(help="The token's name.")],
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> None:
    """Revoke a token; it stops working within seconds, also on a running bridge."""
    configuration, _ = loaded(config, as_json=as_json)

    async def revoke(store: Store) -> bool:
        async with store.writing() as conn:
            return await revoke_token(conn, name, Clock().now())

    if not with_store(configuration, revoke):
        fail(f"no good token is named {name!r}; see bridge token list", as_json=as_json)
    answer({"name": name, "revoked": True}, f"{name}: revoked", as_json)
