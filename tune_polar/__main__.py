"""The command ``tune-polar``, also as ``python -m tune_polar``."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command line; while it is being loaded a signal ends it without a traceback."""
    heeded = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda received, _: os._exit(128 + received)) for number in heeded}
    from tune_polar.cli.main import main as run

    for number, handler in before.items():
        signal.signal(number, handler)
    run()


if __name__ == "__main__":
    main()
