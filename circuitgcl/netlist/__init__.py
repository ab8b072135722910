"""SPICE netlists: files to `Netlist`, `Netlist` to `FlatCircuit`."""

from circuitgcl.netlist.flattening import choose_top, flatten
from circuitgcl.netlist.reading import read_netlist
from circuitgcl.netlist.records import Definition, DeviceTable, FlatCircuit, Netlist, Subcircuit

__all__ = [
    "Definition",
    "DeviceTable",
    "FlatCircuit",
    "Netlist",
    "Subcircuit",
    "choose_top",
    "flatten",
    "read_netlist",
]
