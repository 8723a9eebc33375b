"""ListFindingAggregations: active findings counted by severity for whatever they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from demo.calls import Answer, Call, Operation
from demo.errors import invalid
from demo.findings import RESOURCE_DETAILS, resource_row, tags_of
from demo.organization import Finding, Organization, Row
from demo.paging import Getter, make_token, map_filter, page_size, path, read_token, string_filter

COMPARISONS = ("EQUALS", "PREFIX", "NOT_EQUALS")
SEVERITIES = ("critical", "high", "medium", "low", "informational", "untriaged")


class Aggregation(NamedTuple):
    """One member of the unions `aggregationRequest` and of the answer: what is grouped, and how a group is told."""

    member: str
    keys: Callable[[Finding], Iterable[Any]]
    describe: Callable[[Any, list[Finding]], Row]
    filters: Mapping[str, Getter]


def _only(resource_type: str, key: Callable[[Finding], Any]) -> Callable[[Finding], Iterable[Any]]:
    return lambda finding: [key(finding)] if finding.resource.resource_type == resource_type else []


def _resource(finding: Finding) -> str:
    return finding.resource.resource_id


def _detail(*names: str) -> Getter:
    read = path("details", *names)
    return lambda finding: read(resource_row(finding)) if finding.resource.resource_type in RESOURCE_DETAILS else None


def _shared(*names: str) -> Getter:
    read = path(*names)
    return lambda finding: read(finding.overrides) or read(finding.details)


_repository = _detail("awsEcrContainerImage", "repositoryName")
_vulnerability = _shared("packageVulnerabilityDetails", "vulnerabilityId")
_packages = _shared("packageVulnerabilityDetails", "vulnerablePackages")
_kinds: dict[str, Getter] = {
    "findingType": lambda finding: finding.type,
    "resourceType": lambda finding: finding.resource.resource_type,
}


def _available(found: list[Finding]) -> Row:
    return {
        "exploitAvailableCount": sum(_shared("exploitAvailable")(one) == "YES" for one in found),
        "fixAvailableCount": sum(_shared("fixAvailable")(one) == "YES" for one in found),
    }


def _describe_instance(key: str, found: list[Finding]) -> Row:
    return {
        "instanceId": key,
        "ami": _detail("awsEc2Instance", "imageId")(found[0]),
        "operatingSystem": _detail("awsEc2Instance", "platform")(found[0]),
        "instanceTags": tags_of(found[0].resource),
        "networkFindings": sum(one.type == "NETWORK_REACHABILITY" for one in found),
    }


def _describe_image(key: str, found: list[Finding]) -> Row:
    image = resource_row(found[0])["details"]["awsEcrContainerImage"]
    row = {
        "resourceId": key,
        "imageSha": image["imageHash"],
        "repository": image["repositoryName"],
        "architecture": image["architecture"],
        "imageTags": image["imageTags"],
    }
    return row | {name: image[name] for name in ("lastInUseAt", "inUseCount") if name in image}


def _describe_function(key: str, found: list[Finding]) -> Row:
    function = resource_row(found[0])["details"]["awsLambdaFunction"]
    return {
        "resourceId": key,
        "functionName": function["functionName"],
        "runtime": function["runtime"],
        "lambdaTags": tags_of(found[0].resource),
        "lastModifiedAt": function["lastModifiedAt"],
    }


def _describe_title(key: str, found: list[Finding]) -> Row:
    identifier = _vulnerability(found[0])
    return {"title": key} | ({"vulnerabilityId": identifier} if identifier else {})


AGGREGATIONS: dict[str, Aggregation] = {
    "ACCOUNT": Aggregation(
        "accountAggregation", lambda finding: [finding.account_id], lambda key, found: _available(found), _kinds
    ),
    "FINDING_TYPE": Aggregation(
        "findingTypeAggregation", lambda finding: [finding.account_id], lambda key, found: _available(found), _kinds
    ),
    "AWS_EC2_INSTANCE": Aggregation(
        "ec2InstanceAggregation",
        _only("AWS_EC2_INSTANCE", _resource),
        _describe_instance,
        {
            "instanceIds": _resource,
            "amis": _detail("awsEc2Instance", "imageId"),
            "operatingSystems": _detail("awsEc2Instance", "platform"),
            "instanceTags": lambda finding: tags_of(finding.resource),
        },
    ),
    "AWS_ECR_CONTAINER": Aggregation(
        "awsEcrContainerAggregation",
        _only("AWS_ECR_CONTAINER_IMAGE", _resource),
        _describe_image,
        {
            "resourceIds": _resource,
            "imageShas": _detail("awsEcrContainerImage", "imageHash"),
            "repositories": _repository,
            "architectures": _detail("awsEcrContainerImage", "architecture"),
            "imageTags": _detail("awsEcrContainerImage", "imageTags"),
        },
    ),
    "REPOSITORY": Aggregation(
        "repositoryAggregation",
        _only("AWS_ECR_CONTAINER_IMAGE", _repository),
        lambda key, found: {"repository": key, "affectedImages": len({_resource(one) for one in found})},
        {"repositories": _repository},
    ),
    "AWS_LAMBDA_FUNCTION": Aggregation(
        "lambdaFunctionAggregation",
        _only("AWS_LAMBDA_FUNCTION", _resource),
        _describe_function,
        {
            "resourceIds": _resource,
            "functionNames": _detail("awsLambdaFunction", "functionName"),
            "runtimes": _detail("awsLambdaFunction", "runtime"),
            "functionTags": lambda finding: tags_of(finding.resource),
        },
    ),
    "TITLE": Aggregation(
        "titleAggregation",
        lambda finding: [_shared("title")(finding)],
        lambda key, found: (
            {"title": key}
            | (
                {"vulnerabilityId": one}
                if (one := _shared("packageVulnerabilityDetails", "vulnerabilityId")(found[0]))
                else {}
            )
        ),
        _kinds
        | {
            "titles": _shared("title"),
            "vulnerabilityIds": _vulnerability,
        },
    ),
    "PACKAGE": Aggregation(
        "packageAggregation",
        lambda finding: {package["name"] for package in _packages(finding) or []},
        lambda key, found: {"packageName": key},
        {"packageNames": lambda finding: [package["name"] for package in _packages(finding) or []]},
    ),
}
"""The aggregation types that the stand-in knows; a group also carries its account, as AWS' rows do."""


