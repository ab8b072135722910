"""The memory of contexts: exact before structural before network, and no key to be read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from circuitgcl.models.memory import ContextMemory, Source, salted

KEYS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30, unique=True)


def memory(exact: dict[int, float], structural: dict[int, float], salt: int = 99) -> ContextMemory:
    parts = []
    for table in (exact, structural):
        parts += [np.array(list(table), np.int64), np.array(list(table.values()), np.float32)]
    return ContextMemory.from_arrays(*parts, salt=salt)


def looked_up(found: ContextMemory, exact: list[int], structural: list[int]) -> tuple[list[float], list[int]]:
    value, source = found(torch.zeros(len(exact)), torch.tensor(exact), torch.tensor(structural))
    return value.tolist(), source.tolist()


def test_back_off_from_exact_to_class_to_network():
    found = memory({10: -1.0, 20: -2.0}, {5: 0.5})
    network = torch.tensor([3.0, 3.0, 3.0, 3.0])
    value, source = found(network, torch.tensor([10, 20, 30, 30]), torch.tensor([5, 6, 5, 6]))
    assert value.tolist() == [-1.0, -2.0, 3.5, 3.0]
    assert source.tolist() == [Source.MEMORY, Source.MEMORY, Source.CLASS, Source.NETWORK]


@pytest.mark.parametrize("found", [ContextMemory(), memory({}, {})], ids=["new", "of nothing"])
def test_empty_memory_leaves_everything_to_the_network(found: ContextMemory):
    network = torch.tensor([1.0, -1.0])
    value, source = found(network, torch.tensor([0, 1]), torch.tensor([0, 1]))
    assert torch.equal(value, network)
    assert source.tolist() == [Source.NETWORK] * 2


def test_no_query_is_no_error():
    value, source = memory({1: 1.0}, {2: 2.0})(torch.zeros(0), *[torch.zeros(0, dtype=torch.int64)] * 2)
    assert value.shape == source.shape == (0,)


@given(keys=KEYS, salt=st.integers(1, 2**62))
def test_every_key_finds_its_value(keys: list[int], salt: int):
    exact = {key: float(k) for k, key in enumerate(keys)}
    values, sources = looked_up(memory(exact, {}, salt), keys, keys)
    assert values == list(exact.values())
    assert set(sources) == {Source.MEMORY}


@given(keys=KEYS, salt=st.integers(1, 2**62))
def test_salting_permutes_the_keys(keys: list[int], salt: int):
    array = np.array(keys, np.int64)
    before = array.copy()
    hidden = salted(array, salt)
    assert len(set(hidden.tolist())) == len(keys)
    np.testing.assert_array_equal(array, before)


def test_stored_keys_disclose_nothing():
    keys = list(range(1, 200))
    one, other = (memory(dict.fromkeys(keys, 0.0), {}, salt=salt) for salt in (3 << 40, 5 << 50))
    stored = [set(found.exact_keys.tolist()) for found in (one, other)]
    assert not stored[0] & set(keys)
    assert not stored[0] & stored[1]
    assert (one.exact_keys.diff() > 0).all()


def test_salting_follows_its_source():
    # first output of SplitMix64 from seed 0 is the finalizer of the golden-ratio increment
    increment = np.array([0x9E3779B97F4A7C15], np.uint64).view(np.int64)
    assert int(salted(increment, 0).view(np.uint64)[0]) == 0xE220A8397B1DCDAF


def test_gradient_reaches_the_network_only_where_it_counts():
    network = torch.zeros(3, requires_grad=True)
    value, _ = memory({1: 4.0}, {7: 1.0})(network, torch.tensor([1, 2, 3]), torch.tensor([7, 7, 8]))
    total: Tensor = value.sum()
    total.backward()
    assert network.grad is not None
    assert network.grad.tolist() == [0.0, 1.0, 1.0]


class TestExtension:
    def test_new_values_replace_old_ones_and_offsets_add_up(self):
        old = memory({10: -1.0, 20: -2.0}, {5: 0.5, 6: 0.25})
        found = old.merged(
            np.array([20, 30]), np.float32([7.0, 8.0]), np.array([6, 7]), np.float32([1.0, 2.0]), salt=1234
        )
        values, sources = looked_up(found, [10, 20, 30], [0, 0, 0])
        assert values == [-1.0, 7.0, 8.0]
        assert set(sources) == {Source.MEMORY}
        assert looked_up(found, [0, 0, 0], [5, 6, 7])[0] == [0.5, 1.25, 2.0]
        assert int(found.salt) == int(old.salt)
        assert looked_up(old, [10, 20], [0, 0])[0] == [-1.0, -2.0]

    def test_an_empty_memory_takes_the_salt(self):
        nothing = np.zeros(0, np.int64), np.zeros(0, np.float32)
        found = ContextMemory().merged(np.array([3, 1]), np.float32([1.0, 2.0]), *nothing, salt=77)
        assert int(found.salt) == 77
        assert looked_up(found, [1, 3], [0, 0])[0] == [2.0, 1.0]

    def test_shifting_moves_every_value(self):
        old = memory({10: -1.0}, {5: 0.5})
        found = old.shifted(0.5, -0.25)
        assert looked_up(found, [10], [5])[0] == [-0.5]
        assert looked_up(found, [0], [5])[0] == [0.25]
        assert looked_up(old, [10], [5])[0] == [-1.0]
