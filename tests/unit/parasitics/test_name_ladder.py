"""The ladder on made-up hierarchical names: spellings of tools match back, only where nothing is doubtful."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.parasitics.matching.name_ladder import NORMALISATIONS, Joined, alone, climb, coarsest, rungs

INSTANCES = st.sampled_from(["bank", "arr0", "arr1", "inv", "xor", "dff_2", "xx"])
LEAVES = st.sampled_from(["n", "net1", "bl[0]", "bl[1]", "a[3][7]", "q", "qb", "vdd", "xn", "a_172_68#"])
NAMES = st.builds(
    lambda path, leaf: "/".join([*(f"X{part}" for part in path), leaf]),
    st.lists(INSTANCES, max_size=4),
    LEAVES,
)
SPELLINGS: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.lower,
    lambda name: name.replace("/", "."),
    lambda name: name.replace("/", ":"),
    lambda name: name.replace("/", "|"),
    lambda name: "/" + name,
    lambda name: "/".join([*(part.removeprefix("X") for part in name.split("/")[:-1]), name.split("/")[-1]]),
    lambda name: name.replace("[", "<").replace("]", ">"),
    lambda name: name.replace("[", "(").replace("]", ")"),
    lambda name: name.replace("[", "_").replace("]", ""),
    lambda name: name.replace("[", r"\[").replace("]", r"\]"),
    lambda name: name.removesuffix("#"),
    lambda name: name + "!" if name == "vdd" else name,
)


def joined(names: list[str], others: list[str], tops: tuple[str, ...] = ()) -> Joined:
    state = Joined(partner=np.full(len(names), -1, np.int32))
    climb(state, names, others, tops)
    return state


def pairs(names: list[str], others: list[str], tops: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    partner = joined(names, others, tops).partner.tolist()
    return {(name, others[j]) for name, j in zip(names, partner, strict=True) if j >= 0}


@given(
    names=st.lists(NAMES, unique=True, min_size=1, max_size=30),
    spelling=st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=3),
    top=st.sampled_from(["", "chip.", "Xchip/"]),
    data=st.data(),
)
def test_another_spelling_matches_back(
    names: list[str], spelling: list[Callable[[str], str]], top: str, data: st.DataObject
):
    keys = coarsest(names)
    clear = [name for name, key in zip(names, keys, strict=True) if keys.count(key) == 1]
    respelled = []
    for name in clear:
        other = name
        for change in spelling:
            other = change(other)
        respelled.append(top + other.removeprefix("/") if top else other)
    order = data.draw(st.permutations(range(len(clear))))
    mixed = [respelled[i] for i in order]
    expected = set(zip(clear, respelled, strict=True))
    assert pairs(clear, mixed, ("chip",)) == expected
    assert pairs(mixed, clear, ("chip",)) == {(b, a) for a, b in expected}


@given(
    names=st.lists(NAMES, unique=True, max_size=20),
    others=st.lists(
        NAMES.flatmap(lambda n: st.sampled_from([f(n) for f in SPELLINGS])), unique=True, max_size=20
    ),
    data=st.data(),
)
def test_symmetric_and_blind_to_order(names: list[str], others: list[str], data: st.DataObject):
    found = pairs(names, others)
    assert {(b, a) for a, b in pairs(others, names)} == found
    assert pairs(data.draw(st.permutations(names)), data.draw(st.permutations(others))) == found


@given(names=st.lists(NAMES, unique=True, max_size=20), others=st.lists(NAMES, unique=True, max_size=20))
def test_the_short_cut_joins_what_rung_by_rung_would(names: list[str], others: list[str]):
    """A slow climb: every rung on all that is left, one after the other."""
    anchors = ["Xanchor1/p", "Xanchor2/p"]  # no single head that could be taken for a top cell
    names, others = [*names, *anchors], [*others, *anchors]
    left, right = dict(enumerate(names)), dict(enumerate(others))
    keys = {0: dict(left), 1: dict(right)}
    expected = {}
    for label, normalise in (("as written", str), *NORMALISATIONS):
        for side, rest in ((0, left), (1, right)):
            keys[side] = {i: normalise(f"\n{keys[side][i].strip(chr(10))}\n").strip("\n") for i in rest}
        for i, key in list(keys[0].items()):
            mates = [j for j, other in keys[1].items() if other == key]
            if len(mates) == 1 and list(keys[0].values()).count(key) == 1:
                expected[names[i]] = (others[mates[0]], label)
        for name, (other, _) in expected.items():
            left.pop(names.index(name), None)
            right.pop(others.index(other), None)
    found = joined(names, others)
    assert {names[i]: others[j] for i, j in enumerate(found.partner.tolist()) if j >= 0} == {
        name: other for name, (other, _) in expected.items()
    }
    labels = [label for _, label in expected.values()]
    assert found.counts == {label: labels.count(label) for label in labels}


def test_no_name_on_a_side():
    assert joined([], ["a"]).counts == {}
    assert joined(["a"], []).partner.tolist() == [-1]


def test_doubt_names_rung_and_candidates():
    state = joined(["A<0>", "a(0)"], ["a[0]", "a_0"])
    assert state.partner.tolist() == [-1, -1]
    doubt = state.doubts[0]
    assert (doubt.rung, doubt.names, doubt.partners) == ("up to bus notation", 2, (0, 1))
    assert doubt.reason(["a[0]", "a_0"]) == "up to bus notation, 2 extracted nets could be a[0], a_0"


def test_a_later_rung_joins_what_a_rival_left():
    state = joined(["N", "n/"], ["n", "q"])
    assert state.partner.tolist()[0] == 0


def test_a_line_feed_in_a_name_is_one_name():
    assert joined(["a\nb", "c"], ["c", "a\nb"]).partner.tolist() == [1, 0]


def test_alone():
    row, other, contested = alone(["a", "b", "b", "c", "d"], ["c", "b", "a", "a"])
    assert (row.tolist(), other.tolist()) == ([3], [0])
    assert contested.tolist() == [0, 1, 2]


def test_labels_are_distinct():
    assert len(set(rungs())) == len(list(rungs())) == len(NORMALISATIONS) + 2


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("XBank/XX1/net[3]", "bank_1_net_3"),
        (r"top.\a[1]!", "top_a_1"),
        ("/x1|x2:n#", "1_2_n"),
        ("x/n", "x_n"),
        ("xn", "xn"),
        ("a<10><2>", "a_10_2"),
    ],
)
def test_coarsest_key(name: str, key: str):
    assert coarsest([name]) == [key]
