"""A secret of this user on this machine: what is signed with it nobody else can have written."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import os
import secrets
from pathlib import Path

_BYTES = 32


class OwnKey:
    """Signs and recognises; ``mark`` tells keys apart and says nothing of the secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.mark = hashlib.sha256(b"mark" + secret).hexdigest()[:8]

    def signature(self, text: str) -> str:
        """HMAC-SHA-256 of ``text`` in hexadecimal digits."""
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def has_signed(self, text: str, signature: str) -> bool:
        """Whether ``signature`` is that of ``text``."""
        return hmac.compare_digest(self.signature(text).encode(), signature.encode())


@functools.cache
def own_key() -> OwnKey:
    """The key in this user's cache folder, made when first asked for; where none can be kept, one for this process."""
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: there is no home
        path = (Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tune-polar" / "key").absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            _make(path)
        secret = path.read_bytes()
        if len(secret) == _BYTES:
            return OwnKey(secret)
    return OwnKey(secrets.token_bytes(_BYTES))


def _make(path: Path) -> None:
    """Whole or not at all, for this user alone."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, secrets.token_bytes(_BYTES))
        os.close(file)
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
