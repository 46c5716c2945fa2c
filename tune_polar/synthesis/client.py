"""One question to an OpenAI-compatible endpoint: tried again where that may help, given up where it cannot."""

from __future__ import annotations

import email.utils
import json
import queue
import re
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tune_polar.errors import DataError
from tune_polar.synthesis.answers import whole_characters
from tune_polar.synthesis.row_requests import Ask

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
MOST_BYTES = 4_000_000  # of an answer: a text has some thousand
MOST_TOKENS = 10**9  # that one answer can have cost; the journal takes no more
TEMPERATURE = "temperature"
LIMIT, LIMIT_WITH_THOUGHTS = "max_tokens", "max_completion_tokens"  # models that think first take the second alone
THINKING_TOKENS = 4000  # of an answer, where its limit counts thoughts and nothing else is said
_REFUSED = re.compile(r"\W*unsupported (?:parameter|value)\W+(max_tokens|temperature)\b", re.IGNORECASE)
WRONG_FORM = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)
LOCAL = ("localhost", "127.0.0.1", "::1")


class StopError(Exception):
    """No further question can be answered: a wrong key, an unknown model, or the run was ended."""


class GivenUpError(Exception):
    """This question was not answered, though it was tried again and again; another may be."""


@dataclass(frozen=True)
class Reply:
    """What a model said, and what that cost."""

    content: str
    finish: str  # "stop", "length", "content_filter"
    prompt_tokens: int
    answer_tokens: int
    most_tokens: int  # that the answer could have had


@dataclass(frozen=True)
class Endpoint:
    """Where questions go, and how patiently.

    Raises:
        DataError: the address is none, or would carry a key unencrypted; the key can stand in no header.
    """

    base_url: str
    model: str
    key: str | None = field(default=None, repr=False)
    tries: int = 5
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 120.0
    timeout_seconds: float = 120.0
    thinking_tokens: int | None = None  # of an answer beside its text; None: as many as the model's own limit asks for

    def __post_init__(self) -> None:
        parts = _parts(self.base_url)
        if parts is None or parts.scheme not in ("http", "https") or parts.username or parts.password:
            raise DataError(
                f"--base-url must be an http or https address without a name and password, got {self.base_url!r}",
                "For example https://api.openai.com/v1, or http://localhost:8000/v1 of a server of your own.",
            )
        if parts.scheme == "http" and self.key is not None and parts.hostname not in LOCAL:
            raise DataError(
                f"a key must go over https, got --base-url {self.base_url}",
                "Give an https address, or unset the variable that holds the key.",
            )
        if self.key is not None and not all("!" <= letter <= "~" for letter in self.key):
            raise DataError(
                "a key must be of ASCII letters, digits and signs, got white space, a line's end or another character "
                "in the variable that --key-env names",
                "Set the variable to the key alone.",
            )


_Answer = tuple[int, Any, bytes]  # status, headers, body
_Sent = dict[str, Any]


