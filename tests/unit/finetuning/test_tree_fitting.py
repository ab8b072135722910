"""Growing trees: sums are told apart, copies teach nothing new, and what was learned before is built upon."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from circuitgcl.data import Design
from circuitgcl.data.tensors import DesignTensors, design_tensors
from circuitgcl.errors import ConfigError
from circuitgcl.finetuning import FinetuneConfig
from circuitgcl.finetuning.memory_fitting import MemoryEvidence
from circuitgcl.finetuning.training import Contributions, fit_contribution_trees
from circuitgcl.finetuning.tree_fitting import TreesConfig, fit_trees
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.contribution_trees import ContributionTrees
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.models.scaling import FLOOR_FF

Build = Callable[..., Design]
# every member sees all designs, trees may follow every row
CONFIG = TreesConfig(members=1, iterations=60, least_leaf=1, columns=1.0, designs=1.0)
KINDS = 24  # of contexts that the inputs tell apart


def law(inputs: Tensor) -> Tensor:
    """Natural logarithm of what a context of these inputs contributes, over three decades."""
    return 0.8 * inputs[:, 0] - 3.0 + 3.0 * (inputs[:, 1] > 1)


def kinds() -> Tensor:
    """All inputs there are, [KINDS, 2]."""
    return torch.cartesian_prod(torch.arange(6.0), torch.arange(4.0))


def design_of_sums(seed: int, sums: int = 200) -> tuple[MemoryEvidence, Tensor]:
    """Sums of one to three contexts of kinds drawn at random, each there once to five times."""
    draw = np.random.default_rng(seed)
    parts = draw.integers(1, 4, sums)
    item = torch.from_numpy(np.repeat(np.arange(sums), parts))
    inputs = kinds()[torch.from_numpy(draw.integers(KINDS, size=len(item)))]
    count = torch.from_numpy(draw.integers(1, 6, len(item))).float()
    truth = torch.zeros(sums).index_add(0, item, count * law(inputs).exp())
    rows = torch.arange(len(item))
    evidence = MemoryEvidence(
        network=torch.zeros(len(item)),
        exact=rows,
        structural=rows,
        occurrence_row=rows,
        occurrence_item=item,
        occurrence_count=count,
        target_ff=truth,
    )
    return evidence, inputs


def fitted(*designs: tuple[MemoryEvidence, Tensor], seed: int = 0, **options: Any) -> ContributionTrees:
    config = options.pop("config", CONFIG)
    return fit_trees([e for e, _ in designs], [i for _, i in designs], config, seed=seed, **options)


def assert_equal(one: ContributionTrees, other: ContributionTrees) -> None:
    for name, table in one.state_dict().items():
        assert torch.equal(table, other.state_dict()[name]), name


class TestSums:
    def test_single_contributions_are_recovered_from_sums(self) -> None:
        trees = fitted(design_of_sums(0), config=replace(CONFIG, rounds=8))
        error = trees(kinds())[:, 0] - law(kinds())
        assert error.abs().max() < 0.1
        assert error.abs().mean() < 0.02

    def test_rounds_tell_the_parts_of_a_sum_apart(self) -> None:
        """In the first round every part is asked for as much; the further ones find who owes it."""
        errors = [
            float((fitted(design_of_sums(0), config=config)(kinds())[:, 0] - law(kinds())).abs().mean())
            for config in (replace(CONFIG, rounds=rounds) for rounds in (1, 2, 4))
        ]
        assert errors[0] > 0.3
        assert errors[1] < 0.5 * errors[0]
        assert errors[2] < 0.5 * errors[1]

    def test_a_single_context_is_its_label_at_once(self) -> None:
        evidence, inputs = design_of_sums(1)
        alone = torch.bincount(evidence.occurrence_item)[evidence.occurrence_item] == 1
        target = torch.where(torch.bincount(evidence.occurrence_item) == 1, evidence.target_ff, torch.nan)
        trees = fitted((replace(evidence, target_ff=target), inputs), config=replace(CONFIG, rounds=1))
        error = trees(inputs[alone])[:, 0] - law(inputs[alone])
        assert error.abs().max() < 0.02

    def test_unknown_labels_and_those_below_the_floor_say_nothing(self) -> None:
        evidence, inputs = design_of_sums(2)
        nothing = torch.arange(200) % 4
        target = evidence.target_ff.clone()
        target[nothing == 1], target[nothing == 2] = torch.nan, 0.5 * FLOOR_FF
        told = ~torch.isin(nothing, torch.tensor([1, 2]))
        keep = told[evidence.occurrence_item]
        less = replace(
            evidence,
            network=evidence.network[keep],
            exact=evidence.exact[keep],
            structural=evidence.structural[keep],
            occurrence_row=torch.arange(int(keep.sum())),
            occurrence_item=evidence.occurrence_item[keep],
            occurrence_count=evidence.occurrence_count[keep],
        )
        silent = replace(evidence, target_ff=target)
        rest = torch.where(told, target, torch.nan)
        one = fitted((silent, inputs))
        assert_equal(one, fitted((replace(less, target_ff=rest), inputs[keep])))

    def test_labels_of_one_sum_are_as_many_sums(self) -> None:
        """On structural classes a sum stands for several, whose labels need not be equal."""
        evidence, inputs = design_of_sums(3, sums=60)
        spread = torch.tensor([0.5, 1.0, 2.0])
        classes = replace(
            evidence,
            target_ff=(evidence.target_ff[:, None] * spread).ravel(),
            label_item=torch.arange(60).repeat_interleave(3),
        )
        every = [(replace(evidence, target_ff=evidence.target_ff * factor), inputs) for factor in spread]
        one, other = fitted((classes, inputs)), fitted(*every)
        torch.testing.assert_close(one(kinds()), other(kinds()), rtol=0.0, atol=1e-3)

    def test_copies_of_designs_change_nothing(self) -> None:
        designs = [design_of_sums(seed, sums=60) for seed in (4, 5)]
        one, other = fitted(*designs), fitted(*designs, *designs, *designs)
        torch.testing.assert_close(one(kinds()), other(kinds()), rtol=0.0, atol=1e-3)

    def test_the_order_of_designs_changes_nothing(self) -> None:
        designs = [design_of_sums(seed, sums=60) for seed in (4, 5)]
        one, other = fitted(*designs), fitted(*reversed(designs))
        torch.testing.assert_close(one(kinds()), other(kinds()), rtol=0.0, atol=1e-3)

    def test_trees_add_to_where_rows_start(self) -> None:
        evidence, inputs = design_of_sums(6)
        higher = fitted((replace(evidence, network=evidence.network + 0.7), inputs))
        lower = fitted((evidence, inputs))
        torch.testing.assert_close(higher(kinds()) + 0.7, lower(kinds()), rtol=0.0, atol=0.02)


class TestMembers:
    def test_each_sees_designs_of_its_own(self) -> None:
        config = replace(CONFIG, members=3, designs=0.5)
        trees = fitted(*(design_of_sums(seed, sums=60) for seed in range(6)), config=config)
        assert trees.members == 3
        assert torch.bincount(trees.member).tolist() == [61, 61, 61]  # and one that all start from
        said = trees(kinds())
        assert (said.std(dim=1) > 0).any()
        assert (said.mean(dim=1) - law(kinds())).abs().mean() < 0.1

    def test_they_doubt_where_designs_disagree(self) -> None:
        """Kinds of the upper half contribute up to four times as much in one design as in another."""
        designs, upper = [], kinds()[:, 0] > 2
        for seed in range(6):
            evidence, inputs = design_of_sums(seed, sums=100)
            share = evidence.occurrence_count * law(inputs).exp()
            share = torch.where(inputs[:, 0] > 2, share * 4.0 ** (seed % 2), share)
            target = torch.zeros(100).index_add(0, evidence.occurrence_item, share)
            designs.append((replace(evidence, target_ff=target), inputs))
        trees = fitted(*designs, config=replace(CONFIG, members=6, designs=0.5, iterations=40))
        doubt = trees(kinds()).std(dim=1, correction=0)
        assert doubt[upper].mean() > 2.0 * doubt[~upper].mean()

    def test_same_seed_same_trees(self) -> None:
        designs = [design_of_sums(seed, sums=60) for seed in range(4)]
        config = replace(CONFIG, members=2, designs=0.5, columns=0.5)
        one, two, three = (fitted(*designs, seed=seed, config=config) for seed in (1, 1, 7))
        assert_equal(one, two)
        assert not torch.equal(one(kinds()), three(kinds()))

    def test_without_a_label_there_is_no_tree(self) -> None:
        evidence, inputs = design_of_sums(0)
        for target in (evidence.target_ff * 0.0, torch.full_like(evidence.target_ff, torch.nan)):
            assert fitted((replace(evidence, target_ff=target), inputs)).is_empty

    def test_one_that_sees_no_label_is_left_out(self) -> None:
        """It would say a femtofarad of everything, and the mean of all would believe it."""
        evidence, inputs = design_of_sums(0)
        silent = replace(evidence, target_ff=torch.full_like(evidence.target_ff, torch.nan))
        config = replace(CONFIG, members=6, designs=0.5)
        trees = fitted((silent, inputs), (evidence, inputs), config=config)
        assert 1 <= trees.members < 6
        assert set(trees.member.tolist()) == set(range(trees.members))
        assert (trees(kinds()) - law(kinds())[:, None]).abs().mean() < 0.05


class TestAddingToOlder:
    @pytest.fixture
    def older(self) -> ContributionTrees:
        return fitted(design_of_sums(0), config=replace(CONFIG, members=2))

    def test_they_stay_and_the_new_ones_add_the_difference(self, older: ContributionTrees) -> None:
        evidence, inputs = design_of_sums(1)
        doubled = replace(evidence, target_ff=2.0 * evidence.target_ff)
        config = replace(CONFIG, members=7, iterations=20)
        trees = fitted((doubled, inputs), older=older, config=config)
        assert trees.members == older.members == 2
        for name, table in older.state_dict().items():
            assert torch.equal(trees.state_dict()[name][: len(table)], table), name
        assert len(trees.root) == len(older.root) + 2 * 21
        trees.check(2)
        gained = trees(kinds()) - older(kinds())
        assert (gained - math.log(2.0)).abs().mean() < 0.05

    def test_without_a_label_they_are_all(self, older: ContributionTrees) -> None:
        evidence, inputs = design_of_sums(1)
        silent = replace(evidence, target_ff=0.0 * evidence.target_ff)
        assert_equal(fitted((silent, inputs), older=older), older)


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "value", "expected"),
        [
            *((name, 0, "at least 1") for name in ("members", "rounds", "iterations", "least_leaf")),
            ("leaves", 1, "at least 2"),
            *((name, 0.0, r"\(0, 1\]") for name in ("learning_rate", "columns", "designs")),
            *((name, 1.5, r"\(0, 1\]") for name in ("learning_rate", "columns", "designs")),
            ("columns", math.nan, r"\(0, 1\]"),
        ],
    )
    def test_refused(self, setting: str, value: float, expected: str) -> None:
        with pytest.raises(ConfigError, match=f"{setting} = {value:g} of the trees; expected {expected}"):
            TreesConfig(**{setting: value})

    def test_trees_are_the_default(self) -> None:
        assert FinetuneConfig().contributions is Contributions.TREES


# --- of a capacitance model ---


@pytest.fixture
def tensors(array: Build) -> list[DesignTensors]:
    return [design_tensors(d.graph, d.labels) for d in (array(3, 3), array(4, 2))]


def new_model() -> CapacitanceModel:
    torch.manual_seed(0)
    return CapacitanceModel(ModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=16)).eval()


SMALL = TreesConfig(members=2, rounds=2, iterations=15, designs=1.0)


def estimates(model: CapacitanceModel, design: DesignTensors) -> tuple[Tensor, Tensor]:
    """Coupling of the candidate pairs and load of the nets."""
    with torch.no_grad():
        embedding = model.embed(design)
        outputs = model.contexts(design, embedding)
        coupling = model.coupling(design, outputs).farad_log
        return coupling, model.load(design, embedding, outputs).farad_log


class TestInAModel:
    def test_labels_are_met_better(self, tensors: list[DesignTensors]) -> None:
        model, design = new_model(), tensors[0]
        assert design.labels is not None
        errors = []
        for _ in range(2):
            found = estimates(model, design)
            truth = design.labels.candidate_ff, design.labels.load_ff
            gaps = [f - t.log() for f, t in zip(found, truth, strict=True)]
            errors.append([float(gap[t > 0.01].abs().mean()) for gap, t in zip(gaps, truth, strict=True)])
            fit_contribution_trees(model, tensors, SMALL, seed=0)
        assert errors[1][0] < 0.7 * errors[0][0]
        assert errors[1][1] < 0.7 * errors[0][1]

    @pytest.mark.parametrize("is_relative", [False, True])
    def test_what_a_calibration_added_is_not_learned_again(
        self, tensors: list[DesignTensors], is_relative: bool
    ) -> None:
        """A calibrated model whose training goes on is no further off by its calibration."""
        found = []
        for offset in (0.0, 1.5):
            model = new_model()
            model.config = replace(model.config, is_relative=is_relative)
            model.adjustment.offset.fill_(offset)
            model.adjustment.load.fill_(offset)
            fit_contribution_trees(model, tensors, SMALL, seed=0)
            found.append(estimates(model, tensors[0]))
        for one, other in zip(*found, strict=True):
            assert (one - other).abs().mean() < 0.05


def test_what_is_given_is_not_asked_of_the_rows() -> None:
    """A sum of 3 fF of which 1 fF is known from elsewhere asks its one row for 2 fF."""
    rows = 60
    evidence = MemoryEvidence(
        network=torch.zeros(rows),
        exact=torch.arange(rows),
        structural=torch.arange(rows),
        occurrence_row=torch.arange(rows),
        occurrence_item=torch.arange(rows),
        target_ff=torch.full((rows,), 3.0),
        given=torch.ones(rows),
    )
    inputs = torch.rand(rows, 2)
    config = TreesConfig(members=1, rounds=8, iterations=50)
    trees = fit_trees([evidence], [inputs], config, seed=0)
    torch.testing.assert_close(trees(inputs)[:, 0].exp(), torch.full((rows,), 2.0), rtol=1e-2, atol=0.0)
