"""Extraction results: reading what a layout extractor wrote, and matching its nets to a schematic."""

from circuitgcl.parasitics.dspf import read_dspf, write_dspf
from circuitgcl.parasitics.magic import read_magic_ext
from circuitgcl.parasitics.matching import (
    MatchReport,
    NameMap,
    NetMatch,
    UnmatchedName,
    match_circuit,
    match_nets,
    read_name_map,
)
from circuitgcl.parasitics.reading import ExtractionFormat, read_parasitics
from circuitgcl.parasitics.records import Parasitics, SkippedCards, tie_to_ground, to_net_level
from circuitgcl.parasitics.spef import read_spef, write_spef
from circuitgcl.parasitics.spice import read_spice

__all__ = [
    "ExtractionFormat",
    "MatchReport",
    "NameMap",
    "NetMatch",
    "Parasitics",
    "SkippedCards",
    "UnmatchedName",
    "match_circuit",
    "match_nets",
    "read_dspf",
    "read_magic_ext",
    "read_name_map",
    "read_parasitics",
    "read_spef",
    "read_spice",
    "tie_to_ground",
    "to_net_level",
    "write_dspf",
    "write_spef",
]
