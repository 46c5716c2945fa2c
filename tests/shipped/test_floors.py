"""The house stands: floors import only downward, and heavy libraries stay where they belong."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tune_polar

PACKAGE = Path(tune_polar.__file__).parent

# What each floor may import, from the ground up. Each may import itself; `errors` may import nothing of ours.
FREE = {"errors", "python_gc", "assets", "control_characters", "whole_file"}  # of no floor: all may ask them
BELOW: dict[str, set[str]] = {name: set() for name in FREE}
BELOW["whole_file"] = {"errors"}
BELOW["data"] = BELOW["model"] = FREE
BELOW["decide"] = {*FREE, "data"}
BELOW["stats"] = {*FREE, "decide"}
BELOW["recipe"] = FREE
BELOW["synthesis"] = {*FREE, "data", "recipe"}
BELOW["store"] = {*FREE, "data", "recipe"}
BELOW["evaluate"] = {*FREE, "data", "decide", "stats", "recipe", "store"}
BELOW["trial"] = {*FREE, "data", "model", "decide", "recipe", "store"}
BELOW["search"] = {*BELOW["evaluate"], *BELOW["trial"], "evaluate", "trial"}
BELOW["serve"] = {*BELOW["evaluate"], *BELOW["trial"], "evaluate", "trial"}
BELOW["report"] = {*BELOW["evaluate"], "evaluate", "trial"}
BELOW["api"] = {*BELOW["search"], "search", "serve", "report", "synthesis"}
BELOW["cli"] = {*BELOW["api"], "api"}
BELOW["__main__"] = {"cli"}

# Floors that are loaded together in a fresh process, and what must not have been loaded then.
FORBIDDEN = {
    ("decide", "data", "stats", "recipe", "store", "evaluate"): {"ray", "optuna", "torch", "transformers"},
    ("report",): {"ray", "optuna", "torch", "transformers"},
    ("model", "trial", "serve"): {"ray", "optuna"},
}
# Whoever trains, scores or stores is told everything: nobody there reads a file that a user has written.
READS_YAML = {
    "tune_polar.recipe.recipe_file",
    "tune_polar.recipe.space_file",
    "tune_polar.recipe.prompts",
    "tune_polar.recipe.strict_yaml",
    "tune_polar.recipe.find_files",
}

SOURCES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def floor_of(module: str) -> str | None:
    """``tune_polar.recipe.draft`` → ``recipe``; None for the package itself and for other packages."""
    parts = module.split(".")
    return parts[1] if parts[0] == "tune_polar" and len(parts) > 1 else None


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports anywhere in it, also for types alone and within functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_source_is_on_a_known_floor():
    assert len(SOURCES) > 60
    floors = {floor_of(name_of(path)) for path in SOURCES} - {None}
    assert floors <= set(BELOW)
    assert {floor for together in FORBIDDEN for floor in together} <= floors


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_floor_imports_only_what_lies_below(path):
    floor = floor_of(name_of(path))
    reached = {floor_of(module) for module in imports(path)} - {None, "__version__", floor}
    assert reached <= (BELOW[floor] if floor else {"api", "errors"})


def test_no_module_imports_itself_by_a_detour():
    known = {name_of(path): path for path in SOURCES}
    del known["tune_polar"]  # it names what it offers for type checkers, and imports nothing until that is asked for
    graph = {name: {module for module in imports(path) if module in known} for name, path in known.items()}
    left = {name: set(targets) - {name} for name, targets in graph.items()}
    while free := {name for name, targets in left.items() if not targets}:
        left = {name: targets - free for name, targets in left.items() if name not in free}
    assert left == {}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_the_search_imports_ray_and_optuna(path):
    if floor_of(name_of(path)) != "search":
        assert not [module for module in imports(path) if module.split(".")[0] in ("ray", "optuna")]


def test_recipes_are_read_by_the_recipe_floor_alone():
    readers = {floor_of(name_of(path)) for path in SOURCES if "yaml" in set(imports(path))}
    assert "recipe" in readers
    assert readers <= {"recipe", "report"}, "the report writes the winner as YAML"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nobody_below_the_search_reads_a_file_of_the_users(path):
    if floor_of(name_of(path)) in {*BELOW["search"], "search"} - {"recipe"}:
        assert not READS_YAML & set(imports(path))


def modules_of(floor: str) -> list[str]:
    return [module.name for module in pkgutil.walk_packages([str(PACKAGE / floor)], f"tune_polar.{floor}.")]


@pytest.mark.parametrize("floors", FORBIDDEN, ids=" ".join)
def test_floors_load_no_library_they_should_not(floors):
    modules = [name for floor in floors for name in modules_of(floor)]
    assert all(modules_of(floor) for floor in floors)
    program = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        f"print(*sorted(set(sys.modules) & {FORBIDDEN[floors]!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_driver_of_a_search_loads_neither_torch_nor_transformers_nor_the_hubs_client():
    """Its workers do, at the same time as it starts Ray; at its end it makes floors by itself."""
    program = (
        "import sys, tune_polar.search.prepared_search, tune_polar.trial.floor_models\n"
        "from tune_polar.api import run_search\n"
        "from tune_polar.cli import ablate_command, resume_command, search_command\n"
        "unwanted = {'torch', 'transformers', 'pytorch_metric_learning', 'huggingface_hub'}\n"
        "print(*sorted(set(sys.modules) & unwanted))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_what_a_model_is_made_of_is_known_without_torch():
    """So that a mistyped word of `predict` and `submit` is told at once."""
    modules = ("stored_composition", "model_file", "output_columns", "predict", "submit", "writers")
    imported = ", ".join(f"tune_polar.serve.{module}" for module in modules)
    told = "print(*sorted(set(sys.modules) & {'torch', 'transformers'}))"
    program = f"import sys, tune_polar.api.predicting, {imported}; {told}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_command_line_loads_no_command_before_it_is_asked_for():
    program = (
        "import sys; from tune_polar.cli.main import main; sys.argv = ['tune-polar', '--version']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "loaded = {name for name in sys.modules if name.endswith('_command')}\n"
        "print(*sorted(loaded | set(sys.modules) & {'numpy', 'pandas', 'pydantic', 'ray', 'torch'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tune-polar ")
    assert done.stdout.splitlines()[1:] == [""]


def test_every_end_to_end_test_lies_where_make_looks_for_them():
    root = PACKAGE.parent
    marked = {path for path in (root / "tests").rglob("test_*.py") if "mark.e2e" in path.read_text(encoding="utf-8")}
    assert "pytest tests/e2e tests/search tests/benchmarks -m e2e" in (root / "Makefile").read_text()
    assert {path.parent.name for path in marked} - {"shipped"} == {"e2e", "search", "benchmarks"}
