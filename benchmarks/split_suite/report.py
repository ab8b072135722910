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
    if all(float(v).is_integer() for v in values) and mean > 1:
        return f"{mean:,.0f}"
    text = f"{mean:.0f}" if path == "training_seconds" else f"{mean:.3f}"
    return f"{text} ± {statistics.stdev(values):.3f}" if len(values) > 1 else text


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Print mean and spread by split, design and method."""
    table = Table("split", "design", "method", "seeds", *COLUMNS, padding=(0, 1, 0, 0), box=None)
    for names, own in groups(rows):
        table.add_row(*names, str(len(own)), *(summary(own, path) for path in COLUMNS.values()))
    console.print(table)


def benchmark_page(rows: Sequence[Row], splits: Mapping[str, Split]) -> str:
    return ""
