"""Meeting contexts: where two nets come near each other.

Capacitance adds up over the places where two nets meet, so a pair's coupling is a sum over its contexts, and what
one context contributes is the same wherever that context occurs. Two nets meet

- inside one instance, at any level of the hierarchy (`SAME`), or
- in two neighbouring leaf instances, told by the index structure of instance names (`NEIGHBOUR`).

A context is identified by its two sides, each a (definition, local net). All of it is enumerated per definition and
mapped onto flat nets by index arithmetic; the pairs that have a context are the candidate pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.fingerprints import Fingerprint, HashArray, hash64
from circuitgcl.graph.indices import MAX_BUS_STEP, IndexedName, IndexRelation, families, indexed, relation, steps
from circuitgcl.netlist.records import Definition, FlatCircuit, IntArray

MAX_ALL_PAIRS = 64  # nets of a leaf body up to which every pair is a candidate
MAX_HOP_FANOUT = 16  # nets with more pins connect too much to say that two others are near
MAX_CELL_CHILDREN = 16  # bodies with more instances are arrays or blocks, not cells
MIN_CROSS_BUDGET = 4096  # net pairs of two families that any body may form


class ContextKind(IntEnum):
    """Where the two sides of a context lie."""

    SAME = 0
    NEIGHBOUR = 1


@dataclass(frozen=True, kw_only=True)
class TerminalTable:
    """Every (definition, local net) of a circuit, Q rows; a net's load is a sum over the ones it joins."""

    definition: IntArray  # [Q]
    local: IntArray  # [Q]
    offset: NDArray[np.int64]  # [definitions + 1] first row of each definition
    key_exact: HashArray  # [Q]
    key_structural: HashArray  # [Q]
    is_leaf: NDArray[np.bool_]  # [Q] whether the definition itself contains devices


@dataclass(frozen=True, kw_only=True)
class ContextTable:
    """Distinct contexts of a circuit, K rows, and their occurrences, M rows."""

    kind: NDArray[np.int8]  # [K] ContextKind
    side_a: IntArray  # [K] row of the TerminalTable
    side_b: IntArray  # [K]
    relation: NDArray[np.int8]  # [K] IndexRelation of the two local names, SAME only
    coordinate: NDArray[np.int8]  # [K] which coordinate steps, from the end; NEIGHBOUR only
    key_exact: HashArray  # [K]
    key_structural: HashArray  # [K]
    pair: NDArray[np.int32]  # [P, 2] flat nets, a < b
    occurrence_pair: IntArray  # [M]
    occurrence_context: IntArray  # [M]

    @property
    def pair_count(self) -> int:
        """Number of candidate pairs P."""
        return len(self.pair)


def terminal_table(circuit: FlatCircuit, prints: tuple[Fingerprint, ...]) -> TerminalTable:
    """All (definition, local net) rows with their memory keys."""
    counts = [d.net_count for d in circuit.definitions]
    leaf = np.array([len(d.device_card) > 0 for d in circuit.definitions])
    definition = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    exact = [hash64((f.exact, colour)) for f in prints for colour in f.net_exact.tolist()]
    structural = np.concatenate([f.net_part for f in prints]) if prints else np.zeros(0, np.uint64)
    offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return TerminalTable(
        definition=definition,
        local=(np.arange(len(definition)) - np.repeat(offset[:-1], counts)).astype(np.int32),
        offset=offset,
        key_exact=np.array(exact, np.uint64),
        key_structural=structural.astype(np.uint64),
        is_leaf=leaf[definition],
    )


