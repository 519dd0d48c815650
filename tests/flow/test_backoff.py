from hypothesis import given
from hypothesis import strategies as st

from bridge.flow.backoff import Backoff
from bridge.flow.breaker import CLOSED, MOST_FAILURES, PAUSES, REFUSED_SECONDS, Breaker, BreakerState
from bridge.flow.pace import TokenBucket

HALF_A_MINUTE = Backoff(first=1.0, most=30.0)


def test_each_wait_is_at_most_twice_as_long_as_the_one_before_up_to_the_longest():
    assert [HALF_A_MINUTE.longest(n) for n in range(8)] == [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


@given(attempt=st.integers(0, 10**9), chance=st.floats(0, 1))
def test_chance_takes_any_part_of_it_and_never_more(attempt, chance):
    assert 0 <= HALF_A_MINUTE.pause(attempt, chance) <= HALF_A_MINUTE.longest(attempt) <= 30.0


def opened(now: float = 100.0) -> Breaker:
    breaker = CLOSED
    for _ in range(MOST_FAILURES):
        breaker = breaker.failed("500", now)
    return breaker


def test_a_breaker_opens_after_some_failures_in_a_row():
    breaker = CLOSED
    for _ in range(MOST_FAILURES - 1):
        breaker = breaker.failed("500", 100.0)
    assert breaker.state(100.0) is BreakerState.CLOSED
    assert breaker.worked() == CLOSED
    assert breaker.failed("500", 100.0).state(100.0) is BreakerState.OPEN


def test_an_open_breaker_lets_nothing_through_and_then_one():
    breaker = opened()
    assert breaker.lets_through(100.0, 0) == 0
    later = 100.0 + PAUSES.first
    assert breaker.state(later) is BreakerState.HALF_OPEN
    assert (breaker.lets_through(later, 0), breaker.lets_through(later, 1)) == (1, 0)
    assert CLOSED.lets_through(100.0, 99) is None


def test_what_was_under_way_when_it_opened_does_not_make_it_stay_open_for_longer():
    assert opened().failed("500", 101.0) == opened()


def test_each_question_in_vain_makes_the_next_pause_longer_but_the_trouble_began_when_it_began():
    breaker = opened()
    pauses = []
    for _ in range(8):
        now = breaker.open_until
        breaker = breaker.failed("502", now)
        pauses.append(breaker.open_until - now)
    assert pauses == [4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]
    assert (breaker.since, breaker.problem) == (100.0, "502")


def test_a_system_that_does_not_know_us_is_asked_now_and_then():
    breaker = CLOSED.refused("401", 100.0)
    assert breaker.state(100.0) is breaker.state(1000.0) is BreakerState.REFUSED
    assert breaker.lets_through(100.0 + REFUSED_SECONDS, 0) == 1
    assert breaker.failed("500", 100.0 + REFUSED_SECONDS).state(100.0 + REFUSED_SECONDS) is BreakerState.OPEN
    assert breaker.worked() is CLOSED


def test_a_bucket_tells_how_much_there_is_and_what_is_owed_is_waited_for():
    bucket = TokenBucket(per_second=2, burst=4, now=0.0)
    assert bucket.available(0.0) == 4
    bucket.spend(6)
    assert (bucket.available(0.0), bucket.wait(0.0)) == (0, 1.5)
    assert bucket.available(1.5) == 1
    assert bucket.available(100.0) == 4
