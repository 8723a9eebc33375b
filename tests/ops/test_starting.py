"""A wrong environment, as the servers' own programs show it."""

from __future__ import annotations

import pytest

GUNICORN = ("-m", "gunicorn", "coverage_site.wsgi", "--workers", "2", "--no-control-socket", "--bind", "127.0.0.1:0")
WORKER = ("-m", "celery", "-A", "coverage_site", "worker", "--concurrency", "1")
BEAT = ("-m", "celery", "-A", "coverage_site", "beat")


@pytest.mark.parametrize("command", [GUNICORN, WORKER, BEAT], ids=["gunicorn", "worker", "beat"])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("COVERAGE_REGIONS", "mars", "'mars' is not the name of a Region"), ("LOG_LEVEL", "LOUD", "must be one of")],
)
def test_a_wrong_value_is_said_in_one_line(start, command, name, value, words) -> None:
    program = start(*command, **{name: value})
    assert program.process.wait(30) == 3
    (line,) = program.lines
    assert line.startswith("Cannot start: ")
    assert words in line


def test_gunicorn_says_it_without_its_settings_file_too(start) -> None:
    program = start(*GUNICORN, "--config", "/dev/null", COVERAGE_REGIONS="mars")
    assert program.process.wait(30) == 3
    assert "Traceback" not in program.said
    assert "Cannot start: COVERAGE_REGIONS: 'mars'" in program.said
