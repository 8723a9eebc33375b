"""Speaking to AWS as another account, an installation that may change AWS, and what of ours a sync wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from aws import session
from demo.organization import Organization
from demo.server import StandIn
from tests.stand_in import ADMIN

if TYPE_CHECKING:
    from accounts.models import Person


@pytest.fixture
def become(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Use the credentials of this account from now on."""

    def use(account_id: str) -> None:
        for name, value in stand_in.credentials(account_id).items():
            monkeypatch.setenv(name.upper(), value)
        session.forget_clients()

    return use


@pytest.fixture
def writes_of() -> Callable[[Callable[[], object]], list[str]]:
    """The statements with which this changes accounts, their statuses, settings or history."""

    def collect(act: Callable[[], object]) -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as context:
            act()
        statements = [str(query["sql"]) for query in context.captured_queries]
        return [sql for sql in statements if sql.startswith(("INSERT", "UPDATE", "DELETE")) and '"accounts_' in sql]

    return collect


@pytest.fixture
def changing(settings: Any, organization: Organization, stand_in: StandIn) -> StandIn:
    """An installation that may change things, with its accounts read once."""
    from tests.accounts import activating

    settings.COVERAGE_READ_ONLY = False
    settings.COVERAGE_WRITE_ROLE_ARN = f"arn:aws:iam::{ADMIN}:role/coverage-writer"
    settings.COVERAGE_ALLOW_DEACTIVATION = True
    organization.settle_reads = 1
    activating.read()
    return stand_in


@pytest.fixture
def dana(delegated_admin: Person) -> Person:
    return delegated_admin
