"""Whatever is printed: nothing steers the terminal, no encoding and no reader that has gone ends a command wrongly."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran
from tests.store.made_recipes import two_stages
from tests.store.made_store import finished_store
from tune_polar.visible import visible

Run = Callable[..., Ran]
COMMAND = [sys.executable, "-c", "import sys; from tune_polar.cli.main import main; sys.argv[0] = 'tune-polar'; main()"]
CLIPBOARD, TITLE, CLEAR, C1, BACK = "\x1b]52;c;AAAA\x07", "\x1b]0;owned\x07", "\x1b[2J", "\x9b2J", "\u202e"


def command(*words: str, **about: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *words], capture_output=True, timeout=120, check=False, **about)  # type: ignore[call-overload]


def controls(text: str) -> set[str]:
    return {letter for letter in text if letter != visible(letter)}


@pytest.mark.parametrize("hostile", [CLIPBOARD, TITLE, CLEAR, C1, BACK, "\r", "\b", "\x7f"])
def test_names_and_cells_from_elsewhere_are_shown_escaped(run: Run, tmp_path: Path, hostile: str) -> None:
    name = f"a{hostile}b.csv"
    (tmp_path / name).write_text(f"text,hate\nx,1\ny,{hostile}\n", encoding="utf-8")
    for words in (
        ("data", "check", name, "--text", "text", "--target", "hate"),
        ("validate", f"{hostile}.yaml"),
        ("search", f"x{hostile}"),
        ("status", f"nowhere{hostile}"),
        ("list", f"{hostile}"),
        ("--json", f"{hostile}"),
    ):
        ran = run(*words)
        assert controls(ran.out + ran.err) == set(), words
        assert ran.code in (1, 2)
    assert visible(hostile) in run("status", f"nowhere{hostile}").err


@pytest.mark.parametrize("hostile", [CLIPBOARD, C1, BACK])
def test_what_a_strangers_store_says_is_shown_escaped(run: Run, tmp_path: Path, hostile: str) -> None:
    made = finished_store(tmp_path / "store", two_stages(description=hostile), host=f"h{hostile}")
    made.store.files.put_if_absent(f"folds/{hostile.replace('/', '')}.json", b"no record")
    for words in (("status", "store"), ("status", "store", "--json"), ("report", "store", "-o", "page.html")):
        ran = run(*words)
        assert ran.code == 0, ran.err
        assert controls(ran.out + ran.err) == set(), words
    json.loads(run("status", "store", "--json").out)
    assert controls((tmp_path / "page.html").read_text(encoding="utf-8")) <= {"\r"}


def test_on_a_terminal_too(tmp_path: Path) -> None:
    reading, writing = pty.openpty()
    about = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    subprocess.run([*COMMAND, "status", f"no{CLIPBOARD}"], stdout=writing, stderr=writing, env=about, check=False)
    os.close(writing)
    said = b""
    try:
        while part := os.read(reading, 65536):
            said += part
    except OSError:  # the other end is closed
        pass
    assert b"]52;c" in said
    assert b"\x1b]52" not in said


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk", "cp1252", "koi8-r", "utf-8"])
def test_no_encoding_ends_a_command(encoding: str) -> None:
    about = {**os.environ, "PYTHONIOENCODING": encoding}
    for words, code in ((("list", "st3", "--meanings"), 0), (("status", "nicht da −’中文\x1b"), 2)):
        done = command(*words, env=about)
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr
        (done.stdout + done.stderr).decode(encoding)


def test_a_minus_is_a_minus_in_ascii() -> None:
    done = command("status", "a−b…’", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert b"a-b...'" in done.stderr


@pytest.mark.parametrize("word", [b"caf\xe9.csv", b"\xff\xfe"])
def test_words_that_are_not_utf_8_are_told(tmp_path: Path, word: bytes) -> None:
    for words in (("data", "check", os.fsdecode(word)), ("search", "st1", "--store", os.fsdecode(word))):
        done = command(*words, cwd=tmp_path)
        assert done.returncode == 2
        assert b"must be UTF-8, got b'" in done.stderr
    folder = os.path.join(os.fsencode(tmp_path), word)
    os.mkdir(folder)
    done = command("search", "st1", cwd=folder)
    assert (done.returncode, b"the working folder must be UTF-8" in done.stderr) == (2, True)
    assert os.listdir(folder) == []


def test_a_reader_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    for words in ("list st3", "list st3 --json", "schema recipe", "--help"):
        script = f'{COMMAND[0]} -c "{COMMAND[2]}" {words} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}'
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False)
        assert done.stdout.strip() in ("141", "0")
        assert done.stderr == ""
    slow = f'{COMMAND[0]} -c "{COMMAND[2]}" schema recipe | true; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", slow], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.strip(), done.stderr) == ("141", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_under_the_output_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, "list", "st3"], stdout=full, stderr=subprocess.PIPE, timeout=120, check=False)
    assert done.returncode == 2
    assert b"standard output must take what is said, but: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_working_folder_may_have_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd {gone} && rmdir {gone} && {COMMAND[0]} -c "{COMMAND[2]}" list st3'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "the working folder must be there" in done.stderr
