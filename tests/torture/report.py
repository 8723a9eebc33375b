"""docs/reliability.md from the numbers of long runs: `python -m tests.torture.report sqlite.json postgres.json`."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
SUMS = {
    "cases": "cases",
    "faults": "injected faults that hit a call",
    "kills": "kill -9 and deaths at named points",
    "broker": "interruptions of the broker",
    "database": "interruptions of the database",
    "wrongly_gone": "**rows wrongly gone**",
    "doubled": "**keys doubled**",
    "hung": "**runs hung**",
    "locked": "**“database is locked”**",
}
BEFORE = """# Reliability

What `make torture` did to the dashboard, and what was left of it. {label} SEED repeats a run: the same faults in the
same order, at the same moments as far as two cores allow.

After each case it asks: is any row gone that AWS still has; is any key doubled; does any run hang; do the counters
equal a recount; does a clean read equal the stand-in's truth row for row; is a secret in a log, a page, the broker or
the database. Meanwhile a reader asks for pages: only 200, or 503 while the database is away and 5 s after, is accepted,
and no traceback.

"""
AFTER = """
How to read it:

- Pages are made small (20 rows), waits short, and the lease lasts 10 s instead of the product's 60 s, so that many
  cases fit into the time. Everything is read every 20 s. Seconds to recover count from the end of the fault until
  everything was read completely once more.
- “Lease cut short”: a child process reads for real and dies; then the lease is declared over instead of waited for.
- Nothing here is AWS: the stand-in and the wire in front of it play it.
"""


def main(paths: list[str]) -> None:
    runs = [json.loads(Path(path).read_text()) for path in paths]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    label = f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip()}."
    text = BEFORE.format(label=label) + _sums(runs) + _kinds(runs) + _notes(runs) + AFTER
    (ROOT / "docs" / "reliability.md").write_text(text)


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |\n"


def _sums(runs: list[dict[str, Any]]) -> str:
    names = [NAMES[run["form"]] for run in runs]
    text = _row("", *names, "together") + _row("---", *["---:"] * (len(runs) + 1))
    for key, words in SUMS.items():
        numbers = [run[key] for run in runs]
        text += _row(words, *numbers, sum(numbers))
    text += _row("did not hold", *(len(run["broken"]) for run in runs), sum(len(run["broken"]) for run in runs))
    return text + _row("minutes", *(round(run["seconds"] / 60) for run in runs), "")


def _kinds(runs: list[dict[str, Any]]) -> str:
    text = "\nSeconds to recover: times, median and worst.\n\n"
    text += _row("after", *(NAMES[run["form"]] for run in runs)) + _row("---", *["---"] * len(runs))
    kinds = sorted({kind for run in runs for kind in run["recovery"]})
    for kind in kinds:
        cells = []
        for run in runs:
            times = run["recovery"].get(kind, [])
            cells.append(f"{len(times)} × {statistics.median(times):.1f}, {max(times):.1f}" if times else "–")
        text += _row(kind, *cells)
    return text


def _notes(runs: list[dict[str, Any]]) -> str:
    text = ""
    for run in runs:
        text += f"\n{NAMES[run['form']]}:\n\n" + "".join(f"- {note}\n" for note in [*run["notes"], *run["broken"]])
    return text


if __name__ == "__main__":
    main(sys.argv[1:])
