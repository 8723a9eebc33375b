"""Faults of the wire: a small HTTP proxy in front of the stand-in that cuts, resets, hangs and drips by script.

What the stand-in cannot do to an answer of its own, because a real server sends it whole, happens here. As in the
stand-in each entry of the script names the calls that it hits. Other processes reach the script under /_wire/: GET,
POST (one entry or a list) or DELETE faults. Everything else, /_stand-in/ too, goes on to the stand-in.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import signal
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from botocore.session import get_session

CONTROL = "/_wire/"
KINDS = {
    "latency": "`seconds` pass before the answer",
    "refuse": "reset, and every new connection refused for `seconds`",
    "reset_before": "reset instead of passing the call on",
    "reset_after": "the call is passed on and takes effect; the connection is reset instead of an answer",
    "reset_middle": "reset in the middle of the answer",
    "close": "closed without an answer",
    "hang": "no answer for `seconds`, then closed",
    "cut": "half of the body, and a Content-Length that says so",
    "cut_short": "half of the body, then closed, with the Content-Length of the whole",
    "cut_unsaid": "half of the body, then closed, without a Content-Length",
    "drip": "one byte every `seconds`",
    "html": "status 200 and a page of HTML, as captive portals and proxies send",
    "empty": "status 200 and no body",
    "redirect": "sent to another host, `location`",
    "garbage": "bytes that are not HTTP",
}
HTML = b"<!doctype html><html><head><title>Welcome</title></head><body>Please log in to this network.</body></html>"
LIMIT_OF_HEADERS = 65536


@dataclass
class WireFault:
    """One entry; fields left alone match every call. `call` is the n-th matching one, several, or None for all.

    `share` hits only this share of the calls that are due, at random but the same ones with the same seed.
    """

    kind: str
    operation: str | None = None
    region: str | None = None
    call: int | list[int] | None = None
    share: float = 1
    seconds: float = 1
    location: str = "http://127.0.0.1:9/"
    seen: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Unknown kind '{self.kind}': one of {', '.join(KINDS)}")

    def matches(self, operation: str, region: str) -> bool:
        return self.operation in (None, operation) and self.region in (None, region)

    def is_due(self) -> bool:
        if self.call is None:
            return True
        return self.seen in self.call if isinstance(self.call, list) else self.seen == self.call


@dataclass
class Request:
    """A request as it came, and what it asks for."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    operation: str = ""
    region: str = ""


