"""A stand-in for an OpenAI-compatible server: slow, wrong, short of patience, and mortal."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

SYLLABLES = ("lo", "mi", "ra", "ten", "ku", "sa", "vor", "ne", "pi", "dal")


class Endpoint:
    """Serves on a free port of this machine.

    What a question gets follows from its hash: most are answered; some are put off once (429, 500, a slow answer, a
    connection that breaks, a body that is no JSON), some answered by what is no text (a refusal, a cut-off text, a
    pair that is no JSON) or by a text that is none of use. With ``body`` all get that. One that ``thinks`` takes no
    temperature, and a limit for thoughts and text together.
    """

    def __init__(
        self,
        *,
        dies_after: int | None = None,
        wrong: bool = True,
        status: int = 0,
        body: bytes | None = None,
        thinks: bool = False,
    ) -> None:
        self.dies_after, self.wrong, self.status, self.body = dies_after, wrong, status, body
        self.thinks = thinks
        self.answered: Counter[str] = Counter()  # by prompt: what is paid for
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._put_off: set[str] = set()
        self._lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                endpoint.serve(self, body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        prompt = body["messages"][1]["content"]
        seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4], "little")
        with self._lock:
            self.asked.append(body)
            self.headers.append(dict(handler.headers))
            is_dead = self.dies_after is not None and sum(self.answered.values()) >= self.dies_after
            is_new = prompt not in self._put_off
            self._put_off.add(prompt)
        if is_dead:
            handler.close_connection = True
            return None
        if self.body is not None:
            return send(handler, self.status or 200, self.body)
        if self.status:
            return send(handler, self.status, {"error": {"message": "no such thing"}})
        for name, instead in (("max_tokens", " Use 'max_completion_tokens' instead."), ("temperature", "")):
            if self.thinks and name in body:
                said_of_it = f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
                return send(handler, 400, {"error": {"message": said_of_it, "param": name}})
        if self.wrong and is_new and seed % 8 < 5:
            return put_off(handler, seed % 8)
        with self._lock:
            self.answered[prompt] += 1
        content, finish = said(prompt, seed, self.wrong)
        usage = {"prompt_tokens": 50, "completion_tokens": 20}
        send(handler, 200, {"choices": [{"message": {"content": content}, "finish_reason": finish}], "usage": usage})
        return None


def put_off(handler: BaseHTTPRequestHandler, kind: int) -> None:
    if kind == 0:
        send(handler, 429, {"error": {"message": "slow down"}}, {"retry-after": "0.02"})
    elif kind == 1:
        send(handler, 500, {"error": "oops"})
    elif kind == 2:
        handler.close_connection = True  # it breaks
    elif kind == 3:
        send(handler, 200, b"<html>a proxy's page</html>")
    else:
        time.sleep(0.1)
        send(handler, 503, b"")


def send(handler: BaseHTTPRequestHandler, status: int, body: object, headers: dict[str, str] | None = None) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"content-length": str(len(content)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def said(prompt: str, seed: int, wrong: bool) -> tuple[str, str]:
    """What a model answers, and how it ended."""
    if "true or false" in prompt:
        return verdict(seed), "stop"
    kind = (seed >> 8) % 16 if wrong else 15
    text = sentence(seed)
    if kind == 0:
        return "I'm sorry, but I can't help with that.", "stop"
    if kind == 1:
        return text, "length"
    if kind == 2:
        text = "this is what everybody says all the time about them"  # again and again
    elif kind == 3:
        text = "нивовора тулаки зумера"  # another script
    elif kind == 4:
        text = f"Label: 1. {text}"
    elif kind == 5:
        text = "no"
    elif kind == 6 and (source := re.search(r"\n\n(.+)\n", prompt)):
        text = source[1]  # what it was given
    if "JSON" in prompt:
        if kind == 7:
            return f"first: {text}", "stop"
        return "```json\n" + json.dumps({"first": text, "second": sentence(seed + 1)}) + "\n```", "stop"
    return f'"{text}"', "stop"


def verdict(seed: int) -> str:
    """Of a judge: three of five texts pass, one of them for an answer of another form."""
    if seed % 5 == 0:
        return "I would keep it."
    found = {"realistic": True, "label_correct": seed % 5 != 1, "clear": True, "grammatical": True}
    return json.dumps(found | {"clear": "false"} if seed % 5 == 2 else found)


def sentence(seed: int) -> str:
    words = []
    for place in range(9):
        digest = hashlib.sha256(f"{seed}/{place}".encode()).digest()
        words.append("".join(SYLLABLES[each % len(SYLLABLES)] for each in digest[: 2 + digest[5] % 2]))
    return " ".join(words)
