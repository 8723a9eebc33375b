"""Housekeeping of the reads, for Celery."""

from celery import shared_task

from aws import runs


@shared_task
def abort_expired() -> None:
    runs.abort_expired()
