"""Every kind of error comes with what a person can do about it."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from django.db import OperationalError

from aws.advice import next_step, step_after
from aws.choices import RunOutcome, ScopeState
from aws.errors import IncompletePage, ReadError, describe, error_code
from aws.models import SyncRun, SyncScope


def failed_by(error: Exception) -> str:
    return next_step(SyncScope(state=ScopeState.FAILED, error=describe(error), error_code=error_code(error)))


def answer(code: str, message: str = "", operation: str = "ListCoverage") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (answer("AccessDeniedException"), "Allow inspector2:ListCoverage in the policy of the role"),
        (
            answer("AccessDeniedException", operation="ListAccounts"),
            "Allow organizations:ListAccounts in the policy of the role",
        ),
        (
            answer("AccessDeniedException", "User: x is not authorized to perform: kms:Decrypt on resource: *"),
            "Allow kms:Decrypt in the policy",
        ),
        (
            answer("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on y", "AssumeRole"),
            "Let the workers assume the role: sts:AssumeRole",
        ),
        (
            answer("AccessDeniedException", "not authorized … with an explicit deny in a service control policy"),
            "A policy of the organization denies it",
        ),
        (
            answer(
                "AccessDeniedException",
                "User: x is not authorized to perform: inspector2:ListFindings with an explicit deny in an"
                " identity-based policy",
            ),
            "A statement of the role's policies denies inspector2:ListFindings",
        ),
        (
            ReadError("IAM denies inspector2:GetDelegatedAdminAccount, so a member … cannot be told apart."),
            "Allow inspector2:GetDelegatedAdminAccount",
        ),
        (answer("ThrottlingException", "Rate exceeded"), "lower COVERAGE_REQUESTS_PER_SECOND"),
        (answer("ExpiredTokenException"), "fixed ones must be replaced"),
        (answer("UnrecognizedClientException"), "Replace the credentials of the workers"),
        (answer("SignatureDoesNotMatch", "Signature expired"), "Set the clock of the host"),
        (answer("InternalServerException"), "look at the health of AWS in this Region"),
        (NoCredentialsError(), "Give the workers a role or credentials"),
        (EndpointConnectionError(endpoint_url="https://x"), "name resolution, proxy, firewall"),
        (ReadTimeoutError(endpoint_url="https://x"), "name resolution, proxy, firewall"),
        (IncompletePage("A page without its list."), "name resolution, proxy, firewall"),
        (ResponseParserError("cut"), "name resolution, proxy, firewall"),
        (OperationalError("gone"), "look at the database of this dashboard"),
        (KeyError("secret"), "the log of the worker has the details"),
        (answer("SomethingNewException"), "The next sync tries it again by itself."),
    ],
)
def test_a_failed_scope_says_what_to_do(error: Exception, step: str) -> None:
    assert step in failed_by(error)


def test_what_is_well_needs_nothing_and_what_was_aborted_goes_on_by_itself() -> None:
    assert next_step(SyncScope(state=ScopeState.OK)) == next_step(SyncScope(state=ScopeState.NEW)) == ""
    assert "enable it for the account" in next_step(SyncScope(state=ScopeState.SKIPPED))
    assert step_after(SyncRun(outcome=RunOutcome.ABORTED)) == "Nothing to do: it goes on by itself."
    assert step_after(SyncRun(outcome=RunOutcome.COMPLETE)) == ""
