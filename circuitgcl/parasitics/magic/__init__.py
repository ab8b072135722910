"""Magic's `.ext` files: reader."""

from circuitgcl.parasitics.magic.reader import read_magic_ext

__all__ = ["read_magic_ext"]
