"""Everything AWS says, laid out for reading: known keys get words, unknown ones appear as themselves."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from coverage_site.drawing import NOTHING, absolute, draw_link, draw_tags
from scanning.columns import EXCLUDING_TAGS, platform_label, runtime_label, value_label

LABELS = {
    "amiId": "AMI",
    "functionTags": "Tags",
    "imageTags": "Image tags",
    "imagePulledAt": "Last pulled",
    "lastInUseAt": "Last in use",
    "inUseCount": "In use by",
    "scanFrequency": "Scan frequency",
    "functionName": "Function name",
    "integrationArn": "Integration ARN",
    "providerTypeVisibility": "Visibility",
    "ipV4Addresses": "IPv4 addresses",
    "ipV6Addresses": "IPv6 addresses",
    "vm": "VM",
    "vmInstance": "VM instance",
    "vpcId": "VPC",
    "subnetId": "Subnet",
    "iamInstanceProfileArn": "Instance profile",
    "executionRoleArn": "Execution role",
    "codeSha256": "Code SHA-256",
    "imageId": "AMI",
    "keyName": "Key pair",
    "launchedAt": "Launched",
    "pushedAt": "Pushed",
    "lastModifiedAt": "Last modified",
    "imageHash": "Image digest",
    "vpcConfig": "VPC configuration",
    "securityGroupIds": "Security groups",
    "subnetIds": "Subnets",
    "cvss": "CVSS",
    "ec2": "EC2 instance",
    "ecrRepository": "ECR repository",
    "ecrImage": "ECR image",
    "lambdaFunction": "Lambda function",
    "awsEc2Instance": "EC2 instance",
    "awsEcrContainerImage": "ECR container image",
    "awsLambdaFunction": "Lambda function",
    "cwes": "CWEs",
    "epss": "EPSS",
    "id": "Id",
    "arn": "ARN",
    "findingArn": "Finding ARN",
    "awsAccountId": "Account",
}
TIME_KEY = re.compile(r".*(At|Date|Time)\Z")
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
TAG_KEYS = {"tags", "functionTags", "imageTags", "detectorTags"}
SECONDS_IN_THIS_CENTURY = range(946_684_800, 4_102_444_800)
DEEPEST = 8


def label_of(key: str) -> str:
    """AWS' camelCase key as words: `lastScannedCommitId` → “Last scanned commit id”."""
    if key in LABELS:
        return LABELS[key]
    words = WORDS.findall(key)
    if not words or "".join(words) != key:
        return key
    label = " ".join(word if word.isupper() else word.lower() for word in words)
    return label[0].upper() + label[1:]


def draw_facts(facts: Mapping[str, Any], depth: int = 0) -> SafeString:
    """A definition list of all keys, nested where AWS nests. By label: databases do not keep the order of keys."""
    if not facts:
        return NOTHING
    items = format_html_join(
        "",
        "<dt>{}</dt><dd>{}</dd>",
        (
            (label_of(str(key)), draw_value(str(key), value, depth))
            for key, value in sorted(facts.items(), key=lambda fact: label_of(str(fact[0])))
        ),
    )
    return format_html("<dl>{}</dl>", items)


def draw_value(key: str, value: Any, depth: int = 0) -> SafeString:
    if value is None or value in ("", [], {}):
        return NOTHING
    if depth > DEEPEST:
        return format_html("{}", str(value))
    if key in TAG_KEYS:
        return (
            draw_tags(value, excluding=EXCLUDING_TAGS) if isinstance(value, (dict, list)) else format_html("{}", value)
        )
    if isinstance(value, dict):
        return draw_facts(value, depth + 1)
    if isinstance(value, list):
        return _draw_list(key, value, depth)
    if isinstance(value, bool):
        return mark_safe("Yes" if value else "No")
    if isinstance(value, (int, float)):
        return format_html("{}", _time_of(key, value) or value)
    return _draw_text(key, str(value))


def _draw_list(key: str, values: list[Any], depth: int) -> SafeString:
    items = format_html_join("", "<li>{}</li>", ((draw_value(key, value, depth + 1),) for value in values))
    return format_html('<ul class="plain">{}</ul>', items)


def _draw_text(key: str, text: str) -> SafeString:
    if key == "platform":
        return format_html("{}", platform_label(text))
    if key == "runtime":
        return format_html("{}", runtime_label(text))
    if text.startswith(("http://", "https://")):
        return draw_link(text)
    text = value_label(key, text)
    return format_html('<span class="id">{}</span>' if text.startswith("arn:") or _is_id(text) else "{}", text)


def _is_id(text: str) -> bool:
    return bool(re.fullmatch(r"(sha256:|[a-z]+-)?[0-9a-f]{8,}", text, re.ASCII))


def _time_of(key: str, value: int | float) -> str:
    """AWS sends times as seconds since 1970."""
    if not TIME_KEY.match(key) or not math.isfinite(value) or int(value) not in SECONDS_IN_THIS_CENTURY:
        return ""
    return absolute(datetime.fromtimestamp(value, UTC))
