"""ListFindings and the details of single findings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from demo.calls import Answer, Call, Operation
from demo.catalog import PLAIN_SNIPPET, SNIPPETS
from demo.errors import invalid
from demo.organization import Finding, Organization, Resource, Row
from demo.paging import Getter, Predicate, make_token, matcher, page_size, path, read_token

COMPARISONS = ("EQUALS", "PREFIX", "NOT_EQUALS")
RANKS = {name: rank for rank, name in enumerate(("UNTRIAGED", "INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"))}


def in_row(*names: str | int) -> Getter:
    """Read a member of AWS' dict of a finding, made for the purpose: for filters that are rare."""
    read = path(*names)
    return lambda finding: read(finding_row(finding))


def in_details(*names: str | int) -> Getter:
    """Read a member that all findings with these details share, or that this one overrides."""
    read = path(*names)

    def get(finding: Finding) -> Any:
        return read(finding.overrides) if names[0] in finding.overrides else read(finding.details)

    return get


_package = "packageVulnerabilityDetails"
_code = "codeVulnerabilityDetails"
_details = ("resources", 0, "details")
_STRINGS: dict[str, Getter] = {
    "findingArn": lambda finding: finding.arn,
    "awsAccountId": lambda finding: finding.account_id,
    "findingType": lambda finding: finding.type,
    "severity": lambda finding: finding.severity,
    "findingStatus": lambda finding: finding.status,
    "resourceId": lambda finding: finding.resource.resource_id,
    "resourceType": lambda finding: finding.resource.resource_type,
    "title": in_details("title"),
    "fixAvailable": in_details("fixAvailable"),
    "exploitAvailable": in_details("exploitAvailable"),
    "vulnerabilityId": in_details(_package, "vulnerabilityId"),
    "vulnerabilitySource": in_details(_package, "source"),
    "vendorSeverity": in_details(_package, "vendorSeverity"),
    "relatedVulnerabilities": in_details(_package, "relatedVulnerabilities"),
    "networkProtocol": in_details("networkReachabilityDetails", "protocol"),
    "componentId": lambda finding: _components(finding, "componentId"),
    "componentType": lambda finding: _components(finding, "componentType"),
    "codeVulnerabilityDetectorName": in_details(_code, "detectorName"),
    "codeVulnerabilityDetectorTags": in_details(_code, "detectorTags"),
    "codeVulnerabilityFilePath": in_details(_code, "filePath", "filePath"),
    "ec2InstanceImageId": in_row(*_details, "awsEc2Instance", "imageId"),
    "ec2InstanceVpcId": in_row(*_details, "awsEc2Instance", "vpcId"),
    "ec2InstanceSubnetId": in_row(*_details, "awsEc2Instance", "subnetId"),
    "ecrImageArchitecture": in_row(*_details, "awsEcrContainerImage", "architecture"),
    "ecrImageRegistry": in_row(*_details, "awsEcrContainerImage", "registry"),
    "ecrImageRepositoryName": in_row(*_details, "awsEcrContainerImage", "repositoryName"),
    "ecrImageTags": in_row(*_details, "awsEcrContainerImage", "imageTags"),
    "ecrImageHash": in_row(*_details, "awsEcrContainerImage", "imageHash"),
    "lambdaFunctionName": in_row(*_details, "awsLambdaFunction", "functionName"),
    "lambdaFunctionLayers": in_row(*_details, "awsLambdaFunction", "layers"),
    "lambdaFunctionRuntime": in_row(*_details, "awsLambdaFunction", "runtime"),
    "lambdaFunctionExecutionRoleArn": in_row(*_details, "awsLambdaFunction", "executionRoleArn"),
    "codeRepositoryProjectName": in_row(*_details, "codeRepository", "projectName"),
    "codeRepositoryProviderType": in_row(*_details, "codeRepository", "providerType"),
    "machineImageId": in_row(*_details, "machineImage", "machineImageId"),
    "machineImageName": in_row(*_details, "machineImage", "name"),
    "machineImageOwnerAccountId": in_row(*_details, "machineImage", "ownerAccountId"),
    "machineImagePlatform": in_row(*_details, "machineImage", "platform"),
    "cloudProvider": in_row("resources", 0, "provider"),
    "cloudProviderRegion": in_row("resources", 0, "region"),
    "cloudProviderAccountId": in_row("resources", 0, "providerAccountId"),
    "cloudProviderOrgId": in_row("resources", 0, "providerOrgId"),
}
FILTERS: dict[str, tuple[str, Getter]] = {name: ("string", getter) for name, getter in _STRINGS.items()} | {
    "firstObservedAt": ("date", lambda finding: finding.first_observed_at),
    "lastObservedAt": ("date", lambda finding: finding.last_observed_at),
    "updatedAt": ("date", lambda finding: finding.overrides.get("updatedAt", finding.updated_at)),
    "ecrImagePushedAt": ("date", in_row(*_details, "awsEcrContainerImage", "pushedAt")),
    "ecrImageLastInUseAt": ("date", in_row(*_details, "awsEcrContainerImage", "lastInUseAt")),
    "ecrImageInUseCount": ("number", in_row(*_details, "awsEcrContainerImage", "inUseCount")),
    "lambdaFunctionLastModifiedAt": ("date", in_row(*_details, "awsLambdaFunction", "lastModifiedAt")),
    "inspectorScore": ("number", in_details("inspectorScore")),
    "epssScore": ("number", in_details("epss", "score")),
    "resourceTags": ("map", lambda finding: tags_of(finding.resource)),
    "portRange": ("ports", in_details("networkReachabilityDetails", "openPortRange")),
    "vulnerablePackages": ("packages", in_details(_package, "vulnerablePackages")),
}

