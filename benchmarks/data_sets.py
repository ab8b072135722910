"""Data sets and the label check in figures: build against load, false alarms, injected name swaps.

python benchmarks/data_sets.py build MANIFEST [--folder DIR]    seconds and memory, build and load
python benchmarks/data_sets.py swaps MANIFEST|DIR [--pairs 10]  precision and recall of swapped names
python benchmarks/data_sets.py manifest FOLDER... > all.toml    a manifest of schematics and extractions
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from circuitgcl.data import Design, Labels, build_data_set, list_designs, open_design, read_data_set
from circuitgcl.data.name_swaps import LabelRows, find_suspects
from circuitgcl.errors import CircuitGCLError, OnError

SCHEMATICS = (".sp.gz", ".sp", ".spice", ".cdl", ".scs")
EXTRACTIONS = (".pex.sp.gz", ".pex.sp", ".spf", ".dspf", ".spef", ".ext")
LABELLED_SHARE = 20  # of a design's labelled nets, one in this many is swapped at most


def manifest_of(folders: list[Path]) -> Iterator[str]:
    """`[[design]]` tables of all schematics that lie beside an extraction of their name.

    The technology is the folder's name or what stands before the first `_`, whichever several designs share;
    the family is the name up to `__`, or without a number behind the last `_` (a cell's drive strength).
    """
    for folder in folders:
        for path in sorted(folder.iterdir()):
            suffix = next((s for s in SCHEMATICS if path.name.endswith(s)), "")
            stem = path.name.removesuffix(suffix)
            beside = [folder / (stem + end) for end in EXTRACTIONS]
            extracted = next((file for file in beside if file.is_file()), None)
            if not suffix or stem.endswith(".pex") or extracted is None:
                continue
            library, cut, cell = stem.rpartition("__")
            is_cell = cut and cell.rpartition("_")[2].isdigit()
            family = stem.rpartition("_")[0] if is_cell else library or stem
            entry = {
                "name": stem,
                "schematic": str(path),
                "extracted": str(extracted),
                "technology": stem.partition("_")[0],
                "family": family,
            }
            lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items())
            yield "\n".join(("[[design]]", *lines, ""))


def _resident_mib() -> float:
    """Largest resident size of this process so far; what `getrusage` says is inherited from the parent."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def _timed_sources(manifest: Path) -> tuple[float, float, int]:
    """Seconds and peak MiB above the import of reading all designs from their sources, and their nets."""
    before, start, nets = _resident_mib(), time.process_time(), 0
    for files in list_designs(manifest):
        try:
            nets += open_design(files).graph.circuit.net_count
        except CircuitGCLError as error:
            print(f"left out {files.name}: {error}", file=sys.stderr)  # noqa: T201
    return time.process_time() - start, _resident_mib() - before, nets


def _timed_stored(folder: Path) -> tuple[float, float, int]:
    """The same for a data set, with the checksum of every file."""
    before, start, nets = _resident_mib(), time.process_time(), 0
    for files in read_data_set(folder):
        nets += open_design(files).graph.circuit.net_count
    return time.process_time() - start, _resident_mib() - before, nets


def build(manifest: Path, folder: Path, console: Console) -> None:
    """Print what building and loading cost, each in a fresh process."""
    start = time.process_time()
    built = build_data_set(manifest, folder, on_error=OnError.SKIP)
    seconds = time.process_time() - start
    table = Table("step", "seconds", "peak MiB", "nets", title=f"{len(built.entries)} designs")
    table.add_row("build the data set", f"{seconds:.2f}", "", "")
    for name, work, place in (
        ("read all sources", _timed_sources, manifest),
        ("load the data set", _timed_stored, folder),
    ):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            cost, memory, nets = pool.submit(work, place).result()
        table.add_row(name, f"{cost:.2f}", f"{memory:.0f}", f"{nets:,}")
    size = sum(entry["bytes"] for entry in built.entries) / 1e6
    console.print(table)
    console.print(
        f"{size:.1f} MB on disk; {built.built} built, {built.kept} kept, {len(built.left_out)} left out"
    )


def with_swaps(design: Design, count: int, draw: np.random.Generator) -> tuple[Design, set[tuple[int, int]]]:
    """A design whose labels are exchanged between some pairs of its nets, and these pairs."""
    labels = design.labels
    assert isinstance(labels, Labels)
    nets = np.arange(design.graph.circuit.net_count)
    labelled = np.flatnonzero(np.isfinite(labels.load_farad))
    count = min(count, len(labelled) // LABELLED_SHARE)
    pairs = draw.choice(labelled, 2 * count, replace=False).reshape(-1, 2)
    nets[pairs] = pairs[:, ::-1]
    pair = np.sort(nets[labels.pair], axis=1).astype(np.int32)
    order = np.lexsort((pair[:, 1], pair[:, 0]))
    swapped = replace(
        labels,
        pair=pair[order],
        coupling_farad=labels.coupling_farad[order],
        load_farad=labels.load_farad[nets],
        ground_farad=labels.ground_farad[nets],
    )
    return replace(design, labels=swapped), {(min(p), max(p)) for p in pairs.tolist()}


def swaps(place: Path, pairs: int, seed: int, console: Console) -> None:
    """Print how many injected swaps are found, and how many others, by technology."""
    rows: defaultdict[str, list[LabelRows]] = defaultdict(list)
    truth: defaultdict[str, list[set[tuple[int, int]]]] = defaultdict(list)
    draw = np.random.default_rng(seed)
    for files in list_designs(place):
        design = open_design(files)
        if design.labels is None:
            continue
        design, injected = with_swaps(design, pairs, draw)
        rows[files.technology].append(LabelRows.of(design))
        truth[files.technology].append(injected)
    table = Table("technology", "nets", "injected", "reported", "right", "precision", "recall", "alone", "s")
    for technology, designs in rows.items():
        start = time.process_time()
        suspects = find_suspects(designs)
        seconds = time.process_time() - start
        found = {(s.design, min(s.net, s.partner), max(s.net, s.partner)) for s in suspects if s.partner >= 0}
        injected_here = {(n, *pair) for n, own in enumerate(truth[technology]) for pair in own}
        right = len(found & injected_here)
        table.add_row(
            technology,
            f"{sum(int(d.labelled.sum()) for d in designs):,}",
            str(len(injected_here)),
            str(len(found)),
            str(right),
            f"{right / len(found):.3f}" if found else "-",
            f"{right / len(injected_here):.3f}" if injected_here else "-",
            str(sum(s.partner < 0 for s in suspects)),
            f"{seconds:.1f}",
        )
    console.print(table)


def main() -> None:
    """Do what the first argument says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build")
    building.add_argument("manifest", type=Path)
    building.add_argument("--folder", type=Path)
    swapping = commands.add_parser("swaps")
    swapping.add_argument("place", type=Path)
    swapping.add_argument(
        "--pairs", type=int, default=10, help="swaps per design at most; 0 for false alarms"
    )
    swapping.add_argument("--seed", type=int, default=1)
    listing = commands.add_parser("manifest")
    listing.add_argument("folders", type=Path, nargs="+")
    asked = parser.parse_args()
    console = Console()
    if asked.command == "manifest":
        sys.stdout.writelines(f"{entry}\n" for entry in manifest_of(asked.folders))
    elif asked.command == "swaps":
        swaps(asked.place, asked.pairs, asked.seed, console)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            build(asked.manifest, asked.folder or Path(scratch) / "set", console)


if __name__ == "__main__":
    main()
