"""What users install: the built wheel, run from an empty folder beside decoys that carry the data folders' names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.e2e.conftest import QUICK, environment

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout."""
    source = tmp_path_factory.mktemp("source")
    names = ("pyproject.toml", "README.md", "LICENSE", "tune_polar", "trials", "search_spaces", "reports")
    for name in names:
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(origin, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(origin, source / name)
    built = tmp_path_factory.mktemp("dist")
    words = ("-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(source))
    subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True, timeout=300)
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel itself and borrows its dependencies from this one."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    packages = next((home / "lib").glob("python3*")) / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # The other environment's packages come after the wheel's, and its editable checkout (a .pth file) not at all.
    borrowed = Path(next(path for path in sys.path if path.endswith("site-packages")))
    (packages / "borrowed.pth").write_text(f"{borrowed}\n")
    return home / "bin" / "python"


def test_the_wheel_holds_code_and_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tune_polar"}
    for shipped in ("st3", "classifier", "regressor"):
        assert f"tune_polar/_shipped/trials/{shipped}.yaml" in names
        assert f"tune_polar/_shipped/search_spaces/{shipped}.yaml" in names
    assert any(name.startswith("tune_polar/_shipped/reports/") for name in names)
    assert "tune_polar/data/polar_sha256.txt" in names
    assert "tune_polar/py.typed" in names


def test_the_installed_wheel_searches_beside_decoys(installed: Path, tmp_path: Path) -> None:
    for decoy in ("trials", "reports", "search_spaces"):
        (tmp_path / decoy).mkdir()
        (tmp_path / decoy / "st3.yaml").write_text("recipe: decoy\n")
        (tmp_path / decoy / "__init__.py").write_text("raise RuntimeError('a decoy was imported')\n")
    starts = "from tune_polar.cli.main import main; main()"
    words = [str(installed), "-c", starts, "search", "st3", *QUICK, "--trials", "1", "--store", "store"]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "store/report.html").is_file()
    where = subprocess.run(
        [str(installed), "-c", "import tune_polar; print(tune_polar.__file__)"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(installed.parents[1]) in where.stdout, "the wheel's own code ran, not the checkout's"
