"""What a designer sees: aligned figures in femtofarad that fit the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from circuitgcl.estimation import Bound, Estimate, EstimateConfig, Estimator
from circuitgcl.reporting.terminal import aligned, print_estimate, print_metrics


@pytest.fixture(scope="module")
def estimate(tiny_model: Path, tiny_netlist: Path) -> Estimate:
    return Estimator.from_pretrained(tiny_model, "cpu").estimate(tiny_netlist)


def printed(estimate: Estimate, width: int = 100, **most: int) -> str:
    stream = io.StringIO()
    print_estimate(Console(file=stream, width=width), estimate, **most)
    return stream.getvalue()


def test_everything_recognised_is_named(estimate: Estimate):
    text = printed(estimate)
    for words in (
        "latch: 7 devices (4 nmos, 3 pmos), 5 signal nets",
        "vdd (supply), gnd (ground)",
        "50 nm channels (nmos, pmos)",
        "tiny 0.1, trained on 1 design",
        "Nets [fF]: 5 of 5",
        "cut at 0.016, 0.25, 4.0, 63 fF",
        "network = generalised from other cells (5)",
        "above 0.01 fF",
    ):
        assert words in text
    for net in estimate.nets["net"]:
        assert re.search(rf"^ {re.escape(net)} ", text, re.MULTILINE)


def test_figures_are_those_of_the_estimate(estimate: Estimate):
    row = estimate.nets.iloc[0]
    line = next(line for line in printed(estimate).splitlines() if line.startswith(f" {row['net']} "))
    cells = line.split()
    assert float(cells[1]) == pytest.approx(row["cap_ground_farad"] * 1e15, abs=6e-4)
    assert float(cells[2]) == pytest.approx(row["cap_ground_lo_farad"] * 1e15, rel=0.06)
    assert float(cells[3]) == pytest.approx(row["cap_ground_hi_farad"] * 1e15, rel=0.06)
    assert int(cells[4]) == row["cap_ground_class"]
    assert cells[5] == f"{row['cap_ground_class_probability']:.0%}"
    assert float(cells[7]) == pytest.approx(row["cap_total_farad"] * 1e15, abs=6e-4)


@pytest.mark.parametrize("width", [200, 100, 80, 60, 40])
def test_tables_fit_and_keep_names_and_totals(width: int, estimate: Estimate):
    nets = estimate.nets.assign(net=[f"xtop/xbank_{k}/bl[{k}]" for k in range(len(estimate.nets))])
    text = printed(replace(estimate, nets=nets), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    totals = aligned(nets["cap_total_farad"])
    lines = [line.rstrip() for line in text.splitlines()]
    for total in totals:
        assert any(re.search(rf"(^| ){re.escape(total)}( |$)", line) for line in lines)


def test_decimal_points_align(estimate: Estimate):
    lines = printed(estimate).splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith(" net"))
    column = lines[start].index("total") + len("total")
    totals = [line[:column].split()[-1] for line in lines[start + 2 : start + 2 + len(estimate.nets)]]
    assert totals == aligned(estimate.nets["cap_total_farad"])


def test_brackets_in_names_are_no_markup(estimate: Estimate):
    nets = estimate.nets.assign(net=["[red]", "[/]", "a[3]", "[b]x[/b]", "\\[1]"])
    text = printed(replace(estimate, nets=nets))
    for name in nets["net"]:
        assert f" {name} " in text


def test_rows_are_limited(estimate: Estimate):
    text = printed(estimate, nets=2, couplings=1)
    assert "Nets [fF]: 2 of 5" in text
    assert f"Couplings [fF]: 1 of {len(estimate.couplings)}" in text
    assert "Couplings [fF]: 0 of" in printed(estimate, couplings=0)


def test_nothing_to_list(estimate: Estimate):
    empty = replace(estimate, nets=estimate.nets[:0], couplings=estimate.couplings[:0])
    text = printed(empty)
    assert "Nets" not in text
    assert "no coupling above 0.01 fF" in text


def test_warnings_are_shown_and_counted(estimate: Estimate):
    text = printed(replace(estimate, warnings=tuple(f"number {k}" for k in range(7))))
    assert text.count("warning: number") == 5
    assert "and 2 more warnings" in text


def test_changed_settings_are_said(tiny_model: Path, tiny_netlist: Path):
    estimator = Estimator.from_pretrained(tiny_model, "cpu")
    changed = estimator.estimate(tiny_netlist, config=EstimateConfig(bound=Bound.P90, scale=1.2))
    assert "capacitances are the p90 bound, all multiplied by 1.2" in printed(changed)


@pytest.mark.parametrize(
    ("farads", "expected"),
    [
        ([1e-17, 4.2e-16], ["0.010", "0.420"]),
        ([1e-17, 4.2e-14], ["0.01", "42.00"]),
        ([3e-15, 2.5e-12], ["3.0", "2,500.0"]),
        ([], []),
    ],
)
def test_aligned(farads: list[float], expected: list[str]):
    assert aligned(pd.Series(farads, dtype=float)) == expected


def test_metrics_of_several_designs():
    groups = {
        "coupling": ("n", "r2", "ceiling_r2", "mae_decades", "within_x1_5", "within_x2"),
        "existence": ("average_precision", *(f"capacitance_recall_at_{k}" for k in (1, 2, 4))),
        "net_load": ("n", "r2", "mae_decades", "bias_decades", "within_x1_25", "within_x1_5"),
        "net_total": ("n", "r2", "mae_decades", "bias_decades", "within_x1_25", "within_x1_5"),
        "coupling_class": ("macro_f1", "accuracy"),
        "ground_class": ("macro_f1", "accuracy"),
        "match": ("nets_matched", "capacitance_matched"),
    }
    entry: dict[str, Any] = {group: dict.fromkeys(keys, 0.125) for group, keys in groups.items()}
    entry["coupling"]["n"] = 12345
    entry["coupling"]["r2"] = None
    entry["ground"] = "equivalent"
    scores = {"n": 3, "mae_decades": 0.25, "bias_decades": 0.0}
    entry["by_decade"] = {"coupling": {"1e-17": scores}, "net_load": {"1e-17": scores, "1e-16": scores}}
    stream = io.StringIO()
    entries = [entry | {"design": name} for name in ("[one]", "two")]
    print_metrics(Console(file=stream, width=100), entries)
    text = stream.getvalue()
    print_metrics(Console(file=stream, width=100), [entry | {"ground": "extractor"} for entry in entries])
    assert "without the rails" in stream.getvalue()
    assert "without the rails" not in text
    assert re.search(r"≥ 0\.01 fF +≥ 0\.1 fF", text)
    assert re.search(r"^ two +0\.250 +0\.250 *$", text, re.MULTILINE)
    assert re.search(r"^ \[one\] +12,345 +– +0\.125 +0\.125 +0\.125 +0\.125 *$", text, re.MULTILINE)
    assert text.count(" two ") == 8
