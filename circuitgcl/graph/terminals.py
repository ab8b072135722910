"""Descriptors of terminals and contexts: what a network may know about a place where nets meet.

Everything is computed per definition, so its cost follows the text of the netlist, not its flat size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.contexts import ContextKind, ContextTable, TerminalTable
from circuitgcl.graph.features import Feature, Float32Array, card_columns
from circuitgcl.graph.indices import IndexRelation
from circuitgcl.graph.pins import card_roles
from circuitgcl.netlist.records import Definition, FlatCircuit
from circuitgcl.schema import DeviceType, PinRole

TERMINAL_FEATURES = (
    Feature("nmos_gates", "count"),
    Feature("pmos_gates", "count"),
    Feature("nmos_source_drains", "count"),
    Feature("pmos_source_drains", "count"),
    Feature("other_pins", "count"),
    Feature("gate_width", "channel lengths"),
    Feature("source_drain_width", "channel lengths"),
    Feature("leaf_cells", "count"),
    Feature("children", "count"),
    Feature("is_port", "0 or 1"),
    Feature("is_leaf", "0 or 1"),
    Feature("cell_devices", "count"),
    Feature("cell_area", "squared channel lengths"),
    Feature("cell_nets", "count"),
    Feature("cell_ports", "count"),
    Feature("joined_area", "squared channel lengths"),
    Feature("channel_length", "log nanometres"),
)
_COUNTS = 8
_STATISTICS = 9  # the counts, and the area of the leaf cells joined

MAX_COORDINATES = 4
PAIR_FEATURES = (
    Feature("is_same", "0 or 1"),
    Feature("is_neighbour", "0 or 1"),
    *(Feature(f"relation_{relation.name.lower()}", "0 or 1") for relation in IndexRelation),
    *(Feature(f"coordinate_{place}", "0 or 1") for place in range(MAX_COORDINATES)),
    Feature("shared_gate_source_drain", "count"),
    Feature("shared_source_drain", "count"),
    Feature("shared_gate", "count"),
    Feature("shared_other", "count"),
    Feature("shared_children", "count"),
    Feature("same_cell", "0 or 1"),
    Feature("same_terminal", "0 or 1"),
)

_PIN_SLOTS = {
    (DeviceType.NMOS, PinRole.GATE): 0,
    (DeviceType.PMOS, PinRole.GATE): 1,
    (DeviceType.NMOS, PinRole.SOURCE_DRAIN): 2,
    (DeviceType.PMOS, PinRole.SOURCE_DRAIN): 3,
}
_OTHER_SLOT, _GATE_WIDTH, _SOURCE_DRAIN_WIDTH, _LEAVES, _JOINED_AREA = 4, 5, 6, 7, 8


@dataclass(frozen=True, slots=True)
class _Contents:
    """What one definition contains, everything below it included."""

    statistics: NDArray[np.float64]  # [n, _STATISTICS] of what each local net joins
    devices: float
    area: float  # squared channel lengths


def terminal_features(circuit: FlatCircuit, reference_m: float) -> Float32Array:
    """Features of every (definition, local net), [Q, F] in the order of `TERMINAL_FEATURES`."""
    columns = card_columns(circuit, reference_m)
    card_area = columns["width"] * np.maximum(columns["length"], 1.0)
    contents: list[_Contents] = []  # children come before parents
    rows = []
    for definition in circuit.definitions:
        contents.append(_contents(circuit, definition, columns["width"], card_area, contents))
        rows.append(_rows(definition, contents[-1]))
    features = np.concatenate(rows)
    scale = np.full(len(features), np.log(reference_m * 1e9))
    return np.column_stack([features, scale]).astype(np.float32)


def _contents(
    circuit: FlatCircuit,
    definition: Definition,
    card_width: NDArray[np.float64],
    card_area: NDArray[np.float64],
    below: list[_Contents],
) -> _Contents:
    own = np.zeros((definition.net_count, _STATISTICS))
    area = float(card_area[definition.device_card].sum())
    devices = float(len(definition.device_card))
    for row, card in enumerate(definition.device_card.tolist()):
        start, stop = definition.pin_offset[row : row + 2]
        _add_pins(own, circuit, card, definition.pin_net[start:stop], float(card_width[card]))
    if devices:
        own[:, _LEAVES] += 1
        own[:, _JOINED_AREA] += area
    for position, child in enumerate(definition.child_definition.tolist()):
        start, stop = definition.child_net_offset[position : position + 2]
        nets = definition.child_net[start:stop]
        np.add.at(own, nets, below[child].statistics[: len(nets)])
        area += below[child].area
        devices += below[child].devices
    return _Contents(own, devices, area)


def _rows(definition: Definition, contents: _Contents) -> NDArray[np.float64]:
    """All columns but the last of a definition's local nets, [n, F - 1]."""
    count = definition.net_count
    children = np.bincount(definition.child_net, minlength=count)
    cell = np.log1p([contents.devices, contents.area, count, definition.port_count])
    return np.column_stack(
        [
            np.log1p(contents.statistics[:, :_COUNTS]),
            np.log1p(children),
            np.arange(count) < definition.port_count,
            np.full(count, len(definition.device_card) > 0),
            np.tile(cell, (count, 1)),
            np.log1p(contents.statistics[:, _JOINED_AREA]),
        ]
    )


