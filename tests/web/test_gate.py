import pytest

from bridge.store.tokens import revoke_token
from bridge.web.settings import WebSettings
from bridge.web.tokens import make_token
from tests.web.house import open_house

READS = ("/v1/leads", "/v1/calls", "/v1/tasks", "/v1/blocked-numbers", "/v1/quarantine", "/v1/stream")
OPEN = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/sign-in")
PAGES = ("/", "/calls", "/tasks", "/leads", "/cases", "/blocked")
NUMBER = {"number": "+447700900777"}


@pytest.fixture
async def open_to_readers(tmp_path):
    settings = WebSettings(anonymous="read")
    async with open_house(tmp_path, settings=settings, public_url="https://bridge.example") as opened:
        yield opened


async def revoke(house, name):
    async with house.store.writing() as conn:
        assert await revoke_token(conn, name, house.clock.now())


# ---- who may what ----


async def test_nobody_reads_the_api_without_a_token(house):
    for path in READS:
        answer = await house.ask("GET", path)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json["detail"].startswith("send a token")


async def test_what_holds_no_clients_data_is_open(house):
    for path in OPEN:
        assert (await house.ask("GET", path)).status == 200


async def test_a_page_asks_a_stranger_to_sign_in_and_leads_him_back(house):
    for path in PAGES:
        answer = await house.see(path)
        assert answer.status == 303
        assert answer.headers["Location"] == ("/sign-in" if path == "/" else f"/sign-in?next={path}")


async def test_scopes_are_kept_apart(house):
    await house.token("reader", "read")
    await house.token("writer", "write")
    assert (await house.get("/v1/leads", token="reader")).status == 200
    assert (await house.post("/v1/blocked-numbers", token="reader", json=NUMBER)).status == 403
    assert (await house.get("/v1/leads", token="writer")).status == 403
    assert (await house.post("/v1/blocked-numbers", token="writer", json=NUMBER)).status == 201


NO_TOKENS = [
    "Bearer",
    "Bearer ",
    "Bearer cb_",
    "Bearer cb__",
    "Bearer cb_x_y",
    "Bearer cb_{id}_wrong",
    "Bearer cb_{id}_{secret}x",
    "Basic {secret}",
    "{text}",
    "Bearer {text} {text}",
    "Bearer \udcff",
    "Bearer cb_{id}_" + "x" * 10_000,
]


async def test_a_token_is_good_as_a_whole_or_not_at_all(house):
    text = house.tokens["all"]
    _, token_id, secret = text.split("_", 2)
    for header in NO_TOKENS:
        given = header.format(id=token_id, secret=secret, text=text)
        answer = await house.ask("GET", "/v1/leads", headers={"Authorization": given})
        assert answer.status in {400, 401}  # 400: the header is longer than any may be


async def test_a_wrong_token_is_refused_even_where_anybody_may_read(open_to_readers):
    assert (await open_to_readers.get("/v1/leads", token="cb_x_y")).status == 401


async def test_a_revoked_token_and_its_sessions_end_within_seconds(house):
    await house.token("laptop", "read", "write")
    session = await house.sign_in("laptop")
    assert (await house.get("/v1/leads", token="laptop")).status == 200
    assert (await house.see("/calls", session)).status == 200
    await revoke(house, "laptop")
    house.clock.advance(6)
    assert (await house.get("/v1/leads", token="laptop")).status == 401
    assert (await house.see("/calls", session)).status == 303
    assert (await house.ask("POST", "/sign-in", data={"token": house.tokens["laptop"]})).status == 401


def test_a_token_is_kept_as_a_hash_and_needs_its_randomness():
    token = make_token(b"r" * 32)
    assert token.text.split("_", 2)[2] not in token.hash
    assert token.hash.startswith("$argon2id$")
    with pytest.raises(ValueError, match="32 random bytes"):
        make_token(b"short")


# ---- sessions ----


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(open_to_readers):
    answer = await open_to_readers.ask("POST", "/sign-in", data={"token": open_to_readers.tokens["all"]})
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=43200"))
    assert open_to_readers.tokens["all"] not in cookie


async def test_a_session_ends_after_its_hours(house):
    session = await house.sign_in()
    house.clock.advance(12 * 3600 + 1)
    assert (await house.see("/calls", session)).status == 303


async def test_a_session_that_somebody_made_up_is_none(house):
    session = await house.sign_in()
    for made_up in (session[:-1] + ("1" if session[-1] != "1" else "2"), f"x{session}", "", ".", "..", "a.b.c"):
        assert (await house.see("/calls", made_up or "x")).status == 303


async def test_a_session_cannot_be_made_to_last_longer(house):
    token_id, until, signature = (await house.sign_in()).split(".")
    assert (await house.see("/calls", f"{token_id}.{int(until) + 9999}.{signature}")).status == 303


