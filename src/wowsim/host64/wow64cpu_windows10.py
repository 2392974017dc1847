"""wow64cpu.dll of Windows 10 and 11: the turbo index in EAX, R13 biased, 32-bit RSP swapped with R14.

Instructions and order: wow64-facts sections 2 and 3.6; the public comments of DynamoRIO show the same bytes. RVAs are
those of one release (section 4) for all of them. Who may import it: ``wow64cpu``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.host64.cpu_area import Area, exports, iret_frame, reload_registers, restore_xmm
from wowsim.host64.link import Linker, load_teb64
from wowsim.host64.turbo_control import add_control
from wowsim.host64.turbo_thunks import LOADS, TURBO_NAMES, argument_thunks, special_thunks
from wowsim.image.model import Provenance

if TYPE_CHECKING:
    from wowsim.image.synth import ImageBuilder

BUILD, RECONSTRUCTED, OURS = Provenance.BUILD, Provenance.RECONSTRUCTED, Provenance.OURS


def add(builder: ImageBuilder, linker: Linker) -> None:
    """Sections, code and exports."""
    area = Area(0x80)
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
    reload = reload_registers(area)
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
        {restore_xmm(area)}
        {reload}
        mov ecx, dword ptr [r13+{area.ecx:#x}]
        mov edx, dword ptr [r13+{area.edx:#x}]
        mov r14, rsp
        {iret_frame(area)}""",
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
    specials = "\n".join(f"{n}: {s}" for n, s in special_thunks(area, "CpupStoreStatus").items())
    load = LOADS
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
        argument_thunks()
        + "\nThunk0Arg: call CpupSyscallStub\n"
        + done
        + specials
        + reloads
        + "\nCpupSyscallStub: syscall\nret",
        0x1A00,
        OURS,
    )
    exports(builder, "BTCpuSimulate")
    add_control(
        builder, linker, init="BTCpuProcessInit", control="BTCpuTurboThunkControl", slot=0x3008, protection=4
    )
    builder.export("BTCpuTurboThunkControl")
