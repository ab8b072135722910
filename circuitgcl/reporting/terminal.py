"""Estimates and metrics as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from circuitgcl.estimation import Estimate
from circuitgcl.units import format_capacitance

CLASS_STYLES = ("blue", "cyan", "green", "yellow", "red")
MAX_WARNINGS = 5


def _interval(low: float, high: float) -> str:
    return f"{low * 1e15:.2g} – {high * 1e15:.2g}"


def _heading(estimate: Estimate) -> Text:
    summary = estimate.summary
    types = ", ".join(f"{count} {name}" for name, count in summary["devices_by_type"].items())
    rails = ", ".join(f"{name} ({kind})" for name, kind in summary["rails"].items()) or "none recognised"
    skipped = ", ".join(f"{count} {kind}" for kind, count in summary["skipped_cards"].items())
    lines = [
        f"{estimate.design}: top {estimate.top}, {summary['devices']} devices ({types}), {summary['nets']} signal nets",
        f"rails: {rails}   technology: {estimate.technology}   model: {estimate.model['name']} "
        f"{estimate.model['version']}",
    ]
    if skipped:
        lines.append(f"skipped cards: {skipped}")
    return Text("\n".join(lines))


def net_table(estimate: Estimate, most: int) -> Table:
    """The nets with the largest total capacitance."""
    table = Table(
        title=f"Nets ({min(most, len(estimate.nets))} of {len(estimate.nets)}, largest first)",
        title_justify="left",
    )
    table.add_column("net", overflow="fold")
    for name in ("to ground [fF]", "80 % interval [fF]", "class", "to signals [fF]", "total [fF]", "source"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in estimate.nets.head(most).to_dict("records"):
        style = CLASS_STYLES[row["cap_ground_class"]]
        table.add_row(
            escape(row["net"]),
            f"{row['cap_ground_farad'] * 1e15:.3g}",
            _interval(row["cap_ground_lo_farad"], row["cap_ground_hi_farad"]),
            f"[{style}]{row['cap_ground_class']} ({row['cap_ground_class_probability']:.0%})[/]",
            f"{row['cap_coupling_farad'] * 1e15:.3g}",
            f"{row['cap_total_farad'] * 1e15:.3g}",
            row["source"],
        )
    return table


def coupling_table(estimate: Estimate, most: int) -> Table:
    """The strongest couplings between signal nets."""
    shown = min(most, len(estimate.couplings))
    table = Table(
        title=f"Couplings ({shown} of {len(estimate.couplings)}, strongest first)", title_justify="left"
    )
    table.add_column("net", overflow="fold")
    table.add_column("net", overflow="fold")
    for name in ("coupling [fF]", "80 % interval [fF]", "probability", "source"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in estimate.couplings.head(most).to_dict("records"):
        table.add_row(
            escape(row["net_a"]),
            escape(row["net_b"]),
            f"{row['cap_farad'] * 1e15:.3g}",
            _interval(row["cap_lo_farad"], row["cap_hi_farad"]),
            f"{row['probability']:.0%}",
            row["source"],
        )
    return table


def print_estimate(console: Console, estimate: Estimate, *, nets: int = 20, couplings: int = 20) -> None:
    """Print what was recognised, the nets and the strongest couplings."""
    total = float(estimate.nets["cap_ground_farad"].sum())
    parts = [_heading(estimate), net_table(estimate, nets)]
    if len(estimate.couplings):
        parts.append(coupling_table(estimate, couplings))
    else:
        parts.append(Text("no coupling above the threshold"))
    parts.append(Text(f"sum of all capacitances to ground: {format_capacitance(total)}"))
    for warning in estimate.warnings[:MAX_WARNINGS]:
        parts.append(Text(f"warning: {warning}", style="yellow"))
    if len(estimate.warnings) > MAX_WARNINGS:
        parts.append(Text(f"and {len(estimate.warnings) - MAX_WARNINGS} more warnings", style="yellow"))
    console.print(Group(*parts))


_METRIC_COLUMNS: tuple[tuple[str, tuple[str, str]], ...] = (
    ("coupling n", ("coupling", "n")),
    ("R²", ("coupling", "r2")),
    ("×1.5", ("coupling", "within_x1_5")),
    ("×2", ("coupling", "within_x2")),
    ("ceiling R²", ("coupling", "ceiling_r2")),
    ("AP", ("existence", "average_precision")),
    ("recall@1", ("existence", "capacitance_recall_at_1")),
    ("@4", ("existence", "_at_4")),
    ("load R²", ("net_load", "r2")),
    ("×1.25", ("net_load", "within_x1_25")),
    ("total R²", ("net_total", "r2")),
    ("class F1", ("ground_class", "macro_f1")),
)


def print_metrics(console: Console, metrics: Sequence[Mapping[str, Any]]) -> None:
    """Print the metrics of several designs side by side; capacitances are compared in decades."""
    table = Table(title="Evaluation (log10 scale, natural label law)", title_justify="left")
    table.add_column("design", overflow="fold")
    for name, _ in _METRIC_COLUMNS:
        table.add_column(name, justify="right")
    for entry in metrics:
        cells = [entry[group][key] for _, (group, key) in _METRIC_COLUMNS]
        table.add_row(
            str(entry["design"]),
            *("–" if c is None else f"{c:.3f}" if isinstance(c, float) else str(c) for c in cells),
        )
    console.print(table)
