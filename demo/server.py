"""The stand-in on the network: moto's server with STS, Organizations and Inspector answered from our Organization.

moto routes the requests and knows the protocols; the handlers below are translations of one line. Around moto stands a
small WSGI application that tells who calls, keeps the log and plays the fault script.

Other processes reach the latter two under /_stand-in/: GET or DELETE calls; GET, POST (one entry or a list) or DELETE
faults; POST tick {"times": n}; POST truth {"region", "resource_type"}, or {"region", "findings": true} for those that
are not closed; GET health.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import logging
import re
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import asdict, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import moto.inspector2.urls
import moto.organizations.urls
import moto.sts.urls
from botocore import xform_name
from botocore.session import get_session
from moto.core.responses import ActionResult
from moto.inspector2.responses import Inspector2Response
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.organizations.responses import OrganizationsResponse
from moto.sts.responses import TokenResponse
from werkzeug.serving import BaseWSGIServer, make_server

from demo import accounts, activation, aggregations, coverage, directory, findings
from demo.calls import Call, Operation
from demo.errors import AwsError
from demo.faults import Fault, FaultScript, Response
from demo.organization import Organization

INSPECTOR: dict[str, Operation] = (
    coverage.OPERATIONS | accounts.OPERATIONS | activation.OPERATIONS | findings.OPERATIONS | aggregations.OPERATIONS
)
CONTROL = "/_stand-in/"
LOG_LENGTH = 100_000

_current: ContextVar[tuple[StandIn, Call]] = ContextVar("current request of the stand-in")
_Reply = tuple[str, dict[str, str | int]]
"""What moto takes from a handler: the body, and the headers with the HTTP status among them."""


def _answer(operations: Mapping[str, Operation]) -> _Reply:
    """Run the operation of the current request and put its answer, or its error, into AWS' form."""
    stand_in, call = _current.get()
    headers: dict[str, str | int] = {"Content-Type": "application/json"}
    try:
        with stand_in.organization.lock:
            return json.dumps(operations[call.operation](stand_in.organization, call)), headers
    except AwsError as error:
        body = {"__type": error.code, "message": error.message, **error.members}
        return json.dumps(body), headers | {"status": error.status, "x-amzn-ErrorType": error.code}


class Inspector(Inspector2Response):
    """moto's Inspector with our answers; operations that we do not have stay moto's."""


class Directory(OrganizationsResponse):
    """moto's Organizations with our answers."""


class SecurityTokens(TokenResponse):
    """moto's STS; the keys it gives out say in themselves whose they are, so nothing is kept between requests."""

    def assume_role(self) -> ActionResult:
        role_arn, session = self._get_param("RoleArn"), self._get_param("RoleSessionName")
        match = re.fullmatch(r"arn:aws[a-z-]*:iam::(\d{12}):role/(.+)", role_arn or "")
        if match is None:
            raise AwsError("ValidationError", f"{role_arn} is invalid")
        account_id, role = match.groups()
        arn = f"arn:aws:sts::{account_id}:assumed-role/{role.rpartition('/')[2]}/{session}"
        expires = time.time() + self._get_int_param("DurationSeconds", 3600)
        token = base64.urlsafe_b64encode(json.dumps({"arn": arn, "expires": expires}).encode()).decode()
        return ActionResult(
            {
                "Credentials": {
                    "AccessKeyId": f"ASIA{account_id}",
                    "SecretAccessKey": "stand-in",
                    "SessionToken": token,
                    "Expiration": datetime.fromtimestamp(expires, UTC),
                },
                "AssumedRoleUser": {"AssumedRoleId": f"AROASTANDIN:{session}", "Arn": arn},
                "PackedPolicySize": 6,
            }
        )

    def get_caller_identity(self) -> ActionResult:
        _, call = _current.get()
        return ActionResult({"UserId": "AIDASTANDIN", "Account": call.account_id, "Arn": call.principal_arn})


