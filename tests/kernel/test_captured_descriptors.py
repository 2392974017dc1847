"""Security descriptors in OBJECT_ATTRIBUTES: an object begins with what its maker gave."""

from __future__ import annotations

import struct

import pytest

import wowsim

DATA = 0x210000
HANDLE, ATTRIBUTES, STRING, TEXT, BLOCK, SD, ACL, ANSWER = (
    DATA + at for at in (0, 0x10, 0x30, 0x40, 0x200, 0x220, 0x240, 0x400)
)
EVERYONE = struct.pack("<BB6sI", 1, 1, b"\0\0\0\0\0\1", 0)
DACL = (
    struct.pack("<BBHHHBBHI", 2, 0, 8 + 8 + len(EVERYONE), 1, 0, 0, 0, 8 + len(EVERYONE), 0x80000000)
    + EVERYONE
)


class Guest:
    def __init__(self, sim: wowsim.Simulation, ntdll: str = "ntdll32") -> None:
        self.sim, self.ntdll = sim, ntdll
        sim.load_shellcode(bytes(0x20000))
        sim.memory.write(ACL, DACL)

    def attributes(self, name: str, revision: int = 1, dacl: int = ACL) -> None:
        text = name.encode("utf-16-le")
        self.sim.memory.write(TEXT, text)
        self.sim.memory.write(STRING, struct.pack("<HHI", len(text), len(text), TEXT if text else 0))
        self.sim.memory.write(SD, struct.pack("<BBH4I", revision, 0, 4, 0, 0, 0, dacl))
        self.sim.memory.write(ATTRIBUTES, struct.pack("<6I", 24, 0, STRING if text else 0, 0x40, SD, 0))

    def handle(self) -> int:
        return int(struct.unpack("<I", self.sim.memory.read(HANDLE, 4))[0])

    def rights(self, handle: int) -> list[tuple[int, bytes]]:
        """The entries of the DACL that NtQuerySecurityObject gives."""
        call = self.sim.call32
        assert call(f"{self.ntdll}!ZwQuerySecurityObject", handle, 4, ANSWER, 0x200, BLOCK) == 0
        (offset,) = struct.unpack("<16xI", self.sim.memory.read(ANSWER, 20))
        (count,) = struct.unpack("<4xH2x", self.sim.memory.read(ANSWER + offset, 8))
        at, found = ANSWER + offset + 8, []
        for _ in range(count):
            _, _, size, mask = struct.unpack("<BBHI", self.sim.memory.read(at, 8))
            found.append((mask, self.sim.memory.read(at + 8, size - 8)))
            at += size
        return found


@pytest.mark.parametrize(("build", "ntdll"), [("win7sp1", "ntdll32"), ("win7sp1-x86", "ntdll")])
def test_events_files_and_keys_get_it(build: str, ntdll: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        guest = Guest(sim, ntdll)
        guest.attributes("")
        assert sim.call32(f"{ntdll}!ZwCreateEvent", HANDLE, 0x1F0003, ATTRIBUTES, 0, 0) == 0
        assert guest.rights(guest.handle()) == [(0x20001, EVERYONE)], "generic rights are those of events"
        guest.attributes("\\??\\C:\\made.txt")
        made = HANDLE, 0x120116 | 0x20000, ATTRIBUTES, BLOCK, 0, 0, 0, 2, 0x60, 0, 0
        assert sim.call32(f"{ntdll}!ZwCreateFile", *made) == 0
        assert guest.rights(guest.handle()) == [(0x120089, EVERYONE)]
        guest.attributes("\\REGISTRY\\MACHINE\\SOFTWARE\\Made")
        assert sim.call32(f"{ntdll}!ZwCreateKey", HANDLE, 0xF003F, ATTRIBUTES, 0, 0, 0, 0) == 0
        first = guest.rights(guest.handle())
        assert sim.call32(f"{ntdll}!ZwOpenKey", HANDLE, 0x20019, ATTRIBUTES) == 0
        assert guest.rights(guest.handle()) == first == [(0x20019, EVERYONE)], (
            "every handle of a key shows it"
        )


def test_a_bad_one_is_refused() -> None:
    with wowsim.Simulation() as sim:
        guest = Guest(sim)
        for revision, dacl, status in ((9, ACL, 0xC0000058), (1, 0x12340000, 0xC0000005)):
            guest.attributes("", revision, dacl)
            assert sim.call32("ntdll32!ZwCreateEvent", HANDLE, 0x1F0003, ATTRIBUTES, 0, 0) == status
