"""The sync of accounts as Celery tasks."""

from celery import shared_task

from accounts import sync
from aws.runs import unless_running


@shared_task
def sync_organization() -> None:
    unless_running(sync.sync_organization)


@shared_task
def sync_accounts(region: str) -> None:
    unless_running(lambda: sync.sync_accounts(region))
