"""The turbo thunks of every wow64cpu: services that go to the kernel without wow64.dll (wow64-facts section 4).

The Windows 7 argument thunks fall through into one another; loading each argument with the shortest encoding
reproduces every published RVA exactly, which the image builder checks. Service bodies whose code is not published
(file, wait and ReloadState thunks) are ours. Who may import it: the wow64cpu of each generation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.host64.cpu_area import Area
    from wowsim.image.model import Image

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

LOADS = {
    (0, False): "mov r10d, dword ptr [r11]",
    (0, True): "movsxd r10, dword ptr [r11]",
    (1, False): "mov edx, dword ptr [r11+4]",
    (1, True): "movsxd rdx, dword ptr [r11+4]",
    (2, False): "mov r8d, dword ptr [r11+8]",
    (2, True): "movsxd r8, dword ptr [r11+8]",
    (3, False): "mov r9d, dword ptr [r11+0xc]",
}

# (labels that start before the load of argument n) per fall-through chain, last argument first
CHAINS = (
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


def argument_thunks() -> str:
    """The seven fall-through chains in the order of the build, ending in Thunk0Arg."""
    lines = []
    for number, chain in enumerate(CHAINS):
        for index, sign, label in chain:
            lines.append((f"{label}: " if label else "") + LOADS[index, sign])
        if number < len(CHAINS) - 1:
            lines.append(".byte 0xeb\n.byte Thunk0Arg - . - 1")  # the build's two-byte jump
    return "\n".join(lines)


FAULTS = (
    "QuerySystemTime",
    "WaitForMultipleObjects",
    "ReadWriteFile",
    "DeviceIoctlFile",
    "RemoveIoCompletion",
)
"""Thunks that follow pointers of the program: a fault between NAME and NAMEFault goes on there with its status in EAX.

``ReadWriteFileFault`` is a label of the real wow64cpu (section 4); the others are named like it."""


def special_thunks(area: Area, done: str) -> dict[str, str]:
    """Thunks that do more than load arguments. All are ours; the marshalling is that of section 6.

    Args:
        area: CPU area offsets.
        done: where a thunk continues with the status in EAX.
    """
    return {
        "GetCurrentProcessorNumber": f"mov ecx, 0x53\nlsl eax, ecx\nshr eax, 14\njmp {done}",
        "QuerySystemTime": _system_time(done),
        "WaitForMultipleObjects": "jmp G_waits",
        "WaitForMultipleObjects32": "\nG_waits:" + _waits(done),
        "ReadWriteFile": _file("ReadWriteFile", (0x14, 0x18, 0x1C, 0x20), done),
        "DeviceIoctlFile": _file("DeviceIoctlFile", (0x14, 0x18, 0x1C, 0x20, 0x24), done),
        "RemoveIoCompletion": _completion(done),
    }


def _system_time(done: str) -> str:
    """KUSER_SHARED_DATA.SystemTime, read until both high parts agree."""
    return f"""
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
    QuerySystemTimeFault: jmp {done}"""


def _file(name: str, slots: tuple[int, ...], done: str) -> str:
    """Services with (file, event, APC routine, APC context, IO_STATUS_BLOCK, ...); an APC is wow64.dll's business.

    The 64-bit IO_STATUS_BLOCK points to the 32-bit one until the service is over (section 6). The program's must be
    writable before the file changes, as the kernel would probe it.
    """
    rest = "".join(
        f"\nmov ecx, dword ptr [r11+{slot:#x}]\nmov qword ptr [rsp+{0x28 + 8 * i:#x}], rcx"
        for i, slot in enumerate(slots)
    )
    return f"""
        sub rsp, 0x80
        cmp dword ptr [r11+8], 0
        jne L_apc_NAME
        movsxd r10, dword ptr [r11]
        movsxd rdx, dword ptr [r11+4]
        xor r8d, r8d
        mov r9d, dword ptr [r11+0xc]
        mov ecx, dword ptr [r11+0x10]
        mov dword ptr [rsp+0x78], ecx
        test ecx, ecx
        je L_null_NAME
        lock add dword ptr [rcx], 0
        lock add dword ptr [rcx+4], 0
        mov qword ptr [rsp+0x60], rcx
        lea rcx, [rsp+0x60]
    L_null_NAME:
        mov qword ptr [rsp+0x20], rcx{rest}
        call CpupSyscallStub
        mov rdx, qword ptr [rsp+0x60]
        mov ecx, dword ptr [rsp+0x78]
        jrcxz NAMEFault
        cmp rdx, rcx
        je NAMEFault
        mov dword ptr [rcx], edx
        mov edx, dword ptr [rsp+0x68]
        mov dword ptr [rcx+4], edx
    NAMEFault:
        add rsp, 0x80
        jmp {done}
    L_apc_NAME:
        add rsp, 0x80
        jmp ServiceNoTurbo""".replace("NAME", name)


def _waits(done: str) -> str:
    """The array of handles, widened on the 64-bit stack; MAXIMUM_WAIT_OBJECTS is 64."""
    return f"""
        sub rsp, 0x240
        mov ecx, dword ptr [r11]
        cmp ecx, 64
        ja L_many
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
    WaitForMultipleObjectsFault:
        add rsp, 0x240
        jmp {done}
    L_many:
        add rsp, 0x240
        jmp ServiceNoTurbo"""


def _completion(done: str) -> str:
    """NtRemoveIoCompletion: two pointers and an IO_STATUS_BLOCK come back narrowed."""
    outputs = "\n".join(
        f"mov ecx, dword ptr [r11+{slot:#x}]\nmov dword ptr [rsp+{kept:#x}], ecx\nlea {register}, [rsp+{at:#x}]\n"
        f"test ecx, ecx\ncmove {register}, rcx"
        for slot, kept, register, at in (
            (4, 0x60, "rdx", 0x40),
            (8, 0x64, "r8", 0x48),
            (0xC, 0x68, "r9", 0x50),
        )
    )
    back = "\n".join(
        f"mov ecx, dword ptr [rsp+{kept:#x}]\nmov edx, dword ptr [rsp+{at:#x}]\nmov dword ptr [rcx{offset}], edx"
        for kept, at, offset in ((0x60, 0x40, ""), (0x64, 0x48, ""), (0x68, 0x50, ""), (0x68, 0x58, "+4"))
    )
    return f"""
        sub rsp, 0x80
        movsxd r10, dword ptr [r11]
        {outputs}
        mov ecx, dword ptr [r11+0x10]
        mov qword ptr [rsp+0x20], rcx
        call CpupSyscallStub
        test eax, eax
        jne RemoveIoCompletionFault
        {back}
    RemoveIoCompletionFault:
        add rsp, 0x80
        jmp {done}"""


def fault_places(image: Image) -> list[tuple[int, int]]:
    """RVAs of each of :data:`FAULTS`: where it begins and where a fault in it goes on."""
    places = {name: rva for rva, name in image.symbols.items()}
    return [(places[name], places[f"{name}Fault"]) for name in FAULTS]