SORTS: dict[str, Callable[[Finding], Any]] = {
    "AWS_ACCOUNT_ID": _STRINGS["awsAccountId"],
    "FINDING_TYPE": _STRINGS["findingType"],
    "SEVERITY": lambda finding: RANKS.get(finding.severity, -1),
    "FIRST_OBSERVED_AT": lambda finding: finding.first_observed_at,
    "LAST_OBSERVED_AT": lambda finding: finding.last_observed_at,
    "FINDING_STATUS": _STRINGS["findingStatus"],
    "RESOURCE_TYPE": _STRINGS["resourceType"],
    "ECR_IMAGE_PUSHED_AT": FILTERS["ecrImagePushedAt"][1],
    "ECR_IMAGE_REPOSITORY_NAME": _STRINGS["ecrImageRepositoryName"],
    "ECR_IMAGE_REGISTRY": _STRINGS["ecrImageRegistry"],
    "NETWORK_PROTOCOL": _STRINGS["networkProtocol"],
    "COMPONENT_TYPE": lambda finding: next(iter(_components(finding, "componentType")), None),
    "VULNERABILITY_ID": _STRINGS["vulnerabilityId"],
    "VULNERABILITY_SOURCE": _STRINGS["vulnerabilitySource"],
    "INSPECTOR_SCORE": FILTERS["inspectorScore"][1],
    "VENDOR_SEVERITY": _STRINGS["vendorSeverity"],
    "EPSS_SCORE": FILTERS["epssScore"][1],
}


def _components(finding: Finding, member: str) -> list[str]:
    steps = in_details("networkReachabilityDetails", "networkPath", "steps")(finding) or []
    return [step[member] for step in steps]


def list_findings(organization: Organization, call: Call) -> Answer:
    """One page of findings, sorted as asked; without sortCriteria in the order in which they were first seen."""
    size = page_size(call.params, 100)
    after = read_token(call)
    sort = call.params.get("sortCriteria")
    if sort is None:
        found = matching(organization, call, after[0] if after else 0)
        page = list(islice(found, size + 1))
        position = [page[size - 1].serial] if len(page) > size else None
    else:
        key, downwards = _sort_key(sort), sort["sortOrder"] == "DESC"
        everything = sorted(matching(organization, call), key=key, reverse=downwards)
        if after is not None:
            last = tuple(after)
            everything = [one for one in everything if (key(one) < last if downwards else key(one) > last)]
        page = everything[: size + 1]
        position = list(key(page[size - 1])) if len(page) > size else None
    answer: Answer = {"findings": [finding_row(one) for one in page[:size]]}
    return answer | ({"nextToken": make_token(call, position)} if position else {})


def _sort_key(sort: Mapping[str, str]) -> Callable[[Finding], tuple[Any, ...]]:
    """Order by the field, findings without it first; `serial` makes the order total."""
    if sort.get("field") not in SORTS:
        raise invalid(f"Unknown sort field '{sort.get('field')}'", field="sortCriteria.field")
    if sort.get("sortOrder") not in ("ASC", "DESC"):
        raise invalid(f"Unknown sort order '{sort.get('sortOrder')}'", field="sortCriteria.sortOrder")
    read = SORTS[sort["field"]]

    def key(finding: Finding) -> tuple[Any, ...]:
        value = read(finding)
        return (value is not None, value if value is not None else 0, finding.serial)

    return key


def matching(organization: Organization, call: Call, after: int = 0) -> Iterator[Finding]:
    """The findings this caller may see that pass the filters, beginning after a serial number."""
    accepts: Predicate = matcher(FILTERS, call, COMPARISONS)
    visible = organization.visible_accounts(call.account_id, call.region)
    for finding in _candidates(organization, call, after):
        if finding.account_id in visible and accepts(finding):
            yield finding


