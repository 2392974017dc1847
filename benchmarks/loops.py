"""Two loops in bare engines, in wowsim's core without hooks, and in a simulated process with and without a trace."""

from __future__ import annotations

import ctypes
from time import process_time
from typing import TYPE_CHECKING, Any

import unicorn
from measure import Row, Run, Times, interleave
from unicorn import x86_const as x86
from unicorn.unicorn_py3.unicorn import uclib

from wowsim import Simulation, assemble32
from wowsim.cpu.core import Core
from wowsim.cpu.native import ExecutableMemory, host_abi
from wowsim.cpu.paging import EXECUTE, PAGE, READ, WRITE, PageTables, PhysicalMemory
from wowsim.cpu.segments import windows_gdt

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.cpu.faults import Fault

CODE, DATA, STACK, SIZE = 0x200000, 0x201000, 0x202800, 0x3000
"""Neighbouring pages: pages 256 apart would share an entry of the engine's TLB and measure its misses."""

REGISTERS_ONLY = "imul eax, eax, 0x19660d\nadd eax, 0x3c6ef35f\nadd edx, ecx\nrol ebx, 1"
"""With ``dec ecx`` and the jump six instructions, as in ``fixtures/src/regloop.c``."""
WITH_MEMORY = """mov eax, dword ptr [esi]
    add eax, dword ptr [esi+4]
    xor eax, dword ptr [esi+8]
    mov dword ptr [esi+12], eax
    add dword ptr [esi], 3
    mov edx, dword ptr [esp]
    add edx, eax
    mov dword ptr [esi+16], edx
    push edx
    pop edi"""
"""What compiled code does most: loads, stores, read-modify-write, stack; twelve instructions with the loop's end."""

EMPTY_CALLBACK = {"x86_64": b"\xc3", "win64": b"\xc3", "aarch64": bytes.fromhex("c0035fd6")}


def loop_code(body: str) -> tuple[bytes, int]:
    """``ecx`` rounds of a body with room for data and stack behind it, and the address where the loop has ended."""
    code = assemble32(f"again: {body}\ndec ecx\njnz again", CODE)
    return (code + b"\xf4").ljust(SIZE, b"\0"), CODE + len(code)


class Bare:
    """A plain 32-bit engine with ordinary mappings: what everybody who uses Unicorn has."""

    def __init__(self, body: str, rounds: int, empty_hook: bool = False) -> None:
        self.rounds = rounds
        code, self.end = loop_code(body)
        uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        uc.mem_map(CODE, SIZE)
        uc.mem_write(CODE, code)
        self._uc = uc
        if empty_hook:
            self._page = ExecutableMemory(EMPTY_CALLBACK[host_abi() or "x86_64"])
            handle = ctypes.c_size_t()
            uclib.uc_hook_add(
                uc._uch, ctypes.byref(handle), unicorn.UC_HOOK_BLOCK, ctypes.c_void_p(self._page.address),
                ctypes.c_void_p(0), ctypes.c_uint64(1), ctypes.c_uint64(0),
            )  # fmt: skip

    def __call__(self) -> float:
        """One round of :func:`measure.interleave`."""
        uc = self._uc
        uc.reg_write(x86.UC_X86_REG_ECX, self.rounds)
        uc.reg_write(x86.UC_X86_REG_ESI, DATA)
        uc.reg_write(x86.UC_X86_REG_ESP, STACK)
        start = process_time()
        uc.emu_start(CODE, self.end)
        return process_time() - start


class Nobody:
    """Handlers of a core that only runs a loop: the ``hlt`` behind it ends the run."""

    def __init__(self) -> None:
        self.stop: Callable[[], None] = lambda: None

    def on_syscall(self) -> None:
        """No system calls."""

    def on_trap(self, address: int, sp: int) -> None:
        """No traps."""

    def on_interrupt(self, vector: int) -> None:
        """The end."""
        self.stop()

    def on_fault(self, fault: Fault) -> None:
        """The end."""
        self.stop()


class Unhooked(Core):
    """The core without its syscall, interrupt and instruction hooks."""

    def _add_hooks(self) -> None:
        self._callbacks = []


