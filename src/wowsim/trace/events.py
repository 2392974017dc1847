"""The vocabulary of traces: rare events are frozen objects, steps are compact rows.

Everybody may import this module; it knows neither who emits nor who listens.
"""

from __future__ import annotations

import heapq
from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wowsim.nt.exceptions import ExceptionRecord
    from wowsim.trace.flow import Bits


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes:
        instructions: instructions executed before it; None when the run does not count.
        thread: thread id.
    """

    instructions: int | None
    thread: int


@dataclass(frozen=True)
class SyscallEntered(Event):
    """A SYSCALL was executed.

    Attributes:
        name: Nt name, None when the build has no such number.
        number: EAX, without a turbo index.
        address: of the SYSCALL instruction.
        arguments: NT parameter name -> decoded value; outputs as they were before the call.
    """

    name: str | None
    number: int
    address: int
    arguments: dict[str, Any]


@dataclass(frozen=True)
class SyscallReturned(Event):
    """A service returned.

    Attributes:
        status: NTSTATUS, unsigned.
        arguments: as in :class:`SyscallEntered`, outputs as written.
    """

    name: str | None
    number: int
    status: int
    arguments: dict[str, Any]


@dataclass(frozen=True)
class ServiceEvent(Event):
    """A service call at one layer, before it goes further down or on its way back.

    At ``wow64`` it says what a WOW64_LOG_SERVICE says to wow64log.dll (wow64-facts section 5).

    Attributes:
        layer: ``stub``, ``wow64`` or ``kernel``.
        name: Nt name, None when the build has no such number.
        number: without a turbo index; bits 12 and 13 are the table's number.
        address: of the instruction about to run: the stub's first one or its ``ret``, wow64's call of the thunk or
            the one behind, the SYSCALL (SYSENTER, ``int 2Eh``).
        args: the argument slots of that layer, zero-extended (ULONG64 Args[]).
        arguments: NT parameter name -> decoded value, None where the pointer leads nowhere; outputs once they are
            written. Empty for services whose signature wowsim does not know.
        status: NTSTATUS, unsigned; None before the call.
    """

    layer: str
    name: str | None
    number: int
    address: int
    args: tuple[int, ...]
    arguments: dict[str, Any]
    status: int | None = None

    @property
    def table(self) -> int:
        """Which service table: 0 ntdll's, 1 win32k's."""
        return self.number >> 12 & 3

    @property
    def post(self) -> bool:
        """Whether the call is on its way back (PostCall)."""
        return self.status is not None


@dataclass(frozen=True)
class UnsupportedCalled(Event):
    """The program called what wowsim lacks: a service, an information class, an option.

    Attributes:
        name: Nt name of the service; None where it is none (a routine of a system DLL).
        detail: what is missing, for people.
        path: frames from the program to there, outermost first.
        status: what the program was answered; None when the run ends instead.
    """

    name: str | None
    detail: str
    path: tuple[str, ...]
    status: int | None


@dataclass(frozen=True)
class GateCrossed(Event):
    """The CPU went from one mode to the other by a far transfer.

    Attributes:
        source: address of the far transfer.
        target: where it arrived.
        from_bits: 32 or 64; ``to_bits`` the other.
        own: True when the transfer lies in the program's code, not in wow64cpu's.
        how: mnemonic of the transfer (``jmp far``, ``retf``, ``iretq`` ...).
    """

    source: int
    target: int
    from_bits: Bits
    to_bits: Bits
    own: bool
    how: str


@dataclass(frozen=True)
class MemoryChanged(Event):
    """Guest memory was mapped, unmapped, committed or protected.

    Attributes:
        kind: map, unmap, reserve, commit, decommit, protect ...
        start: first address; ``size`` in bytes.
        protection: PAGE_* value.
        cause: the service or step that did it.
        name: file or section name, if it has one.
    """

    kind: str
    start: int
    size: int
    protection: int
    cause: str
    name: str | None = None


@dataclass(frozen=True)
class FastFailed(Event):
    """The program executed ``int 29h``: the debugger's last look, before the process ends.

    The CPU stands at the instruction, and memory and threads are as they were. No handler of the program runs.

    Attributes:
        address: of the instruction.
        code: ECX, what failed.
        name: ``FAST_FAIL_CORRUPT_LIST_ENTRY``.
        bits: mode of the code.
        registers: every register by its 64-bit name.
        record: the EXCEPTION_RECORD that a debugger would be given.
    """

    address: int
    code: int
    name: str
    bits: Bits
    registers: Mapping[str, int] = field(repr=False)
    record: ExceptionRecord


@dataclass(frozen=True)
class Redirected(Event):
    r"""wow64.dll passes another name to the 64-bit call than the 32-bit program gave.

    Attributes:
        kind: ``"file"`` (System32 is SysWOW64) or ``"registry"`` (SOFTWARE is SOFTWARE\Wow6432Node).
        name: the absolute NT name of the program's.
        target: the name of the 64-bit call's.
    """

    kind: str
    name: str
    target: str


class Step(NamedTuple):
    """One executed instruction with what a debugger shows beside it.

    Attributes:
        address: of the instruction.
        code: its bytes.
        bits: mode it ran in.
        operand: linear address of its memory operand, or None.
        value: what lay there before it ran (unsigned, operand-sized), or None where unreadable.
    """

    address: int
    code: bytes
    bits: Bits
    operand: int | None = None
    value: int | None = None


@dataclass(frozen=True)
class Call:
    """One service call, from its API to the kernel and back.

    Attributes:
        name: Nt name (``NtCreateFile``), or ``None`` for a number the build does not have.
        number: service number.
        status: NTSTATUS, unsigned; None when the call did not return (the process ended in it).
        arguments: NT parameter name -> decoded value: ints, strings, dicts; outputs as written.
        path: frames from the first call out of the program to the SYSCALL, computed from executed blocks.
        stack: the 64-bit stack at the SYSCALL, innermost frame first; on 32-bit Windows the only stack.
        thread: thread id.
        index: ordinal among all calls of the run, from 0.
        instructions: instructions executed before the SYSCALL; None when not counted.
        steps: the instructions of the whole way, with ``trace="full"``.
        teb32: address of the thread's 32-bit TEB, from which ``fs:`` counts.
    """

    name: str | None
    number: int
    status: int | None
    arguments: dict[str, Any]
    path: tuple[str, ...]
    stack: tuple[str, ...]
    thread: int
    index: int
    instructions: int | None
    steps: tuple[Step, ...] = field(default=(), repr=False)
    teb32: int = field(default=0, repr=False)


def timeline(
    calls: Iterable[Call], events: Iterable[Event]
) -> Iterator[Call | MemoryChanged | FastFailed | Redirected | UnsupportedCalled]:
    """Calls and what else a trace shows in the order it happened; a change of memory stands behind its call."""
    shown = (MemoryChanged, FastFailed, Redirected, UnsupportedCalled)
    others = (event for event in events if isinstance(event, shown))
    return heapq.merge(calls, others, key=lambda item: item.instructions or 0)
