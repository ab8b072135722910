"""The quotient graph against the full graph: equal estimates, how many classes, how much sooner.

    python benchmarks/graph_quotient.py NETLIST|FOLDER... [--model NAME]

Every netlist is estimated twice with the same model, on structural classes and on all nets and pairs. Shown
are the largest relative deviation of any number (couplings, loads, intervals, probabilities, and distant
pairs drawn at random), the counts, and the seconds from graph to numbers. Fails where it exceeds 1e-3.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from circuitgcl.errors import CircuitGCLError
from circuitgcl.estimation import Predictor
from circuitgcl.estimation.predicting import Prediction, Quantity
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.models.checkpoint import load_model
from circuitgcl.netlist import flatten, read_netlist

TOLERANCE = 1e-3  # single precision, through four layers and two sums
_DISTANT = 200


def netlists_in(paths: Sequence[Path]) -> Iterator[Path]:
    """Files, and the netlists of folders."""
    for path in paths:
        if path.is_dir():
            found = [*path.glob("*.sp"), *path.glob("*.sp.gz"), *path.glob("*.spice")]
            yield from sorted(file for file in found if ".pex." not in file.name)
        else:
            yield path


def numbers(prediction: Prediction, distant: Quantity) -> list[np.ndarray]:
    """Everything a prediction says, as arrays."""
    quantities = (prediction.coupling, prediction.load, distant)
    farads = [getattr(q, name) for q in quantities for name in ("farad", "lo_farad", "hi_farad")]
    return [*farads, prediction.existence, prediction.probability, prediction.class_probability]


def compared(
    predictor: Predictor, graph: CircuitGraph
) -> tuple[float, float, float, dict[str, tuple[int, int]]]:
    """Largest relative deviation, seconds with and without quotient, and counts (classes, all)."""
    far = np.random.default_rng(0).choice(graph.signal_nets, (_DISTANT, 2))
    results, seconds, tensors = [], [], []
    for quotient in (True, False):
        start = time.perf_counter()
        tensors.append(predictor.tensors(graph, quotient=quotient))
        prediction, distant = predictor.predict(tensors[-1], 1e-17)
        seconds.append(time.perf_counter() - start)
        results.append(numbers(prediction, distant.coupling(far)))
    deviation = max(
        float((np.abs(one - other) / np.maximum(np.abs(other), 1e-30)).max(initial=0.0))
        for one, other in zip(*results, strict=True)
    )
    classes, full = tensors
    counts = {
        "nets": (len(classes.net_features), len(full.net_features)),
        "devices": (classes.hetero["device"].num_nodes, full.hetero["device"].num_nodes),
        "contexts": (len(classes.context_features), len(full.context_features)),
        "pairs": (classes.pair_rows, full.pair_rows),
    }
    return deviation, seconds[0], seconds[1], counts


def main(words: Sequence[str] | None = None) -> int:
    """Compare all netlists, print the table; 1 when any estimate deviates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", type=Path, nargs="+", metavar="NETLIST|FOLDER")
    parser.add_argument("--model", default="bundled", help="name or folder")
    options = parser.parse_args(words)
    predictor = Predictor(load_model(options.model), "cpu")
    table = Table(caption="classes / all; seconds from graph to numbers with and without quotient")
    table.add_column("netlist", no_wrap=True)
    for name in ("nets", "devices", "contexts", "pairs", "quotient s", "full s", "largest deviation"):
        table.add_column(name, justify="right")
    worst, done = 0.0, 0
    for path in netlists_in(options.paths):
        try:
            graph = build_graph(flatten(read_netlist(path)))
        except CircuitGCLError as error:
            Console(stderr=True).print(f"{path.name}: {error}", style="yellow", markup=False)
            continue
        deviation, quick, slow, counts = compared(predictor, graph)
        cells = (f"{classes:,} / {full:,}" for classes, full in counts.values())
        table.add_row(path.name, *cells, f"{quick:.3f}", f"{slow:.3f}", f"{deviation:.1e}")
        worst, done = max(worst, deviation), done + 1
    console = Console(width=None if sys.stdout.isatty() else 170)
    console.print(table)
    kept = worst <= TOLERANCE
    console.print(f"{done} netlists, largest deviation {worst:.1e}: {'equal' if kept else 'DIFFERENT'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
