"""Exceptions through every layer: both dispatchers, vectored and fs:[0] handlers, unwinding, the second chance."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import BIN, BUILDS, WOW64, run

import wowsim
from wowsim import StopReason
from wowsim.nt.fast_fail import FAST_FAIL

PROGRAMS = ("vectored.exe", "frames.exe", "overflow.exe", "guard.exe", "singlestep.exe", "raise.exe")


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_with_handlers(program: str, build: str) -> None:
    sim, result = run(program, build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.EXITED, 0), result.detail
        assert result.stdout == (b"stack overflow caught\n" if program == "overflow.exe" else b"")


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(("mode", "reason", "status", "calls"), [
    ("0", StopReason.UNHANDLED_EXCEPTION, 0xC0000005, 1), ("1", StopReason.EXITED, 0xC0000005, 1),
    ("2", StopReason.EXITED, 0, 1), ("3", StopReason.UNHANDLED_EXCEPTION, 0xC0000005, 0),
])  # fmt: skip
def test_the_filter_of_last_resort(
    mode: str, reason: StopReason, status: int, calls: int, build: str
) -> None:
    sim, result = run("filter.exe", build, mode)
    with sim:
        assert (result.reason, result.exit_status) == (reason, status), result.detail
        assert result.stdout == b"filter: access violation\n" * calls
        if reason is StopReason.UNHANDLED_EXCEPTION:
            expected = sim.symbols.address("filter!fault_here")
            assert (result.address, sim.registers.eip) == (expected, expected)


@pytest.mark.parametrize("build", WOW64)
def test_every_step_of_the_way_is_executed(build: str) -> None:
    """wow64-facts section 5: each dispatcher runs, in this order, and IRETQ brings the program back."""
    way = ["ntdll!KiUserExceptionDispatcher", "wow64!Wow64PrepareForException", "ntdll!RtlDispatchException",
           "wow64!Wow64PassExceptionToGuest", "wow64cpu!CpupLeaveSimulation", "ntdll32!KiUserExceptionDispatcher",
           "ntdll32!RtlDispatchException", "ntdll32!RtlpCallVectoredHandlers", "ntdll32!RtlpCallVectoredHandlers",
           "ntdll32!ZwContinue", "wow64!whNtContinue"]  # fmt: skip
    seen: list[str] = []
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "vectored.exe")
        # a process that stands at its entry has started: whNtContinue ran for the first context already
        reached = sim.at(sim.symbols.address("vectored!start"), lambda s: s.stop())
        sim.run()
        reached.remove()
        for name in set(way):
            sim.at(sim.symbols.address(name), lambda s, name=name: seen.append(name))  # type: ignore[misc]
        assert sim.run().exit_status == 0
    assert seen == way * (len(seen) // len(way))
    assert len(seen) == 8 * len(way)


# ---------------------------------------------------------------- small programs
FRAME = "push 0x200800; push dword ptr fs:[0]; mov dword ptr fs:[0], esp"
"""A frame whose handler is what :func:`shellcode` puts at 200800h."""


def shellcode(
    source: str, build: str = "win7sp1", handler: str = "nop", **options: Any
) -> tuple[wowsim.RunResult, dict[str, int]]:
    """Run code at 200000h with a handler at 200800h; the result and the registers at the end."""
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(wowsim.assemble32(source).ljust(0x800, b"\x90") + wowsim.assemble32(handler))
        result = sim.run(**({"limit": 3_000_000} | options))
        names = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip")
        return result, {name: getattr(sim.registers, name) for name in names}


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(("source", "code", "detail"), [
    ("int 0x2c", 0xC0000420, "C0000420 at 200005"),
    ("int 0x2d", 0x80000003, "80000003 at 200007"),
    ("int 0x2b", 0xC0000005, "C0000005 at 200005, read of FFFFFFFF"),
    ("int3", 0x80000003, "80000003 at 200005"),
    ("add eax, 0x7fffffff; into", 0xC0000095, "C0000095 at 20000B"),
    ("push 5; push 1; mov eax, 9; bound eax, [esp]", 0xC000008C, "C000008C at 20000E"),
    ("cli", 0xC0000096, "C0000096 at 200005"),
    (".byte 0x0f, 0x30", 0xC0000096, "C0000096 at 200005"),
    (".byte 0x66, 0x0f, 0x22, 0xc0", 0xC0000096, "C0000096 at 200005"),
    ("mov eax, 0x10; mov ds, eax", 0xC0000005, "C0000005 at 20000A, read of FFFFFFFF"),
    ("mov dword ptr [0x80000000], eax", 0xC0000005, "C0000005 at 200005, write of 80000000"),
    ("mov eax, 0x12345678; jmp eax", 0xC0000005, "C0000005 at 12345678, execute of 12345678"),
    ("mov esp, 0x1000; push 1", 0xC0000005, "C0000005 at 20000A, write of 00000FFC"),
    ("mov esp, 0; pop eax; mov eax, [0x10]", 0xC0000005, "C0000005 at 20000A, read of 00000000"),
])  # fmt: skip
def test_codes_and_addresses_of_unhandled_exceptions(source: str, code: int, detail: str, build: str) -> None:
    result, registers = shellcode(f"mov edx, 7; {source}; ret 4", build)
    assert (result.reason, result.exit_status, result.detail) == (
        StopReason.UNHANDLED_EXCEPTION,
        code,
        detail,
    )
    assert f"{result.address:X}" == detail.split(" at ")[1].split(",")[0]
    assert registers["edx"] == 7


@pytest.mark.parametrize("build", BUILDS)
def test_a_handler_that_faults_again_and_again_ends_the_run(build: str) -> None:
    result, _ = shellcode(f"{FRAME}; ud2", build, handler="ud2", limit=100_000_000)
    assert result.reason is StopReason.UNHANDLED_EXCEPTION, result.detail
    assert result.exit_status in (0xC000001D, 0xC0000005, 0xC00000FD)


@pytest.mark.parametrize("build", WOW64)
@pytest.mark.parametrize("source", ["mov eax, dword ptr [0x10]", "ud2", "int3", "push 0\npop rsp\npush 1"])
def test_a_fault_in_64_bit_code_is_unhandled_at_its_address(source: str, build: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(wowsim.assemble64(f"mov r9d, 9\n{source}\nret"), bits=64)
        result = sim.run(limit=1_000_000)
        assert result.reason is StopReason.UNHANDLED_EXCEPTION
        assert result.address is not None
        assert 0x200000 < result.address < 0x200100
        assert (sim.registers.rip, sim.registers.r9) == (result.address, 9)


@pytest.mark.parametrize("code", [0, 2, 3, 7, 15, 50, 77, 0xFFFFFFFF])
def test_fast_fail_names_its_code(code: int) -> None:
    sim, result = run("fastfail.exe", "win10-22h2", str(code))
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.FAST_FAIL, 0xC0000409)
        assert f"({FAST_FAIL.get(code, 'unknown')})" in result.detail
        assert result.address == sim.registers.eip == sim.symbols.address("fastfail!fault_at")
        assert sim.registers.ecx == code
        assert result.stdout == b""


def test_fast_fail_of_64_bit_code() -> None:
    with wowsim.Simulation(build="win10-22h2") as sim:
        sim.load_shellcode(wowsim.assemble64("mov ecx, 3; int 0x29"), bits=64)
        result = sim.run()
        assert (result.reason, result.detail.split(" at ")[0]) == (
            StopReason.FAST_FAIL, "fast fail 3 (FAST_FAIL_CORRUPT_LIST_ENTRY)",
        )  # fmt: skip


@pytest.mark.parametrize("build", BUILDS)
def test_raise_fail_fast_exception(build: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "helloworld.exe")
        with pytest.raises(wowsim.UsageError, match="C0000602"):
            sim.call32("kernel32!RaiseFailFastException", 0, 0, 0)


# ---------------------------------------------------------------- what is kept
def test_floating_point_state_reaches_the_handler_and_comes_back() -> None:
    """The handler reads ST0, the control word and XMM7 from the context, then destroys them in the CPU."""
    source = f"""
        {FRAME}
        fninit
        fld1
        fldpi
        mov eax, 0x12345678
        movd xmm7, eax
        mov dword ptr [0x10], eax
        movd edx, xmm7
        fxch
        sub esp, 8
        fistp dword ptr [esp]
        fistp dword ptr [esp+4]
        pop eax
        pop ebx
        int3
    """
    # FloatSave.ControlWord and ST0 (pi), then XMM7 in ExtendedRegisters
    handler = """
        mov ecx, [esp+0xc]
        cmp word ptr [ecx+0x1c], 0x37f
        jne L_search
        cmp dword ptr [ecx+0x38], 0x2168c235
        jne L_search
        cmp dword ptr [ecx+0x1dc], 0x12345678
        jne L_search
        mov edx, [esp+4]
        cmp dword ptr [edx], 0xc0000005
        jne L_search
        add dword ptr [ecx+0xb8], 5
        pxor xmm7, xmm7
        fninit
        xor eax, eax
        ret
    L_search: mov eax, 1
        ret
    """
    result, registers = shellcode(source, handler=handler)
    assert result.exit_status == 0x80000003, result.detail
    assert (registers["eax"], registers["ebx"], registers["edx"]) == (1, 3, 0x12345678)


_REGISTERS = ("eax", "ecx", "edx", "ebx", "ebp", "esi", "edi")
_operations = st.sampled_from([
    "mov {0}, {2:#x}", "add {0}, {1}", "xor {0}, {1}", "lea {0}, [{1}+{2:#x}]", "imul {0}, {1}", "xchg {0}, {1}",
    "adc {0}, {2:#x}", "sbb {0}, {1}", "bswap {0}", "not {0}", "push {0}", "cmp {0}, {1}", "cmovc {0}, {1}",
    "rol {0}, 7",
])  # fmt: skip
_lines = st.builds(
    lambda form, a, b, value: form.format(a, b, value),
    _operations, st.sampled_from(_REGISTERS), st.sampled_from(_REGISTERS), st.integers(0, 0x7FFFFFFF),
)  # fmt: skip
_faults = st.sampled_from([
    "mov eax, dword ptr [0x10]", "ud2", "int3", "hlt", "mov byte ptr [0x7fff0000], 1", "push 0; div dword ptr [esp]",
])  # fmt: skip


@settings(max_examples=24, derandomize=True, deadline=None)
@given(
    before=st.lists(_lines, min_size=1, max_size=12),
    fault=_faults,
    build=st.sampled_from(["win7sp1", "win7sp1-x86", "win10-22h2-x86"]),
)
def test_registers_at_a_fault_are_exact(before: list[str], fault: str, build: str) -> None:
    """A handler's context has the registers that stepping to the same place gives, flags and all."""
    body = "\n".join(before)
    at = 0x200000 + len(wowsim.assemble32(body)) + (2 if fault.startswith("push 0;") else 0)
    # a vectored handler receives EXCEPTION_POINTERS {record, context}
    handler = """mov eax, [esp+4]; push esi; push edi; mov esi, [eax+4]; mov edi, 0x201000; mov ecx, 0x2cc; rep movsb
        pop edi; pop esi; xor eax, eax; ret 4"""
    code = wowsim.assemble32(f"{body}\n{fault}").ljust(0x800, b"\x90") + wowsim.assemble32(handler)
    names = (*_REGISTERS, "esp", "eip", "eflags")
    states = []
    for stop in (True, False):
        with wowsim.Simulation(build=build) as sim:
            sim.load_shellcode(code.ljust(0x2000, b"\0"))
            assert sim.call32(f"{sim.build.ntdll.name}!RtlAddVectoredExceptionHandler", 1, 0x200800) != 0
            if stop:
                sim.at(at, lambda s: s.stop())
            result = sim.run(limit=2_000_000)
            states.append({name: getattr(sim.registers, name) for name in names})
            if stop:
                assert result.reason is StopReason.STOPPED
                continue
            assert (result.reason, result.address) == (StopReason.UNHANDLED_EXCEPTION, at)
            context = sim.memory.read(0x201000, 0x2CC)
            offsets = {"edi": 0x9C, "esi": 0xA0, "ebx": 0xA4, "edx": 0xA8, "ecx": 0xAC, "eax": 0xB0, "ebp": 0xB4,
                       "eip": 0xB8, "eflags": 0xC0, "esp": 0xC4}  # fmt: skip
            states.append({name: struct.unpack_from("<I", context, offsets[name])[0] for name in names})
    expected = {name: hex(value) for name, value in states[0].items()}
    for state in states[1:]:
        assert {name: hex(value) for name, value in state.items()} == expected


