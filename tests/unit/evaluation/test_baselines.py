"""Baselines: means by hand, trees that do not care how often equal rows are listed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from circuitgcl.data import load_design, synthetic_array
from circuitgcl.data.pair_tables import FARAD_PER_FEMTO, PairTable, PairView
from circuitgcl.errors import DataError
from circuitgcl.evaluation.baselines import BaselineTreesConfig, BoostedTrees, RelationMean, merged, predicted
from circuitgcl.evaluation.protocol import scored_rows, scores
from circuitgcl.models.scaling import FLOOR_FF, TargetScale


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> list[PairTable]:
    folder: Path = tmp_path_factory.mktemp("arrays")
    return [PairTable(load_design(synthetic_array(r, c).write(folder))) for r, c in ((4, 4), (5, 6))]


def test_relation_means_by_hand(tables: list[PairTable]):
    table = tables[0]
    means = RelationMean.fit([table])
    estimate = means.estimate(table)
    for relation in np.unique(table.relation):
        own = table.relation == relation
        coupled = own & (table.truth_ff > FLOOR_FF)
        if coupled.any():
            expected = np.exp(np.log(table.truth_ff[coupled]).mean()) * FARAD_PER_FEMTO
            assert estimate.coupling_farad[own] == pytest.approx(expected)
        share = (table.truth_ff[own] > 0.01).mean()
        assert estimate.probability[own[: table.candidates]] == pytest.approx(share)
    assert table.design.labels is not None
    load = table.design.labels.load_farad
    load = load[load > FLOOR_FF * FARAD_PER_FEMTO]
    assert estimate.load_farad == pytest.approx(np.exp(np.log(load).mean()))


def test_rows_are_merged_by_hand():
    inputs = np.array([[1, 2], [3, 4], [1, 2], [1, 2]], np.float32)
    rows = merged(inputs, np.array([1.0, 5.0, 2.0, 6.0]))
    found = {
        tuple(row): (t, n) for row, t, n in zip(rows.inputs.tolist(), rows.target, rows.count, strict=True)
    }
    assert found == {(1.0, 2.0): (3.0, 3.0), (3.0, 4.0): (5.0, 1.0)}


def test_a_tree_on_merged_rows_is_the_tree_on_all(tables: list[PairTable]):
    """With a squared error, weighted means of equal rows lose nothing."""
    table = tables[0]
    inputs, truth = table.inputs(PairView.STRUCTURE).astype(np.float32), np.log1p(table.truth_ff)
    rows = merged(inputs, truth)
    assert len(rows.inputs) < len(inputs) / 2
    options = {"max_leaf_nodes": 12, "random_state": 0}
    whole = DecisionTreeRegressor(**options).fit(inputs, truth).predict(inputs)
    weighted = DecisionTreeRegressor(**options).fit(rows.inputs, rows.target, rows.count)
    error = ((whole - truth) ** 2).mean()
    assert ((weighted.predict(inputs) - truth) ** 2).mean() == pytest.approx(error, rel=1e-6)
    assert predicted(weighted.predict, inputs) == pytest.approx(weighted.predict(inputs))


def test_nothing_is_predicted_of_nothing():
    assert predicted(lambda rows: rows[:, 0], np.zeros((0, 3), np.float32)).shape == (0,)


def test_structure_tells_more_than_endpoints(tables: list[PairTable]):
    train, test = tables
    found = {}
    for view in PairView:
        trees = BoostedTrees.fit([train], BaselineTreesConfig(view=view, iterations=40))
        rows = scored_rows(test, trees.estimate(test), np.zeros(0, np.uint64), TargetScale.named("wide"))
        found[view] = scores(rows)["coupling"]["mae_decades"]
    assert found[PairView.STRUCTURE] < found[PairView.ENDPOINTS]


def test_the_seed_decides(tables: list[PairTable]):
    first, same, other = (
        BoostedTrees.fit([tables[0]], BaselineTreesConfig(iterations=5, seed=seed)).estimate(tables[1])
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.coupling_farad, same.coupling_farad)
    assert not np.array_equal(first.coupling_farad, other.coupling_farad)


def test_labels_that_teach_nothing_are_refused(tables: list[PairTable]):
    labels = tables[0].design.labels
    assert labels is not None
    nothing = replace(labels, coupling_farad=np.zeros_like(labels.coupling_farad))
    bare = PairTable(replace(tables[0].design, labels=nothing))
    with pytest.raises(DataError, match="to learn a mean from"):
        RelationMean.fit([bare])
    with pytest.raises(DataError, match="trees need couplings"):
        BoostedTrees.fit([bare], BaselineTreesConfig())
