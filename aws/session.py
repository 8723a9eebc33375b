"""The only door to boto3: credentials from the environment, an optional role, clients with limits on time and rate."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.cache import cache

from aws import attempts, guards
from aws.budget import RequestBudget
from aws.decoding import decode, decode_fast
from aws.errors import IncompletePage

if TYPE_CHECKING:
    from mypy_boto3_inspector2 import Inspector2Client
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient

REFUSED_SECONDS = 60
SESSION_NAME = "inspector-coverage"
FAST_OPERATIONS = ("ListCoverage", "ListFindings")
MAY_SAY_NOTHING = ("GetConfiguration", "GetDelegatedAdminAccount")
"""Operations whose answer need not contain anything: nothing in it tells that it came from AWS."""
CONFIG = Config(
    connect_timeout=5,
    read_timeout=25,
    retries={"mode": "standard", "total_max_attempts": 6},
    user_agent_extra="inspector-coverage",
)
WRITING = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
NOT_IN_A_NAME = re.compile(r"[^\w+=,.@-]", re.ASCII)


def inspector(region: str) -> Inspector2Client:
    client: Inspector2Client = _client("inspector2", region)
    return client


def sts(region: str) -> STSClient:
    client: STSClient = _client("sts", region)
    return client


def organizations(region: str) -> OrganizationsClient:
    """Organizations is one service per partition; the Region only says which partition."""
    client: OrganizationsClient = _client("organizations", region)
    return client


def writer(region: str, name: str) -> Inspector2Client:
    """A client of the role to write with, under a session name that CloudTrail shows: who, and for which request.

    Nothing is tried twice without a look in between: a change whose answer was lost may have happened.
    """
    if settings.COVERAGE_READ_ONLY or not settings.COVERAGE_WRITE_ROLE_ARN:
        raise guards.NotAllowed("Changes are switched off: see COVERAGE_READ_ONLY and COVERAGE_WRITE_ROLE_ARN.")
    session = _session_of_role(settings.COVERAGE_WRITE_ROLE_ARN, NOT_IN_A_NAME.sub("-", name)[:64])
    client: Inspector2Client = session.client("inspector2", region_name=region, config=WRITING)
    guards.careful(client)
    attempts.guard(client)
    RequestBudget(region, settings.COVERAGE_REQUESTS_PER_SECOND, settings.COVERAGE_CALLS_AT_ONCE).guard(client)
    return client


@functools.cache
def _client(service: str, region: str) -> Any:
    client = _session().client(service, region_name=region, config=CONFIG)  # type: ignore[call-overload]
    guards.read_only(client)
    attempts.guard(client)
    if service == "inspector2":
        for operation in FAST_OPERATIONS:
            client.meta.events.register(f"before-parse.inspector2.{operation}", decode_fast)
        for operation in MAY_SAY_NOTHING:
            client.meta.events.register(f"before-parse.inspector2.{operation}", _must_be_json)
        RequestBudget(region, settings.COVERAGE_REQUESTS_PER_SECOND, settings.COVERAGE_CALLS_AT_ONCE).guard(client)
    return client


def _must_be_json(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    """Refuse a body that was cut, is empty or is HTML: botocore makes an answer of it that says nothing."""
    if response_dict["status_code"] < 300 and not isinstance(decode(response_dict["body"]), dict):
        raise IncompletePage(f"{operation_model.name} gave an answer that was cut, or is not from AWS.")


@functools.cache
def _session() -> boto3.Session:
    """The environment's own credentials, or those of the role to read with."""
    role = settings.COVERAGE_READ_ROLE_ARN
    return (
        _session_of_role(role, SESSION_NAME) if role else boto3.Session(botocore_session=botocore.session.get_session())
    )


@functools.cache
def _loader() -> Any:
    """AWS' service models, read once: a session for each request would read them again."""
    return botocore.session.get_session().get_component("data_loader")


def _session_of_role(role_arn: str, name: str) -> boto3.Session:
    """Credentials of a role, refreshed before they expire."""
    arguments = {"RoleSessionName": name}
    if settings.COVERAGE_EXTERNAL_ID:
        arguments["ExternalId"] = settings.COVERAGE_EXTERNAL_ID
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=_regional_sts,
        source_credentials=botocore.session.get_session().get_credentials(),
        role_arn=role_arn,
        extra_args=arguments,
    )
    assumed = botocore.session.get_session()
    assumed.register_component("data_loader", _loader())
    assumed._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )
    return boto3.Session(botocore_session=assumed)


def _regional_sts(service: str, **arguments: Any) -> Any:
    """STS in the first Region that is read: a token of the global endpoint is not valid in opt-in Regions."""
    arguments.setdefault("region_name", settings.COVERAGE_REGIONS[0])
    client = botocore.session.get_session().create_client(service, config=CONFIG, **arguments)
    attempts.guard(client)
    return client


def credentials_work(*, besides: str) -> bool:
    """Whether AWS accepts our credentials in any other Region that we read.

    A no is remembered for a minute: every scope of every Region asks when credentials are bad. A yes is not: it would
    hide for as long that they became so.
    """
    for region in settings.COVERAGE_REGIONS:
        refused = f"aws-refused:{region}"
        if region == besides or cache.get(refused):
            continue
        try:
            sts(region).get_caller_identity()
        except (BotoCoreError, ClientError):
            cache.set(refused, True, REFUSED_SECONDS)
            continue
        return True
    return False


def forget_clients() -> None:
    """Start anew with the environment as it is now."""
    _client.cache_clear()
    _session.cache_clear()
