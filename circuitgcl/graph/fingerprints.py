"""Content fingerprints of definitions and of the nets inside them.

A leaf cell keeps its layout wherever it is used, so what was learned about it must be found again under
another name. A fingerprint is a 64-bit hash of what a definition contains (devices, sizes, local
connectivity, port order); a net's colour is a hash of the part it plays in there. Both come twice: `exact`
(with sizes and models) and `structural` (topology and models only). Colours are those of role-aware colour
refinement (1-WL); names only break ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.pins import body_pins
from circuitgcl.graph.segments import Index, offsets, positions
from circuitgcl.graph.stable_hashing import hash64, hash64_rows, hash64_segments
from circuitgcl.hashing import HashArray
from circuitgcl.netlist.records import Definition, DeviceTable, FlatCircuit

REFINEMENT_ROUNDS = 6  # in bodies that keep their ties; others are refined until nothing changes
MAX_TIE_NETS = 48  # larger bodies keep their ties: breaking them costs a refinement each
SIZE_STEP_M = 1e-9  # drawn sizes are compared on a nanometre grid


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Hashes of one definition with n local nets."""

    exact: int
    structural: int
    net_exact: HashArray  # [n] colour of every local net
    net_structural: HashArray  # [n]
    net_part: HashArray  # [n] which kinds of terminals the net joins, whatever their number


def fingerprints(circuit: FlatCircuit, rails: NDArray[np.int8]) -> tuple[Fingerprint, ...]:
    """Fingerprint of every definition of a circuit, in its order (children come before parents).

    Args:
        circuit: the flat circuit.
        rails: [N] rail kind of the flat nets; a local net takes the kind of its first instance.
    """
    kinds = local_rail_kinds(circuit, rails)
    card_exact, card_structural = _card_hashes(circuit.table)
    found: list[Fingerprint] = []
    for definition, local_kinds in zip(circuit.definitions, kinds, strict=True):
        below = [found[child] for child in definition.child_definition.tolist()]
        exact_parts = _parts(
            circuit.table,
            definition,
            card_exact,
            np.array([f.exact for f in below], np.uint64),
            [f.net_exact for f in below],
        )
        structural_parts = _parts(
            circuit.table,
            definition,
            card_structural,
            np.array([f.structural for f in below], np.uint64),
            [f.net_structural for f in below],
        )
        net_exact, exact = _refine(definition, exact_parts, local_kinds)
        net_structural, structural = _refine(definition, structural_parts, local_kinds)
        found.append(
            Fingerprint(
                exact=exact,
                structural=structural,
                net_exact=net_exact,
                net_structural=net_structural,
                net_part=_net_parts(definition, below, structural, net_structural),
            )
        )
    return tuple(found)


def local_rail_kinds(circuit: FlatCircuit, rails: NDArray[np.int8]) -> list[NDArray[np.int8]]:
    """Rail kind of every definition's local nets, read off its first instance."""
    _, first = np.unique(circuit.instance_definition, return_index=True)
    kinds: list[NDArray[np.int8]] = [np.zeros(d.net_count, np.int8) for d in circuit.definitions]
    for instance in first.tolist():
        start, stop = circuit.terminal_offset[instance : instance + 2]
        kinds[circuit.instance_definition[instance]] = rails[circuit.terminal_net[start:stop]]
    return kinds


@dataclass(frozen=True, slots=True)
class _Parts:
    """Devices, then children of a body, as labelled hyperedges over its n local nets: m parts, p pins."""

    label: HashArray  # [m]
    offset: Index  # [m + 1]
    role: HashArray  # [p] PinRole of a device's pin; colour of the child's own net
    net: NDArray[np.int64]  # [p]

    @property
    def part(self) -> Index:
        """Part of every pin, [p]."""
        return np.repeat(np.arange(len(self.label)), np.diff(self.offset))


def _parts(
    table: DeviceTable,
    definition: Definition,
    card_labels: HashArray,
    child_labels: HashArray,
    child_colours: list[HashArray],
) -> _Parts:
    cards = definition.device_card
    _, _, roles = body_pins(table, definition)
    ports = np.diff(definition.child_net_offset).tolist()
    colours = [found[:count] for found, count in zip(child_colours, ports, strict=True)]
    return _Parts(
        label=np.concatenate([card_labels[cards], child_labels]),
        offset=offsets(
            np.concatenate([np.diff(definition.pin_offset), np.diff(definition.child_net_offset)])
        ),
        role=np.concatenate([roles.astype(np.uint64), *colours]),
        net=np.concatenate([definition.pin_net, definition.child_net]).astype(np.int64),
    )


def _card_hashes(table: DeviceTable) -> tuple[HashArray, HashArray]:
    """Labels of all device cards, [K] with sizes and [K] without."""
    models = [name.casefold() for name in table.model_names]
    exact, structural = [], []
    columns = (table.device_type, table.model, table.pins, table.width_m, table.length_m)
    counts = zip(table.fingers.tolist(), table.multiplier.tolist(), table.value.tolist(), strict=True)
    for (kind, model, pins, *sizes), count in zip(
        zip(*(column.tolist() for column in columns), strict=True), counts, strict=True
    ):
        steps = [-1 if np.isnan(size) else round(size / SIZE_STEP_M) for size in sizes]
        exact.append(hash64((kind, models[model], *steps, *(f"{number:.6g}" for number in count))))
        structural.append(hash64((kind, models[model], pins)))
    return np.array(exact, np.uint64), np.array(structural, np.uint64)


