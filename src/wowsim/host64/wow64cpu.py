"""wow64cpu.dll: the gate, the CPU area, the turbo thunks; complete and executed by the CPU, no traps.

Instructions, order and RVAs are those of wow64-facts sections 3.5 (Windows 7), 3.6 (Windows 10) and 4 (turbo
table). The Windows 7 argument thunks fall through into one another; loading each argument with the shortest
encoding reproduces every published RVA exactly, which the image builder checks. Service bodies whose code is
not published (file, wait and ReloadState thunks) are ours at the build's RVAs.
"""

from __future__ import annotations

from wowsim.host64.link import Linker, load_teb64
from wowsim.image.model import Image, Provenance
from wowsim.image.synth import ImageBuilder
from wowsim.nt.builds import Build, Gate

BUILD, RECONSTRUCTED, OURS = Provenance.BUILD, Provenance.RECONSTRUCTED, Provenance.OURS

TURBO_NAMES = (
    "ServiceNoTurbo", "Thunk0Arg", "Thunk0ArgReloadState", "Thunk1ArgSp", "Thunk1ArgNSp", "Thunk2ArgNSpNSp",
    "Thunk2ArgNSpNSpReloadState", "Thunk2ArgSpNSp", "Thunk2ArgSpSp", "Thunk2ArgNSpSp", "Thunk3ArgNSpNSpNSp",
    "Thunk3ArgSpSpSp", "Thunk3ArgSpNSpNSp", "Thunk3ArgSpNSpNSpReloadState", "Thunk3ArgSpSpNSp",
    "Thunk3ArgNSpSpNSp", "Thunk3ArgSpNSpSp", "Thunk4ArgNSpNSpNSpNSp", "Thunk4ArgSpSpNSpNSp",
    "Thunk4ArgSpSpNSpNSpReloadState", "Thunk4ArgSpNSpNSpNSp", "Thunk4ArgSpNSpNSpNSpReloadState",
    "Thunk4ArgNSpSpNSpNSp", "Thunk4ArgSpSpSpNSp", "QuerySystemTime", "GetCurrentProcessorNumber", "ReadWriteFile",
    "DeviceIoctlFile", "RemoveIoCompletion", "WaitForMultipleObjects", "WaitForMultipleObjects32",
)  # fmt: skip
"""Turbo table entries 0-30, the same order on Windows 7 and 10 (section 4)."""

_LOADS = {
    (0, False): "mov r10d, dword ptr [r11]",
    (0, True): "movsxd r10, dword ptr [r11]",
    (1, False): "mov edx, dword ptr [r11+4]",
    (1, True): "movsxd rdx, dword ptr [r11+4]",
    (2, False): "mov r8d, dword ptr [r11+8]",
    (2, True): "movsxd r8, dword ptr [r11+8]",
    (3, False): "mov r9d, dword ptr [r11+0xc]",
}

# (labels that start before the load of argument n) per fall-through chain, last argument first
_CHAINS = (
    ((3, False, "Thunk4ArgNSpSpNSpNSp"), (2, False, "Thunk3ArgNSpSpNSp"), (1, True, "Thunk2ArgNSpSp"), (0, False, "")),
    ((3, False, "Thunk4ArgSpSpSpNSp"), (2, True, "Thunk3ArgSpSpSp"), (1, True, "Thunk2ArgSpSp"),
     (0, True, "Thunk1ArgSp")),
    ((3, False, "Thunk4ArgNSpNSpNSpNSp"), (2, False, "Thunk3ArgNSpNSpNSp"), (1, False, "Thunk2ArgNSpNSp"),
     (0, False, "Thunk1ArgNSp")),
    ((2, True, "Thunk3ArgSpNSpSp"), (1, False, "Thunk2ArgSpNSp"), (0, True, "")),
    ((2, False, "Thunk3ArgSpNSpNSp"), (1, False, ""), (0, True, "")),
    ((3, False, "Thunk4ArgSpSpNSpNSp"), (2, False, "Thunk3ArgSpSpNSp"), (1, True, ""), (0, True, "")),
    ((3, False, "Thunk4ArgSpNSpNSpNSp"), (2, False, ""), (1, False, ""), (0, True, "")),
)  # fmt: skip


