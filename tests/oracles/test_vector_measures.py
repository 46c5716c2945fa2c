"""Alignment and uniformity against a direct computation over all pairs, and the map against scikit-learn's PCA."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from tune_polar.trial import vector_measures
from tune_polar.trial.vector_measures import MeasuredRows, VectorMeasures, alignment, uniformity


def drawn(rows: int, size: int = 5, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, size))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pairs(vectors: np.ndarray, classes: np.ndarray):
    for i in range(len(vectors)):
        for j in range(i):
            yield classes[i], classes[j], float(((vectors[i] - vectors[j]) ** 2).sum())


@pytest.mark.parametrize("chunk", [3, 1024])
def test_measures_of_all_pairs(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_measures, "_CHUNK", chunk)
    vectors, classes = drawn(23), np.arange(23) % 3
    found = list(pairs(vectors, classes))
    rows = torch.from_numpy(vectors).float()
    expected = [np.mean([far for a, b, far in found if a == b == code]) for code in range(3)]
    assert alignment(rows, classes) == pytest.approx(expected, rel=1e-5)
    whole, between = (
        np.log(np.mean([np.exp(-2 * far) for a, b, far in found if any_class or a != b])) for any_class in (True, False)
    )
    assert uniformity(rows, classes) == pytest.approx((whole, between), rel=1e-5)


def test_equal_texts_and_lonely_classes() -> None:
    same = torch.from_numpy(np.repeat(drawn(1), 4, axis=0)).float()
    assert alignment(same, np.array([0, 0, 1, 1])) == pytest.approx([0, 0], abs=1e-5)
    assert uniformity(same, np.array([0, 0, 1, 1])) == pytest.approx((0, 0), abs=1e-5)
    assert alignment(same, np.array([0, 0, 0, 1])) == pytest.approx([0], abs=1e-5)  # one row alone has no pair
    assert uniformity(same, np.zeros(4, dtype=np.int64)) is None


def test_every_split_lies_on_the_map_of_the_held_out_rows() -> None:
    held_out, other = drawn(30), drawn(12, seed=1)
    rows = {
        "validation": MeasuredRows(np.arange(0, 60, 2), np.arange(30) % 2),
        "elsewhere": MeasuredRows(np.arange(12), np.arange(12) % 2),
    }
    measures = VectorMeasures(("projection",), rows)
    measures.take("validation", np.arange(0, 60, 2), torch.from_numpy(held_out).float())
    measures.take("elsewhere", np.arange(12), torch.from_numpy(other).float())
    found = measures.arrays()
    pca = PCA(2).fit(held_out)
    for name, vectors in (("validation", held_out), ("elsewhere", other)):
        assert np.abs(found[f"extra/projection/{name}"]) == pytest.approx(np.abs(pca.transform(vectors)), abs=1e-5)
    assert found["extra/projected/validation"].tolist() == list(range(0, 60, 2))


def test_only_rows_whose_class_is_known_are_measured() -> None:
    vectors = drawn(10)
    measures = VectorMeasures(("alignment",), {"validation": MeasuredRows(np.array([3, 5, 9]), np.array([0, 0, 0]))})
    measures.take("validation", np.array([1, 3, 4, 5, 8, 9]), torch.from_numpy(vectors[:6]).float())
    expected = alignment(torch.from_numpy(vectors[[1, 3, 5]]).float(), np.zeros(3, dtype=np.int64))
    assert measures.arrays()["extra/alignment/validation"].tolist() == pytest.approx(expected)
    assert not measures.are_of("test")


def test_neighbourhoods_are_those_of_all_splits_together() -> None:
    """Two groups far apart, each in both splits: every point's nearest is of its group, whatever its split."""
    rng = np.random.default_rng(3)
    groups = np.arange(40) % 2
    vectors = drawn(2)[groups] + 0.02 * rng.normal(size=(40, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = {name: MeasuredRows(np.arange(20), np.arange(20) % 2) for name in ("validation", "elsewhere")}

    def measured() -> dict[str, np.ndarray]:
        measures = VectorMeasures(("tsne",), rows)
        measures.take("validation", np.arange(20), torch.from_numpy(vectors[:20]))
        measures.take("elsewhere", np.arange(20), torch.from_numpy(vectors[20:]))
        return measures.arrays()

    found = measured()
    assert set(found) == {f"extra/{kind}/{split}" for kind in ("tsne", "projected") for split in rows}
    points = np.concatenate([found["extra/tsne/validation"], found["extra/tsne/elsewhere"]])
    far = np.linalg.norm(points[:, None] - points, axis=-1) + np.diag(np.full(40, np.inf))
    assert (groups[far.argmin(axis=1)] == groups).all()
    assert all(np.array_equal(found[name], again) for name, again in measured().items())


def test_a_handful_of_rows_has_no_neighbourhoods() -> None:
    measures = VectorMeasures(("tsne",), {"validation": MeasuredRows(np.arange(3), np.arange(3) % 2)})
    measures.take("validation", np.arange(3), torch.from_numpy(drawn(3)))
    assert not measures.arrays()["extra/tsne/validation"].any()


def test_the_nearest_training_rows_are_those_of_all_cosines() -> None:
    training, held_out, others = np.arange(5, 45, 2), np.array([1, 3, 8]), drawn(20, seed=4)
    measures = VectorMeasures(("nearest",), {"validation": MeasuredRows(held_out, np.array([0, 1, 1]))})
    compared = measures.compared(training)
    assert compared.tolist() == training.tolist()
    measures.stand_beside(compared, torch.from_numpy(others))
    measures.take("validation", np.array([1, 2, 3, 8]), torch.from_numpy(drawn(4, seed=5)))
    found, vectors = measures.arrays(), drawn(4, seed=5)[[0, 2, 3]]
    assert found["extra/asked/validation"].tolist() == held_out.tolist()
    for place, vector in enumerate(vectors):
        cosines = others @ vector
        best = np.argsort(-cosines)[:3]
        assert found["extra/nearest/validation"][place].tolist() == training[best].tolist()
        assert found["extra/cosine/validation"][place] == pytest.approx(cosines[best], rel=1e-5)
    assert len(VectorMeasures(("projection",), {}).compared(training)) == 0
