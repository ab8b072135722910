"""Trees as tensors: what scikit-learn says, members apart, and no table that leads a walk astray."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor

from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.data.tensors import DesignTensors, class_tensors, design_tensors
from circuitgcl.finetuning.tree_fitting import tensor_trees
from circuitgcl.graph import build_graph
from circuitgcl.models.capacitance import (
    COUPLING_TREE_INPUTS,
    LOAD_TREE_INPUTS,
    CapacitanceModel,
    ModelConfig,
    coupling_tree_inputs,
    load_tree_inputs,
)
from circuitgcl.models.contribution_trees import ROWS_AT_ONCE, ContributionTrees
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.models.memory import ContextMemory
from circuitgcl.netlist import flatten, read_netlist

Inputs = NDArray[np.float32]
Build = Callable[..., ContributionTrees]
Designs = tuple[DesignTensors, DesignTensors]


def grown(inputs: Inputs, seed: int = 0, iterations: int = 12) -> HistGradientBoostingRegressor:
    """A regressor of a law that splits on every column, noise included."""
    draw = np.random.default_rng(seed)
    truth = np.sin(3 * inputs).sum(axis=1) - 2.0 + 0.3 * draw.normal(size=len(inputs))
    return HistGradientBoostingRegressor(
        max_iter=iterations, max_leaf_nodes=9, min_samples_leaf=2, early_stopping=False
    ).fit(inputs, truth)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """A smooth column, one of few values, one without a pattern, and one that says nothing."""
    draw = np.random.default_rng(1)
    columns = draw.normal(size=300), draw.integers(4, size=300) / 3, draw.uniform(size=300), np.ones(300)
    return np.column_stack(columns).astype(np.float32)


class TestEstimates:
    def test_are_those_of_scikit_learn(self, inputs: Inputs) -> None:
        regressor = grown(inputs)
        found = tensor_trees(regressor, 0)(torch.from_numpy(inputs))
        assert found.shape == (300, 1)
        np.testing.assert_allclose(found[:, 0].numpy(), regressor.predict(inputs), rtol=0.0, atol=1e-5)

    def test_on_and_beside_every_threshold(self, inputs: Inputs) -> None:
        """The single-precision numbers next to a double-precision bound go the ways of that bound."""
        regressor = grown(inputs)
        trees = tensor_trees(regressor, 0)
        tables = np.concatenate([predictors[0].nodes for predictors in regressor._predictors])
        split = tables[tables["is_leaf"] == 0]
        near = split["num_threshold"].astype(np.float32)
        beside = [near, *(np.nextafter(near, np.float32(way)) for way in (-np.inf, np.inf))]
        rows = np.repeat(inputs[: len(split)], 3, axis=0)
        rows[np.arange(len(rows)), np.repeat(split["feature_idx"], 3)] = np.stack(beside, axis=1).ravel()
        assert (near > split["num_threshold"]).any()
        assert (near < split["num_threshold"]).any()
        found = trees(torch.from_numpy(rows))[:, 0].numpy()
        np.testing.assert_allclose(found, regressor.predict(rows), rtol=0.0, atol=1e-5)

    def test_rows_do_not_know_each_other(self, inputs: Inputs) -> None:
        trees = tensor_trees(grown(inputs), 0)
        whole = torch.from_numpy(np.tile(inputs, (ROWS_AT_ONCE // 300 + 2, 1)))
        assert len(whole) > ROWS_AT_ONCE
        assert torch.equal(trees(whole)[-300:], trees(torch.from_numpy(inputs)))
        assert trees(whole[:0]).shape == (0, 1)

    def test_a_law_without_splits_is_its_mean(self) -> None:
        regressor = grown(np.ones((40, 2), np.float32))
        trees = tensor_trees(regressor, 0)
        np.testing.assert_allclose(
            trees(torch.zeros(3, 2))[:, 0], regressor.predict(np.zeros((3, 2))), atol=1e-5
        )
        trees.check(2)

    def test_without_any_tree(self) -> None:
        trees = ContributionTrees()
        assert trees.is_empty
        assert trees.members == 0
        assert trees(torch.zeros(5, 3)).shape == (5, 0)
        trees.check(3)


class TestJoined:
    def test_members_stay_apart(self, inputs: Inputs) -> None:
        regressors = [grown(inputs, seed) for seed in range(3)]
        trees = ContributionTrees()
        for number, regressor in enumerate(regressors):
            trees = trees.joined(tensor_trees(regressor, number))
        trees.check(inputs.shape[1])
        assert trees.members == 3
        expected = np.column_stack([regressor.predict(inputs) for regressor in regressors])
        np.testing.assert_allclose(trees(torch.from_numpy(inputs)).numpy(), expected, rtol=0.0, atol=1e-5)

    def test_trees_of_one_member_add_up(self, inputs: Inputs) -> None:
        one, other = (tensor_trees(grown(inputs, seed), 0) for seed in (0, 1))
        rows = torch.from_numpy(inputs)
        torch.testing.assert_close(one.joined(other)(rows), one(rows) + other(rows))

    def test_with_nothing_they_are_the_same(self, inputs: Inputs) -> None:
        trees = tensor_trees(grown(inputs), 0)
        for both in (trees.joined(ContributionTrees()), ContributionTrees().joined(trees)):
            assert both.state_dict().keys() == trees.state_dict().keys()
            assert all(torch.equal(table, both.state_dict()[n]) for n, table in trees.state_dict().items())


def stump(column: int = 1, threshold: float = 0.5) -> ContributionTrees:
    """One tree of one member: -1 up to the threshold, 2 above it."""
    trees = ContributionTrees()
    trees.column = torch.tensor([column, 0, 0])
    trees.threshold = torch.tensor([threshold, 0.0, 0.0])
    trees.below, trees.above = torch.tensor([1, 1, 2]), torch.tensor([2, 1, 2])
    trees.value = torch.tensor([0.0, -1.0, 2.0])
    trees.root, trees.member = torch.tensor([0]), torch.tensor([0])
    return trees


CHILD, ONE = "child is missing or stands before it", "a node with one child"
SPOILED: dict[str, tuple[Callable[[ContributionTrees], object], str]] = {
    "cycle": (lambda t: t.below.__setitem__(1, 0), CHILD),
    "missing child": (lambda t: t.above.__setitem__(0, 3), CHILD),
    "negative child": (lambda t: t.below.__setitem__(0, -1), CHILD),
    "one child below": (lambda t: t.above.__setitem__(0, 0), ONE),
    "one child above": (lambda t: t.below.__setitem__(0, 0), ONE),
    "column beyond": (lambda t: t.column.__setitem__(0, 2), "a column outside 0 to 1"),
    "negative column": (lambda t: t.column.__setitem__(2, -1), "a column outside 0 to 1"),
    "root beyond": (lambda t: t.root.__setitem__(0, 3), "a root outside 0 to 2"),
    "negative root": (lambda t: t.root.__setitem__(0, -1), "a root outside 0 to 2"),
    "member beyond": (lambda t: t.member.__setitem__(0, 10**9), "a member outside 0 to 0"),
    "negative member": (lambda t: t.member.__setitem__(0, -1), "a member outside 0 to 0"),
    "fewer values": (lambda t: setattr(t, "value", t.value[:2]), "differ in length"),
    "fewer thresholds": (lambda t: setattr(t, "threshold", t.threshold[:2]), "differ in length"),
    "more children": (lambda t: setattr(t, "below", torch.tensor([1, 1, 2, 3])), "differ in length"),
    "tree of no member": (lambda t: setattr(t, "member", t.member[:0]), "differ in length"),
}


class TestCheck:
    def test_a_sound_tree(self) -> None:
        trees = stump()
        trees.check(2)
        assert trees(torch.tensor([[9.0, 0.5], [9.0, 0.6]])).tolist() == [[-1.0], [2.0]]

    @pytest.mark.parametrize("case", SPOILED)
    def test_tables_that_lie(self, case: str) -> None:
        spoil, reason = SPOILED[case]
        trees = stump()
        spoil(trees)
        with pytest.raises(ValueError, match=reason):
            trees.check(2)


# --- in the capacitance model ---


@pytest.fixture
def model() -> CapacitanceModel:
    torch.manual_seed(3)
    return CapacitanceModel(ModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=16)).eval()


@pytest.fixture(scope="module")
def designs(tmp_path_factory: pytest.TempPathFactory) -> Designs:
    """An array by rows and by structural classes."""
    folder = tmp_path_factory.mktemp("array")
    graph = build_graph(flatten(read_netlist(synthetic_array(6, 5).write(folder).schematic)))
    return design_tensors(graph), class_tensors(graph, 2)


def outputs_of(model: CapacitanceModel, design: DesignTensors) -> dict[str, Tensor]:
    with torch.no_grad():
        embedding = model.embed(design)
        outputs = model.contexts(design, embedding)
        coupling = model.coupling(design, outputs).of(design.pair_row)
        load = model.load(design, embedding, outputs).of(design.net_row)
    return {
        "coupling": coupling.farad_log,
        "coupling doubt": coupling.doubt,
        "load": load.farad_log,
        "load doubt": load.doubt,
        "classes": load.class_logits,
    }


class TestInTheModel:
    def test_the_mean_of_members_counts_and_their_spread_is_doubt(
        self, model: CapacitanceModel, designs: Designs, said_by: Build
    ) -> None:
        model.coupling_trees, model.load_trees = said_by(-3.0, -1.0), said_by(-2.0, -2.0, 1.0)
        design = designs[0]
        with torch.no_grad():
            outputs = model.contexts(design, model.embed(design))
        for found, expected in (
            (outputs.weight - model.tree_start(design), -2.0),
            (outputs.weight_doubt, 1.0),
            (outputs.load, -1.0),
            (outputs.load_doubt, math.sqrt(2.0)),
        ):
            torch.testing.assert_close(found, torch.full_like(found, expected))

    def test_while_networks_learn_trees_do_not_speak(
        self, model: CapacitanceModel, designs: Designs, said_by: Build
    ) -> None:
        design = designs[0]
        embedding = model.embed(design).detach()
        model.train()
        torch.manual_seed(0)
        alone = model.contexts(design, embedding)
        model.coupling_trees, model.load_trees = said_by(0.0, 1.0), said_by(0.0, 1.0)
        torch.manual_seed(0)
        beside = model.contexts(design, embedding)
        assert torch.equal(alone.weight, beside.weight)
        assert torch.equal(alone.load, beside.load)
        assert not beside.weight_doubt.any()

    def test_without_trees_the_networks_speak(
        self, model: CapacitanceModel, designs: Designs, said_by: Build
    ) -> None:
        before = outputs_of(model, designs[0])
        model.coupling_trees, model.load_trees = said_by(0.0), said_by(0.0)
        assert not torch.allclose(outputs_of(model, designs[0])["coupling"], before["coupling"], atol=0.1)
        with model.without_trees():
            within = outputs_of(model, designs[0])
        assert all(torch.equal(within[name], value) for name, value in before.items())
        assert not model.coupling_trees.is_empty

    def test_doubt_of_a_sum_is_that_of_its_parts_by_share(
        self, model: CapacitanceModel, designs: Designs
    ) -> None:
        """Of two contexts with a quarter and three quarters of a pair, the larger counts thrice."""
        design = designs[0]
        number = torch.bincount(design.occurrence_pair, minlength=design.pair_rows)
        pair = int((number > 1).nonzero()[0])
        own = design.occurrence_context[design.occurrence_pair == pair]
        assert (design.context_count[design.occurrence_pair == pair] == 1).all()
        with torch.no_grad():
            outputs = model.contexts(design, model.embed(design))
        outputs.weight[own] = -20.0
        outputs.weight[own[:2]] = torch.tensor([1.0, 3.0]).log()
        outputs.weight_doubt[own[:2]] = torch.tensor([0.4, 0.8])
        found = model.coupling(design, outputs).doubt
        assert float(found[pair]) == pytest.approx(0.25 * 0.4 + 0.75 * 0.8, rel=1e-4)
        key = design.context_exact[own[1:2]].numpy()
        nothing = np.zeros(0, np.int64), np.zeros(0, np.float32)
        known = np.full(1, math.log(3.0), np.float32)
        model.coupling_memory = ContextMemory.from_arrays(key, known, *nothing, salt=1)
        found = model.coupling(design, outputs).doubt  # what is remembered is not doubted
        assert float(found[pair]) == pytest.approx(0.25 * 0.4, rel=1e-4)

    def test_equal_on_classes_and_on_all_rows(self, model: CapacitanceModel, designs: Designs) -> None:
        rows, classes = designs
        assert len(classes.net_features) < len(rows.net_features)
        for name, described, columns in (
            ("coupling_trees", coupling_tree_inputs(rows), COUPLING_TREE_INPUTS),
            ("load_trees", load_tree_inputs(rows), LOAD_TREE_INPUTS),
        ):
            assert described.shape[1] == columns
            # distinct rows, so that thresholds stand between what the design has
            inputs = np.unique(described.numpy(), axis=0)
            trees = ContributionTrees()
            for member in range(2):
                trees = trees.joined(tensor_trees(grown(inputs, member), member))
            trees.check(columns)
            setattr(model, name, trees)
        flat, quotient = (outputs_of(model, design) for design in designs)
        assert (flat["coupling doubt"] > 0).any()
        assert len(flat["coupling"].unique()) > 3
        for name, value in flat.items():
            torch.testing.assert_close(quotient[name], value, rtol=1e-4, atol=1e-4)

    def test_inputs_are_the_same_for_both_orders_of_two_nets(self, designs: Designs) -> None:
        design = designs[0]
        described = coupling_tree_inputs(design)
        design.context_side[:] = design.context_side.flip(1)
        try:
            assert torch.equal(coupling_tree_inputs(design), described)
        finally:
            design.context_side[:] = design.context_side.flip(1)
        assert torch.equal(coupling_tree_inputs(design, slice(3, 7)), described[3:7])
