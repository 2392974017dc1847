"""Thunks that no prototype can derive: contexts, and buffers whose layout depends on an information class.

Each is a named override with its own guest code and Python conversion (wow64-facts section 6). A class that is not
listed for a query has the same layout in both widths and passes through.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wowsim.host64.apcs import QUEUE, QUEUE_EX
from wowsim.host64.class_tables import class_buffers
from wowsim.host64.classes import Counted, Fixed, Query, Rebuilt, Setting, Widening, Wider, highest_address
from wowsim.host64.conversions import Conversion
from wowsim.host64.directory_classes import narrow_types
from wowsim.host64.exceptions import CONTINUE, RAISE, continue_with
from wowsim.host64.extended_parameters import ExtendedParameters
from wowsim.host64.file_redirection import redirected
from wowsim.host64.filled_lists import AskedPages, DirectoryEntries, WrittenPages
from wowsim.host64.lists import HardErrorParameters
from wowsim.host64.memory_classes import narrow_working_set
from wowsim.host64.packets import Packets
from wowsim.host64.redirection import ProgramFiles, file_name, key_name, rules_of, switched_off
from wowsim.host64.registry_values import ValueEntries
from wowsim.nt.abi import SIZE_T
from wowsim.nt.file_structures import FILE_COMPLETION_INFORMATION
from wowsim.nt.memory_structures import (
    MEMORY_BASIC_INFORMATION,
    MEMORY_IMAGE_INFORMATION,
    MEMORY_REGION_INFORMATION,
    SECTION_BASIC_INFORMATION,
)
from wowsim.nt.structures import (
    OBJECT_TYPE_INFORMATION,
    SECTION_IMAGE_INFORMATION,
    UNICODE_STRING,
)
from wowsim.nt.wow64_context import CONTEXT32_SIZE, context64_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.host64.buffers import Buffer
    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build
    from wowsim.nt.trap import Routine, Trap

_U32 = struct.Struct("<I")


@dataclass(frozen=True)
class Override:
    """One thunk of its own.

    Attributes:
        assembly: guest code with NAME in the place of the service's name.
        handlers: trap suffix -> Python.
    """

    assembly: str
    handlers: Mapping[str, Routine]

    def source(self, name: str) -> str:
        """The routine for a service."""
        return self.assembly.replace("NAME", name)

    def traps(self, name: str) -> list[str]:
        """The names of its traps."""
        return [f"wh{name}.{suffix}" for suffix in self.handlers]

    def routines(self, name: str) -> dict[str, Routine]:
        """The Python behind its traps, by trap name."""
        return {f"wh{name}.{suffix}": routine for suffix, routine in self.handlers.items()}


# ---------------------------------------------------------------- values that are the caller's own
def _clamped(trap: Trap, value: MEMORY_BASIC_INFORMATION) -> MEMORY_BASIC_INFORMATION:
    """RegionSize ends at the highest user address."""
    room = highest_address(trap) + 1 - value.BaseAddress
    return replace(value, RegionSize=SIZE_T(min(value.RegionSize, room)))


# ---------------------------------------------------------------- rename and link
_RENAME32, _RENAME64 = struct.Struct("<IIII"), struct.Struct("<I4xQI")
_NAME32, _NAME64 = 0xC, 0x14


@dataclass(frozen=True)
class Renaming(Widening):
    """FILE_RENAME_INFORMATION and FILE_LINK_INFORMATION: {0, 4, 8, C} becomes {0, 8, 10, 14}; the name is redirected.

    Attributes:
        redirect: (trap, name) -> the other name or None.
    """

    redirect: Callable[[Trap, str], str | None]

    def room(self, length: int) -> int:
        """The longest name that a rename can lead to, or the caller's."""
        return min(length, 0x10000) + 0x40

    def up(self, trap: Trap, data: bytes, area: int) -> bytes:
        """The 64-bit bytes; a buffer too short for a name stays too short."""
        if len(data) < _RENAME32.size:
            return data[: _RENAME32.size]
        replaces, root, size, _ = _RENAME32.unpack_from(data)
        name = data[_NAME32 : _NAME32 + size]
        if not root and len(name) == size and not size & 1:
            text = name.decode("utf-16-le", "surrogatepass")
            other = self.redirect(trap, text)
            if other is not None:
                name = other.encode("utf-16-le", "surrogatepass")
                size = len(name)
                trap.redirected("file", text, other)
        wide = _RENAME64.pack(replaces, root | (0xFFFFFFFF_00000000 if root & 0x80000000 else 0), size) + name
        return wide.ljust(0x18, b"\0")


# ---------------------------------------------------------------- threads
_THREAD_CONTEXT = """whNAME: sub rsp, 0x38
    mov r8d, dword ptr [rcx+4]
    movsxd rcx, dword ptr [rcx]
    mov edx, 29
    mov r9d, 0x2cc
    and qword ptr [rsp+0x20], 0
    call qword ptr [__imp_{}]
    add rsp, 0x38
    ret"""
