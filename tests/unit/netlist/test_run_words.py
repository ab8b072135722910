"""Words of a run as columns, against splitting its lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.netlist import run_words
from circuitgcl.netlist.run_words import LONGEST_WORD, RunWords, UnreadableRunError

WORDS = st.text(st.characters(codec="utf-8", exclude_characters=" \t\n"), min_size=1, max_size=20)
ROWS = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(WORDS, min_size=width, max_size=width), min_size=1, max_size=12)
)


def text_of(rows: list[list[str]], blank: str = " ") -> str:
    return "".join(f"{blank.join(row)}\n" for row in rows)


@given(ROWS, st.sampled_from([" ", "\t", "  \t "]))
def test_codes_stand_for_the_words(rows: list[list[str]], blank: str) -> None:
    width = len(rows[0])
    words = RunWords(f" {text_of(rows, blank)}", width)
    assert len(words) == len(rows)
    assert words.lines(0).decode() == "".join(f"{row[0]}\n" for row in rows)
    codes, names = words.coded(0, width)
    assert [names[code] for code in codes.tolist()] == [word for row in rows for word in row]
    assert names == list(dict.fromkeys(word for row in rows for word in row))  # by first appearance
    codes, rests = words.coded_rest(width - 1)
    assert [rests[code] for code in codes.tolist()] == [row[-1] for row in rows]


def test_words_that_begin_alike_are_told_apart() -> None:
    rows = [["a"], ["a\0"], ["a\0\0\0\0\0\0\0\0"], ["aaaaaaaa"], ["aaaaaaaaa"], ["aaaaaaaab"], ["\x01a"]]
    codes, names = RunWords(text_of(rows), 1).coded(0, 1)
    assert codes.tolist() == list(range(7))
    assert names == [row[0] for row in rows]


def test_words_of_one_hash_are_not_mixed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_words, "_MIX", run_words.np.uint64(0))
    with pytest.raises(UnreadableRunError, match="one hash"):
        RunWords("a\nb\n", 1).coded(0, 1)


def test_what_must_be_read_otherwise() -> None:
    with pytest.raises(UnreadableRunError, match="a long word"):
        RunWords(f"a {'b' * (LONGEST_WORD + 1)}\n", 2).coded(1, 2)
    with pytest.raises(UnreadableRunError, match="different numbers of words"):
        RunWords("a b\nc\n", 2)
