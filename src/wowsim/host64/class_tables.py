"""Which information classes differ between the widths, by service (wow64-facts section 6; layouts: phnt, winnt.h).

A class that is not listed has the same layout in both widths. Who may import it: host64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from wowsim.host64 import process_classes, system_classes, token_classes
from wowsim.host64.buffers import Buffer
from wowsim.host64.classes import Exact, Filled, Fixed, Query, Rebuilt, Setting, Shape, Wider
from wowsim.nt.abi import HANDLE, PVOID, ULONG_PTR, size_of
from wowsim.nt.process_structures import (
    GROUP_AFFINITY,
    JOBOBJECT_BASIC_LIMIT_INFORMATION,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    POOLED_USAGE_AND_LIMITS,
    PROCESS_EXTENDED_BASIC_INFORMATION,
    QUOTA_LIMITS,
    VM_COUNTERS,
    VM_COUNTERS_EX,
)
from wowsim.nt.security_structures import SID_AND_ATTRIBUTES
from wowsim.nt.status import STATUS_BUFFER_TOO_SMALL
from wowsim.nt.structures import (
    PROCESS_BASIC_INFORMATION,
    SECTION_IMAGE_INFORMATION,
    SYSTEM_BASIC_INFORMATION,
    THREAD_BASIC_INFORMATION,
    UNICODE_STRING,
)
from wowsim.nt.system_structures import SYSTEM_PROCESS_ID_INFORMATION

if TYPE_CHECKING:
    from wowsim.host64.buffers import Call
    from wowsim.nt.trap import Trap

_U32 = struct.Struct("<I")
_LIST_ROOM = 0x1000
_STRING = Rebuilt(process_classes.string, stretch=1, more=8, growth=8)
"""A UNICODE_STRING with its text behind it: in 64 bits as much longer as the structure is."""


def _list(narrow: Any) -> Rebuilt:
    return Rebuilt(narrow, more=_LIST_ROOM)


def _sizes(*kinds: type) -> dict[int, int]:
    return {size_of(kind, 32): size_of(kind, 64) for kind in kinds}


def _basic(trap: Trap, data: bytes) -> bytes:
    """PebBaseAddress is the 32-bit PEB for 32-bit callers.

    Of other processes it is taken to lie where this one's does, seen from the 64-bit PEB (section 6).
    """
    memory = trap.memory
    at = 8 if len(data) == size_of(PROCESS_EXTENDED_BASIC_INFORMATION, 32) else 4
    (peb,) = _U32.unpack_from(data, at)
    if peb:
        (peb32,), (peb64,) = memory.unpack(_U32, trap.teb32 + 0x30), memory.unpack(_U32, trap.teb64 + 0x60)
        peb = peb + peb32 - peb64 & 0xFFFFFFFF
    return data[:at] + _U32.pack(peb) + data[at + 4 :]


def _teb32(trap: Trap, value: THREAD_BASIC_INFORMATION) -> THREAD_BASIC_INFORMATION:
    """TebBaseAddress is the 32-bit TEB, 2000h above the 64-bit one (section 3.1)."""
    teb = value.TebBaseAddress
    return replace(value, TebBaseAddress=PVOID(teb + 0x2000 if teb else 0))


_PROCESS: dict[int, Shape] = {
    0: Exact(
        process_classes.PROCESS[0],
        _sizes(PROCESS_BASIC_INFORMATION, PROCESS_EXTENDED_BASIC_INFORMATION),
        adjust=_basic,
        sized=size_of(PROCESS_EXTENDED_BASIC_INFORMATION, 32),
    ),
    1: Fixed(QUOTA_LIMITS),
    3: Exact(process_classes.PROCESS[3], _sizes(VM_COUNTERS, VM_COUNTERS_EX)),
    7: Fixed(ULONG_PTR),
    14: Fixed(POOLED_USAGE_AND_LIMITS),
    21: Fixed(ULONG_PTR),
    26: Fixed(ULONG_PTR),
    27: _STRING,
    30: Fixed(HANDLE),
    37: Fixed(SECTION_IMAGE_INFORMATION),
    43: _STRING,
    49: Fixed(ULONG_PTR),
    51: _list(process_classes.PROCESS[51]),
    60: _STRING,
}
_THREAD: dict[int, Shape] = {
    0: Fixed(THREAD_BASIC_INFORMATION, _teb32),
    4: Fixed(ULONG_PTR),
    9: Fixed(ULONG_PTR),
    30: Fixed(GROUP_AFFINITY),
    38: _STRING,
    41: Fixed(GROUP_AFFINITY),
}
_JOB: dict[int, Shape] = {
    2: Fixed(JOBOBJECT_BASIC_LIMIT_INFORMATION),
    3: _list(process_classes.JOB[3]),
    9: Fixed(JOBOBJECT_EXTENDED_LIMIT_INFORMATION),
}
_SYSTEM: dict[int, Shape] = {
    0: Fixed(SYSTEM_BASIC_INFORMATION),
    50: Fixed(ULONG_PTR),
    62: Fixed(SYSTEM_BASIC_INFORMATION),
    114: Fixed(SYSTEM_BASIC_INFORMATION),
    **{number: Fixed(kind) for number, kind in system_classes.FIXED.items()},
    **{number: _list(narrow) for number, narrow in system_classes.LISTS.items()},
    88: Filled(SYSTEM_PROCESS_ID_INFORMATION),
}
_TOKEN: dict[int, Shape] = {number: _list(narrow) for number, narrow in token_classes.TOKEN.items()}


@dataclass(frozen=True)
class PreviousGroups(Buffer):
    """PreviousState of NtAdjustGroupsToken; its length stands before it, the returned length behind it.

    Attributes:
        at: index of the parameter.
    """

    at: int = 4
    room: int = field(default=0x40, kw_only=True)
    has_result: ClassVar[bool] = True

    @property
    def replaces(self) -> int | None:
        """The list."""
        return self.at

    def size(self, call: Call) -> int:
        """Enough for whatever fits when narrowed."""
        length = min(call.argument(self.at - 1), 0x10000)
        return 2 * length + 0x400 if call.argument(self.at) else 0

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Let the call fill the 64-bit list, as long as the caller's is."""
        if size:
            call.memory.probe_write(call.argument(self.at), min(call.argument(self.at - 1), 0x10000))
            call.memory.write(area, bytes(size))
            call.set(self.at - 1, size)
            call.set(self.at, area)
        return None

    def after(self, call: Call, area: int, size: int) -> None:
        """Narrow it."""
        pointer = call.argument(self.at)
        if not size or call.status >= 0x80000000:
            return
        data = token_classes.narrow_groups(call.memory.read(area, size), area, pointer)
        if call.argument(self.at + 1):
            call.memory.pack(_U32, call.argument(self.at + 1), len(data))
        if len(data) > call.argument(self.at - 1):
            call.fail(STATUS_BUFFER_TOO_SMALL)
        else:
            call.memory.write(pointer, data)


