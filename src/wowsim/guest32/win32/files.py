"""Files by handle: reading, writing, position, size, type.

Stands for KERNELBASE's file functions. Source of the rules: their documentation (learn.microsoft.com).
Handles of standard devices (STD_INPUT_HANDLE itself) are accepted where Windows accepts them. Who may
import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

_DISK, _CHARACTER, _PIPE = 1, 2, 3
# FILE_DEVICE_x (wdm.h) -> FILE_TYPE_x
_TYPES = dict.fromkeys((0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x14, 0x24, 0x35), _DISK)
_TYPES |= dict.fromkeys((0x0A, 0x0B, 0x0F, 0x15, 0x16, 0x1B, 0x1C, 0x2B, 0x50), _CHARACTER)
_TYPES |= dict.fromkeys((0x0D, 0x11), _PIPE)
_TYPE_TABLE = " ".join(str(_TYPES.get(device, 0)) for device in range(0x51))


def _transfer(name: str) -> str:
    """ReadFile or WriteFile: the same but for the service and for the end of the file."""
    at_end = (
        "cmp eax, 0xc0000011\nje L_done" if name == "ReadFile" else ""
    )  # STATUS_END_OF_FILE: 0 bytes, TRUE
    return f"""
proc {name}(hFile, lpBuffer, nBytes, lpCount, lpOverlapped)
    uses esi edi
    local iosb[8], offset[8]
    invoke BasepStandardHandle, hFile
    mov hFile, eax
    mov edi, lpCount
    test edi, edi
    jnz L_count
    lea edi, nBytes                         ; nobody asks: any place will do once the size is pushed
    jmp L_start
L_count:
    and dword ptr [edi], 0
L_start:
    mov esi, lpOverlapped
    test esi, esi
    jnz L_overlapped
    invoke Nt{name}, hFile, 0, 0, 0, addr iosb, lpBuffer, nBytes, 0, 0
    cmp eax, 0x103                          ; STATUS_PENDING
    jne L_finished
    invoke NtWaitForSingleObject, hFile, 0, 0
    onerror L_failed
    mov eax, iosb
L_finished:
    {at_end}
    cmp eax, 0xc0000000
    jae L_failed
    mov ecx, iosb[4]
    mov [edi], ecx
    status
L_overlapped:
    mov dword ptr [esi], 0x103
    mov eax, [esi+8]
    mov offset, eax
    mov eax, [esi+12]
    mov offset[4], eax
    mov ecx, [esi+16]
    mov edx, esi
    test cl, 1                              ; an odd event: no completion packet
    jz L_queue
    xor edx, edx
L_queue:
    invoke Nt{name}, hFile, ecx, 0, edx, esi, lpBuffer, nBytes, addr offset, 0
    onerror L_failed
    cmp eax, 0x103
    je L_failed
    mov ecx, [esi+4]
    mov [edi], ecx
    jmp L_done
L_failed:
    invoke BaseSetLastNTError, eax          ; STATUS_PENDING is ERROR_IO_PENDING
    return 0
L_done:
    return 1
"""


SOURCE = (
    f"""
module KERNELBASE

bytes BasepFileTypes {_TYPE_TABLE}

routine BasepStandardHandle(handle)         ; STD_INPUT_HANDLE.. as the process' handle, others as they are
    naked
    mov eax, handle
    lea ecx, [eax+12]
    cmp ecx, 2
    ja L_other
    neg ecx
    mov eax, fs:[0x30]
    mov eax, [eax+0x10]
    mov eax, [eax+ecx*4+0x20]
L_other:
    return

routine BasepQueryFile(handle, class, buffer, length)
    local iosb[8]
    invoke NtQueryInformationFile, handle, addr iosb, buffer, length, class
    status

routine BasepSetFile(handle, class, buffer, length)
    local iosb[8]
    invoke NtSetInformationFile, handle, addr iosb, buffer, length, class
    status

routine BasepQueryDevice(handle, device)    ; FILE_FS_DEVICE_INFORMATION
    local iosb[8]
    invoke NtQueryVolumeInformationFile, handle, addr iosb, device, 8, 4
    status

proc CloseHandle(hObject)
    invoke BasepStandardHandle, hObject
    invoke NtClose, eax
    status

proc FlushFileBuffers(hFile)
    local iosb[8]
    invoke BasepStandardHandle, hFile
    mov ecx, eax
    invoke NtFlushBuffersFile, ecx, addr iosb
    status

proc GetFileType(hFile)
    local device[8]
    invoke BasepStandardHandle, hFile
    mov ecx, eax
    invoke BasepQueryDevice, ecx, addr device
    onzero L_return
    mov ecx, device
    cmp ecx, 0x50
    ja L_unknown
    movzx eax, byte ptr [BasepFileTypes+ecx]
    test eax, eax
    jnz L_return
L_unknown:
    fail 0                                  ; FILE_TYPE_UNKNOWN with NO_ERROR

