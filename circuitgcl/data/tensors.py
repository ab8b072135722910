"""A circuit graph, and its labels when it has any, as tensors a model can take.

Letters: N nets, Q terminals, K contexts, P candidate pairs, M context occurrences, T terminal occurrences.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from circuitgcl.data.labels import Labels
from circuitgcl.graph.building import CircuitGraph
from circuitgcl.graph.contexts import terminal_rows

FARAD_PER_FEMTO = 1e-15


@dataclass(frozen=True, kw_only=True)
class LabelTensors:
    """Targets in femtofarad."""

    # [P] extracted coupling of each candidate pair; an extraction lists what it finds, so the others are 0
    candidate_ff: Tensor
    distant_pair: Tensor  # [L', 2] extracted pairs that are no candidates
    distant_ff: Tensor  # [L']
    load_ff: Tensor  # [N] NaN where unknown


@dataclass(frozen=True, kw_only=True)
class DesignTensors:
    """One design, ready for a model."""

    name: str
    hetero: HeteroData  # nodes and relations for the encoder
    net_features: Tensor  # [N, F]
    terminal_features: Tensor  # [Q, F]
    terminal_exact: Tensor  # [Q] int64 memory keys
    terminal_structural: Tensor  # [Q] int64
    occurrence_terminal: Tensor  # [T] terminal row
    occurrence_net: Tensor  # [T] signal net it joins
    context_features: Tensor  # [K, F]
    context_side: Tensor  # [K, 2] terminal rows
    context_exact: Tensor  # [K] int64 memory keys
    context_structural: Tensor  # [K] int64
    pair: Tensor  # [P, 2] flat nets, a < b
    occurrence_context: Tensor  # [M]
    occurrence_pair: Tensor  # [M]
    signal: Tensor  # [N] bool, not a rail
    labels: LabelTensors | None

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


def design_tensors(graph: CircuitGraph, labels: Labels | None = None) -> DesignTensors:
    """Tensors of a circuit graph."""
    circuit, contexts, terminals = graph.circuit, graph.contexts, graph.terminals
    is_signal = graph.rails == 0
    row = terminal_rows(circuit, terminals)
    kept = is_signal[circuit.terminal_net]
    return DesignTensors(
        name=circuit.name,
        hetero=graph.to_hetero(),
        net_features=torch.from_numpy(graph.net_features),
        terminal_features=torch.from_numpy(graph.terminal_features),
        terminal_exact=_keys(terminals.key_exact),
        terminal_structural=_keys(terminals.key_structural),
        occurrence_terminal=torch.from_numpy(row[kept]),
        occurrence_net=torch.from_numpy(circuit.terminal_net[kept].astype(np.int64)),
        context_features=torch.from_numpy(graph.pair_features),
        context_side=torch.from_numpy(np.stack([contexts.side_a, contexts.side_b], axis=1).astype(np.int64)),
        context_exact=_keys(contexts.key_exact),
        context_structural=_keys(contexts.key_structural),
        pair=torch.from_numpy(contexts.pair.astype(np.int64)),
        occurrence_context=torch.from_numpy(contexts.occurrence_context.astype(np.int64)),
        occurrence_pair=torch.from_numpy(contexts.occurrence_pair.astype(np.int64)),
        signal=torch.from_numpy(is_signal),
        labels=None if labels is None else _label_tensors(graph, labels),
    )


def _keys(values: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]) -> Tensor:
    return torch.from_numpy(values.view(np.int64).copy())


def _label_tensors(graph: CircuitGraph, labels: Labels) -> LabelTensors:
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
        load_ff=torch.from_numpy(labels.load_farad / FARAD_PER_FEMTO).float(),
    )
