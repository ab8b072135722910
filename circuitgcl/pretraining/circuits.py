"""What pretraining sees of a circuit: its nodes or structural classes, and facts of its structure."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from circuitgcl.errors import DataError
from circuitgcl.graph import CircuitGraph
from circuitgcl.graph.path_profiles import MAX_HOPS, path_counts
from circuitgcl.graph.quotient import quotient_graph, structural_colours
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS
from circuitgcl.pretraining.config import PretrainConfig

IntArray = NDArray[np.int64]
log = logging.getLogger(__name__)

FEWEST_NODES = 8  # distinct nets, devices and pins; fewer leave nothing to tell apart
PAIRS = 2048  # pairs of nets per circuit whose distance is learned
FAR = MAX_HOPS  # class of pairs that no short way joins; class h means h + 1 devices


@dataclass(frozen=True, kw_only=True)
class TrainingCircuit:
    """One circuit as the pretrainer sees it: every node, or every structural class once."""

    name: str
    nodes: HeteroData
    pair: Tensor  # [P, 2] rows of two signal nets
    distance: Tensor  # [P] devices on the shortest way minus one, FAR where there is no short one
    owner: dict[str, Tensor]  # [N_t] definition that holds each net and device; -1 for rails

    def to(self, device: torch.device | str) -> TrainingCircuit:
        """The same on another device."""
        return TrainingCircuit(
            name=self.name,
            nodes=self.nodes.to(device),
            pair=self.pair.to(device),
            distance=self.distance.to(device),
            owner={name: rows.to(device) for name, rows in self.owner.items()},
        )

    @property
    def counts(self) -> tuple[int, int]:
        """Distinct nodes, and those they stand for."""
        stores = [self.nodes[name] for name in INPUT_WIDTHS]
        distinct = sum(int(store.num_nodes) for store in stores)
        if "members" not in stores[0]:
            return distinct, distinct
        return distinct, sum(int(store.members.sum()) for store in stores)

    def fingerprint(self) -> bytes:
        """Digest of all that the encoders see; classes are sorted, so copies of a netlist share it."""
        digest = hashlib.blake2b(digest_size=16)
        for store in self.nodes.stores:
            for key in ("x", "members", "edge_index", "multiplicity"):
                if key in store:
                    digest.update(np.ascontiguousarray(store[key].numpy()).tobytes())
        return digest.digest()


def training_circuits(graphs: Iterable[CircuitGraph], config: PretrainConfig) -> list[TrainingCircuit]:
    """Circuits ready for training; graphs are looked at one after the other and not kept.

    A circuit of fewer than `FEWEST_NODES` distinct nodes is left out with a warning; of circuits that no
    encoder can tell apart, such as copies of a netlist, the first is taken.

    Raises:
        DataError: nothing is left, features of another schema, or features that are not finite.
    """
    found: dict[bytes, TrainingCircuit] = {}
    small: list[str] = []
    copies = 0
    for graph in graphs:
        _check_features(graph)
        circuit = training_circuit(graph, config)
        if circuit.counts[0] < FEWEST_NODES:
            small.append(circuit.name)
        elif found.setdefault(circuit.fingerprint(), circuit) is not circuit:
            copies += 1
    if copies:
        log.info("%d circuits are copies of others", copies)
    if small:
        log.warning(
            "left out, with fewer than %d distinct nodes too small to contrast: %s",
            FEWEST_NODES,
            ", ".join(small),
        )
    if not found:
        raise DataError(
            "no circuit to pretrain on"
            + (f"; each of the {len(small)} given has fewer than {FEWEST_NODES} distinct nodes" * bool(small))
        )
    return list(found.values())


def training_circuit(graph: CircuitGraph, config: PretrainConfig) -> TrainingCircuit:
    """A circuit, by its structural classes where the settings ask for the quotient."""
    circuit = graph.circuit
    if config.quotient:
        # the topology constraint looks further than the encoder
        rounds = config.encoder.layers + config.hops
        colours = structural_colours(circuit, graph.rails, graph.net_features, rounds)
        classes = quotient_graph(circuit, graph.rails, graph.net_features, colours)
        nodes, net_row = classes.to_hetero(), classes.net_class
        net = classes.net.representative
        rows = classes.colours.rows
        holder = np.repeat(rows.instance, np.diff(rows.device_offset))[classes.device.representative]
    else:
        nodes, net_row = graph.to_hetero(), np.arange(circuit.net_count)
        net, holder = net_row, circuit.device_instance.astype(np.int64)
    kind = circuit.instance_definition
    owner = np.where(graph.rails[net] == 0, kind[circuit.net_instance[net]], -1)
    pair, distance = _net_distances(graph) if config.distance_weight else _nothing()
    return TrainingCircuit(
        name=circuit.name,
        nodes=nodes,
        pair=torch.from_numpy(net_row[pair].astype(np.int64)),
        distance=torch.from_numpy(distance),
        owner={
            "net": torch.from_numpy(owner.astype(np.int64)),
            "device": torch.from_numpy(kind[holder].astype(np.int64)),
        },
    )


def _nothing() -> tuple[IntArray, IntArray]:
    return np.zeros((0, 2), np.int64), np.zeros(0, np.int64)


def _net_distances(graph: CircuitGraph) -> tuple[IntArray, IntArray]:
    """Pairs of signal nets, half of them candidates and half drawn at random, and their distance classes."""
    random = np.random.default_rng(0)
    signal, candidates = graph.signal_nets, graph.contexts.pair
    if len(signal) < 2:
        return _nothing()
    drawn = [random.choice(signal, (PAIRS // 2, 2))]
    if len(candidates):
        drawn.append(candidates[random.integers(0, len(candidates), PAIRS // 2)].astype(np.int64))
    pair = np.concatenate(drawn)
    pair = pair[pair[:, 0] != pair[:, 1]]
    ways = path_counts(graph, pair) > 0
    return pair, np.where(ways.any(axis=1), ways.argmax(axis=1), FAR).astype(np.int64)


def _check_features(graph: CircuitGraph) -> None:
    found = {"net": graph.net_features, "device": graph.device_features, "pin": graph.pin_features}
    for name, expected in INPUT_WIDTHS.items():
        rows = found[name]
        if rows.shape[1] != expected:
            raise DataError(
                f"{graph.circuit.name} has {rows.shape[1]} {name} features, the encoder reads {expected}: "
                "it was built under another feature schema. Build it again with this program"
            )
        if not np.isfinite(rows).all():
            bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise DataError(f"{graph.circuit.name}: features of {name} {bad} are not finite")
