"""Descriptors of terminals and contexts: what a network may know about a place where nets meet.

Everything is computed per definition, so its cost follows the text of the netlist, not its flat size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.adjacency import adjacency_features
from circuitgcl.graph.contexts import (
    ContextKind,
    ContextTable,
    TerminalTable,
    rails_everywhere,
    shared_children,
)
from circuitgcl.graph.device_bodies import Bodies
from circuitgcl.graph.feature_schema import ADJACENCY_FEATURES, MAX_COORDINATES, PLACEMENT_FEATURES
from circuitgcl.graph.features import Float32Array, card_columns
from circuitgcl.graph.indices import IndexRelation
from circuitgcl.graph.pins import body_pins
from circuitgcl.graph.placement import compactness, placement_features
from circuitgcl.graph.segments import offsets, positions
from circuitgcl.graph.shared_parts import Memberships, shared_parts
from circuitgcl.netlist.records import Definition, FlatCircuit
from circuitgcl.schema import DeviceType, PinRole

# statistics of a local net: counts by role and polarity, then these; all but the last are features
_OTHER_SLOT, _GATE_WIDTH, _SOURCE_DRAIN_WIDTH, _LEAVES, _BULK_SLOT, _JOINED_AREA = range(4, 10)
_COUNTS, _STATISTICS = 9, 10


@dataclass(frozen=True, slots=True)
class _Contents:
    """What one definition contains, everything below it included."""

    statistics: NDArray[np.float64]  # [n, _STATISTICS] of what each local net joins
    devices: float
    area: float  # squared channel lengths


def terminal_features(
    circuit: FlatCircuit, rails: NDArray[np.int8], terminals: TerminalTable, reference_m: float
) -> Float32Array:
    """Features of every (definition, local net), [Q, F] in the order of `TERMINAL_FEATURES`.

    Args:
        circuit: the flat circuit.
        rails: [N] rail kind of the flat nets.
        terminals: its terminal table.
        reference_m: the technology's length scale.
    """
    columns, bodies = card_columns(circuit, reference_m), Bodies.of(circuit)
    own = _own_statistics(circuit, bodies, columns["width"])
    contents: list[_Contents] = []  # children come before parents
    rows = []
    crossed = _cross_coupled(circuit, bodies)
    for definition, statistics, is_crossed in zip(circuit.definitions, own, crossed, strict=True):
        contents.append(_contents(definition, statistics, columns["device_area"], contents))
        rows.append(_rows(definition, contents[-1], is_crossed))
    features = np.concatenate(rows)
    is_rail = np.split(rails_everywhere(circuit, rails, terminals), terminals.offset[1:-1])
    compact = [compactness(circuit, *body) for body in zip(circuit.definitions, is_rail, strict=True)]
    scale = np.full(len(features), np.log(reference_m * 1e9))
    return np.column_stack([features, np.concatenate(compact), scale]).astype(np.float32)


def _own_statistics(
    circuit: FlatCircuit, bodies: Bodies, card_width: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Pins and widths on the local nets of every definition, [n, _STATISTICS] each; children left out."""
    card = np.repeat(bodies.card, bodies.device_pins)
    kind, role = circuit.table.device_type[card], bodies.pin_role
    gate, source_drain = role == PinRole.GATE, role == PinRole.SOURCE_DRAIN
    slot = np.where(role == PinRole.BULK, _BULK_SLOT, _OTHER_SLOT)
    for place, chosen in enumerate(
        polarity & part
        for part in (gate, source_drain)
        for polarity in (kind == DeviceType.NMOS, kind == DeviceType.PMOS)
    ):
        slot[chosen] = place
    bounds = offsets(np.array([part.net_count for part in circuit.definitions]))
    net = np.repeat(bounds[:-1], np.diff(bodies.pin_offset)) + bodies.pin_net
    rows = int(bounds[-1])
    counts = np.bincount(net * _STATISTICS + slot, minlength=rows * _STATISTICS)
    found = counts.reshape(rows, _STATISTICS).astype(np.float64)
    for column, chosen in (
        (_GATE_WIDTH, slot < 2),
        (_SOURCE_DRAIN_WIDTH, (slot >= 2) & (slot < _OTHER_SLOT)),
    ):
        found[:, column] = np.bincount(net[chosen], card_width[card[chosen]], rows)
    return np.split(found, bounds[1:-1])