def list_finding_aggregations(organization: Organization, call: Call) -> Answer:
    """One page of groups with their counts by severity, the largest first unless asked otherwise."""
    kind = str(call.params.get("aggregationType"))
    if kind not in AGGREGATIONS:
        raise invalid(f"Aggregation by '{kind}' is not known", field="aggregationType")
    aggregation = AGGREGATIONS[kind]
    request = (call.params.get("aggregationRequest") or {}).get(aggregation.member) or {}
    size = page_size(call.params, 100)
    start = read_token(call) or 0
    rows = [
        {
            "accountId": account_id,
            "severityCounts": _counts(found),
            **aggregation.describe(key, found),
        }
        for (key, account_id), found in _groups(organization, call, aggregation, request).items()
    ]
    by = request.get("sortBy", "ALL").lower()
    counted = by if by in ("critical", "high") else "all"
    rows.sort(key=lambda row: row["severityCounts"][counted], reverse=request.get("sortOrder", "DESC") == "DESC")
    answer: Answer = {
        "aggregationType": kind,
        "responses": [{aggregation.member: row} for row in rows[start : start + size]],
    }
    if start + size < len(rows):
        answer["nextToken"] = make_token(call, start + size)
    return answer


def _groups(
    organization: Organization, call: Call, aggregation: Aggregation, request: Mapping[str, Any]
) -> dict[tuple[Any, str], list[Finding]]:
    checks = [_check(name, aggregation.filters[name], request[name]) for name in request if name in aggregation.filters]
    if call.params.get("accountIds"):
        checks.append(_check("accountIds", lambda finding: finding.account_id, call.params["accountIds"]))
    visible = organization.visible_accounts(call.account_id, call.region)
    groups: dict[tuple[Any, str], list[Finding]] = {}
    for finding in organization.findings(call.region):
        if finding.status == "ACTIVE" and finding.account_id in visible and all(check(finding) for check in checks):
            for key in aggregation.keys(finding):
                groups.setdefault((key, finding.account_id), []).append(finding)
    return groups


def _check(name: str, getter: Getter, wanted: Any) -> Callable[[Finding], bool]:
    if isinstance(wanted, str):
        return lambda finding: getter(finding) == wanted
    if not 1 <= len(wanted) <= 10:
        raise invalid(f"Filter '{name}' takes 1 to 10 values", field=name)
    make = map_filter if "key" in wanted[0] else string_filter
    accepts = make(name, wanted, COMPARISONS)
    return lambda finding: accepts(getter(finding))


def _counts(found: list[Finding]) -> dict[str, int]:
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in found:
        counts[finding.severity.lower()] += 1
    return counts | {"all": len(found)}


OPERATIONS: dict[str, Operation] = {"ListFindingAggregations": list_finding_aggregations}
