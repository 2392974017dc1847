"""wow64cpu.dll before Windows 10: Eip and Esp saved at the gate, the 64-bit stack in TLS slot 0.

Windows 7: instructions, order and RVAs of wow64-facts sections 3.5 and 4. The others: wow64cpu takes the gate's return
address from the stack before it saves Esp (section 3.5; the public bytes of DynamoRIO's comments, which also show that
8 and 8.1 address the CPU area as 7 does). The rest is Windows 7's, behind what is longer; that 8 and 8.1 take the
arguments from behind Esp follows from their stubs, which leave EDX alone; all their RVAs are unverified. Who may
import it: ``wow64cpu``.
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
    from wowsim.nt.builds import Build

BUILD, RECONSTRUCTED, OURS = Provenance.BUILD, Provenance.RECONSTRUCTED, Provenance.OURS
_RVA = {
    "QuerySystemTime": 0x27BE, "GetCurrentProcessorNumber": 0x2783, "ReadWriteFile": 0x2991,
    "DeviceIoctlFile": 0x28D7, "RemoveIoCompletion": 0x2A42, "WaitForMultipleObjects": 0x27FC,
    "WaitForMultipleObjects32": 0x2803,
}  # fmt: skip
"""Windows 7 SP1's."""
_LONGER = 0x20
"""How much later than in Windows 7 everything behind the gate lies elsewhere: chosen."""


def add(builder: ImageBuilder, linker: Linker, build: Build) -> None:
    """Sections, code and exports."""
    area = Area(0)
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
    reload = reload_registers(area)
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
        {restore_xmm(area)}
        {reload}
        mov ecx, dword ptr [r13+{area.ecx:#x}]
        mov edx, dword ptr [r13+{area.edx:#x}]
        mov qword ptr [r12+0x1480], rsp
        {iret_frame(area)}""",
        0x2560 + 0x61,
        RECONSTRUCTED,
        0x271E - 0x25C1,
    )
    gate = f"{_gate(area, build)}\n    {_no_turbo(area, build)}"
    status = f"mov dword ptr [r13+{area.eax:#x}], eax\njmp CpupReturn\nThunkNone: int3"
    shift = 0
    if build.gate_pops:
        shift = _LONGER
        builder.code(f"{gate}\n{status}", 0x271E, RECONSTRUCTED, 0x65 + shift)
    else:
        builder.code(gate, 0x271E, BUILD, 0x58)
        builder.code(status, 0x2776, RECONSTRUCTED)
    for name, source in special_thunks(area, "CpupReturnTurbo").items():
        builder.code(f"{name}: {source}", _RVA[name] + shift, OURS)
    _reload_state(builder, area, shift)
    builder.code(
        argument_thunks() + "\nThunk0Arg: call CpupSyscallStub\njmp CpupReturnTurbo",
        0x2D4D + shift,
        RECONSTRUCTED,
    )
    builder.code("CpupSyscallStub: syscall\nret", None, RECONSTRUCTED)
    exports(builder, "CpuSimulate")
    add_control(
        builder, linker, init="CpuProcessInit", control="CpupTurboThunkControl", slot=0x1088, protection=0x40
    )


def _gate(area: Area, build: Build) -> str:
    """From the far jump to the turbo thunk."""
    pop = "\n        add esp, 4" if build.gate_pops else ""
    if build.turbo_in_ecx:
        early, late, index = "", "\n        .byte 0x44, 0x8b, 0xda", ""
    else:
        early, late = "\n        lea r11d, [rsp+4]", ""
        index = ".byte 0x8b, 0xc8\n        shr ecx, 0x10\n        "
    return f"""CpupReturnFromSimulatedCode: mov r8d, dword ptr [esp]
        mov dword ptr [r13+{area.eip:#x}], r8d{pop}
        mov dword ptr [r13+{area.esp:#x}], esp{early}
        mov rsp, qword ptr [r12+0x1480]
        and qword ptr [r12+0x1480], 0{late}
    TurboDispatchJumpAddressStart: {index}jmp qword ptr [r15+rcx*8]"""


def _no_turbo(area: Area, build: Build) -> str:
    """To wow64.dll: RDX is still the arguments' address where the stub puts it there."""
    arguments = "" if build.turbo_in_ecx else "\n        mov rdx, r11"
    return f"""TurboDispatchJumpAddressEnd:
    ServiceNoTurbo: mov dword ptr [r13+{area.esi:#x}], esi
        mov dword ptr [r13+{area.edi:#x}], edi
        mov dword ptr [r13+{area.ebx:#x}], ebx
        mov dword ptr [r13+{area.ebp:#x}], ebp
        pushfq
        pop rbx
        mov dword ptr [r13+{area.eflags:#x}], ebx
        mov ecx, eax{arguments}
        call qword ptr [__imp_Wow64SystemServiceEx]"""


def _reload_state(builder: ImageBuilder, area: Area, shift: int) -> None:
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
    load = LOADS
    four = f"{load[3, False]}\n{load[2, False]}\n{load[1, True]}\n{load[0, True]}"
    builder.code(
        f"Thunk4ArgSpSpNSpNSpReloadState: {four}\n{save}", 0x2AF4 + shift, RECONSTRUCTED, 0x2BBF - 0x2AF4
    )
    builder.code(
        f"""Thunk4ArgSpNSpNSpNSpReloadState: {load[3, False]}
        Thunk3ArgSpNSpNSpReloadState: {load[2, False]}
        {load[1, False]}
        {load[0, True]}
        Thunk0ArgReloadState: {save}""",
        0x2BBF + shift,
        RECONSTRUCTED,
        0x2C8A - 0x2BBF,
    )
    builder.code(
        f"Thunk2ArgNSpNSpReloadState: {load[1, False]}\n{load[0, False]}\n{save}",
        0x2C8A + shift,
        RECONSTRUCTED,
        0x2D4D - 0x2C8A,
    )
