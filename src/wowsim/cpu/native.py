"""The block recorder's machine code, one version per host ABI, and the memory it runs from.

The code appends the 4-byte id of each executed block to a ring and subtracts its instruction count from a
budget; whatever it cannot do (unknown block, full ring, spent budget) it hands to a Python function by a tail
jump. The bytes are constants; ``tests/cpu/test_native.py`` assembles :data:`SOURCES` and compares, and runs all
three under the engine itself.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys

STATE_FIELDS = ("table", "mask", "cursor", "end", "budget", "slow")
"""Eight bytes each: table address, index mask, where the next id goes, ring end, instructions left, slow path."""
ENTRY_SIZE = 16
"""u64 address, u16 size, u16 instructions, u32 id; open addressing, address 0 ends a probe."""

SOURCES = {
    "x86_64": """
        mov r8, [rcx]
        mov rax, rsi
        shr rax, 12
        xor rax, rsi
        and eax, dword ptr [rcx+8]
        shl rax, 4
        add rax, r8
    probe:
        cmp qword ptr [rax], rsi
        jne next
        cmp word ptr [rax+8], dx
        jne next
        mov r10, [rcx+16]
        cmp r10, [rcx+24]
        je slow
        movzx r9d, word ptr [rax+10]
        mov r11, [rcx+32]
        sub r11, r9
        js slow
        mov r9d, dword ptr [rax+12]
        mov [rcx+32], r11
        mov dword ptr [r10], r9d
        add r10, 4
        mov [rcx+16], r10
        ret
    next:
        cmp qword ptr [rax], 0
        je slow
        add rax, 16
        jmp probe
    slow:
        jmp qword ptr [rcx+40]
    """,
    "win64": """
        mov r10, [r9]
        mov rax, rdx
        shr rax, 12
        xor rax, rdx
        and eax, dword ptr [r9+8]
        shl rax, 4
        add rax, r10
    probe:
        cmp qword ptr [rax], rdx
        jne next
        cmp word ptr [rax+8], r8w
        jne next
        mov r10, [r9+16]
        cmp r10, [r9+24]
        je slow
        movzx r11d, word ptr [rax+10]
        sub r11, [r9+32]
        neg r11
        js slow
        mov [r9+32], r11
        mov eax, dword ptr [rax+12]
        mov dword ptr [r10], eax
        add r10, 4
        mov [r9+16], r10
        ret
    next:
        cmp qword ptr [rax], 0
        je slow
        add rax, 16
        jmp probe
    slow:
        jmp qword ptr [r9+40]
    """,
    "aarch64": """
        ldr x9, [x3]
        eor x10, x1, x1, lsr #12
        ldr w11, [x3, #8]
        and w10, w10, w11
        add x9, x9, x10, lsl #4
    probe:
        ldr x10, [x9]
        cmp x10, x1
        b.ne next
        ldrh w11, [x9, #8]
        cmp w11, w2
        b.ne next
        ldp x12, x13, [x3, #16]
        cmp x12, x13
        b.eq slow
        ldrh w11, [x9, #10]
        ldr x14, [x3, #32]
        subs x14, x14, x11
        b.mi slow
        ldr w11, [x9, #12]
        str x14, [x3, #32]
        str w11, [x12], #4
        str x12, [x3, #16]
        ret
    next:
        cbz x10, slow
        add x9, x9, #16
        b probe
    slow:
        ldr x9, [x3, #40]
        br x9
    """,
}
"""The callback ``(engine, u64 address, u32 size, state)`` in each ABI."""

CODE = {
    "x86_64": bytes.fromhex(
        "4c8b014889f048c1e80c4831f023410848c1e0044c01c0483930753266395008752c4c8b51104c3b5118742e440fb748"
        "0a4c8b59204d29cb7820448b480c4c89592045890a4983c2044c895110c34883380074064883c010ebbdff6128"
    ),
    "win64": bytes.fromhex(
        "4d8b114889d048c1e80c4831d04123410848c1e0044c01d048391075326644394008752b4d8b51104d3b5118742d440f"
        "b7580a4d2b592049f7db781f4d8959208b400c4189024983c2044d895110c34883380074064883c010ebbd41ff6128"
    ),
    "aarch64": bytes.fromhex(
        "690040f92a3041ca6b0840b94a010b0a29110a8b2a0140f95f0101eb010200542b1140797f01026ba10100546c3441a9"
        "9f010deba00100542b1540796e1040f9ce010beb240100542b0d40b96e1000f98b4500b86c0800f9c0035fd66a0000b4"
        "29410091ecffff17691440f920011fd6"
    ),
}


def host_abi() -> str | None:
    """Which of :data:`CODE` fits this host; None where none does."""
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        return "win64" if sys.platform == "win32" else "x86_64"
    return "aarch64" if machine in ("aarch64", "arm64") and sys.platform != "win32" else None


class ExecutableMemory:
    """One executable page holding ``code``.

    Raises:
        OSError: the host refuses executable memory.
    """

    def __init__(self, code: bytes) -> None:
        if sys.platform == "win32":
            kernel32 = ctypes.windll.kernel32
            kernel32.VirtualAlloc.restype = ctypes.c_void_p
            self.address = int(kernel32.VirtualAlloc(None, len(code), 0x3000, 0x40) or 0)
            if not self.address:
                raise OSError("the host refuses executable memory")
            ctypes.memmove(self.address, code, len(code))
            return
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._page[: len(code)] = code
        self._anchor = ctypes.c_char.from_buffer(self._page)
        self.address = ctypes.addressof(self._anchor)
