"""Speaking to AWS as another account, and what of ours a sync wrote."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from aws import session
from demo.server import StandIn


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
