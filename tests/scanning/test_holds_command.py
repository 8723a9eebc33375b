"""`manage.py holds`: what is held, without a browser."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from aws.choices import ScopeState
from aws.models import SyncScope
from tests import factories

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("holds", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def held() -> SyncScope:
    return factories.fail("findings", "us-east-1", state=ScopeState.HELD, error="Too much.", would_go=["a", "b"])


def test_what_is_held_is_listed_with_what_would_go(held: SyncScope) -> None:
    assert said() == f"{held.pk}  findings us-east-1: Too much.\n    a\n    b\n"


def test_a_hold_is_released_or_refused_by_its_number(held: SyncScope) -> None:
    assert said("--release", str(held.pk)) == "findings us-east-1: released. The next sync follows it.\n"
    assert "(released)" in said()
    said("--refuse", str(held.pk))
    held.refresh_from_db()
    assert (held.hold_decision, held.hold_decided_by) == ("refused", "the command line")


def test_what_is_not_held_cannot_be_decided() -> None:
    scope = factories.scope("findings", "us-east-1")
    for number in (scope.pk, scope.pk + 1):
        with pytest.raises(CommandError, match="is not held"):
            said("--release", str(number))
    assert said() == "Nothing is held.\n"
