import re
from html.parser import HTMLParser

import pytest

from bridge.web.settings import WebSettings
from tests.flow.builders import ANNA, BELLA, acme
from tests.web.house import open_house

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"
PAGES = ("/", "/calls", "/tasks", "/leads", "/cases", "/blocked", "/docs", "/sign-in")


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.seen = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def named(self, tag):
        return [attrs for name, attrs in self.seen if name == tag]


async def every_page(house, session):
    """Each page that the house has, by its address."""
    calls = (await house.get("/v1/calls")).json["items"]
    leads = (await house.get("/v1/leads")).json["items"]
    paths = [*PAGES, "/tasks?status=done", "/cases?status=closed", "/nothing"]
    paths += [f"/calls/{call['id']}" for call in calls] + [f"/leads/{lead['id']}" for lead in leads]
    return {path: await house.see(path, session) for path in paths}


# ---- what hostile people write ----


async def test_what_strangers_write_never_becomes_markup(house):
    await house.happen(
        house.call(client_name=EVIL, utm={"source": EVIL, "campaign": EVIL}, queue=EVIL, event_id=EVIL),
        house.answered(EVIL, client_number=BELLA, client_name=EVIL, employee=EVIL[:50]),
        house.call("c-3", client_number=EVIL[:60], client_name=EVIL, line_number=EVIL[:60]),
    )
    await house.post("/v1/blocked-numbers", json={"number": "+447700900777", "reason": EVIL})
    for path, page in (await every_page(house, await house.sign_in())).items():
        elements = Elements(page.text)
        assert [script["src"].split("/")[-1] for script in elements.named("script")] == ["app.js"], path
        assert elements.named("img") == []
        assert not [attrs for _, attrs in elements.seen if any(name.startswith("on") for name in attrs)]
        assert "{{7*7}}" in page.text or "49" not in page.text
    assert "&lt;script&gt;" in (await house.see("/calls", await house.sign_in())).text


async def test_a_filter_is_repeated_as_text(house):
    session = await house.sign_in()
    page = await house.see("/calls", session, params={"client": EVIL})
    assert "no usable number" in page.text
    assert "<script>alert" not in page.text
    assert "<script>alert" not in (await house.see("/blocked", session, params={"test": EVIL})).text
    assert "<script>alert" not in (await house.ask("GET", "/sign-in", params={"next": f"/{EVIL}"})).text


async def test_links_to_recordings_lead_to_web_addresses_only(house):
    await house.happen(house.answered("c-1", recording_url="https://pbx.example/rec/1.mp3"))
    for page in (await every_page(house, await house.sign_in())).values():
        for link in Elements(page.text).named("a"):
            assert link["href"].startswith(("/", "#", "https://pbx.example/", "tel:+"))
            if link["href"].startswith("https://"):
                assert "noreferrer" in link["rel"]


async def test_nobody_has_missed_a_call_of_ours_that_did_not_reach_the_client(house):
    await house.happen(house.call("c-1", direction="outbound", employee="101"))
    call = (await house.get("/v1/calls")).json["items"][0]
    session = await house.sign_in()
    for path in ("/", "/calls", f"/calls/{call['id']}"):
        page = (await house.see(path, session)).text
        assert '<span class="pill not-reached">not reached</span>' in page
        assert "Why missed" not in page
    assert call["outcome"] == "missed"


# ---- what every page promises ----


async def test_every_page_has_its_landmarks_labels_and_no_inline_style_or_script(house):
    await house.happen(house.call(), house.answered("c-2", client_number=BELLA))
    for path, page in (await every_page(house, await house.sign_in())).items():
        elements = Elements(page.text)
        assert len(elements.named("h1")) == len(elements.named("main")) == 1, path
        assert elements.named("html") == [{"lang": "en"}]
        assert not [attrs for _, attrs in elements.seen if "style" in attrs], path
        assert elements.named("style") == []
        for field in elements.named("input") + elements.named("select"):
            hidden = field.get("type") == "hidden"
            assert hidden or re.search(rf'<label>[^<]*<(input|select)[^>]*name="{field["name"]}"', page.text), path
        ids = [attrs["id"] for _, attrs in elements.seen if "id" in attrs]
        assert len(ids) == len(set(ids)), path


async def test_the_current_page_is_marked_in_the_menu(house):
    session = await house.sign_in()
    for path, name in (("/", "Now"), ("/calls", "Calls"), ("/tasks", "Tasks"), ("/cases", "Missed")):
        marked = re.findall(r'aria-current="page">.*?<span>(\w+)</span>', (await house.see(path, session)).text)
        assert marked == [name]


