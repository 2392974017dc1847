"""Mode switches, faults and the workarounds of the core, on real guest bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from machine import CODE, DATA, RANDOM, STACK, TEB32, TEB64, TIMESTAMP, Bare

from wowsim.cpu.paging import EXECUTE, READ, WRITE
from wowsim.cpu.segments import GDT_ADDRESS, Descriptor
from wowsim.image.synth import assemble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.cpu.faults import Fault

FAR_JUMP = ".byte 0xea\n.long there\n.short 0x33\nthere:"
AUTHENTIC = 0x0020FB00_00000000


@pytest.fixture
def bare() -> Iterator[Bare]:
    machine = Bare()
    yield machine
    machine.core.close()
    machine.ram.close()


def test_entry_is_an_executed_iretq_to_ring_3(bare: Bare) -> None:
    registers = bare.run("int 0x2e", rax=9, rbp=0x1234)
    assert (registers["cs"], registers["ss"], registers["ds"], registers["fs"]) == (0x23, 0x2B, 0x2B, 0x53)
    assert (registers["rax"], registers["rbp"], registers["fs_base"], registers["gs_base"]) == (
        9,
        0x1234,
        TEB32,
        TEB64,
    )
    bare.run("hlt")
    assert [(f.vector, f.rip) for f in bare.faults] == [(13, CODE)]


def test_the_far_jump_switches_decoding_and_back(bare: Bare) -> None:
    # 48 ff c0 is dec eax; inc eax in 32-bit code and inc rax in 64-bit code
    source = f"mov eax, 5\n.byte 0x48, 0xff, 0xc0\nmov ecx, eax\n{FAR_JUMP}\n.byte 0x48, 0xff, 0xc0\nint 0x2e"
    registers = bare.run(source)
    assert (registers["cs"], registers["rcx"], registers["rax"]) == (0x33, 5, 6)
    assert bare.core.bits == 64


def test_both_segment_bases_live_at_once(bare: Bare) -> None:
    bare.tables.write(TEB32 + 0x18, TEB32.to_bytes(4, "little"))
    bare.tables.write(TEB64 + 0x30, TEB64.to_bytes(8, "little"))
    gs = ".byte 0x65, 0x48, 0x8b, 0x04, 0x25, 0x30, 0, 0, 0"
    registers = bare.run(f"mov ebx, fs:[0x18]\n{FAR_JUMP}\n{gs}\nint 0x2e")
    assert (registers["rbx"], registers["rax"]) == (TEB32, TEB64)


@pytest.mark.parametrize(
    "changed",
    [replace(Descriptor.decode(AUTHENTIC), long_mode=0), replace(Descriptor.decode(AUTHENTIC), dpl=0)],
    ids=["L cleared", "DPL 0"],
)
def test_a_wrong_descriptor_faults_at_the_far_jump(bare: Bare, changed: Descriptor) -> None:
    bare.core.set_descriptor(0x33, changed)
    bare.run(FAR_JUMP + "\nint 0x2e")
    assert [(f.vector, f.rip) for f in bare.faults] == [(13, CODE)]


@pytest.mark.parametrize(
    "call",
    [
        ".byte 0x9a\n.long far\n.short 0x33\nint 0x2e\nfar: .byte 0x48, 0xff, 0xc0\nretf",
        "mov dword ptr [esp-16], offset far\nmov word ptr [esp-12], 0x33\n.byte 0xff, 0x5c, 0x24, 0xf0\nint 0x2e\n"
        "far: .byte 0x48, 0xff, 0xc0\nretf",
    ],
    ids=["call ptr16:32", "call m16:32"],
)
def test_call_far_works_with_the_authentic_descriptor(bare: Bare, call: str) -> None:
    if "offset" in call:
        far = CODE + len(assemble(call.split("far:")[0].replace("offset far", "0x400000"), 32, CODE))
        call = call.replace("offset far", hex(far))
    registers = bare.run(call, rax=1)
    assert not bare.faults
    assert (registers["cs"], registers["rax"], registers["rsp"]) == (0x23, 2, STACK + 0xF00)
    assert bare.core.descriptor(0x33).encode() == AUTHENTIC


def test_call_far_to_a_bad_selector_is_the_guests_fault(bare: Bare) -> None:
    bare.run(".byte 0x9a\n.long 0\n.short 0x63\nint 0x2e")
    assert [(f.vector, f.rip) for f in bare.faults] == [(13, CODE)]
    assert bare.core.descriptor(0x33).encode() == AUTHENTIC


def test_the_guest_reads_sgdt_but_not_the_table(bare: Bare) -> None:
    bare.run("sgdt [0x500000]\nint 0x2e")
    assert int.from_bytes(bare.tables.read(DATA, 6), "little") & 0xFFFFFFFFFFFF == 0x00B93000_006F
    bare.run(f"movabs rax, {GDT_ADDRESS:#x}\nmov rbx, [rax]\nint 0x2e", 64)
    assert [(f.vector, f.address, f.error & 5) for f in bare.faults] == [(14, GDT_ADDRESS, 5)]


FAULTS = [
    ("mov eax, [0xfffff000]", 32, 14, 0, 0xFFFFF000, "read"),
    ("mov [0x400800], eax", 32, 14, 0, 0x400800, "write"),
    ("nop\njmp 0x500000", 32, 14, 0x100000, DATA, "fetch"),
    ("nop\nmov qword ptr [rsp+0xfd], 1", 64, 14, 1, STACK + 0x1000, "write"),
    ("movabs rax, 0xfff0000000400000\nmov rbx, [rax]", 64, 13, 10, 0, "read"),
    ("xor ecx, ecx\ndiv ecx", 32, 0, 2, 0, "read"),
    ("nop\nud2", 32, 6, 1, 0, "read"),
    ("mov ax, 0x18\nmov ds, ax", 32, 13, 4, 0, None),
]


@pytest.mark.parametrize(("source", "bits", "vector", "offset", "address", "kind"), FAULTS)
def test_faults_are_exact(
    bare: Bare, source: str, bits: int, vector: int, offset: int, address: int, kind: str | None
) -> None:
    for _ in range(2):  # a second fault must not become a double fault
        bare.faults.clear()
        bare.run(source, bits)
        (fault,) = bare.faults
        assert (fault.vector, fault.rip, fault.address) == (vector, CODE + offset, address)
        if kind is not None:
            assert (fault.is_write, fault.is_fetch) == (kind == "write", kind == "fetch")


def test_a_store_across_pages_writes_nothing_when_the_second_faults(bare: Bare) -> None:
    bare.run("mov dword ptr [0x510ffe], 0x55555555")
    assert bare.faults[0].address == STACK + 0x1000
    assert bare.tables.read(STACK + 0xFFE, 2) == b"\0\0"


def test_a_resolved_fault_is_retried(bare: Bare) -> None:
    handle = bare.on_fault

    def resolve(fault: Fault) -> None:
        if bare.tables.entry(0x600) is None:
            bare.tables.map(0x600, bare.tables.allocate(1), READ | WRITE)
        else:
            handle(fault)

    bare.on_fault = resolve  # type: ignore[method-assign]  # another handler for this machine
    assert bare.run("mov dword ptr [0x600010], 7\nmov ebx, [0x600010]\nint 0x2e")["rbx"] == 7


def test_instructions_cannot_see_the_host(bare: Bare) -> None:
    registers = bare.run("rdtsc\nmov esi, eax\nmov edi, edx\nint 0x2e")
    assert (registers["rsi"], registers["rdi"]) == (TIMESTAMP & 0xFFFFFFFF, TIMESTAMP >> 32)
    bare.run("mov eax, 0\ncpuid\nint 0x2e")
    vendor = b"".join(bare.core.read(name).to_bytes(4, "little") for name in ("rbx", "rdx", "rcx"))
    assert vendor == b"GenuineIntel"
    assert bare.run("rdrand rbx\nint 0x2e", 64)["rbx"] == RANDOM
    assert bare.run(".byte 0x0f, 0x01, 0xf9\nint 0x2e")["rax"] == TIMESTAMP & 0xFFFFFFFF


def test_traps_and_interrupts(bare: Bare) -> None:
    bare.run("nop\nint 0xfd\nint3")
    assert bare.seen == [("trap", CODE + 1), ("int", 3)]
    bare.run("int 0x0e")
    assert bare.seen[-1] == ("int", 14)
    assert not bare.faults


def test_stepping_counts_instructions_exactly(bare: Bare) -> None:
    bare.enter("mov eax, 1\nmov eax, 2\nmov eax, 3\njmp next\nnext: mov eax, 4\nint 0x2e")
    for expected in (1, 2, 3, 3, 4):
        bare.core.step()
        assert bare.core.read("rax") == expected


def test_code_written_by_the_kernel_side_is_executed(bare: Bare) -> None:
    assert bare.run("mov eax, 1\nint 0x2e")["rax"] == 1
    assert bare.run("mov eax, 2\nint 0x2e")["rax"] == 2
    bare.tables.protect(CODE >> 12, 1, READ | WRITE | EXECUTE)
    registers = bare.run("mov byte ptr [patch+1], 9\njmp patch\npatch: mov al, 1\nint 0x2e")
    assert registers["rax"] & 0xFF == 9


@pytest.mark.parametrize("bits", [32, 64])
def test_sysenter_does_not_fall_through(bare: Bare, bits: int) -> None:
    bare.run("nop\nsysenter\nint 0x2e", bits)
    assert [(f.vector, f.rip) for f in bare.faults] == [(13, CODE + 1)]
    assert not bare.seen


def test_a_saved_state_carries_the_mode(bare: Bare) -> None:
    bare.enter(
        f"mov eax, 7\n{FAR_JUMP}\n.byte 0x48, 0xb8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11\nint 0x2e"
    )
    bare.core.step()
    narrow = bare.core.save()
    bare.core.step(2)
    wide = bare.core.save()
    for _ in range(2):
        bare.core.restore(narrow)
        assert (bare.core.bits, bare.core.read("rax")) == (32, 7)
        bare.core.restore(wide)
        assert (bare.core.bits, bare.core.read("rax")) == (64, 0x1122334455667788)
    bare.core.restore(narrow)
    bare.core.run()
    assert bare.core.read("rax") == 0x1122334455667788


@pytest.mark.parametrize("before", [32, 64])
@pytest.mark.parametrize("after", [32, 64])
def test_a_new_user_state_keeps_what_it_does_not_name(bare: Bare, before: int, after: int) -> None:
    """The mode changes without an executed transfer; FP state and other registers stay."""
    setup = "fninit\nfldpi\nmov eax, 0x1234\nmovd xmm5, eax\nmov ebx, 7\nmov esi, 8\nint 0x2e"
    bare.run(setup, before)
    floating = bare.core.floating_point()
    assert floating[0x20:0x2A].hex() == "35c26821a2da0fc90040"
    # inc eax; dec eax in 32-bit code, two prefixes of one instruction in 64-bit code: rex.w mov eax,imm32
    code = "4048b888776655" + ("44332211" if after == 64 else "") + "cd2e"
    bare.tables.poke(CODE + 0x100, bytes.fromhex(code))
    selector = 0x33 if after == 64 else 0x23
    bare.core.resume_at(
        {"rip": CODE + 0x100, "cs": selector, "rsp": STACK + 0x800, "rax": 5, "rflags": 0x202}
    )
    assert bare.core.bits == after
    bare.core.run()
    registers = bare.core.read_all()
    assert registers["rax"] == (0x1122334455667788 if after == 64 else 0x55667788)
    assert (registers["rbx"], registers["rsi"], registers["rsp"]) == (7, 8, STACK + 0x800)
    assert (registers["cs"], registers["ss"]) == (selector, 0x2B)
    assert bare.core.floating_point() == floating
    assert not bare.faults
    with_fpu = bytearray(floating)
    with_fpu[0:4] = b"\x3f\x03\0\x28"
    bare.core.set_floating_point(bytes(with_fpu))
    assert bare.core.floating_point() == bytes(with_fpu)


def test_the_new_state_runs_at_ring_3(bare: Bare) -> None:
    bare.run("int 0x2e", 32)
    bare.tables.poke(CODE + 0x100, b"\xfa")
    bare.core.resume_at({"rip": CODE + 0x100, "cs": 0x33, "rsp": STACK + 0x800, "rflags": 0x202})
    bare.core.run()
    assert [(f.vector, f.rip) for f in bare.faults] == [(13, CODE + 0x100)]


@pytest.mark.parametrize("warm", [False, True])
def test_code_that_the_host_writes_is_what_runs(bare: Bare, warm: bool) -> None:
    """Also from a handler, into the page that runs, and whether it was translated before or not."""
    code = "mov eax, 1; int 0x2e; syscall; mov eax, 1; jmp next; next: mov ebx, 1; int 0x2e"
    bare.enter(code, 64)
    bare.core.run()
    if warm:
        bare.core.run()
    tables = bare.tables
    whole = tables.peek(CODE, 64) or b""
    bare.on_syscall = lambda: tables.poke(CODE, whole.replace(b"\1\0\0\0", b"\2\0\0\0"))  # type: ignore[method-assign]
    bare.core.write("rip", CODE + 7)
    bare.core.run()
    assert bare.core.batch("rax", "rbx").read() == (2, 2)
    bare.core.write("rip", CODE)
    bare.core.run()
    assert bare.core.read("rax") == 2


@pytest.mark.parametrize("bits", [32, 64])
def test_nothing_behind_a_refused_port_access_is_seen(bare: Bare, bits: Literal[32, 64]) -> None:
    pointer = "ebx" if bits == 32 else "rbx"
    source = f"nop; in al, dx; mov [{pointer}], eax; cpuid; rdtsc; syscall; int 0xfd; int 0x2e"
    seen: list[int] = []
    for watched in (False, True):
        bare.enter(source, bits, rbx=DATA, rax=7)
        remove = bare.core.watch(lambda address, size: seen.append(address)) if watched else None
        bare.core.run()
        assert [(f.vector, f.rip) for f in bare.faults] == [(13, CODE + 1)] * (1 + watched)
        assert (bare.core.read("rax"), bare.core.read("rip")) == (7, CODE + 1)
        assert (bare.syscalls, bare.seen) == (0, [])
        assert bare.tables.peek(DATA, 4) == bytes(4)
        if remove is not None:
            remove()
    assert seen == [CODE, CODE + 1]
