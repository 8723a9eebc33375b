"""Which calls are allowed: each is tried in its cheapest form, and what AWS answered is stored in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.inspector import Caller, Refusal, refusal_of, who_am_i
from accounts.organizations import NO_ORGANIZATION
from aws import session
from aws.calls import ADMINISTRATOR, ORGANIZATION, READING, STATUSES, WHO_AM_I, AwsCall
from aws.choices import CallerKind, Permission
from aws.decoding import clean
from aws.errors import DENIED, NOT_OPTED_IN, IncompletePage, ServiceError, describe, error_code
from aws.models import GLOBAL, PermissionCheck

NOT_OPTED_IN_WORDS = "{region} is not opted in for this account: AWS accepts the credentials elsewhere but not here."
NOT_NEEDED = "Inspector keeps this call to the delegated administrator. It is not made here."
WITHOUT_NAMES = "Without it the names of accounts and their full number are unknown; everything else is read."
INSPECTOR = tuple(call for call in READING if call.service == "inspector2")


@dataclass(frozen=True)
class Answer:
    """What became of one call."""

    region: str
    call: AwsCall
    permission: Permission
    code: str = ""
    words: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether reading can do with this answer."""
        return self.call.is_optional or self.permission in {Permission.ALLOWED, Permission.NOT_OFFERED}


class BadCredentials(Exception):
    """AWS accepts the credentials nowhere: to try further calls with them would say the same again and again."""


def check(regions: list[str]) -> Iterator[Answer]:
    """Try every call for reading in these Regions, and store what AWS answered. Raises BadCredentials, in words."""
    accepted = []
    for region in regions:
        answers = list(_check_region(region))
        _store(region, answers)
        yield from answers
        if not all(answer.permission == Permission.NOT_OFFERED for answer in answers):
            accepted.append(region)
    if accepted:
        answer = _try(GLOBAL, ORGANIZATION, partial(_asked, ORGANIZATION, session.organizations(accepted[0])))
        _store(GLOBAL, [answer])
        yield answer


def _check_region(region: str) -> Iterator[Answer]:
    try:
        account_id = str(_asked(WHO_AM_I, session.sts(region))["Account"])
    except Exception as error:
        yield from _without_identity(region, error)
        return
    client = session.inspector(region)
    caller: Caller | None = None
    unclear: Exception | None = None
    try:
        caller = who_am_i(session.sts(region), client)
    except Exception as error:
        unclear = error
        yield _failed(region, WHO_AM_I, error)
    else:
        yield Answer(region, WHO_AM_I, Permission.ALLOWED, words=identity(caller))
    for call in INSPECTOR:
        parameters = {"accountIds": [account_id]} if call == STATUSES else {}
        answer = _try(region, call, partial(_asked, call, client, **parameters), caller)
        if call == ADMINISTRATOR and answer.permission == Permission.ALLOWED and unclear is not None:
            answer = _failed(region, call, unclear)
        yield answer


def identity(caller: Caller) -> str:
    """Who we are in a Region, in words."""
    match caller.kind:
        case CallerKind.DELEGATED_ADMIN:
            return f"{caller.account_id} is the delegated administrator and sees every member."
        case CallerKind.MEMBER:
            return f"{caller.account_id} is a member of {caller.admin_account_id} and sees only itself."
        case CallerKind.STANDALONE:
            return f"{caller.account_id} is a standalone account and sees only itself."


def _without_identity(region: str, error: Exception) -> Iterator[Answer]:
    """Not opted in, if AWS accepts the credentials elsewhere; else the credentials are bad, or AWS is away."""
    is_refused = isinstance(error, ServiceError) and error_code(error) in NOT_OPTED_IN
    if is_refused and session.credentials_work(besides=region):
        words = NOT_OPTED_IN_WORDS.format(region=region)
        for call in (WHO_AM_I, *INSPECTOR):
            yield Answer(region, call, Permission.NOT_OFFERED, error_code(error), words)
        return
    if is_refused or "Credential" in type(error).__name__ or error_code(error).startswith("ExpiredToken"):
        raise BadCredentials(_words(error)) from error
    for call in (WHO_AM_I, *INSPECTOR):
        yield _failed(region, call, error)


def _asked(call: AwsCall, client: Any, **parameters: Any) -> dict[str, Any]:
    """AWS' answer, with what an answer of this call carries: botocore makes an empty one of a page of HTML."""
    try:
        answer = call.ask(client, **parameters)
    except (KeyError, TypeError, AttributeError):  # What the parser of STS makes of HTML
        answer = {}
    if call.answers and answer.get(call.answers) is None:
        raise IncompletePage(f"{call.operation} answered without {call.answers}: the answer was cut, or not from AWS.")
    return answer


def _try(region: str, call: AwsCall, ask: Callable[[], object], caller: Caller | None = None) -> Answer:
    try:
        ask()
    except Exception as error:
        if _is_positive(call, error):
            return Answer(region, call, Permission.ALLOWED)
        if _is_needless(call, error, caller):
            return Answer(region, call, Permission.ALLOWED, words=NOT_NEEDED)
        return _failed(region, call, error)
    return Answer(region, call, Permission.ALLOWED)


def _is_positive(call: AwsCall, error: Exception) -> bool:
    """Some answers are errors in form only: AWS had to let us in to say so."""
    if not isinstance(error, ServiceError):
        return False
    if call == ADMINISTRATOR:
        return refusal_of(error) in {Refusal.ADMINISTRATOR, Refusal.NO_ADMINISTRATOR}
    return call == ORGANIZATION and error_code(error) == NO_ORGANIZATION


def _is_needless(call: AwsCall, error: Exception, caller: Caller | None) -> bool:
    """What Inspector keeps to administrators is not asked for by anybody else."""
    return (
        call.for_admins
        and caller is not None
        and caller.kind != CallerKind.DELEGATED_ADMIN
        and isinstance(error, ServiceError)
        and refusal_of(error) == Refusal.BY_INSPECTOR
    )


def _failed(region: str, call: AwsCall, error: Exception) -> Answer:
    is_denied = isinstance(error, ServiceError) and error_code(error) in DENIED
    words = _words(error)
    if call.is_optional:
        words = f"{words} {WITHOUT_NAMES}"
    return Answer(region, call, Permission.DENIED if is_denied else Permission.FAILED, error_code(error)[:100], words)


def _words(error: Exception) -> str:
    return str(clean(describe(error)))


def _store(region: str, answers: Iterable[Answer]) -> None:
    """All answers of a Region at once; what is no longer called is forgotten. Two checks at once do not collide."""
    now = timezone.now()
    rows = [
        PermissionCheck(
            region=region,
            action=answer.call.action,
            permission=answer.permission,
            error_code=answer.code,
            error=answer.words,
            checked_at=now,
        )
        for answer in sorted(answers, key=lambda answer: answer.call.action)
    ]
    with transaction.atomic():
        PermissionCheck.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["region", "action"],
            update_fields=["permission", "error_code", "error", "checked_at"],
        )
        PermissionCheck.objects.filter(region=region).exclude(action__in=[row.action for row in rows]).delete()
