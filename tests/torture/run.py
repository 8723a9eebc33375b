"""The stages in order, and what is told at the end."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from random import Random

import django

django.setup()

from tests.torture import points  # noqa: E402
from tests.torture.faults import Faults  # noqa: E402
from tests.torture.kills import Kills  # noqa: E402
from tests.torture.machine import Machine  # noqa: E402
from tests.torture.outages import Outages  # noqa: E402
from tests.torture.world import Tally, World  # noqa: E402

LONGEST_RECOVERY = 120


class Torture:
    """One form of the machine, through all stages."""

    def __init__(self, machine: Machine, random: Random, *, is_short: bool, scale: float) -> None:
        self.machine, self.random, self.is_short, self.scale = machine, random, is_short, scale
        self.tally = Tally()
        self.world = World(machine, self.tally)
        points.make_small(int(os.environ["TORTURE_LEASE"]))

    def volume(self, short: int, long: int) -> int:
        """How often: in the short form, in the long one."""
        return short if self.is_short else max(1, round(long * self.scale))

    def run(self, only: Iterable[str]) -> bool:
        wanted = set(only)
        self._stage("one sync of everything", Faults(self).begin)
        if "faults" in wanted:
            self._stage("faults of AWS and of the wire", Faults(self).run)
        if "kills" in wanted:
            self._stage("kills at random moments and at named points", Kills(self).run)
        if "starts" in wanted:
            self._stage("starts in parallel, tasks delivered twice", Kills(self).run_starts)
        if wanted & {"outages", "lock"}:
            Outages(self).run(wanted)
        return not self.tally.broken

    def _stage(self, name: str, run: Callable[[], None]) -> None:
        started = time.monotonic()
        print(f"== {name}", flush=True)
        run()
        print(f"   {time.monotonic() - started:.0f} s, {self.tally.cases} cases so far", flush=True)

    def tell(self, seconds: float, report: Path | None) -> None:
        tally = self.tally
        worst = {kind: max(times) for kind, times in tally.recovery.items()}
        for kind, longest in worst.items():
            if longest > LONGEST_RECOVERY:
                tally.blame(kind, f"recovered only after {longest:.0f} s")
        print(f"== Result, {self.machine.form}, {seconds / 60:.1f} minutes", flush=True)
        print(
            f"  cases {tally.cases}, injected faults {tally.faults}, kills {tally.kills},"
            f" broker interruptions {tally.broker}, database interruptions {tally.database}"
        )
        print(
            f"  rows wrongly gone {tally.wrongly_gone}, keys doubled {tally.doubled}, runs hung {tally.hung},"
            f" “database is locked” {tally.locked}"
        )
        for kind, times in tally.recovery.items():
            middle = statistics.median(times)
            print(f"  {kind}: {len(times)} ×, seconds to recover: median {middle:.1f}, worst {max(times):.1f}")
        for note in tally.notes:
            print(f"  {note}")
        for line in tally.broken:
            print(f"  BROKEN {line}")
        print("  Everything held." if not tally.broken else f"  {len(tally.broken)} did not hold.", flush=True)
        if report:
            report.write_text(json.dumps(asdict(tally) | {"form": self.machine.form, "seconds": round(seconds)}))
