"""Nets whose labels fit another net better: swapped names.

After the idea of confident learning (Northcutt et al., JAIR 2021): labels are judged by predictions of models
that have not seen them. What a net should couple to is learned on net-disjoint folds from where nets meet.
A net's label is its row of capacitances, to every other net and to ground. A row that is far from its
prediction, beyond what rows of its technology usually are, is suspect; two suspects that both fit much better
with each other's row are swapped.

Distances are taken between square roots of capacitances, half a squared Hellinger distance in form, so that
neither the largest nor the many small capacitances decide alone: 0 for equal rows, 1 for disjoint ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from circuitgcl.data.designs import Design
from circuitgcl.graph.contexts import terminal_rows
from circuitgcl.graph.feature_schema import ADJACENCY_FEATURES, PAIR_FEATURES, PLACEMENT_FEATURES

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FOLDS = 3
MIN_NETS = 40  # a technology with fewer labelled nets teaches too little
MIN_GROUP = 3  # rows of one content in training, from which on their median is believed
MAX_TRAINING_ROWS = 60_000
MIN_ALIKE = 5  # nets of one part, from which on they tell what is usual among them
MIN_EXCESS = 0.04  # of a row's distance over the usual one, before it is odd
NOISE_FACTOR = 5.0  # odd rows exceed the usual distance by this many typical deviations
MIN_IMPROVEMENT = 0.7  # share of the excess that vanishes with the rows swapped
DISAGREEMENT = 0.8  # excess from which on a row is reported even without a partner
MAX_SUSPECTS = 500  # of one design, the oddest first; a design with more has another fault
MIN_TOTAL_FARAD = 1e-16  # of such a row
FEMTO = 1e-15

# with what stands beside what in a cell, and how near, trees tell twin cells apart and see swaps where there
# are none
_BY_DEVICES = frozenset({*ADJACENCY_FEATURES, *PLACEMENT_FEATURES})
_KEPT = [place for place, feature in enumerate(PAIR_FEATURES) if feature not in _BY_DEVICES]


@dataclass(frozen=True, kw_only=True)
class LabelRows:
    """Labels of one design with N nets and P places where two of them may couple, ready to be judged."""

    name: str
    labelled: NDArray[np.bool_]  # [N]
    pair: IntArray  # [P, 2] candidate and coupled pairs of labelled nets
    is_candidate: NDArray[np.bool_]  # [P] nothing is expected of the others: only what couples is among them
    root_ff: FloatArray  # [P] square root of the coupling in femtofarad
    pair_features: NDArray[np.float32]  # [P, F]
    pair_content: NDArray[np.uint64]  # [P] equal where nothing tells two pairs apart
    load_root_ff: FloatArray  # [N]
    net_features: NDArray[np.float32]  # [N, G]
    net_content: NDArray[np.uint64]  # [N]
    net_part: NDArray[np.uint64]  # [N] equal where nets play the same part, whatever the sizes and numbers

    @classmethod
    def of(cls, design: Design) -> LabelRows:
        """Rows of a labelled design."""
        graph, labels = design.graph, design.labels
        assert labels is not None
        nets, contexts = graph.circuit.net_count, graph.contexts
        labelled = np.isfinite(labels.load_farad)
        code = contexts.pair[:, 0].astype(np.int64) * nets + contexts.pair[:, 1]
        coupled = labels.pair[:, 0].astype(np.int64) * nets + labels.pair[:, 1]
        every = np.union1d(code, coupled)
        pair = np.stack([every // nets, every % nets], axis=1)
        farad = np.zeros(len(every))
        farad[np.searchsorted(every, coupled)] = labels.coupling_farad
        features = np.zeros((len(every), len(_KEPT) + 1), np.float32)
        content = np.zeros(len(every), np.uint64)
        at = np.searchsorted(every, code)[contexts.occurrence_pair]
        np.add.at(features[:, :-1], at, graph.pair_features[:, _KEPT][contexts.occurrence_context])
        np.add.at(features[:, -1], at, 1)
        np.add.at(content, at, contexts.key_exact[contexts.occurrence_context])
        kept = labelled[pair].all(axis=1)
        ends = np.sort(graph.net_features[pair], axis=1)
        features = np.concatenate([features, ends[:, 0], ends[:, 1]], axis=1)
        net_content, net_part = np.zeros((2, nets), np.uint64)
        rows = terminal_rows(graph.circuit, graph.terminals)
        np.add.at(net_content, graph.circuit.terminal_net, graph.terminals.key_exact[rows])
        np.add.at(net_part, graph.circuit.terminal_net, graph.terminals.key_structural[rows])
        return cls(
            name=design.files.name,
            labelled=labelled,
            pair=pair[kept],
            is_candidate=features[kept, len(_KEPT)] > 0,
            root_ff=np.sqrt(np.maximum(farad[kept], 0) / FEMTO),
            pair_features=features[kept],
            pair_content=content[kept],
            load_root_ff=np.sqrt(np.maximum(np.nan_to_num(labels.load_farad), 0) / FEMTO),
            net_features=graph.net_features,
            net_content=net_content,
            net_part=net_part,
        )


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A net whose labels are not its own."""

    design: int  # position among the designs given
    net: int
    partner: int  # whose row it seems to have, and the other way round; -1 when nobody's
    distance: float  # of its row from its prediction, 0 … 1
    distance_swapped: float  # of the partner's row; equal to `distance` without one


