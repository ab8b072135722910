"""The features of nets, devices, pins, terminals and pairs: one named, unit-tagged, versioned schema.

It holds the statistics of the published data (17 of a net, 16 of a device, one of a pin; arXiv 2507.06535)
and what real netlists offer beyond. Lengths count in the technology's shortest drawn channel, counts and
sizes enter as log(1 + x), and companions that are shares or means stay where they are when an array grows: a
memory four times larger, or another technology, is not out of range.

A feature belongs to a node by what hangs on it, never by its name or its position: nodes of one structural
class have the same features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from circuitgcl.graph.indices import IndexRelation
from circuitgcl.schema import DeviceType, PinRole

SCHEMA_VERSION = 4
MAX_COORDINATES = 4

COUNT, FLAG, SHARE = "count", "0 or 1", "0 to 1"
LENGTH, AREA = "channel lengths", "squared channel lengths"
LOGARITHMIC = frozenset({COUNT, LENGTH, AREA, "femtofarad", "kiloohm"})  # numbers that enter as log(1 + x)


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature column."""

    name: str
    unit: str
    meaning: str = ""
    published: int = 0  # which of the published statistics of its node type it holds, from 1; 0 for none


NET_FEATURES = (
    Feature("mos", COUNT, "MOSFETs on the net, each once", 1),
    Feature("gate_pins", COUNT, "gates on it", 2),
    Feature("source_drain_pins", COUNT, "sources and drains on it", 3),
    Feature("bulk_pins", COUNT, "bulks tied to it", 4),
    Feature("mos_width", LENGTH, "sum of W of its MOSFETs", 5),
    Feature("mos_length", LENGTH, "sum of L of its MOSFETs", 6),
    Feature("resistors", COUNT, "resistors on it", 7),
    Feature("resistor_width", LENGTH, "sum of their widths", 8),
    Feature("resistor_length", LENGTH, "sum of their lengths", 9),
    Feature("capacitors", COUNT, "capacitors on it", 10),
    Feature("capacitor_fingers", COUNT, "sum of their fingers", 11),
    Feature("capacitor_length", LENGTH, "sum of their lengths", 12),
    Feature("diodes", COUNT, "diodes on it", 13),
    Feature("diode_area", AREA, "sum of their junction areas", 14),
    Feature("diode_perimeter", LENGTH, "sum of their junction perimeters", 15),
    Feature("is_port", FLAG, "a port of the top cell", 16),
    Feature("inverse_level", SHARE, "1 / (1 + hierarchy level), 1 at the top", 17),
    Feature("port_reads", FLAG, "a port of the top cell that the netlist states to be an input, or both"),
    Feature("port_drives", FLAG, "an output, or both"),
    Feature("pmos_gates", COUNT, "gates of PMOS among `gate_pins`"),
    Feature("pmos_source_drains", COUNT, "PMOS among `source_drain_pins`"),
    Feature("gate_width", LENGTH, "sum of W over its gates"),
    Feature("source_drain_width", LENGTH, "sum of W over its sources and drains"),
    Feature("repeated_pins", COUNT, "gates, sources, drains beyond the first of each MOSFET, as of a diode"),
    Feature("capacitor_value", "femtofarad", "sum of its capacitors' values"),
    Feature("bipolar_pins", COUNT, "terminals of bipolar transistors"),
    Feature("other_pins", COUNT, "terminals of inductors, JFETs, sources and others"),
    Feature("device_area", AREA, "estimated area of its devices"),
    Feature("instances", COUNT, "cell instances it reaches, at every level"),
    Feature("mean_gate_width", LENGTH, "W per gate"),
    Feature("mean_source_drain_width", LENGTH, "W per source or drain"),
    Feature("gate_share", SHARE, "gates among gates, sources and drains: a net only read, or only driven"),
    Feature("pmos_share", SHARE, "PMOS among its gates, sources and drains"),
    Feature("pins_per_instance", COUNT, "gates, sources and drains per cell instance"),
    Feature("relative_fanout", "log ratio", "log of 1 + pins over that of the mean signal net; no bulks"),
    Feature("is_virtual_supply", FLAG, "complementary gates draw their current from it, as from a rail"),
)

