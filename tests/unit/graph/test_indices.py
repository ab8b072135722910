"""Index structure of names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_indices import indexed, relation

from circuitgcl.graph.indices import IndexedNames, IndexRelation

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
    split = IndexedNames.of([name, family.replace("#", "8")])
    assert split.coordinate[: split.count[0]].tolist() == list(coordinates)
    digits = name.count("1234567890")  # a run that is no coordinate still counts as one mark
    assert (split.family[0] == split.family[1]) is np.True_ or digits


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
    assert relation_of(a, b) is expected
    assert relation(indexed(a), indexed(b)) is expected


def relation_of(a: str, b: str) -> IndexRelation:
    return IndexRelation(IndexedNames.of([a, b]).relation(np.array([0]), np.array([1]))[0])


@given(NAMES, NAMES)
def test_relation_is_symmetric_and_ignores_case(a: str, b: str):
    found = relation_of(a, b)
    assert found is relation_of(b, a)
    assert found is relation_of(a.swapcase(), b)


@given(
    st.lists(
        NAMES | st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1),
        min_size=1,
    )
)
def test_names_split_as_one_by_one(names: list[str]):
    found, expected = IndexedNames.of(names), [indexed(name) for name in names]
    assert found.count.tolist() == [len(split.coordinates) for split in expected]
    assert found.coordinate.tolist() == [value for split in expected for value in split.coordinates]
    families = [(split.family, len(split.coordinates)) for split in expected]
    assert len(set(found.family.tolist())) == len(set(families))
    assert len({*zip(families, found.family.tolist(), strict=True)}) == len(set(families))
    a, b = np.indices((len(names), len(names))).reshape(2, -1)
    relations = [relation(expected[i], expected[j]) for i, j in zip(a.tolist(), b.tolist(), strict=True)]
    different = a != b  # a name to itself differs in no coordinate
    assert found.relation(a, b)[different].tolist() == np.array(relations)[different].tolist()
    assert found.last.tolist() == [split.coordinates[-1] if split.coordinates else -1 for split in expected]


COORDINATES = st.integers(1, 3).flatmap(
    lambda n: st.sets(st.tuples(*[st.integers(0, 5)] * n), max_size=25).map(sorted)
)


@given(COORDINATES, st.integers(1, 3))
def test_steps_against_all_pairs(coordinates: list[tuple[int, ...]], step: int):
    members = [(c, position) for position, c in enumerate(coordinates)]
    expected = set()
    for (low, first), (high, second) in itertools.permutations(members, 2):
        differing = [k for k in range(len(low)) if low[k] != high[k]]
        if len(differing) == 1 and high[differing[0]] - low[differing[0]] == step:
            place = differing[0]
            expected.add((first, second, len(low) - 1 - place, low[place]))
    found = IndexedNames.of(["x_" + "_".join(map(str, c)) for c in coordinates]).steps(step)
    rows = list(
        zip(*(part.tolist() for part in (found.lower, found.upper, found.place, found.value)), strict=True)
    )
    assert set(rows) == expected
    assert len(rows) == len(expected)


def test_of_two_equal_names_the_last_one_counts():
    found = IndexedNames.of(["a1", "A2", "a2", "b2"]).steps(1)
    assert list(zip(found.lower.tolist(), found.upper.tolist(), strict=True)) == [(0, 2)]
