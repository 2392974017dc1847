"""MultiByteToWideChar and WideCharToMultiByte: the conversions behind their traps, and what the traps refuse.

Stands for KERNELBASE's code page functions. Source of the rules: their documentation (learn.microsoft.com)
and "Code Page Identifiers" there. The tables are Python's; Windows' best-fit characters are left out: what a
code page lacks becomes its default character. A bad pointer gives ERROR_NOACCESS where Windows raises an
exception. Who may import it: ``guest32.kernelbase``.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported
from wowsim.guest32 import blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Routine, Trap

_LONGEST = 0x7FFFFFFF
ERROR_INVALID_PARAMETER = 87
ERROR_INSUFFICIENT_BUFFER = 122
ERROR_INVALID_FLAGS = 1004
ERROR_NO_UNICODE_TRANSLATION = 1113
ERROR_NOACCESS = 998

ANSI, OEM = "cp1252", "cp437"
_NAMED = {
    0: ANSI,
    1: OEM,
    2: "mac_roman",
    3: ANSI,
    65000: "utf-7",
    65001: "utf-8",
    20127: "ascii",
    28591: "latin-1",
}
MB_ERR_INVALID_CHARS = 8
WC_ERR_INVALID_CHARS = 0x80
_MB_FLAGS, _WC_FLAGS = 0xF, 0x6F0 | 0x80
_UNICODE_PAGES = (65000, 65001)


def codec_of(page: int) -> str | None:
    """Python's name of a Windows code page; None when there is none."""
    name = _NAMED.get(page, f"cp{page}")
    try:
        return codecs.lookup(name).name if page not in (1200, 1201) else None
    except LookupError:
        return None


def decode(data: bytes, codec: str) -> str:
    """Text of bytes; a byte without a meaning becomes U+FFFD (UTF) or its own number (other tables)."""
    if codec.startswith("utf"):
        return data.decode(codec, "replace")
    return data.decode(codec, "wowsim.own_number")


def _own_number(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(map(chr, error.object[error.start : error.end])), error.end


codecs.register_error("wowsim.own_number", _own_number)


class _Refused(Exception):
    """A parameter that Windows refuses, with the last error it sets."""

    def __init__(self, error: int) -> None:
        super().__init__(error)
        self.error = error


def _text(memory: Memory, address: int, count: int, unit: int) -> bytes:
    """``count`` units at ``address``, or up to and with the terminator when it is negative."""
    if count <= _LONGEST:
        return memory.read(address, count * unit)
    return blocks.terminated(memory, address, unit, _LONGEST) + bytes(unit)


def _checked(page: int, source: int, count: int, target: int, room: int) -> str:
    codec = codec_of(page)
    if (
        codec is None or source == 0 or source == target or count == 0
        or room > _LONGEST or (room and not target)
    ):  # fmt: skip
        raise _Refused(ERROR_INVALID_PARAMETER)
    return codec


def _stored(memory: Memory, target: int, room: int, data: bytes, unit: int) -> int:
    """Writes what was asked for; the count of units, which is all that a room of 0 asks."""
    if room:
        memory.write(target, data[: room * unit])
        if len(data) > room * unit:
            raise _Refused(ERROR_INSUFFICIENT_BUFFER)
    return len(data) // unit


def _to_wide(trap: Trap) -> int:
    page, flags, source, count, target, room = (trap.argument(i) for i in range(6))
    codec = _checked(page, source, count, target, room)
    if flags & ~_MB_FLAGS or (page == 65000 and flags):
        raise _Refused(ERROR_INVALID_FLAGS)
    data = _text(trap.memory, source, count, 1)
    if flags & MB_ERR_INVALID_CHARS:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            raise _Refused(ERROR_NO_UNICODE_TRANSLATION) from None
    else:
        text = decode(data, codec)
    return _stored(trap.memory, target, room, blocks.encoded(text), 2)


def _from_wide(trap: Trap) -> int:
    page, flags, source, count, target, room, default, used = (trap.argument(i) for i in range(8))
    codec = _checked(page, source, count, target, room)
    unicode_page = page in _UNICODE_PAGES
    if unicode_page and (default or used):
        raise _Refused(ERROR_INVALID_PARAMETER)
    if flags & ~_WC_FLAGS or (page == 65000 and flags) or (flags & WC_ERR_INVALID_CHARS and page != 65001):
        raise _Refused(ERROR_INVALID_FLAGS)
    text = blocks.wide(_text(trap.memory, source, count, 2))
    if unicode_page:
        if flags & WC_ERR_INVALID_CHARS and any("\ud800" <= c <= "\udfff" for c in text):
            raise _Refused(ERROR_NO_UNICODE_TRANSLATION)
        data = blocks.encoded(text).decode("utf-16-le", "replace").encode(codec)
    else:
        fallback = blocks.terminated(trap.memory, default, 1, 4) if default else b"?"
        data, lost = _encode(text, codec, fallback)
        if used:
            blocks.put_dword(trap.memory, used, lost)
    return _stored(trap.memory, target, room, data, 1)


def _encode(text: str, codec: str, fallback: bytes) -> tuple[bytes, bool]:
    try:
        return text.encode(codec), False
    except UnicodeEncodeError:
        pieces, lost = [], False
    for character in text:
        try:
            pieces.append(character.encode(codec))
        except UnicodeEncodeError:
            own = bytes([ord(character)]) if ord(character) < 0x100 else b""
            mapped = own and decode(own, codec) == character
            pieces.append(own if mapped else fallback)
            lost |= not mapped
    return b"".join(pieces), lost


def _guarded(convert: Callable[[Trap], int]) -> Routine:
    def routine(trap: Trap) -> int:
        try:
            return convert(trap)
        except _Refused as refused:
            error = refused.error
        except GuestFault:
            error = ERROR_NOACCESS
        blocks.put_dword(trap.memory, trap.teb32 + blocks.TEB_LAST_ERROR, error)
        return 0

    return routine


def _unsupported(what: str) -> Routine:
    def routine(trap: Trap) -> int:
        raise Unsupported(what)

    return routine


ROUTINES: dict[str, Routine] = {
    "codepages.to_wide": _guarded(_to_wide),
    "codepages.from_wide": _guarded(_from_wide),
    "win32.load_as_data": _unsupported("LoadLibraryEx with LOAD_LIBRARY_AS_DATAFILE or AS_IMAGE_RESOURCE"),
    "win32.all_dos_devices": _unsupported("QueryDosDevice without a device name"),
    "win32.volume_guid_name": _unsupported("GetFinalPathNameByHandle with VOLUME_NAME_GUID"),
    "win32.move_at_reboot": _unsupported("MoveFileEx with MOVEFILE_DELAY_UNTIL_REBOOT"),
}
"""Every trap of KERNELBASE and kernel32."""
