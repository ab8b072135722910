"""How fast pretraining is, how far it spreads, and what per-node neighbour sampling would take instead.

    python benchmarks/pretraining_speed.py [NETLIST|FOLDER...] [--epochs N] [--published-epochs N] [-o FILE]

Pretrains on all netlists of the folders (`netlists/` when none is given; extractions are passed over), with
the default preset until it converges and with the published one for a few epochs, and prints epochs per
second, nodes per second (represented ones, and the distinct ones they are worked out on), seconds to
convergence, and the effective rank of the kept encoders. At a learning rate of 1e-6 the published encoder
hardly moves: its rank is that of random weights, in a few epochs as in many.

Then one design is trained on twice with the published encoder: whole, on its structural classes, and by
neighbour sampling as published (batches of 1,024 nodes, up to 64 neighbours of each in each of four layers).
The sampler is a small one of this file, in NumPy, since PyTorch Geometric's own needs pyg-lib, which is not
installed; its seconds are shown apart from those of the network. A few batches are timed and scaled to all,
in seconds of the processor, which a busy machine does not stretch as it does those of the clock. The
promise: all netlists of `netlists/` and the shared OpenRAM data converge in 20 minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch_geometric.data import HeteroData

from circuitgcl.errors import CircuitGCLError, OnError
from circuitgcl.graph import CircuitGraph
from circuitgcl.losses import alignment_loss
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS, RELATIONS, both_directions
from circuitgcl.pretraining import PretrainConfig, ScatteringPreset, preset_config, pretrain
from circuitgcl.pretraining.circuits import training_circuit, training_circuits
from circuitgcl.pretraining.netlists import read_circuits
from circuitgcl.pretraining.scattering import Sampled, ScatteringModule, stacked

PROMISED_SECONDS = 1200.0
BATCH, NEIGHBOURS, LAYERS = 1024, 64, 4
TYPES = list(INPUT_WIDTHS)
Index = NDArray[np.int64]


def netlists_in(paths: Sequence[Path]) -> Iterator[Path]:
    """Files, and the netlists of folders and of those inside them."""
    for path in paths:
        if path.is_dir():
            found = [file for ending in ("*.sp", "*.sp.gz") for file in path.rglob(ending)]
            yield from sorted(file for file in found if ".pex." not in file.name)
        else:
            yield path


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """Neighbours every node hears, as offsets over the stacked nodes of a circuit."""

    offset: Index  # [N + 1]
    source: Index  # [E]
    type_start: Index  # [4] where each node type begins, and the end

    @classmethod
    def of(cls, nodes: HeteroData) -> Incoming:
        """Neighbours along all relations of message passing."""
        counts = [int(nodes[name].num_nodes) for name in TYPES]
        start = np.concatenate([[0], np.cumsum(counts)])
        shift = dict(zip(TYPES, start.tolist(), strict=False))
        pairs = [
            index.numpy() + np.array([[shift[source]], [shift[target]]])
            for (source, _, target), index in both_directions(nodes).items()
        ]
        source, target = np.concatenate(pairs, axis=1)
        order = np.argsort(target, kind="stable")
        offset = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=start[-1]))])
        return cls(offset=offset, source=source[order], type_start=start)

    def sampled(self, seeds: Index, random: np.random.Generator) -> tuple[Index, Index, Index]:
        """Nodes around the seeds, seeds first, and sampled edges between them: rows of source and target."""
        known = np.full(len(self.offset) - 1, -1)
        known[seeds] = np.arange(len(seeds))
        nodes, frontier, edges = [seeds], seeds, list[Index]()
        for _ in range(LAYERS):
            degree = np.diff(self.offset)[frontier]
            parts = [self._all(frontier[degree <= NEIGHBOURS])]
            parts += [self._some(int(node), random) for node in frontier[degree > NEIGHBOURS]]
            edge = np.concatenate(parts, axis=1)
            fresh = np.unique(edge[0][known[edge[0]] < 0])
            known[fresh] = sum(map(len, nodes)) + np.arange(len(fresh))
            nodes.append(fresh)
            edges.append(edge)
            frontier = fresh
        joined = np.concatenate(edges, axis=1)
        return np.concatenate(nodes), known[joined[0]], known[joined[1]]

    def _all(self, nodes: Index) -> Index:
        counts = np.diff(self.offset)[nodes]
        ends = np.cumsum(counts)
        at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(self.offset[nodes] - ends + counts, counts)
        return np.stack([self.source[at], np.repeat(nodes, counts)])

    def _some(self, node: int, random: np.random.Generator) -> Index:
        around = self.source[self.offset[node] : self.offset[node + 1]]
        chosen = random.choice(around, NEIGHBOURS, replace=False)
        return np.stack([chosen, np.full(NEIGHBOURS, node)])

    def subgraph(self, whole: HeteroData, nodes: Index, source: Index, target: Index) -> HeteroData:
        """The sampled part of a circuit; every relation keeps its own direction."""
        kind = np.searchsorted(self.type_start, nodes, side="right") - 1
        row = np.zeros(len(nodes), np.int64)
        part = HeteroData()
        for number, name in enumerate(TYPES):
            own = np.flatnonzero(kind == number)
            row[own] = np.arange(len(own))
            part[name].x = whole[name].x[torch.from_numpy(nodes[own] - self.type_start[number])]
        for one, relation, other in RELATIONS:
            along = (kind[source] == TYPES.index(one)) & (kind[target] == TYPES.index(other))
            edges = np.stack([row[source[along]], row[target[along]]])
            part[one, relation, other].edge_index = torch.from_numpy(edges)
            part[one, relation, other].multiplicity = torch.ones(edges.shape[1])
        return part


def step(module: ScatteringModule, optimisers: Sequence[Any], nodes: HeteroData, sampled: Sampled) -> None:
    """One training step, as `ScatteringModule.training_step` does it, on any nodes."""
    scatter, align = optimisers
    loss = module.spread(module.target(nodes), sampled)
    scatter.zero_grad()
    loss.backward()
    scatter.step()
    with torch.no_grad():
        states = stacked(module.target(nodes))
    online = module.online(nodes)
    prediction, weights = module.aligned(online, nodes, sampled)
    counts = np.cumsum([0, *(len(online[name]) for name in TYPES)])
    rows = torch.cat([sampled[name][0] + int(at) for name, at in zip(TYPES, counts, strict=False)])
    loss = alignment_loss(prediction, states[rows], weights)
    align.zero_grad()
    loss.backward()
    align.step()


def sampling_ratio(graph: CircuitGraph, batches: int) -> dict[str, float]:
    """Seconds of an epoch on classes and by neighbour sampling, the latter scaled from a few batches."""
    config = replace(preset_config(ScatteringPreset.PUBLISHED), sample=BATCH)
    flat = training_circuit(graph, replace(config, quotient=False)).nodes
    classes = training_circuit(graph, config)
    module = ScatteringModule(config)
    optimisers = module.configure_optimizers()
    incoming, random = Incoming.of(flat), np.random.default_rng(0)
    count = int(incoming.type_start[-1])
    needed = math.ceil(count / BATCH)
    order = random.permutation(count)
    sampling = network = 0.0
    reached = list[int]()
    timed = min(batches, needed)
    for number in range(timed):
        began = time.process_time()
        seeds = order[number * BATCH : (number + 1) * BATCH]
        found, source, target = incoming.sampled(seeds, random)
        part = incoming.subgraph(flat, found, source, target)
        sampling += time.process_time() - began
        kind = np.searchsorted(incoming.type_start, found, side="right") - 1
        chosen = {  # seeds come first in every type, for the order of nodes is kept
            name: torch.arange(int((kind[: len(seeds)] == k).sum())) for k, name in enumerate(TYPES)
        }
        sampled = {name: (rows, torch.ones(len(rows))) for name, rows in chosen.items()}
        began = time.process_time()
        step(module, optimisers, part, sampled)
        network += time.process_time() - began
        reached.append(len(found))
    began = time.process_time()
    for _ in range(3):
        step(module, optimisers, classes.nodes, module.sampled(classes.nodes))
    whole = (time.process_time() - began) / 3
    scale = needed / timed
    return {
        "nodes": count,
        "classes": classes.counts[0],
        "batches": needed,
        "nodes_per_batch": float(np.mean(reached)),
        "classes_seconds": whole,
        "sampler_seconds": sampling * scale,
        "network_seconds": network * scale,
        "ratio": (sampling + network) * scale / whole,
    }


def trained(graphs: Sequence[CircuitGraph], config: PretrainConfig) -> dict[str, float]:
    """Pretrain once and tell what it took and gave."""
    circuits = [circuit.counts for circuit in training_circuits(graphs, config)]
    with tempfile.TemporaryDirectory() as folder:
        began, busy = time.perf_counter(), time.process_time()
        checkpoint = pretrain(graphs, config, folder=folder, accelerator="cpu")
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        epochs = int(pd.read_csv(Path(folder) / "log/metrics.csv")["epoch"].max()) + 1
    distinct, represented = (sum(counts) for counts in zip(*circuits, strict=True))
    metrics = checkpoint.metrics
    return {
        "circuits": len(circuits),
        "seconds": seconds,
        "processor_seconds": busy,
        "epochs": epochs,
        "kept_epoch": metrics["epoch"],
        "epochs_per_second": epochs / seconds,
        "distinct_nodes_per_second": distinct * epochs / seconds,
        "represented_nodes_per_second": represented * epochs / seconds,
        "distinct_nodes": distinct,
        "represented_nodes": represented,
        "effective_rank": metrics["effective_rank"],
        "rank_share": metrics["effective_rank"] / metrics["dim"],
        "net_rank_share": metrics["effective_rank_net"] / metrics["dim"],
    }


def read_all(console: Console, paths: Sequence[Path]) -> list[CircuitGraph]:
    """Graphs of all netlists; unreadable ones are named."""

    def skipped(path: Path, error: CircuitGCLError) -> None:
        console.print(f"left out {path.name}: {error}", style="yellow", markup=False)

    return list(read_circuits(netlists_in(paths), on_error=OnError.SKIP, skipped=skipped))


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print the tables; 1 when the default misses its time or its rank."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", type=Path, nargs="*", default=[Path("netlists")], metavar="NETLIST|FOLDER")
    parser.add_argument("--epochs", type=int, help="epochs of the default preset at most")
    parser.add_argument("--published-epochs", type=int, default=2)
    parser.add_argument("--batches", type=int, default=3, help="neighbour-sampled batches to time")
    parser.add_argument("--ratio-design", default="fpdk45_16x64", help="file name to compare both ways on")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    options = parser.parse_args(words)
    console = Console(width=None if sys.stdout.isatty() else 120)
    began = time.perf_counter()
    graphs = read_all(console, options.paths)
    reading = time.perf_counter() - began
    console.print(f"{len(graphs)} netlists read in {reading:.1f} s, {torch.get_num_threads()} threads")
    default = PretrainConfig() if options.epochs is None else PretrainConfig(max_epochs=options.epochs)
    runs = {"default": trained(graphs, default)}
    if options.published_epochs:
        published = preset_config(ScatteringPreset.PUBLISHED, max_epochs=options.published_epochs)
        runs["published"] = trained(graphs, published)
    table = Table("", *runs)
    for name in runs["default"]:
        table.add_row(name.replace("_", " "), *(f"{run[name]:,.4g}" for run in runs.values()))
    console.print(table)
    named = [
        graph for graph in graphs if Path(graph.circuit.path).name.startswith(options.ratio_design + ".")
    ]
    largest = max(named or graphs, key=lambda graph: graph.circuit.pin_count)
    ratio = sampling_ratio(largest, options.batches)
    table = Table(f"an epoch on {largest.circuit.name}", "", caption="published encoder, both ways")
    for name, value in ratio.items():
        table.add_row(name.replace("_", " "), f"{value:,.4g}")
    console.print(table)
    if options.output is not None:
        figures = {"netlists": len(graphs), "reading_seconds": reading, **runs, "sampling": ratio}
        options.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    kept = runs["default"]["seconds"] + reading <= PROMISED_SECONDS
    spread = runs["default"]["rank_share"] >= 0.2
    console.print(
        f"20 minutes: {'kept' if kept else 'MISSED'}; rank share 0.2: {'kept' if spread else 'MISSED'}"
    )
    return 0 if kept and spread else 1


if __name__ == "__main__":
    sys.exit(main())
