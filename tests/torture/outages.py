"""The real processes: killed, stopped, cut off from broker and database, while a reader asks for pages all the time."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from django.db import DatabaseError, InterfaceError, connection

from aws import heartbeats
from aws.choices import What
from aws.models import Heartbeat, SyncRun
from tests.torture import points
from tests.torture.machine import HOST, Part, descendants, wait_for
from tests.torture.reader import GRACE, Reader

if TYPE_CHECKING:
    from tests.torture.run import Torture

WORKERS = ("worker-1", "worker-2")
LONGEST = 170
"""How long we wait for a recovery before we call it none; what took more than 120 s is blamed in any case."""


class Outages:
    def __init__(self, torture: Torture) -> None:
        self.torture, self.machine = torture, torture.machine
        self.world, self.tally, self.random = torture.world, torture.tally, torture.random
        self.reader = Reader(self.machine.web_url)

    def run(self, wanted: set[str]) -> None:
        print("== real processes: gunicorn, two Celery workers, two beats", flush=True)
        self.machine.start_product()
        self.reader.log_in()
        self.reader.start()
        self.machine.add_beat("beat-2")
        began, started = self.world.now(), time.monotonic()
        self._case("nothing at all", lambda: None)
        if "outages" in wanted:
            cases = self._cases()
            self.random.shuffle(cases)
            for kind, do in cases:
                self._case(kind, do)
            periods = (time.monotonic() - started) / points.period(
                int(self.machine.environment["TORTURE_LEASE"])
            ).total_seconds()
            self._count_dispatches(began, periods)
        if "lock" in wanted and self.machine.form == "sqlite":
            self._readers_and_writers()
        self.reader.is_over.set()
        self.world.check_logs("the end")
        self.tally.notes.append(
            f"{self.reader.answers} pages were read meanwhile, {self.reader.seen_503} of them 503;"
            f" the slowest took {self.reader.slowest:.1f} s"
        )

    def _cases(self) -> list[tuple[str, Callable[[], None]]]:
        """The kinds: how often in the short form on SQLite, on PostgreSQL, and in the long form on each."""
        volumes: list[tuple[str, int, int, int, Callable[[], None]]] = [
            ("kill -9 of a child of a worker", 1, 1, 12, self._kill_child),
            ("kill -9 of a worker", 0, 1, 6, self._kill_worker),
            ("a worker dies at a named point", 1, 1, 6, self._die_at_point),
            ("TERM of a worker", 1, 0, 3, self._term_worker),
            ("a worker stopped past its lease", 0, 1, 3, self._stop_worker),
            ("kill -9 of beat", 1, 0, 2, self._kill_beat),
            ("kill -9 of gunicorn", 1, 0, 3, self._kill_web),
            ("kill -9 of a child of gunicorn", 0, 1, 3, self._kill_web_child),
            ("broker restarted, empty", 1, 0, 8, self._restart_broker),
            ("broker away for 5 s", 0, 1, 4, lambda: self._broker_away(5)),
            ("broker away for 60 s", 0, 0, 1, lambda: self._broker_away(60)),
            ("broker restarted three times in 3 s", 0, 0, 1, self._restart_broker_thrice),
            ("broker frozen for 5 s", 0, 0, 1, self._freeze_broker),
            ("FLUSHALL", 0, 1, 2, self._flush),
            ("messages nobody can read", 1, 0, 2, self._poison_queue),
        ]
        if self.machine.postgres:
            volumes += [
                ("database away for 5 s", 0, 1, 8, lambda: self._database_away(5)),
                ("database away for 60 s", 0, 0, 1, lambda: self._database_away(60)),
                ("database restarted", 0, 0, 9, lambda: self._database_away(0)),
                ("every database session terminated", 0, 1, 12, self._terminate_sessions),
            ]
        times = []
        for kind, on_sqlite, on_postgres, long, do in volumes:
            short = on_postgres if self.machine.postgres else on_sqlite
            times += [(kind, do)] * self.torture.volume(short, long)
        return times

    # One case

    def _case(self, kind: str, do: Callable[[], None]) -> None:
        started = time.monotonic()
        self.machine.control("tick", {"times": 2}, "POST")
        self.world.remember()
        moment = self.world.now()
        self._ask_for_sync()
        time.sleep(self.random.uniform(0.1, 2.5))
        over = time.monotonic()
        try:
            do()
            over = time.monotonic()
            wait_for("everything complete again", lambda: self.world.everything_complete_since(moment), LONGEST, 0.25)
        except TimeoutError as error:
            self.tally.blame(kind, f"{error}: {self._what_is_late(moment)}")
        seconds = time.monotonic() - over
        self.machine.heal()
        self.tally.case(kind, seconds)
        self.world.check(kind, is_clean=True, is_quiet=False)
        for wrong in self.reader.take_wrong():
            self.tally.blame(kind, wrong)
        print(f"   {kind}: recovered in {seconds:.1f} s ({time.monotonic() - started:.0f} s)", flush=True)

    def _what_is_late(self, moment: object) -> str:
        from aws.models import SyncScope

        late = SyncScope.objects.exclude(last_complete_at__gt=moment)
        return "; ".join(f"{scope} {scope.state} {scope.error[:100]}" for scope in late[:5])

    def _ask_for_sync(self) -> None:
        from coverage_site.celery import app

        with suppress(Exception):
            app.send_task("scanning.tasks.sync_now", ("global",))

    # Kills

    def _kill_child(self) -> None:
        part = self.machine.parts[self.random.choice(WORKERS)]
        if children := descendants(part.pid):
            self._kill(self.random.choice(children))

    def _kill(self, pid: int) -> None:
        self.tally.kills += 1
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _kill_worker(self) -> None:
        part = self.machine.parts[self.random.choice(WORKERS)]
        self.tally.kills += 1
        part.kill_all() if self.random.random() < 0.5 else part.send(signal.SIGKILL)

    def _die_at_point(self) -> None:
        usual = [point for point in points.POINTS if "gone" not in point and "missing" not in point]
        self.machine.die_at(self.random.choice(usual))
        self._ask_for_sync()
        with suppress(TimeoutError):
            wait_for("a death", (self.machine.state / "died").exists, 40)
            self.tally.kills += 1
        self.machine.crash.unlink(missing_ok=True)

    def _term_worker(self) -> None:
        """As a deployment does it, while AWS is slow: it must be gone within 30 s, and give back what it reads."""
        self.machine.wire({"kind": "latency", "seconds": 1.5, "operation": "ListCoverage"})
        self._ask_for_sync()
        time.sleep(2)
        part = self.machine.parts[self.random.choice(WORKERS)]
        assert part.process is not None
        process = part.process
        part.send(signal.SIGTERM)
        try:
            seconds = wait_for("the end of a worker", lambda: process.poll() is not None, 30)
            self.tally.recovery.setdefault("TERM until the worker was gone", []).append(seconds)
        except TimeoutError as error:
            self.tally.blame("TERM of a worker", str(error))
            part.kill_all()
        self.machine.heal()

    def _stop_worker(self) -> None:
        """Past its lease; then it wakes, believes that it still reads, and must be refused."""
        part = self.machine.parts[self.random.choice(WORKERS)]
        family = [part.pid, *descendants(part.pid)]
        before = self.world.times_locked()
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        time.sleep(2.5 * int(self.machine.environment["TORTURE_LEASE"]))
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        time.sleep(2)
        self.world.excused_locks += self.world.times_locked() - before

    def _kill_beat(self) -> None:
        for name in ("beat", "beat-2"):
            self._kill(self.machine.parts[name].pid)

    def _kill_web(self) -> None:
        self.reader.away("web")
        self._restarted(self.machine.parts["web"])
        wait_for("the pages", self.machine.web_answers)
        self.reader.back("web")

    def _restarted(self, part: Part) -> None:
        before = part.restarts
        self.tally.kills += 1
        part.kill_all()
        wait_for(f"the supervisor of {part.name}", lambda: part.restarts > before, 10)

    def _kill_web_child(self) -> None:
        self.reader.away("web")
        if children := descendants(self.machine.parts["web"].pid):
            self._kill(self.random.choice(children))
        time.sleep(0.5)
        self.reader.back("web")

    # The broker

    def _broker_away(self, seconds: float) -> None:
        part = self.machine.parts["broker"]
        self.tally.broker += 1
        part.stop()
        time.sleep(seconds)
        part.start()
        self._consumes_again("consuming again after the broker was away")

    def _restart_broker(self) -> None:
        self._broker_away(0)

    def _restart_broker_thrice(self) -> None:
        part = self.machine.parts["broker"]
        for _ in range(3):
            self.tally.broker += 1
            part.stop()
            part.start()
            time.sleep(0.8)
        self._consumes_again("consuming again after three restarts of the broker")

    def _freeze_broker(self) -> None:
        part = self.machine.parts["broker"]
        self.tally.broker += 1
        part.send(signal.SIGSTOP)
        time.sleep(5)
        part.send(signal.SIGCONT)
        self._consumes_again("consuming again after the broker was frozen")

    def _flush(self) -> None:
        import redis

        self.tally.broker += 1
        redis.Redis(HOST, self.machine.broker_port).flushall()
        self._consumes_again("consuming again after FLUSHALL")

    def _consumes_again(self, kind: str) -> None:
        """The heartbeat that beat sends and a worker writes says so."""
        moment = self.world.now()
        is_alive = Heartbeat.objects.filter(name=heartbeats.WORKER, at__gt=moment).exists
        try:
            seconds = wait_for("a heartbeat", is_alive, LONGEST)
        except TimeoutError as error:
            self.tally.blame(kind, str(error))
            return
        self.tally.recovery.setdefault(kind, []).append(seconds)
        if seconds > 60:
            self.tally.blame(kind, f"only after {seconds:.0f} s")

    def _poison_queue(self) -> None:
        import redis

        client = redis.Redis(HOST, self.machine.broker_port)
        good = {"body": "W1tdLCB7fSwge31d", "content-encoding": "utf-8", "content-type": "application/json"}
        information = {"exchange": "", "routing_key": "celery"}
        properties = {"delivery_info": information, "delivery_tag": "t", "body_encoding": "base64"}
        unknown = good | {"headers": {"task": "no.such.task", "id": "1"}, "properties": properties}
        pickled = unknown | {"content-type": "application/x-python-serialize"}
        wrong = unknown | {"headers": {"task": "scanning.tasks.sync_coverage", "id": "2"}, "body": "eyJhIjogMX0="}
        large = unknown | {"body": "x" * 5_000_000}
        for message in (unknown, pickled, wrong, large):
            client.lpush("celery", json.dumps(message))
            self.tally.faults += 1
        for text in ("{", "not JSON at all"):
            client.lpush("celery", text)
            self.tally.faults += 1
        self._consumes_again("consuming again after messages nobody can read")

    # The database

    def _database_away(self, seconds: float) -> None:
        assert self.machine.postgres is not None
        self.tally.database += 1
        connection.close()
        self.reader.away("database")
        self.machine.postgres.stop()
        time.sleep(seconds)
        self.machine.postgres.start()
        self._database_is_back()

    def _terminate_sessions(self) -> None:
        assert self.machine.postgres is not None
        self.tally.database += 1
        self.reader.away("database")
        self.machine.postgres.terminate_sessions()
        self._database_is_back()

    def _database_is_back(self) -> None:
        self.reader.back("database")
        back = time.monotonic()
        time.sleep(GRACE)
        late = max(0.0, self.reader.last_503 - back)
        self.tally.recovery.setdefault("pages after the database was back", []).append(late)

    def _count_dispatches(self, began: object, periods: float) -> None:
        """Two beats, one dispatch a period: beside those that we asked for."""
        asked = sum(self.tally.done.values()) * 2 + 2
        runs = SyncRun.objects.filter(scope__what=What.ORGANIZATION, started_at__gt=began).count()
        if runs > asked + periods + 4:
            self.tally.blame("two beats", f"{runs} syncs in {periods:.0f} periods, {asked} of them asked for")

    # SQLite under load

    def _readers_and_writers(self) -> None:
        """Sync after sync, 8 readers and 2 people who log in again and again."""
        seconds = 45 if self.torture.is_short else 600 * self.torture.scale
        print(f"   sync, 8 readers and 2 writers for {seconds:.0f} s", flush=True)
        readers = [Reader(self.machine.web_url, pause=0.02) for _ in range(8)]
        for reader in readers:
            reader.log_in()
        for reader in readers:
            reader.start()
        is_over = threading.Event()
        waits: list[float] = []
        wrong: list[str] = []

        def write() -> None:
            while not is_over.is_set():
                started = time.monotonic()
                try:
                    Reader(self.machine.web_url).log_in()
                except (AssertionError, OSError) as error:
                    wrong.append(f"a login failed: {error}")
                waits.append(time.monotonic() - started)

        writers = [threading.Thread(target=write, daemon=True) for _ in range(2)]
        for writer in writers:
            writer.start()
        deadline = time.monotonic() + seconds
        syncs = 0
        while time.monotonic() < deadline:
            moment = self.world.now()
            self.machine.control("tick", {"times": 2}, "POST")
            self.world.remember()
            self._ask_for_sync()
            syncs += 1
            with suppress(TimeoutError, DatabaseError, InterfaceError):
                wait_for("a sync", lambda moment=moment: self.world.everything_complete_since(moment), 60, 0.5)  # type: ignore[misc]
        is_over.set()
        for reader in readers:
            reader.is_over.set()
            wrong += reader.take_wrong()
        for line in dict.fromkeys(wrong):
            self.tally.blame("sync, 8 readers, 2 writers", line)
        self.tally.case("sync with 8 readers and 2 writers")
        self.world.check("sync, 8 readers, 2 writers", is_quiet=False)
        answers, slowest = sum(reader.answers for reader in readers), max(reader.slowest for reader in readers)
        self.tally.notes.append(
            f"{seconds:.0f} s of {syncs} syncs, 8 readers ({answers} pages, the slowest {slowest:.1f} s)"
            f" and 2 writers ({len(waits)} logins, the slowest {max(waits):.1f} s)"
        )
