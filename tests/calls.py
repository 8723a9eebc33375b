"""The calls at AWS that the code makes, found in the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import botocore.session
from botocore import xform_name

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("inspector2", "organizations", "sts")


def nodes_of(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            yield from ast.walk(ast.parse(path.read_text()))


def calls_made() -> set[str]:
    """IAM actions of the operations whose Python name is called, or given to a function that pages or retries."""
    session = botocore.session.get_session()
    named = {
        xform_name(operation): f"{service}:{operation}"
        for service in SERVICES
        for operation in session.get_service_model(service).operation_names
    }
    called = set()
    for node in nodes_of("aws", "accounts", "scanning"):
        if isinstance(node, ast.Call):
            words = [node.func.attr] if isinstance(node.func, ast.Attribute) else []
            words += [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            called |= {named[word] for word in words if word in named}
    return called
