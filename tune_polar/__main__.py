"""``python -m tune_polar``: the command of the same name."""

from tune_polar.cli.main import main

if __name__ == "__main__":
    main()
