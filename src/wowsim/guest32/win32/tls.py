"""Thread and fiber local storage.

Stands for KERNELBASE's functions. The bitmaps lie in PEB32, the slots in TEB32 (offsets: wow64-facts
section 9; the Fls fields and the expansion slots: phnt's PEB and TEB). TlsAlloc gives out the 64 slots of
the TEB and then 1,024 of a table that each thread gets when it first needs it ("Thread Local Storage",
learn.microsoft.com). Fls callbacks run at FlsFree and, by ntdll, at the end of a thread. Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations

SOURCE = """
module KERNELBASE

routine BasepTlsExpansion()                 ; TEB.TlsExpansionSlots, allocated if it is not there
    mov eax, fs:[0xf94]
    test eax, eax
    jnz L_return
    invoke BasepZeroed, 4096
    mov fs:[0xf94], eax
    return

proc TlsAlloc()
    mov edx, fs:[0x30]
    xor ecx, ecx
L_next:
    lock bts dword ptr [edx+0x44], ecx      ; PEB.TlsBitmapBits
    jnc L_found
    inc ecx
    cmp ecx, 64
    jb L_next
    invoke BasepTlsExpansion
    onzero L_memory
    mov edx, fs:[0x30]
    xor ecx, ecx
L_next_expansion:
    lock bts dword ptr [edx+0x154], ecx     ; PEB.TlsExpansionBitmapBits
    jnc L_expansion
    inc ecx
    cmp ecx, 1024
    jb L_next_expansion
    invoke BaseFail, 259                    ; ERROR_NO_MORE_ITEMS
    return -1
L_memory:
    invoke BaseFail, 8
    return -1
L_expansion:
    and dword ptr [eax+ecx*4], 0
    lea eax, [ecx+64]
    return
L_found:
    mov eax, fs:[0x18]
    and dword ptr [eax+ecx*4+0xe10], 0
    mov eax, ecx
    return

proc TlsFree(dwTlsIndex)
    uses esi edi
    mov esi, fs:[0x30]
    mov edi, dwTlsIndex
    add esi, 0x44
    cmp edi, 64
    jb L_free
    sub edi, 64
    add esi, 0x110                          ; the expansion's bits at +154
    cmp edi, 1024
    jae L_parameter
L_free:
    bt dword ptr [esi], edi
    jnc L_parameter
    invoke NtSetInformationThread, -2, 10, addr dwTlsIndex, 4
    onerror L_failed
    lock btr dword ptr [esi], edi
    return 1
L_failed:
    status
L_parameter:
    fail 87

proc TlsGetValue(dwTlsIndex)
    naked
    mov eax, fs:[0x18]
    mov ecx, dwTlsIndex
    cmp ecx, 1088
    jae L_parameter
    and dword ptr [eax+0x34], 0             ; 0 may be the value: the last error tells
    cmp ecx, 64
    jae L_expansion
    mov eax, [eax+ecx*4+0xe10]
    return
L_expansion:
    mov eax, [eax+0xf94]
    test eax, eax
    jz L_none
    mov eax, [eax+ecx*4-256]
L_none:
    return
L_parameter:
    mov dword ptr [eax+0x34], 87
    return 0

proc TlsSetValue(dwTlsIndex, lpTlsValue)
    mov eax, fs:[0x18]
    mov ecx, dwTlsIndex
    cmp ecx, 64
    jae L_expansion
    mov edx, lpTlsValue
    mov [eax+ecx*4+0xe10], edx
    return 1
L_expansion:
    cmp ecx, 1088
    jae L_parameter
    invoke BasepTlsExpansion
    onzero L_memory
    mov ecx, dwTlsIndex
    mov edx, lpTlsValue
    mov [eax+ecx*4-256], edx
    return 1
L_memory:
    fail 8
L_parameter:
    fail 87

routine BasepZeroed(bytes)
    mov eax, fs:[0x30]
    invoke RtlAllocateHeap, [eax+0x18], 8, bytes
    return

proc FlsAlloc(lpCallback)
    uses esi
    mov esi, fs:[0x30]
    cmp dword ptr [esi+0x20c], 0            ; PEB.FlsCallback: our array of callbacks
    jne L_search
    invoke BasepZeroed, 512
    onzero L_memory
    mov [esi+0x20c], eax
L_search:
    mov ecx, 1                              ; index 0 is never given out
L_next:
    lock bts dword ptr [esi+0x21c], ecx     ; PEB.FlsBitmapBits
    jnc L_found
    inc ecx
    cmp ecx, 128
    jb L_next
L_memory:
    invoke BaseFail, 8
    return -1
L_found:
    mov edx, [esi+0x20c]
    mov eax, lpCallback
    mov [edx+ecx*4], eax
    mov edx, fs:[0xfb4]
    mov eax, ecx
    test edx, edx
    jz L_return
    and dword ptr [edx+ecx*4+8], 0
    return

proc FlsFree(dwFlsIndex)
    mov ecx, dwFlsIndex
    lea eax, [ecx-1]
    cmp eax, 127
    jae L_parameter
    mov edx, fs:[0x30]
    lock btr dword ptr [edx+0x21c], ecx
    jnc L_parameter
    mov edx, [edx+0x20c]
    mov edx, [edx+ecx*4]
    mov eax, fs:[0xfb4]
    test eax, eax
    jz L_done
    push dword ptr [eax+ecx*4+8]
    and dword ptr [eax+ecx*4+8], 0
    pop eax
    test eax, eax
    jz L_done
    test edx, edx
    jz L_done
    push eax
    call edx
L_done:
    return 1
L_parameter:
    fail 87

proc FlsGetValue(dwFlsIndex)
    mov ecx, dwFlsIndex
    lea eax, [ecx-1]
    cmp eax, 127
    jae L_parameter
    mov edx, fs:[0x18]
    and dword ptr [edx+0x34], 0
    mov eax, [edx+0xfb4]
    test eax, eax
    jz L_return
    mov eax, [eax+ecx*4+8]
    return
L_parameter:
    fail 87

proc FlsSetValue(dwFlsIndex, lpFlsData)
    mov ecx, dwFlsIndex
    lea eax, [ecx-1]
    cmp eax, 127
    jae L_parameter
    mov eax, fs:[0xfb4]
    test eax, eax
    jnz L_set
    invoke BasepZeroed, 520                 ; two links, 128 values
    onzero L_memory
    mov fs:[0xfb4], eax
    mov ecx, dwFlsIndex
L_set:
    mov edx, lpFlsData
    mov [eax+ecx*4+8], edx
    return 1
L_memory:
    fail 8
L_parameter:
    fail 87
"""
