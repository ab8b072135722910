"""Scales of targets and features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from circuitgcl.errors import ConfigError
from circuitgcl.models.scaling import TARGET_SCALES, Standardiser, TargetScale


def test_published_scale_follows_its_formula():
    scale = TARGET_SCALES["tsmc28"]
    farad = np.array([0.0, 1e-22, 1e-20, 3e-18, 1e-17, 1e-14, 1e-12])
    with np.errstate(divide="ignore"):
        expected = np.clip(np.log10(farad / 1e-20) / 6, 0, 1)
    np.testing.assert_allclose(scale.z(farad), expected, rtol=1e-12)
    assert scale.z(np.array([1e-17]))[0] == pytest.approx(0.5)


@pytest.mark.parametrize("name", TARGET_SCALES)
def test_classes_are_cut_at_fifths(name: str):
    scale = TARGET_SCALES[name]
    z = np.array([0.0, 0.19, 0.21, 0.39, 0.41, 0.59, 0.61, 0.79, 0.81, 1.0])
    farad = scale.floor_farad * 10 ** (scale.decades * z)
    assert scale.classes(farad).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert scale.classes(np.array([0.0, 1.0])).tolist() == [0, 4]
    cuts = np.array(scale.cuts_farad)
    assert scale.classes(cuts * 0.999).tolist() == [0, 1, 2, 3]
    assert scale.classes(cuts * 1.001).tolist() == [1, 2, 3, 4]
    assert scale.classes(cuts).tolist() == [1, 2, 3, 4]


def test_couplings_have_the_published_scale_of_their_own():
    """Nodes begin at 1e-20 F, couplings at 1e-21 F; both have six decades."""
    coupling = TARGET_SCALES["tsmc28"].coupling
    assert coupling.z(np.array([1e-21, 1e-18, 1e-15])).tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert coupling.cuts_farad == pytest.approx([10**-19.8, 10**-18.6, 10**-17.4, 10**-16.2])


def test_scale_by_name():
    assert TargetScale.named("wide") is TARGET_SCALES["wide"]
    with pytest.raises(ConfigError, match="'nix'; known: tsmc28, wide"):
        TargetScale.named("nix")


def test_standardiser_against_scikit_learn():
    draw = np.random.default_rng(0)
    rows = draw.normal(3.0, [1.0, 20.0, 1e-3], (200, 3)).astype(np.float32)
    scale = Standardiser(3)
    scale.fit([torch.from_numpy(rows[:50]), torch.from_numpy(rows[50:])])
    expected = StandardScaler().fit_transform(rows.astype(np.float64))
    np.testing.assert_allclose(scale(torch.from_numpy(rows)).numpy(), expected.clip(-6, 6), atol=2e-3)


def test_standardiser_mutes_constant_columns_and_clips_extremes():
    scale = Standardiser(2)
    scale.fit([torch.tensor([[5.0, 0.0], [5.0, 2.0]])])
    assert scale.deviation[1] == 1.0
    scaled = scale(torch.tensor([[6.0, 1e9], [5.0, -1e9]]))
    assert scaled[:, 1].tolist() == [6.0, -6.0]
    assert scaled[:, 0].abs().max() < 1e-6


def test_standardiser_is_the_identity_before_a_fit():
    rows = torch.tensor([[1.0, -2.0]])
    assert torch.equal(Standardiser(2)(rows), rows)
