"""SPICE netlists: files to `Netlist`, `Netlist` to `FlatCircuit`."""

from circuitgcl.netlist.flattening import choose_top, flatten
from circuitgcl.netlist.reading import NetlistConfig, read_netlist
from circuitgcl.netlist.records import (
    Card,
    CardTable,
    Definition,
    DeviceTable,
    FlatCircuit,
    Netlist,
    Subcircuit,
)

__all__ = [
    "Card",
    "CardTable",
    "Definition",
    "DeviceTable",
    "FlatCircuit",
    "Netlist",
    "NetlistConfig",
    "Subcircuit",
    "choose_top",
    "flatten",
    "read_netlist",
]