def find_suspects(designs: Sequence[LabelRows], *, seed: int = 0) -> list[Suspect]:
    """Nets with labels of another net, judged against all designs of one technology together.

    Args:
        designs: designs of one technology.
        seed: chooses the folds.

    Returns:
        Suspects by design; both nets of a swap. None when there are fewer than `MIN_NETS` labelled nets.
    """
    if sum(int(d.labelled.sum()) for d in designs) < MIN_NETS:
        return []
    generator = np.random.default_rng(seed)
    folds = [generator.integers(0, FOLDS, len(d.labelled)) for d in designs]
    predicted = _predictions(designs, folds)
    rows = [_Rows(d, *p) for d, p in zip(designs, predicted, strict=True)]
    usual, noise = _usual_distances(designs, rows)
    found: list[Suspect] = []
    for number, (design, row) in enumerate(zip(designs, rows, strict=True)):
        own_usual, own_noise = usual[number], noise[number]
        excess = np.maximum(row.distance - own_usual, 0.0)
        is_odd = design.labelled & (excess > np.maximum(MIN_EXCESS, NOISE_FACTOR * own_noise))
        odd = np.flatnonzero(is_odd)
        odd = odd[np.argsort(-excess[odd], kind="stable")][:MAX_SUSPECTS]
        found += _judged(number, odd, row, own_usual, design.labelled)
    return found


def _usual_distances(
    designs: Sequence[LabelRows], rows: Sequence[_Rows]
) -> tuple[list[FloatArray], list[FloatArray]]:
    """How far rows of nets like each net usually are from their predictions, and how much that varies.

    Nets like a net are those that play its part, wherever they are; all nets where there are too few.
    """
    labelled = np.concatenate([d.labelled for d in designs])
    distance = np.concatenate([r.distance for r in rows])
    part = np.unique(np.concatenate([d.net_part for d in designs]), return_inverse=True)[1].ravel()
    every = np.flatnonzero(labelled)
    usual = np.full(len(labelled), np.median(distance[every]))
    noise = np.full(len(labelled), 1.4826 * np.median(np.abs(distance[every] - usual[every])))
    group = _Table(features=np.zeros((0, 0), np.float32), content=part.astype(np.int64), target=distance)
    medians, counts = group.medians(every)
    alike = (counts >= MIN_ALIKE)[part]
    usual[alike] = medians[part[alike]]
    spread = _Table(features=group.features, content=group.content, target=np.abs(distance - usual))
    noise[alike] = 1.4826 * spread.medians(every)[0][part[alike]]
    cuts = np.cumsum([len(d.labelled) for d in designs])[:-1]
    return np.split(usual, cuts), np.split(noise, cuts)


