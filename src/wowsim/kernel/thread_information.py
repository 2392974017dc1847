"""What a thread is and may be told: NtQueryInformationThread, NtSetInformationThread (nt!Ps).

Leaves out impersonation and affinity beyond the one processor. Information classes: phnt; their lengths are checked as
Windows does (exact for fixed ones). Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

import struct
from typing import Any

from wowsim.kernel.class_names import THREAD_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.contexts import get_wow64_context, set_wow64_context
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Thread
from wowsim.nt.abi import BOOLEAN, HANDLE, LONG, NTSTATUS, PVOID, ULONG, ULONG_PTR, Out, encode
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import CLIENT_ID, THREAD_BASIC_INFORMATION

THREAD_SET_INFORMATION = 0x20
THREAD_QUERY = 0x840
"""THREAD_QUERY_INFORMATION or THREAD_QUERY_LIMITED_INFORMATION."""
_TLS = {32: (0xE10, 0xF94, 4), 64: (0x1480, 0x1780, 8)}
"""TEB offsets of TlsSlots and TlsExpansionSlots, and the size of a slot (wow64-facts section 9)."""
TLS_SLOTS, TLS_EXPANSION_SLOTS = 64, 1024
_ABSOLUTE_PRIORITIES = {15: 15, -15: 1, 16: 15, -16: 1}
"""ThreadBasePriority's saturated values: THREAD_PRIORITY_TIME_CRITICAL and _IDLE as SetThreadPriority passes them."""


@service(Support.PARTIAL, "classes 0, 1, 9, 12, 14, 17, 29, 35; times of execution are 0")
def NtQueryInformationThread(
    k: Kernel,
    thread_handle: HANDLE,
    thread_information_class: ULONG,
    thread_information: PVOID,
    thread_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What a thread is."""
    thread, access = k.handles.lookup_granted(thread_handle, Thread)
    if thread_information_class == 29:
        return get_wow64_context(k, thread, access, thread_information, thread_information_length)
    if not access & THREAD_QUERY:
        return STATUS_ACCESS_DENIED
    answer = _answer(k, thread, thread_information_class)
    if answer is None:
        raise absent("NtQueryInformationThread", THREAD_CLASSES, thread_information_class)
    data = encode(answer[0], k.width, answer[1]) if answer[0] is not bytes else answer[1]
    if thread_information_length != len(data):
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(thread_information, data)
    if return_length is not None:
        return_length.set(ULONG(len(data)))
    return STATUS_SUCCESS


def _answer(k: Kernel, thread: Thread, information_class: int) -> tuple[Any, Any] | None:
    if information_class == 0:
        ids = CLIENT_ID(HANDLE(k.process.id), HANDLE(thread.id))
        priority = LONG(thread.priority)
        value = THREAD_BASIC_INFORMATION(
            NTSTATUS(thread.exit_status), PVOID(thread.teb), ids, ULONG_PTR(1), priority,
            LONG(thread.increment),
        )  # fmt: skip
        return THREAD_BASIC_INFORMATION, value
    if information_class == 1:
        return bytes, struct.pack("<4Q", thread.created, thread.exited, 0, 0)
    answers: dict[int, tuple[Any, Any]] = {
        9: (ULONG_PTR, thread.start),
        12: (ULONG, int(len(k.threads) == 1)),
        14: (ULONG, int(thread.boost_disabled)),
        17: (BOOLEAN, int(thread.hidden)),
        35: (ULONG, thread.suspended),
    }
    return answers.get(information_class)


@service(Support.PARTIAL, "classes 3, 4, 9, 10, 13, 14, 17, 29")
def NtSetInformationThread(
    k: Kernel,
    thread_handle: HANDLE,
    thread_information_class: ULONG,
    thread_information: PVOID,
    thread_information_length: ULONG,
) -> NTSTATUS:
    """Priorities, a TLS slot of every thread, hiding from a debugger, the 32-bit context."""
    thread, access = k.handles.lookup_granted(thread_handle, Thread)
    if thread_information_class == 29:
        return set_wow64_context(k, thread, access, thread_information, thread_information_length)
    if not access & THREAD_SET_INFORMATION:
        return STATUS_ACCESS_DENIED
    sizes = {3: 4, 4: k.width // 8, 9: k.width // 8, 10: 4, 13: 4, 14: 4, 17: 0}
    size = sizes.get(thread_information_class)
    if size is None:
        raise absent("NtSetInformationThread", THREAD_CLASSES, thread_information_class)
    if thread_information_class == 10 and thread is not k.thread:
        return STATUS_INVALID_PARAMETER
    if thread_information_length != size:
        return STATUS_INFO_LENGTH_MISMATCH
    value = int.from_bytes(k.memory.read(thread_information, size), "little") if size else 0
    return _set(k, thread, thread_information_class, value)


def _set(k: Kernel, thread: Thread, information_class: int, value: int) -> NTSTATUS:
    if information_class == 3:
        increment = value - (1 << 32) if value >> 31 else value
        if increment not in _ABSOLUTE_PRIORITIES and not -2 <= increment <= 2:
            return STATUS_INVALID_PARAMETER
        saturated = abs(increment) >= 15
        thread.increment = (16 if increment > 0 else -16) if saturated else increment
        priority = _ABSOLUTE_PRIORITIES.get(increment, k.process.base_priority + increment)
        k.scheduler.set_priority(thread, priority)
    elif information_class == 4:
        if value != 1:  # the one processor there is
            return STATUS_INVALID_PARAMETER
    elif information_class == 9:
        thread.start = value
    elif information_class == 10:
        if value >= TLS_SLOTS + TLS_EXPANSION_SLOTS:
            return STATUS_INVALID_PARAMETER
        for each in k.threads:
            _clear_tls(k, each, value)
    elif information_class == 13:
        if value > k.width:  # MAXIMUM_PROCESSORS itself only asks (Microsoft Learn, SetThreadIdealProcessor)
            return STATUS_INVALID_PARAMETER
    elif information_class == 14:
        thread.boost_disabled = value != 0
    else:
        thread.hidden = True
    return STATUS_SUCCESS


def _clear_tls(k: Kernel, thread: Thread, index: int) -> None:
    """In a WoW64 process it is the 32-bit TEB that is meant (unverified)."""
    wow64 = thread.teb32 != 0
    teb = thread.teb32 if wow64 else thread.teb
    slots, expansion, size = _TLS[32 if wow64 else k.width]
    if index < TLS_SLOTS:
        address = teb + slots + index * size
    else:
        table = int.from_bytes(k.memory.read(teb + expansion, size), "little")
        if table == 0:
            return
        address = table + (index - TLS_SLOTS) * size
    k.memory.write(address, bytes(size))
