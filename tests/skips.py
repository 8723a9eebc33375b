"""With NO_SKIPS=1 a skipped test fails the run: where everything is installed, nothing may be left out unseen."""

from __future__ import annotations

import os

import pytest
from _pytest.terminal import TerminalReporter


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Only where the reports come together: not in the workers of xdist, which have no reporter."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("NO_SKIPS") != "1" or not isinstance(reporter, TerminalReporter):
        return
    skipped = len(reporter.stats.get("skipped", []))
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\nNO_SKIPS=1, but {skipped} were skipped.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
