"""The WoW64 CPU area as wow64cpu's instructions address it, and what they do with it in every generation.

Offsets: wow64-facts section 3.3. Who may import it: the wow64cpu of each generation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.image.model import Provenance

if TYPE_CHECKING:
    from wowsim.image.synth import ImageBuilder


class Area:
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


def reload_registers(area: Area) -> str:
    """Loads of the registers that the fast return puts back, from the CPU area."""
    return f"""
        mov edi, dword ptr [r13+{area.edi:#x}]
        mov esi, dword ptr [r13+{area.esi:#x}]
        mov ebx, dword ptr [r13+{area.ebx:#x}]
        mov ebp, dword ptr [r13+{area.ebp:#x}]
        mov eax, dword ptr [r13+{area.eax:#x}]"""


def restore_xmm(area: Area) -> str:
    """The volatile XMM registers, which the slow return puts back too."""
    return "\n".join(f"movups xmm{i}, [r13+{area.xmm0 + 16 * i:#x}]" for i in range(6))


def iret_frame(area: Area) -> str:
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
    builder.code(f"CpupLeaveSimulation: mov rsp, rcx\nadd rsp, 0x68\n{pops}\nret", None, Provenance.OURS)
    builder.export("CpupLeaveSimulation")


def exports(builder: ImageBuilder, simulate: str) -> None:
    """What wow64.dll takes from every generation, and the two labels that are public (section 3.7)."""
    builder.export(simulate)
    _leave(builder, simulate)
    builder.export("TurboDispatchJumpAddressStart")
    builder.export("TurboDispatchJumpAddressEnd", "ServiceNoTurbo")