class Client:
    """Asks, from several threads at once; ``close`` it at the end."""

    def __init__(self, endpoint: Endpoint, stop: threading.Event) -> None:
        """Make ready to ask; nothing is sent yet.

        Args:
            endpoint: that is asked.
            stop: set where no question should be asked any more.

        Raises:
            DataError: the environment names a proxy or a file of certificates that is none.
        """
        self._endpoint, self._stop = endpoint, stop
        self.refused: set[str] = set()  # parameters that the model does not take, as it has said
        headers = {} if endpoint.key is None else {"authorization": f"Bearer {endpoint.key}"}
        timeout = httpx2.Timeout(endpoint.timeout_seconds, connect=20.0)
        try:
            self._http = httpx2.Client(headers=headers, timeout=timeout, follow_redirects=False)
        except (ValueError, OSError, ImportError, httpx2.InvalidURL) as error:
            raise DataError(
                f"HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE must name what is there, got {error}",
                "Mend or unset these variables of the environment.",
            ) from None

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def ask(self, ask: Ask) -> Reply:
        """The answer to one question.

        Raises:
            GivenUpError: it was not answered.
            StopError: no question would be.
        """
        wait, said = self._endpoint.first_wait_seconds, ""
        for attempt in range(self._endpoint.tries):
            if self._stop.is_set():
                raise StopError("ended")
            if attempt:
                self._pause(wait)
                wait = min(2 * wait, self._endpoint.longest_wait_seconds)
            try:
                (status, headers, body), most_tokens = self._understood(ask)
            except (httpx2.HTTPError, OSError) as error:
                said = f"{type(error).__name__}: {error}"
                continue
            if status == 200:
                try:
                    return _reply(body, most_tokens)
                except WRONG_FORM as error:
                    said = f"no answer of the form that is agreed on ({type(error).__name__} {str(error)[:100]})"
                    continue
            said = f"status {status}: {_shown(body)}"
            if status not in AGAIN:
                if status in (400, 413, 422):
                    raise GivenUpError(said)  # of this question alone
                raise StopError(said)
            wait = max(wait, self._asked_wait(headers.get("retry-after")))
        raise GivenUpError(said)

    def _understood(self, ask: Ask) -> tuple[_Answer, int]:
        """The answer, and how many tokens it could have.

        Asked again at once without a parameter that the model says it does not take; of those there are two.
        """
        while True:
            limit = LIMIT_WITH_THOUGHTS if LIMIT in self.refused else LIMIT
            thoughts = self._endpoint.thinking_tokens
            if thoughts is None:
                thoughts = 0 if limit == LIMIT else THINKING_TOKENS
            sent: _Sent = {
                "model": self._endpoint.model,
                "messages": [{"role": "system", "content": ask.system}, {"role": "user", "content": ask.prompt}],
                limit: ask.tokens + thoughts,
                **({} if TEMPERATURE in self.refused else {TEMPERATURE: ask.temperature}),
            }
            answer = status, _, body = self._post(sent)
            refused = _refused(body) if status == 400 else None
            if refused is None or refused not in sent:
                return answer, sent[limit]
            self.refused.add(refused)

    def _post(self, body: _Sent) -> _Answer:
        """In a thread of its own, which is left to itself where the answer takes too long.

        The library's own limit is that of one read: a server that sends a byte of its headers a minute never meets it.
        """
        said: queue.SimpleQueue[_Answer | Exception] = queue.SimpleQueue()

        def send() -> None:
            try:
                said.put(self._sent(body))
            except Exception as error:  # noqa: BLE001 - raised below, where somebody waits
                said.put(error)

        threading.Thread(target=send, daemon=True).start()
        try:
            answer = said.get(timeout=self._endpoint.timeout_seconds)
        except queue.Empty:
            raise self._too_late() from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _sent(self, body: _Sent) -> _Answer:
        started, found = time.monotonic(), bytearray()
        url = self._endpoint.base_url.rstrip("/") + "/chat/completions"
        with self._http.stream("POST", url, json=body) as response:
            for part in response.iter_bytes():
                found += part
                if len(found) > MOST_BYTES:
                    raise OSError(f"an answer must have at most {MOST_BYTES:,} bytes")
                if time.monotonic() - started > self._endpoint.timeout_seconds:
                    raise self._too_late()
            return response.status_code, response.headers, bytes(found)

    def _too_late(self) -> OSError:
        return OSError(f"an answer must be there within {self._endpoint.timeout_seconds:g} s")

    def _asked_wait(self, header: str | None) -> float:
        """Seconds that the server asks to wait.

        Raises:
            StopError: longer than anybody waits.
        """
        seconds = _seconds(header)
        if seconds > self._endpoint.longest_wait_seconds:
            raise StopError(f"the server asks to wait for {seconds:.0f} s")
        return seconds

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StopError("ended")


def _seconds(header: str | None, now: Callable[[], float] = time.time) -> float:
    """Of a Retry-After header, a number or a date; 0 where it says nothing."""
    if header is None:
        return 0.0
    try:
        found = float(header)
    except ValueError:
        try:
            found = email.utils.parsedate_to_datetime(header).timestamp() - now()
        except (TypeError, ValueError, OverflowError):
            return 0.0
    return max(0.0, found) if found == found else 0.0


def _parts(url: str) -> urllib.parse.SplitResult | None:
    """Of an address with a host that can be asked."""
    try:
        parts = urllib.parse.urlsplit(url)
        httpx2.URL(url)
        return parts if parts.hostname and (parts.port is None or parts.port > 0) and url.isprintable() else None
    except (ValueError, httpx2.InvalidURL):  # half an address in brackets; a port that is none
        return None


def _reply(body: bytes, most_tokens: int) -> Reply:
    found = json.loads(body)
    choice = found["choices"][0]
    message, usage = choice["message"], found.get("usage") or {}
    refused = message.get("refusal")
    content = message.get("content")
    if not isinstance(content, str) and not refused:
        raise TypeError("message.content must be text")
    finish = choice.get("finish_reason") or "stop"
    if not isinstance(finish, str) or (refused and not isinstance(refused, str)):
        raise TypeError("finish_reason and refusal must be text")
    return Reply(
        whole_characters(refused or content),
        "content_filter" if refused else whole_characters(finish[:100]),
        _count(usage, "prompt_tokens"),
        _count(usage, "completion_tokens"),
        most_tokens,
    )


def _count(usage: dict[str, Any], name: str) -> int:
    found = usage.get(name, 0)
    if not isinstance(found, int) or isinstance(found, bool):
        return 0
    if not 0 <= found <= MOST_TOKENS:
        raise ValueError(f"usage.{name} must be from 0 to {MOST_TOKENS:,}")
    return found


def _refused(body: bytes) -> str | None:
    """The parameter that an error says the model does not take, of those that can be left out."""
    found = _REFUSED.match(_said(body))
    return None if found is None else found[1].lower()


def _said(body: bytes) -> str:
    try:
        found = json.loads(body)
        return str(found["error"]["message"] if isinstance(found["error"], dict) else found["error"])
    except WRONG_FORM:
        return body[:300].decode("utf-8", "replace")


def _shown(body: bytes) -> str:
    return whole_characters(" ".join(_said(body)[:1000].split())[:300])
