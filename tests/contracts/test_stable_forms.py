"""The files and exit codes that scripts of users rely on."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

EXTRACTED = """* layout of the latch
.subckt latch d en q vdd gnd
c1 d en 0.3f
c2 q gnd 1f
c3 q vdd 0.5f
c4 s qb 0.2f
c5 d s 0.05f
c6 s gnd 0.4f
c7 qb 0 0.6f
c8 en gnd 0.2f
c9 d 0 0.004f
.ends
"""

TOP_KEYS = ["schema", "design", "top", "technology", "model", "summary", "nets", "couplings", "warnings"]
NET_KEYS = [
    "net",
    "cap_ground_farad",
    "cap_ground_lo_farad",
    "cap_ground_hi_farad",
    "cap_ground_class",
    "cap_ground_class_probability",
    "cap_coupling_farad",
    "cap_total_farad",
    "source",
]
COUPLING_KEYS = [
    *("net_a", "net_b", "cap_farad", "cap_lo_farad", "cap_hi_farad", "cap_expected_farad"),
    *("probability", "source"),
]


@pytest.fixture(scope="module")
def extraction(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extraction") / "latch.pex.sp"
    path.write_text(EXTRACTED)
    return path


def refuse_constant(name: str) -> float:
    raise AssertionError(f"{name} is no JSON number")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)


@pytest.fixture
def estimated(call: Call, tiny_netlist: Path, tiny_model: Path, tmp_path: Path) -> dict[str, Any]:
    outcome = call("estimate", tiny_netlist, "--model", tiny_model, "-o", tmp_path / "x.json")
    assert (outcome.code, outcome.err) == (0, "")
    return read_json(tmp_path / "x.json")


def test_estimate_json(estimated: dict[str, Any]):
    assert list(estimated) == TOP_KEYS
    assert estimated["schema"] == 1
    assert estimated["design"] == estimated["top"] == "latch"
    assert estimated["technology"].startswith("50 nm")
    assert estimated["model"] == {"name": "tiny", "version": "0.1", "trained_on": ["latch"]}
    assert {"devices": 7, "nets": 5, "pins": 28}.items() <= estimated["summary"].items()
    assert estimated["summary"]["rails"] == {"vdd": "supply", "gnd": "ground"}
    assert estimated["warnings"] == []


def test_estimate_rows(estimated: dict[str, Any]):
    assert {row["net"] for row in estimated["nets"]} == {"d", "en", "q", "s", "qb"}
    for row in estimated["nets"]:
        assert list(row) == NET_KEYS
        assert row["cap_ground_class"] in range(5)
        assert 0 <= row["cap_ground_class_probability"] <= 1
        assert 0 < row["cap_ground_lo_farad"] < row["cap_ground_farad"] < row["cap_ground_hi_farad"]
    assert estimated["couplings"]
    for row in estimated["couplings"]:
        assert list(row) == COUPLING_KEYS
        assert 0 < row["cap_lo_farad"] < row["cap_farad"] < row["cap_hi_farad"]
        # the pair couples at all at least as likely as above the threshold
        assert row["probability"] * row["cap_farad"] <= row["cap_expected_farad"] * (1 + 1e-12)
        assert row["cap_expected_farad"] <= row["cap_farad"]
        assert 0 <= row["probability"] <= 1


def test_estimate_of_several_netlists_is_a_list(
    call: Call, tiny_netlist: Path, tiny_model: Path, tmp_path: Path
):
    other = tmp_path / "latch.v2.sp"
    other.write_bytes(tiny_netlist.read_bytes())
    output = tmp_path / "x.json"
    assert call("estimate", tiny_netlist, other, "--model", tiny_model, "-o", output).code == 0
    assert [entry["design"] for entry in read_json(output)] == ["latch", "latch.v2"]


@pytest.mark.parametrize("copies", [1, 2])
def test_estimate_csv(copies: int, call: Call, tiny_netlist: Path, tiny_model: Path, tmp_path: Path):
    output = tmp_path / "x.csv"
    outcome = call("estimate", *[tiny_netlist] * copies, "--model", tiny_model, "-o", output)
    assert outcome.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.couplings.csv", "x.nets.csv"]
    for table, keys in (("nets", NET_KEYS), ("couplings", COUPLING_KEYS)):
        with (tmp_path / f"x.{table}.csv").open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        assert header == (keys if copies == 1 else ["design", *keys])
        assert rows
        assert {len(row) for row in rows} == {len(header)}


def test_csv_and_json_agree(
    call: Call, estimated: dict[str, Any], tiny_netlist: Path, tiny_model: Path, tmp_path: Path
):
    call("estimate", tiny_netlist, "--model", tiny_model, "-o", tmp_path / "y.csv")
    for table in ("nets", "couplings"):
        with (tmp_path / f"y.{table}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(estimated[table])
        for found, expected in zip(rows, estimated[table], strict=True):
            for key, value in expected.items():
                if isinstance(value, float):
                    assert float(found[key]) == pytest.approx(value, rel=1e-5)
                else:
                    assert found[key] == str(value)


REGRESSION = {"n", "r2", "mae_decades"}
EVALUATION_KEYS = {
    "match": {"nets_matched", "capacitance_matched"},
    "coupling": {*REGRESSION, "within_x1_5", "within_x2", "ceiling_r2"},
    "existence": {"average_precision", "capacitance_recall_at_1", "_at_2", "_at_4"},
    "net_load": {*REGRESSION, "within_x1_25", "within_x1_5", "bias_decades"},
    "net_total": {*REGRESSION, "within_x1_25", "within_x1_5", "bias_decades"},
    "ground_class": {"macro_f1", "accuracy"},
    "coupling_class": {"macro_f1", "accuracy"},
}


def test_evaluate_json(call: Call, tiny_netlist: Path, extraction: Path, tiny_model: Path, tmp_path: Path):
    output = tmp_path / "m.json"
    outcome = call("evaluate", tiny_netlist, extraction, "--model", tiny_model, "-o", output)
    assert (outcome.code, outcome.err) == (0, "")
    metrics = read_json(output)
    assert metrics["design"] == "latch"
    for group, keys in EVALUATION_KEYS.items():
        assert keys <= metrics[group].keys()
    assert metrics["intervals"]["0.8"].keys() == {"coverage", "width_decades"}
    # d-en, s-qb and d-s lie above 0.01 fF; all nets but d, which has 0.004 fF, have a load above it
    assert metrics["coupling"]["n"] == 3
    assert metrics["net_load"]["n"] == 4
    assert metrics["match"]["nets_matched"] == 1.0
    assert metrics["match"]["capacitance_matched"] == 1.0
    assert metrics["prior"] == "train"
    assert metrics["ground"] == "equivalent"
    for group in ("coupling", "net_load"):
        decades = metrics["by_decade"][group]
        assert all(scores.keys() == {"n", "mae_decades", "bias_decades"} for scores in decades.values())
        assert sum(scores["n"] for scores in decades.values()) == metrics[group]["n"]


def test_evaluate_counts_pairs_above_the_threshold(
    call: Call, tiny_netlist: Path, extraction: Path, tiny_model: Path, tmp_path: Path
):
    output = tmp_path / "m.json"
    for threshold, pairs in (("0.1f", 2), ("0.25f", 1), ("1f", 0)):
        call(
            "evaluate", tiny_netlist, extraction, "--model", tiny_model, "--min-cap", threshold, "-o", output
        )
        assert read_json(output)["coupling"]["n"] == pairs


def test_evaluate_a_manifest(
    call: Call, tiny_netlist: Path, extraction: Path, tiny_model: Path, tmp_path: Path
):
    entry = "[[design]]\nname = '{}'\n" + f"schematic = '{tiny_netlist}'\nextracted = '{extraction}'\n"
    manifest, output = tmp_path / "designs.toml", tmp_path / "m.json"
    manifest.write_text("".join(entry.format(name) for name in ("one", "two", "three")))
    call("evaluate", manifest, "--model", tiny_model, "--only", "t*", "-o", output)
    assert [metrics["design"] for metrics in read_json(output)] == ["two", "three"]


def test_inspect_json(call: Call, tiny_netlist: Path, tmp_path: Path):
    outcome = call("inspect", tiny_netlist, "-o", tmp_path / "i.json")
    assert (outcome.code, outcome.err) == (0, "")
    found = read_json(tmp_path / "i.json")
    counts = {"top": "latch", "subcircuits": 2, "devices": 7, "nets": 7, "pins": 28, "skipped_cards": []}
    assert counts.items() <= found.items()
    assert found["devices_by_model"] == {"nmos": 4, "pmos": 3}
    assert {rail["net"]: rail["kind"] for rail in found["rails"]} == {"vdd": "supply", "gnd": "ground"}
    assert found["seconds"].keys() == {"read", "flatten"}
    assert found["peak_mib"] > 1
    assert found["classes"].keys() == {"nets", "devices", "pins"}
    assert all(0 < found["classes"][key] <= found[key] for key in found["classes"])
    assert (found["dialect"], found["ports"], found["warnings"]) == (
        "spice",
        ["d", "en", "q", "vdd", "gnd"],
        [],
    )
    assert found["cells"][0] == {"cell": "latch", "instances": 1, "devices": 1, "uses": {"inv": 3}}


def test_inspect_goes_on_where_asked_to(call: Call, tmp_path: Path):
    path = tmp_path / "bad.sp"
    path.write_text("* t\nM1 d g s nch\nR1 a b 1k\nX1 a b nosuch\n")
    assert call("inspect", path).code == 2
    assert call("inspect", path, "--lenient", "-o", tmp_path / "i.json").code == 0
    found = read_json(tmp_path / "i.json")
    assert found["devices"] == 2
    kinds = [card["kind"] for card in found["skipped_cards"]]
    assert kinds[0] == "error: M1 has 3 nodes; a MOSFET needs 4. Is the bulk missing?"
    assert kinds[1].startswith("error: X1 instantiates subcircuit 'nosuch', which is not defined.")


def test_inspect_takes_a_dialect(call: Call, tmp_path: Path):
    path = tmp_path / "deck.txt"
    path.write_text("r1 (a b) resistor r=1M\n")
    assert call("inspect", path, "--dialect", "spectre", "-o", tmp_path / "i.json").code == 0
    assert read_json(tmp_path / "i.json")["dialect"] == "spectre"
    assert "unknown dialect 'french'" in call("inspect", path, "--dialect", "french").err
    assert call("estimate", path, "--dialect", "french").code == 2


def test_exit_codes(call: Call, tiny_netlist: Path, monkeypatch: pytest.MonkeyPatch):
    assert call("inspect", tiny_netlist).code == 0
    assert call("inspect", "nix.sp").code == 2
    assert call("inspect").code == 2
    assert call("--help").code == 0
    assert call("--version").code == 0

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("circuitgcl.netlist.inspection.read_timed", broken)
    with pytest.raises(ZeroDivisionError):  # leaves the program with its traceback and code 1
        call("inspect", tiny_netlist)
