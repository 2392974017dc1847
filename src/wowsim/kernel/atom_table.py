"""The global atom table (nt!Rtl atom tables): strings with a number and a count of uses.

Rules: Microsoft Learn, "About Atom Tables" (integer atoms 0001h-BFFFh, ``#123``; string atoms C000h-FFFFh, at most 255
characters, without case). That the lowest free number is given next is ours. Leaves out pinned string atoms and a
table for each window station. Who may import it: the kernel package.
"""

from __future__ import annotations

import heapq

from wowsim.errors import GuestFault
from wowsim.kernel.names import upcase, utf16
from wowsim.nt.status import (
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_MEMORY,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
)

FIRST_STRING_ATOM = 0xC000
LAST_ATOM = 0xFFFF
MAXIMUM_NAME = 510
"""Bytes of UTF-16."""


class AtomTable:
    """Names, numbers and counts."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._atoms: dict[int, tuple[str, int]] = {}
        """Number -> name as it was first given, count of uses."""
        self._free: list[int] = []
        self._next = FIRST_STRING_ATOM

    def add(self, name: str) -> int:
        """The atom of a name, used once more; made where there is none."""
        integer = integer_atom(name)
        if integer is not None:
            return integer
        key = upcase(name)
        atom = self._numbers.get(key)
        if atom is not None:
            first, count = self._atoms[atom]
            self._atoms[atom] = first, count + 1
            return atom
        if self._free:
            atom = heapq.heappop(self._free)
        elif self._next <= LAST_ATOM:
            atom, self._next = self._next, self._next + 1
        else:
            raise GuestFault(STATUS_NO_MEMORY)
        self._numbers[key] = atom
        self._atoms[atom] = name, 1
        return atom

    def find(self, name: str) -> int:
        """The atom of a name."""
        integer = integer_atom(name)
        found = self._numbers.get(upcase(name)) if integer is None else integer
        if found is None:
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        return found

    def delete(self, atom: int) -> None:
        """One use less; a string atom goes with its last, an integer atom never does."""
        name, count = self.about(atom)
        if atom < FIRST_STRING_ATOM:
            return
        if count > 1:
            self._atoms[atom] = name, count - 1
            return
        del self._atoms[atom], self._numbers[upcase(name)]
        heapq.heappush(self._free, atom)

    def about(self, atom: int) -> tuple[str, int]:
        """Name of an atom and how often it is used."""
        if 0 < atom < FIRST_STRING_ATOM:
            return f"#{atom}", 1
        found = self._atoms.get(atom)
        if found is None:
            raise GuestFault(STATUS_INVALID_HANDLE)
        return found

    def strings(self) -> list[int]:
        """Every string atom, ascending."""
        return sorted(self._atoms)


def integer_atom(name: str) -> int | None:
    """What ``#123`` stands for; None for a string that only begins so.

    Raises:
        GuestFault: STATUS_OBJECT_NAME_INVALID for an empty name; STATUS_INVALID_PARAMETER for one that is too long,
            and for a number no integer atom can have.
    """
    if not name:
        raise GuestFault(STATUS_OBJECT_NAME_INVALID)
    if len(utf16(name)) > MAXIMUM_NAME:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    digits = name[1:]
    if name[0] != "#" or not (digits.isascii() and digits.isdigit()):
        return None
    if not 0 < int(digits) < FIRST_STRING_ATOM:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return int(digits)
