r"""The environment block of the process parameters: look up, set, remove.

Stands for RtlQueryEnvironmentVariable_U and RtlSetEnvironmentVariable below their guest code, which allocates
the new block. A block is ``NAME=value`` strings, each zero-terminated, and one zero more; names ignore case
and may start with ``=`` (``=C:=C:\dir``). Who may import it: the other modules of ``guest32``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.guest32 import blocks
from wowsim.nt.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    STATUS_VARIABLE_NOT_FOUND,
)

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Routine, Trap

MAX_BYTES = 0x100000
"""Largest block that is read."""


def read_block(memory: Memory, address: int) -> list[str]:
    """The strings of a block."""
    found: list[str] = []
    at = address
    while at - address < MAX_BYTES:
        text = blocks.terminated(memory, at, 2, MAX_BYTES)
        if not text:
            return found
        found.append(blocks.wide(text))
        at += len(text) + 2
    raise GuestFault(STATUS_ACCESS_VIOLATION, address)


def block_of(trap: Trap) -> int:
    """Address of the process' environment block."""
    return blocks.dword(trap.memory, blocks.parameters(trap) + blocks.PARAMETERS_ENVIRONMENT)


def variable(trap: Trap, name: str, block: int = 0) -> str | None:
    """A variable's value; from ``block`` if given, else from the process' environment."""
    address = block or block_of(trap)
    for line in read_block(trap.memory, address) if address else ():
        found, value = _split(line)
        if found.upper() == name.upper():
            return value
    return None


def _split(line: str) -> tuple[str, str]:
    at = line.find("=", 1)
    return (line, "") if at < 0 else (line[:at], line[at + 1 :])


def _changed(trap: Trap, block: int) -> bytes | None:
    """The block after RtlSetEnvironmentVariable(environment, name, value); None when a name is unusable."""
    name_at, value_at = trap.argument(1), trap.argument(2)
    name = blocks.unicode_string(trap.memory, name_at)
    if not name or "=" in name[1:] or "\0" in name:
        return None
    lines = []
    for line in read_block(trap.memory, block):
        found = _split(line)[0]
        if found.upper() == name.upper():
            name = found  # a variable keeps the spelling it was made with
        else:
            lines.append(line)
    if value_at:
        lines.append(f"{name}={blocks.unicode_string(trap.memory, value_at)}".split("\0", 1)[0])
    lines.sort(key=lambda line: _split(line)[0].upper())
    return blocks.encoded("".join(line + "\0" for line in lines) + "\0") if lines else bytes(4)


def routines() -> dict[str, Routine]:
    """The routines behind the traps of ``guest32.rtl_code``."""
    return {
        "environment.query": _query,
        "environment.size": _size,
        "environment.set": _set,
    }


def _query(trap: Trap) -> int:
    """RtlQueryEnvironmentVariable_U(block, name, value): sets value.Length even when it does not fit."""
    memory, value_at = trap.memory, trap.argument(2)
    found = variable(trap, blocks.unicode_string(memory, trap.argument(1)), trap.argument(0))
    if found is None:
        return STATUS_VARIABLE_NOT_FOUND
    data = blocks.encoded(found)
    _, maximum, buffer = blocks.string_fields(memory, value_at)
    blocks.put_string(memory, value_at, len(data) & 0xFFFF, maximum, buffer)
    if len(data) > maximum:
        return STATUS_BUFFER_TOO_SMALL
    if data:
        memory.write(buffer, data + b"\0\0" if len(data) + 2 <= maximum else data)
    return STATUS_SUCCESS


def _target(trap: Trap) -> int:
    """The block to change: the caller's own, or the process'."""
    own = trap.argument(0)
    return blocks.dword(trap.memory, own) if own else block_of(trap)


def _size(trap: Trap) -> int:
    """RtlSetEnvironmentVariable, first: ECX = bytes of the new block, or 0 with EAX = status."""
    changed = _changed(trap, _target(trap))
    trap.set_register("rcx", 0 if changed is None else len(changed))
    return STATUS_INVALID_PARAMETER if changed is None else STATUS_SUCCESS


def _set(trap: Trap) -> int:
    """RtlSetEnvironmentVariable, then: fill the block at EDX; EAX = the old block to free."""
    old, new = _target(trap), trap.register("rdx") & 0xFFFFFFFF
    changed = _changed(trap, old)
    trap.memory.write(new, changed or bytes(4))
    if trap.argument(0):
        blocks.put_dword(trap.memory, trap.argument(0), new)
    else:
        block = blocks.parameters(trap)
        blocks.put_dword(trap.memory, block + blocks.PARAMETERS_ENVIRONMENT, new)
        blocks.put_dword(trap.memory, block + blocks.PARAMETERS_ENVIRONMENT_SIZE, len(changed or bytes(4)))
    return old
