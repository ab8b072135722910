"""Estimates and metrics as tables on the terminal; capacitances in femtofarad."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from circuitgcl.units import format_capacitance, format_engineering

if TYPE_CHECKING:
    from circuitgcl.estimation import Estimate

CLASS_STYLES = ("blue", "cyan", "green", "yellow", "red")
MAX_WARNINGS = 5
MAX_LISTED = 8
SOURCE_MEANINGS = {
    "memory": "measured on this very cell in training",
    "class": "on cells of this structure",
    "network": "generalised from other cells",
}
# titles and meanings of the capacitance to ground by what the model estimates
GROUND_TITLES = {"equivalent": "to ground", "extractor": "extractor ground"}
GROUND_MEANINGS = {
    "equivalent": "to substrate and all rails",
    "extractor": "what an extractor calls ground capacitance, without the rails",
}
NAME_COLUMNS = ("net", "to net", "design")
NAME_WIDTH = 16  # longer names fold
UNBOUNDED = 10_000  # characters
# on a narrow terminal, in this order
SPARED_COLUMNS = (("source",), ("class",), ("P10", "P90"), ("to signals", "probability"))
FEMTO = 1e-15

Columns = dict[str, Iterable[str | Text]]


def print_estimate(console: Console, estimate: Estimate, *, nets: int = 20, couplings: int = 20) -> None:
    """Print what was recognised, the nets and the strongest couplings."""
    parts: list[RenderableType] = [Text(estimate.design, style="bold"), _heading(estimate), ""]
    if len(estimate.nets):
        parts.append(_fitted(console, lambda without: net_table(estimate, nets, without=without)))
        parts.append(Text(f"{_net_legend(estimate)}\n", style="dim"))
    if len(estimate.couplings):
        parts.append(_fitted(console, lambda without: coupling_table(estimate, couplings, without=without)))
        parts.append(Text(f"{_coupling_legend(estimate)}\n", style="dim"))
    else:
        threshold = format_capacitance(estimate.summary["min_cap_farad"])
        parts.append(Text(f"no coupling above {threshold} between the listed nets"))
    parts += [Text(f"warning: {warning}", style="yellow") for warning in estimate.warnings[:MAX_WARNINGS]]
    if len(estimate.warnings) > MAX_WARNINGS:
        parts.append(Text(f"and {len(estimate.warnings) - MAX_WARNINGS} more warnings", style="yellow"))
    for part in parts:
        console.print(part)


def _heading(estimate: Estimate) -> Table:
    """What was recognised, as aligned lines."""
    summary, model = estimate.summary, estimate.model
    types = _listed(f"{count:,} {name}" for name, count in summary["devices_by_type"].items())
    rails = _listed(f"{name} ({kind})" for name, kind in summary["rails"].items())
    lines = {
        "top cell": f"{estimate.top}: {_counted(summary['devices'], 'device')} ({types}), "
        f"{_counted(summary['nets'], 'signal net')}",
        "rails": rails or Text("none recognised; name them with --rails", style="yellow"),
        "technology": estimate.technology,
        "model": f"{model['name']} {model['version']}, "
        f"trained on {_counted(len(model['trained_on']), 'design')}",
        "skipped cards": _listed(f"{count:,} {kind}" for kind, count in summary["skipped_cards"].items()),
        "settings": _settings(summary),
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, line in lines.items():
        if line:
            grid.add_row(name, line if isinstance(line, Text) else Text(line))
    return grid


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s'[: count != 1]}"


def _settings(summary: Mapping[str, Any]) -> str:
    """What the user changed about the figures, if anything."""
    changed = []
    if summary["bound"] != "mean":
        changed.append(f"capacitances are the {summary['bound']} bound")
    if summary["scale"] != 1.0:
        changed.append(f"all multiplied by {summary['scale']:g}")
    return ", ".join(changed)


def _listed(items: Iterable[str]) -> str:
    texts = list(items)
    more = f", and {len(texts) - MAX_LISTED} more" if len(texts) > MAX_LISTED else ""
    return ", ".join(texts[:MAX_LISTED]) + more


def net_table(estimate: Estimate, most: int, *, without: Sequence[str] = ()) -> Table:
    """The nets with the largest total capacitance."""
    shown = estimate.nets.head(most)
    classes = [
        Text(f"{number} {probability:>4.0%}", style=CLASS_STYLES[number])
        for number, probability in zip(
            shown["cap_ground_class"], shown["cap_ground_class_probability"], strict=True
        )
    ]
    columns: Columns = {
        "net": map(Text, shown["net"]),
        GROUND_TITLES[estimate.summary["ground"]]: aligned(shown["cap_ground_farad"]),
        "P10": map(_brief, shown["cap_ground_lo_farad"]),
        "P90": map(_brief, shown["cap_ground_hi_farad"]),
        "class": classes,
        "to signals": aligned(shown["cap_coupling_farad"]),
        "total": aligned(shown["cap_total_farad"]),
        "source": shown["source"],
    }
    title = f"Nets [fF]: {len(shown):,} of {len(estimate.nets):,}, largest first"
    return _table(title, columns, without)


def coupling_table(estimate: Estimate, most: int, *, without: Sequence[str] = ()) -> Table:
    """The strongest couplings between signal nets."""
    shown = estimate.couplings.head(most)
    columns: Columns = {
        "net": map(Text, shown["net_a"]),
        "to net": map(Text, shown["net_b"]),
        "coupling": aligned(shown["cap_farad"]),
        "P10": map(_brief, shown["cap_lo_farad"]),
        "P90": map(_brief, shown["cap_hi_farad"]),
        "probability": [f"{value:.0%}" for value in shown["probability"]],
        "source": shown["source"],
    }
    title = f"Couplings [fF]: {len(shown):,} of {len(estimate.couplings):,}, most expected first"
    return _table(title, columns, without)


def _table(title: str, columns: Columns, without: Sequence[str] = ()) -> Table:
    """Columns of cells side by side: names to the left and foldable, figures to the right and whole."""
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
    )
    kept = {name: list(cells) for name, cells in columns.items() if name not in without}
    for name, cells in kept.items():
        width = max(cell_len(str(text)) for text in (name, *cells))
        if name in NAME_COLUMNS:
            table.add_column(name, overflow="fold", min_width=min(width, NAME_WIDTH))
        else:
            justify: JustifyMethod = "left" if name == "source" else "right"
            table.add_column(name, justify=justify, no_wrap=True, min_width=width)
    for row in zip(*kept.values(), strict=True):
        table.add_row(*row)
    return table


def _fitted(console: Console, build: Callable[[Sequence[str]], Table]) -> Table:
    """A table with as many of its columns as the terminal is wide for."""
    unbounded = console.options.update_width(UNBOUNDED)
    for count in range(len(SPARED_COLUMNS) + 1):
        table = build([name for names in SPARED_COLUMNS[:count] for name in names])
        if Measurement.get(console, unbounded, table).minimum <= console.width:
            break
    return table


def aligned(farads: Iterable[float]) -> list[str]:
    """Capacitances in femtofarad, all with the decimals the largest deserves, so that points align."""
    values = [farad / FEMTO for farad in farads]
    largest = max(values, default=0.0)
    decimals = 3 if largest < 10 else 2 if largest < 1000 else 1
    return [f"{value:,.{decimals}f}" for value in values]


def _brief(farad: float) -> str:
    """Two significant digits without an exponent: more would say too much of an interval's end."""
    value = farad / FEMTO
    decimals = 1 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{round(value, decimals):,.{max(0, decimals)}f}"


