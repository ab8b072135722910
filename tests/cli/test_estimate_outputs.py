"""The files that `estimate` writes besides its tables, and requests for them that cannot be met."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuitgcl.parasitics import read_dspf, read_spef

Call = Callable[..., Any]
Refuse = Callable[..., str]


def test_all_outputs_at_once(call: Call, tiny_netlist: Path, tiny_model: Path, tmp_path: Path):
    files = {name: tmp_path / name for name in ("x.json", "x.spef", "x.dspf", "post.sp")}
    outcome = call(
        *("estimate", tiny_netlist, "--model", tiny_model, "-o", files["x.json"]),
        *("--spef", files["x.spef"], "--dspf", files["x.dspf"], "--annotate", files["post.sp"]),
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-4:] == [f"wrote {path}" for path in files.values()]
    table = {row["net"]: row["cap_total_farad"] for row in json.loads(files["x.json"].read_text())["nets"]}
    for found in (read_spef(files["x.spef"]), read_dspf(files["x.dspf"])):
        totals = dict(zip(found.nodes, found.ground_farad.tolist(), strict=True))
        for a, b, farad in zip(found.pair_a, found.pair_b, found.pair_farad, strict=True):
            totals[found.nodes[a]] += farad
            totals[found.nodes[b]] += farad
        assert totals == pytest.approx(table, rel=1e-5)
    cards = [line.split() for line in files["post.sp"].read_text().splitlines() if line.startswith("Cpar")]
    sums = dict.fromkeys(table, 0.0)
    for _, a, b, farad in cards:
        for end in {a, b} - {"0"}:
            sums[end.replace(".", "/")] += float(farad)
    assert sums == pytest.approx(table, rel=1e-5)


def test_one_file_for_each_of_several_netlists(
    call: Call, tiny_netlist: Path, tiny_model: Path, tmp_path: Path
):
    (tmp_path / "b.v2.sp.gz").write_bytes(gzip.compress(tiny_netlist.read_bytes()))
    outcome = call(
        *("estimate", tiny_netlist, tmp_path / "b.v2.sp.gz", "--model", tiny_model),
        *("--spef", tmp_path / "x.spef", "--annotate", tmp_path / "post.sp", "-o", tmp_path / "x.csv"),
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {
        *("b.v2.sp.gz", "x.nets.csv", "x.couplings.csv"),
        *("x.latch.spef", "x.b.v2.spef", "post.latch.sp", "post.b.v2.sp"),
    }
    assert (tmp_path / "post.latch.sp").read_text() == (tmp_path / "post.b.v2.sp").read_text()


@pytest.mark.parametrize("simulator", ["ngspice", "hspice", "Spectre", "xyce", "ltspice"])
def test_simulators(simulator: str, call: Call, tiny_netlist: Path, tiny_model: Path, tmp_path: Path):
    output = tmp_path / "post.sp"
    outcome = call(
        *("estimate", tiny_netlist, "--model", tiny_model, "--annotate", output, "--simulator", simulator)
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert "\nCpar1 d 0 " in output.read_text()


BAD_REQUESTS = [
    ("no folder", ["--spef", "{folder}/nix/x.spef"], "folder {folder}/nix does not exist"),
    ("a folder", ["--dspf", "{folder}"], "{folder} is a folder"),
    (
        "simulator",
        ["--annotate", "{folder}/x.sp", "--simulator", "nix"],
        "unknown simulator 'nix'; known: ng",
    ),
    ("no use", ["--simulator", "ngspice"], "--simulator ngspice has no effect without --annotate"),
    ("source", ["--annotate", "{netlist}"], "latch.sp is a netlist to estimate, which is never changed"),
    ("twice", ["--spef", "{folder}/x", "--dspf", "{folder}/x"], "{folder}/x is asked for twice"),
    ("table", ["--spef", "{folder}/x.nets.csv", "-o", "{folder}/x.csv"], "x.nets.csv is asked for twice"),
    ("cards", ["--annotate", "{folder}/x.inc", "--simulator", "hspice"], "hspice reaches inner nets only"),
    (
        "one name",
        ["{netlist}", "--spef", "{folder}/x.spef"],
        "are both called latch, so their outputs would have one name",
    ),
]


@pytest.mark.parametrize(("arguments", "reason"), [pytest.param(*c[1:], id=c[0]) for c in BAD_REQUESTS])
def test_bad_requests(
    arguments: list[str], reason: str, refuse: Refuse, tiny_netlist: Path, tiny_model: Path, tmp_path: Path
):
    places = {"netlist": tiny_netlist, "folder": tmp_path}
    before = tiny_netlist.read_bytes()
    words = [word.format(**places) for word in arguments]
    line = refuse("estimate", tiny_netlist, *words, "--model", tiny_model, folder=tmp_path)
    assert reason.format(**places) in line
    assert tiny_netlist.read_bytes() == before


def test_bad_requests_are_refused_before_anything_is_computed(
    refuse: Refuse, tiny_netlist: Path, tmp_path: Path
):
    """The model does not exist either, and nobody has looked."""
    line = refuse(
        *("estimate", tiny_netlist, "--model", "nix", "--annotate", tmp_path / "nix" / "x.sp"),
        folder=tmp_path,
    )
    assert "folder" in line


def test_nothing_is_written_when_one_output_fails(
    refuse: Refuse, tiny_model: Path, tiny_netlist: Path, tmp_path: Path
):
    path = tmp_path / "x.scs"
    path.write_text(
        "simulator lang=spectre\nm1 (d g s 0) nmos w=1u l=1u\nm2 (g d s 0) nmos w=1u l=1u\n"
        "r1 (s 0) resistor r=1\n"
    )
    line = refuse(
        *("estimate", path, "--model", tiny_model, "-o", tmp_path / "x.json", "--spef", tmp_path / "x.spef"),
        *("--annotate", tmp_path / "post.scs", "--simulator", "ngspice"),
        folder=tmp_path,
    )
    assert "x.scs is in the Spectre language, which ngspice does not read" in line


def test_parquet(call: Call, tiny_netlist: Path, tiny_model: Path, tmp_path: Path):
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    for suffix in ("parquet", "json"):
        outcome = call("estimate", tiny_netlist, "--model", tiny_model, "-o", tmp_path / f"x.{suffix}")
        assert (outcome.code, outcome.err) == (0, "")
    expected = json.loads((tmp_path / "x.json").read_text())
    for name in ("nets", "couplings"):
        assert pandas.read_parquet(tmp_path / f"x.{name}.parquet").to_dict("records") == expected[name]


def test_parquet_without_its_package(
    refuse: Refuse, tiny_netlist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("circuitgcl.reporting.tables.find_spec", lambda name: None)
    line = refuse("estimate", tiny_netlist, "-o", tmp_path / "x.parquet", folder=tmp_path)
    assert "parquet needs the package pyarrow (`pip install pyarrow`)" in line
