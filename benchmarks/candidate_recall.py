"""How much of the extracted coupling the candidate pairs hold, before any scoring, by how the nets meet.

    python benchmarks/candidate_recall.py FOLDER [--only GLOB] [--min-cap 0.01] [--missed] [-o FILE.json]

FOLDER holds schematics (`D.sp.gz`, `D.spice`) beside extractions (`D.pex.sp.gz`, `D.ext`). Counted is
signal-signal coupling above `--min-cap` femtofarad; a true pair is one above it. A candidate pair belongs to
the closest way its nets meet: in one leaf cell, in a body that connects cells, or in neighbouring cells. The
promise: 95 % of the capacitance at no more than 8 candidates per true pair, on every macro and all together.
`--missed` tells by relation what is missing.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from circuitgcl.data import DesignFiles, load_design
from circuitgcl.errors import CircuitGCLError
from circuitgcl.graph import CircuitGraph
from circuitgcl.graph.contexts import ContextKind
from circuitgcl.graph.pair_encodings import PairStructure, pair_encoding_schema

RECALL, RATIO = 0.95, 8.0
RELATIONS = ("leaf cell", "connecting body", "neighbours")


def designs_in(folder: Path) -> Iterator[DesignFiles]:
    """Schematics with an extraction of the same name."""
    for schematic in sorted([*folder.glob("*.sp.gz"), *folder.glob("*.spice")]):
        if ".pex." in schematic.name or ".pin." in schematic.name:
            continue
        name = schematic.name.removesuffix(".sp.gz").removesuffix(".spice")
        for extracted in (folder / f"{name}.pex.sp.gz", folder / f"{name}.ext"):
            if extracted.is_file():
                yield DesignFiles(name=name, schematic=schematic, extracted=extracted)


def closest_relation(graph: CircuitGraph) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Row of `RELATIONS` of every candidate pair."""
    contexts = graph.contexts
    is_leaf = graph.terminals.is_leaf[contexts.side_a]
    kind = np.where(contexts.kind == ContextKind.NEIGHBOUR, 2, np.where(is_leaf, 0, 1))
    closest = np.full(contexts.pair_count, len(RELATIONS))
    np.minimum.at(closest, contexts.occurrence_pair, kind[contexts.occurrence_context])
    return closest


def missed_relations(graph: CircuitGraph, pair: Any, farad: Any) -> Counter[str]:
    """Capacitance of pairs that are no candidates, by where their nets lie."""
    encoded = PairStructure(graph).encode(pair)
    column = {feature.name: encoded[:, place] for place, feature in enumerate(pair_encoding_schema())}
    steps = np.expm1(column["instance_index_distance"])
    where = np.select(
        [
            column["same_instance"] > 0,
            (column["instance_index_equal_coordinates"] > 0) & (np.abs(steps - 1) < 0.1),
            steps > 0.5,
            column["siblings"] > 0,
            column["levels_apart"] <= 2,
        ],
        [
            "nets of one body",
            "instances one step apart",
            "instances of one family further apart",
            "sibling instances of other families",
            "a net and an instance below it",
        ],
        "instances below different parents",
    )
    found: Counter[str] = Counter()
    for name, value in zip(where.tolist(), farad.tolist(), strict=True):
        found[name] += value
    return found


def measured(files: DesignFiles, min_farad: float) -> dict[str, Any] | None:
    """Capacitance of one design by relation, and how many candidates there are."""
    design = load_design(files)
    graph, labels = design.graph, design.labels
    assert labels is not None
    above = labels.coupling_farad > min_farad
    pair, farad = labels.pair[above].astype(np.int64), labels.coupling_farad[above]
    if not len(farad):
        return None
    nets = graph.circuit.net_count
    code = graph.contexts.pair[:, 0].astype(np.int64) * nets + graph.contexts.pair[:, 1]
    sought = pair[:, 0] * nets + pair[:, 1]
    at = np.minimum(np.searchsorted(code, sought), max(len(code) - 1, 0))
    hit = code[at] == sought if len(code) else np.zeros(len(sought), bool)
    relation = closest_relation(graph)[at[hit]] if len(code) else np.zeros(0, np.int64)
    held = np.bincount(relation, weights=farad[hit], minlength=len(RELATIONS))
    return {
        "design": files.name,
        "true_pairs": len(farad),
        "candidates": len(code),
        "farad": float(farad.sum()),
        "held_farad": dict(zip(RELATIONS, held.tolist(), strict=True)),
        "missed_farad": dict(missed_relations(graph, pair[~hit], farad[~hit])),
    }


def summed(rows: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """All designs as one."""
    held, missed = Counter[str](), Counter[str]()
    for row in rows:
        held.update(row["held_farad"])
        missed.update(row["missed_farad"])
    counts = {key: sum(row[key] for row in rows) for key in ("true_pairs", "candidates", "farad")}
    return {"design": name, **counts, "held_farad": dict(held), "missed_farad": dict(missed)}


def is_kept(row: dict[str, Any]) -> bool:
    """Whether the promise holds for a row."""
    recall = sum(row["held_farad"].values()) / row["farad"]
    return bool(recall >= RECALL and row["candidates"] <= RATIO * row["true_pairs"])


def table_of(rows: Sequence[dict[str, Any]], *, missed: bool) -> Table:
    """One line per design."""
    table = Table(caption="% of the signal-signal coupling capacitance; candidates per true pair")
    table.add_column("design", no_wrap=True)
    for name in ("true pairs", *RELATIONS, "recall", "per pair"):
        table.add_column(name, justify="right")
    table.add_column("missing, by relation" if missed else "")
    for row in rows:
        shares = [100 * row["held_farad"].get(name, 0.0) / row["farad"] for name in RELATIONS]
        worst = sorted(row["missed_farad"].items(), key=lambda item: -item[1])[:3]
        listed = "; ".join(f"{100 * value / row['farad']:.2f} {name}" for name, value in worst)
        verdict = "" if is_kept(row) else "MISSED "
        table.add_row(
            row["design"],
            f"{row['true_pairs']:,}",
            *(f"{share:.1f}" for share in shares),
            f"{sum(shares):.1f}",
            f"{row['candidates'] / row['true_pairs']:.1f}",
            verdict + (listed if missed else ""),
        )
    return table


def main(words: Sequence[str] | None = None) -> int:
    """Measure all designs; 1 when the promise is missed on all of them together."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", metavar="GLOB", default="*", help="designs whose name matches")
    parser.add_argument("--min-cap", type=float, default=0.01, help="femtofarad of a pair that counts")
    parser.add_argument("--missed", action="store_true", help="tell what is missing")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write the figures there")
    options = parser.parse_args(words)
    progress = Console(stderr=True)
    rows: list[dict[str, Any]] = []
    for files in designs_in(options.folder):
        if not fnmatch.fnmatch(files.name, options.only):
            continue
        try:
            found = measured(files, options.min_cap * 1e-15)
        except CircuitGCLError as error:
            progress.print(f"{files.name}: {error}", style="yellow", markup=False)
            continue
        if found:
            rows.append(found)
    if not rows:
        raise SystemExit(f"no labelled design in {options.folder}")
    macros = [row for row in rows if "__" not in row["design"]] or rows
    shown = macros if len(macros) <= 40 else []
    total = summed(rows, f"all {len(rows)} designs")
    Console(width=None if sys.stdout.isatty() else 200).print(
        table_of([*shown, total], missed=options.missed)
    )
    if options.output:
        options.output.write_text(json.dumps([*rows, total], indent=2) + "\n", encoding="utf-8")
    return 0 if is_kept(total) else 1


if __name__ == "__main__":
    sys.exit(main())
