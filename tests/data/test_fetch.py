from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tune_polar.data.fetch import CANARY_NOTICE, LICENCE_NOTICE, fetch_polar, published_sums
from tune_polar.errors import DataError

CONTENT = ("id,text\r\n" + "".join(f"{row},文本{row}\r\n" for row in range(3000))).encode()
SUMS = {f"{split}/zho.csv": hashlib.sha256(CONTENT).hexdigest() for split in ("train", "dev")}


class Mirror(ThreadingHTTPServer):
    """Serves ``content`` with Range; breaks off after each of ``break_after`` bytes, then behaves."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.content = CONTENT
        self.break_after: list[int] = []
        self.honours_range = True
        self.ranges: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if not self.path.endswith("zho.csv"):
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if not self.server.honours_range:
            start = 0
        body = self.server.content[start:]
        if start and not body:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.break_after:
            body = body[: self.server.break_after.pop(0)]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(folder: Path, address: str, report: list[str] | None = None) -> list[Path]:
    lines: list[str] = [] if report is None else report
    return fetch_polar(folder, "zho", mirror=address, report=lines.append, sums=SUMS)


def test_downloads_verifies_and_does_not_download_again(mirror: Mirror, tmp_path: Path) -> None:
    lines: list[str] = []

    paths = fetch(tmp_path, mirror.address + "/", lines)

    assert paths == [tmp_path / "train/zho.csv", tmp_path / "dev/zho.csv"]
    assert [path.read_bytes() for path in paths] == [CONTENT, CONTENT]
    assert lines[:2] == [LICENCE_NOTICE, CANARY_NOTICE]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["zho.csv", "zho.csv"]
    assert len(mirror.ranges) == 2
    assert fetch(tmp_path, mirror.address, lines) == paths
    assert len(mirror.ranges) == 2
    assert lines[-1].endswith("already there and verified")


def test_goes_on_where_a_transfer_broke_off(mirror: Mirror, tmp_path: Path) -> None:
    mirror.break_after = [10_000]

    path = fetch(tmp_path, mirror.address)[0]

    assert path.read_bytes() == CONTENT
    assert mirror.ranges == [None, "bytes=10000-", None]


def test_goes_on_in_a_later_run(mirror: Mirror, tmp_path: Path) -> None:
    mirror.break_after = [100, 100, 100]
    with pytest.raises(DataError, match=r"come to its end, got 300 bytes in 3 attempts(.|\n)*goes on where"):
        fetch(tmp_path, mirror.address)
    assert (tmp_path / "train/zho.csv.part").read_bytes() == CONTENT[:300]
    assert not (tmp_path / "train/zho.csv").exists()

    assert fetch(tmp_path, mirror.address)[0].read_bytes() == CONTENT
    assert mirror.ranges[3] == "bytes=300-"


def test_begins_anew_where_the_server_knows_no_range(mirror: Mirror, tmp_path: Path) -> None:
    mirror.break_after, mirror.honours_range = [5_000], False

    assert fetch(tmp_path, mirror.address)[0].read_bytes() == CONTENT


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"more"])
def test_finishes_a_part_that_is_whole_or_too_long(mirror: Mirror, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/zho.csv.part").write_bytes(part)

    assert fetch(tmp_path, mirror.address)[0].read_bytes() == CONTENT


def test_sets_a_corrupted_file_aside(mirror: Mirror, tmp_path: Path) -> None:
    mirror.content = CONTENT[:-1] + b"!"

    with pytest.raises(DataError, match=r"must have the SHA-256 .*, got .*set aside as .*zho\.csv\.bad"):
        fetch(tmp_path, mirror.address)

    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == ["zho.csv.bad"]
    mirror.content = CONTENT
    assert fetch(tmp_path, mirror.address)[0].read_bytes() == CONTENT


def test_leaves_another_file_in_the_way_alone(mirror: Mirror, tmp_path: Path) -> None:
    mine = tmp_path / "train/zho.csv"
    mine.parent.mkdir()
    mine.write_text("mine")

    with pytest.raises(DataError, match=r"must be the published one(.|\n)*Move the file away"):
        fetch(tmp_path, mirror.address)

    assert mine.read_text() == "mine"


def test_offline_says_what_to_download_by_hand_and_where_to(mirror: Mirror, tmp_path: Path) -> None:
    address = mirror.address.rsplit(":", 1)[0] + ":9"  # the discard port: nobody listens

    with pytest.raises(DataError) as caught:
        fetch(tmp_path, address)

    for name in ("train/zho.csv", "dev/zho.csv"):
        assert f"{address}/{name}\n      as {tmp_path / name}" in caught.value.remedy
    assert list(tmp_path.iterdir()) == [], "no empty folder is left"


def test_offline_names_only_what_is_missing_and_keeps_what_is_there(mirror: Mirror, tmp_path: Path) -> None:
    fetch(tmp_path, mirror.address)
    (tmp_path / "dev/zho.csv").unlink()
    with pytest.raises(DataError) as caught:
        fetch(tmp_path, mirror.address.rsplit(":", 1)[0] + ":9")
    assert "dev/zho.csv" in caught.value.remedy
    assert "train/zho.csv" not in caught.value.remedy
    assert (tmp_path / "train/zho.csv").is_file()


def test_an_absent_file_is_named_with_the_answer(mirror: Mirror, tmp_path: Path) -> None:
    sums = {"train/deu.csv": "0" * 64}
    with pytest.raises(DataError, match=r"must be reachable, got the answer 404"):
        fetch_polar(tmp_path, "deu", mirror=mirror.address, splits=["train"], report=str, sums=sums)


@pytest.mark.parametrize(
    "address", ["file:///etc", "ftp://host/x", "host/x", "", "http://", "http://ä.example", "http://a b"]
)
def test_refuses_mirrors_that_are_not_http(tmp_path: Path, address: str) -> None:
    with pytest.raises(DataError, match="a mirror must be an http or https address"):
        fetch(tmp_path, address)


def test_refuses_unknown_languages_and_splits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"got 'zoh'; did you mean 'zho'\?(.|\n)*one of amh, arb, ben"):
        fetch_polar(tmp_path, "zoh", report=str)
    with pytest.raises(DataError, match=r"split must be one .*, got 'valid'(.|\n)*dev, test, train"):
        fetch_polar(tmp_path, "zho", splits=["valid"], report=str)


def test_refuses_a_folder_it_cannot_write(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DataError, match="must be writable"):
        fetch(tmp_path / "file", mirror.address)


def test_the_package_holds_the_sums_of_22_languages() -> None:
    sums = published_sums()

    assert len(sums) == 66
    assert len({Path(name).stem for name in sums}) == 22
    assert all(len(digest) == 64 for digest in sums.values())


@pytest.mark.shared
def test_the_sums_are_those_of_the_real_files(mirror: Mirror, shared_dir: Path, tmp_path: Path) -> None:
    mirror.content = (shared_dir / "data/polar/dev/zho.csv").read_bytes()

    paths = fetch_polar(tmp_path, "zho", mirror=mirror.address, splits=["dev"], report=str)

    assert paths[0].read_bytes() == mirror.content
