r"""Pipes: named ones, and the pair of handles that CreatePipe makes.

Stands for KERNELBASE's functions (the A functions: kernel32's). Source of the rules: their documentation
(learn.microsoft.com). CreatePipe makes a pipe without a name below ``\Device\NamedPipe\``, on Windows XP too, whose own
ones have names (unverified). Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi

_CREATE = (
    "lpName, dwOpenMode, dwPipeMode, nMaxInstances, nOutBufferSize, nInBufferSize,"
    " nDefaultTimeOut, lpSecurityAttributes"
)

_LISTEN, _DISCONNECT, _PEEK, _WAIT = 0x110008, 0x110004, 0x11400C, 0x110018

_ANONYMOUS = r"""
module KERNELBASE

text BasepNamedPipes \Device\NamedPipe\

; OBJECT_ATTRIBUTES followed by a UNICODE_STRING: name, which may be empty, below a directory.
routine BasepPipeAttributes(block, root, name, security)
    uses esi
    mov esi, block
    mov dword ptr [esi], 24
    mov eax, root
    mov [esi+4], eax
    lea eax, [esi+24]
    mov [esi+8], eax
    mov dword ptr [esi+12], 0x40            ; OBJ_CASE_INSENSITIVE
    and dword ptr [esi+16], 0
    and dword ptr [esi+20], 0
    invoke RtlInitUnicodeString, eax, name
    mov ecx, security
    test ecx, ecx
    jz L_done
    mov eax, [ecx+4]
    mov [esi+16], eax
    cmp dword ptr [ecx+8], 0
    je L_done
    or dword ptr [esi+12], 2                ; OBJ_INHERIT
L_done:
    return

routine BasepOpenPipes(handle)              ; the device's root, in which pipes are
    local block[32], iosb[8]
    lea ecx, [BasepNamedPipes]
    lea edx, block
    invoke BasepPipeAttributes, edx, 0, ecx, 0
    lea ecx, iosb
    invoke NtOpenFile, handle, 0x80100000, addr block, ecx, 3, 0x20
    return

proc CreatePipe(hReadPipe, hWritePipe, lpPipeAttributes, nSize)
    uses esi
    local block[32], iosb[8], timeout[8], root, reading, writing
    mov timeout, 0xb8797400                 ; two minutes, which nobody waits
    mov timeout[4], -1
    cmp nSize, 0
    jne L_size
    mov nSize, 4096
L_size:
    invoke BasepOpenPipes, addr root
    onerror L_failed
    invoke BasepPipeAttributes, addr block, root, 0, lpPipeAttributes
    lea ecx, block
    lea edx, iosb
    invoke NtCreateNamedPipeFile, addr reading, 0x80100100, ecx, edx, 2, 2, 0x20, 0, 0, 0, 1, nSize, nSize, addr timeout
    mov esi, eax
    invoke NtClose, root
    mov eax, esi
    onerror L_failed
    invoke BasepPipeAttributes, addr block, reading, 0, lpPipeAttributes
    lea ecx, block
    lea edx, iosb
    invoke NtOpenFile, addr writing, 0x40100080, ecx, edx, 1, 0x60
    onerror L_half
    mov ecx, hReadPipe
    mov eax, reading
    mov [ecx], eax
    mov ecx, hWritePipe
    mov eax, writing
    mov [ecx], eax
    return 1
L_half:
    mov esi, eax
    invoke NtClose, reading
    mov eax, esi
L_failed:
    status
"""

_NAMED = rf"""
routine BasepPipeTimeOut(value, milliseconds)  ; 0 keeps what is there
    mov ecx, value
    mov eax, milliseconds
    test eax, eax
    jz L_return
    cmp eax, -1                             ; NMPWAIT_WAIT_FOREVER
    je L_forever
    mov edx, 10000
    mul edx
    neg eax
    adc edx, 0
    neg edx
    mov [ecx], eax
    mov [ecx+4], edx
    return
L_forever:
    and dword ptr [ecx], 0
    mov dword ptr [ecx+4], 0x80000000
    return

proc CreateNamedPipeW({_CREATE})
    uses esi edi ebx
    local block[32], iosb[8], timeout[8], handle
    mov eax, nMaxInstances
    test eax, eax
    jz L_parameter
    cmp eax, 255                            ; PIPE_UNLIMITED_INSTANCES
    ja L_parameter
    jne L_mode
    or nMaxInstances, -1
