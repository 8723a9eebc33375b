"""kill -9: children that read for real and die at random moments or at named points; starts in parallel."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import connections

from accounts.sync import sync_accounts
from aws.errors import AlreadyRunning
from aws.models import SyncRun, SyncScope
from aws.runs import abort_expired
from scanning import sync as coverage
from scanning.choices import ResourceType
from scanning.finding_sync import sync_findings
from scanning.plan import plan_coverage
from tests.torture import points
from tests.torture.faults import INSTANCES, REGION, Faults, announced

if TYPE_CHECKING:
    from tests.torture.run import Torture

IMAGES = ResourceType.AWS_ECR_CONTAINER_IMAGE.value


def fork(work: Callable[[], None]) -> int:
    """A child with connections of its own that does the work; exits 0, 3 for AlreadyRunning, 1 for any other error."""
    for connection in connections.all():
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
    pid = os.fork()
    if pid:
        return pid
    code = 0
    try:
        work()
    except AlreadyRunning:
        code = 3
    except BaseException as error:
        print(f"  a child: {type(error).__name__}: {error}", flush=True)
        code = 1
    finally:
        os._exit(code)


def code_of(pid: int) -> int:
    """Wait for the child; its exit code, or minus the signal."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


class Kills:
    def __init__(self, torture: Torture) -> None:
        self.torture, self.machine = torture, torture.machine
        self.world, self.tally, self.random = torture.world, torture.tally, torture.random

    def read_all(self) -> None:
        """What a worker reads, one after the other."""
        sync_accounts(REGION)
        _, parts = plan_coverage(REGION)
        for part in (INSTANCES, IMAGES, ResourceType.AWS_LAMBDA_FUNCTION.value):
            coverage.sync_coverage(REGION, part, parts.get(part))
        SyncScope.objects.filter(what="findings", region=REGION).update(last_full_at=None)
        sync_findings(REGION)

    def run(self) -> None:
        started = time.monotonic()
        code_of(fork(self.read_all))
        usual = time.monotonic() - started
        died = 0
        for number in range(self.torture.volume(5, 75)):
            self._change()
            self.world.remember()
            died += self._kill_at_random(f"kill -9 at random, {number + 1}", usual)
        # Those of the sending are for the workers.
        named = [point for point in points.POINTS if "sent" not in point]
        # In the short form each of the two databases takes half of them.
        half = named[::2] if self.machine.postgres else named[1::2]
        for point in half if self.torture.is_short else named * self.torture.volume(1, 2):
            self._change()
            self.world.remember()
            self._die_at(point)
        self.tally.notes.append(f"{died} of the random kills hit a read under way")
        Faults(self.torture)._all_clean("after the kills")

    def _change(self) -> None:
        self.machine.control("tick", {"times": 2}, "POST")

    def _kill_at_random(self, case: str, usual: float) -> bool:
        pid = fork(self.read_all)
        time.sleep(self.random.uniform(0.02, usual))
        os.kill(pid, signal.SIGKILL)
        died = code_of(pid) == -signal.SIGKILL
        self.tally.kills += 1
        self._recover(case)
        return died

    def _die_at(self, point: str) -> None:
        died = self.machine.state / "died"
        self.machine.die_at(point)

        def work() -> None:
            points.install(points.named_in(self.machine.crash))
            if "gone" in point or "missing" in point or point == "before the absentees":
                self._forget_one()
            if "findings" in point:
                self._outdate_one()
            self.read_all()

        code = code_of(fork(work))
        self.tally.kills += 1
        if code != 137 or not died.exists():
            self.tally.blame(point, f"the process was to die there but ended with {code}")
        self.machine.heal()
        self._recover(f"died at “{point}”")

    def _forget_one(self) -> None:
        """A row of ours that AWS does not have: there is something to sweep."""
        from scanning.counts import CountDelta
        from scanning.models import CoveredResource

        row = CoveredResource.objects.present().filter(region=REGION, resource_type=INSTANCES).first()
        assert row is not None
        row.pk, row.resource_id = None, f"i-never{secrets.token_hex(5)}"
        row.save(force_insert=True)
        delta = CountDelta()
        delta.add(row)
        # The plain function: not the one that dies.
        getattr(CountDelta.apply, "__wrapped__", CountDelta.apply)(delta)

    def _outdate_one(self) -> None:
        """A finding that differs from AWS' one: there is something to store."""
        from scanning.models import Finding

        findings = Finding.objects.present().filter(region=REGION)
        findings.filter(pk=findings.values_list("pk", flat=True)[0]).update(content_hash=b"outdated")

    def _recover(self, case: str) -> None:
        """What another worker does when the lease is over; here at once."""
        started = time.monotonic()
        self.world.check(f"{case} (before)", is_quiet=False)
        self.world.expire_leases()
        lost = abort_expired()
        self.read_all()
        self.tally.case("kill -9 of a reading process, lease cut short", time.monotonic() - started)
        self.world.check(case)
        if len(lost) > 1:
            self.tally.blame(case, f"{len(lost)} runs of one process were under way")

    # Starts in parallel, deliveries twice

    def run_starts(self) -> None:
        for number in range(self.torture.volume(1, 10)):
            self._start_in_parallel(f"50 starts of one scope, {number + 1}", 50)
        for number in range(self.torture.volume(1, 2)):
            self._deliver_twice(f"each task twice, {number + 1}")

    def _start_in_parallel(self, case: str, starts: int) -> None:
        """All at once, while the one that got the lease waits for AWS."""
        expected = announced()
        before = SyncRun.objects.filter(scope__part=INSTANCES, scope__region=REGION).count()
        self.machine.wire({"kind": "latency", "seconds": 1, "operation": "ListCoverage"})
        begin, ready = os.pipe()

        def work() -> None:
            os.close(ready)
            os.read(begin, 1)  # until the parent closes its end
            coverage.sync_coverage(REGION, INSTANCES, expected)

        children = [fork(work) for _ in range(starts)]
        os.close(begin)
        os.close(ready)
        codes = [code_of(pid) for pid in children]
        self.machine.heal()
        runs = SyncRun.objects.filter(scope__part=INSTANCES, scope__region=REGION).count() - before
        if runs != 1 or sorted(codes) != [0] + [3] * (starts - 1):
            self.tally.blame(case, f"{runs} runs; the children ended with {sorted(codes)}")
        self.tally.case("50 parallel starts of one scope")
        self.world.check(case)

    def _deliver_twice(self, case: str) -> None:
        """Every task of the product, one after the other and at the same time."""
        from coverage_site.celery import app

        self.world.remember()
        given: dict[str, tuple[Any, ...]] = {
            "accounts.tasks.sync_accounts": (REGION,),
            "accounts.tasks.carry_out": (0,),
            "accounts.tasks.change_setting": (0,),
            "scanning.tasks.compare": (REGION,),
            "scanning.tasks.sync_coverage": (REGION, INSTANCES, announced()),
            "scanning.tasks.sync_findings": (REGION,),
            "scanning.tasks.plan_coverage": (REGION,),
            "scanning.tasks.sync_now": (REGION,),
        }
        app.loader.import_default_modules()
        app.conf.task_always_eager = True
        names = [name for name in app.tasks if name.split(".")[0] in ("accounts", "aws", "scanning")]
        try:
            for name in sorted(names):
                self._twice(case, app.tasks[name], given.get(name, ()))
        finally:
            app.conf.task_always_eager = False
        self.tally.notes.append(f"{len(names)} tasks were delivered twice, in turn and at once")

    def _twice(self, case: str, task: Any, arguments: tuple[Any, ...]) -> None:
        for _ in range(2):
            task(*arguments)
        errors: list[BaseException] = []

        def call() -> None:
            try:
                task(*arguments)
            except BaseException as error:
                errors.append(error)
            finally:
                for connection in connections.all():
                    connection.close()

        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for error in errors:
            self.tally.blame(f"{case}: {task.name}", f"{type(error).__name__}: {error}")
        self.tally.case("a task delivered twice")
        self.world.check(f"{case}: {task.name}")
