"""`dataset check`: what is wrong with the labels of a manifest or a data set.

Each design is looked at by itself (`design_checks`), beside the others of its technology (`set_checks`), and
net by net against models that have not seen the net (`name_swaps`). Nothing is changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from circuitgcl.data.design_checks import check_design, place_of
from circuitgcl.data.designs import Design, DesignFiles
from circuitgcl.data.extraction_text import first_lines
from circuitgcl.data.findings import CheckReport, Finding, FindingKind
from circuitgcl.data.folders import list_designs, open_design
from circuitgcl.data.name_swaps import MIN_NETS, LabelRows, Suspect, find_suspects
from circuitgcl.data.set_checks import DesignFacts, check_together
from circuitgcl.data.storage import StoredFiles
from circuitgcl.errors import InputError, SourceLocation
from circuitgcl.parasitics import (
    Parasitics,
    match_circuit,
    read_name_map,
    read_parasitics,
    to_net_level,
)

_ORDER = {kind: place for place, kind in enumerate(FindingKind)}


def check_labels(path: str | Path, *, progress: Callable[[str], None] = lambda _: None) -> CheckReport:
    """Check the labels of all designs of a manifest or a data set.

    Args:
        path: the manifest, or the folder of the data set.
        progress: called with what is being done.

    Raises:
        DataError: no readable manifest, or a damaged data set.
    """
    designs = list_designs(path)
    check = _Check()
    for number, files in enumerate(designs, 1):
        progress(f"{files.name} ({number} of {len(designs)})")
        check.take(files)
    progress("designs against each other")
    check.findings += check_together(check.facts)
    for technology, rows in check.rows.items():
        progress(f"names of {technology or 'unnamed technology'}")
        check.judge_names(technology, rows)
    progress("lines of findings")
    located = _located(check.findings, check.opened)
    ordered = sorted(located, key=lambda finding: (_ORDER[finding.kind], finding.design, finding.nets))
    return CheckReport(designs=len(designs), findings=tuple(ordered), notes=tuple(check.notes()))


@dataclass(kw_only=True)
class _Check:
    """What has been seen so far."""

    findings: list[Finding] = field(default_factory=list)
    facts: list[DesignFacts] = field(default_factory=list)
    rows: defaultdict[str, list[LabelRows]] = field(default_factory=lambda: defaultdict(list))
    opened: dict[str, DesignFiles] = field(default_factory=dict)
    names_unchecked: list[str] = field(default_factory=list)
    unlabelled: int = 0
    without_source: int = 0

    def take(self, files: DesignFiles) -> None:
        """Read a design and check it by itself."""
        if files.extracted is None:
            self.unlabelled += 1
            return
        try:
            design = open_design(files)
            parasitics = _extraction(files)
        except InputError as error:
            where = error.location or SourceLocation(str(files.extracted), 0)
            message = str(error).removeprefix(f"{where}: ")
            self.findings.append(
                Finding(kind=FindingKind.UNREADABLE, design=files.name, message=message, location=where)
            )
            return
        self.opened[files.name] = files
        self.without_source += parasitics is None
        self.findings += check_design(design, parasitics)
        self.facts.append(DesignFacts.of(design))
        self.rows[files.technology].append(LabelRows.of(design))

    def judge_names(self, technology: str, rows: Sequence[LabelRows]) -> None:
        """Look for swapped names among the designs of one technology whose units are in order."""
        odd_units = {f.design for f in self.findings if f.kind is FindingKind.UNIT_SLIP}
        judged = [row for row in rows if row.name not in odd_units]
        if sum(int(row.labelled.sum()) for row in judged) < MIN_NETS:
            self.names_unchecked.append(technology or "unnamed technology")
            return
        suspects: defaultdict[str, list[Suspect]] = defaultdict(list)
        for suspect in find_suspects(judged):
            suspects[judged[suspect.design].name].append(suspect)
        for name, own in suspects.items():
            self.findings += _name_findings(open_design(self.opened[name]), own)

    def notes(self) -> Iterator[str]:
        """What was not checked."""
        if self.unlabelled:
            yield f"{self.unlabelled} designs have no extraction"
        if self.without_source:
            yield (
                f"the extractions of {self.without_source} designs are gone or have changed since the build: "
                "cards listed twice, self couplings and lines were not looked for"
            )
        if self.names_unchecked:
            few = ", ".join(self.names_unchecked)
            yield f"swapped names were not looked for in {few}: fewer than {MIN_NETS} labelled nets"


def _extraction(files: DesignFiles) -> Parasitics | None:
    """What was extracted, unless the file is gone, or is no longer what a data set was built from."""
    path = files.extracted
    if path is None or not path.is_file() or (isinstance(files, StoredFiles) and not files.is_unchanged()):
        return None
    return read_parasitics(path, ground_names=files.ground)


def _name_findings(design: Design, suspects: Iterable[Suspect]) -> Iterator[Finding]:
    """What to say of nets with the labels of another net; once for both nets of a swap."""
    for suspect in suspects:
        if 0 <= suspect.partner < suspect.net:
            continue
        swapped = suspect.partner >= 0
        nets = [suspect.net, suspect.partner] if swapped else [suspect.net]
        names = design.graph.circuit.net_names(nets)
        if swapped:
            message = (
                f"the capacitances of {names[0]} fit {names[1]}, and the other way round; "
                "exchange the two names"
            )
        else:
            message = (
                f"the capacitances of {names[0]} are not what nets like it have "
                f"(distance {suspect.distance:.2f} of 1); check its name"
            )
        yield Finding(
            kind=FindingKind.SWAPPED_NAMES if swapped else FindingKind.DISAGREEING,
            design=design.files.name,
            message=message,
            location=place_of(design),
            nets=tuple(names),
        )


def _located(findings: Iterable[Finding], opened: dict[str, DesignFiles]) -> Iterator[Finding]:
    """Findings with the names of their nets and the lines where the extraction first mentions them."""
    by_design: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_design[finding.design].append(finding)
    for name, own in by_design.items():
        files = opened.get(name)
        if files is None or not any(finding.nets for finding in own):
            yield from own
            continue
        lines = _lines(files, open_design(files), {net for finding in own for net in finding.nets})
        for finding in own:
            line = next((lines[net] for net in finding.nets if net in lines), 0)
            if line and not finding.location.line:
                finding = replace(finding, location=SourceLocation(str(files.extracted), line))
            yield finding


def _lines(files: DesignFiles, design: Design, nets: set[str]) -> dict[str, int]:
    """Line where the extraction first mentions each schematic net, by the name it has there."""
    parasitics = _extraction(files)
    if parasitics is None or files.extracted is None:
        return {}
    extracted = to_net_level(parasitics)
    name_map = None if files.name_map is None else read_name_map(files.name_map)
    match = match_circuit(extracted, design.graph.circuit, name_map=name_map)
    numbers = {match.nets[net]: node for node, net in enumerate(match.node_to_net.tolist()) if net >= 0}
    spelled = {net: extracted.nodes[numbers[net]] for net in nets if net in numbers}
    lines = first_lines(files.extracted, spelled.values())
    return {net: lines[name] for net, name in spelled.items() if name in lines}