def _cross_coupled(circuit: FlatCircuit, bodies: Bodies) -> list[NDArray[np.bool_]]:
    """Whether each local net is cross-coupled with another inside its own body, [n] per definition.

    Two nets are cross-coupled where each is the gate of a MOSFET whose source or drain is the other, as in
    the bit of a memory, a latch or a sense amplifier.
    """
    device = np.repeat(np.arange(len(bodies.card)), bodies.device_pins)
    bounds = offsets(np.array([part.net_count for part in circuit.definitions]))
    net = np.repeat(bounds[:-1], np.diff(bodies.pin_offset)) + bodies.pin_net
    gate_net = np.full(len(bodies.card), -1)
    is_gate = bodies.pin_role == PinRole.GATE
    gate_net[device[is_gate]] = net[is_gate]
    driven, gate = net, gate_net[device]
    kept = (bodies.pin_role == PinRole.SOURCE_DRAIN) & (gate >= 0) & (gate != driven)
    driven, gate, count = driven[kept], gate[kept], int(bounds[-1])
    drives = np.unique(gate * count + driven)
    back = drives % count * count + drives // count
    crossed = np.zeros(count, bool)
    crossed[drives[np.isin(drives, back)] // count] = True
    return np.split(crossed, bounds[1:-1])


def _contents(
    definition: Definition,
    own: NDArray[np.float64],
    card_area: NDArray[np.float64],
    below: list[_Contents],
) -> _Contents:
    area = float(card_area[definition.device_card].sum())
    devices = float(len(definition.device_card))
    if devices:
        own[:, _LEAVES] += 1
        own[:, _JOINED_AREA] += area
    kinds, kind, times = np.unique(definition.child_definition, return_inverse=True, return_counts=True)
    bounds = offsets(np.array([len(below[child].statistics) for child in kinds.tolist()], np.int64))
    joined = np.concatenate([own[:0], *(below[child].statistics for child in kinds.tolist())])
    rows = positions(bounds[kind], np.diff(definition.child_net_offset))
    for column in np.flatnonzero(joined.any(axis=0)).tolist():
        np.add.at(own[:, column], definition.child_net, joined[rows, column])
    for child, count in zip(kinds.tolist(), times.tolist(), strict=True):
        area += count * below[child].area
        devices += count * below[child].devices
    return _Contents(own, devices, area)


def _rows(definition: Definition, contents: _Contents, crossed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """All columns but the last two of a definition's local nets, [n, F - 2]."""
    count, found = definition.net_count, contents.statistics
    children = np.bincount(definition.child_net, minlength=count)
    cell = np.log1p([contents.devices, contents.area, count, definition.port_count])
    return np.column_stack(
        [
            np.log1p(found[:, :_COUNTS]),
            np.log1p(children),
            np.arange(count) < definition.port_count,
            np.full(count, len(definition.device_card) > 0),
            np.tile(cell, (count, 1)),
            np.log1p(found[:, _JOINED_AREA]),
            crossed,
        ]
    )


def pair_features(
    circuit: FlatCircuit,
    rails: NDArray[np.int8],
    terminals: TerminalTable,
    contexts: ContextTable,
    reference_m: float,
) -> Float32Array:
    """Pair-relative features of every context, [K, F] in the order of `PAIR_FEATURES`.

    They are symmetric in the two sides of a context.

    Args:
        circuit: the flat circuit.
        rails: [N] rail kind of the flat nets.
        terminals: its terminal table.
        contexts: its contexts.
        reference_m: the technology's length scale.
    """
    count = len(contexts.kind)
    definition_a = terminals.definition[contexts.side_a]
    definition_b = terminals.definition[contexts.side_b]
    local_a, local_b = terminals.local[contexts.side_a], terminals.local[contexts.side_b]
    same = contexts.kind == ContextKind.SAME
    shared = np.zeros((count, 5 + len(ADJACENCY_FEATURES)))
    placed = np.zeros((count, len(PLACEMENT_FEATURES)))
    always_rail = rails_everywhere(circuit, rails, terminals)
    width = card_columns(circuit, reference_m)["width"]
    for index in np.unique(definition_a[same]).tolist():
        rows = np.flatnonzero(same & (definition_a == index))
        pair = np.stack([local_a[rows], local_b[rows]], axis=1)
        definition = circuit.definitions[index]
        shared[rows, :4] = _shared_devices(circuit, definition, pair)
        shared[rows, 4] = shared_children(definition, pair)
        is_rail = always_rail[terminals.offset[index] :][: definition.net_count]
        shared[rows, 5:] = adjacency_features(circuit, definition, pair, is_rail, width)
        placed[rows] = placement_features(circuit, definition, pair, is_rail)
    coordinate = np.eye(MAX_COORDINATES)[np.minimum(contexts.coordinate, MAX_COORDINATES - 1)]
    return np.column_stack(
        [
            same,
            ~same,
            np.eye(len(IndexRelation))[contexts.relation],
            coordinate * (~same)[:, None],
            np.log1p(shared),
            placed,
            definition_a == definition_b,
            contexts.side_a == contexts.side_b,
        ]
    ).astype(np.float32)


def _shared_devices(
    circuit: FlatCircuit, definition: Definition, pair: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Devices two local nets share, [P, 4]: gate and source/drain, two source/drains, two gates, others."""
    device, _, role = body_pins(circuit.table, definition)
    members = Memberships.of(device, definition.pin_net, definition.net_count)
    at = np.searchsorted(
        members.edge * definition.net_count + members.net,
        device * definition.net_count + definition.pin_net,
    )
    has_gate, has_source_drain = np.zeros((2, len(members.edge)), bool)
    has_gate[at[role == PinRole.GATE]] = True
    has_source_drain[at[role == PinRole.SOURCE_DRAIN]] = True
    shared = shared_parts(members, pair, definition.net_count)
    a, b = shared.member_a, shared.member_b
    category = np.select(
        [
            (has_gate[a] & has_source_drain[b]) | (has_gate[b] & has_source_drain[a]),
            has_source_drain[a] & has_source_drain[b],
            has_gate[a] & has_gate[b],
        ],
        [0, 1, 2],
        3,
    )
    found = np.bincount(shared.pair * 4 + category, minlength=4 * len(pair))
    return found.reshape(-1, 4)
