"""Text from elsewhere as it may be shown: nothing in it steers a terminal or turns a line around."""

from __future__ import annotations

# C0 but tab and line feed, DEL and C1 (a terminal obeys them), and what changes the direction of all that follows.
_STEERING = [*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
# As JSON writes them: what is shown may be JSON.
_SHOWN = {code: f"\\u{code:04x}" for code in _STEERING if chr(code) not in "\t\n"}


def visible(text: str) -> str:
    r"""``text`` with each control character as what it is called: ``\u001b`` for an escape.

    Example:
        >>> visible("a\x1b[2Jb")
        'a\\u001b[2Jb'
    """
    return text.translate(_SHOWN)