def _argument_thunks() -> str:
    """The seven fall-through chains in the order of the build, ending in Thunk0Arg."""
    lines = []
    for number, chain in enumerate(_CHAINS):
        for index, sign, label in chain:
            lines.append((f"{label}: " if label else "") + _LOADS[index, sign])
        if number < len(_CHAINS) - 1:
            lines.append(".byte 0xeb\n.byte Thunk0Arg - . - 1")  # the build's two-byte jump
    return "\n".join(lines)


class _Area:
    """Offsets from R13 into the CPU area: WOW64_CONTEXT at +4, minus the build's bias (section 3.3)."""

    def __init__(self, bias: int) -> None:
        context = 4 - bias
        self.edi, self.esi, self.ebx = context + 0x9C, context + 0xA0, context + 0xA4
        self.edx, self.ecx, self.eax = context + 0xA8, context + 0xAC, context + 0xB0
        self.ebp, self.eip, self.eflags, self.esp = (
            context + 0xB4,
            context + 0xB8,
            context + 0xC0,
            context + 0xC4,
        )
        self.xmm0 = context + 0xCC + 0xA0


def _special_thunks(area: _Area, done: str) -> dict[str, str]:
    """Thunks that do more than load arguments. All are ours; the marshalling is that of section 6.

    Args:
        area: CPU area offsets.
        done: where a thunk continues with the status in EAX.
    """
    iosb = f"""
        mov rax, qword ptr [rsp+0x60]
        mov ecx, dword ptr [rsp+0x78]
        cmp rax, rcx
        je L_kept_NAME
        mov dword ptr [rcx], eax
        mov eax, dword ptr [rsp+0x68]
        mov dword ptr [rcx+4], eax
    L_kept_NAME:
        mov eax, dword ptr [rsp+0x70]
        add rsp, 0x80
        jmp {done}"""
    begin = """
        cmp dword ptr [r11+8], 0
        jne ServiceNoTurbo
        sub rsp, 0x80
        mov dword ptr [rsp+0x70], eax
        movsxd r10, dword ptr [r11]
        movsxd rdx, dword ptr [r11+4]
        xor r8d, r8d
        mov r9d, dword ptr [r11+0xc]
        mov ecx, dword ptr [r11+0x10]
        mov dword ptr [rsp+0x78], ecx
        test ecx, ecx
        je L_wild_NAME
        mov qword ptr [rsp+0x60], rcx
        lea rcx, [rsp+0x60]
    L_wild_NAME:
        mov qword ptr [rsp+0x20], rcx"""
    end = (
        """
        mov eax, dword ptr [rsp+0x70]
        call CpupSyscallStub
        mov dword ptr [rsp+0x70], eax
        cmp dword ptr [rsp+0x78], 0
        je L_none_NAME"""
        + iosb
        + f"""
    L_none_NAME:
        add rsp, 0x80
        jmp {done}"""
    )

    def passed(*slots: tuple[int, int]) -> str:
        return "".join(
            f"\nmov ecx, dword ptr [r11+{source:#x}]\nmov qword ptr [rsp+{target:#x}], rcx"
            for source, target in slots
        )

    waits = f"""
        mov ecx, dword ptr [r11]
        cmp ecx, 64
        ja ServiceNoTurbo
        sub rsp, 0x240
        mov dword ptr [rsp+0x230], eax
        mov r10d, ecx
        mov r8d, dword ptr [r11+4]
        lea rdx, [rsp+0x30]
    L_handle:
        test ecx, ecx
        je L_widened
        movsxd rax, dword ptr [r8]
        mov qword ptr [rdx], rax
        add r8d, 4
        add rdx, 8
        dec ecx
        jmp L_handle
    L_widened:
        lea rdx, [rsp+0x30]
        mov r8d, dword ptr [r11+8]
        mov r9d, dword ptr [r11+0xc]
        mov ecx, dword ptr [r11+0x10]
        mov qword ptr [rsp+0x20], rcx
        mov eax, dword ptr [rsp+0x230]
        call CpupSyscallStub
        add rsp, 0x240
        jmp {done}"""
    return {
        "GetCurrentProcessorNumber": f"mov ecx, 0x53\nlsl eax, ecx\nshr eax, 14\njmp {done}",
        "QuerySystemTime": f"""
        mov ecx, dword ptr [r11]
        mov r8d, 0x7ffe0014
    L_time:
        mov edx, dword ptr [r8+4]
        mov r9d, dword ptr [r8]
        cmp edx, dword ptr [r8+8]
        jne L_time
        mov dword ptr [rcx], r9d
        mov dword ptr [rcx+4], edx
        xor eax, eax
        jmp {done}""",
        "WaitForMultipleObjects": "jmp G_waits",
        "WaitForMultipleObjects32": "\nG_waits:" + waits,
        "ReadWriteFile": (
            begin + passed((0x14, 0x28), (0x18, 0x30), (0x1C, 0x38), (0x20, 0x40)) + end
        ).replace("NAME", "rw"),
        "DeviceIoctlFile": (
            begin + passed((0x14, 0x28), (0x18, 0x30), (0x1C, 0x38), (0x20, 0x40), (0x24, 0x48)) + end
        ).replace("NAME", "ioctl"),
        # its 64-bit outputs (two PVOIDs and an IO_STATUS_BLOCK) are narrowed by wow64.dll's thunk
        "RemoveIoCompletion": "jmp ServiceNoTurbo",
    }


