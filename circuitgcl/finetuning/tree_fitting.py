r"""Growing boosted trees that estimate contributions of which only sums are labelled.

A label tells the sum :math:`C = \sum_k n_k e^{w_k}` of several contexts. As in expectation-maximisation two
steps take turns: what a label asks beyond the present sum, :math:`\log C - \log\sum_k n_k e^{w_k}`, is asked
of each of its contexts, to the weight of the share it has in the sum; then trees learn the asked logarithms
from what describes the contexts. A pair of one context asks for its own capacitance at once; a bit line asks
its many contexts for what other pairs have not explained.

The trees are gradient boosting on histograms (Ke et al., NeurIPS 2017) as scikit-learn has it. Each member
sees a part of the designs, drawn by its seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor

from circuitgcl.errors import ConfigError
from circuitgcl.finetuning.memory_fitting import MemoryEvidence, labelled_sums
from circuitgcl.finetuning.offset_fitting import LabelledSums
from circuitgcl.graph.hashing import distinct_rows
from circuitgcl.models.contribution_trees import ContributionTrees
from circuitgcl.models.scaling import FLOOR_FF

LEAST_SHARE = 1e-6  # of a label; a context that has less is told nothing by it


@dataclass(frozen=True, kw_only=True)
class TreesConfig:
    """Settings of the trees."""

    members: int = 5
    rounds: int = 4  # in which labels are shared out and trees grown anew
    iterations: int = 100  # trees of a member
    learning_rate: float = 0.1
    leaves: int = 31
    least_leaf: int = 10  # distinct rows of a leaf
    columns: float = 0.5  # share of the inputs, drawn for every node, that it may split by
    designs: float = 0.8  # share of the designs, drawn for every member, that it sees

    def __post_init__(self) -> None:
        """Refuse settings no trees can be grown with.

        Raises:
            ConfigError: a count below one, or a share outside (0, 1].
        """
        for name in ("members", "rounds", "iterations", "least_leaf"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)} of the trees; expected at least 1")
        if self.leaves < 2:
            raise ConfigError(f"leaves = {self.leaves} of the trees; expected at least 2")
        for name in ("learning_rate", "columns", "designs"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"{name} = {getattr(self, name):g} of the trees; expected (0, 1]")


def fit_trees(
    evidence: Sequence[MemoryEvidence],
    inputs: Sequence[Tensor],
    config: TreesConfig,
    *,
    seed: int,
    guess: Sequence[Tensor] | None = None,
    older: ContributionTrees | None = None,
) -> ContributionTrees:
    """Trees of all members; empty where no label is above the floor.

    A member whose designs have no such label adds nothing to the older trees; where there are none, it is
    left out, as it would say the same of everything.

    Args:
        evidence: labelled sums, one entry per design; what `network` says is where every row starts from.
        inputs: [R, F] description of the rows of each design.
        config: settings.
        seed: of the first member.
        guess: [R] logarithms to begin with; of contexts that always occur together, those guessed larger are
            given more of what is asked of them. Equal when absent.
        older: trees to add to, as of a model whose training goes on; as many members as these have.
    """
    older = ContributionTrees() if older is None else older
    grown = ContributionTrees()
    for number in range(older.members or config.members):
        drawn = _drawn(len(evidence), config.designs, seed + number)
        rows = torch.cat([inputs[place] for place in drawn])
        sums = labelled_sums([evidence[place] for place in drawn])
        base = sums.base if older.is_empty else sums.base + older(rows)[:, number]
        first = torch.zeros_like(base) if guess is None else torch.cat([guess[place] for place in drawn])
        member = _member(sums, base, first, rows.numpy(), config, seed + number)
        if member is not None:
            grown = grown.joined(tensor_trees(member, grown.members if older.is_empty else number))
    return older.joined(grown)


def _drawn(designs: int, share: float, seed: int) -> NDArray[np.int64]:
    size = max(1, round(share * designs))
    return np.sort(np.random.default_rng(seed).choice(designs, size, replace=False))


def _member(
    sums: LabelledSums,
    base: Tensor,
    guess: Tensor,
    inputs: NDArray[np.float32],
    config: TreesConfig,
    seed: int,
) -> HistGradientBoostingRegressor | None:
    """Trees that add to `base` [R] what the labels ask for; equal rows are one, weighted."""
    present = sums.truth > FLOOR_FF
    labels = torch.bincount(sums.label_sum[present], minlength=sums.sums).double()
    asked = torch.zeros(sums.sums, dtype=torch.double)
    asked = asked.index_add(0, sums.label_sum[present], torch.log(sums.truth[present]).double())
    asked = asked / labels.clamp(min=1.0)
    first, number_of = distinct_rows(inputs)
    distinct, group = inputs[first], torch.from_numpy(number_of)
    added, grown = guess.double(), None
    for number in range(config.rounds):
        value = (base + added)[sums.row].double()
        part = sums.count * value.exp()
        total = sums.given.double().index_add(0, sums.sum, part)[sums.sum]
        weight = labels[sums.sum] * part / total
        target = added[sums.row] + asked[sums.sum] - torch.log(total)
        mass, mean = _means(group[sums.row], weight, target, len(distinct))
        told = mass > LEAST_SHARE
        if not told.any():
            return None
        options: dict[str, Any] = {"random_state": seed * config.rounds + number, "early_stopping": False}
        grown = HistGradientBoostingRegressor(
            max_iter=config.iterations,
            learning_rate=config.learning_rate,
            max_leaf_nodes=config.leaves,
            min_samples_leaf=config.least_leaf,
            max_features=config.columns,
            **options,
        ).fit(distinct[told], mean[told], mass[told])
        added = torch.from_numpy(grown.predict(distinct))[group]
    return grown


def _means(
    group: Tensor, weight: Tensor, value: Tensor, groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Summed weight and weighted mean of every group, [groups] each."""
    mass = torch.zeros(groups, dtype=torch.double).index_add(0, group, weight)
    total = torch.zeros(groups, dtype=torch.double).index_add(0, group, weight * value)
    return mass.numpy(), (total / mass.clamp(min=1e-30)).numpy()


