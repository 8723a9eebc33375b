"""What stays in the browser of somebody who logged out, and whether another site can put our pages into a frame."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests import factories

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
pytestmark = pytest.mark.django_db(transaction=True)

INSTANCES = "/coverage/instances/"


def test_after_the_logout_nothing_is_left_to_go_back_to(open_page):
    factories.read()
    factories.unmanaged_instance("a-secret-name")
    page = open_page(INSTANCES)
    page.get_by_role("link", name="Not scanning 1").click()
    page.wait_for_url("**group=not-scanning")
    expect(page.get_by_text("a-secret-name").first).to_be_visible()
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    stored = "[JSON.stringify(localStorage), JSON.stringify(sessionStorage)].join()"
    assert "a-secret-name" not in page.evaluate(stored)
    assert "coverage" not in page.evaluate(stored)
    for _ in range(2):
        page.go_back()
        page.wait_for_load_state("networkidle")
        assert "a-secret-name" not in page.content()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_no_page_can_be_put_into_a_frame_of_another_site(chromium, live_server, open_page):
    open_page("/login/")

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<iframe src="{live_server.url}/login/"></iframe>'.encode())

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    Thread(target=server.serve_forever, daemon=True).start()
    context = chromium.new_context()
    try:
        page = context.new_page()
        refused: list[str] = []
        page.on("console", lambda said: refused.append(said.text))
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_load_state("networkidle")
        assert "Log in" not in "".join(frame.content() for frame in page.frames)
        assert any("frame-ancestors" in text for text in refused), refused
    finally:
        context.close()
        server.shutdown()
