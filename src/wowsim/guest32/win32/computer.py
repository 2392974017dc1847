r"""What the computer is like: its memory, its name.

Stands for KERNELBASE's and kernel32's functions. Source of the rules: their documentation (learn.microsoft.com); the
name is the registry's (Control\ComputerName\ActiveComputerName). Windows takes a
count it keeps for the process from the size of its address space (unverified); here the free regions are added up. Who
may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations


def _in_bytes(at: int) -> str:
    """Store the number of pages in EAX as bytes."""
    return f"mul basic[8]\nmov [edi+{at}], eax\nmov [edi+{at + 4}], edx\n"


SOURCE = rf"""
module KERNELBASE

routine BasepFreeAddresses(first, last)     ; bytes of address space that nothing takes
    uses esi edi
    local region[28]
    mov esi, first
    xor edi, edi
L_next:
    invoke NtQueryVirtualMemory, -1, esi, 0, addr region, 28, 0
    onerror L_done
    mov esi, region
    mov eax, region[12]
    add esi, eax
    cmp region[16], 0x10000                 ; MEM_FREE
    jne L_end
    add edi, eax
L_end:
    cmp esi, last
    jbe L_next
L_done:
    return edi

proc GlobalMemoryStatusEx(lpBuffer)
    uses esi edi
    local basic[44], counts[0x138]
    mov edi, lpBuffer
    cmp dword ptr [edi], 64
    jne L_parameter
    invoke NtQuerySystemInformation, 0, addr basic, 44, 0
    onerror L_failed
    invoke NtQuerySystemInformation, 2, addr counts, 0x138, 0
    onerror L_failed
    mov eax, basic[12]
    {_in_bytes(8)}
    mov eax, counts[44]
    {_in_bytes(16)}
    mov eax, counts[52]
    {_in_bytes(24)}
    mov eax, counts[52]
    sub eax, counts[48]                     ; the limit without what is committed
    {_in_bytes(32)}
    mov eax, basic[32]                      ; MaximumUserModeAddress
    inc eax
    sub eax, basic[28]
    mov [edi+40], eax
    and dword ptr [edi+44], 0
    invoke BasepFreeAddresses, basic[28], basic[32]
    mov [edi+48], eax
    and dword ptr [edi+52], 0
    and dword ptr [edi+56], 0
    and dword ptr [edi+60], 0
    mov eax, basic[12]
    sub eax, counts[44]
    mov ecx, 100
    mul ecx
    div basic[12]
    mov [edi+4], eax
    return 1
L_parameter:
    fail 87
L_failed:
    status

module kernel32

proc GlobalMemoryStatus(lpBuffer)           ; 32 bits: a program that knows no large addresses sees 2 GB at most
    uses esi edi ebx
    local found[64]
    mov found, 64
    invoke GlobalMemoryStatusEx, addr found
    onzero L_return
    mov eax, fs:[0x30]
    invoke RtlImageNtHeader, [eax+8]
    or ebx, -1
    test byte ptr [eax+0x16], 0x20          ; IMAGE_FILE_LARGE_ADDRESS_AWARE
    jnz L_copy
    shr ebx, 1
L_copy:
    mov edi, lpBuffer
    mov dword ptr [edi], 32
    mov eax, found[4]
    mov [edi+4], eax
    add edi, 8
    lea esi, found[8]
    mov ecx, 6
L_next:
    lodsd
    mov edx, eax
    lodsd
    test eax, eax
    jnz L_most
    cmp edx, ebx
    jbe L_store
L_most:
    mov edx, ebx
L_store:
    mov [edi], edx
    add edi, 4
    dec ecx
    jnz L_next
    return

text BasepComputerNameKey \Registry\Machine\System\CurrentControlSet\Control\ComputerName\ActiveComputerName
text BasepComputerName ComputerName

routine BasepActiveComputerName(block)      ; 76 bytes: KEY_VALUE_PARTIAL_INFORMATION; its characters
    uses esi
    local attributes[24], name[8], key, length
    lea ecx, [BasepComputerNameKey]
    invoke RtlInitUnicodeString, addr name, ecx
    mov attributes, 24
    and attributes[4], 0
    lea eax, name
    mov attributes[8], eax
    mov attributes[12], 0x40
    and attributes[16], 0
    and attributes[20], 0
    lea ecx, attributes
    invoke NtOpenKey, addr key, 1, ecx
    onerror L_failed
    lea ecx, [BasepComputerName]
    invoke RtlInitUnicodeString, addr name, ecx
    lea ecx, name
    lea edx, length
    invoke NtQueryValueKey, key, ecx, 2, block, 76, edx
    mov esi, eax
    invoke NtClose, key
    mov eax, esi
    onerror L_failed
    mov ecx, block
    mov eax, [ecx+8]
    shr eax, 1
    dec eax                                 ; without the NUL
    return
L_failed:
    status

routine BasepNameSize(chars, size)          ; whether a name fits; how long it is, or what it takes
    mov eax, chars
    mov ecx, size
    cmp eax, [ecx]
    jae L_small
    mov [ecx], eax
    return 1
L_small:
    inc eax
    mov [ecx], eax
    fail 111                                ; ERROR_BUFFER_OVERFLOW

proc GetComputerNameW(lpBuffer, nSize)
    uses esi edi
    local block[76]
    invoke BasepActiveComputerName, addr block
    onzero L_return
    mov esi, eax
    invoke BasepNameSize, esi, nSize
    onzero L_return
    lea ecx, [esi+1]
    lea edx, block[12]
    invoke BasepReturnWide, edx, esi, lpBuffer, ecx
    return 1

proc GetComputerNameA(lpBuffer, nSize)
    uses esi
    local block[76]
    invoke BasepActiveComputerName, addr block
    onzero L_return
    mov esi, eax
    invoke BasepNameSize, esi, nSize
    onzero L_return
    lea ecx, [esi+1]
    lea edx, block[12]
    invoke BasepReturnAnsi, edx, esi, lpBuffer, ecx
    return 1
"""
