"""Pretraining runs: what they leave behind, how they resume, and that they learn."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor

from circuitgcl.config import to_mapping
from circuitgcl.errors import DataError
from circuitgcl.graph import CircuitGraph
from circuitgcl.models.checkpoint import load_encoder
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.pretraining import PretrainConfig, pretrain
from circuitgcl.pretraining.scattering import ScatteringModule

CONFIG = PretrainConfig(encoder=EncoderConfig(width=8, layers=2), max_epochs=4, sample=64)


def weights(folder: Path) -> dict[str, Tensor]:
    return load_encoder(folder).encoder.state_dict()


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_run_folder(tmp_path: Path, graphs: list[CircuitGraph]) -> None:
    run = tmp_path / "run"
    checkpoint = pretrain(graphs, CONFIG, folder=run, accelerator="cpu")
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics.keys() >= {"effective_rank", "dim", "alignment", "uniformity", "centre_norm"}
    assert metrics["dim"] == 8
    assert 1 <= metrics["effective_rank"] <= 8
    assert metrics == pytest.approx(dict(checkpoint.metrics))
    config = json.loads((run / "config.json").read_text())
    assert config["max_epochs"] == 4
    assert config["encoder"] == to_mapping(CONFIG.encoder)
    assert config["preset"] == "default"
    kept = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
    assert kept == {"config.json", "metrics.json", "model.json", "model.safetensors", "log/metrics.csv"}


def test_every_epoch_is_logged(tmp_path: Path, graphs: list[CircuitGraph]) -> None:
    pretrain(graphs, CONFIG, folder=tmp_path / "run", accelerator="cpu")
    log = pd.read_csv(tmp_path / "run/log/metrics.csv")
    assert sorted(set(log["epoch"])) == [0, 1, 2, 3]
    for figure in ("effective_rank", "alignment", "uniformity", "centre_norm"):
        assert log[figure].notna().sum() == 4


def test_saved_encoder_is_the_returned_one(tmp_path: Path, graphs: list[CircuitGraph]) -> None:
    checkpoint = pretrain(graphs, CONFIG, folder=tmp_path / "run", accelerator="cpu")
    loaded = load_encoder(tmp_path / "run")
    assert_equal(loaded.encoder.state_dict(), checkpoint.encoder.state_dict())
    assert loaded.trained_on == ("amplifier", "ring")
    data = graphs[0].to_hetero()
    assert torch.equal(loaded.encoder(data)["net"], checkpoint.encoder(data)["net"])


def test_same_seed_same_numbers(tmp_path: Path, graphs: list[CircuitGraph]) -> None:
    figures = [
        pretrain(graphs, replace(CONFIG, seed=seed), folder=tmp_path / name, accelerator="cpu").metrics
        for name, seed in (("one", 3), ("two", 3), ("three", 4))
    ]
    assert figures[0] == figures[1]
    assert figures[0] != figures[2]
    assert_equal(weights(tmp_path / "one"), weights(tmp_path / "two"))


def test_training_spreads_the_representation(tmp_path: Path, graphs: list[CircuitGraph]) -> None:
    config = replace(CONFIG, max_epochs=40, learning_rate=3e-3)
    pretrain(graphs, config, folder=tmp_path / "run", accelerator="cpu")
    log = pd.read_csv(tmp_path / "run/log/metrics.csv").groupby("epoch").first()
    first, last = log.iloc[0], log.iloc[-5:].mean()
    assert last["scattering"] < first["scattering"] - 0.2
    assert last["alignment_loss"] < first["alignment_loss"] - 0.2
    assert last["uniformity"] < first["uniformity"]
    assert last["centre_norm"] < first["centre_norm"]


def test_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no circuit"):
        pretrain([], CONFIG, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


class KilledError(RuntimeError):
    """Stands in for whatever ends a process in the middle of a run."""


def interrupted(
    monkeypatch: pytest.MonkeyPatch,
    graphs: list[CircuitGraph],
    folder: Path,
    epoch: int,
) -> None:
    step = ScatteringModule.training_step

    def dies(self: ScatteringModule, batch: object, index: int) -> None:
        if self.current_epoch == epoch and index == 1:
            raise KilledError
        step(self, batch, index)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ScatteringModule, "training_step", dies)
        with pytest.raises(KilledError):
            pretrain(graphs, CONFIG, folder=folder, accelerator="cpu")


class TestResume:
    def test_leaves_its_state_behind(
        self, tmp_path: Path, graphs: list[CircuitGraph], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        interrupted(monkeypatch, graphs, tmp_path / "run", epoch=2)
        assert (tmp_path / "run/state/last.ckpt").is_file()
        assert not (tmp_path / "run/model.json").exists()
        assert not (tmp_path / "run/metrics.json").exists()

    def test_only_the_rest_is_trained(
        self, tmp_path: Path, graphs: list[CircuitGraph], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        interrupted(monkeypatch, graphs, tmp_path / "run", epoch=2)
        epochs: list[int] = []
        step = ScatteringModule.training_step

        def counted(self: ScatteringModule, batch: object, index: int) -> None:
            epochs.append(self.current_epoch)
            step(self, batch, index)  # type: ignore[arg-type]

        monkeypatch.setattr(ScatteringModule, "training_step", counted)
        pretrain(graphs, CONFIG, folder=tmp_path / "run", accelerator="cpu")
        assert epochs == [2, 2, 3, 3]
        assert not (tmp_path / "run/state").exists()

    def test_ends_where_an_uninterrupted_run_ends(
        self, tmp_path: Path, graphs: list[CircuitGraph], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pretrain(graphs, CONFIG, folder=tmp_path / "straight", accelerator="cpu")
        interrupted(monkeypatch, graphs, tmp_path / "run", epoch=2)
        pretrain(graphs, CONFIG, folder=tmp_path / "run", accelerator="cpu")
        assert_equal(weights(tmp_path / "run"), weights(tmp_path / "straight"))

    def test_killed_after_the_last_epoch(
        self, tmp_path: Path, graphs: list[CircuitGraph], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def dies(*_: object) -> None:
            raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr("circuitgcl.pretraining.running.save_encoder", dies)
            with pytest.raises(KilledError):
                pretrain(graphs, CONFIG, folder=tmp_path / "run", accelerator="cpu")
        resumed = pretrain(graphs, CONFIG, folder=tmp_path / "run", accelerator="cpu")
        straight = pretrain(graphs, CONFIG, folder=tmp_path / "straight", accelerator="cpu")
        assert resumed.metrics == straight.metrics
        assert_equal(weights(tmp_path / "run"), weights(tmp_path / "straight"))
