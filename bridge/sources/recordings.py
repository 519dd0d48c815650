"""Where a recording can be heard: from the file that the PBX names to a link that people can follow."""

from urllib.parse import quote

PLACE = "{file}"
"""What a template holds in the place of the file."""


def recording_link(template: str, file: str, folder: str) -> str | None:
    """The template with this file in it; None if there is no file or its name climbs out of the folder.

    The name is taken relative to `folder`, the PBX's recording folder: `<folder>/2026/11/22/in-101.wav` and
    `2026/11/22/in-101.wav` are the same file. An absolute path somewhere else is cut after its last folder that has
    the same name as `folder` (the recordings may be mounted elsewhere, as in `/mnt/pbx/monitor/x.wav`), and down to
    the bare file name if there is none. Everything is percent-quoted: a caller's "+" is part of the name.
    """
    name = _relative(file.strip(), folder.rstrip("/"))
    if not name or ".." in name.split("/"):
        return None
    return template.replace(PLACE, quote(name, safe="/"))


def _relative(file: str, folder: str) -> str:
    if not file.startswith("/"):
        return file.removeprefix("./")
    if file.startswith(f"{folder}/"):
        return file.removeprefix(folder).lstrip("/")
    _, found, rest = file.rpartition(f"/{folder.rpartition('/')[2]}/")
    return rest if found else file.rpartition("/")[2]
