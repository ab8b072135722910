"""The benchmark of the strict protocol: every method on every split, several seeds, unseen designs.

    python benchmarks/splits.py run [--only 'size*'] [--methods ours,trees-*] [--seeds 3] [--again]
    python benchmarks/splits.py table

`run` adds rows (split, design, method, seed) to docs/results/splits.json as they are finished and passes over
those that are there; `--again` computes the chosen ones anew. `table` prints the rows and writes
docs/benchmark.md. Test designs are looked at once per row: nothing is selected on them.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from rich.console import Console
from split_suite.definitions import Split, all_splits, contains, training_table
from split_suite.methods import METHODS, Ours, Training
from split_suite.raw import RAW_METHODS, TEST, raw_rows
from split_suite.report import benchmark_page, print_rows

from circuitgcl.data import DesignFiles, load_design
from circuitgcl.data.pair_tables import PairTable
from circuitgcl.errors import CircuitGCLError
from circuitgcl.evaluation.protocol import ScoredRows, context_keys, scored_rows, scores
from circuitgcl.files import write_atomically
from circuitgcl.models.scaling import TargetScale

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "netlists" / "openram" / "manifest.toml"
CELLS = ROOT.parent / "shared" / "data" / "sky130_fd_sc_hd"
DATA = ROOT.parent / "shared" / "data" / "openram"
RESULTS = ROOT / "docs" / "results" / "splits.json"
PAGE = ROOT / "docs" / "benchmark.md"
KEY = ("split", "design", "method", "seed")

Row = dict[str, Any]


@dataclass(frozen=True)
class Tables:
    """Pair tables of designs, each made once."""

    made: dict[str, PairTable | None] = field(default_factory=dict)

    def of(self, files: Sequence[DesignFiles]) -> list[PairTable]:
        """Tables of the designs that have devices and labels."""
        found = []
        for item in files:
            if item.name not in self.made:
                self.made[item.name] = _table(item)
            table = self.made[item.name]
            if table is not None:
                found.append(table)
        return found


def _table(files: DesignFiles) -> PairTable | None:
    try:
        return PairTable(load_design(files))
    except CircuitGCLError as error:  # a filler cell has no signal net
        logging.getLogger(__name__).info("left out: %s", error)
        return None


def read_rows(path: Path) -> list[Row]:
    """Rows of earlier runs."""
    if not path.is_file():
        return []
    rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows


def write_rows(path: Path, rows: Sequence[Row], splits: Sequence[str]) -> None:
    """All rows, one a line, in the order of splits and methods."""
    order = {name: place for place, name in enumerate((*splits, *METHODS))}
    place = len(order)
    ordered = sorted(
        rows,
        key=lambda row: (
            order.get(row["split"], place),
            row["split"],
            row["design"],
            order.get(row["method"], place),
            row["method"],
            row["seed"],
        ),
    )
    lines = ",\n".join(json.dumps(row) for row in ordered)
    write_atomically(path, f'{{"schema": 1, "rows": [\n{lines}\n]}}\n')


def judged_rows(
    split: Split, method: str, seed: int, tables: Tables, folder: Path, folds: int
) -> Iterator[Row]:
    """Train one method on one split and score it on every test."""
    train = [table for table in tables.of(split.train) if not contains(table, split.lacks)]
    train = [training_table(table, split, seed) for table in train]
    known = context_keys(table.design for table in (*train, *tables.of(split.calibrates)))
    start = time.perf_counter()
    folder = folder / f"{split.shares or split.name}-{seed}"
    folder.mkdir(exist_ok=True)
    training = Training(
        tables=train,
        seed=seed,
        folder=folder,
        folds=folds,
        calibrating=tables.of(split.calibrates),
        labels=split.labels,
    )
    estimator = METHODS[method](training)
    seconds = time.perf_counter() - start
    scale = TargetScale.named("wide")
    for name, files in split.tests.items():
        parts = []
        for table in tables.of(files):
            judged = split.judged(table, seed) if split.judged else None
            parts.append(scored_rows(table, estimator(table), known, scale, judged))
        yield {
            "split": split.name,
            "design": name,
            "method": method,
            "seed": seed,
            "training_designs": len(train),
            "training_seconds": round(seconds, 1),
            **scores(ScoredRows.joined(parts)),
        }


def _chosen(name: str, patterns: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns.split(","))


def run(asked: argparse.Namespace, console: Console) -> None:
    """Compute the rows that are missing."""
    rows = {tuple(row[key] for key in KEY): row for row in read_rows(asked.results)}
    methods = [method for method in METHODS if _chosen(method, asked.methods)]
    tables = Tables()
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
            splits = all_splits(MANIFEST, asked.cells, seed)
            for split in splits.values():
                if not _chosen(split.name, asked.only):
                    continue
                for method in methods:
                    if split.labels and not isinstance(METHODS[method], Ours):
                        continue  # the baselines cannot be calibrated
                    keys = [(split.name, design, method, seed) for design in split.tests]
                    if all(key in rows for key in keys) and not asked.again:
                        continue
                    for row in judged_rows(split, method, seed, tables, Path(scratch), asked.folds):
                        rows[tuple(row[key] for key in KEY)] = row
                        print_rows([row], console)
                    write_rows(asked.results, list(rows.values()), list(splits))
            missing = asked.again or any(("raw", d, m, seed) not in rows for d in TEST for m in RAW_METHODS)
            if missing and _chosen("raw", asked.only) and (asked.data / f"{TEST[0]}.pin.pex.sp.gz").is_file():
                for row in raw_rows(asked.data, seed, Path(scratch)):
                    rows[tuple(row[key] for key in KEY)] = row
                    print_rows([row], console)
                write_rows(asked.results, list(rows.values()), list(splits))


def main() -> None:
    """Do what the first argument says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("--only", default="*", help="splits, glob patterns separated by commas")
    running.add_argument("--methods", default="*", help="methods, glob patterns separated by commas")
    running.add_argument("--seeds", type=int, default=3)
    running.add_argument("--first-seed", type=int, default=0)
    running.add_argument("--folds", type=int, default=0, help="of families, for calibrated intervals")
    running.add_argument("--cells", type=Path, default=CELLS, help="folder of the sky130 cells")
    running.add_argument("--data", type=Path, default=DATA, help="folder with pin-level extractions")
    running.add_argument("--again", action="store_true", help="compute rows anew that are there")
    commands.add_parser("table")
    asked = parser.parse_args()
    console = Console(width=200)
    logging.getLogger("lightning").setLevel(logging.ERROR)
    if asked.command == "run":
        run(asked, console)
    rows = read_rows(asked.results)
    if asked.command == "table":
        print_rows(rows, console)
    if rows:
        splits = all_splits(MANIFEST, CELLS, 0)
        write_atomically(PAGE, benchmark_page(rows, splits))
    else:
        sys.exit(f"{asked.results} has no row")


if __name__ == "__main__":
    main()
