"""System information between the widths (wow64!whNT32QuerySystem*; wow64-facts section 6).

Classes that are not listed have the same layout in both widths; classes 0 and 1 become 62 and 63 on the way down.
Kernel addresses are cut to 32 bits. Who may import it: host64.
"""

from __future__ import annotations

from dataclasses import replace

from wowsim.host64.spans import Narrow, Span, array, cut, fixed
from wowsim.nt.abi import PVOID, ULONG, encode, size_of
from wowsim.nt.structures import SYSTEM_BASIC_INFORMATION
from wowsim.nt.system_structures import (
    GROUP_RELATIONSHIP,
    PROCESSOR_RELATIONSHIP,
    RTL_PROCESS_MODULE_INFORMATION,
    SYSTEM_BASIC_PERFORMANCE_INFORMATION,
    SYSTEM_EXTENDED_THREAD_INFORMATION,
    SYSTEM_FILECACHE_INFORMATION,
    SYSTEM_HANDLE_TABLE_ENTRY_INFO,
    SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX,
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION,
    SYSTEM_PROCESS_ID_INFORMATION,
    SYSTEM_PROCESS_INFORMATION,
    SYSTEM_REGISTRY_QUOTA_INFORMATION,
    SYSTEM_THREAD_INFORMATION,
)

_GROUP = 4
"""RelationGroup."""


def _processes(thread_kind: type) -> Narrow:
    """A chain of processes, each with its threads and its name behind it."""

    def narrow(data64: bytes, address64: int, buffer32: int) -> bytes:
        span, offset, result = Span(data64, address64), 0, b""
        while True:
            value = span.load(SYSTEM_PROCESS_INFORMATION, offset)
            entry = _process(span, offset, value, thread_kind, buffer32 + len(result))
            step = value.NextEntryOffset
            if not step:
                return result + entry
            result += ULONG(len(entry)).to_bytes(4, "little") + entry[4:]
            offset += step

    return narrow


def _process(
    span: Span, offset: int, value: SYSTEM_PROCESS_INFORMATION, thread_kind: type, address32: int
) -> bytes:
    """One process as it lies at ``address32``; its NextEntryOffset is 0 yet."""
    first, size = offset + size_of(SYSTEM_PROCESS_INFORMATION, 64), size_of(thread_kind, 64)
    threads = b"".join(
        encode(thread_kind, 32, span.load(thread_kind, first + index * size))
        for index in range(value.NumberOfThreads)
    )
    text = span.text(value.ImageName)
    behind = size_of(SYSTEM_PROCESS_INFORMATION, 32) + len(threads)
    name = replace(value.ImageName, Buffer=PVOID(address32 + behind if text else 0))
    head = encode(SYSTEM_PROCESS_INFORMATION, 32, replace(value, NextEntryOffset=ULONG(0), ImageName=name))
    whole = head + threads + (text + b"\0\0" if text else b"")
    return whole + bytes(-len(whole) % 8)


def _relationships(data64: bytes, address64: int, buffer32: int) -> bytes:
    """Records of their own sizes."""
    span, offset, result = Span(data64, address64), 0, b""
    while offset < len(data64):
        which = int.from_bytes(span.read(address64 + offset, 4), "little")
        kind = GROUP_RELATIONSHIP if which == _GROUP else PROCESSOR_RELATIONSHIP
        value = span.load(kind, offset)
        result += encode(kind, 32, replace(value, Size=ULONG(size_of(kind, 32))))
        offset += size_of(kind, 64)
    return result


SYSTEM: dict[int, Narrow] = {
    0: fixed(SYSTEM_BASIC_INFORMATION),
    5: _processes(SYSTEM_THREAD_INFORMATION),
    11: array(RTL_PROCESS_MODULE_INFORMATION, 8, 4, 4),
    16: array(SYSTEM_HANDLE_TABLE_ENTRY_INFO, 8, 4, 4),
    21: fixed(SYSTEM_FILECACHE_INFORMATION),
    37: fixed(SYSTEM_REGISTRY_QUOTA_INFORMATION),
    50: cut,
    57: _processes(SYSTEM_EXTENDED_THREAD_INFORMATION),
    62: fixed(SYSTEM_BASIC_INFORMATION),
    64: array(SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX, 16, 8, 8),
    73: array(SYSTEM_LOGICAL_PROCESSOR_INFORMATION),
    81: fixed(SYSTEM_FILECACHE_INFORMATION),
    88: fixed(SYSTEM_PROCESS_ID_INFORMATION),
    107: _relationships,
    114: fixed(SYSTEM_BASIC_INFORMATION),
    123: fixed(SYSTEM_BASIC_PERFORMANCE_INFORMATION),
}
"""NtQuerySystemInformation(Ex): class -> conversion. Class 88 also goes in: its string's buffer stays the caller's."""
