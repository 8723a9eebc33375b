"""The ground for all tests: the environment that the settings ask for, the people, and how they log in."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable

import pytest

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "coverage_site.settings",
    "SECRET_KEY": "only for tests: " + "0123456789" * 5,
    "DEBUG": "0",
    "COVERAGE_INSECURE_HTTP": "1",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "COVERAGE_REGIONS": "us-east-1,eu-west-1",
}
for name, value in ENVIRONMENT.items():
    os.environ[name] = value
os.environ.setdefault("STATIC_ROOT", tempfile.mkdtemp(prefix="static-"))

# Behind the environment: importing the product reads the settings.
from tests.broker import queued  # noqa: E402, F401
from tests.stand_in import organization, stand_in  # noqa: E402, F401


def pytest_configure() -> None:
    """Static files as they lie there, and passwords that cost nothing to hash."""
    from django.conf import settings

    backend = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": backend}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        # In a file as in production: in memory, connections of several threads would lock one another out at once.
        folder = tempfile.mkdtemp(prefix="database-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        database.setdefault("TEST", {})["NAME"] = os.path.join(folder, "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Tests that commit are cleaned up by deleting everything, the audit too: its guard is put up in its own test."""
    from django.db import connection

    from accounts import append_only

    with django_db_blocker.unblock():
        assert append_only.is_protected(connection), "the migrations put the guard up"
        append_only.release(connection)


# --- People. Their accounts: tests/factories.py


@pytest.fixture
def viewer(db):
    """Sees every account."""
    from tests import factories

    return factories.person("viewer", role="viewer")


@pytest.fixture
def account_viewer(db):
    """Sees one account: factories.PAYMENTS."""
    from tests import factories

    return factories.person("account-viewer", role="account_viewer", accounts=[factories.PAYMENTS])


@pytest.fixture
def delegated_admin(db):
    """May activate, for every account."""
    from tests import factories

    return factories.person("delegated-admin", role="delegated_admin", all_accounts=True)


@pytest.fixture
def nobody(db):
    """A person without a role."""
    from tests import factories

    return factories.person("nobody")


@pytest.fixture
def as_person(db) -> Callable:
    """A client that is logged in as this person."""
    from django.test import Client

    def log_in(person):
        client = Client()
        client.force_login(person)
        return client

    return log_in


@pytest.fixture
def as_viewer(viewer, as_person):
    return as_person(viewer)


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    """Attempts to log in are counted for the address, which all tests share."""
    from django.core.cache import cache

    cache.clear()