def _add_pins(
    statistics: NDArray[np.float64], circuit: FlatCircuit, card: int, nets: NDArray[np.int32], width: float
) -> None:
    device_type = DeviceType(int(circuit.table.device_type[card]))
    for role, net in zip(card_roles(circuit.table, card), nets.tolist(), strict=True):
        slot = _PIN_SLOTS.get((device_type, role), _OTHER_SLOT)
        if slot == _OTHER_SLOT and role is PinRole.BULK:
            continue
        statistics[net, slot] += 1
        if slot < 2:
            statistics[net, _GATE_WIDTH] += width
        elif slot < _OTHER_SLOT:
            statistics[net, _SOURCE_DRAIN_WIDTH] += width


def pair_features(circuit: FlatCircuit, terminals: TerminalTable, contexts: ContextTable) -> Float32Array:
    """Pair-relative features of every context, [K, F] in the order of `PAIR_FEATURES`.

    They are symmetric in the two sides of a context.
    """
    count = len(contexts.kind)
    definition_a = terminals.definition[contexts.side_a]
    definition_b = terminals.definition[contexts.side_b]
    local_a, local_b = terminals.local[contexts.side_a], terminals.local[contexts.side_b]
    same = contexts.kind == ContextKind.SAME
    shared = np.zeros((count, 5))
    for index in np.unique(definition_a[same]).tolist():
        rows = np.flatnonzero(same & (definition_a == index))
        shared[rows] = _shared(circuit, index, local_a[rows].tolist(), local_b[rows].tolist())
    coordinate = np.eye(MAX_COORDINATES)[np.minimum(contexts.coordinate, MAX_COORDINATES - 1)]
    return np.column_stack(
        [
            same,
            ~same,
            np.eye(len(IndexRelation))[contexts.relation],
            coordinate * (~same)[:, None],
            np.log1p(shared),
            definition_a == definition_b,
            contexts.side_a == contexts.side_b,
        ]
    ).astype(np.float32)


def _shared(circuit: FlatCircuit, index: int, nets_a: list[int], nets_b: list[int]) -> NDArray[np.float64]:
    """Devices two local nets share, by role pair, and children they share: [pairs, 5]."""
    definition, table = circuit.definitions[index], circuit.table
    roles_at: list[dict[int, set[int]]] = [{} for _ in range(definition.net_count)]
    for row, card in enumerate(definition.device_card.tolist()):
        start, stop = definition.pin_offset[row : row + 2]
        for role, net in zip(card_roles(table, card), definition.pin_net[start:stop].tolist(), strict=True):
            roles_at[net].setdefault(row, set()).add(int(role))
    children_at: list[set[int]] = [set() for _ in range(definition.net_count)]
    for position in range(len(definition.child_definition)):
        start, stop = definition.child_net_offset[position : position + 2]
        for net in definition.child_net[start:stop].tolist():
            children_at[net].add(position)
    found = np.zeros((len(nets_a), 5))
    gate, source_drain = int(PinRole.GATE), int(PinRole.SOURCE_DRAIN)
    for pair, (a, b) in enumerate(zip(nets_a, nets_b, strict=True)):
        for device in roles_at[a].keys() & roles_at[b].keys():
            roles_a, roles_b = roles_at[a][device], roles_at[b][device]
            crossed = (gate in roles_a and source_drain in roles_b) or (
                gate in roles_b and source_drain in roles_a
            )
            if crossed:
                found[pair, 0] += 1
            elif source_drain in roles_a and source_drain in roles_b:
                found[pair, 1] += 1
            elif gate in roles_a and gate in roles_b:
                found[pair, 2] += 1
            else:
                found[pair, 3] += 1
        found[pair, 4] = len(children_at[a] & children_at[b])
    return found
