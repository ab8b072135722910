"""The report of a built data set fits a terminal of 80 columns."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from circuitgcl.data.building import BuiltDataSet
from circuitgcl.reporting.data_sets import print_built


def test_no_column_is_cut_at_80() -> None:
    match = {
        "capacitance_matched": 0.98765,
        "capacitance_matched_farad": 98.765e-12,
        "capacitance_total_farad": 100e-12,
        "nets_matched": 0.9,
        "nets_matched_count": 90_000,
        "nets_schematic": 100_000,
        "ambiguous_count": 1_234,
        "missing_count": 2_345,
        "extra_count": 3_456,
    }
    entry = {
        "name": "scn4m_2x16_1rw1r_bank",
        "match": match,
        "sizes": {"nets": 100_000, "couplings": 1_234_567},
    }
    built = BuiltDataSet(
        folder=Path("ds"), entries=({**entry, "bytes": 5_000_000},), built=1, kept=0, left_out={}
    )
    console = Console(file=io.StringIO(), width=80)
    print_built(console, built)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for cell in (
        "100,000",
        "90.0%",
        "98.77%",
        "1,234,567",
        "1,234",
        "2,345",
        "3,456",
        "unclear",
        "missing",
        "extra",
    ):
        assert cell in text
    assert "all together: 90.00% of nets and 98.765% of capacitance matched" in text
