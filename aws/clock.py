"""The database's clock: hosts may disagree about the time, and leases must not."""

from datetime import datetime
from typing import cast

from django.db.models.functions import Now

from aws.models import SyncScope


def database_now(scope_id: int) -> datetime:
    return cast(datetime, SyncScope.objects.filter(pk=scope_id).values_list(Now(), flat=True).get())