def truth(organization: Organization, region: str) -> list[Row]:
    """The findings that a complete read of what is open must find, by the default caller."""
    visible = organization.visible_accounts(organization.admin, region)
    rows = (one for one in organization.findings(region) if one.account_id in visible and one.status != "CLOSED")
    return [finding_row(one) for one in rows]


def _candidates(organization: Organization, call: Call, after: int) -> Iterable[Finding]:
    """The findings of the resources that are named, else all of the Region."""
    named = (call.params.get("filterCriteria") or {}).get("resourceId") or []
    if not named or any(one.get("comparison") != "EQUALS" for one in named):
        return organization.findings(call.region, after)
    ids = {one["value"] for one in named}
    found = [one for resource_id in ids for one in organization.findings_with_resource_id(call.region, resource_id)]
    return sorted((one for one in found if one.serial > after), key=lambda finding: finding.serial)


def finding_row(finding: Finding) -> Row:
    """AWS' dict of a finding as it goes over the wire."""
    row: Row = {
        "findingArn": finding.arn,
        "awsAccountId": finding.account_id,
        "type": finding.type,
        "severity": finding.severity,
        "status": finding.status,
        "firstObservedAt": finding.first_observed_at,
        "lastObservedAt": finding.last_observed_at,
        "updatedAt": finding.updated_at,
        "resources": [resource_row(finding)],
        **finding.details,
        **finding.overrides,
    }
    return {name: value for name, value in row.items() if value is not None}


def resource_row(finding: Finding) -> Row:
    """The resource inside a finding; what coverage does not know of it follows from its id."""
    resource = finding.resource
    details = RESOURCE_DETAILS.get(resource.resource_type)
    row: Row = {
        "type": resource.resource_type,
        "id": resource.resource_id,
        "partition": "aws",
        "region": resource.region,
        "tags": tags_of(resource),
    }
    if details is not None:
        row["details"] = details(resource, _digest(resource.resource_id), finding.first_observed_at)
    return row


