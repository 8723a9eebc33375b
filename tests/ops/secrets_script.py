"""Run by test_secrets.py in a process of its own: everything that could let a secret out, at the most talkative level.

Its log is standard error. Arguments: the file for what people and monitors get, and the one for what AWS handed out.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import sys
import uuid
from pathlib import Path
from typing import Any

from coverage_site.wsgi import application  # noqa: F401  Sets Django up, as gunicorn does.

for name in ("botocore", "boto3", "urllib3"):
    logging.getLogger(name).setLevel("DEBUG")

from django.contrib.sessions.models import Session  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.activation.preview import Wish, preview  # noqa: E402
from accounts.activation.requests import Confirmation, confirm  # noqa: E402
from accounts.activation.worker import carry_out  # noqa: E402
from accounts.choices import Action  # noqa: E402
from accounts.models import Person, RegionalAccount  # noqa: E402
from aws import session  # noqa: E402
from coverage_site import views  # noqa: E402
from coverage_site.broker import ask  # noqa: E402
from scanning.models import CoveredResource, Finding  # noqa: E402
from scanning.tasks import start_regions  # noqa: E402

answers, handed_out = Path(sys.argv[1]), Path(sys.argv[2])
call_command("migrate", verbosity=0)
call_command("sync", stdout=io.StringIO())
sessions = [session._session()]
of_role = session._session_of_role


def remembered(*arguments: str) -> Any:
    sessions.append(of_role(*arguments))
    return sessions[-1]


setattr(session, "_session_of_role", remembered)  # noqa: B010
dana = Person.objects.create_user("dana", role="delegated_admin", all_accounts=True)
member = RegionalAccount.objects.associated().exclude(is_delegated_admin=True).values_list("account_id", flat=True)[0]
wish = Wish(Action.ACTIVATE, (member,), ("us-east-1",), ("CODE_REPOSITORY",))
request = confirm(dana, wish, Confirmation(uuid.uuid4(), preview(dana, wish).digest))
assert carry_out(request.pk)
assert request.items.get().aws_request_id, "AWS was asked with the role to write with"
assert len(sessions) == 2
borrowed = [found.get_frozen_credentials() for one in sessions if (found := one.get_credentials())]
handed_out.write_text(json.dumps([secret for one in borrowed for secret in (one.secret_key, one.token)]))

visitor = Client(raise_request_exception=False)
visitor.force_login(Person.objects.create_user("viewer", role="viewer", password="correct horse battery staple"))
said: list[str] = []


def get(path: str, **headers: str) -> None:
    response: Any = visitor.get(path, headers=headers)
    said.append(f"{response.status_code} {path} {response.headers}\n{response.getvalue().decode()}")


for tab in ("accounts", "instances", "repositories", "images", "lambda"):
    get(f"/coverage/{tab}/")
    get(f"/coverage/{tab}/export.csv")
for found in [*CoveredResource.objects.all()[:5], *Finding.objects.all()[:5]]:
    get(found.get_absolute_url())
get("/sync/")
get(f"/activation/{request.pk}/")
get("/nothing/here/", Authorization=f"Bearer {os.environ['AWS_SESSION_TOKEN']}")
get("/readyz")
get("/readyz", Authorization=f"Bearer {os.environ['COVERAGE_METRICS_TOKEN']}")
get("/metrics", Authorization=f"Bearer {os.environ['COVERAGE_METRICS_TOKEN']}")


def fail(*_: object, **__: object) -> None:
    raise RuntimeError(f"Everything that I know: {dict(os.environ)}")


setattr(views, "redirect", fail)  # noqa: B010
get("/")
logging.getLogger("accounts").error("%s", dict(os.environ))

start_regions(["us-east-1"])
messages: Any = ask(lambda client: client.lrange("celery", 0, -1))
for message in messages:
    said += [message.decode(), base64.b64decode(json.loads(message)["body"]).decode()]
assert Session.objects.exists()
answers.write_text("\n".join(said))
