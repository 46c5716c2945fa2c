"""Whatever is printed: nothing steers the terminal, no encoding and no reader that has gone ends a command wrongly."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran
from tests.store.made_recipes import two_stages
from tests.store.made_store import finished_store
from tune_polar.api.headline import page_hint
from tune_polar.cli.commands import COMMANDS
from tune_polar.cli.run_and_exit import command_line
from tune_polar.control_characters import visible
from tune_polar.errors import TunePolarError

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


EVERY_COMMAND = """\
import io, json, os, sys
from tune_polar.cli.main import main
first, *others = sys.argv[1:]
for encoding in [first, *others]:
    os.chdir(encoding)
    if encoding != first:  # which is that of the process itself
        out, err = open("out", "wb"), open("err", "wb")
        sys.stdout = io.TextIOWrapper(out, encoding=encoding)
        sys.stderr = io.TextIOWrapper(err, encoding=encoding, errors="backslashreplace")
    codes = {}
    for words in json.load(open("words.json", encoding="utf-8")):
        sys.argv = ["tune-polar", *words]
        try:
            main()
            codes[" ".join(words)] = 0
        except SystemExit as stop:
            codes[" ".join(words)] = stop.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    with open("codes.json", "w", encoding="utf-8") as file:
        json.dump(codes, file)
    os.chdir("..")
