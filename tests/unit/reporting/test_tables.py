"""Tables as files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from circuitgcl.errors import DataError, InputError
from circuitgcl.estimation import Estimate, Estimator
from circuitgcl.reporting.tables import write_estimates


@pytest.fixture(scope="module")
def estimate(tiny_model: Path, tiny_netlist: Path) -> Estimate:
    return Estimator.from_pretrained(tiny_model, "cpu").estimate(tiny_netlist)


def test_json_reads_back_what_was_estimated(estimate: Estimate, tmp_path: Path):
    assert write_estimates([estimate], tmp_path / "x.JSON") == [tmp_path / "x.JSON"]
    assert json.loads((tmp_path / "x.JSON").read_text()) == estimate.to_dict()


def test_csv_reads_back_six_digits(estimate: Estimate, tmp_path: Path):
    assert write_estimates([estimate], tmp_path / "a.b.csv") == [
        tmp_path / "a.b.nets.csv",
        tmp_path / "a.b.couplings.csv",
    ]
    for name in ("nets", "couplings"):
        table = pd.read_csv(tmp_path / f"a.b.{name}.csv", keep_default_na=False)
        pd.testing.assert_frame_equal(table, getattr(estimate, name), rtol=1e-5, check_dtype=False)


def test_names_survive(estimate: Estimate, tmp_path: Path):
    names = ['a,b"c', "NaN", "µ[0]", "=1+1", " x"]
    odd = replace(estimate, nets=estimate.nets.assign(net=names))
    write_estimates([odd], tmp_path / "x.csv")
    assert pd.read_csv(tmp_path / "x.nets.csv", keep_default_na=False)["net"].tolist() == names
    write_estimates([odd], tmp_path / "x.json")
    assert [row["net"] for row in json.loads((tmp_path / "x.json").read_text("utf-8"))["nets"]] == names


def test_several_designs_share_a_table(estimate: Estimate, tmp_path: Path):
    bare = replace(estimate, design="bare", couplings=estimate.couplings[:0])
    write_estimates([bare, estimate], tmp_path / "x.csv")
    nets = pd.read_csv(tmp_path / "x.nets.csv")
    assert nets["design"].tolist() == ["bare"] * 5 + ["latch"] * 5
    assert set(pd.read_csv(tmp_path / "x.couplings.csv")["design"]) == {"latch"}


def test_no_number_that_json_lacks(estimate: Estimate, tmp_path: Path):
    broken = replace(estimate, nets=estimate.nets.assign(cap_total_farad=float("nan")))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_estimates([broken], tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written(estimate: Estimate, tmp_path: Path):
    (tmp_path / "x.couplings.csv").mkdir()
    with pytest.raises(DataError, match="cannot write"):
        write_estimates([estimate], tmp_path / "x.csv")
    with pytest.raises(InputError, match="unknown output format"):
        write_estimates([estimate], tmp_path / "x.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["x.couplings.csv"]
