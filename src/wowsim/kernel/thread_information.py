"""What a thread is and may be told: NtQueryInformationThread, NtSetInformationThread (nt!Ps).

Leaves out affinity beyond the one processor. Information classes: phnt; their lengths are checked as
Windows does (exact for fixed ones). Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.class_names import THREAD_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.contexts import get_wow64_context, set_wow64_context
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Thread
from wowsim.kernel.thread_queries import QUERIES, SINCE, name_of
from wowsim.kernel.token_handles import impersonate
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, Out
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)

THREAD_SET_INFORMATION, THREAD_SET_THREAD_TOKEN, THREAD_SET_LIMITED = 0x20, 0x80, 0x400
THREAD_QUERY = 0x840
"""THREAD_QUERY_INFORMATION or THREAD_QUERY_LIMITED_INFORMATION."""
_PRIVILEGED = {2, 18, 25}
"""ThreadPriority and ThreadActualBasePriority take SeIncreaseBasePriorityPrivilege (phnt), ThreadBreakOnTermination
SeDebugPrivilege (MS docs, RtlSetThreadIsCritical): the token does not have them enabled."""
_DESCRIPTOR_ENTRY = 12
_TLS = {32: (0xE10, 0xF94, 4), 64: (0x1480, 0x1780, 8)}
"""TEB offsets of TlsSlots and TlsExpansionSlots, and the size of a slot (wow64-facts section 9)."""
TLS_SLOTS, TLS_EXPANSION_SLOTS = 64, 1024
_ABSOLUTE_PRIORITIES = {15: 15, -15: 1, 16: 15, -16: 1}
"""ThreadBasePriority's saturated values: THREAD_PRIORITY_TIME_CRITICAL and _IDLE as SetThreadPriority passes them."""