def build_wow64cpu(build: Build, linker: Linker) -> Image:
    """The image for a build."""
    module = build.module("wow64cpu")
    builder = ImageBuilder(
        module.name, module.file_name, module.path, 64, module.base, module.size, free=0x2E00
    )
    if build.gate is Gate.SWITCH_TO_64:
        _windows7(builder, linker)
    else:
        _windows10(builder, linker)
    return linker.add(builder.build())


# ---------------------------------------------------------------- Windows 7
_RVA7 = {
    "QuerySystemTime": 0x27BE, "GetCurrentProcessorNumber": 0x2783, "ReadWriteFile": 0x2991,
    "DeviceIoctlFile": 0x28D7, "RemoveIoCompletion": 0x2A42, "WaitForMultipleObjects": 0x27FC,
    "WaitForMultipleObjects32": 0x2803,
}  # fmt: skip


def _windows7(builder: ImageBuilder, linker: Linker) -> None:
    area = _Area(0)
    builder.section(".text", 0x1000, 0x3000, executable=True)
    builder.section(".rdata", 0x7000, 0x1000)
    linker.slot(builder, "wow64", "Wow64SystemServiceEx", 0x1080)
    # ljmp from code at 2320, so that the seed's `ea 1e278573 3300` results
    target = builder.base + 0x271E
    builder.code(f"X86SwitchTo64BitMode: .byte 0xea\n.long {target:#x}\n.short 0x33", 0x2320, BUILD)
    entries = [*TURBO_NAMES, "ThunkNone"]
    builder.code(
        "TurboThunkDispatch:\n" + "\n".join(f".quad {name}" for name in entries), 0x2450, RECONSTRUCTED
    )
    reload = _reload(area)
    builder.code(
        f"""CpuSimulate:
        push rbx
        push rsi
        push rdi
        push rbp
        push r12
        push r13
        push r14
        push r15
        sub rsp, 0x68
        {load_teb64("r12")}
        mov r13, qword ptr [r12+0x1488]
        lea r15, [TurboThunkDispatch]
        lea r14, [rsp+0x58]
        jmp CpupReturn""",
        0x2560,
        RECONSTRUCTED,
        0x61,
    )
    builder.code(
        f"""CpupReturn: and dword ptr [r13+0x2d0], 1
        jne L_slow
        {reload}
    CpupReturnTurbo:
        mov qword ptr [r12+0x1480], rsp
        mov dword ptr [r14+4], 0x23
        mov r8d, 0x2b
        mov ss, r8w
        mov esp, dword ptr [r13+{area.esp:#x}]
        mov r9d, dword ptr [r13+{area.eip:#x}]
        mov dword ptr [r14], r9d
        .byte 0x41, 0xff, 0x2e
    L_slow:
        and dword ptr [r13+0x2d0], 0xfffffffe
        {_restore_xmm(area)}
        {reload}
        mov ecx, dword ptr [r13+{area.ecx:#x}]
        mov edx, dword ptr [r13+{area.edx:#x}]
        mov qword ptr [r12+0x1480], rsp
        {_iret_frame(area)}""",
        0x2560 + 0x61,
        RECONSTRUCTED,
        0x271E - 0x25C1,
    )
    builder.code(
        f"""CpupReturnFromSimulatedCode: mov r8d, dword ptr [esp]
        mov dword ptr [r13+{area.eip:#x}], r8d
        mov dword ptr [r13+{area.esp:#x}], esp
        mov rsp, qword ptr [r12+0x1480]
        and qword ptr [r12+0x1480], 0
        .byte 0x44, 0x8b, 0xda
    TurboDispatchJumpAddressStart: jmp qword ptr [r15+rcx*8]
    ServiceNoTurbo: mov dword ptr [r13+{area.esi:#x}], esi
        mov dword ptr [r13+{area.edi:#x}], edi
        mov dword ptr [r13+{area.ebx:#x}], ebx
        mov dword ptr [r13+{area.ebp:#x}], ebp
        pushfq
        pop rbx
        mov dword ptr [r13+{area.eflags:#x}], ebx
        mov ecx, eax
        call qword ptr [__imp_Wow64SystemServiceEx]""",
        0x271E,
        BUILD,
        0x58,
    )
    builder.code(
        f"mov dword ptr [r13+{area.eax:#x}], eax\njmp CpupReturn\nThunkNone: int3", 0x2776, RECONSTRUCTED
    )
    for name, source in _special_thunks(area, "CpupReturnTurbo").items():
        builder.code(f"{name}: {source}", _RVA7[name], OURS)
    _reload_state7(builder, area)
    builder.code(
        _argument_thunks() + "\nThunk0Arg: call CpupSyscallStub\njmp CpupReturnTurbo", 0x2D4D, RECONSTRUCTED
    )
    builder.code("CpupSyscallStub: syscall\nret", None, RECONSTRUCTED)
    _exports(builder, "CpuSimulate")
    builder.constant("TurboDispatchJumpAddressEnd", 0x2749)


