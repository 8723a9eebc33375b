"""What AWS sends, as rows of ours: pure functions, one AWS dict in, one unsaved model with its content hash out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from aws.decoding import clean, is_account_id, read_time, shorten
from aws.errors import ReadError
from scanning.choices import FindingType, ScanType, Severity
from scanning.models import NEVER, NOT_WAITING, CoveredResource, Finding
from scanning.statuses import map_version, status_of

LONGEST_ID = 1024
LONGEST_NAME = 256
RANKS = {severity: rank for rank, severity in enumerate(Severity)}
SCAN_TYPES = {
    FindingType.PACKAGE_VULNERABILITY: ScanType.PACKAGE,
    FindingType.CODE_VULNERABILITY: ScanType.CODE,
    FindingType.NETWORK_REACHABILITY: ScanType.NETWORK,
}


WRITTEN = b"2"
"""Part of the content hash: a row of ours that says more than before is written anew at the next read."""
TOLD = {"accountId", "resourceType", "resourceId", "scanType", "scanMode", "lastScannedAt"}
"""What of a coverage row has a field of its own."""


class CoverageKey(NamedTuple):
    """What identifies a coverage row within one Region and resource type."""

    account_id: str
    resource_id: str
    scan_type: str


def to_row(item: Mapping[str, Any], region: str) -> CoveredResource:
    """One row of ListCoverage, as it came over the wire. Raises ReadError if it lacks what identifies it."""
    item, digest, is_cleaned = _storable(item, map_version() + WRITTEN)
    account_id = _account_id(item, "accountId")
    resource_type, scan_type = (_required(item, key) for key in ("resourceType", "scanType"))
    resource_id = shorten(_required(item, "resourceId"), LONGEST_ID)
    metadata = _dict(item.get("resourceMetadata"))
    status = _dict(item.get("scanStatus"))
    code, reason = _text(status.get("statusCode"), 32), _text(status.get("reason"), 100)
    frequency = _text(_dict(metadata.get("ecrRepository")).get("scanFrequency"), 32)
    last_scanned_at, unreadable = _time(item.get("lastScannedAt"))
    name, tags = _name(metadata, resource_id), _tags(metadata)
    shown = status_of(resource_type, code, reason, frequency)
    return CoveredResource(
        region=region,
        account_id=account_id,
        resource_type=resource_type[:100],
        resource_id=resource_id,
        scan_type=scan_type[:16],
        status_code=code,
        status_reason=reason,
        scan_frequency=frequency,
        scan_mode=_text(item.get("scanMode"), 64),
        platform=_platform(metadata),
        last_scanned_at=last_scanned_at,
        tags=tags,
        metadata=_left_over(item) | metadata,
        name=name,
        group=shown.group,
        status_key=shown.key[:100],
        kind=shown.kind,
        sort_name=shorten((name or resource_id).casefold(), LONGEST_NAME),
        sort_last_scanned=last_scanned_at or NEVER,
        search_text=f"{name}\n{resource_id}".casefold(),
        tag_lines=_tag_lines(tags),
        is_cleaned=is_cleaned or unreadable,
        content_hash=digest,
    )


def wait_from(row: CoveredResource, first_seen_at: datetime) -> None:
    """Set since when the resource has not been scanned: its last scan, or for want of one our first sight of it."""
    row.first_seen_at = first_seen_at
    row.not_scanned_since = NOT_WAITING if row.is_covered else (row.last_scanned_at or first_seen_at)


def key_of(row: CoveredResource) -> CoverageKey:
    return CoverageKey(row.account_id, row.resource_id, row.scan_type)


def to_finding(item: Mapping[str, Any], region: str) -> Finding:
    """One finding of ListFindings, as it came over the wire."""
    item, digest, is_cleaned = _storable(item, b"1")
    arn, account_id = _required(item, "findingArn"), _account_id(item, "awsAccountId")
    resources = item.get("resources")
    resource = _dict(resources[0]) if isinstance(resources, list) and resources else {}
    kind, severity = _text(item.get("type"), 32), _text(item.get("severity"), 16)
    times = {key: _time(item.get(key)) for key in ("firstObservedAt", "lastObservedAt", "updatedAt")}
    package = _dict(item.get("packageVulnerabilityDetails"))
    return Finding(
        finding_arn=arn[:200],
        region=region,
        account_id=account_id,
        resource_type=_text(resource.get("type"), 100),
        resource_id=shorten(_text(resource.get("id")), LONGEST_ID),
        scan_type=SCAN_TYPES.get(FindingType(kind), "") if kind in FindingType else "",
        type=kind,
        status=_text(item.get("status"), 16),
        severity=severity,
        severity_rank=RANKS.get(severity, len(RANKS)),  # type: ignore[call-overload]
        title=_text(item.get("title")) or _text(item.get("description")) or arn,
        vulnerability_id=_text(package.get("vulnerabilityId"), 128),
        score=_float(item.get("inspectorScore")),
        epss=_float(_dict(item.get("epss")).get("score")),
        exploit_available=_text(item.get("exploitAvailable"), 16),
        fix_available=_text(item.get("fixAvailable"), 16),
        first_observed_at=times["firstObservedAt"][0],
        last_observed_at=times["lastObservedAt"][0],
        updated_at=times["updatedAt"][0],
        detail=item,
        is_cleaned=is_cleaned or any(unreadable for _, unreadable in times.values()),
        content_hash=digest,
    )


def _storable(item: Mapping[str, Any], salt: bytes) -> tuple[Mapping[str, Any], bytes, bool]:
    """The item without text that no database stores, the digest of its content, and whether it had to be cleaned."""
    is_cleaned = False
    try:
        content = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, TypeError):
        content, is_cleaned = b"", True
    if is_cleaned or b"\\u0000" in content:
        # The standard library writes what orjson refuses, such as numbers beyond 64 bits; the digest is what matters.
        item, is_cleaned = clean(item), True
        content = json.dumps(item, sort_keys=True, default=str).encode()
    return item, blake2b(content, digest_size=16, key=salt).digest(), is_cleaned


def _left_over(item: Mapping[str, Any]) -> dict[str, Any]:
    """What else AWS says of the row: the provider and its ids, and whatever it adds."""
    left = {key: value for key, value in item.items() if key not in {*TOLD, "scanStatus", "resourceMetadata"}}
    if status := {k: v for k, v in _dict(item.get("scanStatus")).items() if k not in {"statusCode", "reason"}}:
        left["scanStatus"] = status
    return left


def _required(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise ReadError(f"AWS sent a row without {key}: it cannot be told from others, so the read does not count.")
    return value


def _account_id(item: Mapping[str, Any], key: str) -> str:
    value = _required(item, key)
    if not is_account_id(value):
        raise ReadError(f"AWS sent a row whose {key} is no account id, so the read does not count.")
    return value


def _text(value: Any, longest: int | None = None) -> str:
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text[:longest] if longest else text


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _float(value: Any) -> float | None:
    """No number, or one that is too large to be one, is none."""
    try:
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    except OverflowError:
        return None


def _time(value: Any) -> tuple[datetime | None, bool]:
    """The time, and whether it was there but could not be read."""
    try:
        return read_time(value), False
    except ValueError:
        return None, True


NAMES: tuple[tuple[str, Callable[[dict[str, Any]], Any]], ...] = (
    ("ec2", lambda facts: _dict(facts.get("tags")).get("Name")),
    ("lambdaFunction", lambda facts: facts.get("functionName")),
    ("codeRepository", lambda facts: facts.get("projectName")),
    ("machineImage", lambda facts: _dict(facts.get("tags")).get("Name")),
    ("vmInstance", lambda facts: _dict(facts.get("tags")).get("Name")),
    ("serverlessFunction", lambda facts: facts.get("serverlessFunctionName")),
    ("containerRegistry", lambda facts: facts.get("name")),
)


def _name(metadata: dict[str, Any], resource_id: str) -> str:
    """What people call it. An image is named by its repository: the digest alone says nothing."""
    for key, name_in in NAMES:
        if isinstance(metadata.get(key), dict):
            return shorten(_text(name_in(metadata[key])), LONGEST_NAME)
    repository = _dict(metadata.get("ecrRepository")) or _dict(metadata.get("containerRepository"))
    return shorten(_text(repository.get("name")), LONGEST_NAME)


TAGS = (
    ("ec2", "tags"),
    ("lambdaFunction", "functionTags"),
    ("ecrImage", "tags"),
    ("machineImage", "tags"),
    ("vmInstance", "tags"),
    ("serverlessFunction", "functionTags"),
    ("containerImage", "imageTags"),
)


def _tags(metadata: dict[str, Any]) -> dict[str, Any] | list[Any]:
    for key, field in TAGS:
        tags = _dict(metadata.get(key)).get(field)
        if isinstance(tags, (dict, list)):
            return tags
    return {}


def _tag_lines(tags: dict[str, Any] | list[Any]) -> str:
    """One line a tag, so that a filter finds `Key=value` and nothing like it; empty without tags."""
    lines = [f"{key}={value}" for key, value in tags.items()] if isinstance(tags, dict) else [str(tag) for tag in tags]
    return "\n" + "".join(f"{' '.join(line.splitlines())}\n" for line in lines) if lines else ""


def _platform(metadata: dict[str, Any]) -> str:
    for key in ("ec2", "vmInstance", "machineImage"):
        if platform := _dict(metadata.get(key)).get("platform"):
            return _text(platform, 32)
    return ""
