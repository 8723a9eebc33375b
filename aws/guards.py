"""What may leave this process: the readers change nothing, nobody does while read-only, and no call means “everything”.

The guards sit on the clients themselves, so that no view, task or command has a way around them.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

READING = ("Get", "List", "Describe", "BatchGet", "AssumeRole")
MOST_ACCOUNTS = 100


class NotAllowed(Exception):
    """A call that was stopped before it left: AWS never saw it."""


def read_only(client: Any) -> None:
    """Let this client read and nothing else."""
    client.meta.events.register_first(_before_call(client), _refuse_every_change)


def careful(client: Any) -> None:
    """Let this client change things, if changes are switched on, and no more than is named."""
    client.meta.events.register_first(_before_call(client), _refuse_while_read_only)
    client.meta.events.register("provide-client-params", _refuse_careless)


def _before_call(client: Any) -> str:
    """First of all handlers of this service: nothing else may take its turn for a call that is not made."""
    return f"before-call.{client.meta.service_model.service_id.hyphenize()}"


def _changes(operation: str) -> bool:
    return not operation.startswith(READING)


def _refuse_every_change(model: Any, **_: Any) -> None:
    if _changes(model.name):
        raise NotAllowed(f"{model.name} changes something at AWS, and this client may only read.")


def _refuse_while_read_only(model: Any, **_: Any) -> None:
    if _changes(model.name) and settings.COVERAGE_READ_ONLY:
        raise NotAllowed(f"{model.name} was not sent: COVERAGE_READ_ONLY is on.")
    if model.name in {"Disable", "DisassociateMember"} and not settings.COVERAGE_ALLOW_DEACTIVATION:
        raise NotAllowed(f"{model.name} was not sent: COVERAGE_ALLOW_DEACTIVATION is off.")


def _refuse_careless(params: dict[str, Any], model: Any, **_: Any) -> None:
    """AWS takes an absent list for the caller or for everything: a bug must never mean that."""
    if model.name == "BatchUpdateMemberEc2DeepInspectionStatus":
        _refuse_deep_inspection_off(params.get("accountIds") or [])
    if model.name not in {"Enable", "Disable"}:
        return
    accounts, types = params.get("accountIds") or [], params.get("resourceTypes") or []
    if not accounts or not types:
        raise NotAllowed(f"{model.name} was not sent: it must name its accounts and scan types.")
    if len(accounts) > MOST_ACCOUNTS or len(set(accounts)) != len(accounts):
        raise NotAllowed(f"{model.name} was not sent: it takes up to {MOST_ACCOUNTS} different accounts.")
    for account_id in accounts:
        if not (
            isinstance(account_id, str) and account_id.isascii() and account_id.isdigit() and len(account_id) == 12
        ):
            raise NotAllowed(f"{model.name} was not sent: {account_id!r} is no account id of 12 digits.")


def _refuse_deep_inspection_off(wanted: list[dict[str, Any]]) -> None:
    if not settings.COVERAGE_ALLOW_DEACTIVATION and not all(one.get("activateDeepInspection") for one in wanted):
        raise NotAllowed("Deep inspection was not deactivated: COVERAGE_ALLOW_DEACTIVATION is off.")
