"""Somebody who reads pages all the time, and remembers every answer that no person should get."""

from __future__ import annotations

import http.cookiejar
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from tests.torture.machine import CANARY, PASSWORD

PATHS = (
    "/coverage/accounts/",
    "/coverage/instances/?group=not-scanning",
    "/coverage/images/",
    "/coverage/lambda/?sort=status",
    "/sync/",
    "/healthz",
)
GRACE = 5.0
"""How long after the database is back a page may still say that it is away."""


class Reader(threading.Thread):
    """Logged in; asks one page after the other."""

    def __init__(self, url: str, pause: float = 0.15) -> None:
        super().__init__(daemon=True, name="reader")
        self.url, self.pause = url, pause
        self.answers = 0
        self.seen_503 = 0
        self.slowest = 0.0
        self.wrong: list[str] = []
        self.database_away: list[tuple[float, float | None]] = []
        self.web_away: list[tuple[float, float | None]] = []
        self.last_503 = 0.0
        self.is_over = threading.Event()
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies).open

    def get(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        data = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(self.url + path, data, {"Referer": self.url + path})
        try:
            with self.open(request, timeout=40) as response:
                return response.status, response.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def log_in(self) -> None:
        _, page = self.get("/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token, "The login page has no CSRF token"
        form = {"csrfmiddlewaretoken": token[1], "username": "reader", "password": PASSWORD, "next": "/"}
        status, page = self.get("/login/", form)
        if status != 200 or 'name="password"' in page:
            raise AssertionError(f"The reader was not let in: {status}")

    def run(self) -> None:
        number = 0
        while not self.is_over.wait(self.pause):
            path = PATHS[number % len(PATHS)]
            number += 1
            started = time.monotonic()
            try:
                status, page = self.get(path)
            except (OSError, ValueError) as error:
                # Asked before, and cut by it, is within too.
                if not _within(self.web_away, time.monotonic(), 10):
                    self.wrong.append(f"{path}: no answer ({error})")
                continue
            self.answers += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
            self._judge(path, status, page, started)

    def _judge(self, path: str, status: int, page: str, started: float) -> None:
        if "Traceback (most recent" in page or 'File "/' in page or "django.db.utils" in page:
            self.wrong.append(f"{path}: a traceback is shown")
        if CANARY in page:
            self.wrong.append(f"{path}: a secret is shown")
        if status == 503:
            self.seen_503 += 1
            self.last_503 = time.monotonic()
            if not _within(self.database_away, started, GRACE):
                self.wrong.append(f"{path}: 503 although the database was there for {GRACE:g} s")
        elif status != 200:
            self.wrong.append(f"{path}: {status}")

    # What the torturer tells

    def away(self, what: str) -> None:
        """The database or the web server is about to be away."""
        getattr(self, f"{what}_away").append((time.monotonic(), None))

    def back(self, what: str) -> None:
        windows = getattr(self, f"{what}_away")
        windows[-1] = (windows[-1][0], time.monotonic())

    def take_wrong(self) -> list[str]:
        wrong, self.wrong = self.wrong, []
        return list(dict.fromkeys(wrong))


def _within(windows: list[tuple[float, float | None]], moment: float, grace: float) -> bool:
    return any(start - 1 <= moment and (end is None or moment <= end + grace) for start, end in windows)
