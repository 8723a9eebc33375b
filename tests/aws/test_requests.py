"""Reads that a person asks for, and turns that are taken once a period."""

from datetime import timedelta

import pytest
from django.utils import timezone

from aws import heartbeats, requests
from aws.models import Heartbeat, SyncRequest

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = timedelta(minutes=15)


def test_many_clicks_are_one_request_until_a_worker_takes_it() -> None:
    assert requests.ask("eu-west-1", "first")
    assert not any(requests.ask("eu-west-1", "second") for _ in range(5))
    assert SyncRequest.objects.get().requested_by == "first"
    requests.take("eu-west-1")
    assert requests.ask("eu-west-1", "second")
    assert (SyncRequest.objects.get().requested_by, SyncRequest.objects.get().started_at) == ("second", None)


def test_each_region_has_a_request_of_its_own() -> None:
    assert requests.ask("eu-west-1", "first")
    assert requests.ask("us-east-1", "first")


def test_a_request_that_the_broker_lost_may_be_made_again() -> None:
    requests.ask("eu-west-1", "first")
    SyncRequest.objects.update(requested_at=timezone.now() - timedelta(minutes=11))
    assert requests.ask("eu-west-1", "second")


def test_a_request_that_could_not_be_queued_is_forgotten() -> None:
    requests.ask("eu-west-1", "first")
    requests.withdraw("eu-west-1")
    assert requests.ask("eu-west-1", "second")


def test_two_beats_take_one_turn_a_period() -> None:
    assert [heartbeats.take_turn("dispatch", EVERY) for _ in range(3)] == [True, False, False]
    Heartbeat.objects.update(at=timezone.now() - EVERY)
    assert [heartbeats.take_turn("dispatch", EVERY) for _ in range(2)] == [True, False]


def test_a_beat_that_was_away_for_an_hour_catches_up_once() -> None:
    heartbeats.take_turn("dispatch", EVERY)
    Heartbeat.objects.update(at=timezone.now() - timedelta(hours=1))
    assert [heartbeats.take_turn("dispatch", EVERY) for _ in range(4)] == [True, False, False, False]


def test_a_clock_that_was_set_back_stops_no_turn() -> None:
    heartbeats.take_turn("dispatch", EVERY)
    Heartbeat.objects.update(at=timezone.now() + timedelta(days=1))
    assert heartbeats.take_turn("dispatch", EVERY)