DEVICE_FEATURES = (
    *(
        Feature(f"is_{device_type.name.lower()}", FLAG, "model class", 16)  # the published type code, one-hot
        for device_type in DeviceType
    ),
    Feature("multiplier", COUNT, "parallel copies", 1),
    Feature("width", LENGTH, "W of all copies", 2),
    Feature("length", LENGTH, "L", 3),
    Feature("area", AREA, "junction or plate area given", 4),
    Feature("perimeter", LENGTH, "junction perimeter given", 5),
    Feature("resistors", COUNT, "copies, of a resistor", 6),
    Feature("resistor_width", LENGTH, "width, of a resistor", 7),
    Feature("resistor_length", LENGTH, "length, of a resistor", 8),
    Feature("capacitors", COUNT, "copies, of a capacitor", 9),
    Feature("capacitor_fingers", COUNT, "fingers of all copies, of a capacitor", 10),
    Feature("capacitor_length", LENGTH, "length, of a capacitor", 11),
    Feature("diodes", COUNT, "copies, of a diode", 12),
    Feature("diode_area", AREA, "junction area, of a diode", 13),
    Feature("diode_perimeter", LENGTH, "junction perimeter, of a diode", 14),
    Feature("terminals", COUNT, "terminals", 15),
    Feature("fingers", COUNT, "gate fingers of one copy"),
    Feature("finger_width", LENGTH, "W of one finger"),
    Feature("aspect", "log ratio", "log(W / L) of one copy; 0 where either is unknown"),
    Feature("capacitance", "femtofarad", "value, of a capacitor"),
    Feature("resistance", "kiloohm", "value, of a resistor"),
    Feature("device_area", AREA, "estimated area: gates with diffusions, plates, resistor bodies"),
)

PIN_FEATURES = (
    # the published pin code, one-hot; which source/drain stands first on a card means nothing
    *(Feature(f"is_{role.name.lower()}", FLAG, "role of the terminal", 1) for role in PinRole),
    Feature("on_ground", FLAG, "tied to a ground rail"),
    Feature("on_supply", FLAG, "tied to a supply rail"),
)

# what merely tells one cell from all others (share of PMOS, area per device, pins per leaf cell) is left out:
# it helps a network to learn cells by heart, and costs on kinds of cells that no training design held
TERMINAL_FEATURES = (
    Feature("nmos_gates", COUNT, "NMOS gates it joins, in all cells below"),
    Feature("pmos_gates", COUNT, "PMOS gates it joins"),
    Feature("nmos_source_drains", COUNT, "NMOS sources and drains it joins"),
    Feature("pmos_source_drains", COUNT, "PMOS sources and drains it joins"),
    Feature("other_pins", COUNT, "terminals of other devices, bulks left out"),
    Feature("gate_width", LENGTH, "sum of W over those gates"),
    Feature("source_drain_width", LENGTH, "sum of W over those sources and drains"),
    Feature("leaf_cells", COUNT, "cells with devices of their own that it reaches"),
    Feature("bulk_pins", COUNT, "bulks tied to it"),
    Feature("children", COUNT, "instance ports of its cell it joins"),
    Feature("is_port", FLAG, "a port of its cell"),
    Feature("is_leaf", FLAG, "its cell has devices of its own"),
    Feature("cell_devices", COUNT, "devices in the cell, everything below included"),
    Feature("cell_area", AREA, "estimated area of these devices"),
    Feature("cell_nets", COUNT, "local nets of the cell"),
    Feature("cell_ports", COUNT, "ports of the cell"),
    Feature("joined_area", AREA, "estimated area of the leaf cells it reaches"),
    Feature("cross_coupled", FLAG, "it and another net of the cell drive each other's gates"),
    Feature("compactness", SHARE, "1 / (1 + d), d the mean distance of its devices; 0 without place"),
    Feature("channel_length", "log nanometres", "the technology's shortest drawn channel"),
)

