"""Decks that repeat one structure, for `growth.py`.

In a template, `«3n/4|text»` stands for three quarters of `n` copies of a text, in which `@` is the number of
the copy and `#` the number behind it; `«n»` is the count itself.
"""

from __future__ import annotations

import re

Files = dict[str, str]  # name -> text; `deck.sp` includes the others

_COUNT = r"(\d*)(n?)(?:/(\d+))?"
_REPEATED = re.compile(rf"«{_COUNT}(?:\|([^»]*))?»")


def expanded(template: str, count: int) -> str:
    """The text a template stands for.

    Args:
        template: the text with its repeats.
        count: what `n` is.
    """

    def repeated(match: re.Match[str]) -> str:
        factor, of_count, divisor, body = match.groups()
        times = int(factor or 1) * (count if of_count else 1) // int(divisor or 1)
        if body is None:
            return str(times)
        return "".join(body.replace("@", str(copy)).replace("#", str(copy + 1)) for copy in range(times))

    return _REPEATED.sub(repeated, template)


def deck(name: str, count: int) -> Files:
    """Files of one of the decks."""
    found = DECKS[name]
    files = {"deck.sp": found} if isinstance(found, str) else found
    return {file: expanded(template.lstrip("\n"), count) for file, template in files.items()}


_CELL = """* t
.subckt cell a b p=1 q=2
R1 a b 'p*q'
.ends
"""
_DOUBLING = "* t\n.func f0(x) {x}\n«depth|.func f#(x) {f@(x)+f@(x+1)}\n»"
_SHAPES = "".join(f"X@x{size} {'a ' * size} cell {'p=1 ' * (size % 13)}\n" for size in range(97))
_CHAIN = ".param p0=1\n«n/3|.param p#=p@\n»"

_TEXT = {
    "one long line": "* t\nX1 «n|n@ »cell\n.subckt cell «n|p@ »\nR1 p0 p1 1\n.ends\n",
    "one long name": "* t\nR«6n|x» «6n|y» b 1k\n",
    "one long comment": "* t\nR1 a b 1k $ «n|c; // »\n",
    "many quotes": "* t\nR1 a b 1k «n|x@='1' »\n",
    "an open quote": "* t\nR1 a b 1k «n|x@='1' » '\n",
    "many double quotes": '* t\nR1 a b «n|"a" » // c\n',
    "many open braces": "* t\nR1 a b «6n|{»\n",
    "many unequal braces": "* t\nR1 a b r=«3n|{a»«n|}»\n",
    "continuation lines": "* t\nX1\n«n|+ n@\n»+ cell\n.subckt cell «n|p@ »\nR1 p0 p1 1\n.ends\n",
    "joined lines": "* t\n.option post\nR1 a b r='1«n| \\\\\n +1»'\n",
    "comments in a statement": "* t\nR1 a b\n«n|* c @\n»+ 1k\n",
    "blank lines": "* t\nR1 a b 1\n«6n|\n»R2 a b 1\n",
    "equal signs": "* t\nR1 a b «3n|= »\n",
    "params keywords": f"{_CELL}X1 a b cell «n|params: »\n",
    "dollars": "* t\nR1 a b 1 «n|$SUB=a »\n",
    "slashes": f"{_CELL}X1 a b «3n|/ » cell\n",
    "parentheses": "* t\nX1 «n|(a b) » cell\n",
    "short runs": "* t\n«n|R@ a b 1\nC@ a b 1\n»",
    "shapes": f"* t\n«n/1000|{_SHAPES}»",
}

_EXPRESSIONS = {
    "a long sum": "* t\nR1 a b r='1«3n|+1»'\n",
    "nested parentheses": "* t\nR1 a b r='«3n|(»1«3n|)»'\n",
    "nested ternaries": "* t\nR1 a b r='«n|1?2:»3'\n",
    "signs": "* t\nR1 a b r='«6n|-»1'\n",
    "a chain of parameters": "* t\n.param p0=1\n«n|.param p#=p@\n»R1 a b 'p«n»'\n",
    "functions in a chain": "* t\n.func f0(x) {x}\n«n|.func f#(x) {f@(x)}\n»R1 a b 'f«n»(1)'\n",
    "functions that double": _DOUBLING.replace("depth", "40") + "«n/20|R@ a b 'f40(@)'\n»",
    "functions that double a little": _DOUBLING.replace("depth", "12") + "«n/4|R@ a b 'f12(@)'\n»",
}

