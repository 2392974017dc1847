"""How an information class reaches the caller's buffer: too short, cut, or whole ([MS-FSA] 2.1.5.12).

Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault
from wowsim.nt.abi import ULONG_PTR, Out, Width, encode, layout
from wowsim.nt.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import IO_STATUS_BLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.kernel.context import Kernel
    from wowsim.nt.abi import NTSTATUS


class _NoBlock(Out[IO_STATUS_BLOCK]):
    """In the place of a status block that the caller did not give."""

    def set(self, value: IO_STATUS_BLOCK) -> None:
        """Nobody wants to know."""


def required(k: Kernel, block: Out[IO_STATUS_BLOCK] | None) -> Out[IO_STATUS_BLOCK]:
    """The status block of a request that has to have one, except where Wine's DLLs ask (observed).

    Raises:
        GuestFault: STATUS_ACCESS_VIOLATION without one.
    """
    if block is not None:
        return block
    if not k.lenient:
        raise GuestFault(STATUS_ACCESS_VIOLATION, 0)
    return _NoBlock(k.memory, 0, IO_STATUS_BLOCK, k.width)


def tail_offset(kind: type, width: Width) -> int:
    """Where the variable part of a structure begins: directly behind its last field."""
    *_, last = layout(kind, width).fields.values()
    return last.offset + last.size


def minimum_size(kind: type, width: Width, *, tail: bool) -> int:
    """``sizeof`` as the header has it: with one WCHAR of the tail, where there is one."""
    shape = layout(kind, width)
    if not tail:
        return shape.size
    return -(-(tail_offset(kind, width) + 2) // shape.alignment) * shape.alignment


def deliver(
    k: Kernel,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: int,
    length: int,
    value: Any,
    tail: bytes | None = None,
) -> NTSTATUS:
    """Write a structure and its tail, as much as fits.

    Raises:
        GuestFault: STATUS_INFO_LENGTH_MISMATCH when not even the fixed part fits.
    """
    kind = type(value)
    if length < minimum_size(kind, k.width, tail=tail is not None):
        raise GuestFault(STATUS_INFO_LENGTH_MISMATCH)
    data = encode(kind, k.width, value)
    if tail is not None:
        data = data[: tail_offset(kind, k.width)] + tail
    status = STATUS_SUCCESS if len(data) <= length else STATUS_BUFFER_OVERFLOW
    k.memory.write(buffer, data[:length])
    io_status_block.set(IO_STATUS_BLOCK(status, ULONG_PTR(min(len(data), length))))
    return status


def deliver_entries(
    k: Kernel,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: int,
    length: int,
    entries: Sequence[tuple[Any, bytes]],
) -> NTSTATUS:
    """Write structures that begin with NextEntryOffset, each with its tail, as many as fit, on multiples of 8."""
    data, last = bytearray(), 0
    status = STATUS_SUCCESS
    for value, tail in entries:
        kind = type(value)
        start = -(-len(data) // 8) * 8
        entry = encode(kind, k.width, value)[: tail_offset(kind, k.width)] + tail
        if start + len(entry) > length:
            status = STATUS_BUFFER_OVERFLOW
            break
        if data:
            data[last : last + 4] = (start - last).to_bytes(4, "little")
            data += bytes(start - len(data))
        last = start
        data += entry
    k.memory.write(buffer, bytes(data))
    io_status_block.set(IO_STATUS_BLOCK(status, ULONG_PTR(len(data))))
    return status
