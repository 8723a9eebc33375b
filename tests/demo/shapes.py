"""Does an answer hold to the shape that the SDK's own model gives it? Checked on the wire, before the SDK reads it."""

from __future__ import annotations

import json
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.session import get_session

OMITTED = {("State", "errorCode"), ("State", "errorMessage")}
"""Required in the model, left out by AWS where there is no error."""
OPEN_ENUMS = {"groupKey"}
"""The model calls it an enum, AWS sends the value of the group."""
UNDECLARED = {"resourceType": {"AWS_ACCOUNT", "AWS_EKS_NODE_POOL"}}
"""Values that AWS sends although the enum lacks them, and the stand-in's type of tomorrow."""
PLAIN_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "double": (int, float),
    "float": (int, float),
    "boolean": bool,
    "timestamp": (int, float),
}


def violations(shape: Shape, value: Any, where: str = "") -> list[str]:
    """Every place where the value breaks the shape; empty when it holds."""
    if isinstance(shape, StructureShape):
        return _structure(shape, value, where)
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            return [f"{where}: no list but {value!r}"]
        return [one for index, item in enumerate(value) for one in violations(shape.member, item, f"{where}[{index}]")]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            return [f"{where}: no map but {value!r}"]
        return [one for key, item in value.items() for one in violations(shape.value, item, f"{where}[{key!r}]")]
    return _scalar(shape, value, where)


def _structure(shape: StructureShape, value: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: no structure but {value!r}"]
    found = [f"{where}: unknown member {name}" for name in value.keys() - shape.members.keys()]
    missing = [name for name in shape.required_members if name not in value and (shape.name, name) not in OMITTED]
    found += [f"{where}: {name} is missing" for name in missing]
    for name, member in shape.members.items():
        if name in value:
            found += violations(member, value[name], f"{where}.{name}")
    return found


def _scalar(shape: Shape, value: Any, where: str) -> list[str]:
    if not isinstance(value, PLAIN_TYPES[shape.type_name]) or (
        shape.type_name != "boolean" and isinstance(value, bool)
    ):
        return [f"{where}: {value!r} is no {shape.type_name}"]
    member = where.rpartition(".")[2]
    if isinstance(shape, StringShape) and isinstance(value, str):
        if shape.enum and member not in OPEN_ENUMS and value not in {*shape.enum, *UNDECLARED.get(member, ())}:
            return [f"{where}: {value!r} is not in the enum {shape.name}"]
        low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 10**9)
        if not low <= len(value) <= high:
            return [f"{where}: length {len(value)} of {value[:80]!r} is not within {low} and {high}"]
    return []


def check_body(service: str, operation: str, body: bytes) -> None:
    """Fail if the body of a good answer breaks the operation's output shape."""
    model = get_session().get_service_model(service).operation_model(operation)
    assert model.output_shape is not None
    found = violations(model.output_shape, json.loads(body))
    assert not found, f"{service} {operation}: {found[:10]}"
