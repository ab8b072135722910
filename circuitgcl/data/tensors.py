"""A circuit graph, and its labels when it has any, as tensors a model can take.

Letters: N nets, Q terminals, K contexts, P candidate pairs, M context occurrences, R those with a rail,
T and S terminal occurrences. On the quotient of a circuit, N, Q, K and P are classes, and occurrences count
several times.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from circuitgcl.data.labels import Ground, Labels
from circuitgcl.graph.building import CircuitGraph
from circuitgcl.graph.context_classes import circuit_classes
from circuitgcl.graph.contexts import terminal_rows
from circuitgcl.graph.features import technology_log
from circuitgcl.graph.pair_encodings import PairStructure

FARAD_PER_FEMTO = 1e-15


@dataclass(frozen=True, kw_only=True)
class LabelTensors:
    """Targets of flat nets and pairs in femtofarad."""

    # [P] extracted coupling of each candidate pair; an extraction lists what it finds, so the others are 0
    candidate_ff: Tensor
    distant_pair: Tensor  # [L', 2] extracted pairs that are no candidates
    distant_ff: Tensor  # [L']
    distant_encoding: Tensor  # [L', F] relative structure of these pairs
    load_ff: Tensor  # [N] NaN where unknown

    def kept(self, candidates: Tensor, distant: Tensor, nets: Tensor) -> LabelTensors:
        """Some of these labels, by masks [P], [L'] and [N]; of the others nothing is known."""
        return LabelTensors(
            candidate_ff=self.candidate_ff.where(candidates, torch.nan),
            distant_pair=self.distant_pair[distant],
            distant_ff=self.distant_ff[distant],
            distant_encoding=self.distant_encoding[distant],
            load_ff=self.load_ff.where(nets, torch.nan),
        )


@dataclass(frozen=True, kw_only=True)
class DesignTensors:
    """One design, ready for a model."""

    graph: CircuitGraph
    hetero: HeteroData  # nodes and relations for the encoder
    net_features: Tensor  # [N, F]
    terminal_features: Tensor  # [Q, F]
    terminal_exact: Tensor  # [Q] int64 memory keys
    terminal_structural: Tensor  # [Q] int64
    played_terminal: Tensor  # [S] terminal row
    played_net: Tensor  # [S] signal net that plays it in some instances
    played_share: Tensor  # [S] of all of them
    occurrence_terminal: Tensor  # [T] terminal row
    occurrence_net: Tensor  # [T] signal net it joins
    terminal_count: Tensor  # [T] how often
    context_features: Tensor  # [K, F]
    context_side: Tensor  # [K, 2] terminal rows
    context_exact: Tensor  # [K] int64 memory keys
    context_structural: Tensor  # [K] int64
    pair: Tensor  # [flat P, 2] flat nets, a < b
    pair_rows: int  # P
    occurrence_context: Tensor  # [M]
    occurrence_pair: Tensor  # [M]
    context_count: Tensor  # [M] how often the context occurs in the pair
    tied_context: Tensor  # [R] context in which a net meets a rail
    tied_net: Tensor  # [R] that net
    tied_count: Tensor  # [R] how often
    signal: Tensor  # [N] bool, not a rail
    net_row: Tensor  # [flat N] row of every flat net
    pair_row: Tensor  # [flat P] row of every candidate pair
    terminal_row: Tensor  # [flat Q] row of every terminal
    context_row: Tensor  # [flat K] row of every context
    labels: LabelTensors | None  # of flat nets and pairs

    @property
    def name(self) -> str:
        """Name of the design."""
        return self.graph.circuit.name

    @property
    def nets(self) -> int:
        """Number of flat nets, whatever rows they share."""
        return len(self.net_row)

    @property
    def pair_situation(self) -> Tensor:
        """Signature of the contexts of every pair row, [P] int64; equal ones repeat each other."""
        key = self.context_exact[self.occurrence_context] * self.context_count.long()
        return key.new_zeros(self.pair_rows).index_add(0, self.occurrence_pair, key)

    @property
    def net_situation(self) -> Tensor:
        """Signature of the terminals that every net row joins, [N] int64; equal ones repeat each other.

        The rails it meets belong to it.
        """
        key = self.terminal_exact[self.occurrence_terminal] * self.terminal_count.long()
        tied = self.context_exact[self.tied_context] * self.tied_count.long()
        found = key.new_zeros(len(self.net_features)).index_add(0, self.occurrence_net, key)
        return found.index_add(0, self.tied_net, tied)

    @property
    def technology_log(self) -> float:
        """Natural logarithm of what its capacitances are relative to (`graph.features.technology_log`)."""
        return technology_log(self.graph.channel_length_m)

    def to(self, device: torch.device | str) -> DesignTensors:
        """The same design on another device."""
        moved: dict[str, Any] = {
            f.name: value.to(device)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), (Tensor, HeteroData))
        }
        labels = self.labels
        if labels is not None:
            labels = LabelTensors(**{f.name: getattr(labels, f.name).to(device) for f in fields(labels)})
        return replace(self, **moved, labels=labels)


