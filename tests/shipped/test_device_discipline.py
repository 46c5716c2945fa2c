"""Read in the source: what makes a tensor says where it lies, or stands in a list with the reason why it need not.

A tensor on the wrong device is an error on a GPU alone, in a place that a test on a CPU may never reach. An index on a
CPU is none at all: it makes the host wait, step after step.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import tune_polar

PACKAGE = Path(tune_polar.__file__).parent
FLOORS = ("trial", "model")
SOURCES = sorted(path for floor in FLOORS for path in (PACKAGE / floor).rglob("*.py"))

# Of torch: they make a tensor, or what draws the numbers of one, on the CPU unless they are given a device. Not among
# them is what takes the device of a tensor, such as `x.new_zeros(…)` and `torch.zeros_like(x)`.
_NAMES = """
    arange as_tensor asarray complex empty empty_permuted empty_strided eye frombuffer from_dlpack from_file from_numpy
    full linspace load logspace normal ones rand randint randn randperm range scalar_tensor sparse_coo_tensor
    sparse_csr_tensor tensor tril_indices triu_indices zeros Generator Tensor FloatTensor DoubleTensor HalfTensor
    BFloat16Tensor LongTensor IntTensor ShortTensor CharTensor ByteTensor BoolTensor
"""
_MAKERS = frozenset(_NAMES.split())

# (file, function) → the tensors made there, and why each may lie on the CPU.
ALLOWED: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("model/losses/pairwise.py", "__init__"): {"zeros": "a buffer, which moves with its module"},
    ("trial/gradients.py", "backward"): {"zeros": "the loss of no rows, which no batch has; a number may lie anywhere"},
    ("trial/checkpoints.py", "_checkpoint"): {"tensor": "a number of the scaler, on its way to a file"},
    ("trial/checkpoints.py", "_take_up"): {
        "tensor": "states of generators, which are taken from the CPU, a card's too",
        "from_numpy": "read from a file; load_state_dict copies it to where it belongs",
    },
    ("trial/inference.py", "_index"): {"from_numpy": "vectors of training rows, moved where they are compared"},
    ("model/changing_weights.py", "kind"): {"empty": "asked for its type alone"},
    ("model/changing_weights.py", "fault_of"): {"empty": "asked for its type alone"},
    ("model/changing_weights.py", "copy_in"): {"from_numpy": "copied to where the weights lie"},
    ("model/sequence_classifier.py", "_agree"): {
        "Generator": "what is exported is built on the CPU",
        "randint": "what is exported is built on the CPU",
    },
    ("model/losses/asymmetric.py", "__init__"): {"tensor": "a buffer, moved with its module"},
    ("model/dropout.py", "forward"): {"empty": "of the CPU's own dropout, which is not reached elsewhere"},
    ("model/tiny.py", "token_vectors"): {
        "zeros": "copied into a model that is built on the CPU",
        "from_numpy": "copied into a model that is built on the CPU",
    },
}


class _Reader(ast.NodeVisitor):
    """Finds what makes a tensor without a word on its device: (function, maker, line)."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, int]] = []
        self._functions: list[str] = ["module"]
        self._placed: set[ast.Call] = set()  # followed by `.to(device)`
        self._of_torch: dict[str, str] = {}  # from torch import zeros as z

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "torch":
            self._of_torch |= {each.asname or each.name: each.name for each in node.names}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._functions.append(node.name)
        self.generic_visit(node)
        self._functions.pop()

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        if isinstance(called, ast.Attribute) and _names_a_device(called.attr, node):
            moved = called.value
            if isinstance(moved, ast.Call):
                self._placed.add(moved)
        maker = self._maker(called)
        if maker is not None and node not in self._placed and not _has_device(node, maker):
            self.found.append((self._functions[-1], maker, node.lineno))
        self.generic_visit(node)

    def _maker(self, called: ast.expr) -> str | None:
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "torch":
            return called.attr if called.attr in _MAKERS else None
        if isinstance(called, ast.Name) and self._of_torch.get(called.id) in _MAKERS:
            return self._of_torch[called.id]
        return None


