"""SPEF, the standard parasitic exchange format (IEEE 1481): reader and writer."""

from circuitgcl.parasitics.spef.reader import read_spef
from circuitgcl.parasitics.spef.writer import write_spef

__all__ = ["read_spef", "write_spef"]
