"""Whether the arrays of a circuit graph fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import DataError
from circuitgcl.graph.feature_schema import NET_FEATURES, PAIR_FEATURES, TERMINAL_FEATURES
from circuitgcl.graph.rails import RailKind

if TYPE_CHECKING:
    from circuitgcl.graph.building import CircuitGraph


def validate(graph: CircuitGraph) -> None:
    """Check a circuit graph against itself.

    Raises:
        DataError: arrays of other lengths than each other, indices of things that are not there, pairs that
            are no pairs of signal nets, features that are no finite numbers, or no signal net at all.
    """
    for fault in _faults(graph):
        raise DataError(f"the graph of {graph.circuit.name} is inconsistent: {fault}")


def _faults(graph: CircuitGraph) -> Iterator[str]:
    """What is wrong, the first things first; later checks rely on earlier ones."""
    circuit, contexts, terminals = graph.circuit, graph.contexts, graph.terminals
    nets, locals_ = circuit.net_count, sum(part.net_count for part in circuit.definitions)
    kinds = len(contexts.kind)
    yield from _lengths({"net_local": (circuit.net_local, nets), "rails": (graph.rails, nets)})
    instances = len(circuit.instance_definition)
    yield from _lengths({"device_instance": (circuit.device_instance, circuit.device_count)})
    yield from _lengths(
        {name: (getattr(circuit, name), instances) for name in ("instance_parent", "instance_child")}
    )
    yield from _lengths({"terminal_offset": (circuit.terminal_offset, instances + 1)})
    yield from _lengths({"pin_offset": (circuit.pin_offset, circuit.device_count + 1)})
    yield from _lengths(
        {name: (getattr(terminals, name), locals_) for name in ("definition", "local", "is_leaf")}
    )
    columns = ("side_a", "side_b", "relation", "coordinate", "key_exact", "key_structural")
    yield from _lengths({f"contexts.{name}": (getattr(contexts, name), kinds) for name in columns})
    yield from _lengths({"occurrence_context": (contexts.occurrence_context, len(contexts.occurrence_pair))})
    yield from _lengths({"tied_context": (contexts.tied_context, len(contexts.tied_net))})
    if int(circuit.pin_offset[-1]) != circuit.pin_count or (np.diff(circuit.pin_offset) < 0).any():
        yield f"pin_offset does not run from 0 to the {circuit.pin_count} pins"
    yield from _indices("rails", graph.rails, len(RailKind), "kinds of nets")
    yield from _indices("pin_net", circuit.pin_net, nets, "nets")
    yield from _indices("net_instance", circuit.net_instance, instances, "instances")
    yield from _indices("device_instance", circuit.device_instance, instances, "instances")
    definitions = len(circuit.definitions)
    yield from _indices("instance_definition", circuit.instance_definition, definitions, "definitions")
    yield from _indices("instance_parent", circuit.instance_parent[1:], instances, "instances")
    counts = np.array([part.net_count for part in circuit.definitions])[circuit.instance_definition]
    if not np.array_equal(np.diff(circuit.terminal_offset), counts):
        yield "terminal_offset does not fit the nets of the definitions"
    yield from _lengths({"terminal_net": (circuit.terminal_net, int(counts.sum()))})
    wrong = np.flatnonzero((circuit.net_local < 0) | (circuit.net_local >= counts[circuit.net_instance]))
    if len(wrong):
        yield f"net_local[{wrong[0]}] is {circuit.net_local[wrong[0]]}, which its definition does not have"
    yield from _indices("terminal_net", circuit.terminal_net, nets, "nets")
    yield from _indices("device_card", circuit.device_card, len(circuit.table), "cards")
    if (np.diff(circuit.pin_offset) != circuit.table.pins[circuit.device_card]).any():
        yield "pin_offset does not fit the pins of the cards"
    yield from _indices("side_a", contexts.side_a, locals_, "terminals")
    yield from _indices("side_b", contexts.side_b, locals_, "terminals")
    yield from _indices("occurrence_context", contexts.occurrence_context, kinds, "contexts")
    yield from _indices("occurrence_pair", contexts.occurrence_pair, contexts.pair_count, "pairs")
    yield from _indices("tied_context", contexts.tied_context, kinds, "contexts")
    yield from _indices("tied_net", contexts.tied_net, nets, "nets")
    yield from _indices("pair", contexts.pair, nets, "nets")
    if not (graph.rails == 0).any():
        yield "there is no signal net"
    if (contexts.pair[:, 0] >= contexts.pair[:, 1]).any():
        yield "a candidate pair is not in ascending order"
    code = contexts.pair[:, 0].astype(np.int64) * nets + contexts.pair[:, 1]
    if (np.diff(code) <= 0).any():
        yield "candidate pairs do not ascend, or one is there twice"
    if graph.rails[contexts.pair].any():
        yield "a candidate pair holds a rail"
    if graph.rails[contexts.tied_net].any():
        yield "a rail is said to meet a rail"
    for name, rows, columns_ in (
        ("net_features", nets, NET_FEATURES),
        ("terminal_features", locals_, TERMINAL_FEATURES),
        ("pair_features", kinds, PAIR_FEATURES),
    ):
        found = getattr(graph, name)
        if found.shape != (rows, len(columns_)):
            yield f"{name} is of shape {found.shape}; expected {(rows, len(columns_))}"
        elif not np.isfinite(found).all():
            row, column = np.argwhere(~np.isfinite(found))[0].tolist()
            yield f"{name}[{row}, {column}] ({columns_[column].name}) is {found[row, column]}"


def _lengths(arrays: dict[str, tuple[NDArray[np.generic], int]]) -> Iterator[str]:
    for name, (array, length) in arrays.items():
        if len(array) != length:
            yield f"{name} has {len(array):,} rows; expected {length:,}"


def _indices(name: str, array: NDArray[np.integer], count: int, of: str) -> Iterator[str]:
    wrong = array[(array < 0) | (array >= count)]
    if len(wrong):
        yield f"{name} names {wrong.flat[0]}; there are {count:,} {of}, counted from 0"