def _reload_state7(builder: ImageBuilder, area: _Area) -> None:
    """Waits that may come back with another context: all registers are saved first, then reloaded."""
    save = f"""
        mov dword ptr [r13+{area.esi:#x}], esi
        mov dword ptr [r13+{area.edi:#x}], edi
        mov dword ptr [r13+{area.ebx:#x}], ebx
        mov dword ptr [r13+{area.ebp:#x}], ebp
        pushfq
        pop rbx
        mov dword ptr [r13+{area.eflags:#x}], ebx
        call CpupSyscallStub
        mov dword ptr [r13+{area.eax:#x}], eax
        jmp CpupReturn"""
    load = _LOADS
    four = f"{load[3, False]}\n{load[2, False]}\n{load[1, True]}\n{load[0, True]}"
    builder.code(f"Thunk4ArgSpSpNSpNSpReloadState: {four}\n{save}", 0x2AF4, RECONSTRUCTED, 0x2BBF - 0x2AF4)
    builder.code(
        f"""Thunk4ArgSpNSpNSpNSpReloadState: {load[3, False]}
        Thunk3ArgSpNSpNSpReloadState: {load[2, False]}
        {load[1, False]}
        {load[0, True]}
        Thunk0ArgReloadState: {save}""",
        0x2BBF,
        RECONSTRUCTED,
        0x2C8A - 0x2BBF,
    )
    builder.code(
        f"Thunk2ArgNSpNSpReloadState: {load[1, False]}\n{load[0, False]}\n{save}",
        0x2C8A,
        RECONSTRUCTED,
        0x2D4D - 0x2C8A,
    )


