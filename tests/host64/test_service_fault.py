"""A fault inside a thunk is the service's status (wow64-facts section 5: the handler around it)."""

from __future__ import annotations

import pytest

import wowsim
from sampled import WOW64

CODE, BACK = 0x200000, 0x200100


@pytest.mark.parametrize("build", WOW64)
def test_arguments_at_the_end_of_memory(build: str) -> None:
    """The stub's stack ends behind its first argument: whNtCreateKey faults when it loads the others."""
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(bytes(0x1000))
        page = sim.call32("kernel32!VirtualAlloc", 0, 0x10000, 0x2000, 4)
        sim.call32("kernel32!VirtualAlloc", page, 0x1000, 0x1000, 4)
        stub = sim.symbols.address("ntdll32!ZwCreateKey")
        code = f"""push ebp
            mov ebp, esp
            mov esp, {page + 0x1000 - 12:#x}
            mov dword ptr [esp], {BACK:#x}
            mov eax, {stub:#x}
            jmp eax"""
        sim.memory.write(CODE, wowsim.assemble32(code, CODE))
        sim.memory.write(BACK, wowsim.assemble32("mov esp, ebp\npop ebp\nret", BACK))
        (thread,) = sim.threads
        for _ in range(2):
            assert sim.call32(CODE) == 0xC0000005
            assert sim.memory.read(thread.teb64 + 0x1480 + 12 * 8, 8) == bytes(8), "no service is running"
        assert sim.call32("ntdll32!ZwYieldExecution") in (0, 0x40000024)
