"""The process that shellcode runs in: a host program without code of its own, and the code at a fixed place."""

from __future__ import annotations

from dataclasses import replace

from wowsim.image.model import Image
from wowsim.image.synth import ImageBuilder, assemble

_HOST_BASE, _ENTRY = 0x400000, 0x1000
_PROGRAM = 0x103
"""Characteristics: relocations stripped, executable, 32-bit machine."""
_GATE64 = """
    push ebp
    mov ebp, esp
    and esp, 0xfffffff0
    push 0x33
    call L_next
L_next: add dword ptr [esp], 5
    retf
"""
_BACK64 = """
    sub rsp, 0x20
    call L_code
    add rsp, 0x20
    call L_next
L_next: mov dword ptr [rsp+4], 0x23
    add dword ptr [rsp], 0xd
    retf
L_code:
"""


def host_image() -> Image:
    """A tiny program whose process the shellcode runs in; its entry point is never reached."""
    builder = ImageBuilder("shellhost", "shellcode.exe", "C:\\app\\shellcode.exe", 32, _HOST_BASE, 0x3000)
    builder.section(".text", 0x1000, 0x1000, executable=True)
    builder.code("start: xor eax, eax\nret")
    image = builder.build()
    contents = bytearray(image.contents)
    new_header = int.from_bytes(contents[0x3C:0x40], "little")
    # the builder makes DLLs; a real loader reads the headers of its program
    contents[new_header + 22 : new_header + 24] = _PROGRAM.to_bytes(2, "little")
    contents[new_header + 40 : new_header + 44] = _ENTRY.to_bytes(4, "little")
    return replace(
        image,
        contents=bytes(contents),
        entry=_ENTRY,
        system=False,
        is_dll=False,
        stack_reserve=0x100000,
        stack_commit=0x10000,
    )


def shellcode_image(code: bytes, bits: int, base: int) -> Image:
    """The code as a module named ``shellcode``; 64-bit code is called behind a gate."""
    if bits == 64:
        # 32-bit entry, 64-bit call of the code, 32-bit return (wow64-facts section 12)
        front = assemble(_GATE64, 32, base)
        middle = assemble(_BACK64, 64, base + len(front))
        end = assemble("mov esp, ebp\npop ebp\nret", 32)
        # the way back lands behind its own retf, where the 32-bit end must stand
        back_end = middle.rindex(b"\xcb") + 1
        code = front + middle[:back_end] + end + code
        code = _patched_call(code, len(front), back_end, len(end))
    size = (len(code) + 0xFFF) & ~0xFFF
    return Image(
        name="shellcode", file_name="shellcode", path="shellcode", bits=32, base=base,
        contents=code + bytes(size - len(code)),
    )  # fmt: skip


def _patched_call(code: bytes, front: int, middle: int, end: int) -> bytes:
    """The call of the 64-bit code: it stands 4 bytes into the middle part and reaches behind the end part."""
    at = front + 4
    target = front + middle + end
    assert code[at] == 0xE8, "sub rsp, 20h takes four bytes"
    return code[: at + 1] + (target - (at + 5)).to_bytes(4, "little") + code[at + 5 :]
