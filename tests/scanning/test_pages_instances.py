"""The Instances tab: what it lists, for whom, and how one finds a way through it."""

from __future__ import annotations

import pytest

from tests import factories

pytestmark = pytest.mark.django_db


def test_the_list_shows_every_fact_that_the_console_shows(as_viewer):
    factories.read()
    row = factories.unmanaged_instance("checkout-web-1", tags={"Env": "prod"})
    page = as_viewer.get("/coverage/instances/").content.decode()
    for text in ("checkout-web-1", row.resource_id, "payments-prod", "us-east-1", "Unmanaged EC2 instance", "Linux", "Env: prod"):
        assert text in page
    for heading in ("EC2 instance", "Account", "Region", "Status", "Not scanned for", "Last scanned", "Operating system",
                    "Monitored using", "EC2 instance tags", "Findings"):
        assert heading in page
