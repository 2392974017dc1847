"""Guest code of the loader: from LdrInitializeThunk to ZwContinue, LdrLoadDll, LdrUnloadDll, process exit.

Stands for the control flow of ntdll's Ldr routines and keeps their names. Every Nt call is made here; the
traps (``guest32.loader``) say which DLL comes next, walk PE headers and write IATs. Routines called between
each other keep ESI on a frame (:mod:`wowsim.guest32.frame`) that holds all state of one load. Leaves out:
manifests and activation contexts, load configurations, DLL notifications. Who may import it:
``guest32.ntdll32``.

Sources: wow64-facts sections 3.8 (start) and 5 (dispatchers' stack layouts).
"""

from __future__ import annotations

from wowsim.guest32 import frame as f

STATUS_NO_MEMORY = 0xC0000017
STATUS_DLL_NOT_FOUND = 0xC0000135
STATUS_IMAGE_NOT_AT_BASE = 0x40000003
SAME_TEB_FLAGS, SKIP_THREAD_ATTACH = 0xFCA, 8
"""TEB.SameTebFlags: DbgSkipThreadAttach (phnt)."""

_ENTER = f"""
    push ebp
    mov ebp, esp
    sub esp, {f.SIZE:#x}
    push esi
    push edi
    lea esi, [ebp-{f.SIZE:#x}]
    and dword ptr [esi+{f.CONTEXT:#x}], 0
"""
_LOCK = """
    push LdrpLoaderLock
    call RtlEnterCriticalSection
"""
_UNLOCK = """
    push LdrpLoaderLock
    call RtlLeaveCriticalSection
"""
_LEAVE = """
    pop edi
    pop esi
    leave
"""
_HEAP = """
    mov eax, dword ptr fs:[0x18]
    mov eax, [eax+0x30]
    push dword ptr [eax+0x18]
"""

_START = (
    f"""
LdrInitializeThunk:
{_ENTER}
    mov eax, [ebp+8]
    mov [esi+{f.CONTEXT:#x}], eax
    mov eax, dword ptr fs:[0x18]
    mov eax, [eax+0x30]
    cmp dword ptr [eax+0x0c], 0
    jne L_thread
    call LdrpInitializeProcess
    jmp L_initialized
L_thread:
    call LdrpInitializeThread
L_initialized:
    test eax, eax
    js L_failed
    push 1
    push dword ptr [ebp+8]
    call ZwContinue
L_failed:
    push eax
    push -1
    call ZwTerminateProcess
    ud2
""",
    f"""
LdrpInitializeProcess:
    mov eax, PebLdr
    trap loader.begin
    push 0
    push 0
    push 0x10000
    push 0x100000
    push 0
    push 2
    call RtlCreateHeap
    test eax, eax
    jz L_no_memory
    mov ecx, dword ptr fs:[0x18]
    mov ecx, [ecx+0x30]
    mov [ecx+0x18], eax
L_own:
    trap loader.own
    test eax, eax
    jz L_kernel32
    call LdrpAllocate
    test eax, eax
    jz L_no_memory
    mov [esi+{f.ENTRY:#x}], eax
    trap loader.insert
    jmp L_own
L_kernel32:
    trap loader.kernel32
    call LdrpMapDll
    test eax, eax
    js L_done
    call LdrpLoadImports
    test eax, eax
    js L_done
    trap loader.program
    test eax, eax
    jz L_imports
    call LdrpProtectAndRelocateImage
    test eax, eax
    js L_done
L_imports:
    call LdrpLoadImports
    test eax, eax
    js L_done
    call LdrpPrepareModules
    test eax, eax
    js L_done
    trap loader.start
    test eax, eax
    js L_done
    call LdrpRunInitializeRoutines
    ret
L_no_memory:
    mov eax, {STATUS_NO_MEMORY:#x}
L_done:
    ret
""",
    f"""
LdrpInitializeThread:
    mov eax, dword ptr fs:[0x18]
    test byte ptr [eax+{SAME_TEB_FLAGS:#x}], {SKIP_THREAD_ATTACH}
    jnz L_skipped
{_LOCK}
    mov dword ptr [esi+{f.REASON:#x}], {f.THREAD_ATTACH}
    and dword ptr [esi+{f.INDEX:#x}], 0
    and dword ptr [esi+{f.ENTRY:#x}], 0
    call LdrpInitializeTls
    test eax, eax
    js L_done
    call LdrpRunInitializeRoutines
L_done:
    push eax
{_UNLOCK}
    pop eax
    ret
L_skipped:
    xor eax, eax
    ret
""",
    """
RtlUserThreadStart:
    mov [esp+4], eax
    mov [esp+8], ebx
    jmp _RtlUserThreadStart
_RtlUserThreadStart:
    push ebp
    mov ebp, esp
    push _except_handler
    push dword ptr fs:[0]
    mov dword ptr fs:[0], esp
    mov edx, [ebp+8]
    mov eax, [Kernel32ThreadInitThunkFunction]
    test eax, eax
    jz L_alone
    xor ecx, ecx
    push dword ptr [ebp+0x0c]
    call eax
    jmp L_exit
L_alone:
    push dword ptr [ebp+0x0c]
    call edx
L_exit:
    push eax
    call RtlExitUserThread
    ud2
""",
)

