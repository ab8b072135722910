"""Few-label transfer: what pretraining buys when a design has 10, 100, 1,000 or all of its labels.

    python benchmarks/few_label_transfer.py [--seeds 5] [--cells FOLDER] [-o FILE.json] [--plot FILE.png]

Encoders are pretrained on the netlists of training designs only, labels unseen; a target design is seen first
when its labels are drawn. k of its couplings above 0.01 fF are labelled, all others are the test set (`all`:
80 % labelled, 20 % test, at random). Arms, by what the head sees beside the same pair inputs:

    none                          nothing
    none, end to end              a fresh encoder trained together with a small network on the k labels
    random                        an untrained encoder, frozen
    published, default            the two presets, frozen
    masked, distance, membership  the default with one auxiliary task each, frozen

A seed draws the encoder's first weights, its pretraining and the labels. Rows are written as they come; with
the same output file an interrupted run goes on. `few_label_variants.py` measures settings and uses.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from few_label_figures import plot, print_tables
from rich.console import Console

from circuitgcl.data import Design, DesignFiles, load_design, read_manifest
from circuitgcl.errors import CircuitGCLError
from circuitgcl.evaluation.few_label import (
    EndToEndHead,
    FloatArray,
    InputScale,
    KernelHead,
    TransferPairs,
)
from circuitgcl.files import write_atomically
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.models.encoder import CircuitEncoder
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.pretraining import PretrainConfig, ScatteringPreset, preset_config, pretrain

MANIFEST = Path("netlists/openram/manifest.toml")
RESULTS = Path("docs/results")
MIN_FARAD = 1e-17
LABELS: tuple[int | str, ...] = (10, 100, 1000, "all")
CELLS = "sky130_held_out_families"
LABELLED_SHARE = 0.8  # of all pairs, for `all`
EPOCHS = {"sram": 6, "cells": 2}
PUBLISHED_EPOCHS = {"sram": 2, "cells": 1}
SCALE_PAIRS = {"sram": 1000, "cells": 60}  # candidate pairs of each training design the scales are fitted on

# macros that no encoder sees, their split, and the other macros of the same technologies
TARGETS = {
    "fpdk45_8x32": "size45",
    "fpdk45_16x64": "size45",
    "scn4m_16x64": "size350",
    "scn4m_2x16_1rw1r": "port350",
}
TRAINING = (
    *("fpdk45_2x16", "fpdk45_8x16", "scn4m_2x16", "scn4m_4x16"),
    *("scn4m_8x32", "scn4m_8x32_wm", "scn4m_8x64_w4"),
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """Labelled pairs of one target design."""

    split: str
    design: str
    pairs: TransferPairs
    decades: FloatArray  # [P] log10 of femtofarad


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Training designs of one kind, and the targets their encoders are judged on."""

    name: str
    graphs: tuple[CircuitGraph, ...]
    scale_pairs: TransferPairs
    targets: tuple[Target, ...]


Arm = Callable[[Stage, int], "CircuitEncoder | None"]


def labelled_pairs(design: Design) -> tuple[np.ndarray, FloatArray]:
    """Extracted couplings above the threshold: flat nets [P, 2] and log10 femtofarad [P]."""
    assert design.labels is not None
    above = design.labels.coupling_farad > MIN_FARAD
    return design.labels.pair[above].astype(np.int64), np.log10(design.labels.coupling_farad[above] * 1e15)


def target_of(split: str, name: str, designs: Sequence[Design]) -> Target:
    """A design, or several pooled, as a target."""
    labels = [labelled_pairs(design) for design in designs]
    parts = [(d.graph, pair) for d, (pair, _) in zip(designs, labels, strict=True) if len(pair)]
    return Target(
        split=split,
        design=name,
        pairs=TransferPairs.of(parts),
        decades=np.concatenate([decades for _, decades in labels]),
    )


def stage_of(name: str, graphs: Sequence[CircuitGraph], targets: Sequence[Target]) -> Stage:
    """A stage with some candidate pairs of its training designs, on which scales are fitted."""
    draw = np.random.default_rng(0)
    parts = []
    for graph in graphs:
        pair = graph.contexts.pair
        if len(pair):
            parts.append((graph, pair[draw.permutation(len(pair))[: SCALE_PAIRS[name]]].astype(np.int64)))
    return Stage(name=name, graphs=tuple(graphs), scale_pairs=TransferPairs.of(parts), targets=tuple(targets))


