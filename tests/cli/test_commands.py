"""What the commands do with good input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import circuitgcl

Call = Callable[..., Any]
PACKAGE = Path(circuitgcl.__file__).parent.parent


@pytest.fixture
def result(call: Call, tiny_netlist: Path, tiny_model: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """JSON of an estimate of the tiny netlist with further arguments."""

    def run(*arguments: object) -> dict[str, Any]:
        output = tmp_path / "x.json"
        outcome = call("estimate", tiny_netlist, "--model", tiny_model, "-o", output, *arguments)
        assert (outcome.code, outcome.err) == (0, "")
        assert f"wrote {output}" in outcome.out
        return json.loads(output.read_text(encoding="utf-8"))

    return run


def test_patterns_are_expanded_in_order(call: Call, tiny_netlist: Path, tiny_model: Path, tmp_path: Path):
    for name in ("b.sp", "a.sp", "c[1].sp"):
        (tmp_path / name).write_bytes(tiny_netlist.read_bytes())
    (tmp_path / "d.sp").mkdir()
    output = tmp_path / "x.json"
    outcome = call("estimate", tmp_path / "?.sp", tmp_path / "c[1].sp", "--model", tiny_model, "-o", output)
    assert outcome.code == 0
    assert [entry["design"] for entry in json.loads(output.read_text())] == ["a", "b", "c[1]"]


def test_flags_and_settings_are_one(result: Callable[..., dict[str, Any]]):
    flags = result(
        "--min-cap", "0.05f", "--scale", "1.2", "--bound", "p90", "--exclude", "q*", "--rails", "vdd, gnd,en"
    )
    settings = result(
        *("--set", "min_cap_farad=5e-17", "--set", "scale=1.2", "--set", "bound=p90"),
        *("--set", "exclude=q*", "--set", "graph.rails=vdd,gnd,en"),
    )
    assert flags == settings
    assert flags["summary"]["bound"] == "p90"
    assert {row["net"] for row in flags["nets"]} == {"d", "s"}


def test_flags_overrule_the_config_file_even_with_default_values(
    result: Callable[..., dict[str, Any]], tmp_path: Path
):
    config = tmp_path / "settings.toml"
    config.write_text("min_cap_farad = 1e-16\nscale = 3.0\n[graph]\nrails = ['vdd', 'gnd']\n")
    from_file = result("--config", config)
    assert from_file["summary"]["min_cap_farad"] == 1e-16
    overruled = result("--config", config, "--min-cap", "0.01f", "--scale", "1")
    assert overruled == result()
    assert result("--config", config, "--scale", "2", "--set", "scale=4")["summary"]["scale"] == 4.0


def test_numbers_of_printed_rows(call: Call, tiny_netlist: Path, tiny_model: Path):
    outcome = call("estimate", tiny_netlist, "--model", tiny_model, "--top-couplings", 2)
    assert "Couplings [fF]: 2 of" in outcome.out


def test_other_top(result: Callable[..., dict[str, Any]]):
    assert result("--top", "INV")["top"] == "inv"


def test_help_without_arguments(call: Call):
    outcome = call()
    assert outcome.code == 0
    for command in ("estimate", "inspect", "pretrain", "finetune", "evaluate"):
        assert command in outcome.out


def test_pretrain_writes_a_run(call: Call, tiny_netlist: Path, tmp_path: Path):
    run = tmp_path / "run"
    small = ("--set", "encoder.width=8", "--set", "encoder.layers=1", "--set", "max_epochs=1")
    outcome = call("pretrain", tiny_netlist, "-o", run, "--device", "cpu", *small)
    assert outcome.code == 0
    assert {"config.json", "metrics.json", "model.json", "model.safetensors"} <= {
        p.name for p in run.iterdir()
    }
    encoder = json.loads((run / "config.json").read_text())["encoder"]
    assert (encoder["width"], encoder["layers"], encoder["kind"]) == (8, 1, "sage")


def program(*arguments: object, **settings: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "circuitgcl.cli.main", *map(str, arguments)]
    return subprocess.run(command, cwd=PACKAGE, capture_output=True, timeout=120, check=False, **settings)


def test_terminal_that_knows_ascii_only(tiny_netlist: Path):
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = program("inspect", tiny_netlist, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"latch" in done.stdout


def test_a_bug_keeps_its_traceback(tiny_netlist: Path):
    broken = "import circuitgcl.netlist.inspection as i\ni.read_timed = None\n"
    code = f"{broken}from circuitgcl.cli.main import run\nrun()"
    done = subprocess.run(
        [sys.executable, "-c", code, "inspect", str(tiny_netlist)],
        cwd=PACKAGE,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" in done.stderr
    assert b"TypeError" in done.stderr
