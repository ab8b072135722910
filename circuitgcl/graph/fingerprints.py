"""Content fingerprints of definitions and of the nets inside them.

A leaf cell keeps its layout wherever it is used, so what was learned about it must be found again under
another name. A fingerprint is a 64-bit hash of what a definition contains (devices, sizes, local
connectivity, port order); a net's colour is a hash of the part it plays in there. Both come twice: `exact`
(with sizes and models) and `structural` (topology and models only). Colours are those of role-aware colour
refinement (1-WL); names only break ties.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.pins import card_roles
from circuitgcl.netlist.records import Definition, DeviceTable, FlatCircuit

HashArray = NDArray[np.uint64]

REFINEMENT_ROUNDS = 6  # in bodies that keep their ties; others are refined until nothing changes
MAX_TIE_NETS = 48  # larger bodies keep their ties: breaking them costs a refinement each
SIZE_STEP_M = 1e-9  # drawn sizes are compared on a nanometre grid

_MASK = (1 << 64) - 1


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Hashes of one definition with n local nets."""

    exact: int
    structural: int
    net_exact: HashArray  # [n] colour of every local net
    net_structural: HashArray  # [n]
    net_part: HashArray  # [n] which kinds of terminals the net joins, whatever their number


def hash64(parts: Iterable[object]) -> int:
    """Stable 64-bit hash of a sequence of numbers and texts."""
    content = b"".join(
        b"i" + (int(part) & _MASK).to_bytes(8, "little")
        if isinstance(part, (int, np.integer))
        else b"s" + str(part).encode() + b"\x00"
        for part in parts
    )
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def fingerprints(circuit: FlatCircuit, rails: NDArray[np.int8]) -> tuple[Fingerprint, ...]:
    """Fingerprint of every definition of a circuit, in its order (children come before parents).

    Args:
        circuit: the flat circuit.
        rails: [N] rail kind of the flat nets; a local net takes the kind of its first instance.
    """
    kinds = local_rail_kinds(circuit, rails)
    found: list[Fingerprint] = []
    for definition, local_kinds in zip(circuit.definitions, kinds, strict=True):
        neighbours_exact = _attachments(circuit.table, definition, found, exact=True)
        neighbours_structural = _attachments(circuit.table, definition, found, exact=False)
        net_exact, exact = _refine(definition, neighbours_exact, local_kinds)
        net_structural, structural = _refine(definition, neighbours_structural, local_kinds)
        found.append(
            Fingerprint(
                exact=exact,
                structural=structural,
                net_exact=net_exact,
                net_structural=net_structural,
                net_part=_net_parts(circuit.table, definition, found, structural, net_structural),
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


Attachment = tuple[int, tuple[tuple[int, int], ...]]  # (label of the part, ((role, local net), ...))


def _attachments(
    table: DeviceTable, definition: Definition, below: list[Fingerprint], *, exact: bool
) -> list[Attachment]:
    """Devices and children of a body as labelled hyperedges over its local nets."""
    parts: list[Attachment] = []
    for row, card in enumerate(definition.device_card.tolist()):
        start, stop = definition.pin_offset[row : row + 2]
        nets = definition.pin_net[start:stop].tolist()
        roles = [int(role) for role in card_roles(table, card)]
        parts.append((_card_hash(table, card, exact=exact), tuple(zip(roles, nets, strict=True))))
    for position, child in enumerate(definition.child_definition.tolist()):
        start, stop = definition.child_net_offset[position : position + 2]
        nets = definition.child_net[start:stop].tolist()
        fingerprint = below[child]
        label = fingerprint.exact if exact else fingerprint.structural
        colours = (fingerprint.net_exact if exact else fingerprint.net_structural)[: len(nets)].tolist()
        parts.append((label, tuple(zip(colours, nets, strict=True))))
    return parts


def _card_hash(table: DeviceTable, card: int, *, exact: bool) -> int:
    kind = int(table.device_type[card])
    model = table.model_names[table.model[card]].casefold()
    if not exact:
        return hash64((kind, model, int(table.pins[card])))
    sizes = (table.width_m[card], table.length_m[card])
    steps = [-1 if np.isnan(size) else round(size / SIZE_STEP_M) for size in sizes]
    counts = (table.fingers[card], table.multiplier[card], table.value[card])
    return hash64((kind, model, *steps, *(f"{count:.6g}" for count in counts)))


def _net_parts(
    table: DeviceTable,
    definition: Definition,
    below: list[Fingerprint],
    structural: int,
    net_structural: HashArray,
) -> HashArray:
    """What kinds of leaf terminals each local net joins, as a set: the same in an array of any size."""
    if len(definition.device_card):
        return np.array([hash64((structural, colour)) for colour in net_structural.tolist()], np.uint64)
    joined: list[set[int]] = [set() for _ in range(definition.net_count)]
    for position, child in enumerate(definition.child_definition.tolist()):
        start, stop = definition.child_net_offset[position : position + 2]
        for port, net in enumerate(definition.child_net[start:stop].tolist()):
            joined[net].add(int(below[child].net_part[port]))
    return np.array([hash64(("parts", *sorted(parts))) for parts in joined], np.uint64)


def _refine(
    definition: Definition, parts: list[Attachment], rail_kinds: NDArray[np.int8]
) -> tuple[HashArray, int]:
    """Net colours after refinement, and the hash of the whole body.

    Ports start from their position, so that two internal nets which only mirror each other still differ when
    the ports they lead to do.
    """
    colours = [
        hash64(("port", local)) if local < definition.port_count else hash64(("net", int(kind)))
        for local, kind in enumerate(rail_kinds.tolist())
    ]
    colours = _refined(colours, parts)
    if len(colours) <= MAX_TIE_NETS:
        names = [label.casefold() for label in definition.net_labels]
        while (tied := _first_tie(colours, names)) is not None:
            colours[tied] = hash64(("tie", colours[tied]))
            colours = _refined(colours, parts)
    whole = hash64(
        (
            definition.port_count,
            *sorted(
                hash64((label, *(colours[net] for _, net in pins)))
                for label, pins in _sorted_pins(parts, colours)
            ),
        )
    )
    return np.array(colours, np.uint64), whole


def _refined(colours: list[int], parts: list[Attachment]) -> list[int]:
    """Colours after refinement until the partition is stable, or for `REFINEMENT_ROUNDS` of a large body."""
    classes = len(set(colours))
    for _ in range(max(REFINEMENT_ROUNDS, len(colours) if len(colours) <= MAX_TIE_NETS else 0)):
        gathered: list[list[int]] = [[] for _ in colours]
        for label, pins in parts:
            # drain and source are exchangeable, hence sorted
            around = hash64(
                (label, *(x for pair in sorted((role, colours[net]) for role, net in pins) for x in pair))
            )
            for role, net in pins:
                gathered[net].append(hash64((around, role)))
        colours = [hash64((own, *sorted(seen))) for own, seen in zip(colours, gathered, strict=True)]
        if len(set(colours)) in (classes, len(colours)):
            break
        classes = len(set(colours))
    return colours


def _first_tie(colours: list[int], names: list[str]) -> int | None:
    """Net to set apart next: the first by name of the smallest colour that several nets share, if any.

    A cell whose halves mirror each other is still laid out one way, and its nets keep their names from design
    to design.
    """
    shared = [colour for colour in set(colours) if colours.count(colour) > 1]
    if not shared:
        return None
    group = [net for net, colour in enumerate(colours) if colour == min(shared)]
    return min(group, key=lambda net: names[net])


def _sorted_pins(parts: list[Attachment], colours: list[int]) -> Iterable[Attachment]:
    for label, pins in parts:
        yield label, tuple(sorted(pins, key=lambda pin: (pin[0], colours[pin[1]])))