def macro_stage(training: Iterable[str], targets: dict[str, str], more: Sequence[Target] = ()) -> Stage:
    """Macros and the analog circuits beside them."""
    files = {f.name: f for f in read_manifest(MANIFEST)}
    graphs = [load_design(replace(files[name], extracted=None)).graph for name in training]
    graphs += [build_graph(flatten(read_netlist(p))) for p in sorted(Path("netlists").glob("*.sp"))]
    found = [target_of(split, name, [load_design(files[name])]) for name, split in targets.items()]
    return stage_of("sram", graphs, [*found, *more])


def cell_stage(folder: Path) -> Stage:
    """Standard cells: two thirds of the families for training, the others pooled as the target."""
    designs = []
    for schematic in sorted(folder.glob("*.spice")):
        family = schematic.stem.rpartition("_")[0]
        files = DesignFiles(
            name=schematic.stem,
            schematic=schematic,
            extracted=schematic.with_suffix(".ext"),
            family=family,
        )
        try:
            designs.append(load_design(files))
        except CircuitGCLError:  # cells without devices
            continue
    families = sorted({design.files.family for design in designs})
    order = np.random.default_rng(0).permutation(len(families))
    held_out = {families[place] for place in order[: len(families) // 3]}
    training = {d.files.family: d.graph for d in designs if d.files.family not in held_out}
    graphs = list(training.values())[::2]  # one drive strength of every second family: enough steps
    pooled = [d for d in designs if d.files.family in held_out]
    return stage_of("cells", graphs, [target_of("cells", CELLS, pooled)])


def random_encoder(stage: Stage, seed: int) -> CircuitEncoder:
    """An untrained encoder of the default make; its input scales are those of the training netlists."""
    config = PretrainConfig()
    torch.manual_seed(seed)
    encoder = CircuitEncoder(config.encoder)
    encoder.fit_inputs([stage.scale_pairs.nodes], config.repetition)
    return encoder


def pretrained(config: PretrainConfig, longer: float = 1.0) -> Arm:
    """The encoder of a pretraining on the stage's netlists, `longer` times the epochs of the others."""

    def arm(stage: Stage, seed: int) -> CircuitEncoder:
        epochs = round(longer * EPOCHS[stage.name])
        own = replace(config, seed=seed, max_epochs=epochs, patience=None)
        with tempfile.TemporaryDirectory() as folder:
            return pretrain(stage.graphs, own, folder=folder, accelerator="cpu").encoder

    return arm


def published(stage: Stage, seed: int) -> CircuitEncoder:
    """The published preset in a few epochs instead of 800, its rates raised as much: Adam gets as far."""
    preset = preset_config(ScatteringPreset.PUBLISHED)
    epochs = PUBLISHED_EPOCHS[stage.name]
    raised = preset.max_epochs / epochs
    config = replace(
        preset,
        learning_rate=raised * preset.learning_rate,
        scattering_rate=raised * preset.scattering_rate,
    )
    return pretrained(config, longer=epochs / EPOCHS[stage.name])(stage, seed)  # type: ignore[return-value]


def no_encoder(stage: Stage, seed: int) -> None:
    """Pair inputs alone."""
    return


ARMS: dict[str, Arm] = {
    "none": no_encoder,
    "random": random_encoder,
    "published": published,
    "default": pretrained(PretrainConfig()),
    "masked": pretrained(PretrainConfig(masked_weight=1.0)),
    "distance": pretrained(PretrainConfig(distance_weight=1.0)),
    "membership": pretrained(PretrainConfig(membership_weight=1.0)),
    "none, end to end": random_encoder,
}
ORDER = (  # what is decided first is measured first
    ("none", "random", "published", "default"),
    ("masked", "distance", "membership"),
    ("none, end to end",),
)
END_TO_END = frozenset({"none, end to end", "random, fine-tuned", "default, fine-tuned"})


def drawn(pairs: int, labels: int | str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labelled rows and test rows; those of more labels contain those of fewer."""
    order = np.random.default_rng(seed).permutation(pairs)
    count = round(LABELLED_SHARE * pairs) if labels == "all" else int(labels)
    return order[:count], order[count:]


def r2(truth: FloatArray, estimate: FloatArray) -> float:
    """Coefficient of determination."""
    return float(1.0 - ((truth - estimate) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())


@dataclass(frozen=True, kw_only=True)
class Use:
    """How the head uses an encoder."""

    inputs: bool = True  # beside the pair inputs
    components: int = 0  # principal components of the embeddings, all of them where 0
    end_to_end: bool = False


def blocks_of(stage: Stage, target: Target, encoder: CircuitEncoder | None, use: Use) -> list[np.ndarray]:
    """Standardised blocks of inputs of a target; scales and components are those of training pairs."""
    blocks = []
    if use.inputs or encoder is None:
        blocks.append(InputScale.fit(stage.scale_pairs.inputs)(target.pairs.inputs))
    if encoder is not None:
        known, asked = stage.scale_pairs.embeddings(encoder), target.pairs.embeddings(encoder)
        scale = InputScale.fit(known)
        known, asked = scale(known), scale(asked)
        if use.components:
            axes = np.linalg.svd(known - known.mean(axis=0), full_matrices=False)[2][: use.components].T
            asked = InputScale.fit(known @ axes)(asked @ axes)
        blocks.append(asked)
    return blocks


def measured(
    stage: Stage,
    target: Target,
    encoder: CircuitEncoder | None,
    use: Use,
    seed: int,
    labels: Sequence[int | str],
) -> list[dict[str, Any]]:
    """One row for each number of labels."""
    blocks = blocks_of(stage, target, None if use.end_to_end else encoder, use)
    found = []
    for count in labels:
        learned, asked = drawn(len(target.decades), count, seed)
        if use.end_to_end:
            assert encoder is not None
            head = EndToEndHead(encoder, seed=seed, steps=100)
            estimate = head.fit_predict(target.pairs, blocks[0], target.decades, learned, asked)
        else:
            kernel = KernelHead().fit([block[learned] for block in blocks], target.decades[learned])
            estimate = kernel.predict([block[asked] for block in blocks])
        found.append(
            {"labels": count, "r2": round(r2(target.decades[asked], estimate), 4), "test": len(asked)}
        )
    return found


class Rows:
    """Rows of a table on disk; those that are there are not measured again."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        there = path is not None and path.is_file()
        self.rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if there else []  # type: ignore[union-attr]

    def has(self, **key: Any) -> bool:
        """Whether a row agrees with all of these."""
        return any(all(row.get(name) == value for name, value in key.items()) for row in self.rows)

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write more rows."""
        self.rows.extend(rows)
        if self.path is not None:
            lines = ",\n".join(json.dumps(row) for row in self.rows)
            write_atomically(self.path, f"[\n{lines}\n]\n")


def measure_arm(
    stage: Stage,
    name: str,
    arm: Arm,
    use: Use,
    seed: int,
    labels: Sequence[int | str],
    table: Rows,
) -> None:
    """Rows of one arm and seed on all targets of a stage that lack them."""
    waiting = [
        t
        for t in stage.targets
        if not table.has(split=t.split, design=t.design, pretraining=name, seed=seed)
        and not (use.end_to_end and t.split == "sram-to-cells")  # the same as on `cells`
    ]
    if not waiting:
        return
    start = time.process_time()
    encoder = arm(stage, seed)
    trained = time.process_time() - start
    for target in waiting:
        key = {"split": target.split, "design": target.design, "pretraining": name}
        rows = measured(stage, target, encoder, use, seed, labels)
        table.add({**key, "labels": r.pop("labels"), "seed": seed, **r} for r in rows)
    Console(stderr=True).print(
        f"{stage.name} seed {seed} {name}: encoder {trained:.0f} s, "
        f"heads {time.process_time() - start - trained:.0f} s"
    )


def main_table(seeds: int, cells: Path, table: Rows) -> None:
    """All arms on all targets, seed by seed."""
    more, stages = [], []
    if cells.is_dir():
        stages.append(cell_stage(cells))
        more = [replace(target, split="sram-to-cells") for target in stages[0].targets]
    stages.insert(0, macro_stage(TRAINING, TARGETS, more))
    for names in ORDER:
        for seed in range(seeds):
            for stage in stages:
                for name in names:
                    use = Use(end_to_end=name in END_TO_END)
                    measure_arm(stage, name, ARMS[name], use, seed, LABELS, table)


def main(words: Sequence[str] | None = None) -> int:
    """Measure what is missing in the table, then print and plot it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cells", type=Path, default=Path("../shared/data/sky130_fd_sc_hd"))
    parser.add_argument(
        "-o", "--output", type=Path, default=RESULTS / "few_label_transfer.json", metavar="FILE.json"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the figures there")
    options = parser.parse_args(words)
    logging.getLogger("circuitgcl").setLevel(logging.ERROR)  # cells too small to contrast
    table = Rows(options.output)
    main_table(options.seeds, options.cells, table)
    labels = [str(count) for count in LABELS]
    print_tables(table.rows, tuple(ARMS), labels)
    if options.plot:
        plot(table.rows, tuple(ARMS), labels, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
