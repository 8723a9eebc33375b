"""No secret leaves the installation: each one is set to a word of its own, which is then looked for everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SCRIPT = "tests.ops.secrets_script"
SECRETS = {
    "SECRET_KEY": "canary-secret-key-0123456789-0123456789-0123456789",
    "AWS_ACCESS_KEY_ID": "ASIACANARY0123456789",
    "AWS_SECRET_ACCESS_KEY": "canary/aws+secret/0123456789",
    "AWS_SESSION_TOKEN": "canary+session/token+0123456789==",
    "COVERAGE_METRICS_TOKEN": "canary-metrics-token-0123456789",
    "COVERAGE_OIDC_CLIENT_SECRET": "canary-oidc-client-secret-0123456789",
}


@pytest.fixture
def static_files(start) -> None:
    """The pages ask for them as an installation has them."""
    assert start("manage.py", "collectstatic", "--no-input").process.wait(60) == 0


@pytest.mark.usefixtures("static_files")
@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_is_in_logs_pages_signals_tasks_or_the_database(
    start, valkey, stand_in, organization, tmp_path, form
):
    organization.add_instance()
    answers, handed_out = tmp_path / "answers", tmp_path / "handed-out"
    program = start(
        "-m",
        SCRIPT,
        str(answers),
        str(handed_out),
        REDIS_URL=valkey.url,
        LOG_LEVEL="DEBUG",
        COVERAGE_LOG_FORMAT=form,
        COVERAGE_OIDC_ISSUER="https://login.example.com",
        COVERAGE_OIDC_CLIENT_ID="dashboard",
        COVERAGE_READ_ROLE_ARN="arn:aws:iam::999900001111:role/reader",
        COVERAGE_READ_ONLY="0",
        COVERAGE_WRITE_ROLE_ARN="arn:aws:iam::999900001111:role/writer",
        **SECRETS,
    )
    assert program.process.wait(120) == 0, program.said[-3000:]
    borrowed = json.loads(handed_out.read_text())
    assert borrowed[1] != borrowed[3], "the sessions of the role to read with and of the one to write with"
    secrets = {*SECRETS.values(), valkey.password, *borrowed}
    places = {
        "log": program.said,
        "answers": answers.read_text(),
        "database": (tmp_path / "coverage.sqlite3").read_bytes().decode(errors="replace"),
    }
    assert "AWS4-HMAC-SHA256" in places["log"] or "Authorization" in places["log"], "botocore told what it signs"
    assert "Everything that I know" in places["log"]
    assert "inspector_coverage_resources{" in places["answers"]
    assert '"seconds_ago"' in places["answers"]
    assert "scanning.tasks.sync_findings" in places["answers"]
    assert [(place, secret) for place, text in places.items() for secret in secrets if secret in text] == []
    if form == "json":
        for line in program.lines:
            json.loads(line)


@pytest.mark.usefixtures("static_files")
def test_the_password_of_a_database_that_is_away_is_in_no_log_and_no_page(start, tmp_path: Path) -> None:
    page = (
        "import os; from coverage_site.wsgi import application; from django.test import Client;"
        "c = Client(raise_request_exception=False);"
        "print([(r.status_code, r.content) for r in (c.get('/login/'), c.get('/sync/'), c.get('/readyz'))])"
    )
    password = "canary-p%40ss-0123456789"
    program = start("-c", page, DATABASE_URL=f"postgres://coverage:{password}@127.0.0.1:1/coverage", LOG_LEVEL="DEBUG")
    assert program.process.wait(60) == 0, program.said[-3000:]
    assert "away" in program.said
    for spelling in (password, "canary-p@ss-0123456789"):
        assert spelling not in program.said