def _net_legend(estimate: Estimate) -> str:
    nets = estimate.nets
    cuts = ", ".join(_brief(cut) for cut in estimate.summary["ground_class_cuts_farad"])
    total = format_engineering(float(nets["cap_ground_farad"].sum()), "F")
    ground = estimate.summary["ground"]
    return (
        f"{GROUND_TITLES[ground]}: {GROUND_MEANINGS[ground]}, {total} over {_counted(len(nets), 'net')}; "
        "to signals: expected sum of all couplings\n"
        f"P10 to P90: interval for 80 % of the nets; class: 0 to 4, cut at {cuts} fF, and its probability\n"
        f"{_source_legend(nets['source'])}"
    )


def _coupling_legend(estimate: Estimate) -> str:
    threshold = format_capacitance(estimate.summary["min_cap_farad"])
    return (
        f"probability: that the pair couples above {threshold}; coupling, P10 and P90: if it couples at all"
    )


def _source_legend(sources: Iterable[str]) -> str:
    counts: dict[str, int] = {}
    for source in sources:
        counts[source] = counts.get(source, 0) + 1
    return "source: " + "; ".join(
        f"{name} = {meaning} ({counts[name]:,})"
        for name, meaning in SOURCE_MEANINGS.items()
        if name in counts
    )


