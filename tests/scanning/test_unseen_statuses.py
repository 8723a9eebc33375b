"""What the status map does not know, printed so that it can be given away."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from django.utils import timezone

from tests import factories

pytestmark = pytest.mark.django_db


def unseen() -> tuple[list[dict], str]:
    out = io.StringIO()
    call_command("unseen_statuses", stdout=out)
    return json.loads(out.getvalue())["unseen"], out.getvalue()


def test_what_the_map_knows_is_not_printed() -> None:
    factories.instance("checkout")
    factories.repository("shop/api", frequency="MANUAL", code="INACTIVE", reason="SUCCESSFUL")
    assert unseen()[0] == []


def test_unknown_combinations_are_counted_the_most_frequent_first() -> None:
    factories.instance("one", code="INACTIVE", reason="BRAND_NEW")
    for name in ("two", "three"):
        factories.instance(name, code="INACTIVE", reason="EVEN_NEWER", scanMode="EC2_TELEPATHY")
    factories.instance("gone", code="INACTIVE", reason="BYGONE", gone_at=timezone.now())
    first, second = unseen()[0]
    assert (first["reason"], first["scan_mode"], first["rows"]) == ("EVEN_NEWER", "EC2_TELEPATHY", 2)
    assert (second["reason"], second["rows"]) == ("BRAND_NEW", 1)


def test_nothing_of_the_account_is_printed() -> None:
    row = factories.instance("payroll-db", code="INACTIVE", reason="BRAND_NEW", tags={"Team": "secret-team"})
    text = unseen()[1]
    for word in (row.account_id, row.resource_id, "payroll-db", "secret-team", row.region):
        assert word not in text


def test_a_status_without_words_is_no_news() -> None:
    factories.instance("quiet", code=None, reason=None)
    assert unseen()[0] == []
