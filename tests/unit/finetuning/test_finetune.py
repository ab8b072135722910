"""Finetuning runs on arrays whose capacitances are exact sums over contexts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from circuitgcl.data import Design
from circuitgcl.data.tensors import DesignTensors, design_tensors
from circuitgcl.errors import DataError
from circuitgcl.finetuning import FinetuneConfig, finetune
from circuitgcl.finetuning.memory_fitting import MemoryConfig
from circuitgcl.finetuning.tasks import RegressionLoss
from circuitgcl.finetuning.training import FinetuneModule, fit_memories, fit_scales
from circuitgcl.finetuning.tree_fitting import TreesConfig
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.checkpoint import EncoderCheckpoint, load_model
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.memory import Source

Build = Callable[..., Design]
MODEL = ModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=16)
CONFIG = FinetuneConfig(
    trees=TreesConfig(members=2, rounds=2, iterations=10),
    model=MODEL,
    memory=MemoryConfig(iterations=100),
    step_nets=0,
    max_epochs=3,
    loss=RegressionLoss.HUBER,
    calibration_folds=2,
)


def tensors(design: Design) -> DesignTensors:
    return design_tensors(design.graph, design.labels)


def new_model(config: ModelConfig = MODEL, seed: int = 0) -> CapacitanceModel:
    torch.manual_seed(seed)
    return CapacitanceModel(config)


def weights(folder: Path) -> dict[str, Tensor]:
    return load_model(folder).model.state_dict()


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


class TestRun:
    @pytest.fixture
    def designs(self, array: Build) -> list[Design]:
        return [array(2, 2), array(3, 2), array(2, 3)]

    def test_checkpoint_loads_and_predicts_the_same(self, tmp_path: Path, designs: list[Design]) -> None:
        checkpoint = finetune(
            designs, CONFIG, folder=tmp_path / "run", name="arrays", version="7", accelerator="cpu"
        )
        loaded = load_model(tmp_path / "run")
        assert (loaded.name, loaded.version) == ("arrays", "7")
        assert loaded.trained_on == ("array_2x2", "array_3x2", "array_2x3")
        assert_equal(loaded.model.state_dict(), checkpoint.model.state_dict())
        design = tensors(designs[0])
        with torch.no_grad():
            one, other = (
                c.model.coupling(design, c.model.contexts(design, c.model.embed(design)))
                for c in (checkpoint, loaded)
            )
        assert torch.equal(one.farad_log, other.farad_log)
        assert torch.equal(one.existence, other.existence)
        assert one.farad_log.isfinite().all()

    def test_run_folder(self, tmp_path: Path, designs: list[Design]) -> None:
        run = tmp_path / "run"
        finetune(designs, CONFIG, folder=run, accelerator="cpu")
        kept = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
        expected = {"config.json", "metrics.json", "model.json", "model.safetensors", "log/metrics.csv"}
        assert {name for name in kept if not name.startswith("fold")} == expected
        assert not [name for name in kept if Path(name).suffix in (".ckpt", ".pt", ".pkl")]
        config = json.loads((run / "config.json").read_text())
        assert config["max_epochs"] == 3
        assert config["loss"] == "huber"
        assert config["model"]["encoder"]["width"] == 8
        header = json.loads((run / "model.json").read_text())
        assert header["metrics"] == json.loads((run / "metrics.json").read_text())

    def test_held_out_errors_are_reported_by_source(self, tmp_path: Path, designs: list[Design]) -> None:
        metrics = finetune(designs, CONFIG, folder=tmp_path / "run", accelerator="cpu").metrics
        labelled = sum(len(design.labels.pair) for design in designs if design.labels is not None)
        judged = sum(entry["n"] for name, entry in metrics.items() if name.startswith("coupling_"))
        assert judged == 2 * labelled  # as it is, and without its memories
        assert metrics["coupling_memory"]["within_x2"] > 0.9  # all bits are one cell
        assert metrics["coupling_memory"]["mae_decades"] < 0.15

    def test_error_laws_have_ordered_quantiles(self, tmp_path: Path, designs: list[Design]) -> None:
        checkpoint = finetune(designs, CONFIG, folder=tmp_path / "run", accelerator="cpu")
        for law in (checkpoint.coupling_error, checkpoint.load_error):
            assert (law.quantiles.diff(dim=1) >= 0).all()
            low, high = law.interval(torch.arange(len(law.quantiles)), 0.8)
            assert (low <= high).all()
        memory = checkpoint.coupling_error.interval(torch.tensor([int(Source.MEMORY)]))
        assert (memory[1] - memory[0]).item() < 1.0  # not the wide default

    def test_same_seed_same_weights(self, tmp_path: Path, designs: list[Design]) -> None:
        config = replace(CONFIG, calibration_folds=0)
        for name, seed in (("one", 1), ("two", 1), ("three", 2)):
            finetune(designs, replace(config, seed=seed), folder=tmp_path / name, accelerator="cpu")
        assert_equal(weights(tmp_path / "one"), weights(tmp_path / "two"))
        differing = [n for n, v in weights(tmp_path / "three").items() if "head" in n and v.dim() == 2]
        assert differing
        one, three = weights(tmp_path / "one"), weights(tmp_path / "three")
        assert not any(torch.equal(one[name], three[name]) for name in differing)

    def test_unlabelled_designs_take_no_part(self, tmp_path: Path, array: Build) -> None:
        designs = [array(2, 2), array(4, 4, is_labelled=False)]
        config = replace(CONFIG, max_epochs=1)
        assert finetune(designs, config, folder=tmp_path / "run", accelerator="cpu").trained_on == (
            "array_2x2",
        )
        with pytest.raises(DataError, match="no labelled design"):
            finetune(designs[1:], config, folder=tmp_path / "none")
        assert not (tmp_path / "none").exists()

    def test_one_family_gives_wide_default_intervals(self, tmp_path: Path, array: Build) -> None:
        designs = [array(2, 2, family="macro"), array(3, 2, family="macro")]
        checkpoint = finetune(
            designs, replace(CONFIG, max_epochs=1), folder=tmp_path / "run", accelerator="cpu"
        )
        assert checkpoint.metrics == {}
        low, high = checkpoint.coupling_error.interval(torch.tensor([0]))
        assert (high - low).item() == pytest.approx(2 * 1.2816 * 0.5, rel=1e-3)
        assert not list((tmp_path / "run").glob("fold*"))


class TestEncoder:
    def test_a_pretrained_encoder_is_kept_as_it_is(self, tmp_path: Path, array: Build) -> None:
        torch.manual_seed(5)
        encoder = EncoderCheckpoint(encoder=CircuitEncoder(MODEL.encoder), trained_on=(), metrics={})
        before = {name: value.clone() for name, value in encoder.encoder.state_dict().items()}
        config = replace(CONFIG, max_epochs=1, calibration_folds=0)
        found = finetune([array(2, 2)], config, folder=tmp_path / "run", encoder=encoder, accelerator="cpu")
        assert_equal(dict(found.model.encoder.state_dict()), before)

    def test_a_rate_of_its_own_sets_it_free(self, tmp_path: Path, array: Build) -> None:
        torch.manual_seed(5)
        encoder = EncoderCheckpoint(encoder=CircuitEncoder(MODEL.encoder), trained_on=(), metrics={})
        before = {name: value.clone() for name, value in encoder.encoder.state_dict().items()}
        config = replace(CONFIG, max_epochs=1, calibration_folds=0, encoder_learning_rate=1e-3)
        found = finetune([array(2, 2)], config, folder=tmp_path / "run", encoder=encoder, accelerator="cpu")
        moved = found.model.encoder.state_dict()
        assert any(not torch.equal(moved[name], before[name]) for name in before)
        assert_equal(dict(encoder.encoder.state_dict()), before)  # the caller's own stays

    def test_sizes_must_agree(self, tmp_path: Path, array: Build) -> None:
        wide = CircuitEncoder(EncoderConfig(width=16, layers=2))
        encoder = EncoderCheckpoint(encoder=wide, trained_on=(), metrics={})
        with pytest.raises(DataError, match=r"model\.encoder"):
            finetune([array(2, 2)], CONFIG, folder=tmp_path / "run", encoder=encoder, accelerator="cpu")

    def test_frozen_embeddings_are_computed_once(self, array: Build, monkeypatch: pytest.MonkeyPatch) -> None:
        model, design = new_model(), tensors(array(2, 2))
        calls = []
        embed = CapacitanceModel.embed

        def counted(self: CapacitanceModel, design: DesignTensors) -> Tensor:
            calls.append(design.name)
            return embed(self, design)

        monkeypatch.setattr(CapacitanceModel, "embed", counted)
        frozen = FinetuneModule(model, [design], CONFIG)
        first = frozen.embedding(design)
        assert frozen.embedding(design) is first
        assert len(calls) == 1
        assert not first.requires_grad
        free = FinetuneModule(new_model(), [design], replace(CONFIG, encoder_learning_rate=1e-3))
        assert free.embedding(design).requires_grad
        free.embedding(design)
        assert len(calls) == 3

    def test_a_frozen_encoder_drops_nothing(self, array: Build) -> None:
        """Dropout belongs to learning; remembered embeddings must be those of the finished model."""
        config = replace(MODEL, encoder=replace(MODEL.encoder, dropout=0.5))
        model, design = new_model(config), tensors(array(2, 2))
        module = FinetuneModule(model, [design], replace(CONFIG, model=config))
        module.train()
        kept = module.embedding(design)
        module.eval()
        with torch.no_grad():
            assert torch.equal(kept, model.embed(design))


class TestSteps:
    def step(self, module: FinetuneModule, design: DesignTensors) -> Tensor:
        module.log = lambda *_, **__: None  # type: ignore[method-assign]
        return module.training_step([design], 0)

    def test_loss_falls(self, array: Build) -> None:
        design = tensors(array(3, 2))
        model = new_model()
        fit_scales(model, [design])
        module = FinetuneModule(model, [design], replace(CONFIG, learning_rate=1e-2, max_epochs=60))
        optimizer = module.configure_optimizers()["optimizer"]
        losses = []
        for _ in range(60):
            optimizer.zero_grad()
            loss = self.step(module, design)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.6 * losses[0]

    def test_rates_of_encoder_and_heads(self, array: Build) -> None:
        design = tensors(array(2, 2))
        frozen = FinetuneModule(new_model(), [design], CONFIG).configure_optimizers()["optimizer"]
        module = FinetuneModule(new_model(), [design], replace(CONFIG, encoder_learning_rate=1e-5))
        free = module.configure_optimizers()["optimizer"]
        assert [group["lr"] for group in frozen.param_groups] == [2e-3]
        assert [group["lr"] for group in free.param_groups] == [2e-3, 1e-5]
        own = {id(p) for p in free.param_groups[1]["params"]}
        assert own == {id(p) for p in module.model.encoder.parameters()}
        assert not own & {id(p) for p in free.param_groups[0]["params"]}


class TestScales:
    def test_are_those_of_the_training_designs(self, array: Build) -> None:
        model = new_model()
        designs = [tensors(array(2, 2)), tensors(array(3, 2))]
        fit_scales(model, designs)
        rows = torch.cat([d.net_features[d.signal] for d in designs])
        torch.testing.assert_close(model.net_scale.mean, rows.mean(dim=0))
        scaled = model.net_scale(rows)
        assert scaled.mean(dim=0).abs().max() < 1e-5
        embedded = torch.cat([model.embed(d)[d.signal] for d in designs])
        torch.testing.assert_close(model.embedding_scale.mean, embedded.mean(dim=0))


class TestMemories:
    def test_recover_additive_weights_from_a_small_array(self, array: Build) -> None:
        """Without any training: what the memory adds to an untrained network is the answer."""
        small, large = array(3, 3), array(6, 6)
        model = new_model().eval()
        fit_memories(model, [tensors(small)], MemoryConfig(ridge=0.01), salt=99)
        design, labels = tensors(large), large.labels
        assert labels is not None
        assert design.labels is not None
        with torch.no_grad():
            embedding = model.embed(design)
            outputs = model.contexts(design, embedding)
            coupling = model.coupling(design, outputs)
            load = model.load(design, embedding, outputs)
        known = (design.labels.candidate_ff > 0.01) & (coupling.source == Source.MEMORY)
        assert known.sum() > 0.8 * (design.labels.candidate_ff > 0.01).sum()
        error = coupling.farad_log[known] / math.log(10) - design.labels.candidate_ff[known].log10()
        assert error.abs().median() < 0.03
        assert error.abs().quantile(0.9) < 0.15
        loads = design.labels.load_ff[design.signal]
        error = load.farad_log[design.signal] / math.log(10) - loads.log10()
        assert error.abs().quantile(0.9) < 0.15

    def test_old_memories_do_not_colour_new_ones(self, array: Build) -> None:
        design = tensors(array(2, 2))
        model = new_model().eval()
        config = MemoryConfig(iterations=50)
        fit_memories(model, [design], config, salt=5)
        first = {k: v.clone() for k, v in model.state_dict().items() if "memory" in k}
        fit_memories(model, [design], config, salt=5)
        assert_equal({k: v for k, v in model.state_dict().items() if "memory" in k}, first)


class KilledError(RuntimeError):
    """Stands in for whatever ends a process in the middle of a run."""


def test_resume_ends_where_an_uninterrupted_run_ends(
    tmp_path: Path, array: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    designs = [array(2, 2), array(3, 2), array(2, 3)]
    config = replace(CONFIG, max_epochs=4, calibration_folds=2)
    finetune(designs, config, folder=tmp_path / "straight", accelerator="cpu")
    step = FinetuneModule.training_step
    taken: list[int] = []

    def counted(self: FinetuneModule, design: DesignTensors, index: int) -> Any:
        taken.append(self.current_epoch)
        # two folds of one or two designs, four epochs each; then all three designs
        if len(taken) == limit:
            raise KilledError
        return step(self, design, index)

    limit = 4 * 3 + 2 * 3 + 2
    with monkeypatch.context() as patch:
        patch.setattr(FinetuneModule, "training_step", counted)
        with pytest.raises(KilledError):
            finetune(designs, config, folder=tmp_path / "run", accelerator="cpu")
        assert not (tmp_path / "run/model.json").exists()
        assert taken[-1] == 2
        taken.clear()
        limit = -1
        finetune(designs, config, folder=tmp_path / "run", accelerator="cpu")
    assert taken == [2, 2, 2, 3, 3, 3]  # the folds were done
    assert_equal(weights(tmp_path / "run"), weights(tmp_path / "straight"))
    assert not list((tmp_path / "run").rglob("*.ckpt"))
    np.testing.assert_equal(
        json.loads((tmp_path / "run/metrics.json").read_text()),
        json.loads((tmp_path / "straight/metrics.json").read_text()),
    )