def _extend_moto() -> dict[str, Any]:
    """Put our handlers into moto's routes, once and before its first request; returns Inspector's paths."""
    for handler, operations in ((Inspector, INSPECTOR), (Directory, directory.OPERATIONS)):
        for name in operations:
            setattr(handler, xform_name(name), lambda self, operations=operations: _answer(operations))
    model = get_session().get_service_model("inspector2")
    paths = {model.operation_model(name).http["requestUri"]: name for name in model.operation_names}
    routes = moto.inspector2.urls.url_paths
    for route in list(routes):
        routes[route] = Inspector.dispatch
    for loose in ("{0}/members/get", "{0}/members/list"):
        routes.pop(loose, None)
    routes.update({f"{{0}}{path}$": Inspector.dispatch for path, name in paths.items() if name in INSPECTOR})
    moto.organizations.urls.url_paths["{0}/$"] = Directory.dispatch
    moto.sts.urls.url_paths["{0}/$"] = SecurityTokens.dispatch
    return paths


OPERATION_OF_PATH = _extend_moto()
_moto = DomainDispatcherApplication(create_backend_app)


class _RequestHandler(MotoRequestHandler):
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: `calls` is the log."""

    def send_header(self, keyword: str, value: str) -> None:
        """A Date of the fault script takes the place of the server's own."""
        if keyword.lower() == "date":
            written: list[bytes] = vars(self)["_headers_buffer"]
            written[:] = [line for line in written if not line.lower().startswith(b"date:")]
        super().send_header(keyword, value)


class StandIn:
    """The organization on a port of its own; as a context manager it runs in a thread of this process."""

    def __init__(
        self, organization: Organization, host: str = "127.0.0.1", port: int = 0, *, poll_seconds: float = 0.01
    ) -> None:
        self.organization = organization
        self.calls: list[Call] = []
        """Every request since the start or since `calls.clear()`."""
        self.faults = FaultScript()
        self.keys: dict[str, str] = {}
        """Access key -> account, besides the keys that carry twelve digits; all others are the default caller's."""
        self._host, self._port, self._poll_seconds = host, port, poll_seconds
        self._server: BaseWSGIServer | None = None

    def start(self) -> None:
        """Listen, and answer in the background."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = make_server(self._host, self._port, self, threaded=True, request_handler=_RequestHandler)
        serve, often = self._server.serve_forever, (self._poll_seconds,)
        threading.Thread(target=serve, args=often, daemon=True, name="stand-in").start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("The stand-in is not running")
        return f"http://{self._host}:{self._server.port}"

    def credentials(self, account_id: str | None = None) -> dict[str, str]:
        """Keyword arguments for a boto3 session that acts as this account; without one, as the default caller."""
        key = f"AKIA{account_id}" if account_id else "AKIASTANDIN"
        return {"aws_access_key_id": key, "aws_secret_access_key": "stand-in"}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", "/"))
        if path.startswith(CONTROL):
            response = self._control(environ["REQUEST_METHOD"], path.removeprefix(CONTROL), _read(environ))
        else:
            response = self._respond(environ, path)
        ours = ("content-length", "status")
        headers = [(name, value) for name, value in response.headers.items() if name.lower() not in ours]
        if "x-amzn-requestid" not in {name.lower() for name, _ in headers}:
            headers.append(("x-amzn-RequestId", str(uuid.uuid4())))
        start_response(f"{response.status} Stand-In", [*headers, ("Content-Length", str(len(response.body)))])
        return [response.body]

    def _respond(self, environ: dict[str, Any], path: str) -> Response:
        call = self._identify(environ, path)
        self.calls.append(call)
        if len(self.calls) > LOG_LENGTH:
            del self.calls[: LOG_LENGTH // 10]
        due = self.faults.due(call)
        time.sleep(sum(fault.delay for fault in due))
        refused = _check_credentials(self.organization, call, environ)
        if refused is not None:
            response = _error(refused, call.service)
        elif any(fault.replaces for fault in due):
            response = Response(200, {"Content-Type": "application/json"}, b"{}")
        else:
            response = self._ask_moto(environ, call)
        for fault in due:
            response = fault.apply(response, call)
        return response

    def _identify(self, environ: dict[str, Any], path: str) -> Call:
        """Who calls what, from the signature's scope, the path and the body."""
        body = _read(environ)
        scope = re.search(r"Credential=([^/]+)/\d+/([^/]*)/([^/]*)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
        key, region, service = scope.groups() if scope else ("", "", "")
        params = _params(environ, body)
        target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        operation = target or params.get("Action") or OPERATION_OF_PATH.get(path, path)
        session = _session(environ)
        digits = re.search(r"\d{12}", key)
        account_id = self.keys.get(key) or (digits.group() if digits else self.organization.admin)
        arn = session.get("arn") or f"arn:aws:iam::{account_id}:user/stand-in"
        agent = environ.get("HTTP_USER_AGENT", "")
        return Call(operation, region, account_id, params, service=service, user_agent=agent, principal_arn=arn)

    def _ask_moto(self, environ: dict[str, Any], call: Call) -> Response:
        sent: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            sent.extend((int(status.split()[0]), dict(headers)))

        _current.set((self, call))
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.account_id
        try:
            body = b"".join(_moto(environ, start_response))
        except AwsError as error:
            return _error(error, call.service)
        return Response(sent[0], sent[1], body)

    def _control(self, method: str, what: str, body: bytes) -> Response:
        """What other processes may do: read and clear the log, write the fault script, let time go by."""
        try:
            answer = self._control_answer(method, what, json.loads(body) if body else {})
        except (TypeError, ValueError) as error:
            return Response(400, {"Content-Type": "application/json"}, json.dumps({"error": str(error)}).encode())
        status = 200 if answer is not None else 404
        return Response(status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _control_answer(self, method: str, what: str, params: Any) -> Any:
        if what == "calls":
            calls = [asdict(replace(call, params=dict(call.params))) for call in self.calls]
            if method == "DELETE":
                self.calls.clear()
            return calls
        if what == "faults":
            if method == "DELETE":
                self.faults.clear()
            for entry in params if isinstance(params, list) else [params] if params else []:
                self.faults.add_fault(Fault.from_json(entry))
            return [fault.to_json() for fault in self.faults]
        if what == "tick" and method == "POST":
            for _ in range(int(params.get("times", 1))):
                self.organization.tick()
            return {"ticked": True}
        if what == "truth":
            with self.organization.lock:
                if params.get("findings"):
                    return findings.truth(self.organization, params["region"])
                return self.organization.truth(params["region"], params.get("resource_type"))
        return {"ok": True, "administrator": self.organization.admin} if what == "health" else None


def _read(environ: dict[str, Any]) -> bytes:
    """The request's body, left readable for moto."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _params(environ: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """The request's parameters, sent as JSON or as a form; a body that is neither has none."""
    if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode(errors="replace")))
    try:
        params = json.loads(body)
    except ValueError:
        return {}
    return params if isinstance(params, dict) else {}


