"""Answers to NtQueryInformationProcess, by information class (nt!Ps; numbers and structures: phnt).

Each answer is the whole buffer, in the width of the kernel. Times of execution, page faults and I/O are not
counted: they are 0. Leaves out working-set watches, handle tracing, energy and telemetry classes.
Who may import it: the kernel package.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.object_numbers import type_index
from wowsim.kernel.usage import usage, vm_counters
from wowsim.nt.abi import (
    HANDLE,
    LARGE_INTEGER,
    LONG,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    ULONG_PTR,
    encode,
    size_of,
)
from wowsim.nt.process_structures import (
    POOLED_USAGE_AND_LIMITS,
    PROCESS_EXTENDED_BASIC_INFORMATION,
    PROCESS_HANDLE_TABLE_ENTRY_INFO,
    QUOTA_LIMITS,
    VM_COUNTERS,
)
from wowsim.nt.status import STATUS_INVALID_PARAMETER
from wowsim.nt.structures import PROCESS_BASIC_INFORMATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.kernel.thread import Process

DRIVE_FIXED = 3
NO_LIMIT = -1
MINIMUM_WORKING_SET, MAXIMUM_WORKING_SET = 50 * 0x1000, 345 * 0x1000
"""MS docs, SetProcessWorkingSetSizeEx: the defaults."""

DEFAULTS = {12: 1, 18: 2, 22: 0, 31: 1, 29: 0, 33: 2, 34: 0x0D, 39: 5, 49: 0}
"""Settings as they are when nothing was set: DefaultHardErrorMode, PriorityClass (normal), PriorityBoost,
DebugFlags, BreakOnTermination, IoPriority (normal), ExecuteFlags (data is never executable here: DISABLE,
DISABLE_THUNK_EMULATION and PERMANENT), PagePriority (normal), ConsoleHostProcess."""


def setting(process: Process, information_class: int) -> int:
    """What NtSetInformationProcess left for a class."""
    return process.settings.get(information_class, DEFAULTS[information_class])


def basic(process: Process) -> PROCESS_BASIC_INFORMATION:
    """Class 0."""
    return PROCESS_BASIC_INFORMATION(
        NTSTATUS(process.exit_status),
        PVOID(process.peb),
        ULONG_PTR(1),
        LONG(process.base_priority),
        ULONG_PTR(process.id),
        ULONG_PTR(process.parent_id),
    )


def _basic(k: Kernel, process: Process) -> bytes:
    """Class 0; Wine's GetPriorityClass takes the base priority for the number of the class (observed)."""
    value = basic(process)
    if k.lenient:
        value.BasePriority = LONG(setting(process, 18))
    return encode(PROCESS_BASIC_INFORMATION, k.width, value)


def _extended_basic(k: Kernel, process: Process) -> bytes:
    kind = PROCESS_EXTENDED_BASIC_INFORMATION
    flags = (2 if process.peb32 else 0) | (4 if process.ended else 0)
    value = kind(SIZE_T(size_of(kind, k.width)), basic(process), ULONG(flags))
    return encode(kind, k.width, value)


def _quota_limits(k: Kernel, process: Process) -> bytes:
    unlimited = SIZE_T(NO_LIMIT & (1 << k.width) - 1)
    value = QUOTA_LIMITS(
        unlimited, unlimited, SIZE_T(MINIMUM_WORKING_SET), SIZE_T(MAXIMUM_WORKING_SET), unlimited,
        LARGE_INTEGER(NO_LIMIT),
    )  # fmt: skip
    return encode(QUOTA_LIMITS, k.width, value)


def _vm_counters(k: Kernel, process: Process) -> bytes:
    """The longer form; a shorter buffer takes its beginning."""
    return encode(type(value := vm_counters(k)), k.width, value)


def _times(k: Kernel, process: Process) -> bytes:
    return struct.pack("<4q", process.created, k.clock.now if process.ended else 0, 0, 0)


def _pools(k: Kernel, process: Process) -> bytes:
    zero, unlimited = SIZE_T(0), SIZE_T((1 << k.width) - 1)
    private = SIZE_T(usage(k).private)
    value = POOLED_USAGE_AND_LIMITS(zero, zero, unlimited, zero, zero, unlimited, private, private, unlimited)
    return encode(POOLED_USAGE_AND_LIMITS, k.width, value)


def _device_map(k: Kernel, process: Process) -> bytes:
    """PROCESS_DEVICEMAP_INFORMATION.Query: the one drive, a fixed disk."""
    letter = ord(k.volume.drive[0].upper()) - ord("A")
    types = bytearray(32)
    types[letter] = DRIVE_FIXED
    return struct.pack("<I", 1 << letter) + types


