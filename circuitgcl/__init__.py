"""Layout parasitics from the schematic netlist alone."""
