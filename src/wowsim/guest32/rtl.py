"""Run-time library routines that convert data: strings, code pages, paths, bitmaps, version.

Stands for ntdll's Rtl routines that make no Nt call; the rest of them is guest code (``guest32.rtl_code``).
The ANSI code page is 1252: bytes without a character become C1 controls, characters without a byte "?"
(Windows' best fit of near characters is left out). Who may import it: the simulation.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.guest32 import blocks, paths
from wowsim.guest32.dos_errors import dos_error
from wowsim.guest32.search import current_directory
from wowsim.nt.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_NAME_TOO_LONG,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Routine, Trap

USHORT_MAX = 0xFFFF
MAX_CONVERSION = 0x1000000
"""Most bytes that one conversion handles; a caller with a larger count has gone astray."""
OBJ_CASE_INSENSITIVE = 0x40
MAX_BITS = 0x100000
"""Largest bitmap that is looked at."""

_DECODED = [bytes([b]).decode("cp1252", "replace") for b in range(256)]
_TO_UNICODE = {b: ord(c) if c != "\ufffd" else b for b, c in enumerate(_DECODED)}
_TO_ANSI = {code: byte for byte, code in _TO_UNICODE.items()}


def from_ansi(data: bytes) -> str:
    """Code page 1252 to text."""
    return data.decode("latin-1").translate(_TO_UNICODE)


def to_ansi(data: bytes) -> bytes:
    """UTF-16 bytes to code page 1252, one byte for each UTF-16 unit."""
    units = struct.unpack(f"<{len(data) // 2}H", data[: len(data) & ~1])
    return bytes(_TO_ANSI.get(unit, 0x3F) for unit in units)


def upcase(unit: int) -> int:
    """RtlUpcaseUnicodeChar: simple one-to-one mappings; nothing outside ASCII becomes ASCII."""
    upper = chr(unit).upper()
    if len(upper) != 1 or ord(upper) > 0xFFFF or (ord(upper) < 0x80 <= unit):
        return unit
    return ord(upper)


def upcased(data: bytes) -> list[int]:
    """UTF-16 bytes as upper-case units."""
    return [upcase(unit) for unit in struct.unpack(f"<{len(data) // 2}H", data[: len(data) & ~1])]


def routines() -> dict[str, Routine]:
    """The routines behind the traps ``rtl.NAME`` of this module."""
    return {f"rtl.{function.__name__}": function for function in _ROUTINES}


# ---------------------------------------------------------------- strings
def _compare(trap: Trap) -> tuple[list[int], list[int]]:
    first, second = (blocks.counted(trap.memory, trap.argument(i)) for i in (0, 1))
    if trap.argument(2) & 0xFF:
        return upcased(first), upcased(second)
    return [*struct.unpack(f"<{len(first) // 2}H", first[: len(first) & ~1])], [
        *struct.unpack(f"<{len(second) // 2}H", second[: len(second) & ~1])
    ]


def RtlCompareUnicodeString(trap: Trap) -> int:
    """(first, second, ignore case): the difference of the first units that differ, else of the lengths."""
    first, second = _compare(trap)
    for a, b in zip(first, second, strict=False):
        if a != b:
            return a - b & 0xFFFFFFFF
    return len(first) - len(second) & 0xFFFFFFFF


def RtlEqualUnicodeString(trap: Trap) -> int:
    """(first, second, ignore case): BOOLEAN."""
    first, second = _compare(trap)
    return int(first == second)


def RtlPrefixUnicodeString(trap: Trap) -> int:
    """(prefix, string, ignore case): BOOLEAN."""
    prefix, text = _compare(trap)
    return int(text[: len(prefix)] == prefix)


def RtlUpcaseUnicodeChar(trap: Trap) -> int:
    """(character)."""
    return upcase(trap.argument(0) & 0xFFFF)


def RtlCopyUnicodeString(trap: Trap) -> None:
    """(destination, source or NULL): as much as fits, terminated if there is room."""
    memory, destination = trap.memory, trap.argument(0)
    _, maximum, buffer = blocks.string_fields(memory, destination)
    data = blocks.counted(memory, trap.argument(1))[:maximum] if trap.argument(1) else b""
    _store_text(memory, destination, buffer, maximum, data)


def RtlAppendUnicodeStringToString(trap: Trap) -> int:
    """(destination, source)."""
    return _append(trap, blocks.counted(trap.memory, trap.argument(1)))


def RtlAppendUnicodeToString(trap: Trap) -> int:
    """(destination, zero-terminated source or NULL)."""
    source = trap.argument(1)
    return _append(trap, blocks.terminated(trap.memory, source, 2, 0x20000) if source else b"")


def _append(trap: Trap, data: bytes) -> int:
    memory, destination = trap.memory, trap.argument(0)
    length, maximum, buffer = blocks.string_fields(memory, destination)
    if length + len(data) > maximum:
        return STATUS_BUFFER_TOO_SMALL
    _store_text(memory, destination, buffer, maximum, (memory.read(buffer, length) if length else b"") + data)
    return STATUS_SUCCESS


def _store_text(memory: Memory, destination: int, buffer: int, maximum: int, data: bytes) -> None:
    room = len(data) + 2 <= maximum
    if data or room:
        memory.write(buffer, data + b"\0\0" if room else data)
    blocks.put_string(memory, destination, len(data), maximum, buffer)


# ---------------------------------------------------------------- code pages
def AnsiToUnicodeSize(trap: Trap) -> int:
    """ECX = bytes that the source needs as UTF-16, with its terminator; EAX = status."""
    return _size(trap, 2 * len(blocks.counted(trap.memory, trap.argument(1))) + 2)


def UnicodeToAnsiSize(trap: Trap) -> int:
    """ECX = bytes that the source needs in the ANSI code page, with its terminator; EAX = status."""
    return _size(trap, len(blocks.counted(trap.memory, trap.argument(1))) // 2 + 1)


def _size(trap: Trap, size: int) -> int:
    trap.set_register("rcx", size)
    return STATUS_SUCCESS if size <= USHORT_MAX else STATUS_NAME_TOO_LONG


def RtlAnsiStringToUnicodeString(trap: Trap) -> int:
    """(destination, source, allocate), the buffer being there."""
    text = blocks.encoded(from_ansi(blocks.counted(trap.memory, trap.argument(1))))
    return _convert(trap, text, 2)


def RtlUnicodeStringToAnsiString(trap: Trap) -> int:
    """(destination, source, allocate), the buffer being there."""
    return _convert(trap, to_ansi(blocks.counted(trap.memory, trap.argument(1))), 1)


def _convert(trap: Trap, data: bytes, unit: int) -> int:
    destination = trap.argument(0)
    _, maximum, buffer = blocks.string_fields(trap.memory, destination)
    if len(data) + unit > maximum:
        return STATUS_BUFFER_OVERFLOW
    trap.memory.write(buffer, data + bytes(unit))
    blocks.put_string(trap.memory, destination, len(data), maximum, buffer)
    return STATUS_SUCCESS


def RtlMultiByteToUnicodeN(trap: Trap) -> int:
    """(destination, bytes there, result or NULL, source, bytes of it): cut to what fits."""
    data = _source(trap, 3, trap.argument(1) // 2)
    return _counted_result(trap, blocks.encoded(from_ansi(data)))


def RtlUnicodeToMultiByteN(trap: Trap) -> int:
    """(destination, bytes there, result or NULL, source, bytes of it): cut to what fits."""
    return _counted_result(trap, to_ansi(_source(trap, 3, 2 * trap.argument(1))))


def _source(trap: Trap, index: int, room: int) -> bytes:
    count = min(trap.argument(index + 1), room, MAX_CONVERSION)
    return trap.memory.read(trap.argument(index), count) if count else b""


def _counted_result(trap: Trap, data: bytes) -> int:
    if data:
        trap.memory.write(trap.argument(0), data)
    if trap.argument(2):
        blocks.put_dword(trap.memory, trap.argument(2), len(data))
    return STATUS_SUCCESS


def RtlMultiByteToUnicodeSize(trap: Trap) -> int:
    """(result, source, bytes of it)."""
    blocks.put_dword(trap.memory, trap.argument(0), 2 * trap.argument(2))
    return STATUS_SUCCESS


def RtlUnicodeToMultiByteSize(trap: Trap) -> int:
    """(result, source, bytes of it)."""
    blocks.put_dword(trap.memory, trap.argument(0), trap.argument(2) // 2)
    return STATUS_SUCCESS


# ---------------------------------------------------------------- paths
def RtlGetCurrentDirectory_U(trap: Trap) -> int:
    """(bytes there, buffer): bytes written without the terminator, or needed with it."""
    current = current_directory(trap)
    if len(current) > 3:
        current = current.rstrip("\\")
    data = blocks.encoded(current) + b"\0\0"
    if trap.argument(0) < len(data):
        return len(data)
    trap.memory.write(trap.argument(1), data)
    return len(data) - 2


def RtlGetFullPathName_U(trap: Trap) -> int:
    """(name, bytes there, buffer, file part): bytes written without the terminator, or needed with it."""
    memory, part_at = trap.memory, trap.argument(3)
    full = paths.full_path(blocks.wide_terminated(memory, trap.argument(0)), current_directory(trap))
    if part_at:
        blocks.put_dword(memory, part_at, 0)
    data = blocks.encoded(full)
    if not data or len(data) > 2 * paths.MAXIMUM:
        return 0
    if len(data) + 2 > trap.argument(1):
        return len(data) + 2
    memory.write(trap.argument(2), data + b"\0\0")
    part = paths.file_part(full)
    if part_at and part is not None:
        blocks.put_dword(memory, part_at, trap.argument(2) + 2 * part)
    return len(data)


def RtlDetermineDosPathNameType_U(trap: Trap) -> int:
    """(name): RTL_PATH_TYPE."""
    return paths.path_type(blocks.wide_terminated(trap.memory, trap.argument(0))).value


def _nt_path(trap: Trap) -> str | None:
    return paths.nt_path(blocks.wide_terminated(trap.memory, trap.argument(0)), current_directory(trap))


def NtPathSize(trap: Trap) -> int:
    """RtlDosPathNameToNtPathName_U, first: ECX = bytes of the result with its terminator; EAX = status."""
    found = _nt_path(trap)
    if found is None:
        blank = not blocks.wide_terminated(trap.memory, trap.argument(0)).strip(" ")
        return STATUS_OBJECT_NAME_INVALID if blank else STATUS_OBJECT_PATH_NOT_FOUND
    return _size(trap, len(blocks.encoded(found)) + 2)


def NtPath(trap: Trap) -> int:
    """RtlDosPathNameToNtPathName_U(name, result, file part, relative name), the buffer being there."""
    memory, result = trap.memory, trap.argument(1)
    found = _nt_path(trap) or ""
    _, maximum, buffer = blocks.string_fields(memory, result)
    data = blocks.encoded(found)
    if len(data) + 2 > maximum:
        return STATUS_BUFFER_TOO_SMALL
    memory.write(buffer, data + b"\0\0")
    blocks.put_string(memory, result, len(data), maximum, buffer)
    if trap.argument(2):
        part = found.rfind("\\") + 1
        blocks.put_dword(memory, trap.argument(2), buffer + 2 * part if part < len(found) else 0)
    if trap.argument(3):
        # No name relative to the current directory's handle: the absolute one is always used.
        memory.write(trap.argument(3), bytes(16))
    return STATUS_SUCCESS


def _new_directory(trap: Trap) -> str:
    name = blocks.unicode_string(trap.memory, blocks.parameter(trap, 0))
    return paths.full_path(name, current_directory(trap))


def DirectorySize(trap: Trap) -> int:
    """RtlSetCurrentDirectory_U, first: ECX = bytes of the NT name; EAX = status."""
    full = _new_directory(trap)
    name = paths.nt_path(full, current_directory(trap)) if full else None
    if name is None or full.startswith("\\\\."):
        return STATUS_OBJECT_NAME_INVALID
    current = blocks.parameters(trap) + blocks.PARAMETERS_CURRENT_DIRECTORY
    _, maximum, _ = blocks.string_fields(trap.memory, current)
    if len(blocks.encoded(full)) + 4 > maximum:
        return STATUS_NAME_TOO_LONG
    return _size(trap, len(blocks.encoded(name)) + 2)


def Directory(trap: Trap) -> None:
    """RtlSetCurrentDirectory_U: NT name and OBJECT_ATTRIBUTES into the frame."""
    memory, frame = trap.memory, blocks.register32(trap, "rbp")
    name_at, attributes_at = frame - 0xC, frame - 0x2C
    _, maximum, buffer = blocks.string_fields(memory, name_at)
    data = blocks.encoded(paths.nt_path(_new_directory(trap), current_directory(trap)) or "")[:maximum]
    memory.write(buffer, data)
    blocks.put_string(memory, name_at, len(data), maximum, buffer)
    memory.write(attributes_at, struct.pack("<6I", 24, 0, name_at, OBJ_CASE_INSENSITIVE, 0, 0))


def DirectoryOpened(trap: Trap) -> int:
    """RtlSetCurrentDirectory_U: the opened directory is the current one; EAX = the old handle to close."""
    memory, frame = trap.memory, blocks.register32(trap, "rbp")
    block = blocks.parameters(trap)
    at = block + blocks.PARAMETERS_CURRENT_DIRECTORY
    _, maximum, buffer = blocks.string_fields(memory, at)
    data = blocks.encoded(_new_directory(trap).rstrip("\\") + "\\")[: max(maximum - 2, 0)]
    memory.write(buffer, data + b"\0\0")
    blocks.put_string(memory, at, len(data), maximum, buffer)
    old = blocks.dword(memory, block + blocks.PARAMETERS_CURRENT_HANDLE)
    blocks.put_dword(memory, block + blocks.PARAMETERS_CURRENT_HANDLE, blocks.dword(memory, frame - 4))
    return old


# ---------------------------------------------------------------- errors, version, bitmaps
def RtlNtStatusToDosError(trap: Trap) -> int:
    """(status): also remembers the status in the TEB."""
    blocks.put_dword(trap.memory, trap.teb32 + blocks.TEB_LAST_STATUS, trap.argument(0))
    return dos_error(trap.argument(0))


def RtlNtStatusToDosErrorNoTeb(trap: Trap) -> int:
    """(status)."""
    return dos_error(trap.argument(0))


def RtlGetVersion(trap: Trap) -> int:
    """(OSVERSIONINFOW or OSVERSIONINFOEXW): from the PEB, as programs may have changed it."""
    memory, peb, out = trap.memory, blocks.peb(trap), trap.argument(0)
    major, minor, number, pack, platform = struct.unpack("<IIHHI", memory.read(peb + blocks.PEB_OS_MAJOR, 16))
    memory.write(out + 4, struct.pack("<4I", major, minor, number, platform))
    text = blocks.counted(memory, peb + blocks.PEB_CSD_VERSION)[:254]
    memory.write(out + 20, text.ljust(256, b"\0"))
    if blocks.dword(memory, out) == 0x11C:
        suite = blocks.dword(memory, 0x7FFE02D0) & 0xFFFF
        product = blocks.dword(memory, 0x7FFE0264) & 0xFF
        memory.write(out + 276, struct.pack("<HHHBB", pack >> 8, pack & 0xFF, suite, product, 0))
    return STATUS_SUCCESS


def _bitmap(trap: Trap) -> tuple[int, int, int]:
    """Size in bits, address of the bits, and the bits as one integer."""
    size, bits = blocks.dword(trap.memory, trap.argument(0)), blocks.dword(trap.memory, trap.argument(0) + 4)
    size = min(size, MAX_BITS)
    data = trap.memory.read(bits, (size + 31) // 32 * 4) if size else b""
    return size, bits, int.from_bytes(data, "little")


def _store_bits(trap: Trap, size: int, address: int, value: int) -> None:
    if size:
        trap.memory.write(address, value.to_bytes((size + 31) // 32 * 4, "little"))


def RtlFindClearBitsAndSet(trap: Trap) -> int:
    """(bitmap, count, hint): index of the first clear run from the hint on, then from 0 on; else -1."""
    size, address, value = _bitmap(trap)
    count, hint = trap.argument(1), trap.argument(2)
    if not 0 < count <= size:
        return 0xFFFFFFFF if count else 0
    text = f"{value:0{size}b}"[::-1][:size]
    run = "0" * count
    start = text.find(run, hint if hint < size else 0)
    if start < 0:
        start = text.find(run)
    if start < 0:
        return 0xFFFFFFFF
    _store_bits(trap, size, address, value | ((1 << count) - 1) << start)
    return start


def RtlSetBits(trap: Trap) -> None:
    """(bitmap, start, count)."""
    _change_bits(trap, True)


def RtlClearBits(trap: Trap) -> None:
    """(bitmap, start, count)."""
    _change_bits(trap, False)


def _change_bits(trap: Trap, on: bool) -> None:
    size, address, value = _bitmap(trap)
    start = min(trap.argument(1), size)
    run = (1 << min(trap.argument(2), size - start)) - 1 << start
    _store_bits(trap, size, address, value | run if on else value & ~run)


LEAVES = {
    "RtlCompareUnicodeString": 3,
    "RtlEqualUnicodeString": 3,
    "RtlPrefixUnicodeString": 3,
    "RtlUpcaseUnicodeChar": 1,
    "RtlCopyUnicodeString": 2,
    "RtlAppendUnicodeStringToString": 2,
    "RtlAppendUnicodeToString": 2,
    "RtlMultiByteToUnicodeN": 5,
    "RtlUnicodeToMultiByteN": 5,
    "RtlMultiByteToUnicodeSize": 3,
    "RtlUnicodeToMultiByteSize": 3,
    "RtlGetCurrentDirectory_U": 2,
    "RtlGetFullPathName_U": 4,
    "RtlDetermineDosPathNameType_U": 1,
    "RtlNtStatusToDosError": 1,
    "RtlNtStatusToDosErrorNoTeb": 1,
    "RtlGetVersion": 1,
    "RtlFindClearBitsAndSet": 3,
    "RtlSetBits": 3,
    "RtlClearBits": 3,
}
"""Routines that are one trap, with their number of arguments."""

_ROUTINES: tuple[Routine, ...] = (
    *(globals()[name] for name in LEAVES),
    AnsiToUnicodeSize,
    UnicodeToAnsiSize,
    RtlAnsiStringToUnicodeString,
    RtlUnicodeStringToAnsiString,
    NtPathSize,
    NtPath,
    DirectorySize,
    Directory,
    DirectoryOpened,
)
