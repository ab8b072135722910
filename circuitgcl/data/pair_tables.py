"""Pairs of a design as rows of numbers: what models that look at one pair at a time are given.

`ENDPOINTS` knows the two nets by their statistics alone, as models that embed the two ends separately do.
`STRUCTURE` adds what one net is to the other: the pair encodings and the contexts they meet in, summed up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from circuitgcl.data.designs import Design
from circuitgcl.graph import CircuitGraph
from circuitgcl.graph.contexts import ContextKind, terminal_rows
from circuitgcl.graph.features import Float32Array
from circuitgcl.graph.pair_encodings import PairStructure

FARAD_PER_FEMTO = 1e-15
RELATIONS = ("leaf cell", "connecting body", "neighbouring cells", "no context")

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]


class PairView(StrEnum):
    """What of a pair a model sees."""

    ENDPOINTS = "endpoints"
    STRUCTURE = "structure"


@dataclass(frozen=True, eq=False)
class PairTable:
    """The X pairs of a design that count: its P candidates, then the labelled pairs that are none.

    Args:
        design: a design with labels.
    """

    design: Design

    @property
    def graph(self) -> CircuitGraph:
        """Graph of the design."""
        return self.design.graph

    @property
    def candidates(self) -> int:
        """Number of candidate pairs P, the first rows."""
        return self.graph.contexts.pair_count

    @cached_property
    def pair(self) -> IndexArray:
        """[X, 2] flat nets, a < b."""
        return np.concatenate([self.graph.contexts.pair, self._labelled[self.label_row >= self.candidates]])

    @cached_property
    def label_row(self) -> IndexArray:
        """[L] row of every labelled pair."""
        nets, candidate = self.graph.circuit.net_count, self.graph.contexts.pair.astype(np.int64)
        code = candidate[:, 0] * nets + candidate[:, 1]  # ascending
        labelled = self._labelled[:, 0] * nets + self._labelled[:, 1]
        row = np.searchsorted(code, labelled)
        found = row < len(code)
        found[found] = code[row[found]] == labelled[found]
        return np.where(found, row, len(code) + np.cumsum(~found) - 1)

    @cached_property
    def truth_ff(self) -> FloatArray:
        """[X] extracted femtofarad; 0 for candidates the extraction does not list, NaN where unknown."""
        assert self.design.labels is not None
        truth = np.zeros(len(self.pair))
        truth[self.label_row] = self.design.labels.coupling_farad / FARAD_PER_FEMTO
        return truth

    @property
    def _labelled(self) -> IndexArray:
        assert self.design.labels is not None
        return self.design.labels.pair.astype(np.int64)

    @cached_property
    def relation(self) -> IndexArray:
        """[X] row of `RELATIONS`: the closest way in which the two nets meet."""
        graph = self.graph
        contexts = graph.contexts
        leaf = graph.terminals.is_leaf[contexts.side_a]
        kind = np.where(contexts.kind == ContextKind.NEIGHBOUR, 2, np.where(leaf, 0, 1))
        closest = np.full(len(self.pair), len(RELATIONS) - 1)
        np.minimum.at(closest, contexts.occurrence_pair, kind[contexts.occurrence_context])
        return closest

    def inputs(self, view: PairView) -> Float32Array:
        """[X, F] numbers; the same for both orders of a pair."""
        ends = self._endpoints
        return ends if view is PairView.ENDPOINTS else np.hstack([ends, self.relative])

    def net_inputs(self, view: PairView) -> Float32Array:
        """[N, F] numbers of the nets; with structure, also of all terminals a net joins."""
        own = self._nets
        return own if view is PairView.ENDPOINTS else np.hstack([own, self._joined])

    @cached_property
    def _nets(self) -> Float32Array:
        length = np.full(len(self.graph.net_features), np.log(self.graph.channel_length_m * 1e9))
        return np.column_stack([self.graph.net_features, length]).astype(np.float32)

    @cached_property
    def _joined(self) -> Float32Array:
        circuit, terminals = self.graph.circuit, self.graph.terminals
        features = self.graph.terminal_features
        shape = (circuit.net_count, len(features))
        joins = counted(circuit.terminal_net, terminal_rows(circuit, terminals), shape)
        return np.asarray(np.log1p(joins @ np.expm1(features.astype(np.float64))), np.float32)

    @cached_property
    def _endpoints(self) -> Float32Array:
        a, b = self._nets[self.pair[:, 0]], self._nets[self.pair[:, 1]]
        return np.hstack([np.minimum(a, b), np.maximum(a, b), a + b])

    @cached_property
    def relative(self) -> Float32Array:
        """[X, F] what one net is to the other: pair encodings, and the contexts they meet in, summed up."""
        graph, contexts = self.graph, self.graph.contexts
        sides = graph.terminal_features
        a, b = sides[contexts.side_a], sides[contexts.side_b]
        met = counted(contexts.occurrence_pair, contexts.occurrence_context, (len(self.pair), len(a)))
        times = np.asarray(met.sum(axis=1)).reshape(-1, 1)
        mean = (met @ np.hstack([a + b, np.abs(a - b)])) / np.maximum(times, 1.0)
        total = met @ np.expm1(graph.pair_features.astype(np.float64))
        parts = [PairStructure(graph).encode(self.pair), np.log1p(times), np.log1p(total), mean]
        return np.hstack([np.asarray(part, np.float32) for part in parts])


def counted(row: NDArray[np.integer], column: NDArray[np.integer], shape: tuple[int, int]) -> csr_array:
    """Sparse matrix of how often each (row, column) occurs."""
    return csr_array((np.ones(len(row)), (row, column)), shape=shape)
