"""A server on loopback that speaks what a store needs of Google Cloud Storage's JSON interface.

It honours ``ifGenerationMatch=0`` in one step, as the real one does; the emulators on PyPI ignore it. A share of calls
can be made to fail, as by ``s3_server``.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c
from s3_server import Faults

PAGE = 3  # objects a page of a listing, so that every test of some objects turns a page


@dataclass
class Cloud:
    """Buckets with their objects, and how calls fail."""

    faults: Faults
    url: str = ""
    buckets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    honours_conditions: bool = True
    forbidden: bool = False


@contextmanager
def gcs_server(share: float = 0.0) -> Iterator[Cloud]:
    """The server with an empty bucket ``records``; its address is what STORAGE_EMULATOR_HOST names."""
    cloud = Cloud(Faults(share), buckets={"records": {}})
    lock = threading.Lock()

    class Handler(_Handler):
        state = cloud
        one_at_a_time = lock

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    cloud.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield cloud
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


Answer = tuple[int, bytes]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Cloud
    one_at_a_time: threading.Lock

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.one_at_a_time:
            kind = self.state.faults.next()
            status, content = (500, b"") if kind in ("refused", "dropped") else self._answer(body)
        if kind in ("pass", "refused"):
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if status == 200 and "alt=media" in self.path:
                self.send_header("X-Goog-Hash", f"crc32c={_crc(content)}")
            self.end_headers()
            self.wfile.write(content)
        else:
            self.close_connection = True

    do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 (http.server's names)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> Answer:
        if self.state.forbidden:
            return _error(403, "no storage.objects access")
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        words = [unquote(word) for word in parts.path.partition("/b/")[2].split("/")]
        objects = self.state.buckets.get(words[0])
        if objects is None:
            return _error(404, "The specified bucket does not exist.")
        if parts.path.startswith("/upload/"):
            return self._upload(objects, body, asked)
        if len(words) == 1:  # the client looks at the bucket in the background
            return 200, json.dumps({"name": words[0], "kind": "storage#bucket"}).encode()
        if len(words) == 2:
            return _list(objects, asked)
        return self._one(objects, words[2:], asked)

    def _upload(self, objects: dict[str, bytes], body: bytes, asked: dict[str, str]) -> Answer:
        about, held = _parts(body, self.headers["Content-Type"])
        said = json.loads(about)
        if said.get("crc32c", _crc(held)) != _crc(held):
            return _error(400, "crc32c does not fit")
        if self.state.honours_conditions and asked.get("ifGenerationMatch") == "0" and said["name"] in objects:
            return _error(412, "At least one of the pre-conditions you specified did not hold.")
        objects[said["name"]] = held
        return 200, json.dumps(_about(said["name"], held)).encode()

    def _one(self, objects: dict[str, bytes], words: list[str], asked: dict[str, str]) -> Answer:
        name = words[0]
        if name not in objects:
            return _error(404, "No such object")
        if self.command == "DELETE":
            del objects[name]
            return 204, b""
        if "copyTo" in words:
            target = words[words.index("o") + 1]
            objects[target] = objects[name]
            return 200, json.dumps(_about(target, objects[name])).encode()
        if asked.get("alt") == "media":
            return 200, objects[name]
        return 200, json.dumps(_about(name, objects[name])).encode()


def _parts(body: bytes, content_type: str) -> list[bytes]:
    """What the two parts of an upload hold: the object's name and its bytes, as they are."""
    boundary = content_type.partition("boundary=")[2].strip("\"'").encode()
    parts = body.split(b"--" + boundary)[1:3]
    return [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts]


def _list(objects: dict[str, bytes], asked: dict[str, str]) -> Answer:
    prefix, start = asked.get("prefix", ""), asked.get("pageToken", "")
    names = [n for n in sorted(objects) if n.startswith(prefix) and "/" not in n[len(prefix) :] and n > start]
    page = list(itertools.islice(names, min(PAGE, int(asked.get("maxResults", PAGE)))))
    found: dict[str, object] = {"kind": "storage#objects", "items": [_about(name, objects[name]) for name in page]}
    if len(names) > len(page):
        found["nextPageToken"] = page[-1]
    return 200, json.dumps(found).encode()


def _about(name: str, content: bytes) -> dict[str, str]:
    return {"name": name, "size": str(len(content)), "generation": "1", "crc32c": _crc(content)}


def _crc(content: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()


def _error(status: int, message: str) -> Answer:
    return status, json.dumps({"error": {"code": status, "message": message}}).encode()