def _debug_object(k: Kernel, process: Process) -> bytes:
    """No handle; the service says STATUS_PORT_NOT_SET besides."""
    return bytes(k.width // 8)


def _image(k: Kernel, process: Process) -> bytes:
    if process.image is None:
        raise Unsupported("NtQueryInformationProcess(ProcessImageInformation) without a program image")
    return encode(type(process.image), k.width, process.image)


def _handles(k: Kernel, process: Process) -> bytes:
    """PROCESS_HANDLE_SNAPSHOT_INFORMATION."""
    kind, zero = PROCESS_HANDLE_TABLE_ENTRY_INFO, ULONG(0)
    entries = [
        kind(
            HANDLE(handle), SIZE_T(target.handle_count), SIZE_T(target.handle_count + 1), ULONG(access),
            ULONG(type_index(target)), ULONG(attributes), zero,
        )
        for handle, target, access, attributes in k.handles.entries()
    ]  # fmt: skip
    head = encode(ULONG_PTR, k.width, len(entries)) + encode(ULONG_PTR, k.width, 0)
    return head + b"".join(encode(kind, k.width, entry) for entry in entries)


def _number(get: Callable[[Kernel, Process], int]) -> Callable[[Kernel, Process], bytes]:
    return lambda k, process: struct.pack("<I", get(k, process) & 0xFFFFFFFF)


def _word(get: Callable[[Kernel, Process], int]) -> Callable[[Kernel, Process], bytes]:
    return lambda k, process: encode(ULONG_PTR, k.width, get(k, process))


def _kept(information_class: int) -> Callable[[Kernel, Process], bytes]:
    return _number(lambda k, process: setting(process, information_class))


QUERIES: dict[int, Callable[[Kernel, Process], bytes]] = {
    0: _basic,
    1: _quota_limits,
    2: lambda k, process: bytes(48),
    3: _vm_counters,
    4: _times,
    7: _word(lambda k, process: 0),
    12: _kept(12),
    14: _pools,
    18: lambda k, process: bytes((0, setting(process, 18))),
    20: _number(lambda k, process: len(k.handles)),
    21: _word(lambda k, process: 1),
    22: _kept(22),
    23: _device_map,
    24: _number(lambda k, process: 1 if k.build.has_uac else 0),
    26: _word(lambda k, process: process.peb32),
    28: _number(lambda k, process: 1),
    29: _kept(29),
    30: _debug_object,
    31: _kept(31),
    33: _kept(33),
    34: _kept(34),
    36: _number(lambda k, process: process.cookie),
    37: _image,
    38: lambda k, process: bytes(16),
    39: _kept(39),
    47: lambda k, process: bytes(2),
    49: _word(lambda k, process: setting(process, 49)),
    51: _handles,
    61: lambda k, process: bytes(1),
    73: lambda k, process: bytes(3),
    75: _number(lambda k, process: 0),
}
"""Class -> its buffer. Among them: 28 LUIDDeviceMapsEnabled, 47 GroupInformation (processor group 0), 61
ProtectionInformation (none), 73 ChildProcessInformation (nothing forbidden), 75 SubsystemInformation (Win32)."""

SINCE = {47: (6, 1), 51: (6, 2), 52: (6, 2), 60: (6, 3), 61: (6, 3), 73: (10, 0), 75: (10, 0)}
"""Version that brought a class (phnt)."""


def extended_basic(k: Kernel, process: Process, address: int, length: int) -> bytes | None:
    """Class 0 where its longer form is asked for: the caller has set Size."""
    size = size_of(PROCESS_EXTENDED_BASIC_INFORMATION, k.width)
    if length != size:
        return None
    if int.from_bytes(k.memory.read(address, k.width // 8), "little") != size:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return _extended_basic(k, process)


def accepts(k: Kernel, information_class: int, length: int, data: bytes) -> bytes | None:
    """What of an answer goes into a buffer of that length; None where Windows has no such form."""
    if information_class == 3 and length == size_of(VM_COUNTERS, k.width):
        return data[:length]
    if information_class == 51:
        return data if length >= len(data) else None
    if (
        information_class == 23 and length == len(data) + 4
    ):  # PROCESS_DEVICEMAP_INFORMATION_EX; Flags must be 0
        return data + bytes(4)
    if information_class == 47:
        return data if length >= len(data) else None
    return data if length == len(data) else None


LAST_POLICY = 19
"""ProcessSEHOPPolicy (winnt.h, PROCESS_MITIGATION_POLICY)."""
_DEP, _ASLR, _OPTIONS_MASK = 0, 1, 5
_DYNAMIC_BASE = 0x40


def mitigation_policy(k: Kernel, process: Process, address: int, length: int) -> bytes | None:
    """Class 52: the caller names a policy, whose flags are answered.

    Bottom-up randomization is on where the program asks for it; every other policy is off, as for a process whose
    maker asked for none (MS docs, GetProcessMitigationPolicy). DEP and the mask of all options are asked for
    elsewhere (that they are STATUS_INVALID_PARAMETER here is unverified).
    """
    if length != 8:
        return None
    policy = int.from_bytes(k.memory.read(address, 4), "little")
    if policy in (_DEP, _OPTIONS_MASK) or policy > LAST_POLICY:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    randomized = process.image is not None and process.image.DllCharacteristics & _DYNAMIC_BASE
    return struct.pack("<II", policy, 1 if policy == _ASLR and randomized else 0)
