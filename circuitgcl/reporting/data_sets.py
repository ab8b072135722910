"""Data sets and label checks on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from circuitgcl.data.building import BuiltDataSet

MAX_ROWS = 12
NAME_WIDTH = 16  # longer names fold where the line is full
MIN_MATCHED = 0.99  # designs below are listed first and coloured


def print_built(console: Console, built: BuiltDataSet) -> None:
    """Print the match report of every design, the worst first."""
    labelled = [entry for entry in built.entries if entry["match"]]
    shown = sorted(labelled, key=lambda entry: float(entry["match"]["capacitance_matched"]))[:MAX_ROWS]
    if shown:
        title = f"Match reports: {len(shown)} of {len(labelled)}, least capacitance matched first"
        table = Table(
            title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
        )
        table.add_column("design", overflow="fold", min_width=NAME_WIDTH)
        for heading in ("nets", "matched", "of cap.", "pairs", "unclear", "missing", "extra"):
            table.add_column(heading, justify="right")
        for entry in shown:
            table.add_row(*_match_row(entry))
        console.print(table)
        console.print(Text(_totals([entry["match"] for entry in labelled])))
    for name, reason in list(built.left_out.items())[:MAX_ROWS]:
        console.print(Text(f"left out {name}: {reason}", style="yellow"), soft_wrap=True)
    if len(built.left_out) > MAX_ROWS:
        console.print(Text(f"and {len(built.left_out) - MAX_ROWS} more left out", style="yellow"))
    megabytes = sum(entry["bytes"] for entry in built.entries) / 1e6
    unlabelled = len(built.entries) - len(labelled)
    parts = [f"{built.built} built", f"{built.kept} unchanged"]
    parts += [f"{unlabelled} without labels"] if unlabelled else []
    parts += [f"{len(built.left_out)} left out"] if built.left_out else []
    line = f"wrote {built.folder}: {len(built.entries)} designs, {megabytes:.1f} MB ({', '.join(parts)})"
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _totals(matches: Sequence[Mapping[str, Any]]) -> str:
    """How much of all designs together is matched."""
    sums = {
        key: sum(float(match[key]) for match in matches)
        for key in (
            "nets_matched_count",
            "nets_schematic",
            "capacitance_matched_farad",
            "capacitance_total_farad",
        )
    }
    nets = sums["nets_matched_count"] / max(sums["nets_schematic"], 1)
    capacitance = sums["capacitance_matched_farad"] / (sums["capacitance_total_farad"] or 1)
    return f"all together: {nets:.2%} of nets and {capacitance:.3%} of capacitance matched"


def _match_row(entry: Mapping[str, Any]) -> list[Text]:
    match, sizes = entry["match"], entry["sizes"]
    share = float(match["capacitance_matched"])
    counts = [_count(match, name) for name in ("ambiguous", "missing", "extra")]
    return [
        Text(entry["name"]),
        Text(f"{sizes['nets']:,}"),
        Text(f"{match['nets_matched']:.1%}"),
        Text(f"{share:.2%}", style="" if share >= MIN_MATCHED else "yellow"),
        Text(f"{sizes['couplings']:,}"),
        *(Text(f"{count:,}") for count in counts),
    ]


def _count(match: Mapping[str, Any], name: str) -> int:
    """How many names of a kind, of which the index lists the first ones only."""
    return int(match.get(f"{name}_count", len(match.get(name, ()))))