# ---------------------------------------------------------------- Windows 10
def _windows10(builder: ImageBuilder, linker: Linker) -> None:
    area = _Area(0x80)
    builder.section(".text", 0x1000, 0x2000, executable=True)
    builder.section(".rdata", 0x3000, 0x1000)
    builder.section("WOW64SVC", 0x6000, 0x1000, executable=True)
    builder.section("W64SVC", 0x7000, 0x1000, executable=True)
    linker.slot(builder, "wow64", "Wow64SystemServiceEx", 0x3000)
    entries = [*TURBO_NAMES, "CpupReturnFromSimulatedCode", "ThunkNone"]
    builder.code(
        "TurboThunkDispatch:\n" + "\n".join(f".quad {name}" for name in entries), 0x3600, RECONSTRUCTED
    )
    builder.code(
        f"""KiFastSystemCall: .byte 0xea
        .long {builder.base + 0x7009:#x}
        .short 0x33
        .byte 0, 0
        .byte 0x41, 0xff, 0xa7, 0xf8, 0, 0, 0""",
        0x7000,
        BUILD,
    )
    builder.code(
        # assembled for 32-bit decoding up to the far jump (section 2)
        "KiFastSystemCall2: .byte 0x6a, 0x33, 0x50, 0xe8, 0, 0, 0, 0, 0x58, 0x05, 0x0c, 0, 0, 0, 0x87, 0x04, 0x24\n"
        ".byte 0xff, 0x2c, 0x24\nadd rsp, 8\njmp CpupReturnFromSimulatedCode",
        0x6000,
        BUILD,
    )
    builder.code(
        "BTCpuSimulate: sub rsp, 0x28\ncall RunSimulatedCode\nadd rsp, 0x28\nret", 0x15E0, RECONSTRUCTED
    )
    reload = _reload(area)
    builder.code(
        f"""RunSimulatedCode: push r15
        push r14
        push r13
        push r12
        push rbx
        push rsi
        push rdi
        push rbp
        sub rsp, 0x68
        {load_teb64("r12")}
        lea r15, [TurboThunkDispatch]
        mov r13, qword ptr [r12+0x1488]
        add r13, 0x80
    TagReturn:
        btr dword ptr [r13-0x80], 0
        jb L_slow
        {reload}
        mov r14, rsp
        mov dword ptr [rsp+4], 0x23
        mov r8d, 0x2b
        mov ss, r8d
        mov r9d, dword ptr [r13+{area.eip:#x}]
        mov dword ptr [rsp], r9d
        mov esp, dword ptr [r13+{area.esp:#x}]
        .byte 0x41, 0xff, 0x2e
    L_slow:
        {_restore_xmm(area)}
        {reload}
        mov ecx, dword ptr [r13+{area.ecx:#x}]
        mov edx, dword ptr [r13+{area.edx:#x}]
        mov r14, rsp
        {_iret_frame(area)}""",
        0x1620,
        RECONSTRUCTED,
        0x1742 - 0x1620,
    )
    builder.code(
        f"""CpupReturnFromSimulatedCode: .byte 0x49, 0x87, 0xe6
        mov r8d, dword ptr [r14]
        add r14, 4
        mov dword ptr [r13+{area.eip:#x}], r8d
        mov dword ptr [r13+{area.esp:#x}], r14d
        lea r11, [r14+4]
        mov dword ptr [r13+{area.edi:#x}], edi
        mov dword ptr [r13+{area.esi:#x}], esi
        mov dword ptr [r13+{area.ebx:#x}], ebx
        mov dword ptr [r13+{area.ebp:#x}], ebp
        pushfq
        pop r8
        mov dword ptr [r13+{area.eflags:#x}], r8d
    TurboDispatchJumpAddressStart: .byte 0x8b, 0xc8
        shr ecx, 0x10
        jmp qword ptr [r15+rcx*8]
    ServiceNoTurbo: .byte 0x8b, 0xc8, 0x49, 0x8b, 0xd3
        call qword ptr [__imp_Wow64SystemServiceEx]
    L_store: mov dword ptr [r13+{area.eax:#x}], eax
        jmp TagReturn
    ThunkNone: int3""",
        0x1742,
        RECONSTRUCTED,
    )
    builder.constant("TurboDispatchJumpAddressEnd", 0x1778)
    done = f"CpupStoreStatus: mov dword ptr [r13+{area.eax:#x}], eax\njmp TagReturn\n"
    specials = "\n".join(f"{n}: {s}" for n, s in _special_thunks(area, "CpupStoreStatus").items())
    load = _LOADS
    reloads = f"""
        Thunk4ArgSpSpNSpNSpReloadState: {load[3, False]}
        {load[2, False]}
        {load[1, True]}
        {load[0, True]}
        jmp Thunk0Arg
        Thunk4ArgSpNSpNSpNSpReloadState: {load[3, False]}
        Thunk3ArgSpNSpNSpReloadState: {load[2, False]}
        {load[1, False]}
        {load[0, True]}
        jmp Thunk0Arg
        Thunk2ArgNSpNSpReloadState: {load[1, False]}
        {load[0, False]}
        Thunk0ArgReloadState: jmp Thunk0Arg
        """
    builder.code(
        _argument_thunks()
        + "\nThunk0Arg: call CpupSyscallStub\n"
        + done
        + specials
        + reloads
        + "\nCpupSyscallStub: syscall\nret",
        0x1A00,
        OURS,
    )
    _exports(builder, "BTCpuSimulate")


