"""Ceilings of R²: unbiased where class means on their own data are not, and as high as structure knows."""

from __future__ import annotations

import numpy as np
import pytest

from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.evaluation.ceilings import Ceiling, ceiling, encoded_classes, endpoint_classes
from circuitgcl.evaluation.scores import regression_scores
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.netlist import flatten, read_netlist


def drawn(draw: np.random.Generator, share: float, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values whose variance lies between classes to the given share."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    between = draw.normal(scale=np.sqrt(share), size=len(sizes))[group]
    return between + draw.normal(scale=np.sqrt(1 - share), size=len(group)), group


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_the_mean_over_many_draws_is_the_true_share(share: float):
    draw = np.random.default_rng(3)
    sizes = np.tile([1, 2, 3], 100)
    found, naive = [], []
    for _ in range(200):
        values, group = drawn(draw, share, sizes)
        r2 = ceiling(values, group).r2
        assert r2 is not None
        found.append(r2)
        means = (np.bincount(group, weights=values) / np.bincount(group))[group]
        naive.append(1 - ((values - means) ** 2).sum() / ((values - values.mean()) ** 2).sum())
    assert np.mean(found) == pytest.approx(share, abs=0.02)
    assert np.mean(naive) == pytest.approx(share + (1 - share) / 2, abs=0.02)  # 300 classes of 600 values


def test_known_class_means_reach_it():
    """An estimate that knows the true class means meets the ceiling, and no other of classes does."""
    draw = np.random.default_rng(4)
    group = draw.integers(0, 20, 20_000)
    centre = draw.normal(size=20)
    values = centre[group] + draw.normal(size=len(group))
    truth = 10 ** (values - 15)
    limit = ceiling(values, group).r2
    assert limit is not None
    assert regression_scores(truth, 10 ** (centre[group] - 15), {})["r2"] == pytest.approx(limit, abs=5e-3)
    off = centre + draw.normal(scale=0.3, size=20)
    assert regression_scores(truth, 10 ** (off[group] - 15), {})["r2"] < limit - 0.02


def test_by_hand():
    found = ceiling(np.array([1.0, 3.0, 7.0]), np.array([4, 4, 9]))
    # within: variance 2 of the class of two; in all: 28 / 3 around 11 / 3
    assert found == Ceiling(r2=pytest.approx(1 - 2 / (28 / 3)), classes=2, repeated=pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("values", "classes"), [([], []), ([1.0], [0]), ([1.0, 2.0], [0, 1]), ([1.0, 1.0], [0, 0])]
)
def test_nothing_to_say(values: list[float], classes: list[int]):
    assert ceiling(np.array(values), np.array(classes)).r2 is None


@pytest.fixture(scope="module")
def array(tmp_path_factory: pytest.TempPathFactory) -> CircuitGraph:
    files = synthetic_array(5, 6).write(tmp_path_factory.mktemp("array"))
    return build_graph(flatten(read_netlist(files.schematic)))


def test_the_relation_tells_more_than_the_ends(array: CircuitGraph):
    """Two bit lines look alike wherever they are; how far they lie apart only the relation knows."""
    nets = {name: number for number, name in enumerate(array.circuit.net_names())}
    pair = np.array(
        [
            [nets[a], nets[b]]
            for a, b in (("bl[2]", "bl[3]"), ("bl[3]", "bl[2]"), ("bl[1]", "bl[4]"), ("bl[2]", "wl[2]"))
        ]
    )
    ends, related = endpoint_classes(array, pair), encoded_classes(array, pair)
    assert ends[0] == ends[1] == ends[2] != ends[3]
    assert related[0] == related[1] != related[2]


def test_finer_classes_never_join_what_coarser_ones_part(array: CircuitGraph):
    pair = array.contexts.pair
    ends, related = endpoint_classes(array, pair), encoded_classes(array, pair)
    assert len(np.unique(np.stack([ends, related]), axis=1).T) == len(np.unique(related))
