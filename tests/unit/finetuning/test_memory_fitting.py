"""Fitting the memory: additive weights are recovered, rare contexts move little, hazards are rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from circuitgcl.finetuning.memory_fitting import MemoryConfig, MemoryEvidence, MemoryTarget, fit_memory
from circuitgcl.models.memory import ContextMemory, Source

CONFIG = MemoryConfig(floor_ff=1e-4)
SALT = 12345


def evidence(
    keys: list[int],
    counts: np.ndarray,
    target_ff: np.ndarray,
    network: float = -2.0,
    classes: list[int] | None = None,
) -> MemoryEvidence:
    """Items whose sums run over `counts` [items, keys] occurrences."""
    item, row = np.nonzero(counts)
    repeat = counts[item, row]
    return MemoryEvidence(
        network=torch.full((len(keys),), network),
        exact=torch.tensor(keys),
        structural=torch.tensor(classes or [1000 + key for key in keys]),
        occurrence_row=torch.from_numpy(np.repeat(row, repeat)),
        occurrence_item=torch.from_numpy(np.repeat(item, repeat)),
        target_ff=torch.from_numpy(target_ff).float(),
    )


def remembered(memory: ContextMemory, keys: list[int]) -> Tensor:
    value, source = memory(
        torch.zeros(len(keys)), torch.tensor(keys), torch.zeros(len(keys), dtype=torch.int64)
    )
    assert (source == Source.MEMORY).all()
    return value


class TestCapacitance:
    def test_weights_of_two_designs_are_recovered(self) -> None:
        """The designs share contexts 11 and 13 under different rows; all sums are exact."""
        weights = {11: 0.05, 12: 0.4, 13: 1.5, 14: 0.15}
        generator = np.random.default_rng(0)
        designs = []
        for keys in ([11, 12, 13], [13, 14, 11]):
            counts = generator.integers(0, 4, (80, 3))
            counts[counts.sum(axis=1) == 0, 0] = 1
            designs.append(evidence(keys, counts, counts @ np.array([weights[k] for k in keys])))
        memory = fit_memory(designs, MemoryTarget.CAPACITANCE, CONFIG, salt=SALT)
        found = remembered(memory, list(weights)).exp().numpy()
        np.testing.assert_allclose(found, list(weights.values()), rtol=0.06)
        assert len(memory.exact_keys) == 4

    @pytest.mark.parametrize("times", [1, 3, 100])
    def test_shrinks_what_is_rarely_seen(self, times: int) -> None:
        """n pairs of one context, d above the network: n(2x - d)² + 2rx² is least at x = nd / (2n + r)."""
        gap = 1.2
        item = evidence([5], np.ones((times, 1), int), np.full(times, np.exp(gap)), network=0.0)
        memory = fit_memory([item], MemoryTarget.CAPACITANCE, CONFIG, salt=SALT)
        offset = times * gap / (2 * times + CONFIG.ridge)
        assert remembered(memory, [5]).item() == pytest.approx(2 * offset, abs=2e-3)
        assert memory.structural_values.item() == pytest.approx(offset, abs=2e-3)

    def test_what_the_network_knows_needs_no_offset(self) -> None:
        item = evidence([5, 6], np.eye(2, dtype=int), np.full(2, np.exp(-2.0)))
        memory = fit_memory([item], MemoryTarget.CAPACITANCE, CONFIG, salt=SALT)
        assert memory.structural_values.abs().max() < 1e-3
        assert remembered(memory, [5, 6]).tolist() == pytest.approx([-2.0, -2.0], abs=1e-3)

    def test_a_class_takes_what_its_members_share(self) -> None:
        """Three contexts of one structure, all e² above the network: c² + 3e² is least at c = 3e."""
        counts = np.tile(np.eye(3, dtype=int), (20, 1))
        item = evidence([1, 2, 3], counts, np.ones(60), classes=[77, 77, 77])
        memory = fit_memory([item], MemoryTarget.CAPACITANCE, CONFIG, salt=SALT)
        stranger = memory(torch.tensor([-2.0]), torch.tensor([999]), torch.tensor([77]))
        assert stranger[1].item() == Source.CLASS
        assert stranger[0].item() == pytest.approx(-0.5, abs=0.05)
        assert remembered(memory, [1, 2, 3]).abs().max() < 0.05

    def test_unknown_labels_change_nothing(self) -> None:
        counts = np.array([[1, 0], [1, 1], [2, 0]])
        known = evidence([1, 2], counts, counts @ np.array([0.3, 0.7]))
        more = evidence([1, 2], np.vstack([counts, counts]), np.append(known.target_ff.numpy(), [np.nan] * 3))
        first, second = (fit_memory([e], MemoryTarget.CAPACITANCE, CONFIG, salt=SALT) for e in (known, more))
        torch.testing.assert_close(first.exact_values, second.exact_values)
        assert second.exact_values.isfinite().all()

    def test_nothing_found_pulls_down_gently(self) -> None:
        """Pairs without extracted capacitance lower an estimate above the floor and leave one below it."""
        config = replace(CONFIG, floor_ff=5e-3)
        counts = np.ones((50, 1), int)
        above = fit_memory([evidence([1], counts, np.zeros(50))], MemoryTarget.CAPACITANCE, config, salt=SALT)
        assert remembered(above, [1]).item() < -2.2
        low = float(np.log(4e-3))
        below = evidence([1], counts, np.zeros(50), network=low)
        untouched = fit_memory([below], MemoryTarget.CAPACITANCE, config, salt=SALT)
        assert remembered(untouched, [1]).item() == pytest.approx(low, abs=1e-4)

    def test_a_stronger_ridge_holds_closer_to_the_network(self) -> None:
        item = evidence([5], np.ones((2, 1), int), np.full(2, 1.0))
        found = [
            remembered(
                fit_memory([item], MemoryTarget.CAPACITANCE, replace(CONFIG, ridge=ridge), salt=SALT), [5]
            ).item()
            for ridge in (0.01, 1.0, 100.0)
        ]
        assert found[0] == pytest.approx(0.0, abs=0.02)
        assert found[0] > found[1] > found[2] > -2.0
        assert found[2] == pytest.approx(-2.0, abs=0.1)


class TestExistence:
    def test_hazard_of_a_context_is_a_rate(self) -> None:
        """Of 2000 pairs of one context 30 % couple: 1 - exp(-λ) = 0.3."""
        exists = (np.arange(2000) % 10 < 3).astype(float)
        item = evidence([8], np.ones((2000, 1), int), exists, network=0.0)
        memory = fit_memory([item], MemoryTarget.EXISTENCE, CONFIG, salt=SALT)
        assert remembered(memory, [8]).exp().item() == pytest.approx(-np.log(0.7), rel=0.01)

    def test_hazards_add(self) -> None:
        """Pairs with the context once couple in 1 of 2 cases, with it twice in 3 of 4: both say log 2."""
        counts = np.repeat([[1], [2]], 400, axis=0)
        exists = np.concatenate([np.arange(400) % 2 < 1, np.arange(400) % 4 < 3]).astype(float)
        memory = fit_memory([evidence([8], counts, exists)], MemoryTarget.EXISTENCE, CONFIG, salt=SALT)
        assert remembered(memory, [8]).exp().item() == pytest.approx(np.log(2.0), rel=0.02)

    def test_always_and_never(self) -> None:
        counts = np.tile(np.eye(2, dtype=int), (50, 1))
        exists = np.tile([1.0, 0.0], 50)
        memory = fit_memory([evidence([1, 2], counts, exists)], MemoryTarget.EXISTENCE, CONFIG, salt=SALT)
        probability = -torch.expm1(-remembered(memory, [1, 2]).exp())
        assert probability[0] > 0.95
        assert probability[1] < 0.05

    def test_amount_does_not_matter_beyond_the_floor(self) -> None:
        counts = np.ones((40, 1), int)
        exists = (np.arange(40) % 2).astype(float)
        plain, large = (
            fit_memory([evidence([1], counts, exists * factor)], MemoryTarget.EXISTENCE, CONFIG, salt=SALT)
            for factor in (0.01, 50.0)
        )
        assert torch.equal(plain.exact_values, large.exact_values)


def test_keys_are_stored_salted() -> None:
    item = evidence([1, 2], np.eye(2, dtype=int), np.ones(2))
    one, two = (
        fit_memory([item], MemoryTarget.CAPACITANCE, CONFIG, salt=salt) for salt in (2**61 - 1, 3**38)
    )
    assert not set(one.exact_keys.tolist()) & {1, 2}
    assert not set(one.exact_keys.tolist()) & set(two.exact_keys.tolist())
    torch.testing.assert_close(remembered(one, [1, 2]), remembered(two, [1, 2]))


def test_nothing_to_remember() -> None:
    empty = evidence([], np.zeros((0, 0), int), np.zeros(0))
    memory = fit_memory([empty], MemoryTarget.CAPACITANCE, CONFIG, salt=SALT)
    value, source = memory(torch.tensor([-1.0]), torch.tensor([3]), torch.tensor([4]))
    assert value.item() == -1.0
    assert source.item() == Source.NETWORK