_PARAMETERS = {
    "parameters of a card": "* t\nX1 a b cell «n|p@=1 »\n.subckt cell a b\nR1 a b 1\n.ends\n",
    "parameters of a header": """* t
X1 a b cell p1=2
.subckt cell a b «n|p@=1 »
R1 a b 'p1+p2'
.ends
""",
    "header parameters in a chain": """* t
X1 a b cell
.subckt cell a b p0=1 «n|p#=p@ »
R1 a b 'p«n»'
.ends
""",
    "a header and instances": """* t
.subckt cell a b «500|p@=1 »
R1 a b 'p1+p2'
.ends
«n/4|X@ a b cell p1=@
»""",
    "distinct cards": "* t\n«n/4|M@ d g s b nch w=@u l=1u\n»",
    "distinct kit cards": "* t\n«n/6|X@ d g s b sky130_fd_pr__nfet_01v8 w=@ l=0.15\n»",
    "distinct wrapped cards": """* t
.subckt nch b d g s w=1u l=1u
M1 d g s b nch w=w l=l
.ends
«n/4|X@ b d g s nch w=@u
»""",
    "distinct instances": f"{_CELL}«n/3|X@ a b cell p=@\n»",
    "instances in many bodies": f"{_CELL}«n/8|.subckt c@ a b\nX1 a b cell p=@\n.ends\nX@ a b c@\n»",
    "instances of nobody's masters": "* t\n«n/2|X@ a b none@\n»",
    "definitions and parameters": """* t
«n/4|.param g@=1
»«n/10|.subckt c@ a b p='g@'
R1 a b p
.ends
X@ a b c@
»""",
    "parameters again and again": "* t\n«n/2|.param a='b@'\n»R1 a b 1\n",
}

_STRUCTURE = {
    "ports": "* t\n.subckt cell «n|p@ »\nR1 p0 p1 1\n.ends\nX1 «n|n@ »cell\n",
    "ports listed twice": "* t\n.subckt cell «n|p@ »p0\nR1 p0 p1 1\n.ends\nX1 «n|n@ »n0 cell\n",
    "definitions": "* t\nR1 a b 1\n«n/3|.subckt c@ a\n.ends\n»",
    "roots": """* t
«150|.subckt t@ a
X a t#
.ends
».subckt t150 a
R1 a 0 1
.ends
«n/8|.subckt r@ a
X a t0
.ends
»""",
    "the same definition": "* t\n«n/6|.subckt cell a b\nR1 a b 1\n.ends\n»X1 a b cell\n",
    "other definitions of a name": "* t\n«n/6|.subckt cell a b\nR1 a b @\n.ends\n»X1 a b cell\n",
    "definitions in definitions": "* t\n«60|.subckt c@ a\n»«n/2|R@ a b 1\n»«60|.ends\n»X1 a c0\n",
    "open definitions": "* t\n«n/4|.subckt c@ a\nR1 a b 1\n»X1 a c0\n",
    "a chain of cells": """* t
X1 a c0
«190|.subckt c@ a
X1 a c#
.ends
».subckt c190 a
«n/4|R@ a b@ 1
».ends
""",
    "a circle of cells": """* t
X1 a c0
«n/5|.subckt c@ a
X1 a c#
.ends
».subckt c«n/5» a
X1 a c0
.ends
""",
    "ends": "* t\nR1 a b 1\n«n|.ends\n»",
    "connect": "* t\n«n/3|.connect n# n@\n»«n/4|R@ n@ b 1\n»",
    "connect to one": "* t\n«n/3|.connect n0 n@\n»«n/4|R@ n@ b 1\n»",
    "globals": "* t\n.global «n|g@ »\n«n/10|.subckt c@\nR1 g@ g0 1\n.ends\nX@ c@\n»",
    "globals through levels": """* t
.global «n/2|g@ »
X1 c0
«100|.subckt c@
X1 c#
.ends
».subckt c100
«n/4|R@ g@ g0 1
».ends
""",
    "models": "* t\n«n/5|.model m@ nmos level=1\n»«n/5|M@ d g s b m@ w=1u\n»",
    "models in a body": """* t
.subckt cell a b w=1
«n/4|.model m@ nmos
»M1 a b a b m1 w=w
.ends
«n/6|X@ a b cell w=@
»""",
    "a vector instance": "* t\nR<«4n»:0> a<«4n»:0> b 1\n",
    "vector nodes": "* t\nX<999:0> «n/3|a@<999:0> »cell\n.subckt cell «n/3|p@ »\nR1 p0 p1 1\n.ends\n",
    "vectors in vectors": "* t\nX<«n»:0> a cell\n.subckt cell a\nR<9:0> a b 1\n.ends\n",
}


