"""Extractions written as SPICE: C- and RC-netlists, flat or with levels and includes."""

from circuitgcl.parasitics.spice.reader import read_spice

__all__ = ["read_spice"]
