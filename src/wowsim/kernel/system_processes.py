"""The lists of processes and threads, handles and drivers (system classes 5, 11, 16, 57, 64; phnt).

There are the idle process, System and the one that runs; handles are its own. Who may import it: the kernel package.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.names import utf16
from wowsim.kernel.object_numbers import object_address, type_index
from wowsim.kernel.thread import State, Thread
from wowsim.kernel.usage import usage, vm_counters
from wowsim.nt.abi import (
    HANDLE,
    LARGE_INTEGER,
    LONG,
    PVOID,
    SIZE_T,
    UCHAR,
    ULONG,
    ULONG_PTR,
    ULONGLONG,
    USHORT,
    encode,
    size_of,
)
from wowsim.nt.process_structures import IO_COUNTERS, VM_COUNTERS_EX
from wowsim.nt.records import dataclass
from wowsim.nt.status import STATUS_ACCESS_DENIED
from wowsim.nt.structures import CLIENT_ID, UNICODE_STRING
from wowsim.nt.system_structures import (
    RTL_PROCESS_MODULE_INFORMATION,
    SYSTEM_EXTENDED_THREAD_INFORMATION,
    SYSTEM_HANDLE_TABLE_ENTRY_INFO,
    SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX,
    SYSTEM_PROCESS_INFORMATION,
    SYSTEM_THREAD_INFORMATION,
)

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel

IDLE_PROCESS, SYSTEM_PROCESS, SYSTEM_THREAD = 0, 4, 8
EXTENDED = 57
_READY, _RUNNING, _WAITING = 1, 2, 5
"""KTHREAD_STATE."""
_EXECUTIVE, _DELAY, _SUSPENDED, _USER_REQUEST = 0, 4, 5, 6
"""KWAIT_REASON."""
_NONE = VM_COUNTERS_EX(SIZE_T(0), SIZE_T(0), ULONG(0), *([SIZE_T(0)] * 9))
_NO_IO = IO_COUNTERS(*([ULONGLONG(0)] * 6))


@dataclass(frozen=True)
class _Row:
    """A process as the list shows it."""

    id: int
    name: str
    parent: int = 0
    priority: int = 8
    created: int = 0
    handles: int = 0
    session: int = 0
    memory: VM_COUNTERS_EX | None = None
    private: int = 0
    threads: tuple[SYSTEM_EXTENDED_THREAD_INFORMATION, ...] = ()


def process_list(k: Kernel, address: int, *, extended: bool) -> bytes:
    """The whole buffer of class 5 or 57 as it lies at ``address``."""
    token_session = 1 if k.build.has_uac else 0
    process = k.process
    rows = (
        _Row(IDLE_PROCESS, "", priority=0, threads=(_thread(0, 0, _RUNNING, _EXECUTIVE, 0),)),
        _Row(
            SYSTEM_PROCESS, "System", created=k.clock.boot_time,
            threads=(_thread(SYSTEM_PROCESS, SYSTEM_THREAD, _WAITING, _EXECUTIVE, k.clock.boot_time),),
        ),
        _Row(
            process.id, process.image_path.rpartition("\\")[2], process.parent_id, process.base_priority,
            process.created, len(k.handles), token_session, vm_counters(k), usage(k).private,
            tuple(_own_thread(k, thread) for thread in k.threads),
        ),
    )  # fmt: skip
    data = b""
    for index, row in enumerate(rows):
        data += _entry(k, row, address + len(data), extended, last=index == len(rows) - 1)
    return data


def _entry(k: Kernel, row: _Row, address: int, extended: bool, *, last: bool) -> bytes:
    width = k.width
    threads = b"".join(
        encode(SYSTEM_EXTENDED_THREAD_INFORMATION, width, each)
        if extended
        else encode(SYSTEM_THREAD_INFORMATION, width, each.ThreadInfo)
        for each in row.threads
    )
    text = utf16(row.name)
    name_at = size_of(SYSTEM_PROCESS_INFORMATION, width) + len(threads)
    tail = threads + (text + b"\0\0" if text else b"")
    tail += bytes(-(size_of(SYSTEM_PROCESS_INFORMATION, width) + len(tail)) % 8)
    name = UNICODE_STRING(
        USHORT(len(text)), USHORT(len(text) + 2 if text else 0), PVOID(address + name_at if text else 0)
    )
    whole = size_of(SYSTEM_PROCESS_INFORMATION, width) + len(tail)
    zero = LARGE_INTEGER(0)
    value = SYSTEM_PROCESS_INFORMATION(
        ULONG(0 if last else whole), ULONG(len(row.threads)), ULONGLONG(row.private), ULONG(0),
        ULONG(len(row.threads)), ULONGLONG(0), LARGE_INTEGER(row.created), zero, zero, name,
        LONG(row.priority), HANDLE(row.id), HANDLE(row.parent), ULONG(row.handles), ULONG(row.session),
        ULONG_PTR(row.id if extended else 0), row.memory or _NONE, _NO_IO,
    )  # fmt: skip
    return encode(SYSTEM_PROCESS_INFORMATION, width, value) + tail


# ---------------------------------------------------------------- threads
def _own_thread(k: Kernel, thread: Thread) -> SYSTEM_EXTENDED_THREAD_INFORMATION:
    state, reason = _READY, 0
    if thread is k.thread:
        state = _RUNNING
    elif thread.suspended:
        state, reason = _WAITING, _SUSPENDED
    elif thread.state is State.WAITING:
        delayed = thread.wait is not None and not thread.wait.objects
        state, reason = _WAITING, _DELAY if delayed else _USER_REQUEST
    made = _thread(k.process.id, thread.id, state, reason, thread.created)
    made.ThreadInfo = replace(
        made.ThreadInfo,
        StartAddress=PVOID(thread.start),
        Priority=LONG(thread.priority),
        BasePriority=LONG(k.process.base_priority),
    )
    made.Win32StartAddress, made.TebBase = PVOID(thread.start), PVOID(thread.teb)
    return made


def _thread(
    process: int, thread: int, state: int, reason: int, created: int
) -> SYSTEM_EXTENDED_THREAD_INFORMATION:
    zero, nothing, none = LARGE_INTEGER(0), ULONG_PTR(0), PVOID(0)
    info = SYSTEM_THREAD_INFORMATION(
        zero, zero, LARGE_INTEGER(created), ULONG(0), none, CLIENT_ID(HANDLE(process), HANDLE(thread)), LONG(0),
        LONG(0), ULONG(0), ULONG(state), ULONG(reason),
    )  # fmt: skip
    return SYSTEM_EXTENDED_THREAD_INFORMATION(info, nothing, nothing, none, none, nothing, nothing, nothing)


# ---------------------------------------------------------------- handles
def handle_list(k: Kernel) -> bytes:
    """Class 16: ids and handles are cut to 16 bits, as they are on Windows."""
    kind, word = SYSTEM_HANDLE_TABLE_ENTRY_INFO, k.width // 8
    entries = [
        kind(
            USHORT(k.process.id & 0xFFFF), USHORT(0), UCHAR(type_index(target)), UCHAR(attributes),
            USHORT(handle & 0xFFFF), PVOID(object_address(k, target)), ULONG(access),
        )
        for handle, target, access, attributes in k.handles.entries()
    ]  # fmt: skip
    return len(entries).to_bytes(word, "little") + b"".join(encode(kind, k.width, each) for each in entries)


def extended_handle_list(k: Kernel) -> bytes:
    """Class 64."""
    kind = SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX
    entries = [
        kind(
            PVOID(object_address(k, target)), HANDLE(k.process.id), HANDLE(handle), ULONG(access), USHORT(0),
            USHORT(type_index(target)), ULONG(attributes), ULONG(0),
        )
        for handle, target, access, attributes in k.handles.entries()
    ]  # fmt: skip
    head = encode(ULONG_PTR, k.width, len(entries)) + bytes(k.width // 8)
    return head + b"".join(encode(kind, k.width, each) for each in entries)


# ---------------------------------------------------------------- drivers
_DRIVERS = (("ntoskrnl.exe", 0x5E7000), ("hal.dll", 0x49000))
_KERNEL_BASE = {32: 0x82800000, 64: 0xFFFFF800_02A00000}


def module_list(k: Kernel) -> bytes:
    """Class 11: the kernel and the HAL; nothing of them can be seen, so their places and sizes are ours.

    Windows 8.1 and later refuse callers of medium integrity (MS docs, EnumDeviceDrivers; the status is unverified).
    """
    if k.build.hides_kernel_addresses:
        raise GuestFault(STATUS_ACCESS_DENIED)
    base, entries = _KERNEL_BASE[k.width], b""
    for index, (name, size) in enumerate(_DRIVERS):
        path = rf"\SystemRoot\system32\{name}"
        value = RTL_PROCESS_MODULE_INFORMATION(
            PVOID(0), PVOID(0), PVOID(base), ULONG(size), ULONG(0x08804000), USHORT(index), USHORT(0), USHORT(1),
            USHORT(len(path) - len(name)), path.encode("ascii").ljust(256, b"\0"),
        )  # fmt: skip
        entries += encode(RTL_PROCESS_MODULE_INFORMATION, k.width, value)
        base += size
    return struct.pack("<I" if k.width == 32 else "<Q", len(_DRIVERS)) + entries