@service(Support.PARTIAL, "times of execution are 0; THREAD_CLASSES it lacks are refused")
def NtQueryInformationThread(
    k: Kernel,
    thread_handle: HANDLE,
    thread_information_class: ULONG,
    thread_information: PVOID,
    thread_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What a thread is."""
    asked, address, length = thread_information_class, thread_information, thread_information_length
    thread, access = k.handles.lookup_granted(thread_handle, Thread)
    if asked == 29:
        return get_wow64_context(k, thread, access, address, length)
    if not access & THREAD_QUERY:
        return STATUS_ACCESS_DENIED
    if not k.has_class(SINCE, asked):
        return STATUS_INVALID_INFO_CLASS
    if asked == 38:
        data = name_of(k, thread, address)
        wrong = STATUS_BUFFER_TOO_SMALL if length < len(data) else STATUS_SUCCESS
    else:
        data = _descriptor(k, thread, address, length) if asked == 6 else _answer(k, thread, asked)
        wrong = STATUS_INFO_LENGTH_MISMATCH if length != len(data) else STATUS_SUCCESS
    if return_length is not None and (wrong == STATUS_SUCCESS or asked == 38):
        return_length.set(ULONG(len(data)))
    if wrong == STATUS_SUCCESS:
        k.memory.write(address, data)
    return wrong


def _answer(k: Kernel, thread: Thread, information_class: int) -> bytes:
    query = QUERIES.get(information_class)
    if query is None:
        raise absent("NtQueryInformationThread", THREAD_CLASSES, information_class)
    return query(k, thread)


def _descriptor(k: Kernel, thread: Thread, address: int, length: int) -> bytes:
    """DESCRIPTOR_TABLE_ENTRY: the selector comes in, its descriptor of the GDT goes out.

    Windows on x64 answers this for 32-bit callers (RtlWow64GetThreadSelectorEntry); that its kernel does it itself
    is our simplification.
    """
    if length != _DESCRIPTOR_ENTRY:
        return bytes(_DESCRIPTOR_ENTRY)
    raw = k.memory.read(address, 4)
    descriptor = k.host.descriptor(thread, int.from_bytes(raw, "little"))
    if descriptor is None:
        raise GuestFault(STATUS_ACCESS_VIOLATION)
    return raw + descriptor.to_bytes(8, "little")


@service(Support.PARTIAL, "THREAD_CLASSES it lacks are refused")
def NtSetInformationThread(
    k: Kernel,
    thread_handle: HANDLE,
    thread_information_class: ULONG,
    thread_information: PVOID,
    thread_information_length: ULONG,
) -> NTSTATUS:
    """Priorities, a TLS slot of every thread, hiding from a debugger, impersonation, a name, the 32-bit context."""
    asked, length = thread_information_class, thread_information_length
    thread, access = k.handles.lookup_granted(thread_handle, Thread)
    if asked == 29:
        return set_wow64_context(k, thread, access, thread_information, length)
    wanted = {5: THREAD_SET_THREAD_TOKEN, 38: THREAD_SET_LIMITED}.get(asked, THREAD_SET_INFORMATION)
    if not access & wanted:
        return STATUS_ACCESS_DENIED
    if asked in _PRIVILEGED:
        return STATUS_PRIVILEGE_NOT_HELD
    word = k.width // 8
    sizes = {3: 4, 4: word, 5: word, 7: 1, 9: word, 10: 4, 13: 4, 14: 4, 17: 0, 22: 4, 24: 4}
    sizes |= {30: word + 8, 33: 4, 38: 2 * word}
    size = sizes.get(asked)
    if not k.has_class(SINCE, asked):
        return STATUS_INVALID_INFO_CLASS
    if size is None:
        raise absent("NtSetInformationThread", THREAD_CLASSES, asked)
    if asked == 10 and thread is not k.thread:
        return STATUS_INVALID_PARAMETER
    if length != size:
        return STATUS_INFO_LENGTH_MISMATCH
    if asked == 38:
        name = k.capture_string(thread_information)
        thread.name = name
        return STATUS_SUCCESS
    value = int.from_bytes(k.memory.read(thread_information, size), "little") if size else 0
    return _set(k, thread, asked, value)


def _set(k: Kernel, thread: Thread, information_class: int, value: int) -> NTSTATUS:
    if information_class == 3:
        return _base_priority(k, thread, value)
    if information_class == 5:
        return impersonate(k, thread, value if k.width == 64 else sign_extended(value))
    if information_class in (4, 30):
        if value != 1:  # the one processor there is, in group 0
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
    elif information_class == 33:
        if value:
            return STATUS_INVALID_PARAMETER
    elif information_class == 14:
        thread.boost_disabled = value != 0
    elif information_class in (7, 22, 24):
        return _hint(thread, information_class, value)
    else:
        thread.hidden = True
    return STATUS_SUCCESS


def _base_priority(k: Kernel, thread: Thread, value: int) -> NTSTATUS:
    increment = value - (1 << 32) if value >> 31 else value
    if increment not in _ABSOLUTE_PRIORITIES and not -2 <= increment <= 2:
        return STATUS_INVALID_PARAMETER
    saturated = abs(increment) >= 15
    thread.increment = (16 if increment > 0 else -16) if saturated else increment
    priority = _ABSOLUTE_PRIORITIES.get(increment, k.process.base_priority + increment)
    k.scheduler.set_priority(thread, priority)
    return STATUS_SUCCESS


def _hint(thread: Thread, information_class: int, value: int) -> NTSTATUS:
    """Alignment fixup, I/O and page priority: kept, as nothing here depends on them."""
    if (information_class == 22 and value > 2) or (information_class == 24 and not 1 <= value <= 5):
        return STATUS_INVALID_PARAMETER
    thread.settings[information_class] = value
    return STATUS_SUCCESS


def sign_extended(handle: int) -> int:
    """A 32-bit handle as the handle table takes it."""
    return handle | 0xFFFFFFFF_00000000 if handle >> 31 else handle


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