class _Rows:
    """Observed and predicted rows of a design's nets: square roots, the load in the last column."""

    def __init__(self, design: LabelRows, pair_root: FloatArray, load_root: FloatArray) -> None:
        nets = len(design.labelled)
        a, b = design.pair.T
        ends = np.concatenate([a, b, np.arange(nets)]), np.concatenate([b, a, np.full(nets, nets)])
        shape = (nets, nets + 1)
        observed = np.concatenate([design.root_ff, design.root_ff, design.load_root_ff])
        expected = np.concatenate([pair_root.T.ravel(), load_root])
        self.observed = scipy.sparse.csr_matrix((observed, ends), shape=shape)
        self.expected = scipy.sparse.csr_matrix((expected, ends), shape=shape)
        self.between = self.observed.multiply(self.expected).tocsr()
        self.observed_size = _summed(self.observed.multiply(self.observed))
        self.expected_size = _summed(self.expected.multiply(self.expected))
        self.distance = _distances(_summed(self.between), self.observed_size, self.expected_size)

    def distances_from(self, nets: IntArray) -> tuple[FloatArray, FloatArray]:
        """[X, N] distances after a swap of each of X nets with every net.

        Returns:
            Of the net's prediction from the other one's row, and of the other one's prediction from its row.
        """
        count = self.expected.shape[0]
        # what two nets have between them stays between them
        between = self.between[nets][:, :count], self.between[:, nets].T
        there = np.asarray((self.expected[nets] @ self.observed.T + between[0]).todense())
        back = np.asarray((self.observed[nets] @ self.expected.T + between[1]).todense())
        return (
            _distances(there, self.observed_size[None, :], self.expected_size[nets][:, None]),
            _distances(back, self.observed_size[nets][:, None], self.expected_size[None, :]),
        )


def _summed(matrix: Any) -> FloatArray:
    """Sums of the rows of a sparse matrix."""
    return np.asarray(matrix.sum(axis=1)).ravel()


