"""32-bit Windows: SYSENTER and int 2Eh, selectors, exceptions, blocks, and what does not exist there."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from programs import BIN, NATIVE, WOW64, run

import wowsim
from sampled import SAMPLED
from wowsim import StopReason
from wowsim.kernel.thread import Apc
from wowsim.nt.builds import BUILDS, Stub32
from wowsim.nt.wow64_context import CONTEXT32_SIZE, OFFSETS

FAST = [name for name in NATIVE if SAMPLED[name].stub32 is Stub32.SYSTEM_CALL_POINTER]
LOCAL = [name for name in NATIVE if name not in FAST]
CREATE_FILE = {
    "winxp-x86": 0x25, "vista-x86": 0x3C, "win7sp1-x86": 0x42, "win8-x86": 0x163, "win8.1-x86": 0x168,
    "win10-1507-x86": 0x16E, "win10-1607-x86": 0x172, "win10-22h2-x86": 0x178,
}  # fmt: skip


def shellcode(source: str | bytes, build: str, **options: Any) -> tuple[wowsim.Simulation, wowsim.RunResult]:
    """Run code at 200000h; the caller closes the simulation."""
    sim = wowsim.Simulation(build=build)
    sim.load_shellcode(source if isinstance(source, bytes) else wowsim.assemble32(source))
    return sim, sim.run(**({"limit": 1_000_000} | options))


def status(source: str, build: str) -> int | None:
    sim, result = shellcode(source, build)
    with sim:
        assert result.reason is StopReason.EXITED, result.detail
        return result.exit_status


# ---------------------------------------------------------------- the way of a call
@pytest.mark.parametrize("build", CREATE_FILE)
def test_the_way_of_create_file_and_its_number(build: str) -> None:
    sim, result = run("createfile.exe", build, trace="calls")
    with sim:
        assert result.trace is not None
        call = result.trace.calls("NtCreateFile")[-1]
        base = ("KERNELBASE!CreateFileW",) if BUILDS[build].has_kernelbase else ()
        last = "ntdll!KiFastSystemCall" if build in ("vista-x86", *FAST) else "ntdll!ZwCreateFile+0xd"
        assert call.path == ("kernel32!CreateFileW", *base, "ntdll!ZwCreateFile", last)
        assert (call.number, call.status) == (CREATE_FILE[build], 0)
        assert call.arguments["ObjectAttributes"]["ObjectName"] == r"\??\C:\createfile.txt"
        assert call.arguments["ObjectAttributes"]["Length"] == 0x18
        assert call.stack[-2:] == ("kernel32!BaseThreadInitThunk", "ntdll!_RtlUserThreadStart")
        assert (base or ("kernel32!CreateFileW",))[0] in call.stack
        assert sim.files.read(r"C:\createfile.txt") == b"hello from wowsim\n"


@pytest.mark.parametrize("build", NATIVE)
def test_modules_are_the_32_bit_ones_alone(build: str) -> None:
    sim, _ = run("helloworld.exe", build)
    with sim:
        base = ["KERNELBASE"] if build != "winxp-x86" else []
        assert list(sim.modules) == ["helloworld", "ntdll", "kernel32", *base]
        assert all(m.image.bits == 32 for m in sim.modules.values())
        assert sim.modules["ntdll"].path == r"C:\Windows\System32\ntdll.dll"
        assert not sim.files.exists(r"C:\Windows\SysWOW64")
        assert sim.files.exists(r"C:\Windows\System32")


@pytest.mark.parametrize("build", FAST)
def test_shared_data_points_to_the_system_call(build: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "helloworld.exe")
        pointers = struct.unpack("<II", sim.memory.read(0x7FFE0300, 8))
        assert sim.symbols.at(pointers[0]) == ("ntdll!KiFastSystemCall", 0)
        assert sim.symbols.at(pointers[1]) == ("ntdll!KiFastSystemCallRet", 0)
        assert sim.memory.read(pointers[0], 5).hex() == "8bd40f34c3"
        assert sim.memory.read(0x7FFE002C, 4) == b"\x4c\x01\x4c\x01"


@pytest.mark.parametrize("build", LOCAL)
def test_later_shared_data_has_the_frequency_there(build: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "helloworld.exe")
        assert int.from_bytes(sim.memory.read(0x7FFE0300, 8), "little") == 10_000_000


@pytest.mark.parametrize("build", NATIVE)
def test_sysenter_comes_back_to_the_published_place(build: str) -> None:
    """wow64-facts section 2: EIP is KiFastSystemCallRet, ESP was EDX, also where the stub has its own SYSENTER."""
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "helloworld.exe")
        sim.call32("kernel32!GetTickCount")  # the process has started
        seen: list[tuple[int, ...]] = []

        def returned(s: wowsim.Simulation) -> None:
            r = s.registers
            seen.append((r.eax, r.esp, r.ecx, r.edx, r.cs, r.ss))

        back = sim.symbols.address("ntdll!KiFastSystemCallRet")
        sim.at(back, returned)
        assert sim.call32("ntdll!ZwClose", 0x12345670) == 0xC0000008
        ((eax, esp, ecx, edx, cs, ss),) = seen
        assert (eax, ecx, edx, cs, ss) == (0xC0000008, esp, back, 0x1B, 0x23)


def number(name: str, build: str) -> int:
    return BUILDS[build].numbers[name]


@pytest.mark.parametrize("build", NATIVE)
def test_a_sysenter_of_the_programs_own(build: str) -> None:
    """Arguments lie behind two return addresses; what is returned to is where ESP points then."""
    close = number("NtClose", build)
    source = f"""
        push 0x12345670
        push 0x77
        mov eax, {close:#x}
        call L_enter
        add esp, 8
        ret 4
    L_enter: mov edx, esp
        sysenter
        hlt
    """
    assert status(source, build) == 0xC0000008


@pytest.mark.parametrize("build", NATIVE)
@pytest.mark.parametrize(
    "form", ["lea edx, [esp]; int 0x2e", "push 0; push 0; lea edx, [esp+8]; int 0x2e; add esp, 8"]
)
def test_int_2e_takes_its_arguments_from_edx(form: str, build: str) -> None:
    close = number("NtClose", build)
    assert status(f"push 0x12345670; mov eax, {close:#x}; {form}; add esp, 4; ret 4", build) == 0xC0000008


@pytest.mark.parametrize("build", NATIVE)
def test_ki_int_system_call_serves_a_stub(build: str) -> None:
    """What KUSER_SHARED_DATA.SystemCall points to on a CPU without SYSENTER."""
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(b"\x90")
        target = sim.symbols.address("ntdll!KiIntSystemCall")
        stub = f"push 0x12345670; mov eax, {number('NtClose', build):#x}; call L_stub; ret 4"
        code = wowsim.assemble32(f"{stub}\nL_stub: mov ecx, {target:#x}; call ecx; ret 4")
        sim.memory.write(0x200000, code)
        assert sim.run().exit_status == 0xC0000008


@pytest.mark.parametrize("build", ["win7sp1-x86", "win10-22h2-x86"])
@pytest.mark.parametrize("chunk", [1, 7])
def test_instructions_are_counted_alike_in_small_pieces(chunk: int, build: str) -> None:
    sim, whole = run("directnt.exe", build)
    sim.close()
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "directnt.exe")
        executed = 0
        while (result := sim.run(limit=chunk)).reason is StopReason.LIMIT:
            assert result.instructions == chunk
            executed += chunk
        assert result.reason is StopReason.EXITED
        assert executed + (result.instructions or 0) == whole.instructions


# ---------------------------------------------------------------- wrong use
@pytest.mark.parametrize("build", NATIVE)
@pytest.mark.parametrize("edx", [0, 0x10, 0x7FFEFFF8, 0x7FFF0000, 0x8003F000, 0xFFFFFFF0, 0xFFFFFFFC])
def test_sysenter_with_a_wild_stack_pointer(edx: int, build: str) -> None:
    """The service fails with its status, the way back finds no return address, and no handler can run there."""
    sim, result = shellcode(f"mov edx, {edx:#x}; mov eax, {number('NtClose', build):#x}; sysenter", build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.UNHANDLED_EXCEPTION, 0xC0000005)
        assert result.address == sim.symbols.address("ntdll!KiFastSystemCallRet")
        assert (sim.registers.eax, sim.registers.esp) == (0xC0000005, edx)


@pytest.mark.parametrize("build", NATIVE)
@pytest.mark.parametrize("edx", [0, 0x7FFEFFFE, 0x8003F000, 0xFFFFFFFC])
def test_int_2e_with_wild_arguments(edx: int, build: str) -> None:
    assert (
        status(f"mov edx, {edx:#x}; mov eax, {number('NtClose', build):#x}; int 0x2e; ret 4", build)
        == 0xC0000005
    )


@pytest.mark.parametrize("build", NATIVE)
def test_a_number_that_nobody_has(build: str) -> None:
    assert status("mov eax, 0xfff; int 0x2e; ret 4", build) == 0xC000001C


@pytest.mark.parametrize("build", NATIVE)
@pytest.mark.parametrize(
    ("code", "exception", "at"),
    [
        ("0f05", 0xC000001D, 0),  # syscall
        ("ea000020003300", 0xC0000005, 0),  # jmp 0033:00200000
        ("9a000020003300", 0xC0000005, 0),  # call 0033:00200000
        ("6a336800002000cb", 0xC0000005, 7),  # push 33h; push 200000h; retf
        ("68130400006800002000cb", 0xC0000005, 10),  # the core's own 64-bit segment, behind the limit
        ("ea000020000304", 0xC0000005, 0),
        ("66b82b008ed8", 0xC0000005, 4),  # mov ds, 2Bh: the TSS
        ("66b853008ee0", 0xC0000005, 4),  # mov fs, 53h: null
        ("66b830008ee8", 0xC0000005, 4),  # mov gs, 30h: the kernel's
        ("a100f00380", 0xC0000005, 0),  # mov eax, [8003F000h]
        ("0f30", 0xC0000096, 0),  # wrmsr
    ],
)
def test_what_32_bit_windows_does_not_have(code: str, exception: int, at: int, build: str) -> None:
    sim, result = shellcode(bytes.fromhex(code), build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.UNHANDLED_EXCEPTION, exception)
        assert result.address == 0x200000 + at
        assert sim.registers.cs == 0x1B


@pytest.mark.parametrize("program", ["gate.bin", "gatesyscall.bin", "callfar.bin"])
def test_gates_of_the_programs_own_fault(program: str) -> None:
    sim, result = run(program, "win7sp1-x86")
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.UNHANDLED_EXCEPTION, 0xC0000005)


@pytest.mark.parametrize("program", ["fshook.exe", "turbohook.exe"])
@pytest.mark.parametrize("build", NATIVE)
def test_hooks_find_no_gate(program: str, build: str) -> None:
    sim, result = run(program, build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.EXITED, 77)


def test_64_bit_shellcode_is_refused() -> None:
    with wowsim.Simulation(build="winxp-x86") as sim, pytest.raises(wowsim.UsageError, match="64-bit"):
        sim.load_shellcode(b"\xc3", bits=64)


@pytest.mark.parametrize("build", NATIVE)
@pytest.mark.parametrize("name", ["ZwContinue", "ZwRaiseException"])
def test_garbage_contexts_and_records(name: str, build: str) -> None:
    for address in (0, 0x10, 0x80000000, 0xFFFFFFFF):
        arguments = ["push 1", *[f"push {address:#x}"] * (1 if name == "ZwContinue" else 2)]
        call = f"mov edx, esp; mov eax, {number('Nt' + name[2:], build):#x}; int 0x2e"
        source = "; ".join((*arguments, call, f"add esp, {4 * len(arguments)}", "ret 4"))
        assert status(source, build) == 0xC0000005


# ---------------------------------------------------------------- segments
@pytest.mark.parametrize("build", NATIVE)
def test_selectors_and_tables(build: str) -> None:
    selectors = "; shl eax, 8; ".join(f"mov ecx, {name}; or eax, ecx" for name in ("cs", "ss", "fs", "gs"))
    assert status(f"xor eax, eax; {selectors}; ret 4", build) == 0x1B233B00
    # sub esp, 8; sgdt [esp]; movzx eax, word [esp]; add eax, [esp+2]; add esp, 8; ret
    sim, result = shellcode(bytes.fromhex("83ec08 0f010424 0fb70424 03442402 83c408 c3"), build)
    with sim:
        assert result.exit_status == 0x8003F000 + 0x3FF
        assert sim.gdt[0x3B].base == sim.build.teb
        assert not any(descriptor.long_mode for descriptor in sim.gdt.values())
        with pytest.raises(KeyError, match="outside the GDT"):
            sim.gdt[0x400]
    # lar of the core's own descriptors fails: they lie behind the limit
    assert status("mov eax, 0x413; mov ecx, 5; lar ecx, eax; mov eax, ecx; ret 4", build) == 5
    assert status("mov ax, fs; mov fs, ax; mov eax, fs:[0x18]; ret 4", build) == BUILDS[build].teb


# ---------------------------------------------------------------- exceptions
FRAME = "push 0x200800; push dword ptr fs:[0]; mov dword ptr fs:[0], esp"


@pytest.mark.parametrize("build", NATIVE)
def test_record_and_context_lie_where_the_dispatcher_expects_them(build: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(
            wowsim.assemble32("mov esi, 0x11223344; mov ebp, 0x55667788; mov ecx, gs; mov eax, [0x10]")
        )
        sim.at("ntdll!KiUserExceptionDispatcher", lambda s: s.stop())
        assert sim.run().reason is StopReason.STOPPED
        esp = sim.registers.esp
        record_at, context_at = struct.unpack("<II", sim.memory.read(esp, 8))
        assert (record_at, context_at) == (esp + 8, esp + 0x58)
        record = struct.unpack("<5I2I", sim.memory.read(record_at, 0x1C))
        assert record == (0xC0000005, 0, 0, 0x20000C, 2, 0, 0x10)
        context = sim.memory.read(context_at, CONTEXT32_SIZE)
        found = {name: struct.unpack_from("<I", context, at)[0] for name, at in OFFSETS.items()}
        assert (found["Eip"], found["Esi"], found["Ebp"]) == (0x20000C, 0x11223344, 0x55667788)
        assert (found["Esp"] & ~3) == context_at + CONTEXT32_SIZE
        segments = [found[f"Seg{name}"] for name in ("Cs", "Ss", "Ds", "Es", "Fs", "Gs")]
        assert segments == [0x1B, 0x23, 0x23, 0x23, 0x3B, 0]


@pytest.mark.parametrize("build", NATIVE)
def test_every_step_of_an_exception_is_executed(build: str) -> None:
    way = ["KiUserExceptionDispatcher", "RtlDispatchException", "RtlpCallVectoredHandlers",
           "RtlpCallVectoredHandlers", "ZwContinue"]  # fmt: skip
    seen: list[str] = []
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "vectored.exe")
        reached = sim.at(sim.symbols.address("vectored!start"), lambda s: s.stop())
        sim.run()
        reached.remove()
        for name in set(way):
            sim.at(f"ntdll!{name}", lambda s, name=name: seen.append(name))  # type: ignore[misc]
        assert sim.run().exit_status == 0
    assert seen == way * 8


@pytest.mark.parametrize("build", NATIVE)
def test_a_handler_gets_windows_segments_and_the_program_its_own_back(build: str) -> None:
    source = f"{FRAME}; mov ax, 0x23; mov gs, ax; mov ax, 0; mov fs, ax; ud2; mov eax, gs; mov ecx, fs; shl ecx, 8; "
    source += "or eax, ecx; mov cx, 0x3b; mov fs, cx; add esp, 8; ret 4"
    handler = """
        mov ecx, [esp+0xc]
        mov eax, gs
        test eax, eax
        jnz L_search
        mov eax, fs
        cmp eax, 0x3b
        jne L_search
        add dword ptr [ecx+0xb8], 2
        xor eax, eax
        ret
    L_search: mov eax, 1
        ret
    """
    code = wowsim.assemble32(source).ljust(0x800, b"\x90") + wowsim.assemble32(handler)
    sim, result = shellcode(code, build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.EXITED, 0x23), result.detail


@pytest.mark.parametrize("build", NATIVE)
def test_floating_point_state_survives_a_handler(build: str) -> None:
    source = f"""
        {FRAME}
        fninit
        fld1
        fldpi
        mov eax, 0x12345678
        movd xmm7, eax
        ud2
        movd edx, xmm7
        cmp edx, 0x12345678
        jne L_wrong
        fistp dword ptr [esp-4]
        fistp dword ptr [esp-8]
        mov eax, [esp-4]
        shl eax, 4
        or eax, [esp-8]
        add esp, 8
        ret 4
    L_wrong: hlt
    """
    handler = """
        mov ecx, [esp+0xc]
        cmp dword ptr [ecx+0x38], 0x2168c235
        jne L_search
        cmp dword ptr [ecx+0x1dc], 0x12345678
        jne L_search
        add dword ptr [ecx+0xb8], 2
        pxor xmm7, xmm7
        fninit
        xor eax, eax
        ret
    L_search: mov eax, 1
        ret
    """
    code = wowsim.assemble32(source).ljust(0x800, b"\x90") + wowsim.assemble32(handler)
    sim, result = shellcode(code, build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.EXITED, 0x31), result.detail


@pytest.mark.parametrize("build", NATIVE)
def test_an_apc_runs_between_two_instructions(build: str) -> None:
    """The frame that the kernel writes is the one that ntdll's dispatcher takes; NtContinue brings the thread back."""
    main = "L: cmp dword ptr [0x200100], 0; je L; lea eax, [esi+1]; ret 4"
    routine = (
        "mov esi, 99; mov eax, [esp+4]; add eax, [esp+8]; add eax, [esp+12]; mov [0x200100], eax; ret 12"
    )
    with wowsim.Simulation(build=build) as sim:
        code = wowsim.assemble32(f"mov esi, 6; {main}").ljust(0x80, b"\x90") + wowsim.assemble32(routine)
        sim.load_shellcode(code.ljust(0x200, b"\0"))
        assert sim.run(limit=20_000).reason is StopReason.LIMIT
        assert sim.registers.esi == 6
        machine = sim._machine
        core, dispatcher = machine.core, sim.symbols.address("ntdll!KiUserApcDispatcher")
        apc = Apc(0x200080, (1, 2, 3))
        state = machine.user.deliver_apc(
            machine.tables, core.read_all(), core.floating_point(), apc, dispatcher
        )
        core.resume_at(state)
        assert sim.run(limit=20_000).exit_status == 7
        assert sim.memory.read(0x200100, 4) == b"\6\0\0\0"


@pytest.mark.parametrize(("build", "code"), [("win7sp1-x86", 0xC0000005), ("win8.1-x86", 0xC0000409)])
def test_int_29_is_the_builds(build: str, code: int) -> None:
    sim, result = shellcode("mov ecx, 7; int 0x29", build)
    with sim:
        assert (result.exit_status, result.address) == (code, 0x200005)
        assert (result.reason is StopReason.FAST_FAIL) == (code == 0xC0000409)


# ---------------------------------------------------------------- the process
@pytest.mark.parametrize("build", [name for name, data in BUILDS.items() if not data.wow64])
def test_blocks_lie_where_the_build_says(build: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "peb.exe")
        (thread,) = sim.threads
        assert (thread.teb64, thread.teb32) == (0, sim.build.teb)
        peb = int.from_bytes(sim.memory.read(sim.build.teb + 0x30, 4), "little")
        assert peb == sim.build.place.peb64
        assert sim.run().exit_status == 33


@pytest.mark.parametrize("build", NATIVE)
def test_call32_starts_a_fresh_process_first(build: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "helloworld.exe")
        address = sim.call32("kernel32!VirtualAlloc", 0, 0x1000, 0x3000, 0x40)
        sim.memory.write(address, wowsim.assemble32("mov eax, [esp+4]; add eax, [esp+8]; ret"))
        assert sim.call32(address, 40, 2) == 42
        assert sim.run().stdout == b"Hello, World!\r\n"


@pytest.mark.parametrize("build", NATIVE)
def test_the_environment_is_32_bit_windows(build: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "peb.exe")
        parameters = int.from_bytes(sim.memory.read(sim.build.place.peb64 + 0x10, 4), "little")
        at = int.from_bytes(sim.memory.read(parameters + 0x48, 4), "little")
        size = int.from_bytes(sim.memory.read(parameters + 0x290, 4), "little")
        names = dict(
            line.split("=", 1) for line in sim.memory.read(at, size).decode("utf-16-le").split("\0") if line
        )
        assert names["ProgramFiles"] == r"C:\Program Files"
        assert names["PROCESSOR_ARCHITECTURE"] == "x86"
        assert not any("W6432" in name or "x86)" in name for name in names)


# ---------------------------------------------------------------- 2 GB and 3 GB
@pytest.mark.parametrize("build", NATIVE)
@pytest.mark.parametrize(
    ("program", "three_gb", "status_", "above"),
    [
        ("laa.exe", False, 0, 0),
        ("laa.exe", True, 1, 1),
        ("nolaa.exe", True, 0, 0),
        ("nolaa.exe", False, 0, 0),
    ],
)
def test_only_an_aware_program_gets_3_gb(
    program: str, three_gb: bool, status_: int, above: int, build: str
) -> None:
    with wowsim.Simulation(build=build, three_gb=three_gb) as sim:
        sim.load(BIN / program)
        result = sim.run(trace="calls")
        assert result.exit_status == status_, result.detail
        rows = [row for row in sim.vads if row.start >= 1 << 31 and row.kind == "Private" and row.commit > 0]
        assert len(rows) == above
        assert all(row.end <= 0xBFFEFFFF for row in sim.vads)
        assert three_gb or all(row.end <= 0x7FFEFFFF for row in sim.vads)


def test_the_gdt_moves_out_of_3_gb() -> None:
    with wowsim.Simulation(build="winxp-x86", three_gb=True) as sim:
        sim.load_shellcode(bytes.fromhex("83ec08 0f010424 8b442402 83c408 c3"))
        assert sim.run().exit_status == 0xC003F000


@pytest.mark.parametrize("build", WOW64)
def test_3_gb_is_a_choice_of_32_bit_windows(build: str) -> None:
    with pytest.raises(wowsim.UsageError, match="3 GB"):
        wowsim.Simulation(build=build, three_gb=True)
