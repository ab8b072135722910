"""From netlist to scored candidates on generated memories of growing size, stage by stage.

    python benchmarks/graph_scale.py [--sizes 128,256,512] [--full] [--model NAME] [-o FILE.json]

A deck is an array of n x n six-transistor cells with word line drivers, written once into a cache folder; 512
gives 1.57 million MOSFETs. Every size runs in a fresh process. Per stage: seconds on the clock, seconds of
processor time (which other work on the machine leaves alone), the largest resident size of the process so
far, and the exponent k of processor time ~ size^k over the two largest sizes. With `--full` every net and
pair is a row of its own, as `graph.quotient=false` has it. The promise: all stages of the largest size in 120
seconds and 8 GiB on two cores.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

SECONDS, PEAK_MIB = 120.0, 8192.0
SHORTEST_SECONDS = 0.1  # below, a stage is too short to tell how it grows
_BIT = (
    "M1 q qb gnd gnd nch w=0.205u l=0.05u",
    "M2 qb q gnd gnd nch w=0.205u l=0.05u",
    "M3 q qb vdd vdd pch w=0.09u l=0.05u",
    "M4 qb q vdd vdd pch w=0.09u l=0.05u",
    "M5 bl wl q gnd nch w=0.135u l=0.05u",
    "M6 br wl qb gnd nch w=0.135u l=0.05u",
)


def array_lines(size: int) -> Iterator[str]:
    """A memory of size x size bits: array, and one driver per word line."""
    bits = [f"bl[{c}] br[{c}]" for c in range(size)]
    words = [f"wl[{r}]" for r in range(size)]
    ports = " ".join([*bits, *words, "vdd gnd"])
    yield f"* memory of {size} x {size} bits"
    yield from (".subckt bit bl br wl vdd gnd", *_BIT, ".ends")
    yield f".subckt core {ports}"
    for r in range(size):
        for c in range(size):
            yield f"xbit_r{r}_c{c} {bits[c]} {words[r]} vdd gnd bit"
    yield ".ends"
    yield from (".subckt driver a y vdd gnd", "mn y a gnd gnd nch w=1u l=0.05u")
    yield from ("mp y a vdd vdd pch w=2u l=0.05u", ".ends")
    yield f".subckt memory {' '.join(f'row[{r}]' for r in range(size))} {' '.join(bits)} vdd gnd"
    yield from (f"xdriver_{r} row[{r}] {words[r]} vdd gnd driver" for r in range(size))
    yield from (f"xcore {ports} core", ".ends")


def ensure_deck(size: int, folder: Path) -> Path:
    """Path of a deck, written first where it is missing."""
    path = folder / f"memory-{size}x{size}-v1.sp"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in array_lines(size))
        partial.rename(path)
    return path


def run_stages(path: Path, model: str, *, quotient: bool) -> dict[str, Any]:
    """All stages in this process: name to (seconds, processor seconds, peak MiB), and what came out."""
    from circuitgcl.netlist.inspection import peak_mib

    stages: dict[str, tuple[float, float, float]] = {}
    start, used = time.perf_counter(), time.process_time()

    def done(name: str) -> None:
        nonlocal start, used
        stages[name] = (time.perf_counter() - start, time.process_time() - used, peak_mib())
        start, used = time.perf_counter(), time.process_time()

    from circuitgcl.graph import CircuitGraph, recognise_rails
    from circuitgcl.graph.contexts import context_table, terminal_table
    from circuitgcl.graph.features import channel_length_m, net_features
    from circuitgcl.graph.fingerprints import fingerprints
    from circuitgcl.graph.terminals import pair_features, terminal_features
    from circuitgcl.netlist import flatten, read_netlist

    done("imports without torch")
    circuit = flatten(read_netlist(path), "memory")
    done("file to flat circuit")
    rails = recognise_rails(circuit)
    reference_m = channel_length_m(circuit)
    features = net_features(circuit, rails, reference_m)
    done("rails and features")
    prints = fingerprints(circuit, rails)
    terminals = terminal_table(circuit, prints)
    described = terminal_features(circuit, rails, terminals, reference_m)
    done("fingerprints and terminals")
    contexts = context_table(circuit, rails, terminals, prints)
    pairs = pair_features(circuit, rails, terminals, contexts, reference_m)
    done("contexts and candidates")
    graph = CircuitGraph(
        circuit=circuit,
        rails=rails,
        channel_length_m=reference_m,
        net_features=features,
        terminals=terminals,
        terminal_features=described,
        contexts=contexts,
        pair_features=pairs,
    )
    from circuitgcl.estimation import Predictor
    from circuitgcl.models.checkpoint import load_model

    predictor = Predictor(load_model(model), "cpu")
    done("torch and model")
    tensors = predictor.tensors(graph, quotient=quotient)
    done("classes" if quotient else "tensors")
    embedding = predictor.embed(tensors)
    embedded = len(embedding[tensors.net_row])
    done("embeddings of all nets")
    prediction, _ = predictor.predict(tensors, 1e-17, embedding)
    done("scored candidates")
    return {
        "stages": stages,
        "devices": circuit.device_count,
        "graph_nodes": circuit.device_count + circuit.net_count + circuit.pin_count,
        "net_rows": len(tensors.net_features),
        "candidates": len(prediction.pair),
        "pair_rows": tensors.pair_rows,
        "contexts": len(contexts.kind),
        "embedded_nets": embedded,
    }


def measured(size: int, model: str, folder: Path, *, quotient: bool) -> dict[str, Any]:
    """The stages of one size in a fresh process."""
    command = [sys.executable, __file__, "--child", str(ensure_deck(size, folder)), "--model", model]
    command += [] if quotient else ["--full"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this file
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(console: Console, runs: Sequence[dict[str, Any]]) -> bool:
    """Print the stages of the largest size with their growth; whether the promise is kept."""
    last = runs[-1]
    table = Table(title=f"{last['devices']:,} MOSFETs, {last['graph_nodes']:,} graph nodes")
    table.add_column("stage")
    sizes = [f"{run['devices']:,}" for run in runs]
    for name in (*(f"{size} s" for size in sizes), *(f"{size} CPU s" for size in sizes)):
        table.add_column(name, justify="right")
    for name in ("CPU exponent", "peak MiB"):
        table.add_column(name, justify="right")
    stages = {name: [run["stages"][name] for run in runs] for name in last["stages"]}
    stages["all"] = [tuple(map(sum, zip(*run["stages"].values(), strict=True))) for run in runs]
    peak = max(found[-1][2] for name, found in stages.items() if name != "all")
    for name, found in stages.items():
        seconds, used = ([stage[column] for stage in found] for column in (0, 1))
        table.add_row(
            name,
            *(f"{value:.2f}" for value in (*seconds, *used)),
            _exponent(runs, used),
            f"{peak if name == 'all' else found[-1][2]:,.0f}",
            style="bold" if name == "all" else None,
        )
    console.print(table)
    console.print(
        f"{last['net_rows']:,} rows for {last['embedded_nets']:,} nets, {last['contexts']:,} contexts, "
        f"{last['pair_rows']:,} rows for {last['candidates']:,} candidates"
    )
    total = stages["all"][-1][0]
    kept = bool(total <= SECONDS and peak <= PEAK_MIB)
    console.print(f"≤ {SECONDS:g} s, ≤ {PEAK_MIB:,.0f} MiB: {'kept' if kept else 'MISSED'}")
    return kept


def _exponent(runs: Sequence[dict[str, Any]], seconds: Sequence[float]) -> str:
    """The exponent k of seconds ~ size^k over the two largest sizes; blank where there is too little."""
    if len(runs) < 2 or min(seconds[-2:]) < SHORTEST_SECONDS:
        return ""
    growth = math.log(runs[-1]["devices"] / runs[-2]["devices"])
    return f"{math.log(seconds[-1] / seconds[-2]) / growth:.2f}"


def main(words: Sequence[str] | None = None) -> int:
    """Measure all sizes, print the table, write the file; 1 when the promise is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="128,256,512", help="rows and columns of the memories")
    parser.add_argument("--model", default="bundled", help="name or folder")
    parser.add_argument("--full", action="store_true", help="every net and pair a row of its own")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write the figures there")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "circuitgcl-graph-decks",
        help="where generated decks are kept",
    )
    options = parser.parse_args(words)
    if options.child:
        print(json.dumps(run_stages(options.child, options.model, quotient=not options.full)))  # noqa: T201 - read by the parent
        return 0
    console, progress = Console(width=None if sys.stdout.isatty() else 160), Console(stderr=True)
    runs = []
    for size in sorted(int(word) for word in options.sizes.split(",")):
        progress.print(f"{size} x {size} …")
        runs.append(measured(size, options.model, options.folder, quotient=not options.full))
    if options.output:
        options.output.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")
    return 0 if report(console, runs) else 1


if __name__ == "__main__":
    sys.exit(main())