def graph_tensors(
    graph: CircuitGraph,
    labels: Labels | None = None,
    *,
    rounds: int,
    quotient: bool,
    ground: Ground = Ground.EQUIVALENT,
) -> DesignTensors:
    """Tensors of a circuit graph by its classes (`class_tensors`) or flat (`design_tensors`)."""
    if quotient:
        return class_tensors(graph, rounds, labels, ground=ground)
    return design_tensors(graph, labels, ground=ground)


def design_tensors(
    graph: CircuitGraph, labels: Labels | None = None, *, ground: Ground = Ground.EQUIVALENT
) -> DesignTensors:
    """Tensors of a circuit graph, every net and every pair a row of its own.

    Args:
        graph: the circuit graph.
        labels: targets.
        ground: what the load of a net is.
    """
    circuit, contexts, terminals = graph.circuit, graph.contexts, graph.terminals
    is_signal = graph.rails == 0
    kept = is_signal[circuit.terminal_net]
    row = torch.from_numpy(terminal_rows(circuit, terminals)[kept])
    net = _index(circuit.terminal_net[kept])
    return DesignTensors(
        graph=graph,
        hetero=graph.to_hetero(),
        net_features=torch.from_numpy(graph.net_features),
        terminal_features=torch.from_numpy(graph.terminal_features),
        terminal_exact=_keys(terminals.key_exact),
        terminal_structural=_keys(terminals.key_structural),
        played_terminal=row,
        played_net=net,
        played_share=1.0 / torch.bincount(row)[row],
        occurrence_terminal=row,
        occurrence_net=net,
        terminal_count=torch.ones(len(row)),
        context_features=torch.from_numpy(graph.pair_features),
        context_side=_index(np.stack([contexts.side_a, contexts.side_b], axis=1)),
        context_exact=_keys(contexts.key_exact),
        context_structural=_keys(contexts.key_structural),
        pair=_index(contexts.pair),
        pair_rows=contexts.pair_count,
        occurrence_context=_index(contexts.occurrence_context),
        occurrence_pair=_index(contexts.occurrence_pair),
        context_count=torch.ones(len(contexts.occurrence_pair)),
        tied_context=_index(contexts.tied_context),
        tied_net=_index(contexts.tied_net),
        tied_count=torch.ones(len(contexts.tied_net)),
        signal=torch.from_numpy(is_signal),
        net_row=torch.arange(circuit.net_count),
        pair_row=torch.arange(contexts.pair_count),
        terminal_row=torch.arange(len(terminals.key_exact)),
        context_row=torch.arange(len(contexts.key_exact)),
        labels=None if labels is None else _label_tensors(graph, labels, ground),
    )


