"""A real browser in front of the real application: headless Chromium, strict about errors in its console."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sync_playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").sync_playwright

CHROMIUM = os.environ.get("CHROMIUM_PATH", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Playwright runs its own event loop in this thread, which Django takes for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@pytest.fixture(scope="session")
def chromium():
    if not Path(CHROMIUM).exists():
        pytest.skip(f"Chromium is not at {CHROMIUM}: install it, or set CHROMIUM_PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def is_complaint(said) -> bool:
    """An error or a warning; but a page that is left while it asks for news ends its question, and htmx tells that."""
    is_left = said.text.startswith(("htmx:sendAbort", "htmx:afterRequest"))
    return said.type in {"error", "warning"} and not is_left


@pytest.fixture
def open_page(chromium, live_server, viewer, as_person) -> Iterator[Callable]:
    """Opens a page as the viewer, with any options of a browser context. At the end, the consoles must be empty."""
    session = as_person(viewer).cookies["sessionid"].value
    contexts, complaints = [], []

    def open_(path: str, *, width: int = 1500, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, base_url=live_server.url, **options)
        context.set_default_timeout(10_000)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
