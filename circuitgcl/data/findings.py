"""What a label check says: findings with their places, and what could not be checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from circuitgcl.errors import SourceLocation

SCHEMA_VERSION = 1


class FindingKind(StrEnum):
    """What may be wrong with the labels of a design."""

    UNREADABLE = "unreadable"
    UNIT_SLIP = "unit slip"
    DOUBLE_COUNTING = "double counting"
    ZERO_GROUND = "zero ground"
    NEGATIVE = "negative capacitance"
    SELF_COUPLING = "self coupling"
    UNANNOTATED = "un-annotated nets"
    UNMATCHED = "unmatched capacitance"
    SWAPPED_NAMES = "swapped names"
    DISAGREEING = "disagreeing label"
    DUPLICATE_CIRCUIT = "duplicate circuit"
    DUPLICATE_EXTRACTION = "duplicate extraction"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that looks wrong."""

    kind: FindingKind
    design: str
    message: str  # what was found, what was expected, what to do
    location: SourceLocation  # in the extraction, the schematic or the file of the data set
    nets: tuple[str, ...] = ()  # schematic names; the location is where the first of them is met

    def to_dict(self) -> dict[str, Any]:
        """The finding, ready for JSON."""
        return {
            "kind": self.kind.value,
            "design": self.design,
            "file": self.location.path,
            "line": self.location.line,
            "nets": list(self.nets),
            "message": self.message,
        }


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """Findings of a whole manifest or data set."""

    designs: int  # that were looked at
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]  # what could not be checked, and why

    def counts(self) -> dict[FindingKind, int]:
        """Number of findings of each kind that occurs, in the order of the kinds."""
        found = Counter(finding.kind for finding in self.findings)
        return {kind: found[kind] for kind in FindingKind if found[kind]}

    def to_dict(self) -> dict[str, Any]:
        """The report, ready for JSON."""
        return {
            "schema": SCHEMA_VERSION,
            "designs": self.designs,
            "counts": {kind.value: count for kind, count in self.counts().items()},
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": list(self.notes),
        }
