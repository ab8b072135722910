"""Calibration: another technology is a factor away, labels left out decide, and the model given stays."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from circuitgcl.data import Design
from circuitgcl.data.tensors import design_tensors
from circuitgcl.errors import ConfigError, DataError
from circuitgcl.finetuning import CalibrateConfig, calibrate
from circuitgcl.finetuning.label_drawing import drawn_labels
from circuitgcl.finetuning.offset_fitting import MemoryConfig
from circuitgcl.finetuning.training import fit_contribution_trees, fit_memories, fit_scales
from circuitgcl.finetuning.tree_fitting import TreesConfig
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.checkpoint import DISTANT_SOURCE, ModelCheckpoint, load_model
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.models.error_law import ErrorLaw
from circuitgcl.models.memory import Source

Build = Callable[..., Design]
CONFIG = CalibrateConfig(memory=MemoryConfig(iterations=30), folds=2)


def scaled(design: Design, factor: float) -> Design:
    """The same layout in a technology whose capacitances are so many times as large."""
    labels = design.labels
    assert labels is not None
    return replace(
        design,
        labels=replace(
            labels,
            coupling_farad=labels.coupling_farad * factor,
            load_farad=labels.load_farad * factor,
        ),
    )


def errors(model: CapacitanceModel, design: Design) -> tuple[float, float]:
    """Median errors of coupling and load in decades."""
    tensors = design_tensors(design.graph, design.labels)
    labels = tensors.labels
    assert labels is not None
    with torch.no_grad():
        embedding = model.embed(tensors)
        outputs = model.contexts(tensors, embedding)
        coupling = model.coupling(tensors, outputs).farad_log / math.log(10)
        load = model.load(tensors, embedding, outputs).farad_log / math.log(10)
    found = []
    for estimate, truth in ((coupling, labels.candidate_ff), (load, labels.load_ff)):
        present = truth > 0.01
        found.append(float((truth[present].log10() - estimate[present]).abs().median()))
    return found[0], found[1]


@pytest.fixture
def checkpoint(array: Build) -> ModelCheckpoint:
    """A model that knows the bits of the arrays well."""
    torch.manual_seed(0)
    model = CapacitanceModel(ModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=16)).eval()
    design = array(3, 3)
    tensors = design_tensors(design.graph, design.labels)
    fit_scales(model, [tensors])
    fit_memories(model, [tensors], MemoryConfig(ridge=0.01, iterations=100), salt=99)
    return ModelCheckpoint(
        name="arrays",
        version="1",
        model=model,
        coupling_error=ErrorLaw(DISTANT_SOURCE + 1),
        load_error=ErrorLaw(len(Source)),
        trained_on=("array_3x3",),
    )


class TestScale:
    def test_a_factor_is_found_and_carried_to_larger_designs(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        large = scaled(array(6, 5), 4.0)
        before = errors(checkpoint.model, large)
        found = calibrate(checkpoint, [scaled(array(4, 4), 4.0)], CONFIG, folder=tmp_path / "run")
        assert min(before) > 0.5  # log10 4 = 0.6
        assert max(errors(found.model, large)) < 0.06

    def test_few_labels_tell_the_scale(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        config = replace(CONFIG, labels=12, seed=3)
        found = calibrate(checkpoint, [scaled(array(4, 4), 4.0)], config, folder=tmp_path / "run")
        assert found.metrics["coupling"]["labels"] <= 12
        assert "scale" in found.metrics["coupling"]["fitted"]
        assert "existence" not in found.metrics  # of single labels nothing is known to be absent
        assert max(errors(found.model, scaled(array(5, 5), 4.0))) < 0.2

    def test_what_was_learned_elsewhere_moves_along(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        """Memory entries that no label touches carry the factor of those that labels do touch."""
        design = scaled(array(2, 2), 4.0)  # has fewer contexts than the array of the model
        found = calibrate(checkpoint, [design], CONFIG, folder=tmp_path / "run").model.coupling_memory
        old = checkpoint.model.coupling_memory
        touched = design_tensors(design.graph).context_exact
        kept = ~torch.isin(old.exact_keys, found_keys(old, touched))
        assert kept.any()
        row = torch.searchsorted(found.exact_keys, old.exact_keys[kept])
        moved = found.exact_values[row] - old.exact_values[kept]
        assert moved.numpy() == pytest.approx(moved[0].item(), abs=1e-5)
        assert moved[0].item() == pytest.approx(math.log(4), abs=0.15)


class TestFarBelow:
    def test_a_context_far_below_the_floor_is_learned(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        """Errors fade below the floor, so such an estimate has next to no slope; labels must move it."""
        design = array(3, 3)
        tensors = design_tensors(design.graph, design.labels)
        assert tensors.labels is not None
        truth = tensors.labels.candidate_ff
        contexts = torch.bincount(tensors.occurrence_pair, minlength=len(truth))
        clear = (truth[tensors.occurrence_pair] > 0.05) & (contexts[tensors.occurrence_pair] == 1)
        key = tensors.context_exact[tensors.occurrence_context[clear]].mode().values
        pairs = tensors.occurrence_pair[clear & (tensors.context_exact[tensors.occurrence_context] == key)]
        memory = checkpoint.model.coupling_memory
        row = memory.exact_keys == found_keys(memory, key.reshape(1))
        assert int(row.sum()) == 1
        memory.exact_values[row] = -14.0  # 0.0008 aF; the floor is 5 aF
        found = calibrate(checkpoint, [design], CONFIG, folder=tmp_path / "run").model
        with torch.no_grad():
            coupling = found.coupling(tensors, found.contexts(tensors, found.embed(tensors)))
        error = coupling.farad_log[pairs] - truth[pairs].log()
        assert error.abs().max() < 0.3


def found_keys(memory: torch.nn.Module, keys: torch.Tensor) -> torch.Tensor:
    from circuitgcl.models.memory import salted

    return torch.from_numpy(salted(keys.numpy(), int(memory.salt)))  # type: ignore[arg-type]


class TestGuard:
    def test_labels_without_sense_change_nothing(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        """Labels around the estimates without any structure: left-out ones do not come nearer."""
        design = array(4, 4)
        labels = design.labels
        assert labels is not None
        noise = np.exp(np.random.default_rng(0).normal(0, 0.5, len(labels.pair)))
        noisy = replace(design, labels=replace(labels, coupling_farad=labels.coupling_farad * noise))
        config = replace(CONFIG, labels=15)
        found = calibrate(checkpoint, [noisy], config, folder=tmp_path / "run")
        metrics = found.metrics["coupling"]
        assert metrics["held_out_error_after"] <= metrics["held_out_error_before"]
        large = array(5, 5)
        assert errors(found.model, large)[0] < errors(checkpoint.model, large)[0] + 0.1

    def test_what_is_right_already_stays(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        before = errors(checkpoint.model, array(6, 6))
        found = calibrate(checkpoint, [array(3, 3)], CONFIG, folder=tmp_path / "run")
        assert np.subtract(errors(found.model, array(6, 6)), before).max() < 0.01

    def test_heads_are_fitted_on_request(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        layers = {n: v for n, v in checkpoint.model.state_dict().items() if "head.6.weight" in n}
        assert layers
        forgetful = replace(checkpoint, model=CapacitanceModel(checkpoint.model.config).eval())
        design = array(4, 4)
        for wanted in (False, True):
            found = calibrate(
                forgetful, [design], replace(CONFIG, refit_heads=wanted), folder=tmp_path / f"{wanted}"
            )
            changed = [
                name
                for name, value in found.model.state_dict().items()
                if name in layers and not torch.equal(value, forgetful.model.state_dict()[name])
            ]
            assert bool(changed) == wanted

    def test_heads_that_do_not_speak_are_not_fitted(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        design = array(3, 3)
        tensors = design_tensors(design.graph, design.labels)
        trees = TreesConfig(members=1, rounds=1, iterations=2, designs=1.0)
        fit_contribution_trees(checkpoint.model, [tensors], trees, seed=0)
        with pytest.raises(ConfigError, match="estimates contexts by trees"):
            calibrate(checkpoint, [design], replace(CONFIG, refit_heads=True), folder=tmp_path / "run")
        assert not (tmp_path / "run").exists()


class TestTrees:
    def test_a_factor_is_found_beside_trees(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        """Offsets come after the trees, which stay; the memory is that of the labelled design."""
        design = array(3, 3)
        tensors = design_tensors(design.graph, design.labels)
        model = CapacitanceModel(checkpoint.model.config).eval()
        trees = TreesConfig(members=2, rounds=2, iterations=30, designs=1.0)
        fit_contribution_trees(model, [tensors], trees, seed=0)
        known = replace(checkpoint, model=model, channel_lengths_m=(1e-7,))
        found = calibrate(known, [scaled(design, 4.0)], CONFIG, folder=tmp_path / "run")
        for name, table in model.coupling_trees.state_dict().items():
            assert torch.equal(table, found.model.coupling_trees.state_dict()[name])
        with model.forgetting(), found.model.forgetting(), torch.no_grad():
            before, after = (m.contexts(tensors, m.embed(tensors)) for m in (model, found.model))
        assert float((after.load - before.load).mean()) == pytest.approx(math.log(4), abs=0.2)
        assert float((after.weight - before.weight).mean()) == pytest.approx(math.log(4), abs=0.3)
        assert max(errors(found.model, scaled(array(5, 5), 4.0))) < 0.1
        assert found.channel_lengths_m == (design.graph.channel_length_m, 1e-7)


class TestFolder:
    def test_is_a_model(self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path) -> None:
        design = array(4, 4)
        found = calibrate(checkpoint, [design], CONFIG, folder=tmp_path / "run")
        loaded = load_model(tmp_path / "run")
        for name, value in found.model.state_dict().items():
            assert torch.equal(value, loaded.model.state_dict()[name]), name
        assert loaded.name == "arrays-calibrated"
        assert loaded.trained_on == ("array_3x3",)
        assert loaded.calibration_with(design.content) == loaded.calibrated_on[0]
        assert loaded.calibrated_on[0].name == "array_4x4"
        assert loaded.calibration_with(array(5, 5).content) is None
        assert {p.name for p in (tmp_path / "run").iterdir()} == {
            *("config.json", "metrics.json", "model.json", "model.safetensors"),
        }

    def test_same_seed_same_model(self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path) -> None:
        for name, seed in (("one", 1), ("two", 1), ("three", 2)):
            config = replace(CONFIG, labels=10, seed=seed)
            calibrate(checkpoint, [scaled(array(4, 4), 3.0)], config, folder=tmp_path / name)
        files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two", "three")]
        assert files[0] == files[1]
        assert files[0] != files[2]

    def test_the_model_given_stays(self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path) -> None:
        before = {name: value.clone() for name, value in checkpoint.model.state_dict().items()}
        laws = checkpoint.coupling_error.quantiles.clone()
        calibrate(checkpoint, [scaled(array(4, 4), 4.0)], CONFIG, folder=tmp_path / "run")
        for name, value in checkpoint.model.state_dict().items():
            assert torch.equal(value, before[name]), name
        assert torch.equal(checkpoint.coupling_error.quantiles, laws)

    def test_intervals_narrow_where_labels_say_so(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        found = calibrate(checkpoint, [array(4, 4)], CONFIG, folder=tmp_path / "run")
        memory = torch.tensor([int(Source.MEMORY)])
        widths = [
            (law.interval(memory)[1] - law.interval(memory)[0]).item()
            for law in (checkpoint.coupling_error, found.coupling_error)
        ]
        assert widths[1] < 0.5 * widths[0]


class TestBadInput:
    @pytest.mark.parametrize("factor", [1e-3, 1e3])
    def test_units(self, factor: float, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path) -> None:
        wrong = scaled(array(4, 4), factor)
        config = replace(CONFIG, min_cap_farad=1e-20)
        with pytest.raises(DataError, match="times what the model estimates"):
            calibrate(checkpoint, [wrong], config, folder=tmp_path / "run")
        assert not (tmp_path / "run").exists()
        calibrate(checkpoint, [wrong], replace(config, force=True), folder=tmp_path / "run")

    def test_no_label_above_the_threshold(
        self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        with pytest.raises(DataError, match=r"array_4x4 reaches 1e-17 F, the largest is .*e-2"):
            calibrate(checkpoint, [scaled(array(4, 4), 1e-6)], CONFIG, folder=tmp_path / "run")
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_labels_that_are_no_numbers(
        self, value: float, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path
    ) -> None:
        design = array(4, 4)
        assert design.labels is not None
        design.labels.coupling_farad[3] = value
        with pytest.raises(DataError, match=r"array_4x4\.sp.*1 labels of array_4x4 are no finite numbers"):
            calibrate(checkpoint, [design], CONFIG, folder=tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_no_labels_at_all(self, checkpoint: ModelCheckpoint, array: Build, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="has no extraction"):
            calibrate(checkpoint, [array(4, 4, is_labelled=False)], CONFIG, folder=tmp_path / "run")
        with pytest.raises(DataError, match="no design"):
            calibrate(checkpoint, [], CONFIG, folder=tmp_path / "run")

    def test_settings(self) -> None:
        with pytest.raises(ConfigError, match="labels = -1"):
            CalibrateConfig(labels=-1)
        with pytest.raises(ConfigError, match="folds = 1"):
            CalibrateConfig(folds=1)


class TestDrawing:
    def test_as_many_as_asked_for_and_above_the_threshold(self, array: Build) -> None:
        design = array(4, 4)
        labels = design_tensors(design.graph, design.labels).labels
        assert labels is not None
        drawn = drawn_labels(labels, 10, 0.05, seed=0)
        for values, full in ((drawn.candidate_ff, labels.candidate_ff), (drawn.load_ff, labels.load_ff)):
            known = ~values.isnan()
            assert known.sum() == 10
            assert torch.equal(values[known], full[known])
            assert (values[known] >= 0.05).all()
        assert drawn_labels(labels, 0, 0.05, seed=0) is labels
        everything = drawn_labels(labels, 10**6, 0.05, seed=0)
        assert (~everything.candidate_ff.isnan()).sum() == (labels.candidate_ff >= 0.05).sum()

    def test_the_seed_chooses(self, array: Build) -> None:
        design = array(4, 4)
        labels = design_tensors(design.graph, design.labels).labels
        assert labels is not None
        draws = [drawn_labels(labels, 10, 0.01, seed=seed).candidate_ff.isnan() for seed in (0, 0, 1)]
        assert torch.equal(draws[0], draws[1])
        assert not torch.equal(draws[0], draws[2])