# of two nets of one body, by its devices: `circuitgcl.graph.adjacency`
ADJACENCY_FEATURES = (
    *(
        Feature(f"{what}_beside_{where}", COUNT, f"{meaning} of neighbours that share {shared}")
        for where, shared in (("signal", "a signal diffusion"), ("rail", "a rail's diffusion"))
        for what, meaning in (
            ("gate_gate", "gates"),
            ("gate_diffusion", "gate and other diffusion"),
            ("diffusion_diffusion", "other diffusions"),
        )
    ),
    Feature("diffusions_of_one_gate", COUNT, "diffusions of two devices with one gate net"),
    Feature("shared_gate_width", LENGTH, "sum of W of devices, gate on one, diffusion on the other"),
    Feature("shared_channel_width", LENGTH, "sum of W of devices with a diffusion on each"),
    Feature("short_conductance", COUNT, "paths of one and of two devices in parallel, each in series"),
)

# of two nets of one body, by distances over the links of its devices: `circuitgcl.graph.placement`
PLACEMENT_FEATURES = (
    Feature("mean_proximity", SHARE, "1 / (1 + d), d the mean distance of a device of each; 0 without place"),
    Feature("nearest_proximity", SHARE, "the same of the distance of their nearest devices"),
    Feature("facing_proximity", SHARE, "of the mean distance from a device to the other net's nearest"),
    Feature("centre_proximity", SHARE, "of the energy distance: mean distance less that inside each net"),
    Feature("close_devices", COUNT, "pairs of their devices, each the less the farther apart"),
)

PAIR_FEATURES = (
    Feature("is_same", FLAG, "both nets in one instance"),
    Feature("is_neighbour", FLAG, "in two instances whose index differs by one"),
    *(
        Feature(f"relation_{relation.name.lower()}", FLAG, "relation of the two nets' indices")
        for relation in IndexRelation
    ),
    *(
        Feature(f"coordinate_{place}", FLAG, "which coordinate of the index differs")
        for place in range(MAX_COORDINATES)
    ),
    Feature("shared_gate_source_drain", COUNT, "devices: gate on one, source or drain on the other"),
    Feature("shared_source_drain", COUNT, "devices with sources or drains on both"),
    Feature("shared_gate", COUNT, "devices with gates on both"),
    Feature("shared_other", COUNT, "other devices on both"),
    Feature("shared_children", COUNT, "child instances on both"),
    *ADJACENCY_FEATURES,
    *PLACEMENT_FEATURES,
    Feature("same_cell", FLAG, "both instances are of one cell"),
    Feature("same_terminal", FLAG, "both nets play one part in it"),
)

FEATURES: Mapping[str, tuple[Feature, ...]] = {
    "net": NET_FEATURES,
    "device": DEVICE_FEATURES,
    "pin": PIN_FEATURES,
    "terminal": TERMINAL_FEATURES,
    "pair": PAIR_FEATURES,
}
COLUMNS: Mapping[str, Mapping[str, int]] = {
    rows: {feature.name: place for place, feature in enumerate(columns)} for rows, columns in FEATURES.items()
}


_INTRODUCTION = (
    "Numbers in units marked log enter as log(1 + x). *Published* is the number of the statistic in the rows",
    "of arXiv 2507.06535 that the feature holds; a code there is one-hot here. This page is what",
    "`circuitgcl.graph.feature_schema.feature_table` writes.",
)


def feature_schema() -> dict[str, Any]:
    """Version, names and units of all features, as checkpoints hold them."""
    names = {rows: [f"{f.name} [{f.unit}]" for f in columns] for rows, columns in FEATURES.items()}
    return {"version": SCHEMA_VERSION, **names}


def feature_table() -> str:
    """The schema as a Markdown text: name, unit, published statistic and meaning of every feature."""
    lines = [f"# Features, schema {SCHEMA_VERSION}", "", *_INTRODUCTION, ""]
    for rows, columns in FEATURES.items():
        lines += [f"## {rows} ({len(columns)})", "", "| feature | unit | published | meaning |"]
        lines += ["|---|---|---|---|"]
        for feature in columns:
            unit = f"{feature.unit}, log" if feature.unit in LOGARITHMIC else feature.unit
            lines.append(f"| `{feature.name}` | {unit} | {feature.published or ''} | {feature.meaning} |")
        lines.append("")
    return "\n".join(lines)
