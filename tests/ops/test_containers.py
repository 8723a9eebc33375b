"""The container files, read as text and data: no container engine is needed, and none is claimed to have run them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
APP = ("migrate", "web", "worker", "changes", "beat")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])


def test_every_service_is_there(services: dict[str, Any]) -> None:
    assert set(services) == {*APP, "postgres", "valkey"}


@pytest.mark.parametrize("name", APP)
def test_the_application_writes_nowhere_and_gains_no_rights(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["environment"]["SECRET_KEY_FILE"].startswith("/run/secrets/")


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_the_stores_are_locked_down_too(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", ["web", "worker", "beat", "postgres", "valkey"])
def test_every_lasting_service_has_a_health_check(services: dict[str, Any], name: str) -> None:
    """The web server's is the image's own."""
    assert name == "web" or services[name]["healthcheck"]["test"]


def test_only_workers_get_aws_credentials(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "aws.env" in str(service.get("env_file"))] == ["worker"]


def test_workers_can_be_many(services: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "hostname"} & services["worker"].keys()


def test_only_loopback_is_published(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8000:8000"]


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_nothing_starts_before_the_database_is_up_to_date(services: dict[str, Any], name: str) -> None:
    assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_image_runs_as_nobody_in_particular_with_pinned_packages() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert "--require-hashes -r /build/base.txt" in text
    assert "HEALTHCHECK" in text
    assert "--no-control-socket" in text


def test_the_stand_in_and_secrets_stay_out_of_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {"demo", "tests", ".env", ".git", "var"} <= set(ignored)


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_what_ends_by_itself_is_started_again(services: dict[str, Any], name: str) -> None:
    """A worker ends itself where it takes nothing from its queue any more."""
    assert services[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_the_health_of_worker_and_beat_is_their_sign_of_life(services: dict[str, Any], name: str) -> None:
    assert services[name]["healthcheck"]["test"] == ["CMD", "python", "manage.py", "alive", name]
    assert "--quiet" in services[name]["command"], "a banner is no line of JSON"