L_mode:
    test dwOpenMode, 0x3ef3fffc             ; beyond the access, WRITE_DAC, FIRST_PIPE_INSTANCE, SACL, FILE_FLAG_x
    jnz L_parameter
    test dwOpenMode, 3
    jz L_parameter
    test dwPipeMode, 0xfffffff0
    jnz L_parameter
    mov timeout, -500000                    ; 50 ms
    mov timeout[4], -1
    invoke BasepPipeTimeOut, addr timeout, nDefaultTimeOut
    invoke BasepNtName, lpName, addr block
    onzero L_invalid
    mov ecx, lpSecurityAttributes
    test ecx, ecx
    jz L_access
    mov eax, [ecx+4]
    mov block[16], eax
    cmp dword ptr [ecx+8], 0
    je L_access
    or block[12], 2                         ; OBJ_INHERIT
L_access:
    mov ecx, dwOpenMode
    mov esi, ecx
    and esi, 0x010c0000                     ; the rights that may be asked for, as they are
    or esi, 0x100000
    mov edi, 2                              ; what the server reads the client may write
    test cl, 1                              ; PIPE_ACCESS_INBOUND
    jnz L_inbound
    xor edi, edi
    jmp L_outbound
L_inbound:
    or esi, 0x80000000
L_outbound:
    test cl, 2                              ; PIPE_ACCESS_OUTBOUND
    jz L_pipe
    or esi, 0x40000000
    or edi, 1
L_pipe:
    lea eax, timeout
    push eax
    push nOutBufferSize
    push nInBufferSize
    push nMaxInstances
    mov edx, dwPipeMode
    mov eax, edx
    and eax, 1                              ; PIPE_NOWAIT
    push eax
    mov eax, edx
    shr eax, 1
    and eax, 1                              ; PIPE_READMODE_MESSAGE
    push eax
    shr edx, 2                              ; PIPE_TYPE_MESSAGE, PIPE_REJECT_REMOTE_CLIENTS
    push edx
    mov eax, ecx
    shr eax, 31                             ; FILE_FLAG_WRITE_THROUGH
    add eax, eax
    test ecx, 0x40000000                    ; FILE_FLAG_OVERLAPPED
    jnz L_options
    or eax, 0x20
L_options:
    push eax
    mov eax, 3                              ; FILE_OPEN_IF
    test ecx, 0x80000                       ; FILE_FLAG_FIRST_PIPE_INSTANCE
    jz L_disposition
    dec eax
L_disposition:
    push eax
    push edi
    lea eax, iosb
    push eax
    lea eax, block
    push eax
    push esi
    lea eax, handle
    push eax
    call NtCreateNamedPipeFile
    mov esi, eax
    invoke RtlFreeUnicodeString, addr block[24]
    mov eax, esi
    onerror L_failed
    return handle
L_failed:
    invoke BaseSetLastNTError, eax
    return -1
L_parameter:
    invoke BaseFail, 87
L_invalid:
    return -1

