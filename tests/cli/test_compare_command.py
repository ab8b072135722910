"""`circuitgcl compare`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
Refuse = Callable[..., str]

A = "* d\n.subckt d\nc1 a 0 1f\nc2 b 0 2f\nc3 a b 4f\nc4 a c 0.5f\nc5 c 0 1f\nc6 lost 0 3f\n.ends\n"
B = "* d\n.subckt d\nc1 A 0 2f\nc2 B 0 2f\nc3 A B 2f\nc5 C 0 1f\nc6 q 0 7f\n.ends\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    a, b = tmp_path / "a.sp", tmp_path / "b.sp"
    a.write_text(A)
    b.write_text(B)
    return a, b


def test_table_and_file(files: tuple[Path, Path], call: Call, tmp_path: Path):
    output = tmp_path / "c.json"
    outcome = call("compare", *files, "-o", output)
    assert outcome.code == 0
    assert "3 signal nets in both (3 up to case); 4 in A, 4 in B" in outcome.out
    assert "nets only in A: 1 with 3 fF: lost" in outcome.out
    assert "nets only in B: 1 with 7 fF: q" in outcome.out
    assert "couplings above 0.01 fF only in A: 1 with 0.5 fF" in outcome.out
    assert "2.000" in outcome.out  # the factor on the couplings of B
    content = json.loads(output.read_text())
    assert {"schema", "a", "b", "match", "net_ground", "net_coupling", "net_total"} <= set(content)
    assert {"pair_coupling", "only_a", "only_b", "worst_nets", "worst_couplings"} <= set(content)
    assert content["pair_coupling"]["scale"] == 2.0
    assert max(map(len, outcome.out.splitlines())) < 130


def test_map_and_threshold(files: tuple[Path, Path], call: Call, tmp_path: Path):
    names = tmp_path / "names"
    names.write_text("# a b\nlost q\n")
    outcome = call("compare", *files, "--map", names, "--min-cap", "1f")
    assert "4 signal nets in both (1 by map, 3 up to case)" in outcome.out
    assert "couplings above" not in outcome.out


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lost\n", "names:1: 1 name in this line; expected two"),
        ("lost q\n\nlost B\n", "names:3: lost is mapped to B here, and to q in line 1"),
        ("* nothing\n", "names: this map is empty"),
        (
            "lst q\n",
            "names:1: no net of the extraction is called lst; expected a name as spelled there, such as lost",
        ),
        ("lost qq\n", "names:1: no net of the schematic is called qq"),
    ],
)
def test_bad_map(text: str, reason: str, files: tuple[Path, Path], refuse: Refuse, tmp_path: Path):
    names = tmp_path / "names"
    names.write_text(text)
    assert reason in refuse("compare", *files, "--map", names, "-o", tmp_path / "c.json", folder=tmp_path)


def test_bad_files(files: tuple[Path, Path], refuse: Refuse, tmp_path: Path):
    assert "nix.sp" in refuse("compare", files[0], tmp_path / "nix.sp")
    assert "--min-cap" in refuse("compare", *files, "--min-cap", "x")
    assert "unknown output format" in refuse("compare", *files, "-o", tmp_path / "c.txt", folder=tmp_path)
    other = tmp_path / "o.sp"
    other.write_text("* o\n.subckt o\nc1 v 0 1f\n.ends\n")
    assert "a.sp: no net is common" in refuse("compare", files[0], other)


def test_evaluate_takes_a_map_for_one_design_only(refuse: Refuse, tmp_path: Path):
    manifest = tmp_path / "m.toml"
    manifest.write_text("")
    assert "--map goes with SCHEMATIC EXTRACTED" in refuse("evaluate", manifest, "--map", manifest)


def test_every_form_of_one_estimate_is_the_same(
    call: Call, tiny_netlist: Path, tiny_model: Path, tmp_path: Path
):
    """Listed couplings of tables are those of SPEF; parquet keeps all digits, CSV six."""
    spef = tmp_path / "x.spef"
    for name in ("x.parquet", "x.json", "x.csv"):
        table = tmp_path / name
        outcome = call("estimate", tiny_netlist, "--model", tiny_model, "-o", table, "--spef", spef)
        assert (outcome.code, outcome.err) == (0, "")
        assert call("compare", spef, table, "-o", tmp_path / "c.json").code == 0
        found = json.loads((tmp_path / "c.json").read_text())
        for quantity in ("net_ground", "net_coupling", "net_total", "pair_coupling"):
            assert found[quantity]["n"] > 0
            assert abs(found[quantity]["bias_decades"]) < 1e-5, (name, quantity)
        assert found["worst_nets"] == []
