"""Forms are small, come at once, and cost nothing while nobody knows who sends them."""

import asyncio

import pytest
from structlog.testing import capture_logs

FORM = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n"


async def connected(house):
    host, port = house.address.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def status_of(house, path: str, *, length: int, sent: bytes) -> int:
    reader, writer = await connected(house)
    writer.write(FORM.format(path, length).encode() + sent)
    try:
        async with asyncio.timeout(5):
            return int((await reader.readline()).split()[1])
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("path", ["/tasks/t1/done", "/leads/l1/win", "/blocked", "/sign-out"])
async def test_nothing_is_read_of_the_form_of_somebody_unknown(house, path):
    assert await status_of(house, path, length=100_000, sent=b"csrf=") == 401


async def test_a_sign_in_of_more_than_a_form_can_hold_is_too_large(house):
    assert await status_of(house, "/sign-in", length=20_000, sent=b"token=" + b"x" * 19_994) == 413


async def test_a_sign_in_of_a_thousand_fields_is_none_of_ours(house):
    answer = await house.ask("POST", "/sign-in", data="&".join(f"f{n}=" for n in range(1000)))
    assert answer.status == 400


async def test_somebody_who_hangs_up_in_the_middle_of_a_form_is_no_mistake_of_ours(house):
    with capture_logs() as told:
        for _ in range(3):
            _, writer = await connected(house)
            writer.write(FORM.format("/sign-in", 900).encode() + b"token=")
            await writer.drain()
            await house.get("/healthz")  # by then the form has been begun
            writer.transport.abort()
        for _ in range(3):
            await house.get("/healthz")
    assert [entry for entry in told if entry["log_level"] in {"warning", "error"}] == []
