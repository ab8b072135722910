"""Runs that cannot begin, break down or stop early, and what they leave behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from circuitgcl.errors import DataError
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.models.checkpoint import load_encoder
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.pretraining import PretrainConfig, pretrain
from circuitgcl.pretraining.scattering import ScatteringModule

CONFIG = PretrainConfig(encoder=EncoderConfig(width=8, layers=2), max_epochs=4, sample=64)
RESISTOR = """* one part
.subckt lone a b
r1 a b 1k
.ends
"""


@pytest.fixture
def lone(tmp_path: Path) -> CircuitGraph:
    path = tmp_path / "lone.sp"
    path.write_text(RESISTOR)
    return build_graph(flatten(read_netlist(path)))


class TestInput:
    def test_too_small_ones_are_left_out_and_named(
        self, tmp_path: Path, graphs: list[CircuitGraph], lone: CircuitGraph, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level("WARNING", logger="circuitgcl"):
            found = pretrain([lone, *graphs], CONFIG, folder=tmp_path / "run", accelerator="cpu")
        assert "too small to contrast: lone" in caplog.text
        assert found.trained_on == ("amplifier", "ring")

    def test_nothing_but_small_ones(self, tmp_path: Path, lone: CircuitGraph) -> None:
        with pytest.raises(DataError, match="each of the 2 given has fewer than 8 distinct nodes"):
            pretrain([lone, lone], CONFIG, folder=tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_copies_are_trained_on_once(self, tmp_path: Path, graphs: list[CircuitGraph]) -> None:
        """A copy under other names; one that differs in a single width is none."""
        copy, wider = (tmp_path / name for name in ("copy.sp", "wider.sp"))
        text = Path(graphs[0].circuit.path).read_text()
        copy.write_text(text.replace("amplifier", "renamed").replace("tail", "foot"))
        wider.write_text(text.replace("amplifier", "wider").replace("w=16u", "w=17u"))
        more = [build_graph(flatten(read_netlist(path))) for path in (copy, wider)]
        found = pretrain([*graphs, *more], CONFIG, folder=tmp_path / "run", accelerator="cpu")
        assert found.trained_on == ("amplifier", "ring", "wider")

    def test_graphs_may_come_one_by_one(self, tmp_path: Path, graphs: list[CircuitGraph]) -> None:
        found = pretrain(iter(graphs), CONFIG, folder=tmp_path / "run", accelerator="cpu")
        assert found.trained_on == ("amplifier", "ring")

    def test_features_of_another_schema(self, tmp_path: Path, graphs: list[CircuitGraph]) -> None:
        wide = np.concatenate([graphs[1].net_features, graphs[1].net_features[:, :1]], axis=1)
        with pytest.raises(DataError, match=r"ring has 37 net features.*36.*another feature schema"):
            pretrain([graphs[0], replace(graphs[1], net_features=wide)], CONFIG, folder=tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_features_that_are_no_numbers(self, tmp_path: Path, graphs: list[CircuitGraph]) -> None:
        broken = graphs[1].net_features.copy()
        broken[3, 1] = np.nan
        with pytest.raises(DataError, match="ring: features of net 3 are not finite"):
            pretrain([graphs[0], replace(graphs[1], net_features=broken)], CONFIG, folder=tmp_path / "run")


def break_down(
    monkeypatch: pytest.MonkeyPatch, epoch: int, name: str = "ring"
) -> Callable[[], pytest.MonkeyPatch]:
    """Make the scattering loss of one design no number from an epoch on."""
    step, spread = ScatteringModule.training_step, ScatteringModule.spread

    def poisoned(self: ScatteringModule, circuit, index: int) -> None:
        bad = circuit.name == name and self.current_epoch >= epoch
        with monkeypatch.context() as patch:
            if bad:
                patch.setattr(
                    ScatteringModule, "spread", lambda *args: spread(*args) * torch.tensor(float("nan"))
                )
            step(self, circuit, index)

    monkeypatch.setattr(ScatteringModule, "training_step", poisoned)
    return monkeypatch


class TestDivergence:
    def test_names_the_design_and_keeps_the_best_encoder(
        self, tmp_path: Path, graphs: list[CircuitGraph], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = tmp_path / "run"
        with monkeypatch.context() as patch:
            break_down(patch, epoch=2)
            with pytest.raises(DataError, match="epoch 2 on design ring: its scattering loss") as caught:
                pretrain(graphs, CONFIG, folder=run, accelerator="cpu")
        metrics = json.loads((run / "metrics.json").read_text())
        assert f"of epoch {int(metrics['epoch'])}, is in {run}" in str(caught.value)
        assert "lower learning_rate" in str(caught.value)
        two = pretrain(graphs, replace(CONFIG, max_epochs=2), folder=tmp_path / "two", accelerator="cpu")
        kept = load_encoder(run)
        assert dict(kept.metrics) == pytest.approx(dict(two.metrics))
        for name, value in kept.encoder.state_dict().items():
            assert torch.equal(value, two.encoder.state_dict()[name])
        # nothing stands in the way of another try with other settings
        pretrain(graphs, replace(CONFIG, learning_rate=1e-4), folder=run, accelerator="cpu")

    def test_in_the_first_epoch_nothing_is_kept(
        self, tmp_path: Path, graphs: list[CircuitGraph], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        break_down(monkeypatch, epoch=0)
        with pytest.raises(DataError, match="nothing had been learned yet"):
            pretrain(graphs, CONFIG, folder=tmp_path / "run", accelerator="cpu")
        assert not (tmp_path / "run/model.json").exists()

    def test_weights_spoiled_by_the_last_step_are_not_kept(
        self, tmp_path: Path, graphs: list[CircuitGraph], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No further step of the epoch would show it; the monitors do."""
        step = ScatteringModule.training_step

        def spoiling(self: ScatteringModule, circuit, index: int) -> None:
            step(self, circuit, index)
            if self.current_epoch == 1 and index == 1:
                with torch.no_grad():
                    next(self.online.parameters()).fill_(float("nan"))

        monkeypatch.setattr(ScatteringModule, "training_step", spoiling)
        with pytest.raises(
            DataError, match=r"epoch 1 on design .*: its objective loss is nan; the best encoder"
        ):
            pretrain(graphs, CONFIG, folder=tmp_path / "run", accelerator="cpu")
        assert load_encoder(tmp_path / "run").metrics["epoch"] == 0


