"""How much of the labelled data matching explains, per file and in total.

    python benchmarks/match_rates.py [DATA] [--all] [--topology]

DATA holds `openram/` and `sky130_fd_sc_hd/`. For every extraction: nets of the extraction with a schematic
net (floating metal aside), schematic nets with an extracted node or without a wire to extract, extracted
devices with a schematic device, pins that contradict, and capacitance on matched nets. `--topology` forgets
every net name of the schematics and matches shuffled copies by their devices; nothing found may be wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist
from circuitgcl.parasitics import MatchReport, match_circuit, read_parasitics
from circuitgcl.parasitics.matching.device_graph import graph_of_circuit, models_of, shared_kinds
from circuitgcl.parasitics.matching.topology import align

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NET_LEVEL, PIN_LEVEL = ".pex.sp.gz", ".pin.pex.sp.gz"


@dataclass(frozen=True, kw_only=True)
class Target:
    """What one kind of files has to reach."""

    extracted: float
    capacitance: float


TARGETS = {
    "openram, net level": Target(extracted=1.0, capacitance=0.998),
    "openram, pin level": Target(extracted=1.0, capacitance=0.998),
    "sky130, Magic .ext": Target(extracted=0.99, capacitance=0.99),
}


def files(data: Path) -> Iterator[tuple[str, Path, Path]]:
    """Kind, schematic and extraction of every labelled design."""
    for extracted in sorted((data / "openram").glob(f"*{NET_LEVEL}")):
        is_pin_level = extracted.name.endswith(PIN_LEVEL)
        stem = extracted.name.removesuffix(PIN_LEVEL if is_pin_level else NET_LEVEL)
        kind = "openram, pin level" if is_pin_level else "openram, net level"
        yield kind, extracted.with_name(f"{stem}.sp.gz"), extracted
    for extracted in sorted((data / "sky130_fd_sc_hd").glob("*.ext")):
        yield "sky130, Magic .ext", extracted.with_suffix(".spice"), extracted


def report_line(text: str) -> None:
    """Print one line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def line(name: str, report: MatchReport, seconds: float) -> str:
    """Figures of one match."""
    return (
        f"{name:48} {report.extracted_matched:8.2%} {report.nets_explained:8.2%} "
        f"{report.devices_matched:8.2%} {len(report.contradictions):6} {report.capacitance_matched:9.3%} "
        f"{seconds:7.2f} s"
    )


def by_topology(circuit: FlatCircuit) -> tuple[int, int, int]:
    """Nets with devices, how many are matched to a shuffled copy without names, and how many symmetric."""
    models = models_of(circuit)
    graph = graph_of_circuit(circuit, shared_kinds(models, models))
    net = np.random.default_rng(0).permutation(graph.net_count).astype(np.int32)
    nobody = np.empty(0, np.int32)
    found = align(graph.folded(), replace(graph, pin_net=net[graph.pin_net]).folded(), (nobody, nobody))
    matched = found.net_partner >= 0
    wrong = (found.net_partner != net) & matched & ~found.net_is_symmetric
    if wrong.any():
        raise SystemExit(f"{circuit.name}: {int(wrong.sum())} nets matched wrongly by topology")
    return len(np.unique(graph.pin_net)), int(matched.sum()), int((matched & found.net_is_symmetric).sum())


def main() -> None:
    """Print a table; leave with 1 where a total misses its target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--all", action="store_true", help="also print files without any fault")
    parser.add_argument("--topology", action="store_true", help="also match schematics without names")
    arguments = parser.parse_args()
    report_line(f"{'file':48} {'nets':>8} {'explained':>9} {'devices':>7} {'wrong':>6} {'capacitance':>9}")
    reports: dict[str, list[MatchReport]] = {}
    topology = np.zeros(3, np.int64)
    skipped = []
    for kind, schematic, extracted in files(arguments.data):
        try:
            circuit = flatten(read_netlist(schematic))
        except NetlistError:  # fill and tap cells
            skipped.append(schematic.name.split(".")[0])
            continue
        found = read_parasitics(extracted)
        start = time.perf_counter()
        report = match_circuit(found, circuit).report
        seconds = time.perf_counter() - start
        reports.setdefault(kind, []).append(report)
        perfect = report.extracted_matched == report.nets_explained == report.devices_matched == 1.0
        if arguments.all or not perfect or report.contradictions:
            report_line(line(extracted.name, report, seconds))
            for item in (*report.extra, *report.ambiguous, *report.contradictions)[:3]:
                report_line(f"    {item.name}: {item.reason}")
        if arguments.topology and kind != "openram, pin level":
            topology += by_topology(circuit)
    failed = False
    for kind, found_reports in reports.items():
        own = sum(report.nets_extracted - report.nets_floating for report in found_reports)
        extracted_share = sum(report.nets_extracted_matched for report in found_reports) / own
        total = sum(report.capacitance_total_farad for report in found_reports)
        share = sum(report.capacitance_matched_farad for report in found_reports) / total
        least = min(report.capacitance_matched for report in found_reports)
        devices = sum(report.devices_extracted for report in found_reports)
        known = sum(report.devices_matched_count for report in found_reports)
        target = TARGETS[kind]
        failed |= extracted_share < target.extracted or share < target.capacitance
        report_line(
            f"{kind}: {len(found_reports)} files, "
            f"nets {extracted_share:.3%} (target {target.extracted:.1%}), "
            f"capacitance {share:.3%}, least {least:.3%} (target {target.capacitance:.1%}), "
            f"devices {known:,} of {devices:,}"
        )
    report_line(f"without devices, left out: {', '.join(skipped) or 'none'}")
    if arguments.topology:
        nets, matched, symmetric = topology.tolist()
        report_line(
            f"by topology alone: {matched:,} of {nets:,} nets with devices, {symmetric:,} up to symmetry"
        )
    raise SystemExit(int(failed))


if __name__ == "__main__":
    main()
