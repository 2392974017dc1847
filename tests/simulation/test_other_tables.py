"""Services outside the first table go through the gate to wow64.dll and are refused by number."""

from __future__ import annotations

import pytest

import wowsim
from sampled import WOW64
from wowsim import StopReason
from wowsim.nt.builds import Gate
from wowsim.simulation.images import built_in


def call(build: str, eax: int) -> bytes:
    """Shellcode that makes one call through the build's gate."""
    windows = WOW64[build]
    after = "" if windows.gate_pops else "add esp, 4"
    gate = (
        f"mov edx, {gate_of(build):#x}\ncall edx" if windows.gate is Gate.KI_FAST_SYSTEM_CALL else
        f"xor ecx, ecx\nlea edx, [esp+4]\n.byte 0x64, 0xff, 0x15, 0xc0, 0, 0, 0\n{after}"
    )  # fmt: skip
    return wowsim.assemble32(f"mov eax, {eax:#x}\npush 0\n{gate}\nadd esp, 4\nret")


def gate_of(build: str) -> int:
    """Address of Wow64SystemServiceCall."""
    image = built_in(build).images["ntdll32"]
    return image.base + image.export_by_name["Wow64SystemServiceCall"].rva


@pytest.mark.parametrize("build", WOW64)
@pytest.mark.parametrize("number", [0x1005, 0x1FFF, 0x2001, 0x3002], ids=hex)
def test_refused_by_number(build: str, number: int) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(call(build, number))
        result = sim.run(limit=1_000_000)
        assert result.reason is StopReason.UNSUPPORTED
        assert f"number {number:X}h has no WoW64 thunk" in result.detail


@pytest.mark.parametrize("build", WOW64)
def test_numbers_beyond_a_table_are_no_services(build: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(call(build, 0x33E8))
        assert sim.run(limit=1_000_000).exit_status == 0xC000001C