async def test_a_wrong_token_at_the_door_is_told_on_the_page(house):
    answer = await house.ask("POST", "/sign-in", data={"token": "cb_wrong_token"})
    assert answer.status == 401
    assert "This token is not good" in answer.text


async def test_signing_in_never_leads_to_another_site(house):
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "/a\r\nX: y", "é"):
        data = {"token": house.tokens["all"], "next": target}
        assert (await house.ask("POST", "/sign-in", data=data)).headers["Location"] == "/"


async def test_signing_out_takes_the_cookie_away(house):
    session = await house.sign_in()
    page = await house.see("/calls", session)
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    cookie = {"Cookie": f"bridge_session={session}"}
    assert (await house.ask("POST", "/sign-out", headers=cookie, data={"csrf": "no"})).status == 401
    answer = await house.ask("POST", "/sign-out", headers=cookie, data={"csrf": csrf})
    assert 'bridge_session=""' in answer.headers["Set-Cookie"]


# ---- writes with a session need more than the session ----


async def csrf_of(house, session):
    page = await house.see("/blocked", session)
    return page.text.split('name="csrf" value="')[1].split('"')[0]


async def test_a_write_with_a_session_needs_its_csrf_token(house):
    session = await house.sign_in()
    csrf = await csrf_of(house, session)
    cookie = {"Cookie": f"bridge_session={session}"}
    for headers in ({}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": csrf, "Sec-Fetch-Site": "cross-site"}):
        answer = await house.ask("POST", "/v1/blocked-numbers", headers=cookie | headers, json=NUMBER)
        assert answer.status == 403
    good = cookie | {"X-CSRF-Token": csrf, "Sec-Fetch-Site": "same-origin"}
    assert (await house.ask("POST", "/v1/blocked-numbers", headers=good, json=NUMBER)).status == 201


@pytest.mark.parametrize(
    "path",
    ["/blocked", "/blocked/remove", "/tasks/abc/done", "/leads/abc/convert", "/leads/abc/win", "/leads/abc/lose"],
)
async def test_every_form_needs_the_csrf_token_of_its_own_session(house, path):
    session, other = await house.sign_in(), await csrf_of(house, await _later(house))
    cookie = {"Cookie": f"bridge_session={session}"}
    for data in ({}, {"csrf": "wrong"}, {"csrf": other}):
        assert (await house.ask("POST", path, headers=cookie, data=NUMBER | data)).status == 403
    assert (await house.ask("POST", path, data=NUMBER | {"csrf": other})).status == 401
    assert (await house.get("/v1/blocked-numbers")).json["items"] == []


async def _later(house):
    house.clock.advance(1)
    return await house.sign_in()


async def test_a_reader_who_is_signed_in_may_not_write(house):
    await house.token("reader", "read")
    session = await house.sign_in("reader")
    assert 'name="reason"' not in (await house.see("/blocked", session)).text
    cookie = {"Cookie": f"bridge_session={session}"}
    page = await house.see("/calls", session)
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    assert (await house.ask("POST", "/blocked", headers=cookie, data=NUMBER | {"csrf": csrf})).status == 403


# ---- where anybody may read ----


async def test_anybody_on_this_machine_may_look_when_the_settings_say_so(open_to_readers):
    for path in (*PAGES, "/v1/leads", "/v1/calls"):
        for host in ("127.0.0.1:8080", "localhost", "[::1]:8080", "bridge.example"):
            assert (await open_to_readers.ask("GET", path, headers={"Host": host})).status == 200


async def test_a_site_that_borrows_our_address_reads_nothing(open_to_readers):
    for host in ("evil.example", "127.0.0.1.evil.example", "[::1", "", "localhost.evil.example"):
        assert (await open_to_readers.ask("GET", "/v1/leads", headers={"Host": host})).status == 401
        assert (await open_to_readers.see("/calls", headers={"Host": host})).status == 303


async def test_looking_is_all_that_anybody_may_do(open_to_readers):
    assert (await open_to_readers.ask("POST", "/v1/blocked-numbers", json=NUMBER)).status == 401
    assert (await open_to_readers.ask("POST", "/blocked", data=NUMBER)).status == 401
    page = await open_to_readers.see("/blocked")
    assert 'action="/blocked"' in page.text
    assert 'method="post"' not in page.text


# ---- what every answer carries ----


async def test_every_answer_tells_browsers_to_be_careful(house):
    for path in ("/", "/sign-in", "/v1/leads", "/nothing", "/static/x/app.css", "/healthz"):
        answer = await house.ask("GET", path, headers={"Host": "evil.example"})
        headers = answer.headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Server"] == "callbridge"
        assert "Strict-Transport-Security" not in headers
        assert "evil.example" not in answer.text + headers.get("Location", "")


async def test_insistence_on_tls_comes_with_a_public_https_address(open_to_readers):
    assert "Strict-Transport-Security" in (await open_to_readers.ask("GET", "/healthz")).headers
