"""Two files compared, on the terminal; capacitances in femtofarad."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from circuitgcl.reporting.terminal import aligned
from circuitgcl.units import format_capacitance

if TYPE_CHECKING:
    from circuitgcl.evaluation.comparing import Comparison

MAX_NAMES = 5
_LABEL_WIDTH = 14
_ROWS = {
    "net_ground": "net to ground",
    "net_coupling": "net to signals",
    "net_total": "net total",
    "pair_coupling": "pair coupling",
}


def print_comparison(console: Console, comparison: Comparison, *, worst: int = 10) -> None:
    """Print how two files agree, what only one of them has, and where they differ most."""
    report, content = comparison.report, comparison.to_dict()
    console.print(Text.assemble(("A  ", "bold"), comparison.a), soft_wrap=True)
    console.print(Text.assemble(("B  ", "bold"), comparison.b), soft_wrap=True)
    rungs = ", ".join(f"{count:,} {rung}" for rung, count in report.matched_by)
    console.print(
        f"{len(comparison.nets):,} signal nets in both ({rungs}); "
        f"{report.nets_extracted:,} in A, {report.nets_schematic:,} in B\n",
        highlight=False,
    )
    scores = {name: content[name] for name in _ROWS}
    console.print(_score_table(scores))
    console.print(_shift_table(scores))
    threshold = format_capacitance(comparison.min_cap_farad)
    console.print(
        f"of what both list and one finds above {threshold}; bias: mean error;\n"
        "factor on B: what brings it onto A, from the median; both of what is above\n"
        "the threshold once the factor is taken out\n",
        style="dim",
        highlight=False,
    )
    for side, names in (("A", content["only_a"]), ("B", content["only_b"])):
        for line in _only_lines(side, names, threshold):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    nets, pairs = comparison.worst_nets(worst), comparison.worst_couplings(worst)
    for title, table, labels, values in (
        ("Nets that differ most [fF], in total", nets, ("net",), ("total_a", "total_b")),
        ("Couplings that differ most [fF]", pairs, ("net_a", "net_b"), ("cap_a", "cap_b")),
    ):
        if len(table):
            columns = {label: table[name] for label, name in zip(("net", "to net"), labels, strict=False)}
            console.print()
            console.print(_worst_table(title, columns, table[values[0]], table[values[1]]))


def _score_table(scores: Mapping[str, Mapping[str, Any]]) -> Table:
    table = _titled("Agreement (MAE in decades; share within a factor)")
    table.add_column("", no_wrap=True, min_width=_LABEL_WIDTH)
    for name in ("n", "R²", "MAE", "≤ ×1.5", "≤ ×2"):
        table.add_column(name, justify="right", no_wrap=True, min_width=6)
    for key, label in _ROWS.items():
        found = scores[key]
        figures = (_figure(found[name]) for name in ("r2", "mae_decades", "within_x1_5", "within_x2"))
        table.add_row(label, f"{found['n']:,}", *figures)
    return table


def _shift_table(scores: Mapping[str, Mapping[str, Any]]) -> Table:
    table = _titled("Offset of B, with 95 % intervals")
    table.add_column("", no_wrap=True, min_width=_LABEL_WIDTH)
    for name in ("bias [decades]", "factor on B"):
        table.add_column(name, justify="right", no_wrap=True)
    for key, label in _ROWS.items():
        found = scores[key]
        table.add_row(
            label, _with_interval(found["bias_decades"], found["bias_error_decades"]), _scale(found)
        )
    return table


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _with_interval(value: float | None, error: float | None) -> str:
    if value is None:
        return "–"
    shown = f"{round(value, 3) + 0.0:+.3f}"  # zero has no minus
    return shown if error is None else f"{shown} ± {error:.3f}"


def _scale(found: Mapping[str, Any]) -> str:
    if found["scale"] is None:
        return "–"
    if found["scale_low"] is None:
        return f"{found['scale']:.3f}"
    return f"{found['scale']:.3f} ({found['scale_low']:.3f} … {found['scale_high']:.3f})"


def _only_lines(side: str, only: Mapping[str, Any], threshold: str) -> Iterable[str]:
    """What only one file has, in words."""
    names: Sequence[str] = only["nets"]
    if names:
        more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
        yield (
            f"nets only in {side}: {len(names):,} with {format_capacitance(only['net_farad'])}: "
            f"{', '.join(names[:MAX_NAMES])}{more}"
        )
    if only["pairs"]:
        yield (
            f"couplings above {threshold} only in {side}: {only['pairs']:,} "
            f"with {format_capacitance(only['pair_farad'])}"
        )


def _worst_table(
    title: str, names: Mapping[str, Iterable[str]], first: Iterable[float], second: Iterable[float]
) -> Table:
    one, other = list(first), list(second)
    table = _titled(title)
    for label in names:
        table.add_column(label, overflow="fold")
    for label in ("A", "B", "B − A", "B / A"):
        table.add_column(label, justify="right", no_wrap=True)
    ratios = [f"{b / a:.2f}" if a > 0 else "–" for a, b in zip(one, other, strict=True)]
    differences = [b - a for a, b in zip(one, other, strict=True)]
    columns = [*(list(map(Text, column)) for column in names.values())]
    for row in zip(*columns, aligned(one), aligned(other), aligned(differences), ratios, strict=True):
        table.add_row(*row)
    return table


def _titled(title: str) -> Table:
    return Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
    )
