r"""Few-label transfer: what an encoder's embeddings are worth when a design has only a few labelled pairs.

The couplings of one design are split into k labelled pairs and the rest. A small head is fitted on the k and
scored on the rest, on inputs that every pair of nets has without any encoder (`pair_inputs`), with or without
the embeddings of its two nets (`net_embeddings`, `symmetric_sides`). The head is kernel ridge regression on
the mean of one Gaussian kernel per block of inputs,

.. math:: k(x, x') = \frac1B \sum_b \exp\big(-\gamma \|x_b - x'_b\|^2 / F_b\big),

whose bandwidth γ and ridge α minimise the leave-one-out error on the k labels, in closed form (Allen's PRESS).
No memory of contexts is in play, so differences between encoders are differences between embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from circuitgcl.graph import CircuitGraph
from circuitgcl.graph.features import Float32Array
from circuitgcl.graph.pair_encodings import PairStructure
from circuitgcl.graph.quotient import quotient_graph, structural_colours
from circuitgcl.models.encoder import CircuitEncoder

FloatArray = NDArray[np.float64]
PairArray = NDArray[np.integer]

BANDWIDTHS = (0.03, 0.1, 0.3, 1.0, 3.0)  # γ; inputs are standardised, so 1 makes typical pairs differ by e^-2
RIDGES = tuple(10.0**power for power in np.arange(-4.0, 2.1, 0.5))  # α
MAX_LANDMARKS = 1000  # distinct training inputs the kernel expansion uses; exact below
CLIP = 5.0  # standard deviations
_RANK_TOLERANCE = 1e-9


def pair_inputs(graph: CircuitGraph, pair: PairArray) -> Float32Array:
    """What a pair of nets is without any encoder, [P, F], the same for both orders.

    Pair encodings, sum and difference of the net features, and over the contexts where the two nets meet:
    their number, the sums of the context descriptors, and the mean of sum and difference of the two
    terminals' features. A pair that meets nowhere has zeros there.

    Args:
        graph: the circuit graph.
        pair: [P, 2] flat nets.
    """
    pair = np.sort(np.asarray(pair, np.int64), axis=1)
    ends = symmetric_sides(graph.net_features, pair)
    return np.concatenate([PairStructure(graph).encode(pair), ends, _context_inputs(graph, pair)], axis=1)


def _context_inputs(graph: CircuitGraph, pair: NDArray[np.int64]) -> Float32Array:
    contexts, nets = graph.contexts, graph.circuit.net_count
    sides = np.stack([contexts.side_a, contexts.side_b], axis=1)
    terminals = symmetric_sides(graph.terminal_features, sides)
    occurs = sparse.csr_array(
        (np.ones(len(contexts.occurrence_pair)), (contexts.occurrence_pair, contexts.occurrence_context)),
        shape=(contexts.pair_count, len(sides)),
    )
    count = occurs.sum(axis=1)[:, None]
    columns = [np.log1p(count), np.log1p(occurs @ graph.pair_features), occurs @ terminals / count]
    table = np.concatenate(columns, axis=1).astype(np.float32)
    found = np.zeros((len(pair), table.shape[1]), np.float32)
    if len(table):
        code = contexts.pair[:, 0].astype(np.int64) * nets + contexts.pair[:, 1]  # ascending
        sought = pair[:, 0] * nets + pair[:, 1]
        row = np.minimum(np.searchsorted(code, sought), len(code) - 1)
        hit = code[row] == sought
        found[hit] = table[row[hit]]
    return found


@torch.inference_mode()
def net_embeddings(encoder: CircuitEncoder, graph: CircuitGraph) -> Float32Array:
    """Embeddings of all flat nets, [N, H], computed once per structural class."""
    circuit, rails, features = graph.circuit, graph.rails, graph.net_features
    colours = structural_colours(circuit, rails, features, encoder.config.layers)
    quotient = quotient_graph(circuit, rails, features, colours)
    embedding: Float32Array = encoder.eval()(quotient.to_hetero())["net"].numpy()
    return embedding[quotient.net_class]


def symmetric_sides(rows: Float32Array, pair: PairArray) -> Float32Array:
    """Sum and absolute difference of the rows of both sides, [P, 2F]."""
    a, b = rows[pair[:, 0]], rows[pair[:, 1]]
    return np.concatenate([a + b, np.abs(a - b)], axis=1)


@dataclass(frozen=True, kw_only=True)
class InputScale:
    """Mean and standard deviation of F inputs, fitted on training designs."""

    mean: Float32Array  # [F]
    deviation: Float32Array  # [F] 1 where the input never changes

    @classmethod
    def fit(cls, rows: Float32Array) -> InputScale:
        """Scale of [R, F] inputs."""
        deviation = rows.std(axis=0)
        return cls(mean=rows.mean(axis=0), deviation=np.where(deviation > 1e-6, deviation, 1.0))

    def __call__(self, rows: Float32Array) -> Float32Array:
        """Standardised inputs, no further than `CLIP` from the mean."""
        return ((rows - self.mean) / self.deviation).clip(-CLIP, CLIP)


class KernelHead:
    """Kernel ridge regression with an intercept on blocks of standardised inputs.

    Equal inputs are kept once with their count: designs repeat themselves, and the cost follows the number of
    distinct inputs, not that of labels.

    Args:
        bandwidths: candidates for γ.
        ridges: candidates for α.
        max_landmarks: distinct inputs the expansion uses at most; a Nyström approximation beyond.
    """

    def __init__(
        self,
        bandwidths: Sequence[float] = BANDWIDTHS,
        ridges: Sequence[float] = RIDGES,
        max_landmarks: int = MAX_LANDMARKS,
    ) -> None:
        self.bandwidths, self.ridges, self.max_landmarks = bandwidths, ridges, max_landmarks
        self.bandwidth = self.ridge = self.loo_error = np.nan
        self._landmarks: list[FloatArray] = []
        self._coefficients, self._intercept = np.zeros(0), 0.0

    def fit(self, blocks: Sequence[NDArray[np.floating]], target: FloatArray) -> KernelHead:
        """Fit on n labels; γ and α by leave-one-out error.

        Args:
            blocks: [n, F_b] each, standardised.
            target: [n].
        """
        distinct, row, count = _distinct(blocks)
        counts = count.astype(np.float64)
        mean = np.bincount(row, weights=target) / counts
        within = np.bincount(row, weights=(target - mean[row]) ** 2)
        chosen = np.random.default_rng(0).permutation(len(counts))[: self.max_landmarks]
        self._landmarks = [block[chosen] for block in distinct]
        best = np.inf
        for bandwidth in self.bandwidths:
            problem = _Problem.of(self._kernel(distinct, bandwidth), chosen, counts, mean)
            for ridge in self.ridges:
                error = problem.loo_error(ridge, within)
                if error < best:
                    best, self.bandwidth, self.ridge, self.loo_error = error, bandwidth, ridge, error
                    self._coefficients, self._intercept = problem.solution(ridge)
        return self

    def predict(self, blocks: Sequence[NDArray[np.floating]]) -> FloatArray:
        """Estimates, [P]."""
        distinct, row, _ = _distinct(blocks)
        values: FloatArray = self._kernel(distinct, self.bandwidth) @ self._coefficients + self._intercept
        return values[row]

    def _kernel(self, blocks: Sequence[FloatArray], bandwidth: float) -> FloatArray:
        parts = [
            np.exp(-bandwidth * _squared_distance(block, landmarks) / block.shape[1])
            for block, landmarks in zip(blocks, self._landmarks, strict=True)
        ]
        return sum(parts, np.zeros(())) / len(parts)


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """Ridge regression on the kernel's feature map in the coordinates that make its covariance diagonal."""

    coordinates: FloatArray  # [U, m] centred
    power: FloatArray  # [m] sum of squared coordinates over all labels
    moment: FloatArray  # [m] coordinates times targets over all labels
    counts: FloatArray  # [U] labels per distinct input
    mean: FloatArray  # [U] of their targets
    intercept: float  # mean of all targets
    basis: FloatArray  # [landmarks, m] kernel to coordinates
    centre: FloatArray  # [m]

    @classmethod
    def of(
        cls, kernel: FloatArray, chosen: NDArray[np.int64], counts: FloatArray, mean: FloatArray
    ) -> _Problem:
        value, vector = np.linalg.eigh(kernel[chosen])
        kept = value > _RANK_TOLERANCE * value[-1]
        basis = vector[:, kept] / np.sqrt(value[kept])
        features = kernel @ basis
        total = counts.sum()
        features_mean = counts @ features / total
        intercept = float(counts @ mean / total)
        centred = features - features_mean
        power, rotation = np.linalg.eigh(centred.T @ (counts[:, None] * centred))
        coordinates = centred @ rotation
        return cls(
            coordinates=coordinates,
            power=power.clip(min=0.0),
            moment=coordinates.T @ (counts * (mean - intercept)),
            counts=counts,
            mean=mean,
            intercept=intercept,
            basis=basis @ rotation,
            centre=features_mean @ rotation,
        )

    def loo_error(self, ridge: float, within: FloatArray) -> float:
        """Mean squared leave-one-out residual; `within` [U] are squared deviations from `mean` by input."""
        shrunken = 1.0 / (self.power + ridge)
        fitted = self.coordinates @ (shrunken * self.moment) + self.intercept
        leverage = 1.0 / self.counts.sum() + self.coordinates**2 @ shrunken
        squares = within + self.counts * (self.mean - fitted) ** 2
        return float((squares / np.maximum(1.0 - leverage, 1e-6) ** 2).sum() / self.counts.sum())

    def solution(self, ridge: float) -> tuple[FloatArray, float]:
        """Coefficients of the landmarks' kernels, and the intercept."""
        weights = self.moment / (self.power + ridge)
        return self.basis @ weights, self.intercept - float(self.centre @ weights)


def _distinct(
    blocks: Sequence[NDArray[np.floating]],
) -> tuple[list[FloatArray], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct joint rows of all blocks, the row of every input among them, and how often each occurs."""
    joined = np.concatenate([np.asarray(block, np.float32) for block in blocks], axis=1)
    raw = np.ascontiguousarray(joined + 0.0).view(np.dtype((np.void, joined.shape[1] * 4))).ravel()
    _, first, row, count = np.unique(raw, return_index=True, return_inverse=True, return_counts=True)
    return [np.asarray(block[first], np.float64) for block in blocks], row.ravel(), count


def _squared_distance(a: FloatArray, b: FloatArray) -> FloatArray:
    square: FloatArray = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * a @ b.T
    return square.clip(min=0.0)
