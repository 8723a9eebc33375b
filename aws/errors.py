"""What can go wrong while reading AWS, told in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice

import botocore.exceptions as boto
from botocore.parsers import ResponseParserError
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError

from aws.choices import HoldKind
from aws.decoding import clean

MOST_NAMED = 200
LONGEST_TOLD = 2000
LONGEST_CODE = 100
"""What is stored of an error has a length, however long an answer is, and no character that a database refuses."""

ServiceError = boto.ClientError
"""An error answer of an AWS service."""

ClientError = boto.ClientError


class ReadError(Exception):
    """A read that did not complete: nothing may be concluded from what is absent in it."""

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.code = code or type(self).__name__
        self.request_id = request_id


class IncompletePage(ReadError):
    """A page arrived without its result list: cut, empty, or not from AWS at all."""


class EndlessPages(ReadError):
    """The tokens go round in a circle, or there are more pages than there can be."""


class TokenRefused(ReadError):
    """AWS does not know the page token any more, or never did."""


class Held(ReadError):
    """The read is complete, but what follows from it would take away too much to be done without a person.

    `would_go` names what would go, as far as it is known.
    """

    def __init__(self, message: str, kind: HoldKind, would_go: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.would_go = list(islice(would_go, MOST_NAMED))


class Superseded(Exception):
    """The lease was lost to another run; this one may write nothing more."""


class AlreadyRunning(Exception):
    """Another run holds the lease of this scope."""


NOT_OPTED_IN = {"UnrecognizedClientException", "AuthFailure", "InvalidClientTokenId", "OptInRequired"}
DENIED = {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
SKEWED = {"RequestTimeTooSkewed", "RequestInTheFuture"}
THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}


def error_code(error: BaseException) -> str:
    """The code of a service error, else the name of the exception."""
    if isinstance(error, boto.ClientError):
        return _code(error.response.get("Error", {}).get("Code")) or "ClientError"
    return _code(getattr(error, "code", "")) or type(error).__name__


def _code(value: object) -> str:
    return str(clean(str(value or "")))[:LONGEST_CODE]


def is_answer(error: BaseException) -> bool:
    """Whether AWS said no. Any other error of a change leaves open whether it was done: an error of the server too."""
    if not isinstance(error, boto.ClientError):
        return False
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) < 500


def request_id(error: BaseException) -> str:
    if isinstance(error, boto.ClientError):
        return _code(error.response.get("ResponseMetadata", {}).get("RequestId"))
    return _code(getattr(error, "request_id", ""))


def describe(error: BaseException) -> str:
    """One sentence that a person can act on, and that every database stores."""
    return str(clean(_told(error)))[:LONGEST_TOLD]


def _told(error: BaseException) -> str:
    if isinstance(error, boto.ClientError):
        return _describe_answer(error)
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)):
        return "No AWS credentials were found: give this installation a role or credentials."
    if isinstance(error, boto.ProfileNotFound):
        return "AWS_PROFILE names a profile that the AWS configuration of this computer does not have."
    if isinstance(error, (boto.ConnectTimeoutError, boto.ReadTimeoutError)):
        return "AWS did not answer in time."
    if isinstance(error, boto.EndpointConnectionError):
        return "AWS could not be reached: the name did not resolve or the connection was refused."
    if isinstance(error, (boto.HTTPClientError, boto.BotoCoreError)):
        return f"The connection to AWS broke ({type(error).__name__})."
    if isinstance(error, ResponseParserError):
        return "An answer could not be read: it was cut, or is not from AWS."
    if isinstance(error, ReadError):
        return str(error)
    if isinstance(error, SoftTimeLimitExceeded):
        return "The read took longer than a read may take: it was ended."
    if isinstance(error, (OperationalError, InterfaceError)):
        return "The database of this dashboard did not answer."
    return f"An error of this dashboard, not of AWS: {type(error).__name__}."


def _describe_answer(error: boto.ClientError) -> str:
    code, operation = error_code(error), error.operation_name
    message = str(error.response.get("Error", {}).get("Message", "")).strip()
    if (off := _clock_error(error)) is not None:
        return f"This server's clock is off by {off:,} s, so that AWS refuses what it signs: set its clock."
    if code in DENIED:
        lead = f"Access denied to {operation}"
    elif code in EXPIRED:
        lead = f"The credentials expired during {operation}"
    elif code in NOT_OPTED_IN:
        lead = f"The credentials are not accepted ({code}) by {operation}"
    elif code in THROTTLED:
        lead = f"AWS kept throttling {operation}"
    else:
        lead = f"{operation} failed ({code})"
    return f"{lead}: {message}" if message else f"{lead}."


def _clock_error(error: boto.ClientError) -> int | None:
    """By how many seconds our clock differs from AWS', if that is why the call was refused."""
    answer = error.response
    message = str(answer.get("Error", {}).get("Message", "")).lower()
    if error_code(error) not in SKEWED and not message.startswith(("signature expired", "signature not yet current")):
        return None
    sent = dict(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})).get("date", "")
    try:
        return round((datetime.now(UTC) - parsedate_to_datetime(sent)).total_seconds())
    except (TypeError, ValueError):
        return None
