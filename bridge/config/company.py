"""From the sections to the company: names resolved, numbers read, and everything that contradicts something noted."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bridge.config.lines import Key, spell
from bridge.config.problems import Findings, did_you_mean
from bridge.config.reading import Placed, S, Sections
from bridge.config.settings import EmployeeSection, LineSection, ScheduleSection
from bridge.config.values import is_loopback, read_hours
from bridge.crm.settings import HttpCrm
from bridge.model.people import Branch, Company, Employee, Line, Policy, Role, Schedule
from bridge.model.phone import Hidden, PhoneNumber, Unusable, lookup_keys, read_number


def found_company(sections: Sections, found: Findings) -> Company:
    """The company that the sections describe; contradictions are noted in `found` and make it unfit for use."""
    people = _People(sections=sections, found=found)
    people.read()
    _check_references(sections, found)
    _check_sources(sections, found)
    _check_web(sections, found)
    _check_crm(sections, found)
    bridge = sections.bridge
    return Company(
        name=bridge.name,
        country=bridge.country,
        timezone=bridge.timezone,
        policy=_policy(sections, found),
        branches={s.id: Branch(id=s.id, name=s.name or s.id) for s in _sections(sections.branches)},
        employees=people.employees,
        schedules={s.id: _schedule(s, bridge.timezone) for s in _sections(sections.schedules)},
        lines=people.lines,
        parties=people.parties,
        own_numbers=frozenset(people.owners),
        blocked=frozenset(_blocked(sections, people.owners, found)),
    )


@dataclass(slots=True, kw_only=True)
class _People:
    """Who and what a call may name: employees and lines, with the key that claimed each name first."""

    sections: Sections
    found: Findings
    employees: dict[str, Employee] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    parties: dict[str, str] = field(default_factory=dict)
    owners: dict[str, Key] = field(default_factory=dict)
    """Each lookup key of an own number, with where it is written."""
    _claims: dict[str, tuple[Key, str]] = field(default_factory=dict)

    def read(self) -> None:
        for employee in self.sections.employees:
            self._employee(employee)
        for line in self.sections.lines:
            self._line(line)

    def _employee(self, placed: Placed[EmployeeSection]) -> None:
        section, key = placed.section, placed.key
        owner = section.id or spell(key)
        for name, values in (("extensions", section.extensions), ("accounts", section.accounts)):
            for index, value in enumerate(values):
                self._claim((*key, name, index), owner, value, {value, value.lower()})
        if section.email:
            self._claim((*key, "email"), owner, section.email, {section.email.lower()})
        phones = tuple(self._phones(placed, owner))
        self.employees[section.id] = _as_employee(section, phones)

    def _phones(self, placed: Placed[EmployeeSection], owner: str) -> Iterator[str]:
        for index, raw in enumerate(placed.section.phones):
            key = (*placed.key, "phones", index)
            number = _number(raw, self.sections.bridge.country, key, self.found)
            if number is not None:
                self._claim(key, owner, raw, lookup_keys(number))
                self.owners.update(dict.fromkeys(lookup_keys(number), key))
                yield number.e164

    def _claim(self, key: Key, owner: str, value: str, names: Iterable[str]) -> None:
        for name in names:
            other_key, other = self._claims.setdefault(name, (key, owner))
            if other != owner:
                place = self.found.place(other_key)
                self.found.add(key, f"this is also {other}'s {place}; give it to one of the two", value)
                return
            self.parties.setdefault(name, owner)

    def _line(self, placed: Placed[LineSection]) -> None:
        section, key = placed.section, (*placed.key, "number")
        number = _number(section.number, self.sections.bridge.country, key, self.found) if section.number else None
        if number is None:
            return
        for name in lookup_keys(number):
            other = self.owners.setdefault(name, key)
            if other != key:
                place = self.found.place(other)
                self.found.add(key, f"this number is also {place}; a number is one line or one phone", section.number)
                return
        self.lines[number.e164] = Line(
            number=number.e164, name=section.name or number.e164, branch=section.branch, schedule=section.schedule
        )


def _as_employee(section: EmployeeSection, phones: tuple[str, ...]) -> Employee:
    return Employee(
        id=section.id,
        name=section.name,
        role=section.role,
        branch=section.branch,
        email=section.email,
        extensions=section.extensions,
        phones=phones,
        groups=section.groups,
        schedule=section.schedule,
        active=section.active,
        assignable=section.assignable,
    )


def _schedule(section: ScheduleSection, timezone: str) -> Schedule:
    hours = tuple(opening for written in section.hours for opening in read_hours(written))
    return Schedule(id=section.id, timezone=section.timezone or timezone, hours=hours, closed=frozenset(section.closed))


def _number(raw: str, country: str, key: Key, found: Findings) -> PhoneNumber | None:
    """The number, or None with a problem noted; nothing can be read, or said, without a country."""
    if not country:
        return None
    number = read_number(raw, country)
    match number:
        case PhoneNumber():
            return number
        case Hidden() | Unusable():
            found.add(key, f"this is no telephone number in {country}; write it with + and the country code", raw)
            return None


def _sections(placed: Iterable[Placed[S]]) -> list[S]:
    return [item.section for item in placed]


def _check_references(sections: Sections, found: Findings) -> None:
    branches = {item.section.id for item in sections.branches}
    schedules = {item.section.id for item in sections.schedules}
    both: list[Placed[EmployeeSection] | Placed[LineSection]] = [*sections.employees, *sections.lines]
    for item in both:
        section = item.section
        if section.branch and section.branch not in branches:
            found.add((*item.key, "branch"), _unknown(section.branch, branches, "branch"), section.branch)
        if section.schedule and section.schedule not in schedules:
            found.add((*item.key, "schedule"), _unknown(section.schedule, schedules, "schedule"), section.schedule)


def _unknown(name: str, known: Iterable[str], section: str) -> str:
    hint = did_you_mean(name, known)
    return f'there is no such {section}; {hint or f"""add [[{section}]] with id = "{name}" """.strip()}'


def _check_sources(sections: Sections, found: Findings) -> None:
    for item in sections.sources:
        source = item.section
        if not source.id.replace("-", "").replace("_", "").isalnum() or not source.id.isascii():
            found.add((*item.key, "id"), "it becomes part of addresses: write letters, digits, - and _", source.id)


def _check_web(sections: Sections, found: Findings) -> None:
    web = sections.web
    if web.anonymous == "read" and not is_loopback(web.host):
        place = found.place(("web", "listen"))
        found.add(
            ("web", "anonymous"),
            f"{place} lets other machines in, and nobody would ask them who they are; "
            'write anonymous = "none", or listen = "127.0.0.1:8080"',
            web.anonymous,
        )
    elif web.anonymous == "read" and sections.bridge.public_url:
        place = found.place(("bridge", "public_url"))
        found.warn(("web", "anonymous"), f"whoever reaches {place} can read everything; the proxy must ask who he is")


def _check_crm(sections: Sections, found: Findings) -> None:
    if isinstance(sections.crm, HttpCrm) and sections.crm.url:
        parts = urlsplit(sections.crm.url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            found.warn(("crm", "url"), "clients' data and the token travel unencrypted; write https://")


def _blocked(sections: Sections, owners: Mapping[str, Key], found: Findings) -> Iterator[str]:
    for index, raw in enumerate(sections.policy.blocked_numbers):
        key: Key = ("policy", "blocked_numbers", index)
        number = _number(raw, sections.bridge.country, key, found)
        keys = lookup_keys(number) if number is not None else frozenset()
        if own := [name for name in keys if name in owners]:
            place = found.place(owners[own[0]])
            found.add(key, f"this is our own {place}; a number of ours cannot be blocked, take one of them away", raw)
        yield from keys


def _policy(sections: Sections, found: Findings) -> Policy:
    written = sections.policy
    policy = Policy(
        senior=_chosen(sections, Role.SENIOR, written.senior, found),
        top=_chosen(sections, Role.TOP, written.top, found),
        task_deadline=written.task_deadline,
        deadline_counts=written.deadline_counts,
        settle=written.settle,
        short_abandon=written.short_abandon,
        short_abandon_repeat=written.short_abandon_repeat,
        outbound_min_talk=written.outbound.min_talk,
        review_open=written.review_open,
        owner_follows_transfer=written.owner_follows_transfer,
        new_answered_done_task=written.new_answered.done_task,
        repeat=written.repeat,
        missed_chain=written.missed_chain,
        forms=written.forms,
        chat_intake=written.chat_intake,
        same_touch=written.same_touch,
    )
    people = {*_CHAIN, *(item.section.id for item in sections.employees)}
    for index, word in enumerate(policy.missed_chain):
        if word not in people:
            hint = did_you_mean(word, people)
            found.add(("policy", "missed_chain", index), f"nobody is called so; {hint}", word)
    if policy.deadline_counts == "working" and not sections.schedules:
        found.add(
            ("policy", "deadline_counts"),
            "there are no working hours to count: add a [[schedule]] and name it in an employee or line, "
            'or write deadline_counts = "clock"',
            policy.deadline_counts,
        )
    return policy


_CHAIN = ("senior", "responsible", "top")

_ASKED: Mapping[Role, str] = {
    Role.SENIOR: "call back whom nobody answered",
    Role.TOP: "check the settings when an unknown phone answers",
}


def _chosen(sections: Sections, role: Role, chosen: str | None, found: Findings) -> str:
    """The id of the senior or top manager: the one that is named, else the only one of that role."""
    key: Key = ("policy", role.value)
    by_id: dict[str, list[Placed[EmployeeSection]]] = defaultdict(list)
    for item in sections.employees:
        by_id[item.section.id].append(item)
    if chosen is None:
        return _only_one(sections, role, key, found)
    if chosen not in by_id:
        hint = did_you_mean(chosen, filter(None, by_id)) or "there is no [[employee]] at all"
        found.add(
            key,
            f'there is no such employee; {hint}; or add [[employee]] with id = "{chosen}", name = "…", '
            f'role = "{role}", who is to {_ASKED[role]}',
            chosen,
        )
        return chosen
    employee = by_id[chosen][0]
    for name, given in (("active", employee.section.active), ("assignable", employee.section.assignable)):
        if not given:
            place = found.place((*employee.key, name))
            trouble = f"{place} is false, so he gets no tasks"
            if role is Role.TOP:
                found.add(key, f"{trouble}; name somebody else or make it true", chosen)
            else:
                found.warn(key, f"{trouble} and {chosen}'s go to policy.top (D17); name somebody else")
    if employee.section.role != role:
        found.warn(key, f"{chosen}'s role is {employee.section.role}, not {role}: {found.place(employee.key)}")
    return chosen


def _only_one(sections: Sections, role: Role, key: Key, found: Findings) -> str:
    able = [item for item in sections.employees if item.section.role == role and item.section.active]
    ids = [item.section.id for item in able if item.section.id and item.section.assignable]
    if len(ids) == 1:
        return ids[0]
    if ids:
        found.add(key, f'several employees have the role {role} ({", ".join(ids)}); write {role} = "{ids[0]}"')
    else:
        found.add(
            key,
            f"nobody is there to {_ASKED[role]}; under [policy] write {role} = the id of an [[employee]], "
            f'for example: [[employee]] id = "olga", name = "Olga Nowak", role = "{role}"',
        )
    return ""
