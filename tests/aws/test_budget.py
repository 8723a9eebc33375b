"""The request budget of one Region."""

from datetime import timedelta

import pytest
from django.core.cache import cache

from aws.attempts import sign_of_life
from aws.budget import SLOT_SECONDS, NoTurn, RequestBudget
from aws.models import LEASE


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


def test_no_more_than_two_calls_are_under_way_at_once() -> None:
    waits: list[float] = []
    budget = RequestBudget("us-east-1", rate=1000, at_once=2, sleep=waits.append)
    first, second = budget.take_slot(), budget.take_slot()
    assert first != second

    def end_one(seconds: float) -> None:
        waits.append(seconds)
        cache.delete(first)

    budget.sleep = end_one
    assert budget.take_slot() == first
    assert len(waits) == 1


def test_another_region_has_its_own_places() -> None:
    for region in ("us-east-1", "eu-west-1"):
        RequestBudget(region, rate=1000, at_once=1, sleep=lambda _: pytest.fail("waited")).take_slot()


def test_calls_beyond_the_rate_wait_for_the_next_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("aws.budget.time.time", lambda: now[0])

    def sleep(seconds: float) -> None:
        now[0] += seconds

    budget = RequestBudget("us-east-1", rate=3, at_once=2, sleep=sleep)
    begun = []
    for _ in range(7):
        budget.wait_for_rate()
        begun.append(int(now[0]))
    assert begun == [1000, 1000, 1000, 1001, 1001, 1001, 1002]


def test_a_rate_below_one_is_one_call_in_a_longer_window(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("aws.budget.time.time", lambda: now[0])
    budget = RequestBudget("us-east-1", rate=0.2, at_once=2, sleep=lambda s: now.__setitem__(0, now[0] + s))
    budget.wait_for_rate()
    budget.wait_for_rate()
    assert now[0] >= 1005


def test_a_cache_that_is_away_does_not_stop_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("aws.budget.cache.add", away)
    budget = RequestBudget("us-east-1", rate=1, at_once=1)
    budget._before_call()
    budget._after_call()


def test_a_call_that_is_tried_again_and_again_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    touched = []
    monkeypatch.setattr("aws.budget.cache.touch", lambda slot, seconds: touched.append((slot, seconds)))
    budget = RequestBudget("us-east-1", rate=1000, at_once=1)
    budget._before_call()
    budget._before_attempt()
    assert touched == [("aws-call:us-east-1:0", SLOT_SECONDS)]


def test_the_place_of_a_killed_worker_is_free_before_its_scope_is_read_again() -> None:
    assert timedelta(seconds=SLOT_SECONDS) <= LEASE


def test_a_call_that_gets_no_place_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aws.budget.LONGEST_WAIT", 1)
    budget = RequestBudget("us-east-1", rate=1000, at_once=1, sleep=lambda _: None)
    budget.take_slot()
    with pytest.raises(NoTurn, match="No other call to us-east-1 ended"):
        budget._before_call()


def test_a_call_that_outlived_its_place_does_not_free_it_for_a_third_one() -> None:
    slow, quick = (RequestBudget("us-east-1", rate=1000, at_once=1) for _ in range(2))
    slow._before_call()
    cache.clear()
    quick._before_call()
    slow._before_attempt()
    slow._after_call()
    assert cache.get("aws-call:us-east-1:0") is not None
    quick._after_call()
    assert cache.get("aws-call:us-east-1:0") is None


def test_who_waits_for_a_place_is_not_taken_for_dead() -> None:
    told = []
    before = sign_of_life.set(lambda: told.append("alive"))
    try:
        budget = RequestBudget("us-east-1", rate=1000, at_once=1, sleep=lambda _: cache.clear())
        budget.take_slot()
        budget.take_slot()
    finally:
        sign_of_life.reset(before)
    assert told == ["alive"]
