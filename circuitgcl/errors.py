"""Everything circuitgcl raises on purpose.

```
CircuitGCLError            one located line; the command line prints it and exits with 2
├── InputError             a file or an option from outside is wrong
│   ├── NetlistError       a netlist cannot be read, elaborated or flattened
│   ├── ParasiticsError    an extraction result cannot be read or matched
│   └── ConfigError        an unknown key or a value of the wrong kind
├── CheckpointError        a checkpoint is missing, damaged or of another format version
├── SimulationError        a circuit simulator is absent or gives no result
└── DataError              a design or a data set cannot serve the purpose asked of it
```

A message says place, found, expected and next step:
`bitcell.sp:42 (top/xarr/x3): M1 has 3 nodes; a MOSFET needs 4. Is the bulk missing?`
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """Where in a file a statement begins."""

    path: str
    line: int  # 1-based; 0 for the file as a whole

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


class OnError(StrEnum):
    """What a reader does with a statement it cannot use."""

    RAISE = "raise"  # strict: stop there
    SKIP = "skip"  # lenient: list it among the skipped ones and go on


MAX_MESSAGE = 600  # characters; names in machine-written files can have a hundred thousand


def shortened(text: str) -> str:
    """A text for people, of which a very long one shows its begin and its end."""
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 205]} ... {text[-200:]}"


class CircuitGCLError(Exception):
    """Base of all errors a user can cause and mend.

    Args:
        message: what was found, what was expected and what to do next.
        location: file and line, when a file is to blame.
        instance_path: hierarchical instance name, when the fault shows only in one instance.
    """

    def __init__(
        self, message: str, *, location: SourceLocation | None = None, instance_path: str = ""
    ) -> None:
        self.location = location
        self.instance_path = instance_path
        place, path = str(location) if location else "", shortened(instance_path)
        if path:
            place = f"{place} ({path})" if place else path
        super().__init__(f"{place}: {shortened(message)}" if place else shortened(message))


class InputError(CircuitGCLError):
    """A file or an option from outside is wrong."""


class NetlistError(InputError):
    """A netlist cannot be read, elaborated or flattened."""


class ParasiticsError(InputError):
    """An extraction result cannot be read or matched."""


class ConfigError(InputError):
    """A configuration key is unknown or its value is of the wrong kind."""


class CheckpointError(CircuitGCLError):
    """A checkpoint is missing, damaged or of another format version."""


class SimulationError(CircuitGCLError):
    """A circuit simulator is absent or gives no result."""


class DataError(CircuitGCLError):
    """A design or a data set cannot serve the purpose asked of it."""
