"""The stand-in as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

from demo.organization import Organization
from demo.server import StandIn
from tests.demo.conftest import connect_to

ROOT = Path(__file__).parents[2]


def test_it_says_where_it_listens_answers_and_ends_on_sigterm() -> None:
    command = [sys.executable, "-m", "demo.server", "--accounts", "20", "--resources", "300", "--tick-seconds", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Stand-in AWS listening on http://127.0.0.1:")
            with urllib.request.urlopen(f"{line.split()[-1]}/_stand-in/health", timeout=10) as response:
                assert json.loads(response.read())["ok"] is True
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_two_stand_ins_in_one_process_share_nothing() -> None:
    one, other = Organization.empty("111111111111"), Organization.empty("222222222222")
    one.add_instance()
    with StandIn(one) as first, StandIn(other) as second:
        assert len(connect_to(first, "inspector2", None, "us-east-1").list_coverage()["coveredResources"]) == 1
        assert connect_to(second, "inspector2", None, "us-east-1").list_coverage()["coveredResources"] == []
        assert connect_to(second, "sts", None, "us-east-1").get_caller_identity()["Account"] == "222222222222"
        assert (len(first.calls), len(second.calls)) == (1, 2)


def test_many_readers_at_once_are_each_answered() -> None:
    organization = Organization.empty()
    for _ in range(400):
        organization.add_instance()
    found: list[int] = []
    with StandIn(organization) as aws:
        client = connect_to(aws, "inspector2", None, "us-east-1")

        def read() -> None:
            found.append(
                sum(len(page["coveredResources"]) for page in client.get_paginator("list_coverage").paginate())
            )

        readers = [threading.Thread(target=read) for _ in range(8)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    assert found == [400] * 8
