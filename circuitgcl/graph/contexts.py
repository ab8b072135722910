"""Meeting contexts: where two nets come near each other.

Capacitance adds up over the places where two nets meet, so a pair's coupling is a sum over its contexts, and
what one context contributes is the same wherever that context occurs. Two nets meet

- inside one instance, at any level of the hierarchy (`SAME`), or
- in two neighbouring leaf instances, told by the index structure of instance names (`NEIGHBOUR`).

A context is identified by its two sides, each a (definition, local net). All of it is enumerated per
definition and mapped onto flat nets by index arithmetic; the pairs that have a context are the candidate
pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.fingerprints import Fingerprint
from circuitgcl.graph.hashing import HashArray
from circuitgcl.graph.indices import IndexRelation, families, indexed, relation, steps
from circuitgcl.graph.local_pairs import MAX_ALL_PAIRS, leaf_pairs, routing_pairs
from circuitgcl.graph.stable_hashing import hash64
from circuitgcl.netlist.records import Definition, FlatCircuit, IntArray

MAX_CELL_CHILDREN = 16  # bodies with more instances are blocks, not cells
MAX_COORDINATE = 7  # coordinates further from the end of a name are not told apart


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


def terminal_rows(circuit: FlatCircuit, terminals: TerminalTable) -> NDArray[np.int64]:
    """Terminal row of every (instance, local net), [T] in the order of `FlatCircuit.terminal_net`."""
    counts = np.diff(circuit.terminal_offset)
    local = np.arange(len(circuit.terminal_net)) - np.repeat(circuit.terminal_offset[:-1], counts)
    rows: NDArray[np.int64] = np.repeat(terminals.offset[circuit.instance_definition], counts) + local
    return rows


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
    templates = _Templates()
    walk = _Enumeration(circuit, rails, terminals, prints, templates)
    for index, instances in enumerate(_instances_by_definition(circuit)):
        if len(instances):
            walk.same(index, instances)
            walk.neighbours(index, instances)
    return templates.assembled(circuit.net_count)


class _Templates:
    """Context rows under construction, and their occurrences."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, ...], int] = {}
        self.columns: list[tuple[int, int, int, int, int]] = []  # kind, side a, side b, relation, coordinate
        self.keys: list[tuple[int, int]] = []  # exact, structural
        self.pairs: list[NDArray[np.int64]] = []  # [*, 2] flat nets
        self.occurrences: list[IntArray] = []  # context row of each of them

    def row(
        self,
        identity: tuple[int, ...],
        columns: tuple[int, int, int, int, int],
        exact: tuple[int, ...],
        structural: tuple[int, ...],
    ) -> int:
        """Number of the row with this identity; its keys are hashed only when it is new."""
        found = self.rows.get(identity)
        if found is None:
            found = self.rows[identity] = len(self.columns)
            self.columns.append(columns)
            self.keys.append((hash64(exact), hash64(structural)))
        return found

    def occur(self, flat: NDArray[np.int64], rows: NDArray[np.int64], rails: NDArray[np.int8]) -> None:
        """Add occurrences between the flat nets `flat` [*, 2], except on rails and within one net."""
        keep = (flat[:, 0] != flat[:, 1]) & (rails[flat] == 0).all(axis=1)
        self.pairs.append(flat[keep])
        self.occurrences.append(rows[keep].astype(np.int32))

    def assembled(self, nets: int) -> ContextTable:
        """The rows that occur, in the order of their first mention, and their occurrences."""
        flat = np.concatenate([np.zeros((0, 2), np.int64), *self.pairs])
        rows = np.concatenate([np.zeros(0, np.int32), *self.occurrences])
        code, occurrence_pair = np.unique(flat.min(axis=1) * nets + flat.max(axis=1), return_inverse=True)
        occurring, occurrence_context = np.unique(rows, return_inverse=True)
        columns = np.array(self.columns, np.int64).reshape(-1, 5)[occurring].T
        keys = np.array(self.keys, np.uint64).reshape(-1, 2)[occurring].T
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


@dataclass(frozen=True, slots=True)
class _Direction:
    """How the two instances of a `NEIGHBOUR` context lie to each other."""

    coordinate: int  # which one steps by one, counted from the end
    parity: int  # of the lower index; layouts mirror every other row or column


