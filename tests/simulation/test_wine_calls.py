"""Unix calls of Wine's DLLs, and the system calls that only Wine has."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.clock import Clock
from wowsim.kernel.console import Console
from wowsim.kernel.known_services import known, services_of_root
from wowsim.nt.status import (
    STATUS_DLL_NOT_FOUND,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_SUCH_FILE,
    STATUS_NOT_SUPPORTED,
    STATUS_UNSUCCESSFUL,
)
from wowsim.simulation.wine_calls import (
    CRYPT32,
    NARROW,
    NTDLL,
    TRAP,
    WIN32U,
    WS2_32,
    WSAEFAULT,
    WSAHOST_NOT_FOUND,
    UnixCalls,
    half_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 0x1000


class Memory:
    """One page at 0x1000."""

    def __init__(self) -> None:
        self.data = bytearray(SIZE)

    def _at(self, address: int, size: int) -> int:
        if not SIZE <= address <= 2 * SIZE - size:
            raise GuestFault(0xC0000005, address)
        return address - SIZE

    def read(self, address: int, size: int) -> bytes:
        at = self._at(address, size)
        return bytes(self.data[at : at + size])

    def write(self, address: int, data: bytes) -> None:
        at = self._at(address, len(data))
        self.data[at : at + len(data)] = data

    def unpack(self, shape: struct.Struct, address: int) -> tuple[Any, ...]:
        return shape.unpack(self.read(address, shape.size))

    def pack(self, shape: struct.Struct, address: int, *values: Any) -> None:
        self.write(address, shape.pack(*values))


class Caller:
    """Makes unix calls."""

    def __init__(self, version: int) -> None:
        self.memory, self.console, self.gdi = Memory(), Console(), 0
        kernel: Any = SimpleNamespace(clock=Clock(), console=self.console, memory=self.memory)
        self.now = kernel.clock.now
        self._call = cast("Callable[[Any], int]", UnixCalls(kernel, version, self._use_gdi).routines[TRAP])

    def _use_gdi(self) -> None:
        self.gdi += 1

    def call(self, handle: int, code: int, arguments: int = 0) -> int:
        registers = {"rcx": handle, "rdx": code | 0xABCD << 32, "r8": arguments}
        trap = SimpleNamespace(memory=self.memory, register=registers.__getitem__)
        return self._call(trap)


def test_which_dlls_have_a_half() -> None:
    assert half_of("NTDLL.dll", False) == NTDLL
    assert half_of("ws2_32.dll", True) == WS2_32 | NARROW
    assert half_of("win32u.dll", False) == WIN32U
    with pytest.raises(GuestFault) as refused:
        half_of("bcrypt.dll", True)
    assert refused.value.status == STATUS_DLL_NOT_FOUND


@pytest.mark.parametrize("version", [8, 10])
def test_what_ntdll_asks(version: int) -> None:
    caller = Caller(version)
    assert caller.call(NTDLL, 0) == caller.call(NTDLL, 1) == STATUS_UNSUCCESSFUL
    assert caller.call(NTDLL, 2 if version == 8 else 7, 0x1010) == 0
    assert caller.memory.unpack(struct.Struct("<Q"), 0x1010) == (caller.now,)
    with pytest.raises(Unsupported, match="unix call 9 of Wine's half 0x101"):
        caller.call(NTDLL | NARROW, 9)
    with pytest.raises(Unsupported, match="half 0x7"):
        caller.call(7, 0)


@pytest.mark.parametrize(("narrow", "shape"), [(0, "<QI"), (NARROW, "<II")])
def test_messages_go_to_standard_error(narrow: int, shape: str) -> None:
    caller = Caller(10)
    caller.memory.write(0x1800, b"fixme: all\n")
    caller.memory.write(0x1000, struct.pack(shape, 0x1800, 11))
    assert caller.call(NTDLL | narrow, 2, 0x1000) == 11
    assert bytes(caller.console.stderr) == b"fixme: all\n"
    caller.memory.write(0x1000, struct.pack(shape, 0x8000, 1))
    for arguments, status in ((0x1000, 0xC0000005), (0x9000, 0xC0000005)):
        with pytest.raises(GuestFault) as refused:
            caller.call(NTDLL | narrow, 2, arguments)
        assert refused.value.status == status
    caller.memory.write(0x1000, struct.pack(shape, 0x1800, 0x7FFFFFFF))
    with pytest.raises(GuestFault) as refused:
        caller.call(NTDLL | narrow, 2, 0x1000)
    assert refused.value.status == STATUS_INVALID_PARAMETER


@pytest.mark.parametrize(("narrow", "shape"), [(0, "<QI"), (NARROW, "<II")])
def test_there_is_no_network(narrow: int, shape: str) -> None:
    caller = Caller(8)
    assert [caller.call(WS2_32 | narrow, code) for code in (0, 1, 2, 4)] == [WSAHOST_NOT_FOUND] * 4
    caller.memory.write(0x1000, struct.pack(shape, 0x1800, 7))
    assert caller.call(WS2_32 | narrow, 3, 0x1000) == 0
    assert caller.memory.read(0x1800, 7) == b"wowsim\0"
    caller.memory.write(0x1000, struct.pack(shape, 0x1800, 6))
    assert caller.call(WS2_32 | narrow, 3, 0x1000) == WSAEFAULT


def test_crypt32_starts_and_finds_no_certificates() -> None:
    caller = Caller(8)
    assert [caller.call(CRYPT32 | NARROW, code) for code in (0, 1)] == [0, 0]
    assert {caller.call(CRYPT32, code) for code in range(2, 7)} == {STATUS_NOT_SUPPORTED}


def test_win32u_makes_the_process_one_that_uses_gdi() -> None:
    caller = Caller(8)
    assert (caller.call(WIN32U, 0), caller.call(WIN32U, 1), caller.gdi) == (0, 0, 1)


def test_the_system_calls_are_a_roots_only() -> None:
    assert "__wine_dbg_write" in services_of_root()
    assert "__wine_dbg_write" not in known()
    service = services_of_root()["__wine_dbg_write"]
    memory, console = Memory(), Console()
    memory.write(0x1234, b"err: x\n")
    kernel: Any = SimpleNamespace(memory=memory, console=console)
    assert service.handler(kernel, 0x1234, 7) == 7
    assert service.handler(kernel, 0, 0) == 0
    assert bytes(console.stderr) == b"err: x\n"
    assert [parameter.name for parameter in service.prototype.parameters] == ["text", "length"]


def test_nothing_has_a_unix_name() -> None:
    services = services_of_root()
    assert services["wine_nt_to_unix_file_name"].handler(None, None, 0, None, 1) == STATUS_NO_SUCH_FILE
    assert services["wine_unix_to_nt_file_name"].handler(None, 0, 0, None) == STATUS_NO_SUCH_FILE
