"""Run the torture: everything is started, tortured, asked and ended; exits with 1 if anything did not hold."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.torture.machine import Machine

STAGES = ("faults", "kills", "starts", "outages", "lock")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--form", choices=["sqlite", "postgres"], default="postgres")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--short", action="store_true", help="a few minutes; the long form takes an hour and more")
    parser.add_argument("--only", nargs="*", choices=STAGES, default=STAGES, help="these stages alone")
    parser.add_argument("--lease", type=int, default=10, help="seconds; the product's own lease is 60 s")
    parser.add_argument("--scale", type=float, default=1, help="of the long form: 0.5 does half of its volume")
    parser.add_argument("--report", type=Path, help="write the numbers as JSON into this file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    state = Path(tempfile.mkdtemp(prefix="coverage-torture."))
    state.chmod(0o755)
    machine = Machine(options.form, state, options.seed, options.lease)
    started = time.monotonic()
    is_sound = False
    try:
        for name in [one for one in os.environ if one.startswith(("AWS_", "COVERAGE_", "CELERY_"))]:
            del os.environ[name]
        # What fails here is meant to fail.
        os.environ.update(machine.environment | {"LOG_LEVEL": "ERROR"})
        print(f"Torture, {options.form}, seed {options.seed}: starting everything in {state} …", flush=True)
        machine.start_aws()
        machine.prepare()
        machine.start_broker()
        # Only now: importing the product reads the settings.
        from tests.torture.run import Torture

        torture = Torture(machine, random.Random(options.seed), is_short=options.short, scale=options.scale)
        try:
            is_sound = torture.run(options.only)
        finally:
            # Ended early, it tells how far it came.
            torture.tell(time.monotonic() - started, options.report)
    finally:
        machine.end()
        if is_sound:
            shutil.rmtree(state, ignore_errors=True)
        else:
            print(f"The logs are in {state}", flush=True)
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