def tensor_trees(grown: HistGradientBoostingRegressor, member: int) -> ContributionTrees:
    """The trees of a fitted regressor as tensors; what it starts from is a tree of one leaf.

    scikit-learn keeps its nodes in `_predictors`, which it does not promise to keep; a test compares.
    Thresholds are rounded down, since single-precision inputs lie below a bound just where they lie below the
    single-precision number under it.
    """
    tables = [predictors[0].nodes for predictors in grown._predictors]
    start = np.cumsum([1, *(len(table) for table in tables)])
    found = ContributionTrees()
    nodes = np.concatenate(tables)
    first = np.repeat(start[:-1], [len(table) for table in tables])
    own = 1 + np.arange(len(nodes))
    is_leaf = nodes["is_leaf"].astype(bool)
    bound = np.where(is_leaf, 0.0, nodes["num_threshold"])
    threshold = bound.astype(np.float32)
    threshold = np.where(threshold > bound, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    below = np.where(is_leaf, own, first + nodes["left"])
    above = np.where(is_leaf, own, first + nodes["right"])
    column = np.where(is_leaf, 0, nodes["feature_idx"])
    value = np.where(is_leaf, nodes["value"], 0.0)
    for name, head, table in (
        ("column", 0, column),
        ("threshold", 0.0, threshold),
        ("below", 0, below),
        ("above", 0, above),
        ("value", float(np.ravel(grown._baseline_prediction)[0]), value),
    ):
        kind = getattr(found, name).dtype
        setattr(found, name, torch.from_numpy(np.concatenate([[head], table])).to(kind))
    found.root = torch.from_numpy(np.concatenate([[0], start[:-1]]).astype(np.int32))
    found.member = torch.full((len(tables) + 1,), member, dtype=torch.int32)
    return found
