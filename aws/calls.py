"""Every call that this dashboard makes at AWS, what it is for, and the policy that allows these and no more.

`sts:AssumeRole` is not among them: botocore makes that call, with the credentials that the roles trust.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name

READ, WRITE = "read", "write"

Statement = dict[str, Any]


@dataclass(frozen=True)
class AwsCall:
    """One operation: its IAM action, what it is for, and how to try it for as little as possible.

    `is_optional`: reading goes on without it. `for_admins`: only a delegated administrator makes it.
    `probe` is None where trying would change something, `answers` names what a real answer carries.
    """

    action: str
    purpose: str
    use: str = READ
    is_optional: bool = False
    for_admins: bool = False
    needs_policy: bool = True
    probe: dict[str, Any] | None = field(default_factory=dict)
    answers: str = ""

    @property
    def service(self) -> str:
        return self.action.partition(":")[0]

    @property
    def operation(self) -> str:
        return self.action.partition(":")[2]

    def ask(self, client: Any, **parameters: Any) -> dict[str, Any]:
        """AWS' answer to the cheapest form of this call."""
        answer: dict[str, Any] = getattr(client, xform_name(self.operation))(**{**(self.probe or {}), **parameters})
        return answer


WHO_AM_I = AwsCall(
    "sts:GetCallerIdentity", "Which account these credentials belong to", needs_policy=False, answers="Account"
)
STATUSES = AwsCall("inspector2:BatchGetAccountStatus", "What is activated in which account", answers="accounts")
ADMINISTRATOR = AwsCall(
    "inspector2:GetDelegatedAdminAccount", "Whether this account is the delegated administrator, a member or alone"
)
ORGANIZATION = AwsCall(
    "organizations:ListAccounts",
    "Names, e-mail addresses, organizational units and the full number of accounts",
    is_optional=True,
    probe={"MaxResults": 1},
    answers="Accounts",
)

CALLS: tuple[AwsCall, ...] = (
    WHO_AM_I,
    AwsCall(
        "inspector2:ListCoverage",
        "Resources and their scan status",
        probe={"maxResults": 1},
        answers="coveredResources",
    ),
    AwsCall(
        "inspector2:ListCoverageStatistics",
        "Which resource types there are, how many rows to expect, and the comparison with AWS",
        probe={"groupBy": "RESOURCE_TYPE"},
        answers="countsByGroup",
    ),
    AwsCall("inspector2:ListFindings", "Findings", probe={"maxResults": 1}, answers="findings"),
    STATUSES,
    AwsCall(
        "inspector2:ListMembers",
        "The member accounts",
        for_admins=True,
        probe={"onlyAssociated": False, "maxResults": 1},
        answers="members",
    ),
    ADMINISTRATOR,
    AwsCall(
        "inspector2:DescribeOrganizationConfiguration",
        "What is activated by itself in new member accounts",
        for_admins=True,
        answers="autoEnable",
    ),
    AwsCall(
        "inspector2:GetConfiguration",
        "How instances are scanned and how long images are scanned again",
        answers="ecrConfiguration",
    ),
    AwsCall(
        "inspector2:ListAccountPermissions",
        "Which scan types an organization policy locks in the own account",
        is_optional=True,
        probe={"maxResults": 1},
        answers="permissions",
    ),
    AwsCall(
        "inspector2:BatchGetMemberEc2DeepInspectionStatus",
        "Whether deep inspection is activated in a member",
        is_optional=True,
        for_admins=True,
        answers="accountIds",
    ),
    AwsCall(
        "inspector2:ListUsageTotals",
        "What scanning is estimated to cost, for the preview of a change",
        is_optional=True,
        probe={"maxResults": 1},
        answers="totals",
    ),
    ORGANIZATION,
    AwsCall("inspector2:Enable", "Activate scan types", WRITE, probe=None),
    AwsCall("inspector2:Disable", "Deactivate scan types", WRITE, probe=None),
    AwsCall("inspector2:AssociateMember", "Make an account of the organization a member", WRITE, probe=None),
    AwsCall("inspector2:DisassociateMember", "End a membership", WRITE, probe=None),
    AwsCall(
        "inspector2:UpdateOrganizationConfiguration",
        "Change what is activated by itself in new member accounts",
        WRITE,
        probe=None,
    ),
    AwsCall(
        "inspector2:UpdateConfiguration",
        "Change how instances are scanned and how long images are scanned again",
        WRITE,
        probe=None,
    ),
    AwsCall(
        "inspector2:BatchUpdateMemberEc2DeepInspectionStatus",
        "Activate or deactivate deep inspection in a member",
        WRITE,
        probe=None,
    ),
)
READING = tuple(call for call in CALLS if call.use == READ)

LEFT_OUT = {"disable": {"inspector2:Disable", "inspector2:DisassociateMember"}}
"""What a policy to write with may go without: word → actions."""


def partition_of(region: str) -> str:
    """ARNs never cross partitions."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def statement(*actions: str) -> Statement:
    return {"Effect": "Allow", "Resource": "*", "Action": list(actions)}


def service_linked_roles(partition: str) -> Statement:
    """The first Enable in an account makes Inspector's own roles there."""
    return {
        "Effect": "Allow",
        "Action": "iam:CreateServiceLinkedRole",
        "Resource": f"arn:{partition}:iam::*:role/aws-service-role/*",
        "Condition": {
            "StringLike": {"iam:AWSServiceName": ["inspector2.amazonaws.com", "agentless.inspector2.amazonaws.com"]}
        },
    }


def policy(use: str, without: frozenset[str] = frozenset(), partition: str = "aws") -> dict[str, Any]:
    """The policy of the role to read with, or of the one to write with: these actions and no others."""
    left_out = {action for word in without for action in LEFT_OUT[word]}
    actions = [call.action for call in CALLS if call.use == use and call.needs_policy and call.action not in left_out]
    statements = [statement(*actions)]
    if use == WRITE:
        statements.append(service_linked_roles(partition))
    return {"Version": "2012-10-17", "Statement": statements}