async def test_a_person_who_errs_gets_a_page_and_not_json(house):
    session = await house.sign_in()
    for path, status in (("/nothing", 404), ("/calls/xyz", 404), ("/leads/xyz", 404), ("/calls?x=1", 400)):
        answer = await house.see(path, session)
        assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert "<h1>" in answer.text
    assert (await house.see("/calls?cursor=nonsense", session)).status == 400


# ---- each page ----


async def test_the_first_page_shows_who_is_on_the_phone_and_the_day_in_figures(house):
    await house.happen(house.call(), house.answered("c-2", client_number=BELLA, client_name="Bella Cruz"))
    await house.happen(
        house.call("c-3", type="call.ringing", outcome=None, ring_seconds=None, client_name="Carla Diaz")
    )
    page = (await house.see("/", await house.sign_in())).text
    assert figure(page, "Calls today") == "3"
    assert figure(page, "Answered") == "1 50 %"
    assert figure(page, "Missed") == "1"
    ongoing = page.split('id="ongoing"')[1].split('id="latest"')[0]
    assert "Carla Diaz" in ongoing
    assert "ringing" in ongoing
    assert "Bella Cruz" not in ongoing
    assert "Call back Anna Nowak" in page.split('id="urgent"')[1]


def figure(page, name):
    cell = re.search(rf"<dt>(?:<a[^>]*>)?{name}(?:</a>)?</dt><dd[^>]*>(.*?)</dd>", page, re.DOTALL)
    return re.sub(r"<[^>]*>|\s+", " ", cell[1]).strip().replace("  ", " ")


async def test_a_call_that_lost_its_end_is_not_shown_as_going_on_for_ever(house):
    await house.happen(house.call(type="call.ringing", outcome=None, ring_seconds=None))
    house.clock.advance(13 * 3600)
    assert "Nobody is on the phone" in (await house.see("/", await house.sign_in())).text


async def test_the_calls_are_grouped_by_day_and_paged(house):
    for number in range(60):
        await house.push(house.call(f"c-{number}", client_number=f"+4477009001{number:02d}"))
    await house.catch_up()
    house.clock.advance(86400)
    await house.happen(house.call("today"))
    session = await house.sign_in()
    page = (await house.see("/calls", session)).text
    assert re.findall(r"<h2>(\w+)</h2>", page) == ["Today", "Yesterday"]
    assert page.count('class="row missed"') == 50
    following = re.search(r'rel="next" href="([^"]*)"', page)[1].replace("&amp;", "&")
    assert (await house.see(following, session)).text.count('class="row missed"') == 11


async def test_filters_of_a_page_may_be_left_empty(house):
    await house.happen(house.call(), house.answered("c-2", client_number=BELLA))
    session = await house.sign_in()
    for query, rows in (("client=&outcome=&employee=", 2), ("client=07700+900111&outcome=", 1), ("employee=jan", 1)):
        assert (await house.see(f"/calls?{query}", session)).text.count('<li class="row') == rows


async def test_a_call_is_explained_with_its_legs_and_the_rows_that_did_not_match(house):
    await house.happen(
        house.call(type="call.ringing", outcome=None, ring_seconds=None, employee="102"),
        house.answered("c-1", event_id="end", employee="101"),
    )
    call = (await house.get("/v1/calls")).json["items"][0]
    page = (await house.see(f"/calls/{call['id']}", await house.sign_in())).text
    assert "Jan Kowalski (101)" in page
    assert '<rect class="talked"' in page
    assert '<span class="scenario">S3</span>' in page
    assert re.search(r"Why \d+ other scenarios did not match", page)
    assert "Opened the lead" in page


async def test_my_tasks_are_remembered_by_the_browser(house):
    await house.happen(house.call())
    session = await house.sign_in()
    chosen = await house.see("/tasks?employee=olga", session)
    assert "Tasks of Olga Senior" in chosen.text
    cookie = chosen.headers["Set-Cookie"]
    assert cookie.startswith("bridge_employee=olga;")
    assert "HttpOnly" in cookie
    headers = {"Cookie": f"bridge_session={session}; bridge_employee=olga"}
    assert "Tasks of Olga Senior" in (await house.ask("GET", "/tasks", headers=headers)).text
    everybody = await house.ask("GET", "/tasks?employee=all", headers=headers)
    assert "Everybody" in everybody.text
    assert 'bridge_employee=""' in everybody.headers["Set-Cookie"]


async def test_tasks_are_sorted_by_how_urgent_they_are(house):
    await house.happen(house.call())
    house.clock.advance(5 * 3600)
    await house.happen(house.call("c-2", client_number=BELLA, client_name="Bella Cruz"))
    page = (await house.see("/tasks", await house.sign_in())).text
    assert re.findall(r"<h2>(\w+) ", page) == ["Late", "Today"]


