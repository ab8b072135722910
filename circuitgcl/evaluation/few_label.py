r"""Few-label transfer: what an encoder's embeddings are worth when a design has only a few labelled pairs.

The couplings of one design are split into k labelled pairs and the rest. A small head is fitted on the k and
scored on the rest, on inputs that every pair of nets has without any encoder (`pair_inputs`), with or without
the embeddings of its two nets (`TransferPairs.embeddings`). The head is kernel ridge regression on
the mean of one Gaussian kernel per block of inputs,

.. math:: k(x, x') = \frac1B \sum_b \exp\big(-\gamma \|x_b - x'_b\|^2 / F_b\big),

whose bandwidth γ and ridge α minimise the leave-one-out error on the k labels, in closed form
(Allen's PRESS). No memory of contexts is in play, so differences between encoders are differences between
embeddings.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch_geometric.data import Batch, HeteroData

from circuitgcl.graph import CircuitGraph
from circuitgcl.graph.features import Float32Array
from circuitgcl.graph.pair_encodings import PairStructure
from circuitgcl.graph.quotient import quotient_graph, structural_colours
from circuitgcl.models.encoder import CircuitEncoder

FloatArray = NDArray[np.float64]
PairArray = NDArray[np.integer]

EXACT_LAYERS = 6  # classes are exact for encoders of up to as many layers
BANDWIDTHS = (
    0.5,
    1.0,
    2.0,
)  # γ; inputs are standardised, so 1 makes pairs of typical distance differ by e^-2
RIDGES = tuple(10.0**power for power in np.arange(-4.0, 2.1, 0.5))  # α
MAX_LANDMARKS = 512  # distinct training inputs the kernel expansion uses; exact below
CLIP = 5.0  # standard deviations
HELD_OUT = 5  # one label in so many chooses the number of steps of `EndToEndHead`
STEPS_BETWEEN_LOOKS = 10
PATIENCE = 3  # looks without a smaller error on the labels held out
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
    ordered = np.sort(np.asarray(pair, np.int64), axis=1)
    ends = symmetric_sides(graph.net_features, ordered)
    encoded = PairStructure(graph).encode(ordered)
    return np.concatenate([encoded, ends, _context_inputs(graph, ordered)], axis=1)


def _context_inputs(graph: CircuitGraph, pair: NDArray[np.int64]) -> Float32Array:
    contexts, nets = graph.contexts, graph.circuit.net_count
    sides = np.stack([contexts.side_a, contexts.side_b], axis=1)
    terminals = symmetric_sides(graph.terminal_features, sides)
    occurs = sparse.csr_array(
        (np.ones(len(contexts.occurrence_pair)), (contexts.occurrence_pair, contexts.occurrence_context)),
        shape=(contexts.pair_count, len(sides)),
    )
    count = np.bincount(contexts.occurrence_pair, minlength=contexts.pair_count)[:, None]
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


@dataclass(frozen=True, kw_only=True)
class TransferPairs:
    """Pairs of nets of one or several circuits, and the circuits' structural classes for an encoder."""

    nodes: HeteroData  # quotients of all circuits side by side
    net_row: NDArray[np.int64]  # [P, 2] rows of `nodes["net"]`
    inputs: Float32Array  # [P, F] `pair_inputs`

    @classmethod
    def of(cls, parts: Iterable[tuple[CircuitGraph, PairArray]], rounds: int = EXACT_LAYERS) -> TransferPairs:
        """Pairs [P, 2] of flat nets of each circuit, exact for encoders of up to `rounds` layers."""
        nodes, rows, inputs, start = [], [], [], 0
        for graph, pair in parts:
            circuit, rails, features = graph.circuit, graph.rails, graph.net_features
            colours = structural_colours(circuit, rails, features, rounds)
            quotient = quotient_graph(circuit, rails, features, colours)
            nodes.append(quotient.to_hetero())
            rows.append(start + quotient.net_class[pair])
            inputs.append(pair_inputs(graph, pair))
            start += quotient.net.count
        joined = nodes[0] if len(nodes) == 1 else Batch.from_data_list(nodes)
        return cls(nodes=joined, net_row=np.concatenate(rows), inputs=np.concatenate(inputs))

    @torch.inference_mode()
    def embeddings(self, encoder: CircuitEncoder) -> Float32Array:
        """Sum and absolute difference of the two nets' embeddings, [P, 2H]."""
        embedding: Float32Array = encoder.eval()(self.nodes)["net"].numpy()
        return symmetric_sides(embedding, self.net_row)


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
        within = np.bincount(row, weights=(target - mean[row]) ** 2).astype(np.float64)
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


class EndToEndHead:
    """An encoder and a small network on it, trained together on a few labels.

    The network reads the standardised pair inputs and the normalised symmetric embeddings of both nets. A
    fifth of the labels (at least two) is held out to choose the number of steps; nothing else is tuned.

    Args:
        encoder: what to begin with, fresh or pretrained; a copy is trained.
        seed: chooses the network's first weights and the labels held out.
        steps: full-batch steps at most.
    """

    def __init__(self, encoder: CircuitEncoder, *, seed: int, steps: int = 120) -> None:
        self.encoder, self.seed, self.steps = copy.deepcopy(encoder), seed, steps

    def fit_predict(
        self,
        pairs: TransferPairs,
        inputs: Float32Array,
        target: FloatArray,
        labelled: NDArray[np.int64],
        asked: NDArray[np.int64],
    ) -> FloatArray:
        """Estimates of the pairs `asked`.

        Args:
            pairs: [P] pairs.
            inputs: [P, F] their standardised inputs.
            target: [P], read at `labelled` only.
            labelled: rows to learn from, at least four.
            asked: rows to estimate.
        """
        torch.manual_seed(self.seed)
        order = np.random.default_rng(self.seed).permutation(labelled)
        held = max(2, len(order) // HELD_OUT)
        watched, taught = order[:held], order[held:]
        rows, side = torch.from_numpy(inputs), torch.from_numpy(pairs.net_row)
        width = 2 * self.encoder.config.width
        head = nn.Sequential(
            nn.LayerNorm(width + inputs.shape[1]),
            nn.Linear(width + inputs.shape[1], 64),
            nn.GELU(),
            nn.Linear(64, 1),
        )
        goal = torch.from_numpy(target).float()
        centre, spread = goal[taught].mean(), goal[taught].std() + 1e-3

        def estimate(chosen: NDArray[np.int64]) -> Tensor:
            a, b = self.encoder(pairs.nodes)["net"][side[chosen]].unbind(dim=1)
            value: Tensor = head(torch.cat([rows[chosen], a + b, (a - b).abs()], dim=1)).squeeze(1)
            return centre + spread * value

        optimizer = torch.optim.AdamW(
            [*self.encoder.parameters(), *head.parameters()], lr=2e-3, weight_decay=1e-2
        )
        best, kept, waited = float("inf"), np.full(len(asked), float(centre)), 0
        for step in range(self.steps):
            if step % STEPS_BETWEEN_LOOKS == 0:
                with torch.no_grad():
                    error = float((estimate(watched) - goal[watched]).square().mean())
                    waited += 1
                    if error < best:
                        best, kept, waited = error, estimate(asked).double().numpy(), 0
                if waited == PATIENCE:
                    break
            optimizer.zero_grad()
            torch.autograd.backward((estimate(taught) - goal[taught]).square().mean())
            optimizer.step()
        return kept
