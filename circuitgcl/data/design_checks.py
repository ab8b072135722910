"""Checks of one design's labels by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from circuitgcl.data.designs import Design
from circuitgcl.data.extraction_text import repeated_cards
from circuitgcl.data.findings import Finding, FindingKind
from circuitgcl.errors import SourceLocation
from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics import Parasitics
from circuitgcl.parasitics.reading import RECOGNISED_GROUND
from circuitgcl.parasitics.spice.repeated import MOVED_AND_KEPT
from circuitgcl.schema import PinRole
from circuitgcl.units import format_capacitance

MIN_NETS = 5  # wired nets, from which on a share of them means something
ZERO_LOAD_SHARE = 0.5  # of the wired nets
ROUNDING_FARAD = 1e-22  # what is left where an extractor subtracts equal sums
MIN_MATCHED = 0.95  # share of the extracted capacitance
EXAMPLES = 3
_SHORTED, _COUNTED_TWICE = "C with both ends on one node", "counted twice"  # how readers call it


def check_design(design: Design, parasitics: Parasitics | None) -> Iterator[Finding]:
    """What is wrong with a labelled design, by itself.

    Args:
        design: with labels.
        parasitics: what was extracted, where the file is at hand.
    """
    yield from _negative(design)
    yield from _zero_ground(design)
    yield from _unannotated(design)
    yield from _unmatched(design)
    if parasitics is not None:
        yield from _noted(design, parasitics)
        yield from _repeated(design)


def wired_nets(circuit: FlatCircuit) -> NDArray[np.bool_]:
    """[N] nets that a layout must draw a wire for: with a gate, a port, or three pins and more.

    A net between two transistors of a stack can be bare diffusion, of which an extractor may find nothing.
    """
    gates = np.bincount(circuit.pin_net[pin_role_codes(circuit) == PinRole.GATE], minlength=circuit.net_count)
    pins = np.bincount(circuit.pin_net, minlength=circuit.net_count)
    top = circuit.definitions[circuit.instance_definition[0]]
    is_port = (circuit.net_instance == 0) & (circuit.net_local < top.port_count)
    wired: NDArray[np.bool_] = ((gates > 0) & (pins > 1)) | (is_port & (pins > 0)) | (pins > 2)
    return wired


def place_of(design: Design, line: int = 0) -> SourceLocation:
    """A place in the extraction of a design."""
    return SourceLocation(str(design.files.extracted or design.files.schematic), line)


def _finding(
    design: Design, kind: FindingKind, message: str, nets: Sequence[int] = (), line: int = 0
) -> Finding:
    names = design.graph.circuit.net_names(nets[:EXAMPLES]) if len(nets) else []
    return Finding(
        kind=kind,
        design=design.files.name,
        message=message,
        location=place_of(design, line),
        nets=tuple(names),
    )


def _examples(design: Design, nets: Sequence[int]) -> str:
    names = design.graph.circuit.net_names(nets[:EXAMPLES])
    return ", ".join(names) + (" …" if len(nets) > EXAMPLES else "")


def _negative(design: Design) -> Iterator[Finding]:
    labels = design.labels
    assert labels is not None
    below = np.flatnonzero(labels.coupling_farad < -ROUNDING_FARAD)
    for row in below[:EXAMPLES].tolist():
        a, b = design.graph.circuit.net_names(labels.pair[row].tolist())
        farad = format_capacitance(float(labels.coupling_farad[row]))
        more = f"; {len(below)} such pairs" if len(below) > 1 else ""
        yield _finding(
            design,
            FindingKind.NEGATIVE,
            f"{a} and {b} couple by {farad}; a capacitance is not negative{more}",
            labels.pair[row].tolist(),
        )
    lowest = np.fmin(labels.ground_farad, labels.load_farad)
    nets = np.flatnonzero(lowest < -ROUNDING_FARAD).tolist()
    if nets:
        farad = format_capacitance(float(lowest[nets].min()))
        noun = "net has" if len(nets) == 1 else "nets have"
        yield _finding(
            design,
            FindingKind.NEGATIVE,
            f"{len(nets)} {noun} negative capacitance to ground, down to {farad} ({_examples(design, nets)})",
            nets,
        )


def _zero_ground(design: Design) -> Iterator[Finding]:
    labels = design.labels
    assert labels is not None
    wired = np.isfinite(labels.load_farad) & wired_nets(design.graph.circuit)
    count = int(wired.sum())
    if count < MIN_NETS:
        return
    none = np.flatnonzero(wired & (labels.load_farad == 0)).tolist()
    if len(none) >= ZERO_LOAD_SHARE * count:
        yield _finding(
            design,
            FindingKind.ZERO_GROUND,
            f"{len(none)} of {count} wired nets have no capacitance to ground or a rail "
            f"({_examples(design, none)}): the extractor wrote none, which is not zero; "
            "extract with a substrate",
            none,
        )
    elif not (labels.ground_farad[wired] > 0).any():
        yield _finding(
            design,
            FindingKind.ZERO_GROUND,
            f"none of {count} wired nets has capacitance to the reference node itself, only to rails: "
            "the extractor wrote none; use ground-equivalent targets",
        )


def _unannotated(design: Design) -> Iterator[Finding]:
    labels, graph = design.labels, design.graph
    assert labels is not None
    wired = wired_nets(graph.circuit) & (graph.rails == 0)
    bare = np.flatnonzero(wired & np.isnan(labels.load_farad)).tolist()
    if bare:
        yield _finding(
            design,
            FindingKind.UNANNOTATED,
            f"{len(bare)} of {int(wired.sum())} wired signal nets have no extracted node "
            f"({_examples(design, bare)}): are they called otherwise in the layout?",
            bare,
        )


def _unmatched(design: Design) -> Iterator[Finding]:
    labels = design.labels
    assert labels is not None
    report = labels.report
    if report.capacitance_matched < MIN_MATCHED:
        lost = [item.name for item in (*report.ambiguous, *report.extra)]
        named = f" ({', '.join(lost[:EXAMPLES])}{' …' if len(lost) > EXAMPLES else ''})" if lost else ""
        yield _finding(
            design,
            FindingKind.UNMATCHED,
            f"{1 - report.capacitance_matched:.1%} of the extracted capacitance is on nodes without a "
            f"schematic net{named}; give a name map",
        )


def _noted(design: Design, parasitics: Parasitics) -> Iterator[Finding]:
    """What the reader of the extraction noticed."""
    schematic = {name.casefold() for name in design.graph.circuit.net_names()}
    for note in parasitics.skipped_cards:
        net = note.kind.removeprefix("net ").removesuffix(RECOGNISED_GROUND)
        if note.kind.endswith(RECOGNISED_GROUND) and net.casefold() in schematic:
            yield _finding(
                design,
                FindingKind.ZERO_GROUND,
                f"no capacitor goes to node 0, so {net} was taken for the reference node: was there no "
                f'substrate to extract? If {net} is it, say ground = ["{net}"] in the manifest',
            )
        if note.kind == _SHORTED and not parasitics.is_pin_level:
            yield _finding(
                design,
                FindingKind.SELF_COUPLING,
                f"{_capacitors(note.count, 'has', 'have')} both ends on one node; no label comes of that",
                line=note.first_line,
            )
        elif note.kind == MOVED_AND_KEPT:
            yield _finding(
                design,
                FindingKind.DOUBLE_COUNTING,
                f"all {note.count} couplings are there between nodes and again from both nodes to ground; "
                "take out one of the two",
                line=note.first_line,
            )
        elif _COUNTED_TWICE in note.kind:
            yield _finding(
                design,
                FindingKind.DOUBLE_COUNTING,
                f"{_capacitors(note.count)}: {note.kind}",
                line=note.first_line,
            )


def _capacitors(count: int, *verbs: str) -> str:
    """How many, with a verb in singular and plural where it takes one."""
    verb = f" {verbs[count != 1]}" if verbs else ""
    return f"{count} capacitor{'s'[: count != 1]}{verb}"


def _repeated(design: Design) -> Iterator[Finding]:
    path = design.files.extracted
    found = None if path is None else repeated_cards(path)
    if found is not None:
        a, b = found.first_pair
        yield _finding(
            design,
            FindingKind.DOUBLE_COUNTING,
            f"{found.repeated} coupling cards repeat an earlier one with the same nodes and value, "
            f"{found.couplings} pairs couple at all; the first is {a} to {b}. Was a file joined to itself?",
            line=found.first_line,
        )
