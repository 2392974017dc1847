"""Turning the turbo thunks off: BTCpuProcessInit, which reads the switch, and BTCpuTurboThunkControl.

wow64-facts section 4: the static switch is WOW64INFO's Wow64ExecuteFlags.DisableTurboDispatch, read when the process
starts; the control points every entry of TurboThunkDispatch at ServiceNoTurbo and refuses to turn them on again. How
the real routines look is not published: the code is ours. Who may import it: the wow64cpu of each generation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.host64.link import load_teb64
from wowsim.host64.turbo_thunks import TURBO_NAMES
from wowsim.image.model import Provenance

if TYPE_CHECKING:
    from wowsim.host64.link import Linker
    from wowsim.image.synth import ImageBuilder

TLS_WOW64INFO = 0x1480 + 8 * 10
"""TEB64.TlsSlots[WOW64_TLS_WOW64INFO] (section 3.2)."""
EXECUTE_FLAGS = 8
"""Offset of Wow64ExecuteFlags in WOW64INFO (section 3.1)."""
DISABLE_TURBO_DISPATCH = 1 << 14
"""Behind StackReserveSize (8 bits), StackCommitSize (4), Deprecated0 and DisableWowAssert."""


def add_control(
    builder: ImageBuilder, linker: Linker, *, init: str, control: str, slot: int, protection: int
) -> None:
    """The two routines; ``init`` is exported.

    Args:
        builder: wow64cpu's.
        linker: where ntdll is.
        init: name of the routine that wow64.dll calls once a process.
        control: name of the routine that turns the thunks off: ECX must be 0.
        slot: RVA of the import slot of NtProtectVirtualMemory.
        protection: what the table's page is meanwhile.
    """
    linker.slot(builder, "ntdll", "NtProtectVirtualMemory", slot)
    builder.code(
        f"""{init}: sub rsp, 0x28
        {load_teb64("rcx")}
        mov rax, qword ptr [rcx+{TLS_WOW64INFO:#x}]
        test dword ptr [rax+{EXECUTE_FLAGS}], {DISABLE_TURBO_DISPATCH:#x}
        je L_turbo
        xor ecx, ecx
        call {control}
        add rsp, 0x28
        ret
    L_turbo: xor eax, eax
        add rsp, 0x28
        ret
    {control}: sub rsp, 0x48
        mov eax, 0xc00000bb
        test ecx, ecx
        jne L_out
        mov r9d, {protection:#x}
        call CpupProtectTurboThunks
        test eax, eax
        js L_out
        lea rcx, [TurboThunkDispatch]
        lea rdx, [ServiceNoTurbo]
        mov eax, {len(TURBO_NAMES) - 1}
    L_entry: mov qword ptr [rcx+rax*8], rdx
        dec eax
        jne L_entry
        mov r9d, dword ptr [rsp+0x40]
        call CpupProtectTurboThunks
    L_out: add rsp, 0x48
        ret
    CpupProtectTurboThunks: sub rsp, 0x38
        lea rax, [TurboThunkDispatch]
        mov qword ptr [rsp+0x68], rax
        mov qword ptr [rsp+0x70], {8 * len(TURBO_NAMES):#x}
        or rcx, -1
        lea rdx, [rsp+0x68]
        lea r8, [rsp+0x70]
        lea rax, [rsp+0x80]
        mov qword ptr [rsp+0x20], rax
        call qword ptr [__imp_NtProtectVirtualMemory]
        add rsp, 0x38
        ret""",
        None,
        Provenance.OURS,
    )
    builder.export(init)
