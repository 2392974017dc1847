"""What the registry's queries answer: the records of each information class, and how much of them fits.

Layouts: wdm.h and phnt (KEY_*_INFORMATION, KEY_VALUE_*_INFORMATION), the same in both widths. Rule of every query
(WDK, ZwQueryKey and ZwQueryValueKey): a buffer shorter than the fixed part is STATUS_BUFFER_TOO_SMALL and stays as it
is, one that cuts the tail is filled with STATUS_BUFFER_OVERFLOW; ResultLength is the whole size both times.
Who may import it: the kernel package.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.names import utf16
from wowsim.nt.abi import ULONG
from wowsim.nt.registry_structures import KEY_WOW64_VIEWS
from wowsim.nt.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_DATATYPE_MISALIGNMENT,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.kernel.registry_tree import KeyNode, Value
    from wowsim.nt.abi import NTSTATUS, Out

NOTHING = 0xFFFFFFFF
"""ClassOffset or DataOffset where there is no class or data (unverified)."""
(
    BASIC, NODE, FULL, NAME, CACHED, FLAGS, VIRTUALIZATION, HANDLE_TAGS, TRUST, LAYER,
) = range(10)  # fmt: skip
"""KEY_INFORMATION_CLASS."""
VALUE_BASIC, VALUE_FULL, VALUE_PARTIAL, VALUE_FULL_ALIGN64, VALUE_PARTIAL_ALIGN64 = range(5)
"""KEY_VALUE_INFORMATION_CLASS."""

Record = tuple[bytes, int]
"""All bytes of an answer, and how many of them are its fixed part."""


def answer(k: Kernel, record: Record, address: int, length: int, result_length: Out[ULONG]) -> NTSTATUS:
    """Give as much of a record as fits."""
    data, fixed = record
    result_length.set(ULONG(len(data)))
    if length < fixed:
        return STATUS_BUFFER_TOO_SMALL
    k.memory.write(address, data[:length])
    return STATUS_BUFFER_OVERFLOW if length < len(data) else STATUS_SUCCESS


def probe(k: Kernel, address: int, length: int) -> None:
    """Refuse a buffer that cannot be written before anything else is looked at."""
    if length:
        k.memory.probe_write(address, length)


# ---------------------------------------------------------------- keys
def _basic(node: KeyNode) -> Record:
    name = utf16(node.name)
    return struct.pack("<qII", node.last_write, 0, len(name)) + name, 16


def _node(node: KeyNode) -> Record:
    name, class_name = utf16(node.name), utf16(node.class_name)
    offset = -(-(24 + len(name)) // 4) * 4
    head = struct.pack(
        "<qIIII", node.last_write, 0, offset if class_name else NOTHING, len(class_name), len(name)
    )
    return (head + name).ljust(offset if class_name else 0, b"\0") + class_name, 24


def _counts(node: KeyNode) -> tuple[int, int, int, int]:
    """Longest name of a subkey, values, longest name and longest data of one; in bytes."""
    return (
        max((len(utf16(child.name)) for child in node.children()), default=0),
        len(node.values),
        max((len(utf16(value.name)) for value in node.values), default=0),
        max((len(value.data) for value in node.values), default=0),
    )


def _full(node: KeyNode) -> Record:
    class_name = utf16(node.class_name)
    longest, values, longest_name, longest_data = _counts(node)
    longest_class = max((len(utf16(child.class_name)) for child in node.children()), default=0)
    head = struct.pack(
        "<qIIIIIIIII", node.last_write, 0, 44 if class_name else NOTHING, len(class_name), node.subkey_count,
        longest, longest_class, values, longest_name, longest_data,
    )  # fmt: skip
    return head + class_name, 44


def _name(node: KeyNode) -> Record:
    path = utf16(node.path)
    return struct.pack("<I", len(path)) + path, 4


def _cached(node: KeyNode) -> Record:
    data = struct.pack(
        "<qIIIIIIIxxxx", node.last_write, 0, node.subkey_count, *_counts(node), len(utf16(node.name))
    )
    return data, len(data)


def _flags(node: KeyNode) -> Record:
    """REG_FLAG_VOLATILE and REG_FLAG_LINK (phnt) between what was set."""
    wow64, control, _ = node.flags
    return struct.pack("<III", wow64, node.volatile | node.link << 1, control), 12


def _virtualization(node: KeyNode) -> Record:
    """Nothing is virtualized; VirtualTarget, VirtualStore and VirtualSource as they were set, in bits 2-4."""
    return struct.pack("<I", (node.flags[2] & 7) << 2), 4


def _no_bits(node: KeyNode) -> Record:
    """No trust, no layer."""
    return bytes(4), 4


_KEY_RECORDS: dict[int, Callable[[KeyNode], Record]] = {
    BASIC: _basic,
    NODE: _node,
    FULL: _full,
    NAME: _name,
    CACHED: _cached,
    FLAGS: _flags,
    VIRTUALIZATION: _virtualization,
    TRUST: _no_bits,
    LAYER: _no_bits,
}


def key_record(node: KeyNode, information_class: int) -> Record:
    """The record of a key; STATUS_INVALID_PARAMETER for no class of it."""
    make = _KEY_RECORDS.get(information_class)
    if make is None:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return make(node)


def handle_tags_record(tags: int) -> Record:
    """KEY_HANDLE_TAGS_INFORMATION, which belongs to a handle."""
    return struct.pack("<I", tags & ~KEY_WOW64_VIEWS), 4


# ---------------------------------------------------------------- values
def value_record(value: Value, information_class: int, address: int) -> Record:
    """The record of a value.

    Args:
        value: which.
        information_class: KEY_VALUE_INFORMATION_CLASS.
        address: of the buffer, which the Align64 classes want at a multiple of 8.

    Raises:
        GuestFault: STATUS_INVALID_PARAMETER for no class of it, STATUS_DATATYPE_MISALIGNMENT.
    """
    if information_class not in range(5):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if information_class in (VALUE_FULL_ALIGN64, VALUE_PARTIAL_ALIGN64) and address & 7:
        raise GuestFault(STATUS_DATATYPE_MISALIGNMENT)
    name, data = utf16(value.name), value.data
    if information_class == VALUE_BASIC:
        return struct.pack("<III", 0, value.kind, len(name)) + name, 12
    if information_class == VALUE_PARTIAL:
        return struct.pack("<III", 0, value.kind, len(data)) + data, 12
    if information_class == VALUE_PARTIAL_ALIGN64:
        return struct.pack("<II", value.kind, len(data)) + data, 8
    unit = 4 if information_class == VALUE_FULL else 8
    offset = -(-(20 + len(name)) // unit) * unit
    head = struct.pack("<IIIII", 0, value.kind, offset if data else NOTHING, len(data), len(name))
    return (head + name).ljust(offset if data else 0, b"\0") + data, 20