async def form(house, session, path, **fields):
    page = await house.see("/blocked", session)
    fields["csrf"] = page.text.split('name="csrf" value="')[1].split('"')[0]
    headers = {"Cookie": f"bridge_session={session}; bridge_employee=jan"}
    return await house.ask("POST", path, headers=headers, data=fields)


async def test_a_task_is_done_with_a_form_by_whoever_the_browser_remembers(house):
    await house.happen(house.call())
    task = (await house.get("/v1/tasks")).json["items"][0]
    session = await house.sign_in()
    answer = await form(house, session, f"/tasks/{task['id']}/done", back="/tasks", version="1")
    assert (answer.status, answer.headers["Location"]) == (303, "/tasks")
    assert (await house.get("/v1/tasks")).json["items"][0]["status"] == "done"
    assert (await house.get("/v1/cases")).json["items"][0]["resolved_by"] == "jan"


async def test_a_form_of_an_older_version_is_refused_with_a_page(house):
    await house.happen(house.call())
    task = (await house.get("/v1/tasks")).json["items"][0]
    answer = await form(house, await house.sign_in(), f"/tasks/{task['id']}/done", version="7")
    assert answer.status == 412
    assert "somebody else" in answer.text


async def test_a_form_never_leads_to_another_site(house):
    await house.happen(house.call())
    task = (await house.get("/v1/tasks")).json["items"][0]
    answer = await form(house, await house.sign_in(), f"/tasks/{task['id']}/done", back="//evil.example/")
    assert answer.headers["Location"] == "/tasks"


async def test_a_lead_is_converted_with_a_form(house):
    await house.happen(house.call())
    lead = (await house.get("/v1/leads")).json["items"][0]
    session = await house.sign_in()
    assert "Convert to a deal" in (await house.see(f"/leads/{lead['id']}", session)).text
    assert (await form(house, session, f"/leads/{lead['id']}/convert", version="1")).status == 303
    page = (await house.see(f"/leads/{lead['id']}", session)).text
    assert "Became the deal" in page
    assert "Convert to a deal" not in page


async def test_s3_23_numbers_are_blocked_and_unblocked_with_forms_under_any_spelling(house):
    session = await house.sign_in()
    assert (await form(house, session, "/blocked", number="07700 900777", reason="insults\x00\n!")).status == 303
    page = (await house.see("/blocked", session)).text
    assert "+44 7700 900777" in page
    assert 'value="+447700900777"' in page  # kept in E.164
    assert "insults!" in page
    assert "is blocked" in (await house.see("/blocked?test=%2B447700900777", session)).text
    assert "is not blocked" in (await house.see("/blocked?test=%2B447700900778", session)).text
    assert "no usable number" in (await house.see("/blocked?test=x", session)).text
    assert (await form(house, session, "/blocked/remove", number="00447700900777")).status == 303
    assert "No number is blocked" in (await house.see("/blocked", session)).text


@pytest.mark.parametrize(("number", "message"), [("nonsense", "no usable number"), ("101", "no usable number")])
async def test_s3_23_what_is_no_number_is_not_blocked_and_the_page_says_why(house, number, message):
    answer = await form(house, await house.sign_in(), "/blocked", number=number)
    assert answer.status == 422
    assert message in answer.text


async def test_what_the_configuration_blocks_cannot_be_removed_on_the_page(tmp_path):
    async with open_house(tmp_path, company=acme(blocked=[ANNA])) as house:
        session = await house.sign_in()
        assert "in bridge.toml; change it there" in (await house.see("/blocked", session)).text
        answer = await form(house, session, "/blocked/remove", number=ANNA)
        assert answer.status == 422
        assert "bridge.toml" in answer.text


async def test_the_demonstration_is_open_to_readers_and_shows_no_buttons(tmp_path):
    async with open_house(tmp_path, settings=WebSettings(anonymous="read")) as house:
        await house.happen(house.call())
        lead = (await house.get("/v1/leads")).json["items"][0]["id"]
        for path in (*PAGES[:6], f"/leads/{lead}"):
            page = await house.see(path)
            assert page.status == 200
            assert 'method="post"' not in page.text, path
        assert "Sign in" in page.text


async def test_static_files_may_be_kept_for_ever_under_the_address_of_their_content(house):
    page = await house.ask("GET", "/sign-in")
    for address in re.findall(r'(?:href|src)="(/static/[^"]*)"', page.text):
        answer = await house.ask("GET", address)
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert (await house.ask("GET", "/static/old/app.css")).headers["Cache-Control"] == "no-cache"
    assert (await house.ask("GET", "/static/x/../../pages.py")).status == 404
    assert (await house.ask("GET", "/static/x/nothing.js")).status == 404
    assert page.headers["Cache-Control"] == "no-store"
