"""The page: what people see in a browser. It works without JavaScript; with it, it stays fresh by itself."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from bridge.model.call import Outcome
from bridge.model.crm import CaseStatus, Contact, Lead, LeadStatus, Task, TaskStatus
from bridge.model.people import Employee
from bridge.store.calls import CallRecord
from bridge.store.engine import Connection
from bridge.store.glimpses import (
    Glimpse,
    calls_since,
    contacts_by_id,
    contacts_of_tasks,
    ongoing_calls,
    open_tasks_by_due,
    pending_work,
)
from bridge.store.pages import Page
from bridge.store.queries import (
    contact_by_id,
    deal_by_id,
    lead_by_id,
    organisation_by_id,
    page_of_calls,
    page_of_cases,
    page_of_leads,
    page_of_notes,
    page_of_tasks,
)
from bridge.web.asking import Asked, asked
from bridge.web.endpoints import ID, services
from bridge.web.explanation import explain
from bridge.web.gate import NOBODY, Visitor
from bridge.web.looks import STATIC_VERSION, TEMPLATES, Looks, hours_chart, timeline_chart
from bridge.web.problems import Refused, not_found
from bridge.web.shapes import OUTCOMES

MENU: Final = (
    ("now", "Now", "/"),
    ("calls", "Calls", "/calls"),
    ("tasks", "Tasks", "/tasks"),
    ("leads", "Leads", "/leads"),
    ("cases", "Missed", "/cases"),
    ("blocked", "Blocked", "/blocked"),
)
EMPLOYEE_COOKIE: Final = "bridge_employee"
SECONDS_REMEMBERED: Final = 365 * 86400
ROWS: Final = 50
SOME_ROWS: Final = 12
MOST_TASKS: Final = 500
LONGEST_LIVE_CALL: Final = 12 * 3600.0
"""A call that seems to go on longer has lost its end; it is not shown as going on."""


def render(
    request: web.Request,
    visitor: Visitor,
    template: str,
    here: str,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    **context: Any,
) -> web.Response:
    """A page, as this visitor sees it."""
    looks = context.pop("looks", None) or looks_of(request)
    text = TEMPLATES.get_template(template).render(
        looks=looks,
        visitor=visitor,
        here=here,
        menu=MENU if visitor.may("read") else (),
        version=STATIC_VERSION,
        live=context.pop("live", visitor.may("read")),
        **context,
    )
    return web.Response(text=text, status=status, content_type="text/html")


def looks_of(request: web.Request) -> Looks:
    """How things look at this moment."""
    shop = services(request)
    return Looks(shop.company(), shop.clock.now(), shop.zone)


def problem_page(request: web.Request, refused: Refused) -> web.Response:
    """What a person gets who asked for something that cannot be shown."""
    response = render(
        request, NOBODY, "problem.html", "problem", status=refused.status, title=refused.status.phrase,
        detail=refused.detail, live=False,
    )  # fmt: skip
    response.headers.update(refused.headers)
    return response


async def now(request: web.Request, visitor: Visitor) -> web.Response:
    """GET /: the calls that go on, the day in figures, what is urgent."""
    looks = looks_of(request)
    async with services(request).store.reading() as conn:
        today = await calls_since(conn, looks.midnight)
        ongoing = await ongoing_calls(conn, since=looks.now - LONGEST_LIVE_CALL, limit=ROWS)
        latest = await page_of_calls(conn, limit=SOME_ROWS + len(ongoing))
        tasks = await open_tasks_by_due(conn, assignee=None, limit=SOME_ROWS)
        pending = await pending_work(conn, looks.now)
        contacts = await _contacts(conn, (*ongoing, *latest.items))
    going_on = {call.id for call in ongoing}
    return render(
        request,
        visitor,
        "now.html",
        "now",
        looks=looks,
        figures=_figures(today),
        chart=hours_chart(today, looks),
        ongoing=ongoing,
        calls=[call for call in latest.items if call.id not in going_on][:SOME_ROWS],
        tasks=tasks,
        pending=pending,
        contacts=contacts,
    )


def _figures(today: Iterable[Glimpse]) -> Mapping[str, int | None]:
    """How many calls of today; an answered rate only of inbound calls that are over."""
    calls = list(today)
    over = [call for call in calls if call.direction == "inbound" and call.outcome is not None]
    answered = sum(call.outcome == "answered" for call in over)
    rate = round(100 * answered / len(over)) if over else None
    return {"calls": len(calls), "answered": answered, "missed": len(over) - answered, "rate": rate}


async def _contacts(conn: Connection, calls: Iterable[CallRecord]) -> dict[str, Contact]:
    return await contacts_by_id(conn, {call.contact_id for call in calls if call.contact_id is not None})


async def calls(request: web.Request, visitor: Visitor) -> web.Response:
    """GET /calls."""
    wanted, looks = _wanted(request, "client", "outcome", "employee", "cursor"), looks_of(request)
    page: Page[CallRecord] = Page(items=())
    problem: str | None = None
    async with services(request).store.reading() as conn:
        try:
            page = await page_of_calls(
                conn,
                client_keys=wanted.phone_keys("client", looks.company),
                outcome=wanted.word("outcome", Outcome),
                employee=wanted.text("employee"),
                limit=ROWS,
                cursor=wanted.cursor,
            )
        except Refused as refused:
            problem = refused.detail
        contacts = await _contacts(conn, page.items)
    days = [(day, list(some)) for day, some in groupby(page.items, key=lambda call: looks.day(call.body.started_at))]
    return render(
        request,
        visitor,
        "calls.html",
        "calls",
        looks=looks,
        wanted={name: wanted.text(name) for name in ("client", "outcome", "employee")},
        outcomes=OUTCOMES,
        days=days,
        contacts=contacts,
        problem=problem,
        first_page=wanted.cursor is None,
        next=_after(request, wanted, page.next),
    )


def _wanted(request: web.Request, *known: str) -> Asked:
    """The filters of a form: what is empty was not asked for."""
    return Asked({name: value for name, value in asked(request, *known, "limit").values.items() if value.strip()})


def _after(request: web.Request, wanted: Asked, cursor: str | None) -> str | None:
    """The address of the page after this one."""
    if cursor is None:
        return None
    return f"{request.path}?{urlencode({**wanted.values, 'cursor': cursor})}"


async def call(request: web.Request, visitor: Visitor) -> web.Response:
    """GET /calls/{id}: one call and why it led to what it led to."""
    asked(request)
    looks = looks_of(request)
    async with services(request).store.reading() as conn:
        story = await explain(conn, request.match_info["id"], looks.company, services(request).matrix())
        if story is None or not story.call.listed:
            raise not_found("call")
        tasks = await page_of_tasks(conn, call_id=story.call.id, limit=ROWS)
        contacts = await _contacts(conn, [story.call])
    return render(
        request,
        visitor,
        "call.html",
        "calls",
        looks=looks,
        story=story,
        contacts=contacts,
        tasks=tasks.items,
        timeline=timeline_chart(story.call, story.timeline, looks),
    )


async def tasks(request: web.Request, visitor: Visitor) -> web.Response:
    """GET /tasks: mine, once I have said who I am; the browser remembers it."""
    wanted, looks = _wanted(request, "employee", "status", "cursor"), looks_of(request)
    chosen = wanted.text("employee") or request.cookies.get(EMPLOYEE_COOKIE, "")
    employee = looks.company.employees.get(chosen)
    status = wanted.word("status", TaskStatus) or TaskStatus.OPEN
    assignee = None if employee is None else employee.id
    following: str | None = None
    async with services(request).store.reading() as conn:
        if status is TaskStatus.OPEN:
            groups = _by_urgency(await open_tasks_by_due(conn, assignee=assignee, limit=MOST_TASKS), looks)
        else:
            page = await page_of_tasks(
                conn, assignee=assignee, status=TaskStatus.DONE, limit=ROWS, cursor=wanted.cursor
            )
            groups = [("Done", list(page.items))]
            following = _after(request, wanted, page.next)
    response = render(
        request, visitor, "tasks.html", "tasks", looks=looks, employee=employee, which=str(status), groups=groups,
        next=following, here_address="/tasks",
    )  # fmt: skip
    if wanted.text("employee"):
        _remember_employee(response, employee, secure=services(request).secure)
    return response


def _by_urgency(open_tasks: Iterable[Task], looks: Looks) -> list[tuple[str, list[Task]]]:
    late: list[Task] = []
    today: list[Task] = []
    later: list[Task] = []
    for task in open_tasks:
        if task.due_at is not None and task.due_at < looks.now:
            late.append(task)
        elif task.due_at is not None and looks.day(task.due_at) == "Today":
            today.append(task)
        else:
            later.append(task)
    return [("Late", late), ("Today", today), ("Later", later)]


def _remember_employee(response: web.Response, employee: Employee | None, *, secure: bool) -> None:
    if employee is None:
        response.del_cookie(EMPLOYEE_COOKIE)
    else:
        response.set_cookie(
            EMPLOYEE_COOKIE, employee.id, max_age=SECONDS_REMEMBERED, httponly=True, samesite="Strict", secure=secure
        )


async def leads(request: web.Request, visitor: Visitor) -> web.Response:
    """GET /leads."""
    wanted, looks = _wanted(request, "phone", "status", "responsible", "cursor"), looks_of(request)
    page: Page[Lead] = Page(items=())
    problem: str | None = None
    async with services(request).store.reading() as conn:
        try:
            page = await page_of_leads(
                conn,
                phone_keys=wanted.phone_keys("phone", looks.company),
                status=wanted.word("status", LeadStatus),
                responsible=wanted.text("responsible"),
                limit=ROWS,
                cursor=wanted.cursor,
            )
        except Refused as refused:
            problem = refused.detail
        contacts = await contacts_by_id(conn, {lead.contact_id for lead in page.items if lead.contact_id is not None})
    return render(
        request,
        visitor,
        "leads.html",
        "leads",
        looks=looks,
        wanted={name: wanted.text(name) for name in ("phone", "status", "responsible")},
        statuses=tuple(LeadStatus),
        leads=page.items,
        contacts=contacts,
        problem=problem,
        first_page=wanted.cursor is None,
        next=_after(request, wanted, page.next),
    )


async def lead(request: web.Request, visitor: Visitor) -> web.Response:
    """GET /leads/{id}: the lead with everything that hangs on it."""
    asked(request)
    async with services(request).store.reading() as conn:
        found = await lead_by_id(conn, request.match_info["id"])
        if found is None:
            raise not_found("lead")
        contact = None if found.contact_id is None else await contact_by_id(conn, found.contact_id)
        organisation = None if found.organisation_id is None else await organisation_by_id(conn, found.organisation_id)
        deal = None if found.deal_id is None else await deal_by_id(conn, found.deal_id)
        its_tasks = await page_of_tasks(conn, lead_id=found.id, limit=ROWS)
        its_calls = await page_of_calls(conn, lead_id=found.id, limit=ROWS)
        notes = await page_of_notes(conn, lead_id=found.id, limit=ROWS)
        contacts = await _contacts(conn, its_calls.items)
    tags = ("source", "medium", "campaign", "term", "content")
    return render(
        request,
        visitor,
        "lead.html",
        "leads",
        lead=found,
        contact=contact,
        organisation=organisation,
        deal=deal,
        utm=[(tag, value) for tag in tags if (value := getattr(found.utm, tag))],
        tasks=its_tasks.items,
        calls=its_calls.items,
        notes=notes.items,
        contacts=contacts,
    )


async def cases(request: web.Request, visitor: Visitor) -> web.Response:
    """GET /cases: who was missed and not yet called back."""
    wanted = _wanted(request, "status", "cursor")
    status = wanted.word("status", CaseStatus) or CaseStatus.OPEN
    async with services(request).store.reading() as conn:
        page = await page_of_cases(conn, status=status, limit=ROWS, cursor=wanted.cursor)
        contacts = await contacts_of_tasks(conn, {case.task_id for case in page.items if case.task_id is not None})
    return render(
        request,
        visitor,
        "cases.html",
        "cases",
        which=str(status),
        cases=page.items,
        contacts=contacts,
        first_page=wanted.cursor is None,
        next=_after(request, wanted, page.next),
    )


ROUTES: Final = (
    ("/", now),
    ("/calls", calls),
    (f"/calls/{ID}", call),
    ("/tasks", tasks),
    ("/leads", leads),
    (f"/leads/{ID}", lead),
    ("/cases", cases),
)
