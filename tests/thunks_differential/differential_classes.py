"""Buffers whose layouts differ between the widths: which they are, what the kernel puts there, what it is given.

Layouts are those of the declared structures (phnt, winnt.h); that a class is converted at all is what is compared.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from differential_values import random_value

from wowsim.nt.abi import HANDLE, PVOID, ULONG_PTR, layout, size_of
from wowsim.nt.file_structures import FILE_COMPLETION_INFORMATION
from wowsim.nt.memory_structures import (
    MEM_ADDRESS_REQUIREMENTS,
    MEMORY_BASIC_INFORMATION,
    MEMORY_IMAGE_INFORMATION,
    MEMORY_REGION_INFORMATION,
    SECTION_BASIC_INFORMATION,
)
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
from wowsim.nt.security_structures import SID_AND_ATTRIBUTES
from wowsim.nt.structures import (
    OBJECT_TYPE_INFORMATION,
    PROCESS_BASIC_INFORMATION,
    SECTION_IMAGE_INFORMATION,
    SYSTEM_BASIC_INFORMATION,
    THREAD_BASIC_INFORMATION,
    UNICODE_STRING,
)
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
from wowsim.nt.token_forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from differential_contents import Contents

    Make = Callable[[Random, int, int], bytes]
    """(random numbers, address, length of the 64-bit buffer) -> what the kernel has for it."""

MISMATCH, TOO_SMALL = 0xC0000004, 0xC0000023


@dataclass(frozen=True)
class Data:
    """What a query's class gives.

    Attributes:
        make: the 64-bit data.
        sizes: lengths of 32-bit buffers that make sense.
        exact: another length is wrong.
    """

    make: Make
    sizes: Sequence[int]
    exact: bool = False


@dataclass(frozen=True)
class Queried:
    """A query service.

    Attributes:
        class_at: index of the class; ``buffer`` of the buffer, whose length and returned length follow.
        classes: those whose layouts differ.
        most: classes above are not tried.
        wide: the returned length is a SIZE_T.
        too_short: what the kernel says when the buffer is.
    """

    class_at: int
    buffer: int
    classes: Mapping[int, Data]
    most: int = 0x60
    wide: bool = False
    too_short: int = MISMATCH

    @property
    def options(self) -> tuple[str, ...]:
        """How its arguments are compared."""
        return ("cell",) if not self.wide else ()


@dataclass(frozen=True)
class Set:
    """A class of a set service.

    Attributes:
        kind: what its buffer holds; None for a rename.
    """

    buffer: int
    kind: Any
    exact_length: bool = True
    flags: int = 0xFFFFFFFF

    def contents(self, look: Contents, address: int, length: int) -> Any:
        """What the kernel was given."""
        if self.kind is None:
            return _rename(look, address, length, self.flags)
        if length < size_of(self.kind, 64):
            return look.bytes(address, length)
        return look.value(self.kind, address)


def _rename(look: Contents, address: int, length: int, mask: int) -> Any:
    data = look.bytes(address, min(length, 0x1000)) or b""
    if len(data) < 0x14:
        return data
    flags, root, size = struct.unpack_from("<I4xQI", data)
    return flags & mask, root, size, data[0x14 : 0x14 + size]


# ---------------------------------------------------------------- what the kernel has
def fixed(*kinds: Any, exact: bool = False) -> Data:
    """One structure or scalar; of several the one that fits."""
    sizes = {size_of(kind, 64): kind for kind in kinds}

    def make(chance: Random, address: int, length: int) -> bytes:
        return random_value(sizes.get(length, kinds[0]), chance)

    return Data(make, [size_of(kind, 32) for kind in kinds], exact)


def _text(chance: Random) -> bytes:
    letters = "abcdefghij\\Windows.:"
    return "".join(chance.choice(letters) for _ in range(chance.randrange(24))).encode("utf-16-le")


def _even_text(chance: Random) -> bytes:
    """A text that is a multiple of 8 bytes long with its end (LEFT_OUT in the table of reasons)."""
    return (_text(chance) + b"a\0" * 11)[: chance.choice((6, 14, 22))] if chance.random() < 0.9 else b""


def _string(chance: Random, address: int, length: int) -> bytes:
    text = _text(chance)
    at = address + 16 if text else 0
    return (
        struct.pack("<HH4xQ", len(text), len(text) + 2 if text else 0, at) + text + (b"\0\0" if text else b"")
    )


def _type(chance: Random, address: int, length: int) -> bytes:
    text, size = _text(chance) or b"E\0", size_of(OBJECT_TYPE_INFORMATION, 64)
    data = bytearray(random_value(OBJECT_TYPE_INFORMATION, chance))
    struct.pack_into("<HH4xQ", data, 0, len(text), len(text) + 2, address + size)
    return bytes(data) + text + b"\0\0"


def _types(chance: Random, address: int, length: int) -> bytes:
    count = chance.randrange(1, 4)
    data = struct.pack("<I4x", count)
    for _ in range(count):
        data += _type(chance, address + len(data), 0)
        data += bytes(-len(data) % 8)
    return data


def _listed(kind: Any, head: int, count: int) -> Make:
    def make(chance: Random, address: int, length: int) -> bytes:
        number = chance.randrange(5)
        items = b"".join(random_value(kind, chance) for _ in range(number))
        return (number.to_bytes(count, "little").ljust(head, b"\0") if head else b"") + items

    return make


def _processes(thread: Any) -> Make:
    def make(chance: Random, address: int, length: int) -> bytes:
        result, count = b"", chance.randrange(1, 4)
        for index in range(count):
            here = address + len(result)
            threads = chance.randrange(3)
            data = bytearray(random_value(SYSTEM_PROCESS_INFORMATION, chance))
            data += b"".join(random_value(thread, chance) for _ in range(threads))
            text, fields = _even_text(chance), layout(SYSTEM_PROCESS_INFORMATION, 64).fields
            place = here + len(data) if text else 0
            string = struct.pack("<HH4xQ", len(text), len(text) + 2 if text else 0, place)
            data += text + (b"\0\0" if text else b"")
            data += bytes(-len(data) % 8)
            at = fields["ImageName"].offset
            data[at : at + 16] = string
            struct.pack_into("<I", data, fields["NumberOfThreads"].offset, threads)
            struct.pack_into("<I", data, 0, len(data) if index + 1 < count else 0)
            result += bytes(data)
        return result

    return make


def _relations(chance: Random, address: int, length: int) -> bytes:
    data = b""
    for _ in range(chance.randrange(1, 4)):
        kind, which = chance.choice(((PROCESSOR_RELATIONSHIP, 0), (GROUP_RELATIONSHIP, 4)))
        one = bytearray(random_value(kind, chance))
        struct.pack_into("<II", one, 0, which, len(one))
        if which:
            struct.pack_into("<HH", one, 8, 1, 1)
        else:
            struct.pack_into("<H", one, 8 + 22, 1)
        data += bytes(one)
    return data


def _working_set(chance: Random, address: int, length: int) -> bytes:
    count = chance.randrange(6)
    return struct.pack(f"<{count + 1}Q", count, *(chance.getrandbits(32) for _ in range(count)))


def _ids(chance: Random, address: int, length: int) -> bytes:
    count = chance.randrange(4)
    return struct.pack(f"<II{count}Q", count, count, *(4 * chance.randrange(0x1000) for _ in range(count)))


def _token(number: int) -> Make:
    form = FORMS[number]

    def make(chance: Random, address: int, length: int) -> bytes:
        count = chance.randrange(4) if form.counted else 1
        items = [
            (_blob(number, chance), chance.getrandbits(32) if form.attributes else 0) for _ in range(count)
        ]
        return form.encode(64, address, items)

    return make


def _blob(number: int, chance: Random) -> bytes:
    if number == 6:
        return sid_acl(chance)
    return sid(chance)


def sid(chance: Random) -> bytes:
    """A SID."""
    count = chance.randrange(1, 5)
    return struct.pack("<BB6s", 1, count, b"\0\0\0\0\0\5") + chance.randbytes(4 * count)


def sid_acl(chance: Random) -> bytes:
    """An ACL with entries."""
    aces = b""
    number = chance.randrange(3)
    for _ in range(number):
        who = sid(chance)
        aces += struct.pack("<BBHI", 0, 0, 8 + len(who), chance.getrandbits(32)) + who
    return struct.pack("<BBHHH", 2, 0, 8 + len(aces), number, 0) + aces


_STRING = Data(_string, (8, 0x20, 0x48, 0x100))
_LIST = (4, 0x40, 0x100, 0x400)


def _many(make: Make) -> Data:
    return Data(make, _LIST)


_SYSTEM: dict[int, Data] = {
    **{n: fixed(SYSTEM_BASIC_INFORMATION, exact=True) for n in (0, 62, 114)},
    5: _many(_processes(SYSTEM_THREAD_INFORMATION)),
    11: _many(_listed(RTL_PROCESS_MODULE_INFORMATION, 8, 4)),
    16: _many(_listed(SYSTEM_HANDLE_TABLE_ENTRY_INFO, 8, 4)),
    21: fixed(SYSTEM_FILECACHE_INFORMATION),
    37: fixed(SYSTEM_REGISTRY_QUOTA_INFORMATION),
    50: fixed(ULONG_PTR),
    57: _many(_processes(SYSTEM_EXTENDED_THREAD_INFORMATION)),
    64: _many(_listed(SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX, 16, 8)),
    73: _many(_listed(SYSTEM_LOGICAL_PROCESSOR_INFORMATION, 0, 0)),
    81: fixed(SYSTEM_FILECACHE_INFORMATION),
    88: fixed(SYSTEM_PROCESS_ID_INFORMATION),
    107: _many(_relations),
    123: fixed(SYSTEM_BASIC_PERFORMANCE_INFORMATION),
}
QUERIES: dict[str, Queried] = {
    "NtQueryInformationProcess": Queried(1, 2, {
        0: fixed(PROCESS_BASIC_INFORMATION, PROCESS_EXTENDED_BASIC_INFORMATION, exact=True),
        1: fixed(QUOTA_LIMITS, exact=True), 3: fixed(VM_COUNTERS, VM_COUNTERS_EX, exact=True),
        7: fixed(ULONG_PTR, exact=True), 14: fixed(POOLED_USAGE_AND_LIMITS, exact=True),
        21: fixed(ULONG_PTR, exact=True), 26: fixed(ULONG_PTR, exact=True), 27: _STRING,
        30: fixed(HANDLE, exact=True), 37: fixed(SECTION_IMAGE_INFORMATION, exact=True), 43: _STRING,
        49: fixed(ULONG_PTR, exact=True), 51: _many(_listed(PROCESS_HANDLE_TABLE_ENTRY_INFO, 16, 8)), 60: _STRING,
    }),
    "NtQueryInformationThread": Queried(1, 2, {
        0: fixed(THREAD_BASIC_INFORMATION, exact=True), 4: fixed(ULONG_PTR, exact=True),
        9: fixed(ULONG_PTR, exact=True), 30: fixed(GROUP_AFFINITY, exact=True), 38: _STRING,
        41: fixed(GROUP_AFFINITY, exact=True),
    }, most=0x30),
    "NtQueryInformationJobObject": Queried(1, 2, {
        2: fixed(JOBOBJECT_BASIC_LIMIT_INFORMATION), 3: _many(_ids),
        9: fixed(JOBOBJECT_EXTENDED_LIMIT_INFORMATION),
    }, most=0x20),
    "NtQuerySystemInformation": Queried(0, 1, _SYSTEM, most=0xC0),
    "NtQuerySystemInformationEx": Queried(0, 3, _SYSTEM, most=0xC0),
    "NtQueryInformationToken": Queried(
        1, 2, {n: _many(_token(n)) for n in FORMS} | {19: fixed(HANDLE)}, most=0x30, too_short=TOO_SMALL
    ),
    "NtQueryVirtualMemory": Queried(2, 3, {
        0: fixed(MEMORY_BASIC_INFORMATION), 1: _many(_working_set), 2: _STRING, 3: fixed(MEMORY_REGION_INFORMATION),
        6: fixed(MEMORY_IMAGE_INFORMATION), 8: fixed(MEMORY_BASIC_INFORMATION),
    }, most=9, wide=True),
    "NtQuerySection": Queried(
        1, 2, {0: fixed(SECTION_BASIC_INFORMATION), 1: fixed(SECTION_IMAGE_INFORMATION)}, most=4, wide=True
    ),
    "NtQueryObject": Queried(1, 2, {
        1: Data(_string, _STRING.sizes), 2: Data(_type, (0x60, 0x80, 0xC0)), 3: _many(_types),
    }, most=6),
}  # fmt: skip
_PROCESS_SET = {1: QUOTA_LIMITS, 21: ULONG_PTR, 49: ULONG_PTR}
_THREAD_SET = {4: ULONG_PTR, 5: HANDLE, 9: PVOID, 30: GROUP_AFFINITY, 38: UNICODE_STRING}
_JOB_SET = {2: JOBOBJECT_BASIC_LIMIT_INFORMATION, 9: JOBOBJECT_EXTENDED_LIMIT_INFORMATION}
_FILE_SET = {
    10: None, 11: None, 30: FILE_COMPLETION_INFORMATION, 61: FILE_COMPLETION_INFORMATION, 65: None, 72: None,
}  # fmt: skip
SETTINGS: dict[str, tuple[int, int, Mapping[int, Any], int]] = {
    "NtSetInformationProcess": (1, 2, _PROCESS_SET, 0x60),
    "NtSetInformationThread": (1, 2, _THREAD_SET, 0x30),
    "NtSetInformationJobObject": (1, 2, _JOB_SET, 0x20),
    "NtSetInformationToken": (1, 2, {4: PVOID, 5: PVOID, 6: PVOID, 25: SID_AND_ATTRIBUTES}, 0x30),
    "NtSetInformationFile": (4, 2, _FILE_SET, 0x50),
}
"""Service -> index of the class, of the buffer, classes whose layouts differ, the highest that is tried."""
OTHER_CLASSES: dict[str, int] = {
    "NtQueryVolumeInformationFile": 4, "NtQueryInformationFile": 4, "NtQueryDirectoryFile": 7, "NtQueryKey": 1,
    "NtSetSystemInformation": 0, "NtSetInformationObject": 1, "NtSetInformationKey": 1, "NtPowerInformation": 0,
    "NtSetVolumeInformationFile": 4, "NtEnumerateKey": 2, "NtEnumerateValueKey": 2, "NtQueryValueKey": 2,
    "NtQueryEvent": 1, "NtQueryMutant": 1, "NtQuerySemaphore": 1, "NtQueryTimer": 1, "NtQueryIoCompletion": 1,
    "NtQueryInformationAtom": 1, "NtSetInformationVirtualMemory": 1, "NtSetInformationDebugObject": 1,
}  # fmt: skip
"""Service -> index of its class, where no class differs."""


def query_of(service: str, slots: Sequence[int]) -> Queried | None:
    """The query, if its class is one whose layouts differ."""
    found = QUERIES.get(service)
    return found if found is not None and slots[found.class_at] & 0xFFFFFFFF in found.classes else None


def least_length(service: str, slots: Sequence[int]) -> int:
    """What the 64-bit kernel wants at least of a buffer that is set."""
    found = setting_of(service, slots)
    if found is None:
        return 0
    return 0x14 if found.kind is None else size_of(found.kind, 64)


def setting_of(service: str, slots: Sequence[int]) -> Set | None:
    """What is set, if its class is one whose layouts differ."""
    if service not in SETTINGS:
        return None
    class_at, buffer, kinds, _ = SETTINGS[service]
    number = slots[class_at] & 0xFFFFFFFF
    return (
        Set(buffer, kinds[number], kinds[number] is not None, 0xFF if number < 65 else ~0)
        if number in kinds
        else None
    )


# ---------------------------------------------------------------- arrays of their own
def _parameters(look: Contents, slots: Sequence[int], index: int) -> Any:
    """MEM_EXTENDED_PARAMETER[]."""
    count = slots[index + 1] & 0xFFFFFFFF
    if not count or count > 16:
        return "many" if count else "none"
    found = []
    for i in range(count):
        data = look.bytes(slots[index] + 16 * i, 16)
        if data is None:
            return "bad"
        kind, value = struct.unpack("<QQ", data)
        found.append(
            (kind, look.value(MEM_ADDRESS_REQUIREMENTS, value) if kind & 0xFF == 1 and value else value)
        )
    return found


def _value_entries(look: Contents, slots: Sequence[int], index: int) -> Any:
    count = slots[index + 1] & 0xFFFFFFFF
    if count > 16:
        return "many"
    rows = struct.iter_unpack("<QIII4x", look.bytes(slots[index], 24 * count) or b"")
    return [(look.value(UNICODE_STRING, name) if name else 0, *rest) for name, *rest in rows]


def _hard_error(look: Contents, slots: Sequence[int], index: int) -> Any:
    count, mask = slots[1] & 0xFFFFFFFF, slots[2]
    if count > 8:
        return "many"
    values = struct.unpack(f"<{count}Q", look.bytes(slots[index], 8 * count) or bytes(8 * count))
    return [look.value(UNICODE_STRING, v) if mask >> i & 1 else v for i, v in enumerate(values)]


def _context(look: Contents, slots: Sequence[int], index: int) -> Any:
    data = look.bytes(slots[index], 0x4D0)
    return data and data[0x30:0x100]


def _place(look: Contents, slots: Sequence[int], index: int) -> Any:
    return "a place"


def _dword(look: Contents, slots: Sequence[int], index: int) -> Any:
    return "a length"


def _asked(look: Contents, slots: Sequence[int], index: int) -> Any:
    """A process or a relationship."""
    number = slots[0] & 0xFFFFFFFF
    if number in ASKED_PROCESSES and slots[index + 1] >= 8:
        return look.value(HANDLE, slots[index])
    return look.bytes(slots[index], 4) if number == 107 else slots[index]


ASKED_PROCESSES = (181, 230)
ARRAYS: dict[str, dict[int, Callable[[Contents, Sequence[int], int], Any]]] = {
    "NtAllocateVirtualMemoryEx": {5: _parameters},
    "NtMapViewOfSectionEx": {7: _parameters},
    "NtQueryMultipleValueKey": {1: _value_entries},
    "NtRaiseHardError": {3: _hard_error},
    "NtCreateThread": {5: _context},
    "NtQueryDirectoryObject": {1: _place, 2: _dword, 6: _place},
    "NtGetWriteWatch": {4: _place},
    "NtQuerySystemInformationEx": {1: _asked, 2: _dword},
    "NtRemoveIoCompletionEx": {1: _place},
    "NtAdjustGroupsToken": {3: _dword, 4: _place},
}
"""Service -> index of a parameter -> what tells of it."""
