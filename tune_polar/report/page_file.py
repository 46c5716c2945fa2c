"""What every page shares: escaping templates, a policy that lets nothing be fetched, and a whole write."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tune_polar import __version__
from tune_polar.assets import shipped
from tune_polar.errors import StoreError
from tune_polar.whole_file import whole_text

STYLE, SCRIPT = "page.css", "page.js"

# Characters that turn or nest the direction of what follows. One of them unclosed in a label would turn the page's own
# words around, out of any element that isolates it: a closing one matches the innermost opening one.
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")


class Verbatim(str):
    """Text that is to be copied as it is, in a block of its own; it is escaped like any other."""


def steady(text: str) -> str:
    """``text`` with characters that turn its direction made visible; marks (U+200E, U+200F, U+061C) are left alone."""
    return _DIRECTION.sub(lambda found: f"‹U+{ord(found[0]):04X}›", text)


_COMMAND = re.compile(r"`((?:tune-polar |--)[^`]*)`")  # as sentences hold them, of our own words alone


def with_commands(text: str) -> Markup:
    """``text`` escaped, commands between backticks in the typewriter face.

    Example:
        >>> with_commands("Go on with `tune-polar resume a<b`.")
        Markup('Go on with <code>tune-polar resume a&lt;b</code>.')
    """
    return Markup(_COMMAND.sub(r"<code>\1</code>", str(escape(text))))


def broken(name: str) -> Markup:
    """``name``, a dotted key or a long one, escaped; a line may break after each of its underscores.

    Example:
        >>> broken("a_b")
        Markup('a_<wbr>b')
    """
    return Markup(str(escape(name)).replace("_", "_<wbr>"))


def _finalized(value: object) -> object:
    if isinstance(value, Verbatim):  # as references, which no macro around it makes visible again
        return Markup(_DIRECTION.sub(lambda found: f"&#{ord(found[0])};", str(escape(str(value)))))
    if not isinstance(value, str):
        return value
    turned = steady(str(value))
    return Markup(turned) if isinstance(value, Markup) else turned  # markup's own text holds words of the data too


def rendered(template: str, *, scripted: bool = False, **values: object) -> str:
    """A page from one of the shipped templates: every value is escaped, and an unknown name is an error.

    Its content security policy lets our style and script work and nothing be requested.
    """
    folder = shipped("reports")
    files = (STYLE, SCRIPT) if scripted else (STYLE,)
    style, *script = ((folder / name).read_text(encoding="utf-8") for name in files)
    policy = f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src {_source(style)}"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(commands=with_commands, broken=broken)
    return environment.get_template(template).render(
        version=__version__,
        # Ours, not data: the only two texts that are not escaped.
        style=Markup(style),
        script=Markup("".join(script)),
        policy="; script-src ".join([policy, *map(_source, script)]),
        **values,
    )


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def write_whole(path: Path, content: str) -> None:
    """Write ``content`` to ``path``, whole or not at all.

    Raises:
        StoreError: ``path`` cannot be written.
    """

    def fault(why: str) -> StoreError:
        return StoreError(
            f"the file {str(path)!r} must be written, but: {why}",
            "Make its folder, free space or mend permissions there, or give another place.",
        )

    with whole_text(path, fault) as file:
        file.write(content)
