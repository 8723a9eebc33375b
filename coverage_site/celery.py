"""The Celery application: tasks of every installed app, settings from Django, and what every process of it does."""

from __future__ import annotations

import logging.config
import os
from typing import Any

from celery import Celery, signals
from celery.loaders.app import AppLoader
from django.core.exceptions import ImproperlyConfigured

from coverage_site import request_ids
from coverage_site.environment import said_in_one_line
from coverage_site.watchdog import Watchdog

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coverage_site.settings")


class Loader(AppLoader):
    """Reads the settings, and says in one line what is wrong with them."""

    def config_from_object(self, obj: Any, silent: bool = False) -> None:
        with said_in_one_line():
            from django.conf import settings

            settings.DEBUG  # noqa: B018  Reads them.
            super().config_from_object(obj, silent)


app = Celery("coverage_site", loader="coverage_site.celery:Loader")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(Watchdog)
request_ids.follow_tasks()


@signals.setup_logging.connect
def _log_as_django_does(**_: Any) -> None:
    """Workers and beat write the same lines as everything else, at the level of LOG_LEVEL."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@signals.celeryd_init.connect
@signals.beat_init.connect
def _need_a_broker(**_: Any) -> None:
    """Without an address Celery would look for a broker of another kind on this computer, for ever."""
    from django.conf import settings

    with said_in_one_line():
        if not settings.REDIS_URL:
            raise ImproperlyConfigured("REDIS_URL is missing: workers and beat need a broker, redis://host:6379/0.")


@signals.beat_init.connect
def _say_that_beat_lives(**_: Any) -> None:
    """From now on, and in this process alone, sending the heartbeat's task says that beat itself is alive."""
    signals.before_task_publish.connect(_beat_lives, sender="aws.tasks.heartbeat")


def _beat_lives(**_: Any) -> None:
    """Said before the broker is asked: a broker that is away is not a beat that is away."""
    from aws import heartbeats

    heartbeats.say_alive(heartbeats.BEAT)


@signals.worker_ready.connect
def _warn(**_: Any) -> None:
    from coverage_site.checks import warnings

    for warning in warnings():
        logging.getLogger(__name__).warning("%s", warning)