def _net_parts(
    definition: Definition, below: list[Fingerprint], structural: int, net_structural: HashArray
) -> HashArray:
    """What kinds of leaf terminals each local net joins, as a set: the same in an array of any size."""
    if len(definition.device_card):
        whole = np.full(len(net_structural), structural, np.uint64)
        return hash64_rows(np.stack([whole, net_structural], axis=1))
    ports = np.diff(definition.child_net_offset).tolist()
    part = np.concatenate(
        [np.zeros(0, np.uint64), *(f.net_part[:count] for f, count in zip(below, ports, strict=True))]
    )
    net = definition.child_net
    order = np.lexsort((part, net))
    net, part = net[order], part[order]
    first = np.ones(len(net), bool)
    first[1:] = (net[1:] != net[:-1]) | (part[1:] != part[:-1])
    counts = np.bincount(net[first], minlength=definition.net_count)
    return hash64_segments(offsets(counts), part[first], "parts")


def _refine(definition: Definition, parts: _Parts, rail_kinds: NDArray[np.int8]) -> tuple[HashArray, int]:
    """Net colours after refinement, and the hash of the whole body.

    Ports start from their position, so that two internal nets which only mirror each other still differ when
    the ports they lead to do.
    """
    ports = [hash64(("port", local)) for local in range(definition.port_count)]
    inner = np.array([hash64(("net", kind)) for kind in range(int(rail_kinds.max(initial=0)) + 1)], np.uint64)
    start = np.concatenate([np.array(ports, np.uint64), inner[rail_kinds[definition.port_count :]]])
    around = _Surroundings(parts)
    colours = _refined(start, parts, around)
    if len(colours) <= MAX_TIE_NETS:
        names = [label.casefold() for label in definition.net_labels]
        while (tied := _first_tie(colours, names)) is not None:
            colours[tied] = hash64(("tie", colours[tied]))
            colours = _refined(colours, parts, around)
    whole = np.sort(around.hashes(colours, with_roles=False))
    return colours, hash64((definition.port_count, *whole.tolist()))


class _Surroundings:
    """Hash of every part with the colours of its nets; drain and source are exchangeable, hence sorted."""

    def __init__(self, parts: _Parts) -> None:
        self.parts = parts
        self._role_rank = np.unique(parts.role, return_inverse=True)[1]
        counts = np.diff(parts.offset)
        self._groups = [
            (rows, parts.offset[rows][:, None] + np.arange(arity))
            for arity in np.unique(counts).tolist()
            for rows in (np.flatnonzero(counts == arity),)
        ]

    def hashes(self, colours: HashArray, *, with_roles: bool = True) -> HashArray:
        """One for every part, [m]."""
        parts = self.parts
        ranked, colour_rank = np.unique(colours, return_inverse=True)
        key = self._role_rank * (len(ranked) + 1) + colour_rank[parts.net]
        found = np.zeros(len(parts.label), np.uint64)
        for rows, pins in self._groups:
            pins = np.take_along_axis(pins, np.argsort(key[pins], axis=1, kind="stable"), axis=1)
            seen = colours[parts.net[pins]]
            if with_roles:
                seen = np.stack([parts.role[pins], seen], axis=2).reshape(len(rows), -1)
            found[rows] = hash64_rows(np.concatenate([parts.label[rows][:, None], seen], axis=1))
        return found


def _refined(colours: HashArray, parts: _Parts, around: _Surroundings) -> HashArray:
    """Colours after refinement until the partition is stable, or for `REFINEMENT_ROUNDS` of a large body."""
    count = len(colours)
    classes = len(np.unique(colours))
    part = parts.part
    bounds = offsets(np.bincount(parts.net, minlength=count) + 1)
    for _ in range(max(REFINEMENT_ROUNDS, count if count <= MAX_TIE_NETS else 0)):
        pins = hash64_rows(np.stack([around.hashes(colours)[part], parts.role], axis=1))
        order = np.lexsort((pins, parts.net))
        seen = np.empty(bounds[-1], np.uint64)
        seen[bounds[:-1]] = colours
        seen[positions(bounds[:-1] + 1, np.diff(bounds) - 1)] = pins[order]
        colours = hash64_segments(bounds, seen)
        found = len(np.unique(colours))
        if found in (classes, count):
            break
        classes = found
    return colours


def _first_tie(colours: HashArray, names: list[str]) -> int | None:
    """Net to set apart next: the first by name of the smallest colour that several nets share, if any.

    A cell whose halves mirror each other is still laid out one way, and its nets keep their names from design
    to design.
    """
    shared, counts = np.unique(colours, return_counts=True)
    shared = shared[counts > 1]
    if not len(shared):
        return None
    group: list[int] = np.flatnonzero(colours == shared[0]).tolist()
    return min(group, key=lambda net: names[net])