_LOAD = (
    f"""
LdrLoadDll:
{_ENTER}{_LOCK}
    trap loader.request
    test eax, eax
    js L_done
    call LdrpLoadDll
    test eax, eax
    js L_done
    mov ecx, [esi+{f.BASE:#x}]
    mov edx, [ebp+0x14]
    mov [edx], ecx
L_done:
    mov edi, eax
{_UNLOCK}
    mov eax, edi
{_LEAVE}
    ret 0x10
""",
    f"""
LdrpLoadDll:
    trap loader.find
    test eax, eax
    jnz L_loaded
    call LdrpMapDll
    test eax, eax
    js L_done
    mov eax, [esi+{f.ENTRY:#x}]
    mov [esi+{f.ROOT:#x}], eax
    call LdrpLoadImports
    test eax, eax
    js L_abandon
    call LdrpPrepareModules
    test eax, eax
    js L_abandon
    call LdrpRunInitializeRoutines
    test eax, eax
    js L_abandon
L_loaded:
    trap loader.base
L_done:
    ret
L_abandon:
    push eax
    trap loader.abandon
    call LdrpUnloadModules
    pop eax
    ret
""",
    """
LdrpPrepareModules:
    call LdrpSnapModules
    test eax, eax
    js L_done
    call LdrpInitializeTls
    test eax, eax
    js L_done
    trap loader.commit
L_done:
    ret
""",
    f"""
LdrpMapDll:
    and dword ptr [esi+{f.INDEX:#x}], 0
L_candidate:
    trap loader.candidate
    test eax, eax
    js L_done
    jz L_known
    call LdrpOpenFile
    test eax, eax
    js L_candidate
    call LdrpCreateDllSection
    test eax, eax
    js L_done
    jmp L_map
L_known:
    call LdrpFindKnownDll
    test eax, eax
    js L_candidate
L_map:
    call LdrpMapViewOfSection
    test eax, eax
    js L_done
    trap loader.entry_size
    test eax, eax
    js L_unmap
    call LdrpAllocate
    mov [esi+{f.ENTRY:#x}], eax
    test eax, eax
    mov eax, {STATUS_NO_MEMORY:#x}
    jz L_unmap
    trap loader.insert
    xor eax, eax
    cmp dword ptr [esi+{f.STATUS:#x}], {STATUS_IMAGE_NOT_AT_BASE:#x}
    jne L_done
    call LdrpProtectAndRelocateImage
    test eax, eax
    jns L_done
    push eax
    trap loader.remove
    push dword ptr [esi+{f.ENTRY:#x}]
    push 0
{_HEAP}
    call RtlFreeHeap
    pop eax
L_unmap:
    push eax
    push dword ptr [esi+{f.BASE:#x}]
    push -1
    call ZwUnmapViewOfSection
    pop eax
L_done:
    ret
""",
    f"""
LdrpFindKnownDll:
    lea eax, [esi+{f.OBJECT_ATTRIBUTES:#x}]
    push eax
    push 0x0e
    lea eax, [esi+{f.SECTION:#x}]
    push eax
    call ZwOpenSection
    ret
LdrpOpenFile:
    push 0x60
    push 5
    lea eax, [esi+{f.IO_STATUS:#x}]
    push eax
    lea eax, [esi+{f.OBJECT_ATTRIBUTES:#x}]
    push eax
    push 0x100021
    lea eax, [esi+{f.FILE:#x}]
    push eax
    call ZwOpenFile
    ret
LdrpCreateDllSection:
    push dword ptr [esi+{f.FILE:#x}]
    push 0x1000000
    push 0x10
    push 0
    push 0
    push 0x0f
    lea eax, [esi+{f.SECTION:#x}]
    push eax
    call ZwCreateSection
    push eax
    push dword ptr [esi+{f.FILE:#x}]
    call ZwClose
    pop eax
    ret
LdrpMapViewOfSection:
    and dword ptr [esi+{f.BASE:#x}], 0
    and dword ptr [esi+{f.VIEW_SIZE:#x}], 0
    push 4
    push 0
    push 1
    lea eax, [esi+{f.VIEW_SIZE:#x}]
    push eax
    push 0
    push 0
    push 0
    lea eax, [esi+{f.BASE:#x}]
    push eax
    push -1
    push dword ptr [esi+{f.SECTION:#x}]
    call ZwMapViewOfSection
    mov [esi+{f.STATUS:#x}], eax
    push dword ptr [esi+{f.SECTION:#x}]
    call ZwClose
    mov eax, [esi+{f.STATUS:#x}]
    ret
LdrpAllocate:
    push eax
    push 8
{_HEAP}
    call RtlAllocateHeap
    ret
""",
    f"""
LdrpProtectAndRelocateImage:
    mov dword ptr [esi+{f.MODE:#x}], {f.UNPROTECT_ALL}
    call LdrpSetProtection
    test eax, eax
    js L_done
    trap loader.relocate
    test eax, eax
    js L_done
    mov dword ptr [esi+{f.MODE:#x}], {f.PROTECT_ALL}
    call LdrpSetProtection
L_done:
    ret
LdrpSetProtection:
    and dword ptr [esi+{f.INDEX:#x}], 0
L_range:
    trap loader.protection
    test eax, eax
    jz L_set
    lea eax, [esi+{f.OLD_PROTECT:#x}]
    push eax
    push dword ptr [esi+{f.NEW_PROTECT:#x}]
    lea eax, [esi+{f.PROTECT_SIZE:#x}]
    push eax
    lea eax, [esi+{f.PROTECT_BASE:#x}]
    push eax
    push -1
    call ZwProtectVirtualMemory
    test eax, eax
    jns L_range
L_set:
    ret
""",
    """
LdrpLoadImports:
    trap loader.next_import
    test eax, eax
    jle L_done
    call LdrpMapDll
    test eax, eax
    jns LdrpLoadImports
    trap loader.not_loaded
    test eax, eax
    jns LdrpLoadImports
L_done:
    ret
""",
    f"""
LdrpSnapModules:
    trap loader.next_snap
    test eax, eax
    jle L_done
    mov dword ptr [esi+{f.MODE:#x}], {f.UNPROTECT_IAT}
    call LdrpSetProtection
    test eax, eax
    js L_done
    trap loader.snap
    test eax, eax
    js L_done
    mov dword ptr [esi+{f.MODE:#x}], {f.PROTECT_IAT}
    call LdrpSetProtection
    test eax, eax
    jns LdrpSnapModules
L_done:
    ret
""",
    f"""
LdrpInitializeTls:
    trap loader.next_tls
    test eax, eax
    jz L_done
    push ecx
    call LdrpAllocate
    mov [esi+{f.TLS_BLOCK:#x}], eax
    test eax, eax
    pop eax
    jz L_no_memory
    test eax, eax
    jz L_store
    call LdrpAllocate
    test eax, eax
    jz L_no_memory
L_store:
    mov [esi+{f.TLS_VECTOR:#x}], eax
    trap loader.tls
    test eax, eax
    jz LdrpInitializeTls
    push eax
    push 0
{_HEAP}
    call RtlFreeHeap
    jmp LdrpInitializeTls
L_no_memory:
    mov eax, {STATUS_NO_MEMORY:#x}
L_done:
    ret
""",
    f"""
LdrpRunInitializeRoutines:
    trap loader.next_call
    test eax, eax
    jz L_done
    call LdrpCallInitRoutine
    trap loader.called
    test eax, eax
    jns LdrpRunInitializeRoutines
L_done:
    ret
LdrpCallInitRoutine:
    push ebp
    mov ebp, esp
    push edx
    push dword ptr [esi+{f.REASON:#x}]
    push ecx
    call eax
    mov esp, ebp
    pop ebp
    ret
""",
)