class _Templates:
    """Context rows under construction, and their occurrences."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, ...], int] = {}
        self.columns: list[tuple[int, int, int, int, int]] = []  # kind, side a, side b, relation, coordinate
        self.keys: list[tuple[int, int]] = []  # exact, structural
        self.pairs: list[NDArray[np.int64]] = []  # [*, 2] flat nets
        self.occurrences: list[IntArray] = []  # context row of each of them

    def row(
        self, identity: tuple[int, ...], columns: tuple[int, int, int, int, int], keys: tuple[int, int]
    ) -> int:
        """Number of the row with this identity, added when new."""
        found = self.rows.get(identity)
        if found is None:
            found = self.rows[identity] = len(self.columns)
            self.columns.append(columns)
            self.keys.append(keys)
        return found

    def occur(self, flat: NDArray[np.int64], rows: NDArray[np.int64], rails: NDArray[np.int8]) -> None:
        """Add occurrences between the flat nets `flat` [*, 2], except on rails and within one net."""
        keep = (flat[:, 0] != flat[:, 1]) & (rails[flat] == 0).all(axis=1)
        self.pairs.append(flat[keep])
        self.occurrences.append(rows[keep].astype(np.int32))


def context_table(
    circuit: FlatCircuit, rails: NDArray[np.int8], terminals: TerminalTable, prints: tuple[Fingerprint, ...]
) -> ContextTable:
    """All contexts between signal nets of a circuit.

    Args:
        circuit: the flat circuit.
        rails: [N] rail kind of the flat nets.
        terminals: its terminal table.
        prints: its fingerprints.
    """
    instances_of = _instances_by_definition(circuit)
    templates = _Templates()
    leaves = _leaf_offsets(circuit)
    for index in range(len(circuit.definitions)):
        if len(instances_of[index]):
            _same_contexts(circuit, index, instances_of[index], rails, terminals, prints[index], templates)
            _neighbour_contexts(circuit, index, instances_of[index], rails, terminals, leaves, templates)
    return _assembled(circuit, templates)


def _instances_by_definition(circuit: FlatCircuit) -> list[NDArray[np.int64]]:
    order = np.argsort(circuit.instance_definition, kind="stable")
    counts = np.bincount(circuit.instance_definition, minlength=len(circuit.definitions))
    return np.split(order, np.cumsum(counts)[:-1])


def _terminal_nets(circuit: FlatCircuit, instances: NDArray[np.int64], nets: int) -> IntArray:
    """Flat nets of all local nets of instances of one definition, [instances, nets]."""
    return circuit.terminal_net[circuit.terminal_offset[instances][:, None] + np.arange(nets)]


# --- contexts inside one instance ----------------------------------------------------------------------------


def _same_contexts(
    circuit: FlatCircuit,
    index: int,
    instances: NDArray[np.int64],
    rails: NDArray[np.int8],
    terminals: TerminalTable,
    fingerprint: Fingerprint,
    templates: _Templates,
) -> None:
    definition = circuit.definitions[index]
    nets = _terminal_nets(circuit, instances, definition.net_count)
    signal = np.flatnonzero((rails[nets] == 0).any(axis=0))
    names = [indexed(label) for label in definition.net_labels]
    is_leaf = len(definition.device_card) > 0
    pairs = _leaf_pairs(definition, signal) if is_leaf else _routing_pairs(definition, signal, names)
    # wires between many blocks are known by what they join; those of a small cell by the cell as well
    body = fingerprint.exact if is_leaf or len(definition.child_definition) <= MAX_CELL_CHILDREN else 0
    base = int(terminals.offset[index])
    parts = fingerprint.net_part.tolist()
    colours = fingerprint.net_exact.tolist() if is_leaf else parts
    chosen, rows = [], []
    for a, b in pairs:
        if colours[a] > colours[b]:
            a, b = b, a
        link = int(relation(names[a], names[b]))
        structural = hash64((ContextKind.SAME, *sorted((parts[a], parts[b])), link))
        exact = hash64((ContextKind.SAME, body, colours[a], colours[b], link))
        row = templates.row(
            (ContextKind.SAME, index, colours[a], colours[b], link),
            (ContextKind.SAME, base + a, base + b, link, 0),
            (exact, structural),
        )
        chosen.append((a, b))
        rows.append(row)
    if chosen:
        flat = nets[:, np.array(chosen)].reshape(-1, 2).astype(np.int64)
        templates.occur(flat, np.tile(np.array(rows), len(instances)), rails)


def _leaf_pairs(definition: Definition, signal: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Pairs of a body with devices: all of a small cell; of a large flat one those at most two devices apart."""
    nets = signal.tolist()
    if len(nets) <= MAX_ALL_PAIRS:
        for position, a in enumerate(nets):
            for b in nets[position + 1 :]:
                yield a, b
        return
    devices_at: dict[int, list[int]] = {net: [] for net in nets}
    nets_of: list[list[int]] = []
    for device in range(len(definition.device_card)):
        start, stop = definition.pin_offset[device : device + 2]
        touched = sorted({net for net in definition.pin_net[start:stop].tolist() if net in devices_at})
        nets_of.append(touched)
        for net in touched:
            devices_at[net].append(device)
    near: dict[int, set[int]] = {
        net: {other for device in devices_at[net] for other in nets_of[device]} - {net} for net in nets
    }
    seen: set[tuple[int, int]] = set()
    for a in nets:
        reach = set(near[a])
        for middle in near[a]:
            if len(devices_at[middle]) <= MAX_HOP_FANOUT:
                reach |= near[middle]
        seen.update((min(a, b), max(a, b)) for b in reach if b != a)
    names = [definition.net_labels[net] for net in nets]
    seen.update((min(nets[i], nets[j]), max(nets[i], nets[j])) for i, j in _bus_steps(names))
    yield from sorted(seen)


