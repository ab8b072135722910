"""From netlists to estimates over the command line: pretrain, finetune, evaluate, estimate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from circuitgcl.cli.main import app
from circuitgcl.data import DesignFiles
from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.errors import DataError
from circuitgcl.models.checkpoint import load_encoder, load_model

ENCODER = ["--set", "encoder.width=8", "--set", "encoder.layers=2"]
MODEL = ["--set", "model.encoder.width=8", "--set", "model.encoder.layers=2", "--set", "model.hidden=16"]
SHORT = ["--set", "max_epochs=2", "--device", "cpu"]


def invoke(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def encoder_run(
    write_array: Callable[[int, int], DesignFiles], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    run = tmp_path_factory.mktemp("runs") / "encoder"
    netlists = [write_array(3, 3).schematic, write_array(4, 3).schematic]
    invoke("pretrain", *netlists, "-o", run, *ENCODER, *SHORT)
    return run


@pytest.fixture(scope="module")
def model_run(encoder_run: Path, manifest: Path) -> Path:
    run = encoder_run.parent / "model"
    invoke(
        "finetune", manifest, "-o", run, "--encoder", encoder_run, "--skip", "*_6x6_*",
        "--name", "arrays", *MODEL, *SHORT, "--set", "memory.iterations=200", "--set", "calibration_folds=2",
    )  # fmt: skip
    return run


def test_pretrain(encoder_run: Path) -> None:
    assert load_encoder(encoder_run).encoder.config.width == 8
    assert json.loads((encoder_run / "metrics.json").read_text())["dim"] == 8
    assert json.loads((encoder_run / "config.json").read_text())["max_epochs"] == 2


def test_finetune(model_run: Path, encoder_run: Path) -> None:
    checkpoint = load_model(model_run)
    assert checkpoint.name == "arrays"
    assert checkpoint.trained_on == ("synthetic_3x3_s0", "synthetic_4x3_s0")
    pretrained = load_encoder(encoder_run).encoder.state_dict()
    for name, value in checkpoint.model.encoder.state_dict().items():
        assert value.equal(pretrained[name])


def test_evaluate(model_run: Path, manifest: Path, tmp_path: Path) -> None:
    output = tmp_path / "metrics.json"
    invoke(
        "evaluate",
        manifest,
        "--only",
        "synthetic_6x6_s0",
        "--model",
        model_run,
        "--device",
        "cpu",
        "-o",
        output,
    )
    metrics = json.loads(output.read_text())
    if isinstance(metrics, list):
        (metrics,) = metrics
    assert metrics["design"] == "synthetic_6x6_s0"
    assert metrics["coupling"]["n"] > 100
    assert metrics["coupling"]["r2"] > 0.5
    assert metrics["net_load"]["r2"] > 0.8
    assert 0 <= metrics["intervals"]["0.8"]["coverage"] <= 1


def test_evaluate_two_files(
    model_run: Path, write_array: Callable[[int, int], DesignFiles], tmp_path: Path
) -> None:
    files = write_array(5, 3)
    output = tmp_path / "metrics.json"
    assert files.extracted is not None
    invoke(
        "evaluate", files.schematic, files.extracted, "--model", model_run, "--device", "cpu", "-o", output
    )
    assert json.loads(output.read_text())["design"] == "synthetic_5x3_s0"


def test_estimate(model_run: Path, write_array: Callable[[int, int], DesignFiles], tmp_path: Path) -> None:
    """A bare netlist: every signal net has an estimate, and a net's parts add up."""
    output = tmp_path / "estimate.json"
    netlist = write_array(5, 4).schematic
    shown = invoke("estimate", netlist, "--model", model_run, "--device", "cpu", "-o", output)
    assert "synthetic_5x4_s0" in shown
    estimate = json.loads(output.read_text())
    nets = {entry["net"]: entry for entry in estimate["nets"]}
    assert nets.keys() == synthetic_array(5, 4).load_farad.keys()
    for entry in nets.values():
        parts = entry["cap_ground_farad"] + entry["cap_coupling_farad"]
        assert entry["cap_total_farad"] == pytest.approx(parts)
        assert entry["cap_ground_lo_farad"] <= entry["cap_ground_farad"] <= entry["cap_ground_hi_farad"]
    assert estimate["model"]["name"] == "arrays"
    assert set(estimate["summary"]["rails"]) == {"vdd", "gnd"}
    for row in estimate["couplings"]:
        assert row["net_a"] in nets
        assert row["net_b"] in nets
        assert 0 < row["probability"] <= 1
        assert row["cap_lo_farad"] <= row["cap_farad"] <= row["cap_hi_farad"]


def test_calibrate(
    model_run: Path, manifest: Path, write_array: Callable[[int, int], DesignFiles], tmp_path: Path
) -> None:
    files = write_array(4, 4)
    run = tmp_path / "calibrated"
    said = invoke(
        "calibrate", files.schematic, files.extracted, "--model", model_run, "--labels", "20", "-o", run,
        "--set", "memory.iterations=20", "--set", "folds=2",
    )  # fmt: skip
    assert f"wrote {run}: model arrays-calibrated" in said
    assert load_model(run).calibrated_on[0].name == files.schematic.name.split(".")[0]
    invoke("estimate", write_array(6, 6).schematic, "--model", run, "--device", "cpu")
    arguments = ["evaluate", files.schematic, files.extracted, "--model", run, "--device", "cpu"]
    refused = CliRunner().invoke(app, [str(a) for a in arguments])
    assert isinstance(refused.exception, DataError)
    assert "was calibrated with" in str(refused.exception)
    assert str(files.extracted) in str(refused.exception)
    assert "R²" in invoke(*arguments, "--force")
