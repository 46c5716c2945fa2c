"""A real S3-compatible server on loopback, and a server in front of it that fails one call in ten.

The one in front also lets only one call through at a time: moto looks for the name and creates it in two steps, where a
real server does both in one.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np

_PASSED_ON = {"connection", "transfer-encoding", "content-length", "server", "date"}


@dataclass
class Faults:
    """How often a call fails, and what was done."""

    share: float
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))
    calls: int = 0
    refused: int = 0  # answered 500, not passed on
    dropped: int = 0  # connection closed, not passed on
    lost_answers: int = 0  # passed on, the answer withheld

    def next(self) -> str:
        """What happens to the next call."""
        self.calls += 1
        if self.rng.random() >= self.share:
            return "pass"
        kind = str(self.rng.choice(["refused", "dropped", "lost_answers"]))
        setattr(self, kind, getattr(self, kind) + 1)
        return kind


@contextmanager
def faulty_server(target: str, share: float) -> Iterator[tuple[str, Faults]]:
    """A server that passes calls on to ``target``, but for a share of them."""
    faults, lock = Faults(share), threading.Lock()
    host = urlsplit(target).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            if self.headers.get("Expect", "").lower() == "100-continue":
                pass  # answered by the base class already
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                kind = faults.next()
                answer = None if kind in ("refused", "dropped") else self._ask(body)
            if kind == "refused":
                self._answer(500, [], b"<Error><Code>InternalError</Code></Error>")
            elif kind == "pass" and answer is not None:
                self._answer(*answer)
            else:
                self.close_connection = True

        def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection(host, timeout=30)
            try:
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                got = connection.getresponse()
                return got.status, got.getheaders(), got.read()
            finally:
                connection.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            length = str(len(body))
            for name, value in headers:
                if name.lower() not in _PASSED_ON:
                    self.send_header(name, value)
                elif self.command == "HEAD" and name.lower() == "content-length":
                    length = value
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815 (http.server's names)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", faults
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
