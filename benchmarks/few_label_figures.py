"""Tables and the plot of few-label transfer, from its rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

Row = dict[str, Any]
Key = tuple[str, str, str]  # split and design, arm, labels
MARKERS = "osD^v<>x"


def summary(rows: Sequence[Row], baseline: str | None = None) -> dict[tuple[str, str, str], list[float]]:
    """R² by (split and design, arm, labels), one value a seed; less that of a baseline on the same labels."""
    found: dict[Key, dict[Any, float]] = {}
    for row in rows:
        key = (f"{row['split']}: {row['design']}", row["pretraining"], str(row["labels"]))
        found.setdefault(key, {})[row["seed"], row.get("draw")] = row["r2"]
    if baseline is not None:
        found = {
            (place, arm, labels): {
                seed: value - found[place, baseline, labels][seed] for seed, value in values.items()
            }
            for (place, arm, labels), values in found.items()
        }
    return {key: list(values.values()) for key, values in found.items()}


def over_designs(
    rows: Sequence[Row], arms: Sequence[str], labels: str, baseline: str | None
) -> dict[str, np.ndarray]:
    """Mean over the designs that all arms were measured on, less that of a baseline: arm to [seeds]."""
    found = summary(rows, baseline)
    places = dict.fromkeys(key[0] for key in found)
    shared = [place for place in places if all((place, arm, labels) in found for arm in arms)]
    means = {}
    for arm in arms:
        values = [found[place, arm, labels] for place in shared]
        seeds = min((len(own) for own in values), default=0)
        means[arm] = np.mean([own[:seeds] for own in values], axis=0) if seeds else np.zeros(0)
    return means


def spread(values: Sequence[float] | np.ndarray, signed: bool = False) -> str:
    """Mean and standard deviation over seeds."""
    if not len(values):
        return "-"
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return f"{np.mean(values):{'+' if signed else ''}.3f} ± {deviation:.3f}"


def print_tables(rows: Sequence[Row], arms: Sequence[str], labels: Sequence[str]) -> None:
    """R² of every design, and means over designs with the difference from `none` and `random`."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    found = summary(rows)
    for place in dict.fromkeys(key[0] for key in found):
        table = Table("pretraining", *labels, title=f"R² of {place}, mean ± deviation over seeds")
        for arm in arms:
            table.add_row(arm, *(spread(found.get((place, arm, count), [])) for count in labels))
        console.print(table)
    for baseline in (None, "none", "random"):
        title = "R², mean over designs" + (
            f", less that of {baseline} on the same labels" if baseline else ""
        )
        table = Table("pretraining", *labels, title=title)
        means = [over_designs(rows, arms, count, baseline) for count in labels]
        for arm in arms:
            table.add_row(arm, *(spread(mean[arm], signed=baseline is not None) for mean in means))
        console.print(table)


def plot(rows: Sequence[Row], arms: Sequence[str], labels: Sequence[str], path: Path) -> None:
    """R² against the number of labels, one panel a design, one line an arm."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    found = summary(rows)
    places = list(dict.fromkeys(key[0] for key in found))
    figure, panels = pyplot.subplots(
        2, -(-len(places) // 2), figsize=(13, 8), sharex=True, squeeze=False, layout="constrained"
    )
    for place, axes in zip(places, panels.ravel(), strict=False):
        for number, arm in enumerate(arms):
            values = [found.get((place, arm, count), []) for count in labels]
            drawn_at = [at for at, own in enumerate(values) if own]
            axes.errorbar(
                [at + 0.04 * (number - len(arms) / 2) for at in drawn_at],
                [np.mean(values[at]) for at in drawn_at],
                yerr=[np.std(values[at], ddof=1) if len(values[at]) > 1 else 0.0 for at in drawn_at],
                marker=MARKERS[number],
                color=f"C{number}",
                linestyle="--" if arm.startswith(("none", "random")) else "-",
                markersize=5,
                linewidth=1,
                capsize=2,
                label=arm,
            )
        axes.set_title(place, fontsize=10)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_ylim(-0.5, 1.0)
        axes.grid(alpha=0.3)
    for axes in panels[-1]:
        axes.set_xlabel("labelled pairs of the target design")
    for row in panels:
        row[0].set_ylabel("R² of log10 C on the other pairs")
    for axes in panels.ravel()[len(places) :]:
        axes.set_visible(False)
    panels[0, 0].legend(fontsize=8, loc="lower right")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