proc ConnectNamedPipe(hNamedPipe, lpOverlapped)
    local iosb[8]
    mov edx, lpOverlapped
    test edx, edx
    jnz L_overlapped
    invoke NtFsControlFile, hNamedPipe, 0, 0, 0, addr iosb, {_LISTEN:#x}, 0, 0, 0, 0
    cmp eax, 0x103                          ; STATUS_PENDING
    jne L_status
    invoke NtWaitForSingleObject, hNamedPipe, 0, 0
    onerror L_status
    mov eax, iosb
    jmp L_status
L_overlapped:
    mov dword ptr [edx], 0x103
    mov eax, [edx+16]
    mov ecx, edx
    test al, 1                              ; an odd event: no completion packet
    jz L_queue
    xor ecx, ecx
    dec eax
L_queue:
    invoke NtFsControlFile, hNamedPipe, eax, 0, ecx, edx, {_LISTEN:#x}, 0, 0, 0, 0
    cmp eax, 0x103
    jne L_status
    invoke BaseSetLastNTError, eax          ; ERROR_IO_PENDING
    return 0
L_status:
    status

proc DisconnectNamedPipe(hNamedPipe)
    local iosb[8]
    invoke NtFsControlFile, hNamedPipe, 0, 0, 0, addr iosb, {_DISCONNECT:#x}, 0, 0, 0, 0
    cmp eax, 0x103
    jne L_status
    invoke NtWaitForSingleObject, hNamedPipe, 0, 0
    onerror L_status
    mov eax, iosb
L_status:
    status

proc PeekNamedPipe(hNamedPipe, lpBuffer, nBufferSize, lpBytesRead, lpTotalBytesAvail, lpBytesLeft)
    uses esi edi ebx
    local iosb[8]
    mov eax, nBufferSize
    add eax, 16                             ; FILE_PIPE_PEEK_BUFFER
    jc L_memory
    mov ebx, eax
    invoke BasepAllocate, ebx
    onzero L_return
    mov edi, eax
    lea ecx, iosb
    invoke NtFsControlFile, hNamedPipe, 0, 0, 0, ecx, {_PEEK:#x}, 0, 0, edi, ebx
    cmp eax, 0x103
    jne L_peeked
    invoke NtWaitForSingleObject, hNamedPipe, 0, 0
    onerror L_failed
    mov eax, iosb
L_peeked:
    cmp eax, 0x80000005                     ; there is more
    je L_data
    onerror L_failed
L_data:
    mov ebx, iosb[4]
    sub ebx, 16
    mov edx, lpTotalBytesAvail
    test edx, edx
    jz L_read
    mov eax, [edi+4]
    mov [edx], eax
L_read:
    mov edx, lpBytesRead
    test edx, edx
    jz L_left
    mov [edx], ebx
L_left:
    mov edx, lpBytesLeft
    test edx, edx
    jz L_copy
    mov eax, [edi+12]                       ; 0 of a pipe of bytes
    sub eax, ebx
    jae L_rest
    xor eax, eax
L_rest:
    mov [edx], eax
L_copy:
    mov ecx, ebx
    mov edx, edi
    lea esi, [edi+16]
    mov edi, lpBuffer
    test edi, edi
    jz L_free
    rep movsb
L_free:
    invoke BasepFree, edx
    return 1
L_failed:
    mov esi, eax
    invoke BasepFree, edi
    mov eax, esi
    status
L_memory:
    fail 8

proc SetNamedPipeHandleState(hNamedPipe, lpMode, lpMaxCollectionCount, lpCollectDataTimeout)
    local iosb[8], modes[8]
    mov eax, lpMaxCollectionCount
    or eax, lpCollectDataTimeout
    jnz L_parameter                         ; both ends are on this computer
    mov ecx, lpMode
    test ecx, ecx
    jz L_done
    mov eax, [ecx]
    test eax, 0xfffffffc
    jnz L_parameter
    mov ecx, eax
    shr eax, 1                              ; PIPE_READMODE_MESSAGE
    mov modes, eax
    and ecx, 1                              ; PIPE_NOWAIT
    mov modes[4], ecx
    lea ecx, modes
    invoke NtSetInformationFile, hNamedPipe, addr iosb, ecx, 8, 23
    status
L_done:
    return 1
L_parameter:
    fail 87

text BasepPipePrefix \??\pipe\

proc WaitNamedPipeW(lpNamedPipeName, nTimeOut)
    uses esi edi ebx
    local block[32], iosb[8], root
    invoke BasepNtName, lpNamedPipeName, addr block
    onzero L_return
    mov edx, block[28]
    lea edi, [BasepPipePrefix]
    mov ecx, 9
L_prefix:                                   ; its end lies behind all of the name's that are longer
    mov ax, [edx]
    cmp ax, 0x41
    jb L_compare
    cmp ax, 0x5a
    ja L_compare
    or al, 0x20
L_compare:
    cmp ax, [edi]
    jne L_name
    add edx, 2
    add edi, 2
    dec ecx
    jnz L_prefix
    movzx ebx, word ptr block[24]
    sub ebx, 18
    jbe L_name
    mov esi, edx
    lea ecx, [ebx+14]                       ; FILE_PIPE_WAIT_FOR_BUFFER
    invoke BasepAllocate, ecx
    onzero L_free_name
    mov edi, eax
    and dword ptr [edi], 0
    and dword ptr [edi+4], 0
    invoke BasepPipeTimeOut, edi, nTimeOut
    mov [edi+8], ebx
    cmp nTimeOut, 1                         ; NMPWAIT_USE_DEFAULT_WAIT
    cmc
    sbb eax, eax
    neg eax
    mov [edi+12], al
    mov edx, edi
    add edi, 14
    mov ecx, ebx
    rep movsb
    mov edi, edx
    invoke BasepOpenPipes, addr root
    mov esi, eax
    onerror L_free
    lea ecx, [ebx+14]
    lea edx, iosb
    invoke NtFsControlFile, root, 0, 0, 0, edx, {_WAIT:#x}, edi, ecx, 0, 0
    mov esi, eax
    invoke NtClose, root
L_free:
    invoke BasepFree, edi
    invoke RtlFreeUnicodeString, addr block[24]
    mov eax, esi
    status
L_name:
    invoke BaseFail, 123                    ; ERROR_INVALID_NAME
L_free_name:
    invoke RtlFreeUnicodeString, addr block[24]
    return 0
"""

SOURCE = (
    _ANONYMOUS
    + _NAMED
    + "module kernel32\n"
    + from_ansi("CreateNamedPipe", _CREATE, ["lpName"], failure=-1)
    + from_ansi("WaitNamedPipe", "lpNamedPipeName, nTimeOut", ["lpNamedPipeName"])
)
