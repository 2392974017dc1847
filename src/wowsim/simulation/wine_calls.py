"""What Wine's DLLs ask of Wine's Unix half and Windows has nothing of, in a process that runs with Wine's DLLs.

Wine's PE half reaches its Unix half in two ways: system calls, which have the names and the meaning of NT's, and "unix
calls", through a pointer that ntdll exports (``__wine_unix_call_dispatcher``). Here that pointer leads to one trap.
A DLL asks for its half with two information classes of NtQueryVirtualMemory; only ntdll, win32u, and those that do not
load without (ws2_32, crypt32) get one, all others are told that there is none, as with a Wine whose optional parts are
not installed. There is no network, so that ws2_32 finds no host but its own, and no certificates. Observed, not
documented: the calls of Wine 8.0 and 10.0 as real runs made them. Who may import it: the simulation.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported
from wowsim.image.model import Image, Provenance, Range, Section
from wowsim.kernel.accounts import COMPUTER
from wowsim.kernel.wine import debug_write
from wowsim.nt.status import STATUS_DLL_NOT_FOUND, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, STATUS_UNSUCCESSFUL

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.nt.trap import Routine, Trap

    _Call = Callable[[Trap, int, bool], int]

TRAP = "wine.unix_call"
DISPATCHER = "__wine_unix_call_dispatcher"
"""The export of the 64-bit ntdll that is set to the trap's address."""
HANDLE = "__wine_unixlib_handle"
"""The export that holds the handle of ntdll's own half since Wine 9."""
NTDLL, WIN32U, WS2_32, CRYPT32 = 1, 2, 3, 4
"""Handles of the halves that answer."""
NARROW = 0x100
"""Bit of a handle that 32-bit code uses: the arguments of its calls have 32-bit layouts."""
_HALVES = {"ntdll.dll": NTDLL, "win32u.dll": WIN32U, "ws2_32.dll": WS2_32, "crypt32.dll": CRYPT32}
WSAHOST_NOT_FOUND, WSAEFAULT = 11001, 10014
_QWORD = struct.Struct("<Q")
_TEXT = {False: struct.Struct("<QI"), True: struct.Struct("<II")}
"""Address and length, for 64-bit and 32-bit callers."""


def half_of(file_name: str, narrow: bool) -> int:
    """The handle of a DLL's Unix half.

    Args:
        file_name: the DLL's.
        narrow: 32-bit code will use it.

    Raises:
        GuestFault: STATUS_DLL_NOT_FOUND: it has none here.
    """
    handle = _HALVES.get(file_name.lower())
    if handle is None:
        raise GuestFault(STATUS_DLL_NOT_FOUND)
    return handle | (NARROW if narrow else 0)


def unix_call_image() -> Image:
    """The code behind the pointer: a trap and a return."""
    code = bytes.fromhex("cdfdc3")
    return Image(
        name="wine_unix",
        file_name="unix",
        path="C:\\Windows\\System32\\unix",
        bits=64,
        base=0x10000,
        contents=bytes(0x1000) + code + bytes(0x1000 - len(code)),
        sections=(Section(".text", 0x1000, 0x1000, executable=True),),
        symbols={0x1000: "unix_call"},
        traps={0x1000: TRAP},
        relocations=(),
        provenance=(Range(0x1000, 0x1003, Provenance.OURS),),
        system=True,
        is_dll=True,
    )


class UnixCalls:
    """Answers unix calls: RCX is the half's handle, EDX the call's code, R8 its arguments.

    Args:
        kernel: the simulation's.
        version: the major number of Wine's.
        use_gdi: makes the process one that uses GDI.
    """

    def __init__(self, kernel: Kernel, version: int, use_gdi: Callable[[], object]) -> None:
        self._kernel, self._use_gdi = kernel, use_gdi
        ntdll: dict[int, _Call] = {0: _no_such_dll, 1: _not_unwound}
        if version > 8:
            ntdll |= {2: self._debug_write, 7: self._precise_time}
        else:
            ntdll |= {2: self._precise_time}
        self._calls: dict[int, dict[int, _Call]] = {
            NTDLL: ntdll,
            WIN32U: {0: self._user_starts, 1: _nothing},
            CRYPT32: {0: _nothing, 1: _nothing, **dict.fromkeys(range(2, 7), _not_supported)},
            WS2_32: {**dict.fromkeys(range(5), _no_host), 3: self._host_name},
        }

    @property
    def routines(self) -> dict[str, Routine]:
        """The routine behind the trap."""
        return {TRAP: self._call}

    def _call(self, trap: Trap) -> int:
        handle, code = trap.register("rcx"), trap.register("rdx") & 0xFFFFFFFF
        call = self._calls.get(handle & ~NARROW, {}).get(code)
        if call is None:
            raise Unsupported(f"unix call {code} of Wine's half {handle:#x} is not implemented")
        return call(trap, trap.register("r8"), handle & NARROW != 0)

    def _text(self, trap: Trap, arguments: int, narrow: bool) -> tuple[int, int]:
        address, length = trap.memory.unpack(_TEXT[narrow], arguments)
        return address, length

    def _debug_write(self, trap: Trap, arguments: int, narrow: bool) -> int:
        """__wine_dbg_write: a message for standard error."""
        return debug_write(self._kernel, *self._text(trap, arguments, narrow))

    def _host_name(self, trap: Trap, arguments: int, narrow: bool) -> int:
        """Gethostname."""
        address, length = self._text(trap, arguments, narrow)
        name = COMPUTER.lower().encode() + b"\0"
        if length < len(name):
            return WSAEFAULT
        trap.memory.write(address, name)
        return STATUS_SUCCESS

    def _user_starts(self, trap: Trap, arguments: int, narrow: bool) -> int:
        """The table of GDI's handles is there before gdi32 reads it."""
        self._use_gdi()
        return STATUS_SUCCESS

    def _precise_time(self, trap: Trap, arguments: int, narrow: bool) -> int:
        trap.memory.pack(_QWORD, arguments, self._kernel.clock.now)
        return STATUS_SUCCESS


def _no_host(trap: Trap, arguments: int, narrow: bool) -> int:
    """getaddrinfo, gethostbyaddr, gethostbyname, getnameinfo: nobody answers."""
    return WSAHOST_NOT_FOUND


def _not_supported(trap: Trap, arguments: int, narrow: bool) -> int:
    """Certificate stores and keys in files, and the host's root certificates."""
    return STATUS_NOT_SUPPORTED


def _no_such_dll(trap: Trap, arguments: int, narrow: bool) -> int:
    """load_so_dll: there are no Unix libraries."""
    return STATUS_UNSUCCESSFUL


def _not_unwound(trap: Trap, arguments: int, narrow: bool) -> int:
    """unwind_builtin_dll: a frame of a Unix library, of which there are none."""
    return STATUS_UNSUCCESSFUL


def _nothing(trap: Trap, arguments: int, narrow: bool) -> int:
    """What a half is told when a process starts or ends."""
    return STATUS_SUCCESS
