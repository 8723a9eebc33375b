"""The README against the code: what it names is all there is, neither more nor less."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from aws.guards import READING

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
ENVIRONMENT_READERS = {"text", "number", "switch", "words", "choice", "role_arn"}


def nodes_of(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            yield from ast.walk(ast.parse(path.read_text()))


def called_operations(service: str) -> set[str]:
    """Operations whose Python name is called, or given to a function that pages or retries."""
    operations = botocore.session.get_session().get_service_model(service).operation_names
    named = {xform_name(operation): operation for operation in operations}
    called = set()
    for node in nodes_of("aws", "accounts", "scanning"):
        if isinstance(node, ast.Call):
            words = [node.func.attr] if isinstance(node.func, ast.Attribute) else []
            words += [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            called |= {f"{service}:{named[word]}" for word in words if word in named}
    return called


def test_the_two_policies_allow_exactly_the_calls_that_are_made() -> None:
    policies = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL)]
    reading, writing = (set(policy["Statement"][0]["Action"]) for policy in policies[:2])
    called = called_operations("inspector2") | called_operations("organizations")
    assert reading == {call for call in called if call.partition(":")[2].startswith(READING)}
    assert writing == called - reading


def variables() -> set[str]:
    """What the settings ask of the environment."""
    return {
        node.args[0].value
        for node in nodes_of("coverage_site")
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
        in ENVIRONMENT_READERS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and node.args[0].value.isupper()
    }


def test_the_table_names_every_variable_and_no_other() -> None:
    table = README.partition("### Environment")[2].partition("### ")[0]
    firsts = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(firsts))) == variables()


@pytest.mark.parametrize("line", (ROOT / ".env.example").read_text().splitlines())
def test_the_example_sets_what_exists(line: str) -> None:
    name = line.partition("=")[0]
    assert line.startswith("#") or name in variables() | {"POSTGRES_PASSWORD"}
