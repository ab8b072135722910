"""How much sooner finetuning is on structural classes than on all nets and pairs.

    python benchmarks/finetuning_speed.py [MANIFEST|DATA SET...] [--epochs N] [--only GLOBS] [--set KEY=VALUE]

Trains on the designs of the manifests (`netlists/openram` when none is given) both ways, alternately, and
prints the seconds of an epoch of each, the least of several, with their ratio: with the encoder frozen, where
its embeddings are worked out once and only the heads run, and with the encoder learning, where it runs at
every step. Seconds to build tensors and to fit the memories are shown apart; all are seconds of the
processor, which a busy machine does not stretch as it does those of the clock. Losses of the first step are
compared without dropout; fails where they differ by more than 1e-4 of their value.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from circuitgcl.config import load_config
from circuitgcl.data import Design, list_designs, open_design
from circuitgcl.data.tensors import DesignTensors, graph_tensors
from circuitgcl.estimation.estimator import matching
from circuitgcl.finetuning import FinetuneConfig
from circuitgcl.finetuning.training import FinetuneModule, fit_memories, fit_scales
from circuitgcl.models.capacitance import CapacitanceModel

TOLERANCE = 1e-4
WAYS = {"flat": False, "classes": True}


@dataclass(kw_only=True)
class Run:
    """One way of training and what it took."""

    designs: list[DesignTensors]
    module: FinetuneModule
    building_seconds: float
    first_loss: float
    epoch_seconds: float = float("inf")

    @classmethod
    def started(cls, designs: Sequence[Design], config: FinetuneConfig) -> Run:
        """Tensors and a module before its first step."""
        start = time.process_time()
        rounds = config.model.encoder.layers
        tensors = [
            graph_tensors(design.graph, design.labels, rounds=rounds, quotient=config.quotient)
            for design in designs
        ]
        building = time.process_time() - start
        torch.manual_seed(config.seed)
        model = CapacitanceModel(config.model)
        model.encoder.fit_inputs(design.hetero for design in tensors)
        fit_scales(model, tensors)
        module = FinetuneModule(model, tensors, config)
        with torch.no_grad(), model.forgetting():
            for part in module.modules():
                if isinstance(part, torch.nn.Dropout):
                    part.eval()
            loss = float(torch.stack([module.loss(design) for design in tensors]).mean())
        module.train()
        return cls(designs=tensors, module=module, building_seconds=building, first_loss=loss)

    def epoch(self) -> None:
        """One step per design; the least seconds of all epochs are kept."""
        optimizer = self.module.configure_optimizers()["optimizer"]
        start = time.process_time()
        for design in self.designs:
            optimizer.zero_grad()
            self.module.loss(design).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        self.epoch_seconds = min(self.epoch_seconds, time.process_time() - start)


def compared(console: Console, designs: Sequence[Design], config: FinetuneConfig, epochs: int) -> float:
    """Print the table of both ways, and return how much their first losses differ, relatively."""
    runs = {name: Run.started(designs, replace(config, quotient=way)) for name, way in WAYS.items()}
    for _ in range(epochs):
        for run in runs.values():
            run.epoch()
    flat, classes = runs.values()
    learning = "learns" if config.encoder_learning_rate else "is frozen"
    table = Table(f"the encoder {learning}", *runs, "ratio")
    rows = {
        "nets": [float(sum(len(d.net_features) for d in run.designs)) for run in runs.values()],
        "terminals": [float(sum(len(d.terminal_features) for d in run.designs)) for run in runs.values()],
        "contexts": [float(sum(len(d.context_features) for d in run.designs)) for run in runs.values()],
        "pairs": [float(sum(d.pair_rows for d in run.designs)) for run in runs.values()],
        "seconds to build tensors": [run.building_seconds for run in runs.values()],
        "seconds per epoch": [run.epoch_seconds for run in runs.values()],
        "seconds to fit memories": [_memory_seconds(run, config) for run in runs.values()],
    }
    for name, (one, other) in rows.items():
        table.add_row(name, f"{one:,.4g}", f"{other:,.4g}", f"{one / max(other, 1e-9):.2f}")
    table.add_row("loss of the first step", f"{flat.first_loss:.6f}", f"{classes.first_loss:.6f}", "")
    console.print(table)
    return abs(flat.first_loss - classes.first_loss) / abs(flat.first_loss)


def _memory_seconds(run: Run, config: FinetuneConfig) -> float:
    start = time.process_time()
    fit_memories(run.module.model, run.designs, config.memory, salt=1)
    return time.process_time() - start


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when the losses differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    default = Path("netlists/openram/manifest.toml")
    parser.add_argument("manifests", type=Path, nargs="*", default=[default], metavar="MANIFEST|DATA SET")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--only", default="*", help="designs to train on, as 'a*,b'")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(words)
    console = Console(width=None if sys.stdout.isatty() else 120)
    files = [file for manifest in options.manifests for file in list_designs(manifest)]
    kept = matching([file.name for file in files], options.only)
    designs = [open_design(file) for file, is_kept in zip(files, kept, strict=True) if is_kept]
    console.print(f"{len(designs)} designs, {torch.get_num_threads()} threads")
    config = load_config(FinetuneConfig, settings=options.settings)
    rates = (0.0, config.encoder_learning_rate or 1e-4)
    gaps = [
        compared(console, designs, replace(config, encoder_learning_rate=rate), options.epochs)
        for rate in rates
    ]
    return 0 if max(gaps) < TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
