"""DSPF, the detailed standard parasitic format: reader and writer."""

from circuitgcl.parasitics.dspf.reader import read_dspf
from circuitgcl.parasitics.dspf.writer import write_dspf

__all__ = ["read_dspf", "write_dspf"]