def _bus_steps(names: list[str]) -> Iterator[tuple[int, int]]:
    for (_, count), members in families(names).items():
        if count:
            for step in range(1, MAX_BUS_STEP + 1):
                for lower, upper, _, _ in steps(members, step):
                    yield lower, upper


def _routing_pairs(
    definition: Definition, signal: NDArray[np.int64], names: list[IndexedName]
) -> Iterator[tuple[int, int]]:
    """Pairs of a body that only connects blocks.

    Nets of one family meet their next neighbours only; nets of two families all meet, as long as that stays within
    a few times the number of children (crossing bit lines and word lines have a cell for every crossing), otherwise
    only those of equal or adjacent index.
    """
    groups: dict[tuple[str, int], list[int]] = {}
    for net in signal.tolist():
        groups.setdefault((names[net].family, len(names[net].coordinates)), []).append(net)
    seen: set[tuple[int, int]] = set()
    labels = [definition.net_labels[net] for net in signal.tolist()]
    chosen = signal.tolist()
    seen.update((min(chosen[i], chosen[j]), max(chosen[i], chosen[j])) for i, j in _bus_steps(labels))
    budget = max(MIN_CROSS_BUDGET, 4 * len(definition.child_definition))
    lists = list(groups.values())
    for position, first in enumerate(lists):
        for second in lists[position + 1 :]:
            for a in first:
                partners = second if len(first) * len(second) <= budget else _aligned(a, second, names)
                seen.update((min(a, b), max(a, b)) for b in partners)
    yield from sorted(seen)


def _aligned(net: int, others: list[int], names: list[IndexedName]) -> list[int]:
    allowed = (IndexRelation.CROSS_SAME, IndexRelation.CROSS_STEP_1)
    return [other for other in others if relation(names[net], names[other]) in allowed]


# --- contexts between neighbouring instances ----------------------------------------------------------------


def _leaf_offsets(circuit: FlatCircuit) -> list[tuple[NDArray[np.int64], IntArray]]:
    """Leaf instances below one instance of each definition: (instance number relative to it, definition)."""
    found: list[tuple[NDArray[np.int64], IntArray]] = []
    for index, definition in enumerate(circuit.definitions):
        own = len(definition.device_card) > 0
        offsets = [np.zeros(1 if own else 0, np.int64)]
        owners = [np.full(1 if own else 0, index, np.int32)]
        for position, child in enumerate(definition.child_definition.tolist()):
            below, kinds = found[child]
            offsets.append(below + definition.child_instance[position])
            owners.append(kinds)
        found.append((np.concatenate(offsets), np.concatenate(owners)))
    return found


