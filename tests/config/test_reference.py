"""The reference page and the models tell of the same keys."""

import re
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from bridge.config.reading import CRMS, REPEATED, SINGLE, SOURCES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def keys_of(model: type[BaseModel], before: str = "") -> set[str]:
    keys = set()
    for name, field in model.model_fields.items():
        kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type)]
        tables = [kind for kind in kinds if issubclass(kind, BaseModel)]
        if tables:
            keys |= keys_of(tables[0], f"{before}{name}.")
        else:
            keys.add(f"{before}{name}")
    return keys


def documented() -> dict[str, dict[str, str]]:
    """Each heading of a section with its keys and their rows."""
    sections: dict[str, dict[str, str]] = {}
    for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        rows = re.findall(r"^\| `([a-z_.]+)` \|(.*)\|$", body, flags=re.MULTILINE)
        sections[heading.replace("`", "")] = dict(rows)
    return sections


MODELS = {
    **{f"[{name}]": model for name, model in SINGLE.items()},
    **{f"[[{name}]]": model for name, model in REPEATED.items()},
    **{f"[[source]] of kind {kind}": model for kind, model in SOURCES.items()},
    **{f"[crm] of kind {kind}": model for kind, model in CRMS.items()},
}


def test_every_key_is_documented_and_every_documented_key_exists():
    assert {heading: set(rows) for heading, rows in documented().items()} == {
        heading: keys_of(model) for heading, model in MODELS.items()
    }


def test_the_page_says_required_where_a_key_is_required():
    pages = documented()
    for heading, model in MODELS.items():
        for name, field in model.model_fields.items():
            if name in pages[heading] and name != "kind":
                assert ("*required*" in pages[heading][name]) == field.is_required(), (heading, name)


def test_the_page_tells_the_default_of_every_plain_number_and_switch():
    pages = documented()
    for heading, model in MODELS.items():
        for name, field in model.model_fields.items():
            default, row = field.default, pages[heading].get(name, "")
            if isinstance(default, bool) and row:
                assert f"| `{str(default).lower()}` |" in row, (heading, name)
            elif isinstance(default, str) and name != "kind" and row:
                assert f'| `"{default}"` |' in row, (heading, name)
            elif isinstance(default, int | float) and row and " seconds " in row.replace("|", " "):
                assert f"`{default:g}`" in row, (heading, name)
