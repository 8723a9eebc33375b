"""The sync of accounts as Celery tasks."""

from celery import shared_task

from accounts import sync
from accounts.activation import worker
from accounts.configuration import worker as settings_worker
from aws.runs import unless_running


@shared_task
def sync_organization() -> None:
    unless_running(sync.sync_organization)


@shared_task
def sync_accounts(region: str) -> None:
    unless_running(lambda: sync.sync_accounts(region))


@shared_task
def follow_up() -> None:
    """Go on with every request that has something due; beat sends this, so that no request depends on a message."""
    for request_id in worker.follow_up():
        carry_out.apply_async((request_id,), expires=30)
    for request_id in settings_worker.follow_up():
        change_setting.apply_async((request_id,), expires=30)


@shared_task
def carry_out(request_id: int) -> None:
    worker.carry_out(request_id)


@shared_task
def change_setting(request_id: int) -> None:
    settings_worker.carry_out(request_id)
