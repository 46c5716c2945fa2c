"""One command in a process of its own, forked from one that has loaded the program."""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

MOST_SECONDS = 20


def load_what_commands_load(commands: Iterable[tuple[str, ...]], place: Path) -> None:
    """Import here what each of ``commands``, typed in ``place``, imports as it runs: the most of its time otherwise.

    They run in processes of their own: threads that one starts would not survive a fork.
    """
    names: set[str] = set()
    for words in commands:
        run(words, place, tell_modules=True)
        names.update((place / "modules.txt").read_text(encoding="utf-8").split())
    for name in sorted(names - set(sys.modules)):
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def run(words: tuple[str, ...], place: Path, *, tell_modules: bool = False) -> tuple[int, float, int]:
    """Exit code (negative: a signal), seconds and bytes of one command in a forked process."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _command(words, place, tell_modules)
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - began, used.ru_maxrss * 1024


def _command(words: tuple[str, ...], place: Path, tell_modules: bool) -> None:
    code = 99
    try:
        os.chdir(place)
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        signal.alarm(MOST_SECONDS)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**31, 2**31))
        code = _ended(words)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - it is what is looked for
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
            if tell_modules:
                Path("modules.txt").write_text("\n".join(sys.modules), encoding="utf-8")
        os._exit(code)


def _ended(words: tuple[str, ...]) -> int:
    from tune_polar.cli.main import main
    from tune_polar.errors import TunePolarError

    if words[0] == "validate-encoder":  # what `doctor` and a search do with one, without a further process each
        from tune_polar.model.encoder import load_encoder

        try:
            load_encoder(words[1], pooling="auto")
        except TunePolarError as error:
            print(error)
            return 2
        return 0
    if words[0] == "resume":
        from tune_polar.search import prepared_search as search_run

        def ends_here(*_: object) -> Iterator[None]:
            sys.exit(0)

        setattr(search_run, "local_ray", ends_here)  # noqa: B010 - it is imported there
    sys.argv = ["tune-polar", *words]
    try:
        main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
    return 0
