from __future__ import annotations

import pytest
import torch
from torch import nn

from tune_polar.model.dropout import CheapDropout
from tune_polar.model.heads import ClassificationHead, ProjectionHead


def test_projection_has_the_published_parts_and_length_one() -> None:
    head = ProjectionHead(6, 8, 4)
    assert [type(part) for part in head.layers] == [nn.Linear, nn.GELU, nn.LayerNorm, nn.Linear]
    output = head(torch.randn(5, 6) * 100)
    assert output.shape == (5, 4)
    torch.testing.assert_close(output.norm(dim=1), torch.ones(5))


def test_projection_stays_on_the_sphere_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = ProjectionHead(6, 8, 4)(torch.randn(5, 6))
    assert output.dtype == torch.float32
    torch.testing.assert_close(output.norm(dim=1), torch.ones(5))


def test_classifier_has_the_published_parts() -> None:
    head = ClassificationHead(6, 8, 3, dropout=0.4)
    parts = [type(part) for part in head.layers]
    assert parts == [nn.Linear, nn.LayerNorm, nn.GELU, CheapDropout, nn.Linear]
    assert head.get_submodule("layers.3").p == pytest.approx(0.4)
    assert head(torch.randn(5, 6)).shape == (5, 3)