class TestKeptEncoder:
    def objectives(
        self, monkeypatch: pytest.MonkeyPatch, values: list[float], figures: dict[str, float] | None = None
    ) -> None:
        """Let the objective take given values, epoch by epoch."""
        monitored = ScatteringModule.monitored

        def told(self: ScatteringModule) -> dict[str, float]:
            return {**monitored(self), "objective": values[self.current_epoch], **(figures or {})}

        monkeypatch.setattr(ScatteringModule, "monitored", told)

    def test_is_that_of_the_lowest_objective(
        self, tmp_path: Path, graphs: list[CircuitGraph], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            self.objectives(patch, [3.0, 1.0, 2.0, 1.0])
            found = pretrain(graphs, CONFIG, folder=tmp_path / "run", accelerator="cpu")
        assert found.metrics["epoch"] == 1
        two = pretrain(graphs, replace(CONFIG, max_epochs=2), folder=tmp_path / "two", accelerator="cpu")
        log = pd.read_csv(tmp_path / "two/log/metrics.csv").dropna(subset="effective_rank")
        assert found.metrics["effective_rank"] == pytest.approx(log["effective_rank"].iloc[1], rel=1e-5)
        if two.metrics["epoch"] == 1:
            for name, value in two.encoder.state_dict().items():
                assert torch.equal(value, found.encoder.state_dict()[name])

    def test_a_run_without_progress_ends_early(
        self, tmp_path: Path, graphs: list[CircuitGraph], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.objectives(monkeypatch, [3.0, 1.0, *([2.0] * 20)])
        config = replace(CONFIG, max_epochs=20, patience=3)
        found = pretrain(graphs, config, folder=tmp_path / "run", accelerator="cpu")
        log = pd.read_csv(tmp_path / "run/log/metrics.csv")
        assert log["epoch"].max() == 4
        assert found.metrics["epoch"] == 1
        assert not (tmp_path / "run/state").exists()


def test_low_precision_learns_too(tmp_path: Path, graphs: list[CircuitGraph]) -> None:
    from circuitgcl.pretraining.config import Precision

    config = replace(CONFIG, precision=Precision.BF16, max_epochs=3)
    low = pretrain(graphs, config, folder=tmp_path / "low", accelerator="cpu")
    whole = pretrain(graphs, replace(CONFIG, max_epochs=3), folder=tmp_path / "whole", accelerator="cpu")
    assert all(value.dtype == torch.float32 for value in low.encoder.state_dict().values())
    assert low.metrics["objective"] == pytest.approx(whole.metrics["objective"], abs=0.2)
    assert low.metrics["objective"] != whole.metrics["objective"]


def test_tensorboard_log(tmp_path: Path, graphs: list[CircuitGraph]) -> None:
    pytest.importorskip("tensorboard")
    pretrain(graphs, replace(CONFIG, tensorboard=True), folder=tmp_path / "run", accelerator="cpu")
    assert len(list((tmp_path / "run/log").glob("events.out.tfevents.*"))) == 1
