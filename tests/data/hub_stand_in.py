"""A hub on loopback with one data set, as ``HfFileSystem`` asks for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REPOSITORY = "own/set"


@contextmanager
def hub(files: Mapping[str, bytes], denied: bool = False) -> Iterator[tuple[str, list[str]]]:
    """The address of a hub whose ``own/set`` holds ``files``, and what it is asked for; ``denied``: files are gated."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            asked.append(path)
            about = f"/api/datasets/{REPOSITORY}"
            resolve = f"/datasets/{REPOSITORY}/resolve/main/"
            if path.startswith(f"{about}/tree/main"):
                self.answer(json.dumps(entries(files, path.removeprefix(f"{about}/tree/main").strip("/"))).encode())
            elif path == about:
                self.answer(json.dumps({"id": REPOSITORY, "sha": "0" * 40, "siblings": []}).encode())
            elif path.startswith(resolve) and denied:
                self.answer(b"", 403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "ask for access"})
            elif path.startswith(resolve):
                start, end = self.headers["Range"].removeprefix("bytes=").split("-")
                self.answer(files[path.removeprefix(resolve)][int(start) : int(end) + 1], 206)
            else:
                self.answer(b"{}", 404, {"X-Error-Code": "RepoNotFound"})

        def answer(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def entries(files: Mapping[str, bytes], folder: str) -> list[dict[str, object]]:
    """What lies in ``folder`` itself."""
    found: dict[str, dict[str, object]] = {}
    for path, body in files.items():
        if folder and not path.startswith(folder + "/"):
            continue
        name, inner, _ = path[len(folder) + 1 if folder else 0 :].partition("/")
        whole = f"{folder}/{name}".strip("/")
        found[whole] = {"path": whole, "oid": "a" * 40, "type": "directory" if inner else "file", "size": len(body)}
    return list(found.values())