def _neighbour_contexts(
    circuit: FlatCircuit,
    index: int,
    instances: NDArray[np.int64],
    rails: NDArray[np.int8],
    terminals: TerminalTable,
    leaves: list[tuple[NDArray[np.int64], IntArray]],
    templates: _Templates,
) -> None:
    """Contexts between children whose index differs by one in one coordinate.

    Their corresponding leaves face each other.
    """
    definition = circuit.definitions[index]
    facing: dict[tuple[int, int, int, int], list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = {}
    for (_, count), members in families(definition.child_names).items():
        if not count:
            continue
        for lower, upper, coordinate, parity in steps(members, 1):
            below, owners = leaves[definition.child_definition[lower]]
            above, others = leaves[definition.child_definition[upper]]
            if len(below) != len(above):
                continue
            start, end = definition.child_instance[lower], definition.child_instance[upper]
            for owner, other in set(zip(owners.tolist(), others.tolist(), strict=True)):
                chosen = (owners == owner) & (others == other)
                key = (owner, other, min(coordinate, 7), parity)
                facing.setdefault(key, []).append((start + below[chosen], end + above[chosen]))
    for (owner, other, coordinate, parity), parts in facing.items():
        lower_all = (instances[:, None] + np.concatenate([part[0] for part in parts])).ravel()
        upper_all = (instances[:, None] + np.concatenate([part[1] for part in parts])).ravel()
        _face(circuit, (owner, lower_all), (other, upper_all), (coordinate, parity), rails, terminals, templates)


def _face(
    circuit: FlatCircuit,
    lower: tuple[int, NDArray[np.int64]],
    upper: tuple[int, NDArray[np.int64]],
    direction: tuple[int, int],
    rails: NDArray[np.int8],
    terminals: TerminalTable,
    templates: _Templates,
) -> None:
    """Contexts of every signal net of the lower instances with every one of the upper, across one boundary."""
    nets_a = _terminal_nets(circuit, lower[1], circuit.definitions[lower[0]].net_count)
    nets_b = _terminal_nets(circuit, upper[1], circuit.definitions[upper[0]].net_count)
    signal_a = np.flatnonzero((rails[nets_a] == 0).any(axis=0)).tolist()
    signal_b = np.flatnonzero((rails[nets_b] == 0).any(axis=0)).tolist()
    if len(signal_a) * len(signal_b) > MAX_ALL_PAIRS**2:
        return
    coordinate, parity = direction
    for a in signal_a:
        side_a = int(terminals.offset[lower[0]]) + a
        for b in signal_b:
            side_b = int(terminals.offset[upper[0]]) + b
            exact = (int(terminals.key_exact[side_a]), int(terminals.key_exact[side_b]))
            structural = (int(terminals.key_structural[side_a]), int(terminals.key_structural[side_b]))
            row = templates.row(
                (ContextKind.NEIGHBOUR, side_a, side_b, coordinate, parity),
                (ContextKind.NEIGHBOUR, side_a, side_b, IndexRelation.NONE, coordinate),
                (
                    hash64((ContextKind.NEIGHBOUR, *exact, coordinate, parity)),
                    hash64((ContextKind.NEIGHBOUR, *structural, coordinate)),
                ),
            )
            flat = np.stack([nets_a[:, a], nets_b[:, b]], axis=1).astype(np.int64)
            templates.occur(flat, np.full(len(flat), row), rails)


# --- assembly ------------------------------------------------------------------------------------------------


def _assembled(circuit: FlatCircuit, templates: _Templates) -> ContextTable:
    nets = circuit.net_count
    flat = np.concatenate([np.zeros((0, 2), np.int64), *templates.pairs])
    rows = np.concatenate([np.zeros(0, np.int32), *templates.occurrences])
    code, occurrence_pair = np.unique(flat.min(axis=1) * nets + flat.max(axis=1), return_inverse=True)
    occurring, occurrence_context = np.unique(rows, return_inverse=True)
    columns = np.array(templates.columns, np.int64).reshape(-1, 5)[occurring].T
    keys = np.array(templates.keys, np.uint64).reshape(-1, 2)[occurring].T
    return ContextTable(
        kind=columns[0].astype(np.int8),
        side_a=columns[1].astype(np.int32),
        side_b=columns[2].astype(np.int32),
        relation=columns[3].astype(np.int8),
        coordinate=columns[4].astype(np.int8),
        key_exact=keys[0],
        key_structural=keys[1],
        pair=np.stack([code // nets, code % nets], axis=1).astype(np.int32),
        occurrence_pair=occurrence_pair.astype(np.int32).ravel(),
        occurrence_context=occurrence_context.astype(np.int32).ravel(),
    )