METRIC_TABLES: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Coupling between signal nets (MAE in decades; share within a factor)",
        (
            ("pairs", "coupling", "n"),
            ("R²", "coupling", "r2"),
            ("ceiling", "coupling", "ceiling_r2"),
            ("MAE", "coupling", "mae_decades"),
            ("≤ ×1.5", "coupling", "within_x1_5"),
            ("≤ ×2", "coupling", "within_x2"),
        ),
    ),
    (
        "Finding the pairs that couple (share of capacitance at candidates per true pair)",
        (
            ("AP", "existence", "average_precision"),
            ("at 1", "existence", "capacitance_recall_at_1"),
            ("at 2", "existence", "capacitance_recall_at_2"),
            ("at 4", "existence", "capacitance_recall_at_4"),
        ),
    ),
    *(
        (
            title,
            (
                ("nets", group, "n"),
                ("R²", group, "r2"),
                ("MAE", group, "mae_decades"),
                ("bias", group, "bias_decades"),
                ("≤ ×1.25", group, "within_x1_25"),
                ("≤ ×1.5", group, "within_x1_5"),
            ),
        )
        for title, group in (("Net load to ground", "net_load"), ("Net total", "net_total"))
    ),
    (
        "Coupling class",
        (("macro F1", "coupling_class", "macro_f1"), ("accuracy", "coupling_class", "accuracy")),
    ),
    (
        "Ground class; share of the extraction matched",
        (
            ("macro F1", "ground_class", "macro_f1"),
            ("accuracy", "ground_class", "accuracy"),
            ("nets", "match", "nets_matched"),
            ("capacitance", "match", "capacitance_matched"),
        ),
    ),
)


DECADE_TABLES = (
    ("Coupling: MAE in decades by decade of the extracted capacitance", "coupling"),
    ("Net load: MAE in decades by decade of the extracted capacitance", "net_load"),
)


def print_metrics(console: Console, metrics: Sequence[Mapping[str, Any]]) -> None:
    """Print the metrics of several designs, one row each; capacitances are compared in decades (log10)."""
    for title, figures in METRIC_TABLES:
        columns: Columns = {"design": [Text(str(entry["design"])) for entry in metrics]}
        for name, group, key in figures:
            columns[name] = [_figure(entry[group][key]) for entry in metrics]
        console.print(_table(title, columns))
    if any(entry["ground"] == "extractor" for entry in metrics):
        console.print(Text(f"net load: {GROUND_MEANINGS['extractor']}\n", style="dim"))
    for title, group in DECADE_TABLES:
        decades = {decade for entry in metrics for decade in entry["by_decade"][group]}
        columns = {"design": [Text(str(entry["design"])) for entry in metrics]}
        for decade in sorted(decades, key=float):
            found = [entry["by_decade"][group].get(decade, {}) for entry in metrics]
            columns[f"≥ {format_capacitance(float(decade))}"] = [
                _figure(scores.get("mae_decades")) for scores in found
            ]
        console.print(_table(title, columns))


def _figure(value: float | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
