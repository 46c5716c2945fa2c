"""A search begun in a folder goes on in a bucket: the folder copied, the server failing one call in ten."""

from __future__ import annotations

import sys
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.e2e.conftest import Command, Searched, result

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
from s3_server import faulty_server

pytestmark = pytest.mark.e2e


def test_a_copied_store_is_resumed_from_a_bucket(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, searched: Searched
) -> None:
    moved = searched.copied(tmp_path / "moved")
    for name, value in (("ACCESS_KEY_ID", "someone"), ("SECRET_ACCESS_KEY", "secret"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        client = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
        client.create_bucket(Bucket="records")
        for path in moved.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), "records", f"one/{path.relative_to(moved)}")
        with faulty_server(f"http://{host}:{port}", share=0.1) as (endpoint, faults):
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            there = result(command("resume", "s3://records/one", "--trials", "3", "--slots", "1", "--json"))
        keys = [about["Key"] for about in client.list_objects_v2(Bucket="records")["Contents"]]
        client.close()
    finally:
        server.stop()
    here = result(command("resume", "moved", "--trials", "3", "--slots", "1", "--json"))
    assert [(c["id"], c["score"]) for c in there["configurations"]] == [
        (c["id"], c["score"]) for c in here["configurations"]
    ]
    assert there["configurations"][:2] == searched.result["configurations"], "what was finished is not trained again"
    assert min(faults.refused, faults.dropped, faults.lost_answers) > 0
    assert len([key for key in keys if key.startswith("one/folds/")]) == 6
    assert {"one/report.html", "one/winner.yaml"} <= set(keys)
    assert (tmp_path / "searches/one/report.html").is_file()
