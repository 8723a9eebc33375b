"""The demo takes no database and no broker that somebody else uses, and leaves nothing behind when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from aws import heartbeats
from aws.models import SyncScope
from demo import __main__ as demo, ours
from demo.family import Roll, started_by
from tests.ops.conftest import until

ADMINISTRATOR = "111122223333"
PERSON = "from accounts.models import Person; Person.objects.create_user('site-admin', password='theirs-and-long')"


@pytest.fixture
def take(start):
    """Take the database and the broker as the demo does; the exit code and what it said."""

    def begin(*given: str, **variables: str) -> tuple[int, str]:
        program = start("-m", "demo.ours", "--administrator", ADMINISTRATOR, *given, **variables)
        return program.process.wait(60), program.said

    return begin


def test_a_database_with_people_is_left_as_it_is(start, take) -> None:
    assert start("manage.py", "migrate").process.wait(60) == 0
    assert start("manage.py", "shell", "--no-imports", "-c", PERSON).process.wait(60) == 0
    code, said = take("--database")
    assert code == 1
    assert said.splitlines() == [
        "DATABASE_URL names a database in use: it holds what no demo made (people: 1, scopes that are read: 0)."
        " The demo takes only an empty one, or one of its own."
    ]


def test_a_database_of_something_else_gets_no_tables(start, take) -> None:
    theirs = "import sqlite3, os; sqlite3.connect(os.environ['DATABASE_URL'][10:]).execute('CREATE TABLE theirs (a)')"
    assert start("-c", theirs).process.wait(30) == 0
    code, said = take("--database")
    assert (code, "tables of something else" in said) == (1, True)


@pytest.mark.django_db
def test_a_database_with_our_mark_is_ours_until_another_account_is_read_into_it() -> None:
    assert ours.reason_against_database(ADMINISTRATOR) == ""
    scope = SyncScope.objects.create(what="accounts", region="us-east-1", caller_account=ADMINISTRATOR)
    assert "what no demo made" in ours.reason_against_database(ADMINISTRATOR)
    heartbeats.beat(ours.MARK)
    assert ours.reason_against_database(ADMINISTRATOR) == ""
    SyncScope.objects.filter(pk=scope.pk).update(caller_account="999988887777")
    assert "account 999988887777 was read into it" in ours.reason_against_database(ADMINISTRATOR)


def test_a_broker_is_taken_and_one_that_somebody_uses_is_not(start, take, valkey) -> None:
    assert take("--broker", "--database", REDIS_URL=valkey.url) == (0, "")
    assert take("--broker", "--database", REDIS_URL=valkey.url) == (0, "")
    worker = start("-m", "celery", "-A", "coverage_site", "worker", "--concurrency", "1", REDIS_URL=valkey.url)
    until(lambda: " ready." in worker.said)
    code, said = take("--broker", REDIS_URL=valkey.url)
    assert (code, "workers take tasks from it (1)" in said) == (1, True)
    redis.Redis.from_url(valkey.url).delete(ours.BROKER_MARK)
    code, said = take("--broker", REDIS_URL=valkey.url)
    assert (code, "it holds queues that no demo made" in said) == (1, True)


def test_an_address_is_shown_without_its_password() -> None:
    assert demo.place_of("postgres://u:p@ss@db:5432/name?password=x") == "postgres://db:5432/name"
    assert demo.place_of("sqlite:///var/demo/coverage.sqlite3") == "sqlite:///var/demo/coverage.sqlite3"


def test_an_empty_address_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    monkeypatch.setenv("DATABASE_URL", " ")
    assert demo.environment_of(tmp_path, 1)["DATABASE_URL"] == "sqlite:///./coverage.sqlite3"


# --- What is left when it is killed

DEMO = """
import sys, time
from pathlib import Path
from demo import __main__ as demo
from demo import family
{without}
with demo.state_folder(Path(sys.argv[1])) as (folder, lock):
    supervisor = demo.Supervisor(folder, {{}}, lock)
    child = supervisor.start("web", sys.executable, "-c", "import time; time.sleep(600)")
    print(folder.name, child.process.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def start_demo(tmp_path: Path):
    """A demo of one child, under this folder. Gives it, its folder's name and the child."""
    running: list[subprocess.Popen[str]] = []

    def begin(without: str = "") -> tuple[subprocess.Popen[str], str, int]:
        command = [sys.executable, "-c", DEMO.format(without=without), str(tmp_path)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=demo.ROOT))
        assert running[-1].stdout is not None
        name, child = running[-1].stdout.readline().split()
        return running[-1], name, int(child)

    yield begin
    for process in running:
        process.kill()
        process.wait()


def lives(pid: int) -> bool:
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(told) and not told.startswith("Z")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells children that their parent is gone")
def test_children_end_with_a_demo_that_is_killed(start_demo) -> None:
    process, _, child = start_demo()
    process.kill()
    until(lambda: not lives(child), 5)


def test_what_a_killed_demo_left_is_ended_by_the_next(start_demo) -> None:
    process, first, child = start_demo(without="family._linux = None")
    process.kill()
    process.wait()
    time.sleep(0.3)
    assert lives(child)
    _, second, other = start_demo()
    assert (second, other != child) == (first, True)
    assert not lives(child)


def test_a_second_demo_leaves_the_first_alone(start_demo, tmp_path: Path) -> None:
    _, first, child = start_demo()
    _, second, _ = start_demo()
    assert (first, second) == ("demo", "demo-2")
    assert lives(child)
    assert (tmp_path / "demo").stat().st_mode & 0o777 == 0o700


def test_a_number_that_was_given_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        Roll(tmp_path).path.write_text(f'{{"supervisor": [1, "no"], "children": [[{bystander.pid}, "another time"]]}}')
        assert Roll(tmp_path).end_leftovers(lambda: True)
        assert bystander.poll() is None
        bystander.kill()


PARENT = "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]]); sys.stdin.read()"
WATCHED = """
import os, time
from pathlib import Path
from demo import __main__ as demo
supervisor = demo.Supervisor(Path("."), {})
print(os.getpid(), flush=True)
try:
    while True:
        supervisor.pause()
except demo.Ended:
    print("Ended", flush=True)
"""


def test_the_demo_ends_when_make_is_gone() -> None:
    command = [sys.executable, "-c", PARENT, "-c", WATCHED]
    given = os.environ | {"MAKELEVEL": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=demo.ROOT, env=given, **pipes) as make:  # type: ignore[call-overload]
        assert int(make.stdout.readline())
        make.send_signal(signal.SIGKILL)
        assert make.stdout.readline() == "Ended\n"


def test_nobody_is_missed_where_neither_make_nor_a_terminal_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    monkeypatch.setattr(sys, "stdin", None)
    assert started_by() == ()
