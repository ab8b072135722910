"""The table of the benchmark, in the terminal and as a page: every figure is read from the stored rows."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from split_suite.definitions import Split

Row = Mapping[str, Any]

COLUMNS = {  # heading -> path into the scores of a row
    "couplings": "coupling.n",
    "R²": "coupling.r2",
    "ceiling": "coupling.ceiling_r2",
    "MAE": "coupling.mae_decades",
    "×1.5": "coupling.within_x1_5",
    "×2": "coupling.within_x2",
    "R² known": "by_knowledge.known.r2",
    "R² unknown": "by_knowledge.unknown.r2",
    "n": "by_knowledge.unknown.n",
    "R² none": "by_knowledge.none.r2",
    "R² twin": "with_twin.r2",
    "worst decade": "by_decade.worst",
    "AP": "existence.average_precision",
    "caught @1": "existence.capacitance_recall_at_1",
    "load R²": "net_load.r2",
    "load ×1.5": "net_load.within_x1_5",
    "bias": "net_load.bias_decades",
    "class F1": "ground_class.macro_f1",
    "80 %": "intervals.coverage",
    "s": "training_seconds",
}


OURS, NETWORKS = "ours", "networks"  # networks: our model without its trees


def value(row: Row, path: str) -> float | None:
    """A score by its dotted path; `None` where it is undefined."""
    found: Any = row
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def groups(rows: Iterable[Row]) -> Iterator[tuple[tuple[str, str, str], list[Row]]]:
    """Rows of all seeds of one (split, design, method), in the order of their first row."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["split"], row["design"], row["method"]), []).append(row)
    yield from found.items()


def summary(rows: Sequence[Row], path: str) -> str:
    """Mean over the seeds, and the standard deviation where there are several."""
    values = [v for row in rows if (v := value(row, path)) is not None]
    if not values:
        return "–"
    mean = statistics.fmean(values)
    if path.endswith(".n"):
        return f"{mean:,.0f}"
    text = f"{mean:.0f}" if path == "training_seconds" else f"{mean:.3f}"
    digits = 0 if path == "training_seconds" else 3
    return f"{text} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else text


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Print mean and spread by split, design and method."""
    table = Table("split", "design", "method", "seeds", *COLUMNS, padding=(0, 1, 0, 0), box=None)
    for names, own in groups(rows):
        table.add_row(*names, str(len(own)), *(summary(own, path) for path in COLUMNS.values()))
    console.print(table)


def benchmark_page(rows: Sequence[Row], splits: Mapping[str, Split]) -> str:
    """The page of the benchmark as Markdown."""
    by_split: dict[str, list[Row]] = {name: [] for name in splits}
    for row in rows:
        by_split.setdefault(row["split"], []).append(row)
    filled = {name: own for name, own in by_split.items() if own}
    lines = [*_INTRODUCTION, "", "## Asked and reached", "", *_asked_lines(filled, splits)]
    lines += ["", "## Rare labels", "", *_DECADES, "", *_decade_lines(rows)]
    for name, own in filled.items():
        about = splits[name].about if name in splits else _ABOUT.get(name, "")
        lines += ["", f"## {name}", "", *([f"{about}.", ""] if about else []), *_split_lines(own)]
    return "\n".join([*lines, ""])


_INTRODUCTION = (
    "# Benchmark of the splits",
    "",
    "Written by `python benchmarks/splits.py table` from `docs/results/splits.json`; nothing is typed in.",
    "Extracted couplings above 0.01 fF under the natural label law, every pair scored whether proposed",
    "or not, log10 scale; mean ± standard deviation over the seeds. No test design, nor another of its",
    "family, was seen by any stage of a training. The errors on these splits were looked at while the",
    "model was developed, though, so its figures are validation figures; the baselines were not tuned.",
    "The graph networks among these are trained briefly (`split_suite/methods.py`): of the published",
    "setting's 800 epochs of pretraining 4 are run.",
    "",
    "*Known* pairs have a context that a training design showed, *unknown* ones only others, *none* meet",
    "in no context; what is known depends on the split, not on the method. The ceiling is the best R² of",
    "an estimate that is constant over equal contexts, and perfect where a pair alone has its contexts;",
    "*twin* pairs share all of theirs with a labelled one of the design. Splits on the same training designs",
    "share one training; its seconds stand at the first of them.",
)
_ABOUT = {
    "raw": "the layout of the public graph files, design-disjoint: SRAM macros with pin-level extractions "
    "written as such files; net–net, pin–net and pin–pin couplings together, no names"
}
_DECADES = (
    "Mean absolute error in decades by decade of the label, and the worst of those with at least 30 pairs:",
    "what the balanced losses (`networks-gai`, `networks-bmc`) must lower against `networks-mse`.",
)


def _table_lines(heading: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    rows = [heading, ["---"] * len(heading), *body]
    return [f"| {' | '.join(row)} |" for row in rows]


def _asked_lines(by_split: Mapping[str, Sequence[Row]], splits: Mapping[str, Split]) -> list[str]:
    body = []
    for name, rows in by_split.items():
        for figure in splits[name].figures if name in splits else ():
            for design in dict.fromkeys(row["design"] for row in rows):
                means = {
                    method: _mean(own, figure.path)
                    for (_, place, method), own in groups(rows)
                    if place == design
                }
                ours = [r for r in rows if (r["design"], r["method"]) == (design, OURS)]
                others = {
                    m: v for m, v in means.items() if v is not None and not m.startswith((OURS, NETWORKS))
                }
                best = (min if figure.at_most else max)(others, key=others.__getitem__, default="")
                mean = means.get(OURS)
                body.append(
                    [
                        name,
                        design,
                        f"`{figure.path}`",
                        f"{'≤' if figure.at_most else '≥'} {figure.asked:g}",
                        summary(ours, figure.path),
                        "–" if mean is None else ("yes" if figure.reached(mean) else "no"),
                        f"{best} {others[best]:.3f}" if best else "–",
                    ]
                )
    return _table_lines(["split", "design", "figure", "asked", "ours", "reached", "best baseline"], body)


def _mean(rows: Sequence[Row], path: str) -> float | None:
    values = [v for row in rows if (v := value(row, path)) is not None]
    return statistics.fmean(values) if values else None


def _decade_lines(rows: Sequence[Row]) -> list[str]:
    arms = [row for row in rows if row["method"].startswith((OURS, NETWORKS))]
    several = {row["split"] for row in arms if row["method"] != OURS}
    chosen = [row for row in arms if row["split"] in several]
    decades = sorted(
        {key for row in chosen for key in row["by_decade"] if key != "worst"},
        key=lambda k: float(k.split()[0]),
    )
    body = [
        [
            *names,
            str(len(own)),
            *(_of_decade(own, decade) for decade in decades),
            summary(own, "by_decade.worst"),
        ]
        for names, own in groups(chosen)
    ]
    return _table_lines(
        ["split", "design", "method", "seeds", *(f"from {d}" for d in decades), "worst"], body
    )


def _of_decade(rows: Sequence[Row], decade: str) -> str:
    found = [{"mae": row["by_decade"].get(decade, {}).get("mae_decades")} for row in rows]
    return summary(found, "mae")


def _split_lines(rows: Sequence[Row]) -> list[str]:
    body = [
        [design, method, str(len(own)), *(summary(own, path) for path in COLUMNS.values())]
        for (_, design, method), own in groups(rows)
    ]
    return _table_lines(["design", "method", "seeds", *COLUMNS], body)
