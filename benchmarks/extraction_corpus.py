"""What becomes of every extraction result of a folder: read with its figures, or refused with the place.

    python benchmarks/extraction_corpus.py FOLDER... [--only GLOB] [--all] [-o FILE.json]

The format is told from the content, as for users. The table counts files by collection (the first folder
below FOLDER) and format; with `--all` each file has a line of its own. Below it stand the reasons of refused
files, and every error that is no `ParasiticsError` with a place is listed by name. The exit status is 1 when
there is one.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import read_parasitics
from circuitgcl.parasitics.blocks import read_blocks
from circuitgcl.parasitics.reading import sniff_format

_SNIFFED_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file."""

    collection: str
    path: str  # below the folder
    form: str = ""  # the format its content shows
    reason: str = ""  # of an error, without the path
    is_bug: bool = False
    seconds: float = 0.0
    nets: int = 0
    nodes: int = 0
    pairs: int = 0
    ground_farad: float = 0.0
    coupling_farad: float = 0.0
    skipped: int = 0  # cards of all kinds


def outcome(path: Path, folder: Path) -> Outcome:
    """Read one file."""
    below = path.relative_to(folder)
    who = {"collection": below.parts[0] if len(below.parts) > 1 else folder.name, "path": str(below)}
    start = time.perf_counter()
    form = ""
    try:
        first = next(read_blocks(path, block_bytes=_SNIFFED_BYTES), None)
        form = sniff_format(first.data).value if first else ""
        found = read_parasitics(path)
    except ParasiticsError as error:
        reason = str(error).replace(f"{path.parent}/", "")
        return Outcome(**who, form=form, reason=reason, is_bug=error.location is None or "\n" in reason)
    except Exception as error:  # what the script is for
        return Outcome(**who, form=form, reason=repr(error), is_bug=True)
    return Outcome(
        **who,
        form=form,
        seconds=time.perf_counter() - start,
        nets=len(found.nets),
        nodes=len(found.nodes),
        pairs=len(found.pair_a),
        ground_farad=found.ground_total_farad,
        coupling_farad=found.coupling_total_farad,
        skipped=sum(card.count for card in found.skipped_cards),
    )


def summary(outcomes: Sequence[Outcome]) -> Table:
    """Files by collection and format."""
    table = Table("collection", "content", "files", "read", "refused", "nets", "pairs", "fF", "seconds")
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for item in outcomes:
        groups[item.collection, item.form].append(item)
    for (collection, form), items in sorted(groups.items()):
        read = [item for item in items if not item.reason]
        farad = sum(item.ground_farad + item.coupling_farad for item in read)
        table.add_row(
            escape(collection),
            form,
            *(str(n) for n in (len(items), len(read), len(items) - len(read))),
            *(f"{sum(counts):,}" for counts in ([x.nets for x in read], [x.pairs for x in read])),
            f"{farad * 1e15:,.1f}",
            f"{sum(item.seconds for item in read):.2f}",
        )
    return table


def line_by_line(outcomes: Sequence[Outcome]) -> Table:
    """A row for each file that was read."""
    table = Table("file", "content", "nets", "nodes", "pairs", "ground fF", "coupling fF", "skipped")
    for item in outcomes:
        if not item.reason:
            counts = (str(n) for n in (item.nets, item.nodes, item.pairs))
            farads = (f"{f * 1e15:.4g}" for f in (item.ground_farad, item.coupling_farad))
            table.add_row(escape(Path(item.path).name), item.form, *counts, *farads, str(item.skipped))
    return table


def main(argv: Sequence[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--only", default="*", help="files whose name matches")
    parser.add_argument("--all", action="store_true", help="a line for every file")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args(argv)
    outcomes = [
        outcome(path, folder)
        for folder in options.folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and fnmatch.fnmatch(path.name, options.only)
    ]
    console = Console(width=160)
    if options.all:
        console.print(line_by_line(outcomes))
    console.print(summary(outcomes))
    for item in outcomes:
        if item.reason and not item.is_bug:
            console.print(f"refused  {escape(item.reason)}", soft_wrap=True)
    bugs = [item for item in outcomes if item.is_bug]
    for item in bugs:
        console.print(f"BUG  {escape(item.path)}: {escape(item.reason)}", soft_wrap=True)
    counts = Counter("bug" if item.is_bug else "refused" if item.reason else "read" for item in outcomes)
    console.print(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    if options.output:
        options.output.write_text(json.dumps([asdict(item) for item in outcomes], indent=1))
    return 1 if bugs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
