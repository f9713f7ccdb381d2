"""A web server that does what it is told: serves, stalls, truncates, lies."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


class Server:
    """`contents` by path; `script` by path: what is done with the first, second, ... request, the
    last one for ever.

    A step is `ok`, `no-range`, `html`, `page`, a status, or a pair with a number of bytes: `cut`
    (says the whole length, sends so many), `ends` (says no length, sends so many), `stalls` (sends
    so many and falls silent), `says` (claims another length), `from` (a range that starts
    elsewhere).
    """

    def __init__(self):
        self.contents, self.script, self.asked = {}, {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                outer.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.stop = threading.Event()
        threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.http.server_port}"

    def ranges(self):
        return [range_ for method, _, range_ in self.asked if method == "GET"]

    def answer(self, request):
        path = request.path.lstrip("/")
        self.asked.append((request.command, path, request.headers.get("Range")))
        steps = self.script.get(path, ["ok"])
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if path not in self.contents:
            step = 404
        if isinstance(step, int):
            request.send_error(step)
            return
        kind, count = step if isinstance(step, tuple) else (step, None)
        body, status, headers = (
            self.contents.get(path, b""),
            200,
            {"Content-Type": "application/octet-stream"},
        )
        whole = len(body)
        range_ = request.headers.get("Range")
        if range_ and kind not in ("no-range", "html", "page"):
            start = count if kind == "from" else int(range_.removeprefix("bytes=").rstrip("-"))
            body, status = body[start:], 206
            headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
        if kind in ("html", "page"):
            body = PAGE
            headers["Content-Type"] = (
                "text/html; charset=utf-8" if kind == "html" else "application/octet-stream"
            )
        if kind != "ends":
            headers["Content-Length"] = str(count if kind == "says" else len(body))
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command == "HEAD":
            return
        request.wfile.write(body[:count] if kind in ("cut", "ends", "stalls") else body)
        request.wfile.flush()
        if kind == "stalls":
            self.stop.wait(20)

    def close(self):
        self.stop.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    running = Server()
    yield running
    running.close()


@pytest.fixture
def gone():
    """An address at which nothing listens."""
    running = Server()
    running.close()
    return running.address


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """No test sees the user's cache or mirror, or waits for real."""
    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("THREETARGETS_MIRROR", raising=False)
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits
