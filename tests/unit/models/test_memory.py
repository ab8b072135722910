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
