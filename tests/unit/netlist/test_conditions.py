""".if blocks: decided while reading where global parameters suffice, else where a body is elaborated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import flatten, read_netlist

WriteDeck = Callable[..., Path]


def devices(path: Path) -> list[str]:
    return sorted(flatten(read_netlist(path)).device_names())


@pytest.mark.parametrize(("value", "name"), [(0, "R3"), (1, "R1"), (2, "R2")])
def test_global_parameters_decide_at_once(write_deck: WriteDeck, value: int, name: str) -> None:
    path = write_deck(
        f"* t\n.param p={value}\n.if (p==1)\nR1 a b 1\n.include /none_{value}.sp\n.elseif p==2\nR2 a b 1\n"
        ".else\nR3 a b 1\n.endif\n"
    )
    assert devices(path) == [name]


@pytest.mark.parametrize(("value", "names"), [(0, ["X1/Rc"]), (1, ["X1/Ra"]), (2, ["X1/Rb", "X1/Xi/R"])])
def test_parameters_of_a_body_decide_in_each_instance(
    write_deck: WriteDeck, value: int, names: list[str]
) -> None:
    path = write_deck(
        f"""* t
        .subckt cell a k=0
        .param two=2
        .if (k==1)
        Ra a 0 1
        .elseif (k==two)
        Rb a in 1
        Xi in leaf
        .else
        Rc a 0 1
        .endif
        .ends
        .subckt leaf a
        R a 0 1
        .ends
        X1 n cell k={value}
        """
    )
    assert devices(path) == names
    assert ("X1/in" in flatten(read_netlist(path)).net_names()) is (value == 2)


def test_conditions_inside_conditions(write_deck: WriteDeck) -> None:
    text = """* t
    .subckt cell a k=0 j=0
    .if (k)
    .if (j)
    R11 a 0 1
    .else
    R10 a 0 1
    .endif
    .else
    R0 a 0 1
    .endif
    .ends
    X1 n cell k=1 j=1
    X2 n cell k=1
    X3 n cell j=1
    """
    assert devices(write_deck(text)) == ["X1/R11", "X2/R10", "X3/R0"]


def test_parameters_under_a_condition(write_deck: WriteDeck) -> None:
    path = write_deck(
        "* t\n.subckt cell a k=0\n.param r=1\n.if (k>0)\n.param r=5\n.endif\nR1 a 0 'r'\n.ends\n"
        "X1 n cell\nX2 n cell k=1\n"
    )
    circuit = flatten(read_netlist(path))
    assert dict(zip(circuit.device_names(), circuit.table.value[circuit.device_card], strict=True)) == {
        "X1/R1": 1.0,
        "X2/R1": 5.0,
    }


def test_an_unknown_subcircuit_matters_only_where_it_stands(write_deck: WriteDeck) -> None:
    text = "* t\n.subckt cell a k=0\n.if (k)\nX1 a nosuch\n.endif\nR1 a 0 1\n.ends\nXc n cell k={}\n"
    assert devices(write_deck(text.format(0))) == ["Xc/R1"]
    with pytest.raises(NetlistError, match=r"deck\.sp:4 \(Xc\): X1 instantiates subcircuit 'nosuch'"):
        devices(write_deck(text.format(1)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".else\n", "deck.sp:2: .else without an .if before it"),
        (".endif\n", "deck.sp:2: .endif without an .if before it"),
        (".if (1+)\nR1 a b 1\n.endif\n", "deck.sp:2: .if (1+): "),
        (".if (1\x1c&& 1+)\nR1 a b 1\n.endif\n", "deck.sp:2: .if (1 && 1+): "),
        (".if (nobody)\nR1 a b 1\n.endif\n", "deck.sp:3: R1 stands under the condition ((nobody)): unknown"),
    ],
)
def test_what_is_wrong(write_deck: WriteDeck, text: str, message: str) -> None:
    path = write_deck(f"* t\n{text}R2 a b 1\n")
    with pytest.raises(NetlistError) as caught:
        flatten(read_netlist(path))
    assert str(caught.value).replace(f"{path.parent}/", "").startswith(message)


def test_a_missing_endif_is_reported(write_deck: WriteDeck) -> None:
    assert "an .if has no .endif" in read_netlist(write_deck("* t\n.if (1)\nR1 a b 1\n")).warnings[0]
