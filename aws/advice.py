"""What a person can do about a read that did not complete, by the kind of its error."""

from __future__ import annotations

import re

from aws.choices import RunOutcome, ScopeState
from aws.errors import DENIED, EXPIRED, NOT_OPTED_IN, SKEWED, THROTTLED
from aws.models import SyncRun, SyncScope

NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}
UNREACHABLE = {
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "EndpointConnectionError",
    "HTTPClientError",
    "ConnectionClosedError",
    "ConnectionError",
    "ProxyConnectionError",
    "ResponseStreamingError",
    "SSLError",
    "IncompletePage",
    "EndlessPages",
    "ResponseParserError",
    "TokenRefused",
}
WRONG_CLOCK = {*SKEWED, "SignatureDoesNotMatch", "InvalidSignatureException"}
OWN_DATABASE = {"OperationalError", "InterfaceError"}
TROUBLED = {
    "InternalServerException",
    "InternalServerError",
    "InternalFailure",
    "InternalError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "500",
    "502",
    "503",
    "504",
}
AGAIN = "The next sync tries it again by itself."
PERFORM = re.compile(r"not authorized to perform: ([a-z0-9-]+:\w+)")
DENIES = re.compile(r"IAM denies ([a-z0-9-]+:\w+)")
OPERATION = re.compile(r"Access denied to (\w+)")
SERVICES = {"ListAccounts": "organizations", "AssumeRole": "sts", "GetCallerIdentity": "sts"}


def next_step(scope: SyncScope) -> str:
    """What to do about a scope in trouble; nothing if it is in none."""
    if scope.state == ScopeState.HELD:
        return ""
    if scope.state == ScopeState.SKIPPED:
        return (
            "Nothing to do. To have the Region read, enable it for the account; else take it out of COVERAGE_REGIONS."
        )
    return step_for(scope.error_code, scope.error) if scope.state == ScopeState.FAILED else ""


def step_after(run: SyncRun) -> str:
    """What to do about a run that did not complete."""
    if run.outcome == RunOutcome.ABORTED:
        return "Nothing to do: it goes on by itself."
    return step_for(run.error_code, run.error) if run.outcome == RunOutcome.FAILED else ""


def step_for(code: str, error: str) -> str:
    if code in DENIED or DENIES.search(error):
        return _after_denial(error)
    if code in THROTTLED:
        return f"{AGAIN} If it keeps happening, lower COVERAGE_REQUESTS_PER_SECOND: others may use the same quota."
    if code in EXPIRED:
        return f"{AGAIN} A role renews its credentials; fixed ones must be replaced where the workers run."
    if code in NO_CREDENTIALS:
        return "Give the workers a role or credentials, and start them again."
    if code in NOT_OPTED_IN:
        return "Replace the credentials of the workers: AWS accepts them in no Region that was tried."
    if code in WRONG_CLOCK:
        return "Set the clock of the host on which the workers run: AWS refuses a signature of another time."
    if code in UNREACHABLE:
        return (
            f"{AGAIN} If it stays, look at the network between the workers and AWS: name resolution, proxy, firewall."
        )
    if code in OWN_DATABASE:
        return f"{AGAIN} If it stays, look at the database of this dashboard."
    if code in TROUBLED:
        return f"{AGAIN} If it stays, look at the health of AWS in this Region."
    return f"{AGAIN} If it stays, the log of the worker has the details."


def _after_denial(error: str) -> str:
    if "service control policy" in error or "resource control policy" in error:
        return "A policy of the organization denies it: whoever keeps those policies must allow it for this role."
    if "permissions boundary" in error:
        return "The permissions boundary of the role denies it: allow it there."
    action = _denied_action(error)
    if "explicit deny" in error:
        return f"A statement of the role's policies denies {action or 'it'}: take that statement out."
    if action == "sts:AssumeRole":
        return "Let the workers assume the role: sts:AssumeRole in their own policy, and in the role's trust policy."
    return f"Allow {action or 'this call'} in the policy of the role that the workers read with. {AGAIN}"


def _denied_action(error: str) -> str:
    """As IAM spells it, where the error names it."""
    if named := PERFORM.search(error) or DENIES.search(error):
        return named[1]
    if operation := OPERATION.search(error):
        return f"{SERVICES.get(operation[1], 'inspector2')}:{operation[1]}"
    return ""
