"""Meeting contexts: where two nets come near each other.

Capacitance adds up over the places where two nets meet, so a pair's coupling is a sum over its contexts, and
what one context contributes is the same wherever that context occurs. Two nets meet

- inside one instance, at any level of the hierarchy (`SAME`), or
- in two neighbouring leaf instances, told by the index structure of instance names (`NEIGHBOUR`).

A context is identified by its two sides, each a (definition, local net). All of it is enumerated per
definition and mapped onto flat nets by index arithmetic; the pairs that have a context are the candidate
pairs. Where one of the two is tied to a rail, as the word line of a dummy cell, what would be coupling
elsewhere is load of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.fingerprints import Fingerprint
from circuitgcl.graph.hashing import distinct_rows, hashed, row_hashes
from circuitgcl.graph.indices import IndexedNames, IndexRelation
from circuitgcl.graph.local_pairs import MAX_ALL_PAIRS, leaf_pairs, routing_pairs
from circuitgcl.graph.segments import Index, offsets, positions
from circuitgcl.graph.shared_parts import Memberships, shared_parts
from circuitgcl.graph.stable_hashing import hash64_rows
from circuitgcl.hashing import HashArray
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


def rails_everywhere(
    circuit: FlatCircuit, rails: NDArray[np.int8], terminals: TerminalTable
) -> NDArray[np.bool_]:
    """Local nets that are a rail wherever their definition is used, [Q]."""
    found = np.ones(len(terminals.definition), bool)
    found[terminal_rows(circuit, terminals)[rails[circuit.terminal_net] == 0]] = False
    return found


@dataclass(frozen=True, kw_only=True)
class ContextTable:
    """Distinct contexts of a circuit, K rows, and their occurrences: M between signals, R with a rail."""

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
    tied_net: IntArray  # [R] flat signal net that meets a rail
    tied_context: IntArray  # [R]

    @property
    def pair_count(self) -> int:
        """Number of candidate pairs P."""
        return len(self.pair)


def terminal_table(circuit: FlatCircuit, prints: tuple[Fingerprint, ...]) -> TerminalTable:
    """All (definition, local net) rows with their memory keys."""
    counts = [d.net_count for d in circuit.definitions]
    leaf = np.array([len(d.device_card) > 0 for d in circuit.definitions])
    definition = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    bodies = np.repeat(np.array([f.exact for f in prints], np.uint64), counts)
    colours = np.concatenate([np.zeros(0, np.uint64), *(f.net_exact for f in prints)])
    structural = np.concatenate([f.net_part for f in prints]) if prints else np.zeros(0, np.uint64)
    offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return TerminalTable(
        definition=definition,
        local=(np.arange(len(definition)) - np.repeat(offset[:-1], counts)).astype(np.int32),
        offset=offset,
        key_exact=hash64_rows(np.stack([bodies, colours], axis=1)),
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
        self.count = 0
        self.identities: dict[int, int] = {}  # of neighbour contexts, which several bodies may bring about
        self.columns: list[Index] = []  # [*, 5] kind, side a, side b, relation, coordinate
        self.exact: list[HashArray] = []
        self.structural: list[HashArray] = []
        self.pairs: list[IntArray] = []  # [*, 2] flat nets
        self.occurrences: list[IntArray] = []  # context row of each of them
        self.tied_nets: list[IntArray] = []  # flat
        self.tied_contexts: list[IntArray] = []  # context row of each of them

    def add(self, columns: Index, exact: HashArray, structural: HashArray) -> Index:
        """Numbers of new rows.

        Args:
            columns: [R, 5] kind, side a, side b, relation, coordinate.
            exact: [R, *] what the exact keys are hashes of.
            structural: [R, *] what the structural keys are hashes of.
        """
        self.columns.append(columns)
        self.exact.append(hash64_rows(exact))
        self.structural.append(hash64_rows(structural))
        rows = self.count + np.arange(len(columns))
        self.count += len(columns)
        return rows

    def known(self, identities: HashArray) -> Index:
        """Numbers of rows of these identities, -1 where there is none yet."""
        return np.array([self.identities.get(code, -1) for code in identities.tolist()], np.int64)

    def occur(self, flat: IntArray, rows: Index, rails: NDArray[np.int8]) -> None:
        """Add occurrences between the flat nets `flat` [*, 2], except between rails and within one net."""
        is_signal = rails[flat] == 0
        keep = is_signal.all(axis=1) & (flat[:, 0] != flat[:, 1])
        self.pairs.append(flat[keep])
        self.occurrences.append(rows[keep].astype(np.int32))
        tied = is_signal[:, 0] != is_signal[:, 1]
        self.tied_nets.append(flat[tied][is_signal[tied]])
        self.tied_contexts.append(rows[tied].astype(np.int32))

    def assembled(self, nets: int) -> ContextTable:
        """The rows that occur, in the order of their first mention, and their occurrences."""
        flat = np.concatenate([np.zeros((0, 2), np.int32), *self.pairs])
        self.pairs.clear()
        code, occurrence_pair = np.unique(
            flat.min(axis=1).astype(np.int64) * nets + flat.max(axis=1), return_inverse=True
        )
        nothing = np.zeros(0, np.int32)
        rows = np.concatenate([nothing, *self.occurrences])
        tied_rows = np.concatenate([nothing, *self.tied_contexts])
        is_used = np.zeros(self.count, bool)
        is_used[rows], is_used[tied_rows] = True, True
        occurring = np.flatnonzero(is_used)
        number = (np.cumsum(is_used) - 1).astype(np.int32)
        columns = np.concatenate([np.zeros((0, 5), np.int64), *self.columns])[occurring].T
        no_key = np.zeros(0, np.uint64)
        return ContextTable(
            kind=columns[0].astype(np.int8),
            side_a=columns[1].astype(np.int32),
            side_b=columns[2].astype(np.int32),
            relation=columns[3].astype(np.int8),
            coordinate=columns[4].astype(np.int8),
            key_exact=np.concatenate([no_key, *self.exact])[occurring],
            key_structural=np.concatenate([no_key, *self.structural])[occurring],
            pair=np.stack([code // nets, code % nets], axis=1).astype(np.int32),
            occurrence_pair=occurrence_pair.astype(np.int32).ravel(),
            occurrence_context=number[rows],
            tied_net=np.concatenate([nothing, *self.tied_nets]),
            tied_context=number[tied_rows],
        )


@dataclass(frozen=True, slots=True)
class _Facing:
    """Children of a body that lie next to each other in one direction: their definitions, and B pairs."""

    lower_definition: int
    upper_definition: int
    coordinate: int  # which one steps by one, counted from the end
    parity: int  # of the lower index; layouts mirror every other row or column
    lower: Index  # [B] instance numbers relative to the body
    upper: Index  # [B]


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
        self.is_signal = ~rails_everywhere(circuit, rails, terminals)  # [Q]

    def nets(self, index: int, instances: Index) -> IntArray:
        """Flat nets of all local nets of instances of one definition, [instances, n]."""
        local = np.arange(self.circuit.definitions[index].net_count)
        nets: IntArray = self.circuit.terminal_net[self.circuit.terminal_offset[instances][:, None] + local]
        return nets

    def signal(self, index: int) -> Index:
        """Local nets of a definition that are no rail in at least one of its instances."""
        first, last = self.terminals.offset[index : index + 2]
        return np.flatnonzero(self.is_signal[first:last])

    def same(self, index: int, instances: Index) -> None:
        """Contexts inside one instance of a definition."""
        definition, fingerprint = self.circuit.definitions[index], self.prints[index]
        nets = self.nets(index, instances)
        names = IndexedNames.of(definition.net_labels)
        is_leaf = len(definition.device_card) > 0
        pairs = (leaf_pairs if is_leaf else routing_pairs)(definition, self.signal(index), names)
        if not len(pairs):
            return
        # wires between blocks and in arrays are known by what they join; those of a cell by the cell as well
        is_cell = is_leaf or _is_cell(definition)
        parts = fingerprint.net_part
        colours = fingerprint.net_exact if is_cell else parts
        swapped = colours[pairs[:, 0]] > colours[pairs[:, 1]]
        pairs[swapped] = pairs[swapped, ::-1]
        a, b = pairs.T
        link = names.relation(a, b).astype(np.uint64)
        meet = (shared_children(definition, pairs) > 0).astype(np.uint64)
        kind = np.full(len(pairs), ContextKind.SAME, np.uint64)
        body = np.full(len(pairs), fingerprint.exact if is_cell else 0, np.uint64)
        exact = np.stack([kind, body, colours[a], colours[b], link, meet], axis=1)
        first, row = distinct_rows(exact.view(np.int64))
        base = int(self.terminals.offset[index])
        sides = np.sort(np.stack([parts[a[first]], parts[b[first]]], axis=1), axis=1)
        nothing = np.zeros(len(first), np.int64)
        new = self.templates.add(
            np.stack(
                [
                    nothing + ContextKind.SAME,
                    base + a[first],
                    base + b[first],
                    link[first].astype(np.int64),
                    nothing,
                ],
                axis=1,
            ),
            exact[first],
            np.column_stack([kind[first], sides, link[first], meet[first]]),
        )
        self.templates.occur(nets[:, pairs].reshape(-1, 2), np.tile(new[row], len(instances)), self.rails)

    def neighbours(self, index: int, instances: Index) -> None:
        """Contexts between children of a definition whose index differs by one in one coordinate.

        Their corresponding leaves face each other.
        """
        for facing in self.facing(index):
            lowers = (instances[:, None] + facing.lower).ravel()
            uppers = (instances[:, None] + facing.upper).ravel()
            self.face(facing, lowers, uppers)

    def facing(self, index: int) -> list[_Facing]:
        """Leaves that face each other in one instance of a definition, alike ones together."""
        definition = self.circuit.definitions[index]
        kinds = definition.child_definition
        steps = IndexedNames.of(definition.child_names).steps(1)
        coordinate, parity = np.minimum(steps.place, MAX_COORDINATE), steps.value % 2
        code = np.stack([kinds[steps.lower], kinds[steps.upper], coordinate, parity], axis=1)
        groups, group = np.unique(code, axis=0, return_inverse=True)
        found: dict[tuple[int, int, int, int], list[tuple[Index, Index]]] = {}
        for number, (lower_kind, upper_kind, place, odd) in enumerate(groups.tolist()):
            below, owners = self.leaves[lower_kind]
            above, others = self.leaves[upper_kind]
            if len(below) != len(above):
                continue
            chosen = np.flatnonzero(group.ravel() == number)
            start = definition.child_instance[steps.lower[chosen]][:, None]
            end = definition.child_instance[steps.upper[chosen]][:, None]
            corresponding = np.unique(np.stack([owners, others], axis=1), axis=0).tolist()
            for owner, other in corresponding:
                leaf = (owners == owner) & (others == other)
                parts = found.setdefault((owner, other, place, odd), [])
                parts.append(((start + below[leaf]).ravel(), (end + above[leaf]).ravel()))
        return [
            _Facing(*key, *(np.concatenate([part[side] for part in parts]) for side in (0, 1)))
            for key, parts in found.items()
        ]

    def face(self, facing: _Facing, lowers: Index, uppers: Index) -> None:
        """Contexts of signal nets of the lower instances [B] with those of the upper [B]."""
        nets_a = self.nets(facing.lower_definition, lowers)
        nets_b = self.nets(facing.upper_definition, uppers)
        lower, upper = self.signal(facing.lower_definition), self.signal(facing.upper_definition)
        a, b = self._facing_nets(facing, lower, upper)
        if not len(a):
            return
        side_a = self.terminals.offset[facing.lower_definition] + a
        side_b = self.terminals.offset[facing.upper_definition] + b
        exact, structural = self.terminals.key_exact, self.terminals.key_structural
        kind = np.full(len(a), ContextKind.NEIGHBOUR, np.int64)
        coordinate, parity = np.full(len(a), facing.coordinate), np.full(len(a), facing.parity)
        identity = row_hashes(np.stack([side_a, side_b, coordinate, parity], axis=1))
        rows = self.templates.known(identity)
        new = np.flatnonzero(rows < 0)
        columns = np.stack([kind, side_a, side_b, np.full(len(a), IndexRelation.NONE), coordinate], axis=1)
        keyed = (kind, exact[side_a], exact[side_b], coordinate, parity)
        classed = (kind, structural[side_a], structural[side_b], coordinate)
        rows[new] = self.templates.add(
            columns[new],
            *(
                np.stack([part[new].astype(np.uint64) for part in parts], axis=1)
                for parts in (keyed, classed)
            ),
        )
        self.templates.identities.update(zip(identity[new].tolist(), rows[new].tolist(), strict=True))
        for one, other, row in zip(a.tolist(), b.tolist(), rows.tolist(), strict=True):
            flat = np.stack([nets_a[:, one], nets_b[:, other]], axis=1)
            self.templates.occur(flat, np.full(len(flat), row), self.rails)

    def _facing_nets(self, facing: _Facing, lower: Index, upper: Index) -> tuple[Index, Index]:
        """Local nets of two neighbours that meet: all of small ones; of larger ones the ports, and like nets.

        Ports reach the edge that neighbours share, and like nets of two equal blocks run beside each other.
        Where the ports alone make more than `MAX_ALL_PAIRS` squared pairs, only like nets meet, so that the
        cost stays linear in the size of a block.
        """
        one, other = lower, upper
        if len(one) * len(other) > MAX_ALL_PAIRS**2:
            definitions = self.circuit.definitions
            one = lower[lower < definitions[facing.lower_definition].port_count]
            other = upper[upper < definitions[facing.upper_definition].port_count]
        if len(one) * len(other) > MAX_ALL_PAIRS**2:
            one = other = lower[:0]
        a, b = np.repeat(one, len(other)), np.tile(other, len(one))
        if len(one) < len(lower) and facing.lower_definition == facing.upper_definition:
            like = np.intersect1d(lower, upper)
            like = like[~np.isin(like, np.intersect1d(one, other))]
            a, b = np.append(a, like), np.append(b, like)
        return a, b


def _instances_by_definition(circuit: FlatCircuit) -> list[Index]:
    order = np.argsort(circuit.instance_definition, kind="stable")
    counts = np.bincount(circuit.instance_definition, minlength=len(circuit.definitions))
    return np.split(order, np.cumsum(counts)[:-1])


def _is_cell(definition: Definition) -> bool:
    """Whether a body of instances is a cell of its own: small, and no array of any size."""
    if len(definition.child_definition) > MAX_CELL_CHILDREN:
        return False
    names = IndexedNames.of(definition.child_names)
    alike = np.stack([names.family, hashed(definition.child_definition)], axis=1)
    return len(np.unique(alike, axis=0)) == len(alike)


def shared_children(definition: Definition, pair: NDArray[np.integer]) -> Index:
    """Number of children that hold both local nets of [P, 2] pairs."""
    child = np.repeat(np.arange(len(definition.child_definition)), np.diff(definition.child_net_offset))
    members = Memberships.of(child, definition.child_net, definition.net_count)
    return np.bincount(shared_parts(members, pair, definition.net_count).pair, minlength=len(pair))


def _leaf_offsets(circuit: FlatCircuit) -> list[tuple[Index, IntArray]]:
    """Leaf instances below one instance of each definition: (instance number relative to it, definition)."""
    found: list[tuple[Index, IntArray]] = []
    for index, definition in enumerate(circuit.definitions):
        own = int(len(definition.device_card) > 0)
        kinds, kind = np.unique(definition.child_definition, return_inverse=True)
        below = [found[child] for child in kinds.tolist()]
        bounds = offsets(np.array([len(numbers) for numbers, _ in below], np.int64))
        counts = np.diff(bounds)[kind]
        chosen = positions(bounds[kind], counts)
        none = np.zeros(0, np.int64)
        numbers = np.concatenate([none, *(numbers for numbers, _ in below)])[chosen]
        owners = np.concatenate([none, *(owners for _, owners in below)])[chosen].astype(np.int32)
        shifted = numbers + np.repeat(definition.child_instance, counts)
        found.append(
            (
                np.concatenate([np.zeros(own, np.int64), shifted]),
                np.concatenate([np.full(own, index, np.int32), owners]),
            )
        )
    return found