def tags_of(resource: Resource) -> dict[str, str]:
    """The tags of a resource, wherever its type keeps them."""
    for member, name in (("ec2", "tags"), ("lambdaFunction", "functionTags"), ("machineImage", "tags")):
        if member in resource.metadata:
            return resource.metadata[member].get(name) or {}
    return {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _instance(resource: Resource, digest: str, seen: float) -> Row:
    metadata = resource.metadata.get("ec2", {})
    numbers = [int(digest[i : i + 2], 16) for i in range(0, 8, 2)]
    return {
        "awsEc2Instance": {
            "type": ("t3.medium", "m5.large", "c6i.xlarge", "r6g.2xlarge")[numbers[0] % 4],
            "imageId": metadata.get("amiId", f"ami-{digest[8:25]}"),
            "ipV4Addresses": [f"10.{numbers[1]}.{numbers[2]}.{numbers[3]}"],
            "ipV6Addresses": [],
            "keyName": "operations",
            "iamInstanceProfileArn": f"arn:aws:iam::{resource.account_id}:instance-profile/ssm-managed",
            "vpcId": f"vpc-{_digest(resource.account_id)[:17]}",
            "subnetId": f"subnet-{digest[:17]}",
            "launchedAt": seen - 86400.0 * (numbers[0] + 1),
            "platform": {"WINDOWS": "WINDOWS_SERVER_2022", "MACOS": "MACOS_14"}.get(
                metadata.get("platform", ""), "AMAZON_LINUX_2023"
            ),
        }
    }


def _image(resource: Resource, digest: str, seen: float) -> Row:
    arn, _, image_hash = resource.resource_id.rpartition("/")
    image = resource.metadata.get("ecrImage", {})
    optional = {name: image[name] for name in ("lastInUseAt", "inUseCount") if name in image}
    return {
        "awsEcrContainerImage": {
            "repositoryName": arn.partition(":repository/")[2],
            "imageHash": image_hash,
            "registry": resource.account_id,
            "imageTags": image.get("tags", []),
            "pushedAt": seen - 3600.0,
            "architecture": "arm64" if int(digest[0], 16) % 3 == 0 else "amd64",
            "platform": ("AMAZON_LINUX_2023", "ALPINE_LINUX_3_20", "DEBIAN_12")[int(digest[1], 16) % 3],
            **optional,
        }
    }


def _function(resource: Resource, digest: str, seen: float) -> Row:
    metadata = resource.metadata.get("lambdaFunction", {})
    return {
        "awsLambdaFunction": {
            "functionName": metadata.get("functionName", resource.resource_id.split(":")[6]),
            "runtime": metadata.get("runtime", "UNSUPPORTED"),
            "codeSha256": digest[:44],
            "version": "$LATEST",
            "executionRoleArn": f"arn:aws:iam::{resource.account_id}:role/lambda-execution",
            "layers": metadata.get("layers", []),
            "packageType": "ZIP",
            "architectures": ["X86_64"],
            "lastModifiedAt": seen - 7200.0,
        }
    }


def _code_repository(resource: Resource, digest: str, seen: float) -> Row:
    metadata = resource.metadata.get("codeRepository", {})
    return {"codeRepository": {name: metadata[name] for name in ("projectName", "integrationArn") if name in metadata}}


RESOURCE_DETAILS: dict[str, Callable[[Resource, str, float], Row]] = {
    "AWS_EC2_INSTANCE": _instance,
    "AWS_ECR_CONTAINER_IMAGE": _image,
    "AWS_LAMBDA_FUNCTION": _function,
    "CODE_REPOSITORY": _code_repository,
}


def _asked(organization: Organization, call: Call, missing: str) -> tuple[list[Finding], list[Row]]:
    arns = call.params.get("findingArns") or []
    if not 1 <= len(arns) <= 10:
        raise invalid("findingArns takes 1 to 10 ARNs", field="findingArns")
    visible = organization.visible_accounts(call.account_id, call.region)
    found, errors = [], []
    for arn in arns:
        finding = organization.finding(call.region, arn)
        if finding is None:
            errors.append({"findingArn": arn, "errorCode": missing, "errorMessage": "Finding not found"})
        elif finding.account_id not in visible:
            errors.append({"findingArn": arn, "errorCode": "ACCESS_DENIED", "errorMessage": "Access denied"})
        else:
            found.append(finding)
    return found, errors


def batch_get_finding_details(organization: Organization, call: Call) -> Answer:
    """What is known beyond the finding: CISA's entry, evidence, weaknesses, exploits seen."""
    found, errors = _asked(organization, call, "FINDING_DETAILS_NOT_FOUND")
    return {"findingDetails": [_more(finding) for finding in found], "errors": errors}


def _more(finding: Finding) -> Row:
    vulnerability = finding.details.get(_package, {})
    row: Row = {
        "findingArn": finding.arn,
        "referenceUrls": vulnerability.get("referenceUrls", finding.details.get(_code, {}).get("referenceUrls", [])),
        "cwes": finding.details.get(_code, {}).get("cwes", ["CWE-20"] if vulnerability else []),
        "riskScore": 20 + 13 * RANKS.get(finding.severity, 0),
        "evidences": [
            {
                "evidenceRule": "Package on the resource",
                "evidenceDetail": ", ".join(
                    f"{one['name']} {one['version']}" for one in vulnerability["vulnerablePackages"]
                ),
                "severity": finding.severity,
            }
        ]
        if vulnerability
        else [],
        "ttps": [],
        "tools": [],
    }
    if "epss" in finding.details:
        row["epssScore"] = finding.details["epss"]["score"]
    if finding.details.get("exploitAvailable") == "YES":
        seen = finding.details["exploitabilityDetails"]["lastKnownExploitAt"]
        row["exploitObserved"] = {"firstSeen": seen - 2_000_000, "lastSeen": seen}
        row["ttps"] = ["Exploit Public-Facing Application"]
        row["cisaData"] = {
            "dateAdded": seen,
            "dateDue": seen + 21 * 86400,
            "action": "Apply updates per vendor instructions.",
        }
    return row


def batch_get_code_snippet(organization: Organization, call: Call) -> Answer:
    """The source lines around a code weakness."""
    found, errors = _asked(organization, call, "CODE_SNIPPET_NOT_FOUND")
    results = []
    for finding in found:
        code = finding.details.get(_code)
        if code is None:
            message = "The finding has no code snippet"
            errors.append({"findingArn": finding.arn, "errorCode": "CODE_SNIPPET_NOT_FOUND", "errorMessage": message})
            continue
        lines = SNIPPETS.get(code["cwes"][0], PLAIN_SNIPPET)
        first = code["filePath"]["startLine"] - 2
        results.append(
            {
                "findingArn": finding.arn,
                "startLine": first,
                "endLine": first + len(lines) - 1,
                "codeSnippet": [{"lineNumber": first + n, "content": line} for n, line in enumerate(lines)],
                "suggestedFixes": [{"description": "Check the value before it is used.", "code": lines[1]}],
            }
        )
    return {"codeSnippetResults": results, "errors": errors}


OPERATIONS: dict[str, Operation] = {
    "ListFindings": list_findings,
    "BatchGetFindingDetails": batch_get_finding_details,
    "BatchGetCodeSnippet": batch_get_code_snippet,
}
