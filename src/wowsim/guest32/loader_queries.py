"""Questions about loaded modules: handles by name, entries and bases by address, data directories.

Stands for LdrGetDllHandle, LdrFindEntryForAddress and their like, each of which is one trap.
Who may import it: ``guest32.ntdll32``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.guest32 import blocks, ldr
from wowsim.guest32.imports import Resolver, file_name
from wowsim.guest32.ldr import Modules
from wowsim.guest32.loader_run import add_reference
from wowsim.guest32.mapped import MappedImage
from wowsim.nt.status import STATUS_DLL_NOT_FOUND, STATUS_INVALID_PARAMETER, STATUS_SUCCESS

if TYPE_CHECKING:
    from wowsim.nt.trap import Routine, Trap

GET_UNCHANGED, GET_PIN = 1, 2
ADD_PIN = 1

LEAVES = {
    "LdrGetDllHandle": ("loader.handle", 4),
    "LdrGetDllHandleEx": ("loader.handle_ex", 5),
    "LdrAddRefDll": ("loader.add_reference", 2),
    "LdrFindEntryForAddress": ("loader.entry_for", 2),
    "LdrDisableThreadCalloutsForDll": ("loader.no_thread_calls", 1),
    "RtlPcToFileHeader": ("loader.base_for", 2),
    "RtlImageDirectoryEntryToData": ("loader.directory", 4),
}
"""Routines that are one trap: export -> routine and number of arguments."""


def routines() -> dict[str, Routine]:
    """The routines behind the traps."""
    return {
        "loader.handle": _handle,
        "loader.handle_ex": _handle_ex,
        "loader.add_reference": _add_reference,
        "loader.entry_for": _entry_for,
        "loader.base_for": _base_for,
        "loader.no_thread_calls": _no_thread_calls,
        "loader.directory": _directory,
    }


def _handle(trap: Trap) -> int:
    """LdrGetDllHandle(path, characteristics, name, handle)."""
    return _found(trap, trap.argument(2), trap.argument(3), GET_UNCHANGED)


def _handle_ex(trap: Trap) -> int:
    """LdrGetDllHandleEx(flags, path, characteristics, name, handle)."""
    return _found(trap, trap.argument(3), trap.argument(4), trap.argument(0))


def _found(trap: Trap, name_at: int, out: int, flags: int) -> int:
    modules = Modules(trap)
    name = file_name(blocks.unicode_string(trap.memory, name_at).replace("/", "\\").rstrip(" "))
    entry = modules.named(name)
    if entry is None:
        return STATUS_DLL_NOT_FOUND
    if flags & GET_PIN:
        entry.load_count = ldr.PINNED
    elif not flags & GET_UNCHANGED:
        add_reference(Resolver(trap.memory, modules), entry)
    if out:
        blocks.put_dword(trap.memory, out, entry.base)
    return STATUS_SUCCESS


def _add_reference(trap: Trap) -> int:
    """LdrAddRefDll(flags, handle)."""
    modules = Modules(trap)
    entry = modules.at(trap.argument(1))
    if entry is None:
        return STATUS_INVALID_PARAMETER
    if trap.argument(0) & ADD_PIN:
        entry.load_count = ldr.PINNED
    else:
        add_reference(Resolver(trap.memory, modules), entry)
    return STATUS_SUCCESS


def _entry_for(trap: Trap) -> int:
    """LdrFindEntryForAddress(address, entry)."""
    entry = Modules(trap).containing(trap.argument(0))
    if entry is None:
        return STATUS_DLL_NOT_FOUND
    blocks.put_dword(trap.memory, trap.argument(1), entry.address)
    return STATUS_SUCCESS


def _base_for(trap: Trap) -> int:
    """RtlPcToFileHeader(address, base): the base, 0 for none."""
    entry = Modules(trap).containing(trap.argument(0))
    base = entry.base if entry is not None else 0
    blocks.put_dword(trap.memory, trap.argument(1), base)
    return base


def _no_thread_calls(trap: Trap) -> int:
    """LdrDisableThreadCalloutsForDll(handle): refused, as documented, where there is static TLS."""
    entry = Modules(trap).at(trap.argument(0))
    if entry is None or entry.tls_slot:
        return STATUS_DLL_NOT_FOUND
    entry.set_flags(on=ldr.NO_THREAD_CALLS)
    return STATUS_SUCCESS


def _directory(trap: Trap) -> int:
    """RtlImageDirectoryEntryToData(base, mapped as image, index, size): its address, 0 for none."""
    base = trap.argument(0)
    if base & 3 or not trap.argument(1) & 0xFF:
        # A file mapped as data: its directories lie at file offsets.
        return 0
    try:
        rva, size = MappedImage(trap.memory, base).directory(trap.argument(2))
    except GuestFault:
        return 0
    blocks.put_dword(trap.memory, trap.argument(3), size if rva else 0)
    return base + rva if rva else 0
