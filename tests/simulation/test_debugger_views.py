"""The small objects a simulation is looked at through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from programs import BIN

import wowsim
from wowsim.cpu.segments import GDT_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sim() -> Iterator[wowsim.Simulation]:
    with wowsim.Simulation() as made:
        made.load(BIN / "helloworld.exe")
        yield made


def test_the_gdt_is_what_lies_in_guest_memory(sim: wowsim.Simulation) -> None:
    assert list(sim.gdt) == [0, 0x10, 0x18, 0x20, 0x28, 0x30, 0x50]
    assert sim.gdt[0x33].encode() == 0x0020FB00_00000000
    assert sim.memory.read(GDT_ADDRESS + 0x20, 8) == (0x00CFFB00_0000FFFF).to_bytes(8, "little")
    assert sim.gdt[0x53].base == sim.threads[0].teb32
    sim.gdt[0x33] = 0x0000FB00_00000000
    assert not sim.gdt[0x30].long_mode
    assert sim.memory.read(GDT_ADDRESS + 0x30, 8) == (0x0000FB00_00000000).to_bytes(8, "little")
    with pytest.raises(KeyError):
        sim.gdt[0x100]


def test_registers_in_both_widths(sim: wowsim.Simulation) -> None:
    assert (sim.registers.cs, sim.registers.ss) == (0x33, 0x2B)
    sim.registers.rbx = 0x1122334455667788
    assert (sim.registers.rbx, sim.registers.ebx) == (0x1122334455667788, 0x55667788)
    assert sim.registers.all()["rbx"] == 0x1122334455667788
    with pytest.raises(AttributeError, match="rxx"):
        sim.registers.rxx  # noqa: B018
    with pytest.raises(AttributeError, match="rxx"):
        sim.registers.rxx = 1


def test_memory_is_the_debuggers(sim: wowsim.Simulation) -> None:
    base = sim.modules["helloworld"].base
    assert sim.memory.read(base, 2) == b"MZ"
    sim.memory.write(base, b"XX")  # a read-only page
    assert sim.memory[base : base + 2] == b"XX"
    with pytest.raises(wowsim.UsageError, match="not all mapped"):
        sim.memory.read(0x40000000, 4)
    with pytest.raises(wowsim.UsageError, match="not all mapped"):
        sim.memory.write(0x40000000, b"1234")


def test_what_the_64_bit_loader_lists_hold(sim: wowsim.Simulation) -> None:
    """Walk PEB64.Ldr as 64-bit code behind a gate does."""
    sim.run()
    read = sim.memory.read

    def pointer(address: int) -> int:
        return int.from_bytes(read(address, 8), "little")

    head = pointer(0x7EFDF018) + 0x10
    names, link = [], pointer(head)
    while link != head:
        length = int.from_bytes(read(link + 0x58, 2), "little")
        names.append(read(pointer(link + 0x60), length).decode("utf-16-le"))
        assert pointer(pointer(link) + 8) == link
        link = pointer(link)
    assert names == ["helloworld.exe", "ntdll.dll", "wow64.dll", "wow64win.dll", "wow64cpu.dll"]


def test_the_process_knows_its_image(sim: wowsim.Simulation) -> None:
    """NtQueryInformationProcess(ProcessImageInformation) in the caller's 32-bit layout."""
    buffer = sim.call32("kernel32!VirtualAlloc", 0, 0x1000, 0x3000, 4)
    status = sim.call32("ntdll32!ZwQueryInformationProcess", 0xFFFFFFFF, 37, buffer, 0x30, 0)
    image = sim.modules["helloworld"].image
    assert status == 0
    assert sim.memory.read(buffer, 4) == (image.base + image.entry).to_bytes(4, "little")