"""A thread's 32-bit context is ThreadWow64Context, whose form is the caller's own."""


def _context(memory: Memory, pointer: int, scratch: int) -> int | None:
    memory.write(scratch, context64_of(memory.read(pointer, CONTEXT32_SIZE)))
    return None


def _initial_teb(memory: Memory, pointer: int, scratch: int) -> int | None:
    memory.pack(struct.Struct("<5Q"), scratch, *memory.unpack(struct.Struct("<5I"), pointer))
    return None


SPECIAL: dict[str, dict[str, Conversion]] = {
    "NtCreateThread": {
        "thread_context": Conversion(0x4D0, _context),
        "initial_teb": Conversion(0x28, _initial_teb),
    },
}
"""Conversions of single parameters, by service and parameter name."""


def overrides(build: Build) -> dict[str, Override]:
    """Nt name -> a thunk with guest code of its own, for a build."""
    return {
        "NtContinue": Override(CONTINUE, {"set": continue_with(build.reset_state)}),
        "NtRaiseException": Override(RAISE, {}),
        "NtQueueApcThread": Override(QUEUE, {}),
        "NtQueueApcThreadEx": Override(QUEUE_EX, {}),
        "NtGetContextThread": Override(_THREAD_CONTEXT.format("NtQueryInformationThread"), {}),
        "NtSetContextThread": Override(_THREAD_CONTEXT.format("NtSetInformationThread"), {}),
    }


def _redirected_name(build: Build) -> Callable[[Trap, str], str | None]:
    rules = rules_of(build)
    return lambda trap, name: redirected(name, rules, disabled=switched_off(trap))


def buffers(build: Build) -> dict[str, list[Buffer]]:
    """Nt name -> what its thunk converts beyond what the prototype says."""
    renaming = Renaming(_redirected_name(build))
    return class_buffers() | {
        "NtCreateFile": [file_name(build, 2)],
        "NtOpenFile": [file_name(build, 2)],
        "NtDeleteFile": [file_name(build, 0)],
        "NtQueryAttributesFile": [file_name(build, 0)],
        "NtQueryFullAttributesFile": [file_name(build, 0)],
        "NtQueryInformationByName": [file_name(build, 0)],
        "NtCreateKey": [key_name(build, 2, 1)],
        "NtCreateKeyTransacted": [key_name(build, 2, 1)],
        "NtOpenKey": [key_name(build, 2, 1)],
        "NtOpenKeyEx": [key_name(build, 2, 1)],
        "NtOpenKeyTransacted": [key_name(build, 2, 1)],
        "NtOpenKeyTransactedEx": [key_name(build, 2, 1)],
        "NtSetValueKey": [ProgramFiles()],
        "NtRaiseHardError": [HardErrorParameters()],
        "NtQueryVirtualMemory": [Query(
            2, {
                0: Fixed(MEMORY_BASIC_INFORMATION, _clamped), 1: Rebuilt(narrow_working_set, more=0x10000),
                2: Counted(UNICODE_STRING), 3: Fixed(MEMORY_REGION_INFORMATION), 5: Fixed(SIZE_T),
                6: Fixed(MEMORY_IMAGE_INFORMATION), 7: Fixed(MEMORY_REGION_INFORMATION),
                8: Fixed(MEMORY_BASIC_INFORMATION, _clamped),
            },
            address_at=1,
        ), AskedPages()],
        "NtGetWriteWatch": [WrittenPages()],
        "NtQueryDirectoryObject": [DirectoryEntries()],
        "NtQuerySection": [Query(
            1, {0: Fixed(SECTION_BASIC_INFORMATION), 1: Fixed(SECTION_IMAGE_INFORMATION)}
        )],
        "NtQueryObject": [Query(
            1, {1: Counted(UNICODE_STRING), 2: Counted(OBJECT_TYPE_INFORMATION), 3: Rebuilt(narrow_types)}
        )],
        "NtAllocateVirtualMemoryEx": [ExtendedParameters(5)],
        "NtCreateSectionEx": [ExtendedParameters(7)],
        "NtMapViewOfSectionEx": [ExtendedParameters(7)],
        "NtQueryMultipleValueKey": [ValueEntries(1, 2)],
        "NtSetInformationFile": [Setting(
            4, {
                10: renaming, 11: renaming, 30: Wider(FILE_COMPLETION_INFORMATION),
                61: Wider(FILE_COMPLETION_INFORMATION), 65: renaming, 72: renaming,
            },
            buffer_at=2,
        )],
        "NtRemoveIoCompletionEx": [Packets(1)],
    }  # fmt: skip
