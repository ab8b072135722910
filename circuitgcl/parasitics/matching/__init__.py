"""Which schematic net each extracted node is: by map, by name, by device pins, by topology."""

from circuitgcl.parasitics.matching.assignment import match_circuit, match_nets
from circuitgcl.parasitics.matching.name_maps import NameMap, read_name_map
from circuitgcl.parasitics.matching.report import MatchReport, NetMatch, UnmatchedName

__all__ = [
    "MatchReport",
    "NameMap",
    "NetMatch",
    "UnmatchedName",
    "match_circuit",
    "match_nets",
    "read_name_map",
]
