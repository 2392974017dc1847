"""Guest code of the heap: RtlAllocateHeap and its family down to ZwAllocateVirtualMemory.

Stands for the control flow of ntdll's heap routines; the search itself is in ``guest32.heap``.
Who may import it: ``guest32.ntdll32``.
"""

from __future__ import annotations

CODE = (
    """
RtlAllocateHeap:
    push ebp
    mov ebp, esp
    sub esp, 0x0c
L_again:
    trap heap.allocate
    test ecx, ecx
    jz L_done
    push edx
    push ecx
    lea eax, [ebp-4]
    push eax
    push 0
    lea eax, [ebp-8]
    push eax
    push -1
    call ZwAllocateVirtualMemory
    trap heap.grown
    test ecx, ecx
    jnz L_again
L_done:
    leave
    ret 0x0c
""",
    """
RtlFreeHeap:
    push ebp
    mov ebp, esp
    sub esp, 8
    trap heap.free
    test ecx, ecx
    jz L_done
    mov [ebp-8], ecx
    and dword ptr [ebp-4], 0
    push 0x8000
    lea eax, [ebp-4]
    push eax
    lea eax, [ebp-8]
    push eax
    push -1
    call ZwFreeVirtualMemory
    mov eax, 1
L_done:
    leave
    ret 0x0c
""",
    """
RtlReAllocateHeap:
    push ebp
    mov ebp, esp
    push esi
    push edi
    trap heap.reallocate
    test ecx, ecx
    jz L_done
    push edx
    push dword ptr [ebp+0x14]
    push dword ptr [ebp+0x0c]
    push dword ptr [ebp+8]
    call RtlAllocateHeap
    pop ecx
    test eax, eax
    jz L_done
    mov esi, [ebp+0x10]
    mov edi, eax
    rep movsb
    mov edi, eax
    push dword ptr [ebp+0x10]
    push 0
    push dword ptr [ebp+8]
    call RtlFreeHeap
    mov eax, edi
L_done:
    pop edi
    pop esi
    pop ebp
    ret 0x10
""",
    """
RtlCreateHeap:
    push ebp
    mov ebp, esp
    sub esp, 0x0c
    push esi
    trap heap.plan
    mov esi, edx
    push esi
    push 0x2000
    lea eax, [ebp-4]
    push eax
    push 0
    lea eax, [ebp-8]
    push eax
    push -1
    call ZwAllocateVirtualMemory
    test eax, eax
    js L_failed
    push esi
    push 0x1000
    lea eax, [ebp-0x0c]
    push eax
    push 0
    lea eax, [ebp-8]
    push eax
    push -1
    call ZwAllocateVirtualMemory
    test eax, eax
    js L_failed
    trap heap.create
    jmp L_done
L_failed:
    xor eax, eax
L_done:
    pop esi
    leave
    ret 0x18
""",
    """
RtlDestroyHeap:
    push ebp
    mov ebp, esp
    sub esp, 8
    push esi
L_next:
    trap heap.release
    test eax, eax
    mov eax, [ebp+8]
    jz L_done
    mov esi, ecx
    push 0x8000
    lea eax, [ebp-4]
    push eax
    lea eax, [ebp-8]
    push eax
    push -1
    call ZwFreeVirtualMemory
    test esi, esi
    jnz L_next
    xor eax, eax
L_done:
    pop esi
    leave
    ret 4
""",
)

LEAVES = {
    "RtlSizeHeap": ("heap.size", 3),
    "RtlValidateHeap": ("heap.validate", 3),
    "RtlGetProcessHeaps": ("heap.list", 2),
    "RtlSetHeapInformation": ("heap.information", 4),
}
"""Routines that are one trap: export -> routine and number of arguments."""

EXPORTS = ("RtlAllocateHeap", "RtlFreeHeap", "RtlReAllocateHeap", "RtlCreateHeap", "RtlDestroyHeap")
