"""ListCoverage and ListCoverageStatistics."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

from demo.calls import Answer, Call, Operation
from demo.errors import invalid
from demo.organization import Organization, Resource, Row, after_serial
from demo.paging import Getter, make_token, matcher, page_size, path, read_token

COMPARISONS = ("EQUALS", "NOT_EQUALS")
GROUPS_A_PAGE = 100

_metadata = "resourceMetadata"
FILTERS: dict[str, tuple[str, Getter]] = {
    "scanStatusCode": ("string", path("scanStatus", "statusCode")),
    "scanStatusReason": ("string", path("scanStatus", "reason")),
    "accountId": ("string", path("accountId")),
    "resourceId": ("string", path("resourceId")),
    "resourceType": ("string", path("resourceType")),
    "scanType": ("string", path("scanType")),
    "scanMode": ("string", path("scanMode")),
    "lastScannedAt": ("date", path("lastScannedAt")),
    "ecrRepositoryName": ("string", path(_metadata, "ecrRepository", "name")),
    "ecrImageTags": ("string", path(_metadata, "ecrImage", "tags")),
    "imagePulledAt": ("date", path(_metadata, "ecrImage", "imagePulledAt")),
    "ecrImageLastInUseAt": ("date", path(_metadata, "ecrImage", "lastInUseAt")),
    "ecrImageInUseCount": ("number", path(_metadata, "ecrImage", "inUseCount")),
    "ec2InstanceTags": ("map", path(_metadata, "ec2", "tags")),
    "lambdaFunctionName": ("string", path(_metadata, "lambdaFunction", "functionName")),
    "lambdaFunctionTags": ("map", path(_metadata, "lambdaFunction", "functionTags")),
    "lambdaFunctionRuntime": ("string", path(_metadata, "lambdaFunction", "runtime")),
    "machineImageTags": ("map", path(_metadata, "machineImage", "tags")),
    "codeRepositoryProjectName": ("string", path(_metadata, "codeRepository", "projectName")),
    "codeRepositoryProviderType": ("string", path(_metadata, "codeRepository", "providerType")),
    "codeRepositoryProviderTypeVisibility": ("string", path(_metadata, "codeRepository", "providerTypeVisibility")),
    "lastScannedCommitId": ("string", path(_metadata, "codeRepository", "lastScannedCommitId")),
    "cloudProvider": ("string", path("provider")),
    "cloudProviderAccountId": ("string", path("providerAccountId")),
    "cloudProviderRegion": ("string", path("providerRegion")),
    "cloudProviderOrgId": ("string", path("providerOrgId")),
    "cloudVmInstanceTags": ("map", path(_metadata, "vmInstance", "tags")),
    "cloudContainerImageTags": ("string", path(_metadata, "containerImage", "imageTags")),
    "cloudContainerRepositoryName": ("string", path(_metadata, "containerRepository", "name")),
    "cloudContainerRegistryName": ("string", path(_metadata, "containerRegistry", "name")),
    "cloudServerlessFunctionName": ("string", path(_metadata, "serverlessFunction", "serverlessFunctionName")),
    "cloudServerlessFunctionRuntime": ("string", path(_metadata, "serverlessFunction", "runtime")),
    "cloudServerlessFunctionTags": ("map", path(_metadata, "serverlessFunction", "functionTags")),
}

GROUPS: dict[str, Getter] = {
    "SCAN_STATUS_CODE": path("scanStatus", "statusCode"),
    "SCAN_STATUS_REASON": path("scanStatus", "reason"),
    "ACCOUNT_ID": path("accountId"),
    "RESOURCE_TYPE": path("resourceType"),
    "ECR_REPOSITORY_NAME": path(_metadata, "ecrRepository", "name"),
    "PROVIDER": path("provider"),
    "PROVIDER_ACCOUNT_ID": path("providerAccountId"),
    "PROVIDER_REGION": path("providerRegion"),
    "PROVIDER_ORG_ID": path("providerOrgId"),
}


def list_coverage(organization: Organization, call: Call) -> Answer:
    """One page of coverage rows in a stable order: a row that changes keeps its place, a new one comes last."""
    size = page_size(call.params, 200)
    after = read_token(call)
    page: list[Row] = []
    last = 0
    for resource in matching(organization, call, after or 0):
        if len(page) == size:
            return {"coveredResources": page, "nextToken": make_token(call, last)}
        page.append(resource.row)
        last = resource.serial
    return {"coveredResources": page}


def list_coverage_statistics(organization: Organization, call: Call) -> Answer:
    """Rows counted by the value that `groupBy` names; rows without that value count in the total alone."""
    group_by = call.params.get("groupBy")
    if group_by is not None and group_by not in GROUPS:
        raise invalid(f"groupBy '{group_by}' is not one of {', '.join(GROUPS)}", field="groupBy")
    after = read_token(call)
    rows = [resource.row for resource in matching(organization, call)]
    if group_by is None:
        return {"totalCounts": len(rows)}
    counts = Counter(map(GROUPS[group_by], rows))
    counts.pop(None, None)
    keys = sorted(counts)
    start = bisect_right(keys, after) if after is not None else 0
    shown = keys[start : start + GROUPS_A_PAGE]
    answer: Answer = {
        "totalCounts": len(rows),
        "countsByGroup": [{"groupKey": key, "count": counts[key]} for key in shown],
    }
    if start + GROUPS_A_PAGE < len(keys):
        answer["nextToken"] = make_token(call, shown[-1])
    return answer


def matching(organization: Organization, call: Call, after: int = 0) -> Iterator[Resource]:
    """The rows this caller may see that pass the filters, beginning after a serial number."""
    accepts = matcher(FILTERS, call, COMPARISONS)
    visible = organization.visible_accounts(call.account_id, call.region)
    for resource in _candidates(organization, call, after):
        if resource.row["accountId"] in visible and accepts(resource.row):
            yield resource


def _candidates(organization: Organization, call: Call, after: int) -> Iterator[Resource]:
    """As few rows as an index allows: by resource id, by resource type, or all of the Region."""
    ids = _wanted(call, "resourceId")
    if ids:
        named = {one.serial: one for wanted in ids for one in organization.with_id(call.region, wanted)}
        return iter([named[serial] for serial in sorted(named) if serial > after])
    lists = organization.lists(call.region, _wanted(call, "resourceType") or None)
    ahead = (after_serial(rows, after) for rows in lists)
    return heapq.merge(*ahead, key=lambda resource: resource.serial)


def _wanted(call: Call, field: str) -> list[str]:
    filters = (call.params.get("filterCriteria") or {}).get(field) or []
    values = [one.get("value") for one in filters if one.get("comparison") == "EQUALS"]
    return [value for value in values if isinstance(value, str)]


OPERATIONS: dict[str, Operation] = {
    "ListCoverage": list_coverage,
    "ListCoverageStatistics": list_coverage_statistics,
}
