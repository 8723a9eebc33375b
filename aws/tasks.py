"""Signs of life, for Celery."""

from celery import shared_task

from aws import heartbeats


@shared_task
def heartbeat() -> None:
    """Sent by beat and run by a worker: that it ran says that beat, broker and a worker are alive."""
    heartbeats.beat(heartbeats.WORKER)