def _distances(agreement: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    total = np.broadcast_to(a + b, agreement.shape)
    return np.where(total > 0, 1 - 2 * agreement / np.where(total > 0, total, 1), 0.0)


def _judged(
    design: int, odd: IntArray, rows: _Rows, usual: FloatArray, labelled: NDArray[np.bool_]
) -> list[Suspect]:
    """Which of the odd nets have their row from where, each net in one swap at most."""
    there, back = rows.distances_from(odd)
    before_own = np.maximum(rows.distance - usual, 0.0)[odd][:, None]
    before = before_own + np.maximum(rows.distance - usual, 0.0)[None, :]
    after_own = np.maximum(there - usual[odd][:, None], 0.0)
    after = after_own + np.maximum(back - usual[None, :], 0.0)
    fits = (after < (1 - MIN_IMPROVEMENT) * before) & (after_own < (1 - MIN_IMPROVEMENT) * before_own)
    gain = np.where(fits & labelled[None, :], before - after, 0.0)
    found: list[Suspect] = []
    taken: set[int] = set()
    rank = np.argsort(-gain, axis=None)[: 4 * len(odd)]
    for place, other in zip(*np.unravel_index(rank, gain.shape), strict=True):
        net, partner = int(odd[place]), int(other)
        if gain[place, other] <= 0 or net in taken or partner in taken:
            continue
        taken |= {net, partner}
        for own, mate, swapped in ((net, partner, there), (partner, net, back)):
            found.append(
                Suspect(
                    design=design,
                    net=own,
                    partner=mate,
                    distance=float(rows.distance[own]),
                    distance_swapped=float(swapped[place, other]),
                )
            )
    for net in odd.tolist():
        distance = float(rows.distance[net])
        is_large = rows.observed_size[net] > MIN_TOTAL_FARAD / FEMTO
        if net not in taken and distance - usual[net] > DISAGREEMENT and is_large:
            found.append(
                Suspect(design=design, net=net, partner=-1, distance=distance, distance_swapped=distance)
            )
    return found


def _predictions(
    designs: Sequence[LabelRows], folds: Sequence[IntArray]
) -> list[tuple[FloatArray, FloatArray]]:
    """Out-of-fold predictions of every design: [P, 2] of a pair seen from either end, and [N] of loads."""
    pair_fold = np.concatenate([fold[d.pair] for d, fold in zip(designs, folds, strict=True)])
    pair_table = _Table.of(
        np.concatenate([d.pair_features for d in designs]),
        np.concatenate([d.pair_content for d in designs]),
        np.concatenate([d.root_ff for d in designs]),
    )
    candidate = np.concatenate([d.is_candidate for d in designs])
    known = np.concatenate([d.labelled for d in designs])
    net_fold = np.concatenate(list(folds))
    net_table = _Table.of(
        np.concatenate([d.net_features for d in designs]),
        np.concatenate([d.net_content for d in designs]),
        np.concatenate([d.load_root_ff for d in designs]),
    )
    pairs, loads = np.zeros((len(pair_fold), 2)), np.zeros(len(net_fold))
    for fold in range(FOLDS):
        judged = pair_fold == fold
        rows = judged.any(axis=1)
        predicted = np.zeros(len(rows))
        predicted[rows & candidate] = pair_table.predicted(~rows & candidate, rows & candidate, fold)
        for end in (0, 1):
            pairs[judged[:, end], end] = predicted[judged[:, end]]
        of_fold = known & (net_fold == fold)
        loads[of_fold] = net_table.predicted(known & (net_fold != fold), of_fold, fold)
    pair_cuts = np.cumsum([len(d.pair) for d in designs])[:-1]
    net_cuts = np.cumsum([len(d.labelled) for d in designs])[:-1]
    return list(zip(np.split(pairs, pair_cuts), np.split(loads, net_cuts), strict=True))


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Rows to learn from: features, content, and the square root of a capacitance."""

    features: NDArray[np.float32]
    content: IntArray  # group of rows with the same content
    target: FloatArray

    @classmethod
    def of(cls, features: NDArray[np.float32], content: NDArray[np.uint64], target: FloatArray) -> _Table:
        groups = np.unique(content, return_inverse=True)[1].ravel()
        return cls(features=features, content=groups.astype(np.int64), target=target)

    def predicted(self, training: NDArray[np.bool_], judged: NDArray[np.bool_], seed: int) -> FloatArray:
        """Median of the training rows of the same content, else what boosted trees make of the features."""
        rows = np.flatnonzero(training)
        if not len(rows) or not judged.any():
            return np.zeros(int(judged.sum()))
        medians, counts = self.medians(rows)
        groups = self.content[judged]
        found: FloatArray = medians[groups]
        alone = counts[groups] < MIN_GROUP
        if alone.any():
            if len(rows) > MAX_TRAINING_ROWS:
                rows = np.random.default_rng(seed).choice(rows, MAX_TRAINING_ROWS, replace=False)
            trees = HistGradientBoostingRegressor(max_iter=80, early_stopping=False, random_state=seed)
            trees.fit(self.features[rows], self.target[rows])
            found[alone] = np.maximum(trees.predict(self.features[judged][alone]), 0.0)
        return found

    def medians(self, rows: IntArray) -> tuple[FloatArray, IntArray]:
        """Median target and number of the given rows by content."""
        order = rows[np.lexsort((self.target[rows], self.content[rows]))]
        counts = np.bincount(self.content[rows], minlength=int(self.content.max()) + 1)
        starts = np.cumsum(counts) - counts
        medians = np.full(len(counts), np.nan)
        there = counts > 0
        low, high = starts + (counts - 1) // 2, starts + counts // 2
        sorted_target = self.target[order]
        medians[there] = (sorted_target[low[there]] + sorted_target[high[there]]) / 2
        return medians, counts.astype(np.int64)