class CoreWithoutHooks:
    """wowsim's engine: long mode, segments and page tables, 32-bit code; nothing hooked."""

    def __init__(self, body: str, rounds: int) -> None:
        self.rounds = rounds
        code, self.end = loop_code(body)
        self._ram = PhysicalMemory(16 << 20)
        tables = PageTables(self._ram)
        tables.map(CODE >> 12, tables.allocate(SIZE // PAGE), READ | WRITE | EXECUTE)
        self._core = Unhooked(tables, windows_gdt(), Nobody(), timestamp=lambda: 0, random=lambda: 0)
        tables.poke(CODE, code)
        self._core.enter({"rip": CODE, "cs": 0x23, "ss": 0x2B, "rsp": STACK, "gs_base": 0})
        self._core._uc.ctl_set_exits([self.end])

    def __call__(self) -> float:
        """One round of :func:`measure.interleave`."""
        core = self._core
        core.write("rip", CODE)
        core.write("rcx", self.rounds)
        core.write("rsi", DATA)
        core.write("rsp", STACK)
        handle = core._uc._uch
        start = process_time()
        status = uclib.uc_emu_start(handle, ctypes.c_uint64(CODE), 0, 0, 0)
        took = process_time() - start
        if status or core.read("rip") != self.end:
            raise RuntimeError(f"the loop ended with status {status} at {core.read('rip'):#x}")
        return took


class Simulated:
    """The loop as shellcode in a whole process."""

    def __init__(self, body: str, rounds: int) -> None:
        self.rounds = rounds
        code, self.end = loop_code(body)
        self.sim = Simulation()
        self.sim.load_shellcode(code)
        begin = self.sim.at(CODE, lambda sim: sim.stop())
        self.sim.run()
        begin.remove()
        self.sim.at(self.end, lambda sim: sim.stop())

    def run(self, trace: Any) -> Run:
        """A candidate for :func:`measure.interleave`."""

        def once() -> float:
            sim = self.sim
            sim.registers.eip, sim.registers.ecx = CODE, self.rounds
            sim.registers.esi, sim.registers.esp = DATA, STACK
            start = process_time()
            result = sim.run(trace=trace)
            took = process_time() - start
            if sim.registers.eip != self.end:
                raise RuntimeError(f"the loop ended at {sim.registers.eip:#x}: {result}")
            return took

        return once


def measure(body: str, rounds: int, repeats: int) -> dict[str, Times]:
    """One loop everywhere. Recording keeps 4 bytes per block, so the rounds are the recorder's memory too."""
    simulated = Simulated(body, rounds)
    times = interleave(
        {
            "bare": Bare(body, rounds),
            "empty hook": Bare(body, rounds, empty_hook=True),
            "core": CoreWithoutHooks(body, rounds),
            "untraced": simulated.run(None),
            "calls": simulated.run("calls"),
            "blocks": simulated.run("blocks"),
        },
        repeats,
    )
    simulated.sim.close()
    return times


def rows(quick: bool) -> list[Row]:
    """The loops' part of the table."""
    found: list[Row] = []
    repeats = 11 if quick else 31
    for name, body, rounds, untraced, recorded in (
        ("loop with memory operands", WITH_MEMORY, 700_000, 0.97, 0.9),
        ("register-only loop", REGISTERS_ONLY, 40_000_000, 0.97, None),
    ):
        times = measure(body, rounds, repeats)
        bare = times["bare"]
        count = rounds * (body.count("\n") + 3)
        found.append(Row(f"{name}: bare Unicorn", f"{count / bare.best / 1e6:.0f} MIPS"))
        for label, key, target in (
            ("wowsim's core, no hook", "core", None),
            ("untraced process", "untraced", untraced),
            ("empty native block callback in bare Unicorn", "empty hook", None),
            ("trace='calls' (native recorder)", "calls", recorded),
            ("trace='blocks' (native recorder)", "blocks", recorded),
        ):
            share = times[key].share_of(bare)
            found.append(
                Row(
                    f"  {label}",
                    f"{share:.2f} of bare, {times[key].share_of(times['core']):.2f} of our core",
                    f">= {target} of bare" if target else "",
                    share >= target - 0.005 if target else None,
                )
            )
    return found
