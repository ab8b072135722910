"""Presets, and settings no run can be made with."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuitgcl.config import load_config
from circuitgcl.errors import ConfigError
from circuitgcl.models.convolutions import LayerKind
from circuitgcl.models.encoder import Activation
from circuitgcl.pretraining import PretrainConfig, ScatteringPreset, preset_config
from circuitgcl.pretraining.config import load_pretrain_config

PUBLISHED = preset_config(ScatteringPreset.PUBLISHED)


def test_the_published_setting() -> None:
    encoder = PUBLISHED.encoder
    assert (encoder.kind, encoder.layers, encoder.width) == (LayerKind.CLUSTER_GCN, 4, 256)
    assert (encoder.activation, encoder.dropout) == (Activation.TANH, 0.3)
    assert (PUBLISHED.learning_rate, PUBLISHED.scattering_rate, PUBLISHED.max_epochs) == (1e-6, 2e-7, 800)
    assert PUBLISHED.momentum == 0.99
    assert PUBLISHED.uniformity_weight == PUBLISHED.decorrelation_weight == 0


def test_default_preset_is_the_default() -> None:
    assert preset_config(ScatteringPreset.DEFAULT) == PretrainConfig()
    assert load_pretrain_config() == PretrainConfig()


class TestLoading:
    def test_a_preset_brings_all_its_settings(self) -> None:
        assert load_pretrain_config(settings=["preset=published"]) == PUBLISHED

    def test_what_is_set_overrules_the_preset_in_either_order(self) -> None:
        words = ["encoder.width=128", "preset=published", "learning_rate=1e-4"]
        found = load_pretrain_config(settings=words)
        assert found == load_pretrain_config(settings=words[::-1])
        assert (found.encoder.width, found.learning_rate) == (128, 1e-4)
        assert found.encoder.kind is LayerKind.CLUSTER_GCN
        assert found.scattering_rate == PUBLISHED.scattering_rate

    def test_a_file_may_name_the_preset(self, tmp_path: Path) -> None:
        file = tmp_path / "run.toml"
        file.write_text('preset = "published"\nmax_epochs = 3\n[encoder]\nlayers = 2\n')
        found = load_pretrain_config(file, ["encoder.dropout=0"])
        assert (found.max_epochs, found.encoder.layers, found.encoder.width) == (3, 2, 256)
        assert found.encoder.dropout == 0

    def test_unknown_ones_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="published"):
            load_pretrain_config(settings=["preset=publishd"])
        with pytest.raises(ConfigError, match=r"did you mean encoder\.width"):
            load_pretrain_config(settings=["encoder.widht=3", "preset=published"])


@pytest.mark.parametrize(
    "setting",
    [
        *("max_epochs=0", "sample=1", "hops=-1", "patience=0", "momentum=1.5", "mask_share=-0.1"),
        *("temperature=0", "repetition=2", "learning_rate=-1", "masked_weight=nan", "uniformity_weight=-1"),
        "precision=8",
    ],
)
def test_impossible_values_are_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match=setting.partition("=")[0]):
        load_config(PretrainConfig, None, [setting])
