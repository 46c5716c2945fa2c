"""The command ``tune-polar``, also as ``python -m tune_polar``."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line; while it is being loaded a signal ends it at once.

    What a handler raises in a callback of the import system would be printed, and forgotten.
    """
    heeded = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda received, _: os._exit(128 + received)) for number in heeded}
    from tune_polar.cli.commands import load
    from tune_polar.cli.main import main as run

    load(sys.argv[1:2])
    for number, handler in before.items():
        signal.signal(number, handler)
    run()


if __name__ == "__main__":
    main()