def _session(environ: Mapping[str, Any]) -> dict[str, Any]:
    """What our own session token says; a foreign one says nothing."""
    try:
        session = json.loads(base64.urlsafe_b64decode(environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")))
    except ValueError:
        return {}
    return session if isinstance(session, dict) else {}


def _check_credentials(organization: Organization, call: Call, environ: Mapping[str, Any]) -> AwsError | None:
    if call.region in organization.not_opted_in:
        return AwsError("UnrecognizedClientException", "The security token included in the request is invalid.")
    if _session(environ).get("expires", time.time() + 1) < time.time():
        return AwsError("ExpiredTokenException", "The security token included in the request is expired")
    return None


def _error(error: AwsError, service: str) -> Response:
    """STS speaks XML, the others JSON."""
    if service == "sts":
        text = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        xml = f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error></ErrorResponse>"
        return Response(error.status, {"Content-Type": "text/xml"}, xml.encode())
    body = {"__type": error.code, "message": error.message, **error.members}
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
    return Response(error.status, headers, json.dumps(body).encode())


def main(arguments: list[str] | None = None) -> None:
    """Serve a seeded organization until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m demo.server", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--accounts", type=int, default=63)
    parser.add_argument("--resources", type=int, default=6000)
    parser.add_argument("--tick-seconds", type=float, default=60, help="0: the organization stands still")
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    organization = Organization.seeded(options.seed, options.accounts, options.resources)
    organization.settle_seconds = 20.0
    with StandIn(organization, options.host, options.port, poll_seconds=0.5) as stand_in:
        print(f"Stand-in AWS listening on {stand_in.url}", flush=True)
        while not ended.wait(options.tick_seconds or None):
            organization.tick()
    sys.exit(0)


if __name__ == "__main__":
    main()
