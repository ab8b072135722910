"""Back-annotation: netlists with their capacitances as C cards."""

from circuitgcl.parasitics.annotation.writer import write_annotated

__all__ = ["write_annotated"]
