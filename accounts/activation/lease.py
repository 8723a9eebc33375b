"""One worker at a time for a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.choices import RequestState
from accounts.models import ActivationRequest

LEASE = timedelta(minutes=2)


class Overtaken(Exception):
    """The lease was lost to another worker; this one may write and send nothing more."""


@dataclass
class Lease:
    """Who is at a request. The request's row is locked in every transaction that writes, so that it is a fence, too."""

    request_pk: int
    until: datetime

    @classmethod
    def take(cls, request_pk: int) -> Lease | None:
        confirmed = ActivationRequest.objects.filter(pk=request_pk, state=RequestState.CONFIRMED)
        now = confirmed.values_list(Now(), flat=True).first()
        if now is None:
            return None
        until = now + LEASE
        free = Q(lease_until=None) | Q(lease_until__lt=now)
        return cls(request_pk, until) if confirmed.filter(free).update(lease_until=until) else None

    @contextmanager
    def held(self) -> Iterator[None]:
        """A transaction in which the lease is ours. It is renewed; Overtaken if somebody else has it."""
        with transaction.atomic():
            ours = ActivationRequest.objects.select_for_update().filter(pk=self.request_pk, lease_until=self.until)
            now = ours.values_list(Now(), flat=True).first()
            if now is None:
                raise Overtaken("another worker has its lease.")
            until = now + LEASE
            ours.update(lease_until=until)
            yield
        self.until = until

    def give_back(self) -> None:
        ActivationRequest.objects.filter(pk=self.request_pk, lease_until=self.until).update(lease_until=None)
