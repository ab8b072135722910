"""Index structure of names."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.graph.indices import IndexRelation, families, indexed, relation, steps

NAMES = st.from_regex(r"[a-cA-C]{1,3}(_?[0-9]{1,11}){0,3}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "family", "coordinates"),
    [
        ("bl[3]", "bl[#]", (3,)),
        ("Xbit_r12_c7", "xbit_r#_c#", (12, 7)),
        ("net_0_4", "net_#_#", (0, 4)),
        ("a007", "a#", (7,)),
        ("en_bar", "en_bar", ()),
        ("x1234567890_2", "x#_#", (2,)),
    ],
)
def test_names_split(name: str, family: str, coordinates: tuple[int, ...]):
    split = indexed(name)
    assert (split.family, split.coordinates) == (family, coordinates)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("en", "clk", IndexRelation.NONE),
        ("en", "bl_0", IndexRelation.ONE_INDEXED),
        ("bl_0", "bl_1", IndexRelation.BUS_STEP_1),
        ("BL_4", "bl_2", IndexRelation.BUS_STEP_2),
        ("bl_2", "bl_5", IndexRelation.BUS_STEP_3),
        ("bl_2", "bl_6", IndexRelation.BUS_FAR),
        ("n_1_1", "n_2_2", IndexRelation.BUS_FAR),
        ("n_1_1", "n_2_1", IndexRelation.BUS_STEP_1),
        ("bl_3", "br_3", IndexRelation.CROSS_SAME),
        ("bl_3", "br_2", IndexRelation.CROSS_STEP_1),
        ("bl_3", "wl_9", IndexRelation.CROSS_FAR),
        ("x_8_3", "wl_3", IndexRelation.CROSS_SAME),
    ],
)
def test_relations(a: str, b: str, expected: IndexRelation):
    assert relation(indexed(a), indexed(b)) is expected


@given(NAMES, NAMES)
def test_relation_is_symmetric_and_ignores_case(a: str, b: str):
    found = relation(indexed(a), indexed(b))
    assert found is relation(indexed(b), indexed(a))
    assert found is relation(indexed(a.swapcase()), indexed(b))


@given(st.lists(NAMES))
def test_families_hold_every_name_once(names: list[str]):
    found = families(names)
    positions = sorted(position for members in found.values() for _, position in members)
    assert positions == list(range(len(names)))
    for (family, count), members in found.items():
        for coordinates, position in members:
            assert indexed(names[position]).family == family
            assert len(coordinates) == count


COORDINATES = st.integers(1, 3).flatmap(
    lambda n: st.sets(st.tuples(*[st.integers(0, 5)] * n), max_size=25).map(sorted)
)


@given(COORDINATES, st.integers(1, 3))
def test_steps_against_all_pairs(coordinates: list[tuple[int, ...]], step: int):
    members = [(c, 10 + position) for position, c in enumerate(coordinates)]
    expected = set()
    for (low, first), (high, second) in itertools.permutations(members, 2):
        differing = [k for k in range(len(low)) if low[k] != high[k]]
        if len(differing) == 1 and high[differing[0]] - low[differing[0]] == step:
            place = differing[0]
            expected.add((first, second, len(low) - 1 - place, low[place] % 2))
    found = steps(members, step)
    assert set(found) == expected
    assert len(found) == len(expected)
