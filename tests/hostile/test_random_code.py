"""Random and hand-picked hostile code: every run ends with a reason, never with a Python exception."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Literal

import pytest

import wowsim
from wowsim import StopReason

if TYPE_CHECKING:
    from wowsim.simulation.tracer import Level

PIECES = (
    "0f05", "cdfd", "cd2e", "cd29", "cd2d", "cc", "f1", "ce", "0f31", "660f31", "0fa2", "0fc7f0", "64ff15c0000000",
    "ea1e278573330033", "9a100020003300", "cf", "48cf", "cb", "48cb", "8ed0", "8ed8", "8ee0", "8ee8", "17", "f3ab",
    "0f34", "0f07", "0f01f8", "0f30", "0f22d8", "f4", "ec", "9d", "c1", "f7f1", "dbe3", "0f0b", "6868002000", "c3",
    "6833000000", "6823000000", "b92b000000", "b853000000", "68fcffffff", "68000020 00".replace(" ", ""),
)  # fmt: skip


def blob(seed: int) -> bytes:
    chance = random.Random(seed)
    if seed % 2:
        return chance.randbytes(chance.randint(1, 200))
    return b"".join(
        bytes.fromhex(chance.choice(PIECES)) if chance.random() < 0.8 else chance.randbytes(2)
        for _ in range(12)
    )


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("trace", [None, "calls", "blocks", "full"])
def test_random_code_ends_with_a_reason(bits: Literal[32, 64], trace: Level | None) -> None:
    for seed in range(4):
        with wowsim.Simulation(seed=seed) as sim:
            sim.load_shellcode(blob(seed + 10 * bits + len(trace or "")), bits=bits)
            result = sim.run(limit=6000, timeout=20, trace=trace)
            assert isinstance(result.reason, StopReason)
            assert result.instructions is not None
            assert result.instructions <= 6000


@pytest.mark.parametrize("build", ["winxp-x86", "win10-22h2-x86"])
@pytest.mark.parametrize("trace", [None, "full"])
def test_random_code_on_32_bit_windows(trace: Level | None, build: str) -> None:
    for seed in range(12):
        with wowsim.Simulation(build=build, seed=seed) as sim:
            sim.load_shellcode(blob(1000 + seed))
            result = sim.run(limit=6000, timeout=20, trace=trace)
            assert isinstance(result.reason, StopReason)
            assert result.instructions is not None
            assert result.instructions <= 6000
            assert sim.registers.cs == 0x1B


@pytest.mark.parametrize("build", ["win7sp1", "win7sp1-x86"])
@pytest.mark.parametrize(
    "selector", [0, 3, 0x10, 0x1B, 0x23, 0x2B, 0x33, 0x34, 0x50, 0x53, 0x403, 0x413, 0xFFF8]
)
def test_no_selector_leaves_user_mode(selector: int, build: str) -> None:
    far_jump = b"\xea" + (0x200010).to_bytes(4, "little") + selector.to_bytes(2, "little")
    code = far_jump + b"\x90" * 9 + wowsim.assemble32("mov eax, cs; ret")
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(code)
        result = sim.run(limit=20_000)
        assert result.reason in (StopReason.EXITED, StopReason.UNHANDLED_EXCEPTION, StopReason.LIMIT)
        assert sim.registers.cs & 3 == 3


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("mov rax, 0xfffff80000b93000; mov rax, [rax]", 0xFFFFF80000B93000),
        ("mov rax, 0xfffff80000b93000; mov [rax], rax", 0xFFFFF80000B93000),
        ("mov rax, 0xfffff80000c00000; jmp rax", 0xFFFFF80000C00000),
    ],
)
def test_the_kernel_half_is_out_of_reach(source: str, address: int) -> None:
    with wowsim.Simulation() as sim:
        sim.load_shellcode(wowsim.assemble64(source), bits=64)
        result = sim.run(limit=20_000)
        assert result.exit_status == 0xC0000005
        assert f"{address:016X}" in result.detail


@pytest.mark.parametrize("trace", [None, "calls", "full"])
def test_a_timeout_ends_what_never_ends(trace: Level | None) -> None:
    with wowsim.Simulation() as sim:
        sim.load_shellcode(b"\xeb\xfe")
        assert sim.run(timeout=0.2, trace=trace).reason is StopReason.TIMEOUT
        result = sim.run(timeout=0.000_01, trace=trace)  # shorter than the engine takes to start
        assert (result.reason, result.detail) == (StopReason.TIMEOUT, "not finished after 1e-05 s")