@pytest.mark.parametrize("build", BUILDS)
def test_runs_with_exceptions_are_traced_and_counted_alike(build: str) -> None:
    counts = []
    for trace in (None, "calls", "blocks", "full"):
        sim, result = run("frames.exe", build, trace=trace)
        with sim:
            assert result.exit_status == 0
            assert result.instructions is not None
            counts.append(result.instructions)
            if trace == "calls":
                assert result.trace is not None
                raised = result.trace.calls("NtRaiseException")
                assert not raised or all(c.path for c in raised)
    assert len(set(counts)) == 1
    sim, result = run("frames.exe", build, limit=counts[0] // 2)
    with sim:
        assert (result.reason, result.instructions) == (StopReason.LIMIT, counts[0] // 2)
        assert sim.run(limit=50_000_000).exit_status == 0


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("trace", [None, "full"])
def test_flags_at_a_fault_do_not_depend_on_who_looks(trace: Any, watched: bool) -> None:
    with wowsim.Simulation() as sim:
        sim.load_shellcode(wowsim.assemble32("mov eax, 0; imul eax, ecx; mov eax, [0x10]"))
        if watched:
            sim.at(0x200008, lambda s: None)
        assert sim.run(trace=trace).address == 0x200008
        assert sim.registers.eflags & 0x8D5 == 0x44


@pytest.mark.parametrize("build", BUILDS)
def test_a_handler_starts_with_clean_flags_and_sees_the_programs(build: str) -> None:
    """AC, DF and TF are off in the handler and on in its context, which is 324h bytes below ESP (section 5)."""
    source = f"{FRAME}; push 0x40602; popfd; ud2"
    handler = """
        pushfd
        pop eax
        mov ecx, [esp+0xc]
        mov edi, [ecx+0xc0]
        mov esi, [esp+4]
        mov ebx, [ecx+0xc4]
        sub ebx, ecx
        sub ecx, esi
        mov edx, eax
        mov dword ptr fs:[0], -1
        int3
    """
    result, registers = shellcode(source, build, handler)
    assert result.exit_status == 0x80000003, result.detail
    assert registers["edi"] & 0x40700 == 0x40600
    assert registers["edx"] & 0x40700 == 0x200
    assert (registers["ecx"], registers["ebx"] & ~3) == (0x50, 0x2CC)


@pytest.mark.parametrize("build", BUILDS)
def test_an_exception_does_not_outlive_a_stack_that_cannot_be_written(build: str) -> None:
    """The kernel has nowhere to put the record: second chance at once, no dispatcher runs."""
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(wowsim.assemble32(f"{FRAME}; mov esp, 0x200000; ud2").ljust(0x1000, b"\xf4"))
        ran: list[int] = []
        sim.at(sim.symbols.address("ntdll!KiUserExceptionDispatcher"), lambda s: ran.append(1))
        result = sim.run(limit=1_000_000)
        assert (result.reason, result.exit_status) == (StopReason.UNHANDLED_EXCEPTION, 0xC000001D)
        assert not ran
        assert sim.registers.esp == 0x200000


@pytest.mark.parametrize("build", BUILDS)
def test_nt_continue_of_any_context_leaves_no_python_exception(build: str) -> None:
    import random

    rng = random.Random(7)
    for name in ("ZwContinue", "ZwRaiseException"):
        for _ in range(6):
            with wowsim.Simulation(build=build, memory=256 << 20) as sim:
                sim.load_shellcode(b"\x90" * 0x2000)
                target = sim.symbols.address(f"{sim.build.ntdll.name}!{name}")
                arguments = "push 0" if name == "ZwContinue" else f"push {rng.randrange(2)}"
                record = "" if name == "ZwContinue" else "push 0x201600;"
                code = f"{arguments}; push 0x201000; {record} mov eax, {target:#x}; call eax; ret 4"
                sim.memory.write(0x200000, wowsim.assemble32(code))
                context = bytearray(rng.randbytes(0x2CC))
                struct.pack_into("<I", context, 0, rng.choice([0x1003F, 0x10007, 0xFFFFFFFF, 0]))
                struct.pack_into("<I", context, 0xC4, rng.choice([0x201F00, 0, 0xFFFFFFFF]))
                sim.memory.write(0x201000, bytes(context))
                sim.memory.write(
                    0x201600, struct.pack("<5I", 0xE0000000, rng.randrange(32), 0, 0, rng.randrange(20))
                )
                assert sim.run(limit=100_000).reason in StopReason
