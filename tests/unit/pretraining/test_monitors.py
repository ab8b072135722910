"""Figures that tell a spread representation from a collapsed one."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import f_oneway

from circuitgcl.losses import uniformity_loss
from circuitgcl.pretraining import monitors
from circuitgcl.pretraining.monitors import (
    class_separability,
    collapse_reason,
    effective_rank,
    representation_figures,
)


class TestEffectiveRank:
    @pytest.mark.parametrize("width", [2, 5, 16])
    def test_every_direction_alike(self, width: int) -> None:
        rows = torch.cat([torch.eye(width), -torch.eye(width)])
        assert effective_rank(rows) == pytest.approx(width, rel=1e-6)

    def test_one_line(self) -> None:
        rows = torch.outer(torch.linspace(-1, 1, 20), torch.tensor([1.0, -2.0, 0.5]))
        assert effective_rank(rows) == pytest.approx(1.0, abs=1e-4)

    def test_one_point(self) -> None:
        assert effective_rank(torch.ones(7, 4)) == pytest.approx(1.0)

    def test_a_common_offset_is_no_dimension(self) -> None:
        rows = torch.cat([torch.eye(4), -torch.eye(4)])
        assert effective_rank(rows + 100.0) == pytest.approx(4.0, rel=1e-4)

    def test_unequal_directions(self) -> None:
        # singular values 3 and 1 after centring: entropy of (3/4, 1/4)
        rows = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
        assert effective_rank(rows) == pytest.approx(math.exp(entropy), rel=1e-6)

    def test_turning_and_scaling_change_nothing(self) -> None:
        generator = torch.Generator().manual_seed(0)
        rows = torch.randn(40, 6, generator=generator) * torch.tensor([5.0, 3, 2, 1, 0.5, 0.1])
        turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=generator))
        assert effective_rank(7.0 * rows @ turn) == pytest.approx(effective_rank(rows), rel=1e-4)


class TestFigures:
    def test_two_antipodes_are_centred_but_not_spread(self) -> None:
        rows = torch.zeros(10, 8)
        rows[::2, 0], rows[1::2, 0] = 2.0, -2.0
        figures = representation_figures(rows, rows, rows)
        assert figures["centre_norm"] == pytest.approx(0.0, abs=1e-6)
        assert figures["effective_rank"] == pytest.approx(1.0)
        assert figures["alignment"] == pytest.approx(1.0)
        assert figures["dim"] == 8.0

    def test_one_point(self) -> None:
        rows = torch.ones(6, 3)
        figures = representation_figures(rows, -rows, rows)
        assert figures["centre_norm"] == pytest.approx(1.0)
        assert figures["uniformity"] == pytest.approx(0.0, abs=1e-6)
        assert figures["alignment"] == pytest.approx(-1.0)

    def test_right_angle(self) -> None:
        figures = representation_figures(torch.eye(2), torch.eye(2), torch.eye(2).flip(0))
        assert figures["uniformity"] == pytest.approx(-4.0)  # log exp(-2 · 2)
        assert figures["centre_norm"] == pytest.approx(math.sqrt(0.5))
        assert figures["alignment"] == pytest.approx(0.0)

    def test_lengths_do_not_matter_for_the_sphere(self) -> None:
        rows = torch.randn(12, 5, generator=torch.Generator().manual_seed(4))
        stretched = rows * torch.linspace(0.1, 9, 12).unsqueeze(1)
        near, far = (representation_figures(r, r, r) for r in (rows, stretched))
        assert far["uniformity"] == pytest.approx(near["uniformity"], rel=1e-5)
        assert near["uniformity"] == pytest.approx(float(uniformity_loss(rows)), rel=1e-6)

    def test_of_many_rows_some_are_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = torch.randn(30, 4, generator=torch.Generator().manual_seed(1))
        monkeypatch.setattr(monitors, "ROWS_LOOKED_AT", 10)
        assert representation_figures(rows, rows, rows)["uniformity"] == pytest.approx(
            float(uniformity_loss(rows[::3])), rel=1e-6
        )


class TestSeparability:
    def test_by_hand(self) -> None:
        """Classes at right angles, one of them spread by ±60 degrees: centre and means in closed form."""
        half, high = 0.5, math.sqrt(0.75)
        rows = torch.tensor([[half, high], [half, -high], [-3.0, 0.0], [-2.0, 0.0]])
        # unit vectors (1/2, ±√¾) with mean (1/2, 0), and (-1, 0) twice; centre (-1/4, 0)
        between = 2 * 0.75**2 + 2 * 0.75**2
        within = 2 * 0.75
        found = class_separability(rows, torch.tensor([7, 7, 3, 3]))
        assert found == pytest.approx(between / (between + within))

    def test_agrees_with_an_analysis_of_variance(self) -> None:
        generator = torch.Generator().manual_seed(3)
        rows = torch.nn.functional.normalize(torch.randn(60, 1, generator=generator).double(), dim=1)
        rows = torch.cat([rows, torch.zeros(60, 1).double()], dim=1)
        label = torch.randint(4, (60,), generator=generator)
        groups = [rows[label == k, 0].numpy() for k in range(4)]
        f = f_oneway(*groups).statistic
        expected = f * 3 / (f * 3 + 56)  # eta squared of the F statistic with 3 and 56 degrees of freedom
        assert class_separability(rows, label) == pytest.approx(expected)

    def test_extremes(self) -> None:
        label = torch.tensor([0, 0, 1, 1])
        apart = torch.tensor([[1.0, 0], [2.0, 0], [0, 1.0], [0, 5.0]])
        assert class_separability(apart, label) == pytest.approx(1.0)
        mixed = torch.tensor([[1.0, 0], [0, 1.0], [0, 3.0], [4.0, 0]])
        assert class_separability(mixed, label) == pytest.approx(0.0, abs=1e-9)
        assert class_separability(torch.ones(4, 2), label) == 0.0


class TestCollapse:
    def figures(self, **changes: float) -> dict[str, float]:
        return {"effective_rank": 20.0, "dim": 64.0, "centre_norm": 0.5, **changes}

    def test_a_spread_one_is_none(self) -> None:
        assert collapse_reason(self.figures()) is None

    def test_one_direction(self) -> None:
        reason = collapse_reason(self.figures(centre_norm=0.99, effective_rank=1.0))
        assert reason is not None
        assert "point one way (centre norm 0.990)" in reason

    def test_few_dimensions(self) -> None:
        """What the published term allows: centred, on a line."""
        line = torch.zeros(10, 64)
        line[::2, 0], line[1::2, 0] = 2.0, -2.0
        reason = collapse_reason(representation_figures(line, line, line))
        assert reason is not None
        assert "effective rank 1.0 of 64" in reason
        assert "centre term alone does not spread" in reason

    def test_nets_on_one_line_beside_devices_that_spread(self) -> None:
        """Node types apart from each other hide it from the rank of all nodes."""
        reason = collapse_reason(self.figures(effective_rank=6.0, effective_rank_net=1.2))
        assert reason is not None
        assert "effective rank 6.0 of 64, of nets 1.2" in reason
        assert collapse_reason(self.figures(effective_rank_net=4.0)) is None
