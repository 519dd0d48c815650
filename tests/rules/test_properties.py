"""Whatever happens: no situation raises, a decision is always the same, and its effects done twice are done once."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model.call import Direction, MissedReason, Outcome, Rang, Talk, Transfer, TransferKind
from bridge.model.crm import Case, DealStatus, LeadStatus, Task, TaskKind, TaskStatus
from bridge.model.effects import (
    AddTask,
    CountOnly,
    LogCall,
    OpenContact,
    OpenDeal,
    OpenLead,
    OpenOrganisation,
)
from bridge.model.situation import Occasion
from bridge.rules.decide import decide
from bridge.rules.facts import FACTS, Facts
from bridge.rules.findings import find
from bridge.rules.ledger import apply_all
from bridge.rules.matching import judged
from bridge.rules.vocabulary import CONDITIONS, NONE
from tests.builders import (
    CLIENT,
    LINE,
    MATRIX,
    MORNING,
    OFFICE,
    answered,
    changed,
    client,
    company,
    contact,
    deal,
    lead,
    situation,
)
from tests.rules.test_decide_nobody import CHAT, FORM

PARTIES = st.sampled_from(["100", "101", "102", "109", "555", "+447700900801", "", "+447700900999"])
OWNERS = st.sampled_from([None, "eva", "jan", "olga", "gone"])
CALLS = st.builds(
    replace,
    st.just(answered()),
    direction=st.sampled_from(Direction),
    talked=st.lists(
        st.builds(Talk, party=PARTIES, since=st.just(MORNING + 5), until=st.sampled_from([None, MORNING + 60])),
        max_size=3,
    ).map(tuple),
    rang=st.lists(st.builds(Rang, party=PARTIES, since=st.just(MORNING)), max_size=3).map(tuple),
    transfers=st.lists(
        st.builds(
            Transfer,
            kind=st.sampled_from(TransferKind),
            by=PARTIES,
            to=st.none() | PARTIES,
            at=st.just(MORNING + 30),
            answered=st.sampled_from([True, False, None]),
        ),
        max_size=2,
    ).map(tuple),
    answered_at=st.sampled_from([None, MORNING + 5]),
    ended_at=st.sampled_from([None, MORNING + 60]),
    outcome=st.none() | st.sampled_from(Outcome),
    missed_reason=st.none() | st.sampled_from(MissedReason),
    caller=st.none() | PARTIES,
    client_name=st.sampled_from([None, "", "Anna {Nowak}"]),
    recordings=st.sampled_from([(), ("https://pbx.example/1",)]),
    raw_line=st.sampled_from([None, LINE]),
)
CASES = st.builds(
    Case,
    id=st.just("case-1"),
    client=st.just(CLIENT),
    client_number=st.sampled_from([CLIENT, None]),
    line_number=st.sampled_from([LINE, None]),
    attempts=st.just(1),
    first_at=st.just(MORNING - 9),
    last_at=st.sampled_from([MORNING - 9, MORNING + 900]),
    due_at=st.just(MORNING),
    task_id=st.sampled_from([None, "task-1"]),
)
TASK = Task(id="task-1", kind=TaskKind.CALLBACK, status=TaskStatus.OPEN, assignee_id="olga", title="t")
CLIENTS = st.builds(
    client,
    st.builds(contact, owner_id=OWNERS),
    st.builds(
        lead, status=st.sampled_from(LeadStatus), owner_id=OWNERS, contact_id=st.sampled_from([None, "contact-1"])
    ),
    st.builds(
        lead, id=st.just("lead-2"), status=st.sampled_from(LeadStatus), origin=st.sampled_from(["old", "pbx/c-1"])
    ),
    st.builds(deal, status=st.sampled_from(DealStatus), lead_id=st.sampled_from([None, "lead-1"]), owner_id=OWNERS),
    CASES,
    st.just(TASK),
)
PARTS = st.builds(
    lambda known, keep: replace(
        known,
        contacts=known.contacts if keep & 1 else (),
        leads=known.leads if keep & 2 else (),
        deals=known.deals if keep & 4 else (),
        cases=known.cases if keep & 8 else (),
        tasks=known.tasks if keep & 16 else (),
    ),
    CLIENTS,
    st.integers(0, 31),
)
COMPANIES = st.builds(
    company,
    people=st.sampled_from(
        [changed("eva"), changed("eva", active=False), changed("olga", assignable=False, schedule="office")]
    ),
    schedules=st.sampled_from([[], [OFFICE]]),
    deadline_counts=st.sampled_from(["clock", "working"]),
    short_abandon=st.sampled_from([0.0, 100.0]),
    review_open=st.booleans(),
    owner_follows_transfer=st.booleans(),
    new_answered_done_task=st.booleans(),
    repeat=st.sampled_from(["case", "new_task"]),
    missed_chain=st.sampled_from([("senior", "top"), ("responsible", "senior"), ("jan",), ()]),
    forms=st.booleans(),
    chat_intake=st.sampled_from(["auto", "manual"]),
)
SITUATIONS = st.builds(
    lambda call, before, now, kind, **fields: situation(
        call if kind not in {Occasion.FORM, Occasion.CHAT} else None,
        now,
        occasion=kind,
        client_before=before,
        form=FORM if kind is Occasion.FORM else None,
        chat=CHAT if kind is Occasion.CHAT else None,
        **fields,
    ),
    CALLS,
    PARTS,
    PARTS,
    st.sampled_from(Occasion),
    company=COMPANIES,
    blocked=st.booleans(),
    own_number=st.sampled_from([False, False, True]),
    client_number=st.sampled_from([CLIENT, CLIENT, None]),
    raw_number=st.sampled_from([None, CLIENT, "0000"]),
    line_number=st.sampled_from([LINE, None]),
    settings_task_id=st.sampled_from([None, "settings-1"]),
    earlier_short_abandon=st.booleans(),
    fact=st.just("pbx/c-1"),
)


@settings(max_examples=400, deadline=None)
@given(SITUATIONS)
def test_any_situation_is_decided_always_the_same_and_its_effects_are_done_once(found):
    verdict = decide(found, MATRIX)
    assert verdict == decide(found, MATRIX)
    once = apply_all(found.client, verdict.effects)
    again = decide(replace(found, client=once), MATRIX)
    twice = apply_all(once, verdict.effects)
    assert [record.id for record in (*twice.contacts, *twice.leads, *twice.tasks, *twice.cases)] == [
        record.id for record in (*once.contacts, *once.leads, *once.tasks, *once.cases)
    ]
    assert {case.attempts for case in twice.cases} == {case.attempts for case in once.cases}
    assert not {lead.id for lead in apply_all(once, again.effects).leads} - {lead.id for lead in once.leads}


@settings(max_examples=400, deadline=None)
@given(SITUATIONS)
def test_any_verdict_keeps_the_rules_of_the_house(found):
    verdict = decide(found, MATRIX)
    made = {type(effect) for effect in verdict.effects}
    if found.blocked or found.own_number:
        assert made == {CountOnly}
    if OpenLead in made:
        assert found.client_number is not None or found.call is None
        assert OpenDeal not in made
        assert all(
            effect.lead.contact_id or effect.lead.organisation_id
            for effect in verdict.effects
            if isinstance(effect, OpenLead)
        )
        assert all(effect.lead.id in effect.lead.title for effect in verdict.effects if isinstance(effect, OpenLead))
    if found.client_number is None and found.call is not None:
        assert not made & {OpenContact, OpenOrganisation, OpenLead, OpenDeal}
    known = judged(found)
    became = {one.deal_id for one in known.leads if one.deal_id} | {one.id for one in known.deals if one.lead_id}
    for effect in verdict.effects:
        if isinstance(effect, LogCall):
            assert effect.deal_id not in became
        if isinstance(effect, AddTask):
            assert effect.task.assignee_id
            assert effect.task.title
            assert (effect.task.due_at is None) == (effect.task.status is TaskStatus.DONE)
    assert verdict.scenario is None or verdict.reasons[0].startswith(f"{verdict.scenario}: ")


@settings(max_examples=200, deadline=None)
@given(SITUATIONS)
def test_every_fact_speaks_in_the_words_of_the_vocabulary(found):
    facts = Facts(find(found, MATRIX))
    for key, domain in CONDITIONS.items():
        word = facts[key]
        assert not domain.words or word in (*domain.words, NONE), (key, word)


def test_every_condition_has_its_fact_and_every_fact_its_condition():
    assert set(FACTS) == set(CONDITIONS)
