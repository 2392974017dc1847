r"""The registry as a 32-bit program sees it: HKLM\SOFTWARE is SOFTWARE\Wow6432Node, chosen in wow64.dll."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

import wowsim

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = 0x210000
HANDLE, ATTRIBUTES, STRING, TEXT, BUFFER = (DATA + at for at in (0, 0x10, 0x30, 0x40, 0x800))
READ, KEY_64, KEY_32 = 0x20019, 0x100, 0x200
SOFTWARE = r"\REGISTRY\MACHINE\SOFTWARE"


class Guest:
    """A 32-bit process whose registry services are called through ntdll32's stubs."""

    def __init__(self, sim: wowsim.Simulation) -> None:
        self.sim = sim
        self.events: list[tuple[str, str, str]] = []
        sim.load_shellcode(bytes(0x80000))
        sim.on(wowsim.Redirected, lambda e: self.events.append((e.kind, e.name, e.target)))

    def _names(self, name: str, root: int, at: int = TEXT) -> None:
        data = name.encode("utf-16-le")
        write = self.sim.memory.write
        write(ATTRIBUTES, struct.pack("<6I", 24, root, STRING, 0x40, 0, 0))
        write(STRING, struct.pack("<HHI", len(data), len(data), at))
        write(at, data)

    def open(self, name: str, access: int = READ, root: int = 0) -> tuple[int, int]:
        """ZwOpenKey: status and handle."""
        self._names(name, root)
        status = self.sim.call32("ntdll32!ZwOpenKey", HANDLE, access, ATTRIBUTES)
        return status, struct.unpack("<I", self.sim.memory.read(HANDLE, 4))[0]

    def value(self, handle: int, name: str = "where") -> str:
        """A string of a key (KEY_VALUE_PARTIAL_INFORMATION)."""
        self._names(name, 0)
        arguments = handle, STRING, 2, BUFFER, 0x200, BUFFER + 0x400
        assert self.sim.call32("ntdll32!ZwQueryValueKey", *arguments) == 0
        (size,) = struct.unpack("<I", self.sim.memory.read(BUFFER + 8, 4))
        return self.sim.memory.read(BUFFER + 12, size).decode("utf-16-le").rstrip("\0")

    def set(self, handle: int, name: str, text: str) -> int:
        """ZwSetValueKey of a REG_SZ."""
        self._names(name, 0)
        data = (text + "\0").encode("utf-16-le")
        self.sim.memory.write(BUFFER, data)
        return self.sim.call32("ntdll32!ZwSetValueKey", handle, STRING, 0, 1, BUFFER, len(data))


@pytest.fixture(params=["win7sp1", "win10-22h2"])
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with wowsim.Simulation(build=request.param) as sim:
        sim.registry.set(r"HKLM\SOFTWARE\Test", "where", "64")
        sim.registry.set(r"HKLM\SOFTWARE\Wow6432Node\Test", "where", "32")
        sim.registry.set(r"HKLM\SOFTWARE\Policies\Test", "where", "shared")
        yield Guest(sim)


def test_absolute_names_and_the_flags(guest: Guest) -> None:
    for access, found in ((READ, "32"), (READ | KEY_64, "64"), (READ | KEY_32, "32")):
        status, handle = guest.open(SOFTWARE + r"\Test", access)
        assert (status, guest.value(handle)) == (0, found)
    assert guest.events == [("registry", SOFTWARE + r"\Test", SOFTWARE + r"\Wow6432Node\Test")] * 2
    assert guest.open(SOFTWARE + r"\Test", READ | KEY_64 | KEY_32)[0] == 0xC000000D


def test_shared_keys_stay(guest: Guest) -> None:
    status, handle = guest.open(SOFTWARE + r"\Policies\Test")
    assert (status, guest.value(handle), guest.events) == (0, "shared", [])


def test_below_the_handle_of_the_machine(guest: Guest) -> None:
    status, machine = guest.open(r"\REGISTRY\MACHINE")
    assert (status, guest.events) == (0, [])
    status, handle = guest.open(r"Software\Test", READ, machine)
    assert (status, guest.value(handle)) == (0, "32")
    ((kind, name, target),) = guest.events
    assert (kind, name.upper(), target.upper()) == (
        "registry",
        (SOFTWARE + r"\Test").upper(),
        (SOFTWARE + r"\Wow6432Node\Test").upper(),
    )
    status, handle = guest.open(r"Software\Test", READ | KEY_64, machine)
    assert (status, guest.value(handle)) == (0, "64")
    assert guest.open(r"Software\Test", READ, 0x7FF0)[0] == 0xC0000008


def test_program_files_in_a_value(guest: Guest) -> None:
    status, handle = guest.open(SOFTWARE + r"\Test", 0x2001F)
    assert (status, guest.set(handle, "folder", r"%ProgramFiles%\a")) == (0, 0)
    assert guest.sim.registry.get(r"HKLM\SOFTWARE\Wow6432Node\Test", "folder") == r"%ProgramFiles(x86)%\a"
    assert guest.set(handle, "folder", r"C:\%ProgramFiles%") == 0
    assert guest.sim.registry.get(r"HKLM\SOFTWARE\Wow6432Node\Test", "folder") == r"C:\%ProgramFiles%"


def test_a_64_bit_call_is_not_redirected(guest: Guest) -> None:
    """The kernel's half: what wow64.dll did not touch stays, as with a gate of the program's own."""
    with wowsim.Simulation(build=guest.sim.build.name) as sim:
        sim.registry.set(r"HKLM\SOFTWARE\Test", "where", "64")
        stub = 0x200100
        number = sim.build.numbers["NtOpenKey"]
        code = wowsim.assemble64(
            f"""sub rsp, 0x28
            mov rcx, {HANDLE:#x}
            mov edx, {READ:#x}
            mov r8, {ATTRIBUTES:#x}
            mov r10, rcx
            mov eax, {number:#x}
            syscall
            add rsp, 0x28
            ret""",
            0x200000,
        )
        sim.load_shellcode(code.ljust(stub - 0x200000) + bytes(0x20000), bits=64)
        name = (SOFTWARE + r"\Test").encode("utf-16-le")
        sim.memory.write(ATTRIBUTES, struct.pack("<I4xQQI4xQQ", 0x30, 0, BUFFER, 0x40, 0, 0))
        sim.memory.write(BUFFER, struct.pack("<HH4xQ", len(name), len(name), TEXT))
        sim.memory.write(TEXT, name)
        seen: list[object] = []
        sim.on(wowsim.Redirected, seen.append)
        assert (sim.run(limit=5_000_000).exit_status, seen) == (0, [])