def _names_a_device(method: str, call: ast.Call) -> bool:
    """`.to(device)`, `.to(x.device, …)`, `.to("cuda")`, `.to(device=…)`, but not `.to(torch.float32)`."""
    if any(keyword.arg == "device" for keyword in call.keywords):
        return method == "to"
    if method != "to" or not call.args:
        return method == "cuda"
    return "device" in ast.unparse(call.args[0]) or (
        isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    )


def _has_device(call: ast.Call, maker: str) -> bool:
    if any(keyword.arg in ("device", "map_location") for keyword in call.keywords):
        return True
    return maker == "Generator" and bool(call.args)


def silent(source: str) -> list[tuple[str, str, int]]:
    """What makes a tensor in ``source`` without a word on its device: function, maker and line."""
    reader = _Reader()
    reader.visit(ast.parse(source))
    return reader.found


def places(path: Path) -> Iterator[tuple[tuple[str, str], str, int]]:
    name = path.relative_to(PACKAGE).as_posix()
    for function, maker, line in silent(path.read_text(encoding="utf-8")):
        yield (name, function), maker, line


def test_every_tensor_is_made_where_it_is_needed() -> None:
    assert len(SOURCES) > 40
    strange = [
        f"{name}:{line}: torch.{maker} says no device"
        for path in SOURCES
        for (name, function), maker, line in places(path)
        if maker not in ALLOWED.get((name, function), {})
    ]
    assert not strange, f"give it a device or .to(device) at once, or list it here with the reason: {strange}"


def unnumbered(source: str) -> list[int]:
    """Lines that name a card without its number, which functions of torch.cuda refuse."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "torch.device"
        and [ast.unparse(part) for part in (*node.args, *(keyword.value for keyword in node.keywords))] == ["'cuda'"]
    ]


def test_every_card_has_a_number() -> None:
    assert [path.name for path in SOURCES if unnumbered(path.read_text(encoding="utf-8"))] == []
    assert unnumbered("x = 1\ntorch.device('cuda')\ntorch.device(type='cuda')\n") == [2, 3]
    assert unnumbered("torch.device('cuda', 0), torch.device('cuda:0'), torch.device('cpu'), f('cuda')") == []


def test_the_list_holds_nothing_that_is_gone() -> None:
    found = {(place, maker) for path in SOURCES for place, maker, _ in places(path)}
    assert {(place, maker) for place, makers in ALLOWED.items() for maker in makers} == found
    assert all(reason for makers in ALLOWED.values() for reason in makers.values())


@pytest.mark.parametrize(
    ("planted", "makers"),
    [
        ("torch.zeros(3)", ["zeros"]),
        ("torch.full((), 0.0)", ["full"]),
        ("torch.from_numpy(rows)", ["from_numpy"]),
        ("torch.from_numpy(rows).float()", ["from_numpy"]),
        ("torch.from_numpy(rows).to(torch.float32)", ["from_numpy"]),
        ("classes[torch.from_numpy(rows)]", ["from_numpy"]),
        ("torch.tensor([1, 2], dtype=torch.long)", ["tensor"]),
        ("[torch.randn(3) for _ in range(2)]", ["randn"]),
        ("torch.arange(3) + torch.ones(3, device=device)", ["arange"]),
        ("torch.Generator()", ["Generator"]),
        ("z(3)", ["zeros"]),
        ("torch.load(path)", ["load"]),
        ("torch.zeros(3, device=device)", []),
        ("torch.zeros(3, device=x.device)", []),
        ("torch.from_numpy(rows).to(device, non_blocking=True)", []),
        ("torch.from_numpy(rows).to(device=device)", []),
        ("torch.from_numpy(rows).to(self.device)", []),
        ("torch.tensor(1.0).cuda()", []),
        ("torch.Generator(device)", []),
        ("torch.zeros_like(x)", []),
        ("x.new_zeros(3)", []),
        ("numpy.zeros(3)", []),
        ("torch.cat([x, y])", []),
    ],
)
def test_what_is_planted_is_found(planted: str, makers: list[str]) -> None:
    source = (
        f"import torch\nfrom torch import zeros as z\ndef outer():\n    def inner(rows):\n        return {planted}\n"
    )
    assert silent(source) == [("inner", maker, 5) for maker in makers]