proc GetFileSizeEx(hFile, lpFileSize)
    local standard[24]
    invoke BasepQueryFile, hFile, 5, addr standard, 24
    onzero L_return
    mov ecx, lpFileSize
    mov edx, standard[8]
    mov [ecx], edx
    mov edx, standard[12]
    mov [ecx+4], edx
    return

proc GetFileSize(hFile, lpFileSizeHigh)
    local size[8]
    invoke GetFileSizeEx, hFile, addr size
    onzero L_failed
    mov ecx, lpFileSizeHigh
    test ecx, ecx
    jz L_low
    mov edx, size[4]
    mov [ecx], edx
L_low:
    mov eax, size
    cmp eax, -1                             ; INVALID_FILE_SIZE as a size
    jne L_return
    invoke RtlSetLastWin32Error, 0
L_failed:
    return -1

routine BasepSeekTarget(hFile, low, high, method, target)
    uses esi
    local standard[24]
    mov esi, target
    and dword ptr [esi], 0
    and dword ptr [esi+4], 0
    mov eax, method
    cmp eax, 1
    jb L_move                               ; FILE_BEGIN
    je L_current
    cmp eax, 2
    jne L_parameter
    invoke BasepQueryFile, hFile, 5, addr standard, 24
    onzero L_return
    mov eax, standard[8]
    mov ecx, standard[12]
    mov [esi], eax
    mov [esi+4], ecx
    jmp L_move
L_current:
    invoke BasepQueryFile, hFile, 14, esi, 8
    onzero L_return
L_move:
    mov eax, low
    mov ecx, high
    add [esi], eax
    adc [esi+4], ecx
    js L_negative
    return 1
L_negative:
    fail 131                                ; ERROR_NEGATIVE_SEEK
L_parameter:
    fail 87

proc SetFilePointerEx(hFile, low, high, lpNew, dwMoveMethod)
    local position[8]
    invoke BasepSeekTarget, hFile, low, high, dwMoveMethod, addr position
    onzero L_return
    invoke BasepSetFile, hFile, 14, addr position, 8
    onzero L_return
    mov ecx, lpNew
    test ecx, ecx
    jz L_return
    mov edx, position
    mov [ecx], edx
    mov edx, position[4]
    mov [ecx+4], edx
    return

proc SetFilePointer(hFile, lDistance, lpHigh, dwMoveMethod)
    uses esi
    local position[8]
    mov esi, lpHigh
    mov eax, lDistance
    mov ecx, eax
    cdq
    test esi, esi
    jz L_target
    mov edx, [esi]
L_target:
    invoke BasepSeekTarget, hFile, ecx, edx, dwMoveMethod, addr position
    onzero L_failed
    test esi, esi
    jnz L_set
    cmp position[4], 0
    jne L_parameter
L_set:
    invoke BasepSetFile, hFile, 14, addr position, 8
    onzero L_failed
    test esi, esi
    jz L_low
    mov ecx, position[4]
    mov [esi], ecx
L_low:
    mov eax, position
    cmp eax, -1                             ; INVALID_SET_FILE_POINTER as a position
    jne L_return
    invoke RtlSetLastWin32Error, 0
    return -1
L_parameter:
    invoke BaseFail, 87
L_failed:
    return -1

proc SetEndOfFile(hFile)
    local position[8]
    invoke BasepQueryFile, hFile, 14, addr position, 8
    onzero L_return
    invoke BasepSetFile, hFile, 20, addr position, 8
    onzero L_return
    invoke BasepSetFile, hFile, 19, addr position, 8

proc GetFileInformationByHandle(hFile, lpInformation)
    uses esi edi
    local iosb[8], volume[0x40], all[0x68]
    invoke NtQueryVolumeInformationFile, hFile, addr iosb, addr volume, 0x40, 1
    onerror L_overflow
L_volume:
    invoke NtQueryInformationFile, hFile, addr iosb, addr all, 0x68, 18
    onerror L_all_overflow
L_all:
    mov edi, lpInformation
    mov eax, all[0x20]
    stosd
    lea esi, all
    mov ecx, 24                             ; creation, access and write times
    rep movsb
    mov eax, volume[8]
    stosd
    mov eax, all[0x34]                      ; EndOfFile, high half first
    stosd
    mov eax, all[0x30]
    stosd
    mov eax, all[0x38]                      ; NumberOfLinks
    stosd
    mov eax, all[0x44]                      ; IndexNumber, high half first
    stosd
    mov eax, all[0x40]
    stosd
    return 1
L_overflow:
    cmp eax, 0x80000005                     ; STATUS_BUFFER_OVERFLOW: the label did not fit
    je L_volume
    jmp L_status
L_all_overflow:
    cmp eax, 0x80000005                     ; the name did not fit
    je L_all
L_status:
    status
"""
    + _transfer("ReadFile")
    + _transfer("WriteFile")
)
