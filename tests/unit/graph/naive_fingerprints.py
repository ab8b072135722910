"""Fingerprints with plain Python tuples, one hash at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.fingerprints import MAX_TIE_NETS, REFINEMENT_ROUNDS, SIZE_STEP_M, local_rail_kinds
from circuitgcl.graph.pins import card_roles
from circuitgcl.graph.stable_hashing import hash64
from circuitgcl.netlist import FlatCircuit
from circuitgcl.netlist.records import Definition, DeviceTable

Attachment = tuple[int, tuple[tuple[int, int], ...]]  # (label of the part, ((role, local net), ...))


@dataclass(frozen=True, kw_only=True)
class NaivePrint:
    exact: int
    structural: int
    net_exact: list[int]
    net_structural: list[int]
    net_part: list[int]


def naive_fingerprints(circuit: FlatCircuit, rails: NDArray[np.int8]) -> list[NaivePrint]:
    """NaivePrint of every definition of a circuit, in its order (children come before parents).

    Args:
        circuit: the flat circuit.
        rails: [N] rail kind of the flat nets; a local net takes the kind of its first instance.
    """
    kinds = local_rail_kinds(circuit, rails)
    found: list[NaivePrint] = []
    for definition, local_kinds in zip(circuit.definitions, kinds, strict=True):
        neighbours_exact = _attachments(circuit.table, definition, found, exact=True)
        neighbours_structural = _attachments(circuit.table, definition, found, exact=False)
        net_exact, exact = _refine(definition, neighbours_exact, local_kinds)
        net_structural, structural = _refine(definition, neighbours_structural, local_kinds)
        found.append(
            NaivePrint(
                exact=exact,
                structural=structural,
                net_exact=net_exact,
                net_structural=net_structural,
                net_part=_net_parts(circuit.table, definition, found, structural, net_structural),
            )
        )
    return found


def _attachments(
    table: DeviceTable, definition: Definition, below: list[NaivePrint], *, exact: bool
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
        colours = (fingerprint.net_exact if exact else fingerprint.net_structural)[: len(nets)]
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
    below: list[NaivePrint],
    structural: int,
    net_structural: list[int],
) -> list[int]:
    """What kinds of leaf terminals each local net joins, as a set: the same in an array of any size."""
    if len(definition.device_card):
        return [hash64((structural, colour)) for colour in net_structural]
    joined: list[set[int]] = [set() for _ in range(definition.net_count)]
    for position, child in enumerate(definition.child_definition.tolist()):
        start, stop = definition.child_net_offset[position : position + 2]
        for port, net in enumerate(definition.child_net[start:stop].tolist()):
            joined[net].add(int(below[child].net_part[port]))
    return [hash64(("parts", *sorted(parts))) for parts in joined]


def _refine(
    definition: Definition, parts: list[Attachment], rail_kinds: NDArray[np.int8]
) -> tuple[list[int], int]:
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
    return colours, whole


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