def _conditional(body: str, before: str = "") -> str:
    """A cell whose parts depend on its parameter, and one instance of it."""
    return f"* t\n.subckt cell a b p=1\n{before}{body}.ends\nX1 a b cell p=1\n"


_CONDITIONS = {
    "conditions": _conditional("«n/6|.if (p==@)\nR@ a b 1\n.endif\n»"),
    "else branches": _conditional(".if (p<0)\nR1 a b 1\n«n/6|.elseif (p==@)\nR@ a b 1\n».endif\n"),
    "conditional parameters": _conditional(
        "«n/7|.if (p==@)\n.param r=@\n.endif\n»R1 a b r\n", before=".param r=1\n"
    ),
    "conditions around conditions": _conditional(
        "«60|.if (p>0 && p>0 && p>0 && p>0 && p>0)\n»«n/6|.if (p==@)\nR@ a b 1\n.endif\n»«60|.endif\n»"
    ),
    "decided conditions": f"* t\n{_CHAIN}«n/8|.if (p@==@)\nR@ a b 1\n.endif\n»R0 a b 1\n",
}

_FAULTS = {  # which a lenient reader lists
    "bad cards": "* t\nR1 a b 1\n«n/2|M@ a b nch\n»",
    "bad expressions": "* t\nR1 a b 1\n«n/3|R@ a b 'x@+'\n»",
    "missing files": "* t\nR1 a b 1\n«n/3|.lib gone@.sp tt\n»«n/4|X@ a b none@\n»",
    "open encrypted parts": "* t\nR1 a b 1\n«n/2|.prot\nx y\n»",
}

_SPECTRE_TOP = "simulator lang=spectre\nR1 (a b) resistor\n"
_SPECTRE = {
    "spectre instances": "simulator lang=spectre\n«n/4|R@ (a b) resistor r=@\n»",
    "spectre conditions": """simulator lang=spectre
subckt c (a)
parameters p=1
«n/6|if (p==@) { R@ (a 0) resistor r=1 }
»ends c
X (a) c p=1
""",
    "spectre else in a line": """simulator lang=spectre
subckt c (a)
parameters p=1
if (p<0) {R (a 0) resistor r=1}«n/7| else if (p==@) {R@ (a 0) resistor r=1}»
ends c
X (a) c p=1
""",
    "spectre braces": f"{_SPECTRE_TOP}model m bsim4 {{\n«n/2|@: type=n {{\n»«n/2|}}\n»",
    "spectre escapes": f"{_SPECTRE_TOP}«n/5|R@\\<1\\> (a\\<@\\> b) resistor\n»",
    "language switches": """simulator lang=spectre
«n/8|simulator lang=spice
R@ a b 1
simulator lang=spectre
»""",
    "encrypted parts": f"{_SPECTRE_TOP}«n/6|//begin_protected\nx\n//end_protected\n»",
}

_SEVERAL_FILES: dict[str, Files] = {
    "includes": {"deck.sp": "* t\n«n/3|.include a.sp\n»", "a.sp": "R1 a b 1\n"},
    "library sections": {
        "deck.sp": "* t\nR1 a b 1\n«n/3|.lib a.sp s@\n»",
        "a.sp": "«n/3|.lib s@\n.param p@=1\n.endl\n»",
    },
    "spectre sections": {
        "deck.sp": f'{_SPECTRE_TOP}«n/6|include "a.scs" section=s@\n»',
        "a.scs": """simulator lang=spectre
«n/6|section s@
simulator lang=spice
.param p@=1
simulator lang=spectre
endsection
»""",
    },
}

DECKS: dict[str, str | Files] = {
    **_TEXT,
    **_EXPRESSIONS,
    **_PARAMETERS,
    **_STRUCTURE,
    **_CONDITIONS,
    **_FAULTS,
    **_SPECTRE,
    **_SEVERAL_FILES,
}
"""Name -> template of the deck, or of each of its files."""
