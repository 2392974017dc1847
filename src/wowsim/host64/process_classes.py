"""Process, thread and job information between the widths (wow64-facts section 6; layouts: phnt).

Classes that are not listed have the same layout in both widths. PebBaseAddress and TebBaseAddress become the 32-bit
ones' addresses elsewhere. Who may import it: host64.
"""

from __future__ import annotations

from dataclasses import replace

from wowsim.host64.spans import Narrow, Span, array, cut, fixed
from wowsim.nt.abi import PVOID, encode, size_of
from wowsim.nt.process_structures import (
    GROUP_AFFINITY,
    JOBOBJECT_BASIC_LIMIT_INFORMATION,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    POOLED_USAGE_AND_LIMITS,
    PROCESS_EXTENDED_BASIC_INFORMATION,
    PROCESS_HANDLE_TABLE_ENTRY_INFO,
    QUOTA_LIMITS,
    VM_COUNTERS,
    VM_COUNTERS_EX,
)
from wowsim.nt.structures import (
    PROCESS_BASIC_INFORMATION,
    SECTION_IMAGE_INFORMATION,
    THREAD_BASIC_INFORMATION,
    UNICODE_STRING,
)


def _string(data64: bytes, address64: int, buffer32: int) -> bytes:
    """A UNICODE_STRING whose text lies behind it."""
    span = Span(data64, address64)
    value = span.load(UNICODE_STRING, 0)
    text = span.text(value)
    tail = bytes(max(value.MaximumLength - value.Length, 0)) if text else b""
    at = buffer32 + size_of(UNICODE_STRING, 32) if text else 0
    return encode(UNICODE_STRING, 32, replace(value, Buffer=PVOID(at))) + text + tail


_extended = fixed(PROCESS_EXTENDED_BASIC_INFORMATION)
_basic = fixed(PROCESS_BASIC_INFORMATION)


def _basic_or_extended(data64: bytes, address64: int, buffer32: int) -> bytes:
    """The longer form begins with its size, which changes too."""
    if len(data64) != size_of(PROCESS_EXTENDED_BASIC_INFORMATION, 64):
        return _basic(data64, address64, buffer32)
    narrowed = _extended(data64, address64, buffer32)
    return len(narrowed).to_bytes(4, "little") + narrowed[4:]


PROCESS: dict[int, Narrow] = {
    0: _basic_or_extended,
    1: fixed(QUOTA_LIMITS),
    3: fixed(VM_COUNTERS_EX, VM_COUNTERS),
    7: cut,
    14: fixed(POOLED_USAGE_AND_LIMITS),
    21: cut,
    26: cut,
    27: _string,
    30: cut,
    37: fixed(SECTION_IMAGE_INFORMATION),
    43: _string,
    49: cut,
    51: array(PROCESS_HANDLE_TABLE_ENTRY_INFO, 16, 8, 8),
    60: _string,
}
"""NtQueryInformationProcess: class -> conversion."""

THREAD: dict[int, Narrow] = {
    0: fixed(THREAD_BASIC_INFORMATION),
    9: cut,
    30: fixed(GROUP_AFFINITY),
    38: _string,
    41: fixed(GROUP_AFFINITY),
}
"""NtQueryInformationThread: class -> conversion."""


def _process_ids(data64: bytes, address64: int, buffer32: int) -> bytes:
    """JOBOBJECT_BASIC_PROCESS_ID_LIST: two ULONGs, then pointer-sized ids."""
    return data64[:8] + b"".join(data64[at : at + 4] for at in range(8, len(data64), 8))


JOB: dict[int, Narrow] = {
    2: fixed(JOBOBJECT_BASIC_LIMIT_INFORMATION),
    3: _process_ids,
    9: fixed(JOBOBJECT_EXTENDED_LIMIT_INFORMATION),
}
"""NtQueryInformationJobObject: class -> conversion; what NtSetInformationJobObject takes for 2 and 9 widens."""
