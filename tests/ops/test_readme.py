"""The README against the code: what it names is all there is, neither more nor less."""

from __future__ import annotations

import ast
import io
import json
import re
from typing import Any

import pytest
from django.core.management import call_command

from tests.calls import ROOT, nodes_of

README = (ROOT / "README.md").read_text()
ENVIRONMENT_READERS = {"text", "number", "switch", "words", "choice", "role_arn"}


def policy_printed(*arguments: str) -> Any:
    out = io.StringIO()
    call_command("iam_policy", *arguments, stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue())


def test_the_policies_are_those_that_the_command_prints() -> None:
    policies = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL)]
    assert policies[0] == policy_printed()
    assert policy_printed("--write") in policies


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
