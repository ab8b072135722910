"""Finetuning that continues a model, lets part of the encoder learn, or stops on a held-out family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from circuitgcl.data import Design
from circuitgcl.data.tensors import design_tensors
from circuitgcl.errors import DataError
from circuitgcl.finetuning import FinetuneConfig, finetune
from circuitgcl.finetuning.memory_fitting import MemoryConfig
from circuitgcl.finetuning.running import matching_families
from circuitgcl.finetuning.tasks import RegressionLoss
from circuitgcl.finetuning.training import Contributions, FinetuneModule, keep_lower_layers
from circuitgcl.finetuning.tree_fitting import TreesConfig
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.checkpoint import EncoderCheckpoint, ModelCheckpoint
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.memory import Source

Build = Callable[..., Design]
MODEL = ModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=16)
CONFIG = FinetuneConfig(
    trees=TreesConfig(members=2, rounds=2, iterations=10),
    model=MODEL,
    memory=MemoryConfig(iterations=30),
    step_nets=0,
    max_epochs=2,
    loss=RegressionLoss.HUBER,
    calibration_folds=0,
)


def run(designs: list[Design], folder: Path, **options: object) -> ModelCheckpoint:
    config = options.pop("config", CONFIG)
    return finetune(designs, config, folder=folder, accelerator="cpu", **options)  # type: ignore[arg-type]


class TestContinuing:
    def test_scales_and_sizes_are_those_of_the_model(self, array: Build, tmp_path: Path) -> None:
        first = run([array(3, 3)], tmp_path / "first")
        wider = replace(CONFIG, model=ModelConfig(hidden=32), max_epochs=1)
        second = run([array(2, 2)], tmp_path / "second", start=first, config=wider)
        assert second.model.config == first.model.config
        assert torch.equal(second.model.net_scale.mean, first.model.net_scale.mean)
        assert not torch.equal(second.model.load_head[0].weight, first.model.load_head[0].weight)

    def test_the_memory_keeps_what_the_new_designs_do_not_show(self, array: Build, tmp_path: Path) -> None:
        large, small = array(4, 4), array(2, 2)
        first = run([large], tmp_path / "first")
        second = run([small], tmp_path / "second", start=first)
        design = design_tensors(large.graph)
        with torch.no_grad():
            outputs = second.model.contexts(design, second.model.embed(design))
            coupling = second.model.coupling(design, outputs)
        assert (coupling.source == Source.MEMORY).all()
        old, new = first.model.coupling_memory, second.model.coupling_memory
        assert int(old.salt) == int(new.salt)
        assert len(new.exact_keys) == len(old.exact_keys)

    def test_trees_are_added_to_those_there_are(self, array: Build, tmp_path: Path) -> None:
        first = run([array(3, 3)], tmp_path / "first")
        config = replace(CONFIG, max_epochs=1, trees=TreesConfig(members=5, rounds=1, iterations=3))
        second = run([array(4, 2)], tmp_path / "second", start=first, config=config)
        for name in ("coupling_trees", "load_trees"):
            old, new = getattr(first.model, name), getattr(second.model, name)
            assert new.members == old.members == 2
            assert len(new.root) == len(old.root) + 2 * 4
            for table, value in old.state_dict().items():
                assert torch.equal(new.state_dict()[table][: len(value)], value), table
        assert second.channel_lengths_m == first.channel_lengths_m == (5e-8,)

    def test_networks_alone_leave_no_trees(self, array: Build, tmp_path: Path) -> None:
        first = run([array(3, 3)], tmp_path / "first")
        config = replace(CONFIG, max_epochs=1, contributions=Contributions.NETWORKS)
        second = run([array(2, 2)], tmp_path / "second", start=first, config=config)
        assert not first.model.coupling_trees.is_empty
        assert second.model.coupling_trees.is_empty
        assert second.model.load_trees.is_empty

    def test_without_an_epoch_it_is_the_old_network(self, array: Build, tmp_path: Path) -> None:
        """Memories play no part while the networks learn, and are there again afterwards."""
        first = run([array(3, 3)], tmp_path / "first")
        still = replace(CONFIG, learning_rate=0.0, max_epochs=1)
        second = run([array(3, 3)], tmp_path / "second", start=first, config=still)
        for name, value in first.model.state_dict().items():
            if "head" in name or "encoder" in name:
                assert torch.equal(value, second.model.state_dict()[name]), name

    def test_one_beginning_only(self, array: Build, tmp_path: Path) -> None:
        first = run([array(2, 2)], tmp_path / "first")
        encoder = EncoderCheckpoint(encoder=CircuitEncoder(MODEL.encoder), trained_on=(), metrics={})
        with pytest.raises(DataError, match="one of the two"):
            run([array(2, 2)], tmp_path / "second", start=first, encoder=encoder)

    def test_an_encoder_brings_its_sizes(self, array: Build, tmp_path: Path) -> None:
        own = EncoderConfig(width=16, layers=1)
        encoder = EncoderCheckpoint(encoder=CircuitEncoder(own), trained_on=(), metrics={})
        config = replace(CONFIG, model=ModelConfig(hidden=16), max_epochs=1)
        found = run([array(2, 2)], tmp_path / "run", encoder=encoder, config=config)
        assert found.model.config.encoder == own


class TestPartOfTheEncoder:
    def test_only_the_last_layers_learn(self) -> None:
        encoder = CircuitEncoder(EncoderConfig(width=8, layers=3))
        keep_lower_layers(encoder, 1)
        learning = {name for name, value in encoder.named_parameters() if value.requires_grad}
        assert learning
        assert {name.split(".")[:2][1] for name in learning} == {"2"}
        assert {name.split(".")[0] for name in learning} == {"convolutions", "norms"}

    def test_rates_by_group(self, array: Build) -> None:
        config = replace(
            CONFIG,
            loss=RegressionLoss.BMC,
            encoder_learning_rate=1e-4,
            encoder_layers=1,
            noise_learning_rate=0.05,
        )
        design = array(2, 2)
        module = FinetuneModule(
            CapacitanceModel(MODEL), [design_tensors(design.graph, design.labels)], config
        )
        heads, encoder, noise = module.configure_optimizers()["optimizer"].param_groups
        assert (heads["lr"], encoder["lr"], noise["lr"]) == (2e-3, 1e-4, 0.05)
        assert noise["weight_decay"] == 0.0
        assert len(noise["params"]) == 2  # coupling and load
        assert all(parameter.requires_grad for parameter in encoder["params"])


class TestStopping:
    def test_the_best_epoch_on_the_held_out_family_is_kept(self, array: Build, tmp_path: Path) -> None:
        """A rate that overshoots: later epochs are worse, training ends early, the best weights stay."""
        designs = [array(3, 3), array(2, 3), array(4, 2)]
        config = replace(CONFIG, max_epochs=12, patience=2, stop_on="array_4x2", learning_rate=0.5)
        found = run(designs, tmp_path / "run", config=config)
        rows = (tmp_path / "run/log/metrics.csv").read_text().splitlines()
        column = rows[0].split(",").index("held_out_loss")
        losses = [float(row.split(",")[column]) for row in rows[1:] if row.split(",")[column]]
        best = int(np.argmin(losses))
        assert len(losses) == best + 3 < 12
        held_out = design_tensors(designs[2].graph, designs[2].labels)
        module = FinetuneModule(found.model, [held_out], config)
        with found.model.forgetting(), torch.no_grad():
            module.eval()
            found.model.training = True
            assert module.loss(held_out).item() == pytest.approx(losses[best], rel=0.05)
        assert not list((tmp_path / "run").rglob("*.ckpt"))

    def test_families(self) -> None:
        families = ["a1", "a2", "b1", "a1"]
        assert matching_families(families, "a1, b*") == [True, False, True, True]
        assert matching_families(families, "") == [False] * 4
        with pytest.raises(DataError, match=r"'c\*' to stop on; known: a1, a2, b1"):
            matching_families(families, "a1,c*")
        with pytest.raises(DataError, match="none is left"):
            matching_families(families, "*")


class TestBadLabels:
    def broken(self, design: Design, **changes: np.ndarray) -> Design:
        assert design.labels is not None
        return replace(design, labels=replace(design.labels, **changes))

    def test_nothing_above_the_floor(self, array: Build, tmp_path: Path) -> None:
        design = array(2, 2)
        assert design.labels is not None
        tiny = self.broken(design, coupling_farad=design.labels.coupling_farad * 1e-6)
        with pytest.raises(DataError, match=r"array_2x2\.sp: no coupling of 1 designs is above 5e-18 F"):
            run([tiny], tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_one_class(self, array: Build, tmp_path: Path) -> None:
        design = array(2, 2)
        assert design.labels is not None
        alike = self.broken(design, load_farad=np.full_like(design.labels.load_farad, 1e-16))
        with pytest.raises(DataError, match=r"array_2x2\.sp: all \d+ labelled nets are of ground class 1"):
            run([alike], tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_not_a_number(self, array: Build, tmp_path: Path) -> None:
        design = array(2, 2)
        assert design.labels is not None
        farad = design.labels.coupling_farad.copy()
        farad[:2] = np.nan
        with pytest.raises(DataError, match=r"array_2x2\.sp: 2 labels of array_2x2 are no finite numbers"):
            run([self.broken(design, coupling_farad=farad)], tmp_path / "run")