"""
ODD = "dä−’中文 µ…"  # no encoding but Unicode's has all of it


ENCODINGS = ("ascii", "latin-1", "gbk", "cp1252", "koi8-r", "utf-8")


def test_no_encoding_ends_a_command(tmp_path: Path) -> None:
    """Every command but those that train, in one process; `search` and `resume` as far as their errors."""
    codes = words_and_codes(tmp_path / ENCODINGS[0])
    assert {words[0] for words in codes} == set(COMMANDS)
    for encoding in ENCODINGS[1:]:
        shutil.copytree(tmp_path / ENCODINGS[0], tmp_path / encoding)
    about = {**os.environ, "PYTHONIOENCODING": ENCODINGS[0]}
    python = [sys.executable, "-c", EVERY_COMMAND, *ENCODINGS]
    done = subprocess.run(python, capture_output=True, timeout=300, check=False, cwd=tmp_path, env=about)
    assert done.returncode == 0, done.stderr.decode(ENCODINGS[0], "replace")
    for encoding in ENCODINGS:
        folder = tmp_path / encoding
        own = encoding == ENCODINGS[0]
        said = done.stdout + done.stderr if own else (folder / "out").read_bytes() + (folder / "err").read_bytes()
        assert "Traceback" not in said.decode(encoding), encoding  # whole characters of it, all of them
        assert json.loads((folder / "codes.json").read_text(encoding="utf-8")) == {
            " ".join(words): code for words, code in codes.items()
        }, encoding


def words_and_codes(folder: Path) -> dict[tuple[str, ...], int]:
    """Every command with words of many alphabets, and the exit code it should have; their files, in ``folder``."""
    folder.mkdir()
    rows = "".join(f"{ODD} {row},{row % 2},{row % 2}\n" for row in range(40))
    (folder / f"{ODD}.csv").write_text(f"text,{ODD},hate\n{rows}", encoding="utf-8")
    (folder / f"{ODD}.yaml").write_text(f"recipe: mine\nextends: st1\ndescription: {ODD}\n{ODD}: 1\n", "utf-8")
    scores = "".join(f"{ODD},oof,{row % 3},r{row},{row % 2},{row / 40}\n" for row in range(40))
    (folder / "p.csv").write_text(f"{ODD},split,fold,id,gold/{ODD},prob/{ODD}\n{scores}", encoding="utf-8")
    finished_store(folder / ODD, two_stages(description=ODD), host=ODD)
    codes = {
        ("list", "st3", "--meanings"): 0,
        ("list", f"{ODD}.yaml"): 2,
        ("validate", f"{ODD}.yaml"): 2,
        ("schema", "recipe"): 0,
        ("doctor",): 0,
        ("doctor", "st1", "--encoder", ODD): 0,
        ("data", "check", f"{ODD}.csv", "--target", ODD): 0,
        ("data", "check", f"{ODD}.csv", "--target", f"{ODD}x"): 2,
        ("data", "sample", f"{ODD} sample"): 0,
        ("decide", "p.csv", "--rounds", "100", "-o", f"{ODD}.html"): 0,
        ("status", ODD): 0,
        ("status", ODD, "--json"): 0,
        ("status", f"nicht {ODD}\x1b"): 2,
        ("report", ODD, "-o", f"page {ODD}.html"): 0,
        ("export", ODD, "--csv", f"tables {ODD}"): 0,
        ("merge", ODD, "-o", f"merged {ODD}"): 0,
        ("search", "classifier", "--data", f"{ODD}.csv", "--target", f"{ODD}x"): 2,
        ("ablate", ODD): 2,
        ("fit", f"nicht {ODD}"): 2,
        ("predict", f"nicht {ODD}", f"{ODD}.csv"): 2,
        ("submit", f"nicht {ODD}", f"{ODD}.csv", "-o", f"{ODD}.zip"): 2,
        ("resume", ODD, "--data", f"nicht {ODD}"): 2,
    }
    (folder / "words.json").write_text(json.dumps([list(words) for words in codes]), encoding="utf-8")
    return codes


STRANGE = ["my runs", "it's mine", "a$HOME", 'say "so"', "two\nlines", "a;b & `c`", "*(x)?", "~", "#1", "dä−中", "\\"]


@pytest.mark.parametrize("name", STRANGE)
def test_printed_commands_can_be_pasted(run: Run, tmp_path: Path, name: str) -> None:
    made = finished_store(tmp_path / name, two_stages())
    said = [run("status", f"./{name}"), run("report", f"./{name}", "-o", "page.html")]
    assert [ran.code for ran in said] == [0, 0]
    printed = pasted(said[0].out)
    assert [words[:2] for words in printed] == [["tune-polar", "resume"], ["tune-polar", "report"]]
    for words in printed:
        assert (tmp_path / words[2]).resolve() == tmp_path / name
        assert run(words[1], *words[2:], "--help").code == 0  # words that the command line takes
    (hint,) = pasted(page_hint(str(tmp_path / name)))
    assert hint == ["tune-polar", "report", str(tmp_path / name), "--watch", "--open"]
    with pytest.raises(TunePolarError) as again:
        made.store.create(made.store.manifest(), made.store.gold())
    (resume,) = re.findall(r"`(tune-polar resume .*?)`,", again.value.remedy, flags=re.DOTALL)
    assert shlex.split(resume) == ["tune-polar", "resume", str(tmp_path / name)]


def pasted(said: str) -> list[list[str]]:
    """The words of each command that stands behind a label; what stands in quotes may hold line ends."""
    found = re.findall(
        r"^(?:go on|page anew|page meanwhile:) +(tune-polar .*?)(?=\n(?:page anew|go on)|\n*\Z)", said, re.M | re.S
    )
    return [shlex.split(each) for each in found]


@pytest.mark.parametrize("word", ["plain", *STRANGE])
def test_the_command_in_a_manifest_can_be_pasted(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/tune-polar", "search", "st1", "--store", word])
    assert shlex.split(command_line()) == ["tune-polar", "search", "st1", "--store", word]


def test_a_remedy_that_names_a_recipe_file_can_be_pasted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "my own").mkdir()
    (tmp_path / "my own/it's.yaml").write_text("recipe: mine\nextends: st3\n", encoding="utf-8")
    ran = run("list", "my own/it's.yaml")
    assert ran.code == 0
    (told,) = re.findall(r"`(tune-polar list .*?)`", ran.out)
    assert run(*shlex.split(told)[1:]).code == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_what_a_daemon_leaves_closed_ends_no_command(closed: str) -> None:
    for words, code in (("list", 0), ("predict nosuch -", 2)):
        script = f'{COMMAND[0]} -c "{COMMAND[2]}" {words} {closed}'
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr


def test_a_minus_is_a_minus_in_ascii() -> None:
    done = command("status", "a−b…’", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert b"a-b...'" in done.stderr


@pytest.mark.parametrize("word", [b"caf\xe9.csv", b"\xff\xfe"])
def test_words_that_are_not_utf_8_are_told(tmp_path: Path, word: bytes) -> None:
    name = os.fsdecode(word)
    for words in (
        ("data", "check", name),
        ("data", "sample", name),
        ("search", name),
        ("search", "st1", "--store", name),
        ("search", "st1", "--data", name),
        ("search", "st1", "--space", name),
        ("search", "st1", "--encoder", name),
        ("search", "st1", "--dev", name),
        ("resume", name),
        ("report", "store", "-o", name),
        ("export", "store", "--csv", name),
        ("merge", "store", "-o", name),
        ("decide", name),
        ("validate", name),
        ("doctor", "st1", "--encoder", name),
    ):
        done = command(*words, cwd=tmp_path)
        assert done.returncode == 2
        assert b"must be UTF-8, got b'" in done.stderr
    folder = os.path.join(os.fsencode(tmp_path), word)
    os.mkdir(folder)
    done = command("search", "st1", cwd=folder)
    assert (done.returncode, b"the working folder must be UTF-8" in done.stderr) == (2, True)
    assert os.listdir(folder) == []


def test_a_locale_that_does_not_understand_utf_8_is_named() -> None:
    of_c = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = command("search", "st1", "--store", "loc ü", env=of_c)
    assert done.returncode == 2
    said = done.stderr.decode("ascii")
    assert "a word of a command must be read as UTF-8, but this process reads it as ascii, got 'loc \\xfc'" in said
    assert "LC_ALL=C.UTF-8, or PYTHONUTF8=1" in said
    latin = command("search", "st1", "--store", os.fsdecode(b"caf\xe9"), env=of_c)
    assert b"must be UTF-8, got b'caf\\xe9'" in latin.stderr
    assert command("list", "st1", env={**of_c, "LC_ALL": "C.UTF-8"}).returncode == 0


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


def test_shell_completion_is_set_up_and_completes(tmp_path: Path) -> None:
    about = {
        **os.environ,
        "HOME": str(tmp_path),
        "SHELL": "/bin/bash",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    done = command("--install-completion", "bash", env=about)
    assert done.returncode == 0, done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("tune-polar" in path.read_text(encoding="utf-8") for path in written)
    asked = {"_TUNE_POLAR_COMPLETE": "complete_bash", "COMP_WORDS": "tune-polar sta", "COMP_CWORD": "1"}
    assert command(env={**about, **asked}).stdout.decode().split() == ["status"]
