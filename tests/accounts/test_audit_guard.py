"""The audit is append-only in the database itself, whoever asks and however."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from accounts import append_only
from accounts.choices import Event
from accounts.models import AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)

CHANGES = [
    f"UPDATE {append_only.TABLE} SET actor = 'somebody else'",
    f"DELETE FROM {append_only.TABLE}",
    *([f"TRUNCATE {append_only.TABLE}"] if connection.vendor == "postgresql" else []),
]


@pytest.fixture
def guarded() -> Iterator[AuditEvent]:
    append_only.protect(connection)
    yield AuditEvent.objects.create(at=timezone.now(), event=Event.LOGIN, actor="somebody")
    append_only.release(connection)


@pytest.mark.parametrize("statement", CHANGES)
def test_no_statement_changes_or_deletes_what_was_written(guarded: AuditEvent, statement: str) -> None:
    with pytest.raises(DatabaseError, match=append_only.REFUSAL), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEvent.objects.get().actor == "somebody"


def test_nor_does_the_model(guarded: AuditEvent) -> None:
    with pytest.raises(DatabaseError, match=append_only.REFUSAL):
        guarded.delete()
    with pytest.raises(DatabaseError, match=append_only.REFUSAL):
        guarded.save()
    assert AuditEvent.objects.count() == 1
