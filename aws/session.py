"""The only door to boto3: credentials from the environment, an optional role, clients with limits on time and rate."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from aws.budget import RequestBudget
from aws.decoding import decode_fast

if TYPE_CHECKING:
    from mypy_boto3_inspector2 import Inspector2Client
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient

SESSION_NAME = "inspector-coverage"
FAST_OPERATIONS = ("ListCoverage", "ListFindings")
CONFIG = Config(
    connect_timeout=5,
    read_timeout=25,
    retries={"mode": "standard", "max_attempts": 6},
    user_agent_extra="inspector-coverage",
)


sign_of_life: ContextVar[Callable[[], None] | None] = ContextVar("sign_of_life", default=None)
"""Called at each attempt of a call, so that a read that AWS makes wait for long is not taken for dead."""


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


@cache
def _client(service: str, region: str) -> Any:
    client = _session().client(service, region_name=region, config=CONFIG)  # type: ignore[call-overload]
    client.meta.events.register("before-send", _say_alive)
    if service == "inspector2":
        for operation in FAST_OPERATIONS:
            client.meta.events.register(f"before-parse.inspector2.{operation}", decode_fast)
        RequestBudget(region, settings.COVERAGE_REQUESTS_PER_SECOND, settings.COVERAGE_CALLS_AT_ONCE).guard(client)
    return client


def _say_alive(**_: Any) -> None:
    if say := sign_of_life.get():
        say()


@cache
def _session() -> boto3.Session:
    """The environment's own credentials, or those of the role to read with, refreshed before they expire."""
    core = botocore.session.get_session()
    if settings.COVERAGE_READ_ROLE_ARN:
        source = core.get_credentials()
        arguments = {"RoleSessionName": SESSION_NAME}
        if settings.COVERAGE_EXTERNAL_ID:
            arguments["ExternalId"] = settings.COVERAGE_EXTERNAL_ID
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=_regional_sts,
            source_credentials=source,
            role_arn=settings.COVERAGE_READ_ROLE_ARN,
            extra_args=arguments,
        )
        assumed = botocore.session.get_session()
        assumed._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
            refresh_using=fetcher.fetch_credentials, method="assume-role"
        )
        core = assumed
    return boto3.Session(botocore_session=core)


def _regional_sts(service: str, **arguments: Any) -> Any:
    """STS in the first Region that is read: a token of the global endpoint is not valid in opt-in Regions."""
    arguments.setdefault("region_name", settings.COVERAGE_REGIONS[0])
    return botocore.session.get_session().create_client(service, config=CONFIG, **arguments)


def credentials_work(*, besides: str) -> bool:
    """Whether AWS accepts our credentials in any other Region that we read."""
    for region in settings.COVERAGE_REGIONS:
        if region != besides:
            try:
                sts(region).get_caller_identity()
            except (BotoCoreError, ClientError):
                continue
            return True
    return False


def forget_clients() -> None:
    """Start anew with the environment as it is now."""
    _client.cache_clear()
    _session.cache_clear()
