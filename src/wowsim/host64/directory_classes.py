r"""Lists of objects and of object types: 64-bit answers of NtQueryDirectoryObject and NtQueryObject made 32-bit.

Stands for parts of wow64!whNtQueryDirectoryObject and wow64!whNtQueryObject. Both lists hold UNICODE_STRINGs that
point into the buffer itself, so each is rebuilt for the place where it will stand. Who may import it: ``host64``.
"""

from __future__ import annotations

from dataclasses import replace

from wowsim.nt.abi import PVOID, encode, layout, size_of
from wowsim.nt.structures import OBJECT_DIRECTORY_INFORMATION, OBJECT_TYPE_INFORMATION, UNICODE_STRING

GROWTH = size_of(OBJECT_DIRECTORY_INFORMATION, 64) - size_of(OBJECT_DIRECTORY_INFORMATION, 32)
"""Bytes by which each entry of a directory, the empty one at the end included, is longer."""
LONGER_BUFFER = 2 * GROWTH
"""What a 64-bit buffer has to have more than the 32-bit one: with an entry or more in it, the 32-bit form then fits."""
_ENTRY, _TYPE = layout(OBJECT_DIRECTORY_INFORMATION, 64), layout(OBJECT_TYPE_INFORMATION, 64)


def narrow(data64: bytes, address64: int, buffer32: int) -> bytes:
    """The 32-bit form of a list of OBJECT_DIRECTORY_INFORMATION.

    Args:
        data64: the buffer that the 64-bit service filled, from its start; more behind the list is fine.
        address64: where it lies.
        buffer32: where the result will lie.

    Returns:
        Entries, the empty one that ends them, and their text in the same order.
    """
    entries = _entries(data64)
    at = buffer32 + size_of(OBJECT_DIRECTORY_INFORMATION, 32) * (len(entries) + 1)
    structures, text = bytearray(), bytearray()
    for entry in entries:
        strings = []
        for string in (entry.Name, entry.TypeName):
            strings.append(replace(string, Buffer=PVOID(at + len(text))))
            start = string.Buffer - address64
            text += data64[start : start + string.Length] + b"\0\0"
        structures += encode(OBJECT_DIRECTORY_INFORMATION, 32, OBJECT_DIRECTORY_INFORMATION(*strings))
    return bytes(structures) + bytes(size_of(OBJECT_DIRECTORY_INFORMATION, 32)) + bytes(text)


def narrowed_length(length64: int, data64: bytes) -> int:
    """The ReturnLength of a 32-bit caller for that of the 64-bit call.

    Args:
        length64: what the 64-bit call said.
        data64: the buffer it filled; empty where it failed for want of room, which it then says for one entry.
    """
    entries = len(_entries(data64)) if data64 else 1
    return max(length64 - GROWTH * (entries + 1), 0)


def _entries(data64: bytes) -> list[OBJECT_DIRECTORY_INFORMATION]:
    found: list[OBJECT_DIRECTORY_INFORMATION] = []
    for start in range(0, len(data64) - _ENTRY.size + 1, _ENTRY.size):
        entry = _ENTRY.from_bytes(data64[start : start + _ENTRY.size])
        if entry.Name.Buffer == 0:
            break
        found.append(entry)
    return found


def narrow_types(data64: bytes, address64: int, buffer32: int) -> bytes:
    """The 32-bit form of an OBJECT_TYPES_INFORMATION; arguments as for :func:`narrow`."""
    count = int.from_bytes(data64[:4], "little")
    at, result = 8, bytearray(data64[:4])
    for _ in range(count):
        information = _TYPE.from_bytes(data64[at : at + _TYPE.size])
        name: UNICODE_STRING = information.TypeName
        start = name.Buffer - address64
        here = buffer32 + len(result) + size_of(OBJECT_TYPE_INFORMATION, 32)
        moved = replace(information, TypeName=replace(name, Buffer=PVOID(here)))
        result += encode(OBJECT_TYPE_INFORMATION, 32, moved)
        result += data64[start : start + name.Length] + b"\0\0"
        result += bytes(-len(result) % 4)
        at = -(-(start + name.MaximumLength) // 8) * 8
    return bytes(result)
