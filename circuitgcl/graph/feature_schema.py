"""The features of nets, devices, pins, terminals and pairs: one named, unit-tagged, versioned schema.

The net and device columns follow the statistics of the published data (arXiv 2507.06535) and add what lets an
array four times larger, or another technology, stay in range: fan-out over instances, and lengths that count
in the technology's shortest drawn channel. Counts and sizes enter as log(1 + x).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from circuitgcl.graph.indices import IndexRelation
from circuitgcl.schema import DeviceType, PinRole

SCHEMA_VERSION = 1
MAX_COORDINATES = 4

COUNT, FLAG = "count", "0 or 1"
LENGTH, AREA = "channel lengths", "squared channel lengths"
LOGARITHMIC = frozenset({COUNT, LENGTH, AREA, "femtofarad", "kiloohm"})  # numbers that enter as log(1 + x)


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature column."""

    name: str
    unit: str
    meaning: str = ""


NET_FEATURES = (
    Feature("mos", COUNT, "pins of MOSFETs on the net"),
    Feature("gate_pins", COUNT, "gates among them"),
    Feature("source_drain_pins", COUNT, "sources and drains among them"),
    Feature("bulk_pins", COUNT, "bulks among them"),
    Feature("mos_width", LENGTH, "sum of W over these pins"),
    Feature("mos_length", LENGTH, "sum of L over these pins"),
    Feature("gate_width", LENGTH, "sum of W over its gates"),
    Feature("source_drain_width", LENGTH, "sum of W over its sources and drains"),
    Feature("pmos_pins", COUNT, "PMOS among `mos`"),
    Feature("resistors", COUNT, "pins of resistors"),
    Feature("resistor_width", LENGTH, "sum of their widths"),
    Feature("resistor_length", LENGTH, "sum of their lengths"),
    Feature("capacitors", COUNT, "pins of capacitors"),
    Feature("capacitor_fingers", COUNT, "sum of their fingers"),
    Feature("capacitor_value", "femtofarad", "sum of their values"),
    Feature("diodes", COUNT, "pins of diodes"),
    Feature("diode_area", AREA, "sum of their junction areas"),
    Feature("diode_perimeter", LENGTH, "sum of their junction perimeters"),
    Feature("bipolar_pins", COUNT, "pins of bipolar transistors"),
    Feature("instances", COUNT, "cell instances it reaches, at every level"),
    Feature("is_port", FLAG, "a port of the top cell"),
    Feature("inverse_level", "1", "1 / (1 + hierarchy level), 1 at the top"),
)

DEVICE_FEATURES = (
    *(Feature(f"is_{device_type.name.lower()}", FLAG, "model class") for device_type in DeviceType),
    Feature("multiplier", COUNT, "parallel copies"),
    Feature("fingers", COUNT, "gate fingers of one copy"),
    Feature("width", LENGTH, "W of all copies"),
    Feature("length", LENGTH, "L"),
    Feature("area", AREA, "junction or plate area given, all copies"),
    Feature("perimeter", LENGTH, "junction perimeter given, all copies"),
    Feature("capacitance", "femtofarad", "value, of a capacitor"),
    Feature("resistance", "kiloohm", "value, of a resistor"),
    Feature("terminals", COUNT, "terminals"),
)

PIN_FEATURES = (
    *(Feature(f"is_{role.name.lower()}", FLAG, "role of the terminal") for role in PinRole),
    Feature("on_ground", FLAG, "tied to a ground rail"),
    Feature("on_supply", FLAG, "tied to a supply rail"),
)

TERMINAL_FEATURES = (
    Feature("nmos_gates", COUNT, "NMOS gates it joins, in all cells below"),
    Feature("pmos_gates", COUNT, "PMOS gates it joins"),
    Feature("nmos_source_drains", COUNT, "NMOS sources and drains it joins"),
    Feature("pmos_source_drains", COUNT, "PMOS sources and drains it joins"),
    Feature("other_pins", COUNT, "terminals of other devices, bulks left out"),
    Feature("gate_width", LENGTH, "sum of W over those gates"),
    Feature("source_drain_width", LENGTH, "sum of W over those sources and drains"),
    Feature("leaf_cells", COUNT, "cells with devices of their own that it reaches"),
    Feature("children", COUNT, "instance ports of its cell it joins"),
    Feature("is_port", FLAG, "a port of its cell"),
    Feature("is_leaf", FLAG, "its cell has devices of its own"),
    Feature("cell_devices", COUNT, "devices in the cell, everything below included"),
    Feature("cell_area", AREA, "sum of W times L of these devices"),
    Feature("cell_nets", COUNT, "local nets of the cell"),
    Feature("cell_ports", COUNT, "ports of the cell"),
    Feature("joined_area", AREA, "`cell_area` of the leaf cells it reaches"),
    Feature("channel_length", "log nanometres", "the technology's shortest drawn channel"),
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


_INTRODUCTION = (
    "Numbers in units marked log enter as log(1 + x). This page is what",
    "`circuitgcl.graph.feature_schema.feature_table` writes.",
)


def feature_schema() -> dict[str, Any]:
    """Version, names and units of all features, as checkpoints hold them."""
    names = {rows: [f"{f.name} [{f.unit}]" for f in columns] for rows, columns in FEATURES.items()}
    return {"version": SCHEMA_VERSION, **names}


def feature_table() -> str:
    """The schema as a Markdown text: name, unit and meaning of every feature."""
    lines = [f"# Features, schema {SCHEMA_VERSION}", "", *_INTRODUCTION, ""]
    for rows, columns in FEATURES.items():
        lines += [f"## {rows} ({len(columns)})", "", "| feature | unit | meaning |", "|---|---|---|"]
        for feature in columns:
            unit = f"{feature.unit}, log" if feature.unit in LOGARITHMIC else feature.unit
            lines.append(f"| `{feature.name}` | {unit} | {feature.meaning} |")
        lines.append("")
    return "\n".join(lines)
