"""Virtual memory and heaps: VirtualAlloc and its family, other processes' memory, heap and global blocks.

Stands for KERNELBASE's functions (HeapFree: kernel32's). Source of the rules: their documentation
(learn.microsoft.com); that WriteProcessMemory lifts an execute-only protection meanwhile is known
behaviour, unverified in detail. Moveable global blocks never move: their handle is their address. Who may
import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

FORWARDERS = {
    "HeapAlloc": "NTDLL.RtlAllocateHeap",
    "HeapReAlloc": "NTDLL.RtlReAllocateHeap",
    "HeapSize": "NTDLL.RtlSizeHeap",
}
"""Exports of KERNELBASE and kernel32 that are ntdll's (the documentation's signatures agree)."""


def _for_current_process(name: str, parameters: str) -> str:
    """VirtualX as VirtualXEx of the current process."""
    return f"proc {name}({parameters})\ninvoke {name}Ex, -1, {parameters}\n"


def _block_functions(prefix: str) -> str:
    return f"""
proc {prefix}Alloc(uFlags, uBytes)
    mov edx, uFlags
    and edx, 0x40                           ; ZEROINIT
    shr edx, 3                              ; HEAP_ZERO_MEMORY
    mov eax, fs:[0x30]
    invoke RtlAllocateHeap, [eax+0x18], edx, uBytes
    test eax, eax
    jnz L_return
    fail 8

proc {prefix}Free(hMem)
    mov eax, hMem
    test eax, eax
    jz L_return
    invoke BasepFree, eax
    test al, al
    jz L_handle
    return 0
L_handle:
    invoke BaseFail, 6
    return hMem
"""


SOURCE = (
    """
module KERNELBASE

proc VirtualAllocEx(hProcess, lpAddress, dwSize, flAllocationType, flProtect)
    mov eax, lpAddress
    test eax, eax
    jz L_call
    cmp eax, 0x10000                        ; the first 64 KB are nobody's
    jb L_parameter
L_call:
    lea ecx, lpAddress
    invoke NtAllocateVirtualMemory, hProcess, ecx, 0, addr dwSize, flAllocationType, flProtect
    onerror L_failed
    return lpAddress
L_failed:
    status
L_parameter:
    fail 87

proc VirtualFreeEx(hProcess, lpAddress, dwSize, dwFreeType)
    test dwFreeType, 0x8000                 ; MEM_RELEASE takes the whole
    jz L_call
    cmp dwSize, 0
    jne L_parameter
L_call:
    lea ecx, lpAddress
    invoke NtFreeVirtualMemory, hProcess, ecx, addr dwSize, dwFreeType
    status
L_parameter:
    fail 87

proc VirtualProtectEx(hProcess, lpAddress, dwSize, flNewProtect, lpflOldProtect)
    lea ecx, lpAddress
    invoke NtProtectVirtualMemory, hProcess, ecx, addr dwSize, flNewProtect, lpflOldProtect
    status

proc VirtualQueryEx(hProcess, lpAddress, lpBuffer, dwLength)
    local length
    invoke NtQueryVirtualMemory, hProcess, lpAddress, 0, lpBuffer, dwLength, addr length
    onerror L_failed
    return length
L_failed:
    status

proc ReadProcessMemory(hProcess, lpBaseAddress, lpBuffer, nSize, lpCount)
    local count
    invoke NtReadVirtualMemory, hProcess, lpBaseAddress, lpBuffer, nSize, addr count
    mov ecx, lpCount
    test ecx, ecx
    jz L_status
    mov edx, count
    mov [ecx], edx
L_status:
    status

proc FlushInstructionCache(hProcess, lpBaseAddress, dwSize)
    invoke NtFlushInstructionCache, hProcess, lpBaseAddress, dwSize
    status

routine BasepReprotect(process, address, size, protection, old)
    lea ecx, address
    invoke NtProtectVirtualMemory, process, ecx, addr size, protection, old
    return

proc WriteProcessMemory(hProcess, lpBaseAddress, lpBuffer, nSize, lpCount)
    uses esi
    local old, count
    lea ecx, old
    invoke BasepReprotect, hProcess, lpBaseAddress, nSize, 0x40, ecx
    onerror L_failed
    mov esi, 0xc0000005
    test old, 0x03                          ; NOACCESS and READONLY stay closed
    jnz L_restore
    and count, 0
    invoke NtWriteVirtualMemory, hProcess, lpBaseAddress, lpBuffer, nSize, addr count
    mov esi, eax
    mov ecx, lpCount
    test ecx, ecx
    jz L_restore
    mov eax, count
    mov [ecx], eax
L_restore:
    lea ecx, old
    invoke BasepReprotect, hProcess, lpBaseAddress, nSize, old, ecx
    invoke NtFlushInstructionCache, hProcess, lpBaseAddress, nSize
    mov eax, esi
L_failed:
    status

proc GetProcessHeap()
    naked
    mov eax, fs:[0x30]
    mov eax, [eax+0x18]
    return

proc HeapCreate(flOptions, dwInitialSize, dwMaximumSize)
    mov ecx, flOptions
    and ecx, 0x40005                        ; NO_SERIALIZE, GENERATE_EXCEPTIONS, CREATE_ENABLE_EXECUTE
    mov edx, dwMaximumSize
    cmp edx, 1
    sbb eax, eax
    and eax, 2                              ; no maximum: HEAP_GROWABLE
    or ecx, eax
    invoke RtlCreateHeap, ecx, 0, edx, dwInitialSize, 0, 0
    test eax, eax
    jnz L_return
    fail 8

proc HeapDestroy(hHeap)
    invoke RtlDestroyHeap, hHeap
    cmp eax, 1
    sbb eax, eax
    neg eax
    jnz L_return
    fail 6

module kernel32

proc HeapFree(hHeap, dwFlags, lpMem)
    invoke RtlFreeHeap, hHeap, dwFlags, lpMem
    movzx eax, al
    return

module KERNELBASE
"""
    + _for_current_process("VirtualAlloc", "lpAddress, dwSize, flAllocationType, flProtect")
    + _for_current_process("VirtualFree", "lpAddress, dwSize, dwFreeType")
    + _for_current_process("VirtualProtect", "lpAddress, dwSize, flNewProtect, lpflOldProtect")
    + _for_current_process("VirtualQuery", "lpAddress, lpBuffer, dwLength")
    + _block_functions("Local")
    + _block_functions("Global")
)