def _reload(area: _Area) -> str:
    """Loads of the registers that the fast return puts back, from the CPU area."""
    return f"""
        mov edi, dword ptr [r13+{area.edi:#x}]
        mov esi, dword ptr [r13+{area.esi:#x}]
        mov ebx, dword ptr [r13+{area.ebx:#x}]
        mov ebp, dword ptr [r13+{area.ebp:#x}]
        mov eax, dword ptr [r13+{area.eax:#x}]"""


def _restore_xmm(area: _Area) -> str:
    return "\n".join(f"movups xmm{i}, [r13+{area.xmm0 + 16 * i:#x}]" for i in range(6))


def _iret_frame(area: _Area) -> str:
    """The IRETQ frame of the slow return; TF leaves the context with it (section 3.5)."""
    return f"""
        sub rsp, 0x30
        mov dword ptr [rsp+0x20], 0x2b
        mov dword ptr [rsp+0x24], 0
        mov r8d, dword ptr [r13+{area.esp:#x}]
        mov qword ptr [rsp+0x18], r8
        mov r8d, dword ptr [r13+{area.eflags:#x}]
        mov qword ptr [rsp+0x10], r8
        and dword ptr [r13+{area.eflags:#x}], 0xfffffeff
        mov qword ptr [rsp+8], 0x23
        mov r8d, dword ptr [r13+{area.eip:#x}]
        mov qword ptr [rsp], r8
        iretq"""


_SAVED = {
    "CpuSimulate": ("rbx", "rsi", "rdi", "rbp", "r12", "r13", "r14", "r15"),
    "BTCpuSimulate": ("r15", "r14", "r13", "r12", "rbx", "rsi", "rdi", "rbp"),
}
"""What the routine that enters 32-bit code saves, in this order, above its 68h bytes."""


def _leave(builder: ImageBuilder, simulate: str) -> None:
    """The epilogue of that routine, for whoever unwinds to its caller: RCX is its RSP. Ours, see host64.exceptions."""
    pops = "\n".join(f"pop {register}" for register in reversed(_SAVED[simulate]))
    builder.code(f"CpupLeaveSimulation: mov rsp, rcx\nadd rsp, 0x68\n{pops}\nret", None, OURS)
    builder.export("CpupLeaveSimulation")


def _exports(builder: ImageBuilder, simulate: str) -> None:
    builder.export(simulate)
    _leave(builder, simulate)
    builder.export("TurboDispatchJumpAddressStart")
    builder.export("TurboDispatchJumpAddressEnd", "ServiceNoTurbo")
