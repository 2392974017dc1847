"""Locked and watched memory, and global blocks beyond allocating and freeing them.

Stands for KERNELBASE's functions (GlobalSize and its like: kernel32's). Source of the rules: their documentation
(learn.microsoft.com). Blocks never move: locking one gives its handle back, and counts nothing. Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations


def _lock(name: str, service: str) -> str:
    return f"""
proc {name}(lpAddress, dwSize)
    lea ecx, lpAddress
    invoke {service}, -1, ecx, addr dwSize, 1
    status
"""


def _block_functions(prefix: str) -> str:
    return f"""
proc {prefix}Lock(hMem)
    naked
    mov eax, hMem
    return

proc {prefix}Unlock(hMem)                   ; it is not locked any more
    invoke RtlSetLastWin32Error, 0
    return 0

proc {prefix}Handle(pMem)
    naked
    mov eax, pMem
    return

proc {prefix}Flags(hMem)
    naked
    return 0

proc {prefix}Size(hMem)
    mov eax, fs:[0x30]
    invoke RtlSizeHeap, [eax+0x18], 0, hMem
    cmp eax, -1
    jne L_return
    fail 6

proc {prefix}ReAlloc(hMem, uBytes, uFlags)
    test uFlags, 0x80                       ; MODIFY: only the attributes, of which there are none
    jnz L_same
    mov edx, uFlags
    and edx, 0x40                           ; ZEROINIT
    shr edx, 3                              ; HEAP_ZERO_MEMORY
    mov eax, fs:[0x30]
    invoke RtlReAllocateHeap, [eax+0x18], edx, hMem, uBytes
    test eax, eax
    jnz L_return
    fail 8
L_same:
    return hMem
"""


SOURCE = (
    """
module KERNELBASE

proc GetWriteWatch(dwFlags, lpBaseAddress, dwRegionSize, lpAddresses, lpdwCount, lpdwGranularity)
    invoke NtGetWriteWatch, -1, dwFlags, lpBaseAddress, dwRegionSize, lpAddresses, lpdwCount, lpdwGranularity
    onerror L_failed
    return 0
L_failed:
    invoke BaseSetLastNTError, eax
    return -1

proc ResetWriteWatch(lpBaseAddress, dwRegionSize)
    invoke NtResetWriteWatch, -1, lpBaseAddress, dwRegionSize
    onerror L_failed
    return 0
L_failed:
    invoke BaseSetLastNTError, eax
    return -1
"""
    + _lock("VirtualLock", "NtLockVirtualMemory")
    + _lock("VirtualUnlock", "NtUnlockVirtualMemory")
    + _block_functions("Local")
    + "module kernel32\n"
    + _block_functions("Global")
)

WITH = {
    "NtAllocateVirtualMemoryEx": """
module KERNELBASE

proc VirtualAlloc2(hProcess, lpAddress, dwSize, flAllocationType, flProtect, lpParameters, nParameters)
    mov ecx, hProcess
    test ecx, ecx
    jnz L_call
    or ecx, -1
L_call:
    lea edx, lpAddress
    invoke NtAllocateVirtualMemoryEx, ecx, edx, addr dwSize, flAllocationType, flProtect, lpParameters, nParameters
    onerror L_failed
    return lpAddress
L_failed:
    status
""",
    "NtMapViewOfSectionEx": """
module KERNELBASE

proc MapViewOfFile3(hMapping, hProcess, lpBase, low, high, dwSize, flType, flProtect, lpParameters, nParameters)
    mov edx, hProcess
    test edx, edx
    jnz L_call
    or edx, -1
L_call:
    lea ecx, low                            ; the offset, 64 bits by value
    mov hProcess, ecx
    lea ecx, lpBase
    invoke NtMapViewOfSectionEx, hMapping, edx, ecx, hProcess, addr dwSize, flType, flProtect, lpParameters, nParameters
    onerror L_failed
    return lpBase
L_failed:
    status
""",
    "NtUnmapViewOfSectionEx": """
module KERNELBASE

proc UnmapViewOfFileEx(lpBaseAddress, dwFlags)
    invoke NtUnmapViewOfSectionEx, -1, lpBaseAddress, dwFlags
    status
""",
}
"""What a build has whose kernel has the service."""
