"""Somebody else on the same machine reads and writes nothing of a running search, and reaches none of its ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.chaos import processes_under
from tests.e2e.conftest import QUICK, environment, script

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not Path("/proc/self/stat").exists() or os.geteuid() != 0, reason="becomes another user"),
]
SOMEBODY = 54321  # a number that no user has
SEARCH = ("search", "st3", *QUICK, "--trials", "6", "--set", "detector.optimizer.max_steps=200", "--store", "store")

# What somebody else tries, in a Python of their own: prints a line for everything that they got.
TRIES = r"""
import json, os, socket, sys, urllib.error, urllib.request
about = json.load(sys.stdin)
for folder in about["folders"]:
    for tried in (os.listdir, lambda at: open(os.path.join(at, "new"), "w")):
        try:
            print("folder", folder, tried(folder))
        except OSError:
            pass
for file in about["files"]:
    for how in ("rb", "ab"):
        try:
            open(file, how).close()
            print("file", how, file)
        except OSError:
            pass
    try:
        socket.socket(socket.AF_UNIX).connect(file)
        print("socket", file)
    except OSError:
        pass
for pid in about["pids"]:
    for name in ("environ", "maps", "fd/0"):
        try:
            open(f"/proc/{pid}/{name}", "rb").read(1)
            print("process", pid, name)
        except OSError:
            pass
for port in about["ports"]:
    try:
        answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/api/version", timeout=5).read()
        print("port", port, answer)
    except urllib.error.HTTPError as error:
        if error.code not in (401, 403):
            print("port", port, error.code)
    except (OSError, ValueError, __import__("http.client").client.HTTPException):
        pass  # it speaks gRPC
print("tried", *(len(about[each]) for each in ("folders", "files", "pids", "ports")))
"""
# With Ray's own client, for the head alone: without a token, and with a token of one's own.
ASKS = """
import sys
from ray._raylet import GcsClient
try:
    print(GcsClient(address=sys.argv[1]).get_all_node_info(timeout=5))
except Exception as error:
    print("refused", type(error).__name__)
"""


@dataclass(frozen=True)
class Running:
    """A search in the midst of training."""

    driver: int
    pids: list[int]
    scratch: list[Path]

    @property
    def ports(self) -> dict[int, int]:
        """Process by the port at which it listens."""
        sockets = {}
        for pid in self.pids:
            for opened in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    sockets[os.readlink(opened)] = pid
                except OSError:
                    continue
        lines = [line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().split("\n")]
        listening = [words for words in lines if len(words) > 9 and words[3] == "0A"]
        found = {words[1]: sockets.get(f"socket:[{words[9]}]") for words in listening}
        return {int(address.rpartition(":")[2], 16): pid for address, pid in found.items() if pid is not None}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("owner")
    driver = subprocess.Popen(
        [script(), *SEARCH, "-q"], cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        until = time.monotonic() + 120
        while not list(folder.glob("store/folds/*.json")) and time.monotonic() < until and driver.poll() is None:
            time.sleep(0.1)
        assert driver.poll() is None, "the search is to be found running"
        pids = processes_under(driver.pid)
        scratch = {
            Path(*Path(word).parts[: place + 1])
            for pid in pids
            for opened in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            for word in [opened.decode(errors="replace").rpartition("=")[2]]
            for place, part in enumerate(Path(word).parts)
            if part.startswith("tp-")
        }
        above = {each.parent for each in scratch}
        assert scratch, "Ray's processes name its folder"
        yield Running(driver.pid, pids, [each for place in above for each in place.glob(f"tp-*-{driver.pid}-*")])
    finally:
        driver.send_signal(signal.SIGINT)
        driver.communicate(timeout=60)


def as_somebody(*command: str, given: str = "", **changes: str) -> str:
    """What ``command`` prints when somebody else runs it."""
    done = subprocess.run(
        command,
        input=given,
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", **changes},
        cwd="/",
        user=SOMEBODY,
        group=SOMEBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def can_run_this_python() -> bool:
    """Whether somebody else may execute it and read its libraries."""
    try:
        as_somebody(sys.executable, "-c", "import ray")
    except (AssertionError, OSError):
        return False
    return True


def test_nothing_can_be_read_written_or_reached(running: Running) -> None:
    assert len(running.scratch) >= 2, "Ray's and Tune's"
    inside = [path for folder in running.scratch for path in folder.rglob("*")]
    about = {
        "folders": [str(path) for path in (*running.scratch, *inside) if path.is_dir()],
        "files": [str(path) for path in inside if not path.is_dir()],
        "pids": running.pids,
        "ports": list(running.ports),
    }
    assert len(about["pids"]) > 3
    assert len(about["ports"]) > 2
    assert any(name.endswith("/token") for name in map(str, about["files"]))
    assert any("sockets/" in name for name in map(str, about["files"]))
    # Any Python does: this one may lie where only its owner can go.
    python = sys.executable if can_run_this_python() else "/usr/bin/python3"
    told = as_somebody(python, "-c", TRIES, given=json.dumps(about)).splitlines()
    assert told == [f"tried {' '.join(str(len(about[each])) for each in ('folders', 'files', 'pids', 'ports'))}"]


def test_folders_and_token_are_for_their_owner_and_no_command_line_holds_it(running: Running) -> None:
    for folder in running.scratch:
        assert folder.stat().st_mode & 0o777 == 0o700, folder
    tokens = [path for folder in running.scratch for path in folder.rglob("token")]
    assert [path.stat().st_mode & 0o777 for path in tokens] == [0o600]
    secret = tokens[0].read_bytes()
    assert len(secret) >= 32
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in running.pids]
    assert not any(secret in command for command in commands)
    assert not any(b"monitor.py" in command for command in commands), "of logs and clouds: nobody asks them"


@pytest.mark.parametrize("token", [None, "0" * 64])
def test_ray_itself_refuses_whoever_has_not_its_token(running: Running, token: str | None) -> None:
    """Asked by this user, for this Python may be for its owner alone; Ray looks at the token and not at users."""
    comm = {port: Path(f"/proc/{pid}/comm").read_text().strip() for port, pid in running.ports.items()}
    (head,) = [port for port, name in comm.items() if name == "gcs_server"]
    sent = {} if token is None else {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    done = subprocess.run(
        [sys.executable, "-c", ASKS, f"127.0.0.1:{head}"],
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", **sent},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "refused AuthenticationError\n"