class _Enumeration:
    """Finds the contexts of a circuit, definition by definition, and notes them in templates."""

    def __init__(
        self,
        circuit: FlatCircuit,
        rails: NDArray[np.int8],
        terminals: TerminalTable,
        prints: tuple[Fingerprint, ...],
        templates: _Templates,
    ) -> None:
        self.circuit, self.rails, self.terminals, self.prints = circuit, rails, terminals, prints
        self.templates = templates
        self.leaves = _leaf_offsets(circuit)

    def nets(self, index: int, instances: NDArray[np.int64]) -> IntArray:
        """Flat nets of all local nets of instances of one definition, [instances, n]."""
        local = np.arange(self.circuit.definitions[index].net_count)
        nets: IntArray = self.circuit.terminal_net[self.circuit.terminal_offset[instances][:, None] + local]
        return nets

    def signal(self, nets: IntArray) -> NDArray[np.int64]:
        """Local nets that are no rail in at least one of the instances."""
        return np.flatnonzero((self.rails[nets] == 0).any(axis=0))

    def same(self, index: int, instances: NDArray[np.int64]) -> None:
        """Contexts inside one instance of a definition."""
        definition, fingerprint = self.circuit.definitions[index], self.prints[index]
        nets = self.nets(index, instances)
        signal = self.signal(nets)
        names = [indexed(label) for label in definition.net_labels]
        is_leaf = len(definition.device_card) > 0
        pairs = leaf_pairs(definition, signal) if is_leaf else routing_pairs(definition, signal, names)
        # wires between blocks and in arrays are known by what they join; those of a cell by the cell as well
        is_cell = is_leaf or _is_cell(definition)
        body = fingerprint.exact if is_cell else 0
        base = int(self.terminals.offset[index])
        parts = fingerprint.net_part.tolist()
        colours = fingerprint.net_exact.tolist() if is_cell else parts
        children = _children_at(definition)
        chosen, rows = [], []
        for pair in pairs:
            a, b = sorted(pair, key=colours.__getitem__)
            link = int(relation(names[a], names[b]))
            meet = int(not children[a].isdisjoint(children[b]))
            row = self.templates.row(
                (ContextKind.SAME, index, colours[a], colours[b], link, meet),
                (ContextKind.SAME, base + a, base + b, link, 0),
                (ContextKind.SAME, body, colours[a], colours[b], link, meet),
                (ContextKind.SAME, *sorted((parts[a], parts[b])), link, meet),
            )
            chosen.append((a, b))
            rows.append(row)
        if chosen:
            flat = nets[:, np.array(chosen)].reshape(-1, 2).astype(np.int64)
            self.templates.occur(flat, np.tile(np.array(rows), len(instances)), self.rails)

    def neighbours(self, index: int, instances: NDArray[np.int64]) -> None:
        """Contexts between children of a definition whose index differs by one in one coordinate.

        Their corresponding leaves face each other.
        """
        definition = self.circuit.definitions[index]
        facing: dict[tuple[int, int, _Direction], list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = {}
        for (_, count), members in families(definition.child_names).items():
            if not count:
                continue
            for lower, upper, coordinate, parity in steps(members, 1):
                below, owners = self.leaves[definition.child_definition[lower]]
                above, others = self.leaves[definition.child_definition[upper]]
                if len(below) != len(above):
                    continue
                start, end = definition.child_instance[lower], definition.child_instance[upper]
                direction = _Direction(min(coordinate, MAX_COORDINATE), parity)
                for owner, other in set(zip(owners.tolist(), others.tolist(), strict=True)):
                    chosen = (owners == owner) & (others == other)
                    parts = facing.setdefault((owner, other, direction), [])
                    parts.append((start + below[chosen], end + above[chosen]))
        for (owner, other, direction), parts in facing.items():
            lowers, uppers = (
                (instances[:, None] + np.concatenate([part[side] for part in parts])).ravel()
                for side in (0, 1)
            )
            self.face((owner, lowers), (other, uppers), direction)

    def face(
        self,
        lower: tuple[int, NDArray[np.int64]],
        upper: tuple[int, NDArray[np.int64]],
        direction: _Direction,
    ) -> None:
        """Contexts of every signal net of the lower instances with every one of the upper.

        Args:
            lower: leaf definition and its instances [B].
            upper: leaf definition and its instances [B], each across one boundary from the lower one.
            direction: how they lie to each other.
        """
        nets_a, nets_b = self.nets(*lower), self.nets(*upper)
        signal_a, signal_b = self.signal(nets_a).tolist(), self.signal(nets_b).tolist()
        if len(signal_a) * len(signal_b) > MAX_ALL_PAIRS**2:
            return
        exact, structural = self.terminals.key_exact, self.terminals.key_structural
        coordinate, parity = direction.coordinate, direction.parity
        for a in signal_a:
            side_a = int(self.terminals.offset[lower[0]]) + a
            for b in signal_b:
                side_b = int(self.terminals.offset[upper[0]]) + b
                row = self.templates.row(
                    (ContextKind.NEIGHBOUR, side_a, side_b, coordinate, parity),
                    (ContextKind.NEIGHBOUR, side_a, side_b, IndexRelation.NONE, coordinate),
                    (ContextKind.NEIGHBOUR, exact[side_a], exact[side_b], coordinate, parity),
                    (ContextKind.NEIGHBOUR, structural[side_a], structural[side_b], coordinate),
                )
                flat = np.stack([nets_a[:, a], nets_b[:, b]], axis=1).astype(np.int64)
                self.templates.occur(flat, np.full(len(flat), row), self.rails)


def _instances_by_definition(circuit: FlatCircuit) -> list[NDArray[np.int64]]:
    order = np.argsort(circuit.instance_definition, kind="stable")
    counts = np.bincount(circuit.instance_definition, minlength=len(circuit.definitions))
    return np.split(order, np.cumsum(counts)[:-1])


def _is_cell(definition: Definition) -> bool:
    """Whether a body of instances is a cell of its own: small, and no array of any size."""
    if len(definition.child_definition) > MAX_CELL_CHILDREN:
        return False
    kinds = definition.child_definition.tolist()
    return all(
        len({kinds[child] for _, child in members}) == len(members)
        for members in families(definition.child_names).values()
    )


def _children_at(definition: Definition) -> list[set[int]]:
    """Children that every local net is connected to."""
    found: list[set[int]] = [set() for _ in range(definition.net_count)]
    for child, (start, stop) in enumerate(pairwise(definition.child_net_offset.tolist())):
        for net in definition.child_net[start:stop].tolist():
            found[net].add(child)
    return found


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
