"""The benchmark of the strict protocol: every method on every split, several seeds, unseen designs.

    python benchmarks/splits.py run [--only 'size*'] [--methods ours,trees-*] [--seeds 3] [--again]
    python benchmarks/splits.py table

`run` adds rows (split, design, method, seed) to docs/results/splits.json as they are finished and passes over
those that are there; `--again` computes the chosen ones anew. Both end with writing docs/benchmark.md; with
`--results FILE.json` rows and page go elsewhere (FILE.md). No training of a row sees its test designs.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console
from split_suite.definitions import all_splits
from split_suite.judging import Job, Tables, raw_job, split_jobs
from split_suite.methods import METHODS
from split_suite.raw import pin_level_files
from split_suite.report import benchmark_page, print_rows
from split_suite.rows import Rows

from circuitgcl.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "netlists" / "openram" / "manifest.toml"
CELLS = ROOT.parent / "shared" / "data" / "sky130_fd_sc_hd"
PINS = ROOT.parent / "shared" / "data" / "openram"
RESULTS = ROOT / "docs" / "results" / "splits.json"
PAGE = ROOT / "docs" / "benchmark.md"


def jobs(asked: argparse.Namespace, scratch: Path) -> Iterator[Job]:
    """All that is asked for, seed by seed."""
    tables = Tables()
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        for split in all_splits(MANIFEST, asked.cells, seed).values():
            if _matches(split.name, asked.only):
                yield from split_jobs(split, seed, tables, scratch, asked.folds)
        if _matches("raw", asked.only) and all(f.is_file() for f in pin_level_files(asked.pins)):
            yield raw_job(asked.pins, seed, scratch)


def run(asked: argparse.Namespace, rows: Rows, console: Console) -> None:
    """Compute the rows that are missing."""
    with tempfile.TemporaryDirectory() as scratch:
        for job in jobs(asked, Path(scratch)):
            wanted = any(_matches(method, asked.methods) for _, _, method, _ in job.keys)
            if not wanted or (not asked.again and all(key in rows.by_key for key in job.keys)):
                continue
            found = list(job.rows())
            rows.add(found)
            print_rows(found, console)


def _matches(name: str, patterns: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns.split(","))


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
    running.add_argument("--cells", type=Path, default=CELLS, help="folder of the SKY130 cells")
    running.add_argument("--pins", type=Path, default=PINS, help="folder of pin-level extractions")
    running.add_argument("--again", action="store_true", help="compute rows anew that are there")
    commands.add_parser("table")
    asked = parser.parse_args()
    console = Console(width=220)
    logging.getLogger("lightning").setLevel(logging.ERROR)
    splits = all_splits(MANIFEST, CELLS, 0)
    rows = Rows(asked.results, (*splits, *METHODS))
    if asked.command == "run":
        run(asked, rows, console)
    else:
        print_rows(rows.ordered(), console)
    if not rows.by_key:
        sys.exit(f"{asked.results} has no row")
    page = PAGE if asked.results == RESULTS else asked.results.with_suffix(".md")
    write_atomically(page, benchmark_page(rows.ordered(), splits))


if __name__ == "__main__":
    main()