_UNLOAD = (
    f"""
LdrUnloadDll:
{_ENTER}{_LOCK}
    trap loader.unload
    test eax, eax
    jle L_done
    call LdrpUnloadModules
    xor eax, eax
L_done:
    mov edi, eax
{_UNLOCK}
    mov eax, edi
{_LEAVE}
    ret 4
""",
    f"""
LdrpUnloadModules:
    push edi
    mov dword ptr [esi+{f.REASON:#x}], {f.PROCESS_DETACH}
    and dword ptr [esi+{f.ENTRY:#x}], 0
    call LdrpRunInitializeRoutines
L_next:
    trap loader.next_unmap
    test eax, eax
    jz L_done
    mov edi, eax
    push ecx
    push -1
    call ZwUnmapViewOfSection
    push edi
    push 0
{_HEAP}
    call RtlFreeHeap
    jmp L_next
L_done:
    pop edi
    ret
""",
    # the callbacks that FlsAlloc was given; PEB.FlsCallback is ours to lay out (see guest32.win32.tls)
    f"""
RtlProcessFlsData:
    push ebx
    push esi
    push edi
    mov esi, dword ptr fs:[0xfb4]
    test esi, esi
    jz L_none
    mov edi, dword ptr fs:[0x30]
    mov ebx, 1
L_slot:
    mov eax, [esi+ebx*4+8]
    test eax, eax
    jz L_next
    mov ecx, [edi+0x20c]
    test ecx, ecx
    jz L_next
    mov ecx, [ecx+ebx*4]
    test ecx, ecx
    jz L_next
    bt dword ptr [edi+0x21c], ebx
    jnc L_next
    and dword ptr [esi+ebx*4+8], 0
    push eax
    call ecx
L_next:
    inc ebx
    cmp ebx, 128
    jb L_slot
    and dword ptr fs:[0xfb4], 0
    push esi
    push 0
{_HEAP}
    call RtlFreeHeap
L_none:
    pop edi
    pop esi
    pop ebx
    ret
""",
    f"""
LdrShutdownProcess:
{_ENTER}
    call RtlProcessFlsData
    trap loader.shutdown
    test eax, eax
    jz L_done
    call LdrpRunInitializeRoutines
L_done:
{_LEAVE}
    ret
LdrShutdownThread:
{_ENTER}{_LOCK}
    call RtlProcessFlsData
    mov dword ptr [esi+{f.REASON:#x}], {f.THREAD_DETACH}
    and dword ptr [esi+{f.INDEX:#x}], 0
    and dword ptr [esi+{f.ENTRY:#x}], 0
    call LdrpRunInitializeRoutines
L_block:
    trap loader.release_tls
    test eax, eax
    jz L_released
    push eax
    push 0
{_HEAP}
    call RtlFreeHeap
    jmp L_block
L_released:
{_UNLOCK}
{_LEAVE}
    ret
""",
    f"""
RtlExitUserProcess:
    push ebp
    mov ebp, esp
{_LOCK}
    push dword ptr [ebp+8]
    push 0
    call ZwTerminateProcess
    call LdrShutdownProcess
    push dword ptr [ebp+8]
    push -1
    call ZwTerminateProcess
    ud2
RtlExitUserThread:
    push ebp
    mov ebp, esp
    push 0
    lea eax, [ebp-4]
    push 0
    push 4
    push eax
    push 0x0c
    push -2
    call ZwQueryInformationThread
    test eax, eax
    js L_thread
    cmp dword ptr [ebp-4], 0
    je L_thread
    push dword ptr [ebp+8]
    call RtlExitUserProcess
L_thread:
    call LdrShutdownThread
    push dword ptr [ebp+8]
    push -2
    call ZwTerminateThread
    ud2
""",
    f"""
LdrGetProcedureAddress:
{_ENTER}
L_again:
    trap loader.procedure
    cmp eax, 1
    jne L_done
{_LOCK}
    call LdrpLoadDll
    mov edi, eax
{_UNLOCK}
    mov eax, edi
    test eax, eax
    jns L_again
L_done:
{_LEAVE}
    ret 0x10
""",
)

_DISPATCHERS = (
    """
KiUserApcDispatcher:
    lea edi, [esp+0x14]
    pop eax
    call eax
    push dword ptr [edi-4]
    push edi
    call ZwContinue
    push eax
    push -1
    call ZwTerminateProcess
    ud2
RtlDispatchAPC:
    push dword ptr [esp+8]
    call dword ptr [esp+8]
    ret 0x0c
KiUserCallbackDispatcher:
    add esp, 4
    pop edx
    mov eax, dword ptr fs:[0x18]
    mov eax, [eax+0x30]
    mov eax, [eax+0x2c]
    call dword ptr [eax+edx*4]
    push eax
    push 0
    push 0
    call ZwCallbackReturn
    ud2
""",
)

CODE = (*_START, *_LOAD, *_UNLOAD, *_DISPATCHERS)

EXPORTS = (
    "LdrInitializeThunk",
    "RtlUserThreadStart",
    "KiUserApcDispatcher",
    "RtlDispatchAPC",
    "KiUserCallbackDispatcher",
    "LdrLoadDll",
    "LdrUnloadDll",
    "LdrGetProcedureAddress",
    "LdrShutdownProcess",
    "LdrShutdownThread",
    "RtlExitUserProcess",
    "RtlExitUserThread",
)