def class_tensors(
    graph: CircuitGraph, rounds: int, labels: Labels | None = None, *, ground: Ground = Ground.EQUIVALENT
) -> DesignTensors:
    """Tensors of the quotient of a circuit graph: every class of nets and of pairs is one row.

    Args:
        graph: the circuit graph.
        rounds: layers of the encoder that will read them.
        labels: targets.
        ground: what the load of a net is.
    """
    classes = circuit_classes(graph, rounds)
    terminal, context = classes.terminal.representative, classes.context.representative
    played, joined, met = classes.net_in_terminal, classes.terminal_in_net, classes.context_in_pair
    tied = classes.tied_in_net
    players = np.bincount(played.whole, weights=played.count, minlength=len(terminal))
    is_signal = graph.rails[classes.quotient.net.representative] == 0
    return DesignTensors(
        graph=graph,
        hetero=classes.quotient.to_hetero(),
        net_features=torch.from_numpy(classes.quotient.net_features),
        terminal_features=torch.from_numpy(graph.terminal_features[terminal]),
        terminal_exact=_keys(graph.terminals.key_exact[terminal]),
        terminal_structural=_keys(graph.terminals.key_structural[terminal]),
        played_terminal=_index(played.whole),
        played_net=_index(played.part),
        played_share=_counts(played.count / players[played.whole]),
        occurrence_terminal=_index(joined.part),
        occurrence_net=_index(joined.whole),
        terminal_count=_counts(joined.count),
        context_features=torch.from_numpy(graph.pair_features[context]),
        context_side=_index(classes.context_side),
        context_exact=_keys(graph.contexts.key_exact[context]),
        context_structural=_keys(graph.contexts.key_structural[context]),
        pair=_index(graph.contexts.pair),
        pair_rows=classes.pair.count,
        occurrence_context=_index(met.part),
        occurrence_pair=_index(met.whole),
        context_count=_counts(met.count),
        tied_context=_index(tied.part),
        tied_net=_index(tied.whole),
        tied_count=_counts(tied.count),
        signal=torch.from_numpy(is_signal),
        net_row=_index(classes.quotient.net_class),
        pair_row=_index(classes.pair.row_class),
        terminal_row=_index(classes.terminal.row_class),
        context_row=_index(classes.context.row_class),
        labels=None if labels is None else _label_tensors(graph, labels, ground),
    )


def _index(values: np.ndarray[tuple[int, ...], np.dtype[np.signedinteger]]) -> Tensor:
    return torch.from_numpy(values.astype(np.int64))


def _counts(values: np.ndarray[tuple[int, ...], np.dtype[Any]]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _keys(values: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]) -> Tensor:
    return torch.from_numpy(values.view(np.int64).copy())


def _label_tensors(graph: CircuitGraph, labels: Labels, ground: Ground) -> LabelTensors:
    nets = graph.circuit.net_count
    candidates = graph.contexts.pair.astype(np.int64)
    code = candidates[:, 0] * nets + candidates[:, 1]  # sorted, by construction
    labelled = labels.pair[:, 0].astype(np.int64) * nets + labels.pair[:, 1]
    position = np.minimum(np.searchsorted(code, labelled), max(len(code) - 1, 0))
    found = code[position] == labelled if len(code) else np.zeros(len(labelled), bool)
    candidate = np.zeros(len(code))
    candidate[position[found]] = labels.coupling_farad[found]
    return LabelTensors(
        candidate_ff=torch.from_numpy(candidate / FARAD_PER_FEMTO).float(),
        distant_pair=torch.from_numpy(labels.pair[~found].astype(np.int64)),
        distant_ff=torch.from_numpy(labels.coupling_farad[~found] / FARAD_PER_FEMTO).float(),
        distant_encoding=torch.from_numpy(PairStructure(graph).encode(labels.pair[~found])),
        load_ff=torch.from_numpy(labels.load_of(ground) / FARAD_PER_FEMTO).float(),
    )
