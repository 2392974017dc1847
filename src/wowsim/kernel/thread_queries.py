"""Answers to NtQueryInformationThread, by information class (nt!Ps; numbers and structures: phnt).

Each answer is the whole buffer, in the width of the kernel. Times of execution are 0: simulated time passes in waits
only. Who may import it: the kernel package.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.kernel.names import utf16
from wowsim.kernel.thread import State
from wowsim.nt.abi import HANDLE, LONG, NTSTATUS, PVOID, ULONG_PTR, USHORT, encode, size_of
from wowsim.nt.process_structures import GROUP_AFFINITY
from wowsim.nt.structures import CLIENT_ID, THREAD_BASIC_INFORMATION, UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.kernel.thread import Thread

DEFAULTS = {22: 2, 24: 5}
"""IoPriority (normal) and PagePriority (normal)."""


TIME_CRITICAL = 15


def _basic(k: Kernel, thread: Thread) -> bytes:
    """Class 0; Wine's GetThreadPriority takes the priority for the relative one (observed)."""
    priority = thread.priority
    if k.lenient:
        priority = min(max(thread.increment, -TIME_CRITICAL), TIME_CRITICAL)
    value = THREAD_BASIC_INFORMATION(
        NTSTATUS(thread.exit_status),
        PVOID(thread.teb),
        CLIENT_ID(HANDLE(k.process.id), HANDLE(thread.id)),
        ULONG_PTR(1),
        LONG(priority),
        LONG(thread.increment),
    )
    return encode(THREAD_BASIC_INFORMATION, k.width, value)


def _group(k: Kernel, thread: Thread) -> bytes:
    zero = USHORT(0)
    return encode(GROUP_AFFINITY, k.width, GROUP_AFFINITY(ULONG_PTR(1), zero, zero, zero, zero))


def _number(get: Callable[[Kernel, Thread], int]) -> Callable[[Kernel, Thread], bytes]:
    return lambda k, thread: struct.pack("<I", int(get(k, thread)))


def _kept(information_class: int) -> Callable[[Kernel, Thread], bytes]:
    return _number(lambda k, thread: thread.settings.get(information_class, DEFAULTS[information_class]))


QUERIES: dict[int, Callable[[Kernel, Thread], bytes]] = {
    0: _basic,
    1: lambda k, thread: struct.pack("<4Q", thread.created, thread.exited, 0, 0),
    9: lambda k, thread: encode(ULONG_PTR, k.width, thread.start),
    11: lambda k, thread: bytes(8),
    12: _number(lambda k, thread: len(k.threads) == 1),
    14: _number(lambda k, thread: thread.boost_disabled),
    16: _number(lambda k, thread: 0),
    17: lambda k, thread: bytes((thread.hidden,)),
    18: _number(lambda k, thread: 0),
    20: _number(lambda k, thread: thread.state is State.TERMINATED),
    22: _kept(22),
    23: lambda k, thread: bytes(16),
    24: _kept(24),
    30: _group,
    32: lambda k, thread: bytes(1),
    33: lambda k, thread: bytes(4),
    35: _number(lambda k, thread: thread.suspended),
    41: _group,
    42: _number(lambda k, thread: 0),
    45: _number(lambda k, thread: 0),
}
"""Class -> its buffer. Among them: 11 PerformanceCount, 16 IsIoPending (requests end at once), 18
BreakOnTermination (takes a privilege to set), 32 CounterProfiling (off), 33 IdealProcessorEx (processor 0 of group
0), 42 DynamicCodePolicyInfo (allowed), 45 SubsystemInformation (Win32)."""

SINCE = {30: (6, 1), 33: (6, 1), 35: (6, 3), 38: (10, 0), 41: (10, 0), 42: (10, 0), 45: (10, 0)}
"""Version that brought a class (phnt)."""


def name_of(k: Kernel, thread: Thread, address: int) -> bytes:
    """Class 38: a UNICODE_STRING whose text lies behind it."""
    text = utf16(thread.name)
    at = address + size_of(UNICODE_STRING, k.width)
    value = UNICODE_STRING(USHORT(len(text)), USHORT(len(text)), PVOID(at if text else 0))
    return encode(UNICODE_STRING, k.width, value) + text