def class_buffers() -> dict[str, list[Buffer]]:
    """Nt name -> the buffers of query and set services of processes, threads, jobs, tokens and the system."""
    emulated = {0: 62, 1: 63}
    return {
        "NtQueryInformationProcess": [Query(1, _PROCESS)],
        "NtSetInformationProcess": [
            Setting(1, {1: Wider(QUOTA_LIMITS), 21: Wider(ULONG_PTR), 49: Wider(ULONG_PTR)})
        ],
        "NtQueryInformationThread": [Query(1, _THREAD)],
        "NtSetInformationThread": [
            Setting(
                1,
                {
                    4: Wider(ULONG_PTR),
                    5: Wider(HANDLE),
                    9: Wider(PVOID),
                    30: Wider(GROUP_AFFINITY),
                    38: Wider(UNICODE_STRING),
                },
            )
        ],
        "NtQueryInformationJobObject": [Query(1, _JOB)],
        "NtSetInformationJobObject": [
            Setting(
                1,
                {
                    2: Wider(JOBOBJECT_BASIC_LIMIT_INFORMATION),
                    9: Wider(JOBOBJECT_EXTENDED_LIMIT_INFORMATION),
                },
            )
        ],
        "NtQuerySystemInformation": [Query(0, _SYSTEM, classes=emulated)],
        "NtQuerySystemInformationEx": [
            Query(0, _SYSTEM, classes=emulated, buffer_at=3),
            Setting(0, {181: Wider(HANDLE), 230: Wider(HANDLE)}, buffer_at=1),
        ],
        "NtQueryInformationToken": [Query(1, _TOKEN, too_short=STATUS_BUFFER_TOO_SMALL)],
        "NtSetInformationToken": [
            Setting(1, {4: Wider(PVOID), 5: Wider(PVOID), 6: Wider(PVOID), 25: Wider(SID_AND_ATTRIBUTES)})
        ],
        "NtAdjustGroupsToken": [PreviousGroups()],
    }