@dataclass
class Answer:
    """The upstream's answer, read whole."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = field(repr=False)

    def head(self, length: int | None) -> bytes:
        """The lines before the body; a length of None is not said."""
        skipped = {"content-length", "connection", "transfer-encoding"}
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() not in skipped]
        lines += [f"Content-Length: {length}"] if length is not None else ["Connection: close"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Wire:
    """The proxy on a port of its own, answering in threads; usable in a `with` statement."""

    def __init__(self, upstream: str, host: str = "127.0.0.1", port: int = 0, *, seed: int = 0) -> None:
        parts = urlsplit(upstream)
        self._upstream = parts.hostname or "127.0.0.1", parts.port or 80
        self._host, self._port = host, port
        self._random = Random(seed)
        self._faults: list[WireFault] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._is_over = threading.Event()

    # The script

    def add(self, kind: str, **entry: Any) -> WireFault:
        fault = WireFault(kind, **entry)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def due(self, operation: str, region: str) -> WireFault | None:
        """The first fault that hits this call; each counts the calls that match it."""
        with self._lock:
            due: WireFault | None = None
            for fault in self._faults:
                if fault.matches(operation, region):
                    fault.seen += 1
                    if due is None and fault.is_due() and self._random.random() < fault.share:
                        fault.hits += 1
                        due = fault
            return due

    # Its life

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    def start(self) -> None:
        self._listen()
        threading.Thread(target=self._accept, daemon=True, name="wire").start()

    def stop(self) -> None:
        self._is_over.set()
        self._hang_up()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._host, self._port))
        listener.listen(128)
        listener.settimeout(0.2)
        self._port = listener.getsockname()[1]
        self._listener = listener

    def _hang_up(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the accept that still holds it open
            listener.close()

    def _accept(self) -> None:
        while not self._is_over.is_set():
            listener = self._listener
            if listener is None:
                time.sleep(0.02)
                continue
            try:
                connection, _ = listener.accept()
            except OSError:
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _refuse(self, seconds: float) -> None:
        """Close the port for a while: connections are refused by the kernel itself."""
        self._hang_up()

        def again() -> None:
            with suppress(OSError):
                self._listen()

        threading.Timer(seconds, again).start()

    # One connection

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as reader, suppress(OSError):
            while request := _read_request(reader):
                if request.path.startswith(CONTROL):
                    connection.sendall(self._control(request))
                elif not self._answer(connection, request):
                    return

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        """Answer one request; returns whether the connection lives on."""
        is_control = request.path.startswith("/_")
        fault = None if is_control else self.due(request.operation, request.region)
        kind = fault.kind if fault else ""
        if fault and kind == "refuse":
            self._refuse(fault.seconds)
            return _reset(connection)
        if kind == "reset_before":
            return _reset(connection)
        if fault and kind == "latency":
            self._is_over.wait(fault.seconds)
        answer = self._pass_on(request)
        if answer is None:
            return _reset(connection)
        if fault is None or kind == "latency":
            connection.sendall(answer.head(len(answer.body)) + answer.body)
            return True
        return self._spoil(connection, answer, fault)

    def _spoil(self, connection: socket.socket, answer: Answer, fault: WireFault) -> bool:
        half, whole = answer.body[: len(answer.body) // 2], len(answer.body)
        match fault.kind:
            case "reset_middle":
                connection.sendall(answer.head(whole) + half)
                time.sleep(0.05)
                return _reset(connection)
            case "reset_after":
                return _reset(connection)
            case "hang":
                self._is_over.wait(fault.seconds)
            case "cut":
                connection.sendall(answer.head(len(half)) + half)
                return True
            case "cut_short":
                connection.sendall(answer.head(whole) + half)
            case "cut_unsaid":
                connection.sendall(answer.head(None) + half)
            case "drip":
                connection.sendall(answer.head(whole))
                for number in range(whole):
                    connection.sendall(answer.body[number : number + 1])
                    if self._is_over.wait(fault.seconds):
                        break
            case "html":
                connection.sendall(Answer(200, "OK", [("Content-Type", "text/html")], b"").head(len(HTML)) + HTML)
                return True
            case "empty":
                connection.sendall(answer.head(0))
                return True
            case "redirect":
                connection.sendall(Answer(302, "Found", [("Location", fault.location)], b"").head(0))
                return True
            case "garbage":
                connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)))
        return False

    def _pass_on(self, request: Request) -> Answer | None:
        upstream = http.client.HTTPConnection(*self._upstream, timeout=60)
        try:
            upstream.request(request.method, request.path, request.body, request.headers | {"Connection": "close"})
            response = upstream.getresponse()
            return Answer(response.status, response.reason, response.getheaders(), response.read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            upstream.close()

    def _control(self, request: Request) -> bytes:
        status, reason, told = 200, "OK", ""
        try:
            if request.path.removeprefix(CONTROL) != "faults":
                raise ValueError("There is only /_wire/faults")
            if request.method == "DELETE":
                self.clear()
            plain = json.loads(request.body) if request.body else []
            for entry in plain if isinstance(plain, list) else [plain] if plain else []:
                self.add(**entry)
            told = json.dumps([asdict(fault) for fault in self._faults])
        except (TypeError, ValueError) as error:
            status, reason, told = 400, "Bad Request", json.dumps({"error": str(error)})
        body = told.encode()
        return Answer(status, reason, [("Content-Type", "application/json")], b"").head(len(body)) + body


def _reset(connection: socket.socket) -> bool:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The reader of the connection holds the socket open; only the last of them closes it.
    with suppress(OSError):
        socket.socket(fileno=connection.detach()).close()
    return False


def _read_request(reader: Any) -> Request | None:
    """The next request of a connection; None at its end, or for what is no request."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline(LIMIT_OF_HEADERS)
        if not line or len(head) > LIMIT_OF_HEADERS:
            return None
        head += line
    first, *lines = head.decode("latin-1").split("\r\n")
    if first.count(" ") != 2:
        return None
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    plain = {name.lower(): value for name, value in headers.items()}
    if plain.get("expect", "").lower() == "100-continue":
        headers = {name: value for name, value in headers.items() if name.lower() != "expect"}
    body = reader.read(int(plain.get("content-length") or 0))
    return Request(method, path, headers, body, _operation(path, plain, body), _region(plain))


def _operation(path: str, headers: dict[str, str], body: bytes) -> str:
    """As AWS names it: from the target, from the form, or from the path."""
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode(errors="replace"))).get("Action", "")
    return _paths().get(path.partition("?")[0], path)


def _region(headers: dict[str, str]) -> str:
    """As the signature says it."""
    scope = re.search(r"Credential=[^/]+/\d+/([^/]*)/", headers.get("authorization", ""))
    return scope[1] if scope else ""


@cache
def _paths() -> dict[str, str]:
    model = get_session().get_service_model("inspector2")
    return {model.operation_model(name).http["requestUri"]: name for name in model.operation_names}


def main(arguments: list[str] | None = None) -> None:
    """Stand in front of a stand-in until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m demo.wire", description=main.__doc__)
    parser.add_argument("--to", required=True, help="the stand-in's address, such as http://127.0.0.1:5000")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0, help="seconds before every answer")
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Wire(options.to, options.host, options.port, seed=options.seed) as wire:
        if options.latency:
            wire.add("latency", seconds=options.latency)
        print(f"The wire to {options.to} listens on {wire.url}", flush=True)
        ended.wait()
    sys.exit(0)


if __name__ == "__main__":
    main()
