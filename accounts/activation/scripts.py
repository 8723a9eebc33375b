"""The same plan as AWS CLI commands and as Terraform, for organizations that give this dashboard no role to write."""

from __future__ import annotations

import re
from itertools import groupby

from accounts.activation.preview import Line, Preview
from accounts.choices import Action
from accounts.models import MEMBERSHIP
from aws.guards import MOST_ACCOUNTS


def as_commands(seen: Preview) -> str:
    """One AWS CLI command a line, in the order in which they must run."""
    verb = "enable" if seen.wish.action == Action.ACTIVATE else "disable"
    commands = []
    for (region, scan_type), lines in _steps(seen):
        accounts = [line.account_id for line in lines]
        if scan_type == MEMBERSHIP:
            commands += [f"aws inspector2 associate-member --region {region} --account-id {one}" for one in accounts]
            continue
        for start in range(0, len(accounts), MOST_ACCOUNTS):
            some = " ".join(accounts[start : start + MOST_ACCOUNTS])
            commands.append(
                f"aws inspector2 {verb} --region {region} --resource-types {scan_type} --account-ids {some}"
            )
    return "\n".join(commands)


def as_terraform(seen: Preview) -> str:
    """Resources for what would be activated. Terraform deactivates by removing a resource, which a plan cannot say."""
    if seen.wish.action == Action.DEACTIVATE:
        return ""
    members: list[str] = []
    types: dict[tuple[str, str], list[str]] = {}
    for line in seen.sent:
        if line.scan_type == MEMBERSHIP:
            members.append(_member(line))
        else:
            types.setdefault((line.region, line.account_id), []).append(line.scan_type)
    enablers: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (region, account_id), names in types.items():
        enablers.setdefault((region, tuple(names)), []).append(account_id)
    return "\n\n".join([*members, *(_enabler(*key, accounts) for key, accounts in enablers.items())])


def _steps(seen: Preview) -> list[tuple[tuple[str, str], list[Line]]]:
    order = [MEMBERSHIP, *dict.fromkeys(line.scan_type for line in seen.sent if line.scan_type != MEMBERSHIP)]
    lines = sorted(seen.sent, key=lambda line: (line.region, order.index(line.scan_type)))
    return [(key, list(group)) for key, group in groupby(lines, key=lambda line: (line.region, line.scan_type))]


def _member(line: Line) -> str:
    name = _name(line.region, line.account_id)
    return (
        f'resource "aws_inspector2_member_association" "{name}" {{\n'
        f'  region     = "{line.region}"\n'
        f'  account_id = "{line.account_id}"\n'
        "}"
    )


def _enabler(region: str, types: tuple[str, ...], accounts: list[str]) -> str:
    quoted = ", ".join(f'"{account_id}"' for account_id in accounts)
    names = ", ".join(f'"{scan_type}"' for scan_type in types)
    return (
        f'resource "aws_inspector2_enabler" "{_name(region, "_".join(types).lower())}" {{\n'
        f'  region         = "{region}"\n'
        f"  account_ids    = [{quoted}]\n"
        f"  resource_types = [{names}]\n"
        "}"
    )


def _name(*parts: str) -> str:
    return re.sub(r"\W", "_", "_".join(parts))
