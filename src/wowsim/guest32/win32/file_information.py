"""Files by handle, by information class; device control.

Stands for KERNELBASE's functions (GetFileInformationByHandleEx on Windows 7: kernel32's). Source of the rules: their
documentation (learn.microsoft.com), which says which FILE_INFORMATION_CLASS each class is. Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations

# FILE_INFO_BY_HANDLE_CLASS -> FILE_INFORMATION_CLASS; a directory's classes are asked of another service
_QUERIES = {0: 4, 1: 5, 2: 9, 7: 22, 8: 28, 9: 35, 0xD: 55, 0x11: 17, 0x12: 59}
_LISTS = {0xA: 37, 0xB: 37, 0xE: 2, 0xF: 2, 0x13: 60, 0x14: 60}
_RESTARTS = (0xB, 0xF, 0x14)
_SETTINGS = {0: 4, 3: 10, 4: 13, 5: 19, 6: 20, 0xC: 43, 0x15: 64, 0x16: 65}
_CLASSES = 0x17


def _table(classes: dict[int, int]) -> str:
    return " ".join(str(classes.get(number, 0)) for number in range(_CLASSES))


SOURCE = f"""
module kernel32

bytes BasepFileQueries {_table(_QUERIES)}
bytes BasepFileLists {_table(_LISTS)}
bytes BasepFileRestarts {_table(dict.fromkeys(_RESTARTS, 1))}
bytes BasepFileSettings {_table(_SETTINGS)}

proc GetFileInformationByHandleEx(hFile, class, lpInformation, dwSize)
    uses esi
    local iosb[8]
    mov esi, class
    cmp esi, {_CLASSES}
    jae L_parameter
    movzx eax, byte ptr [BasepFileLists+esi]
    test eax, eax
    jnz L_list
    movzx eax, byte ptr [BasepFileQueries+esi]
    onzero L_parameter
    mov ecx, eax
    invoke NtQueryInformationFile, hFile, addr iosb, lpInformation, dwSize, ecx
    jmp L_status
L_list:
    movzx ecx, byte ptr [BasepFileRestarts+esi]
    mov edx, eax
    invoke NtQueryDirectoryFile, hFile, 0, 0, 0, addr iosb, lpInformation, dwSize, edx, 0, 0, ecx
L_status:
    status
L_parameter:
    fail 87

proc SetFileInformationByHandle(hFile, class, lpInformation, dwSize)
    local iosb[8]
    mov ecx, class
    cmp ecx, {_CLASSES}
    jae L_parameter
    movzx ecx, byte ptr [BasepFileSettings+ecx]
    test ecx, ecx
    jz L_parameter
    invoke NtSetInformationFile, hFile, addr iosb, lpInformation, dwSize, ecx
    status
L_parameter:
    fail 87

module KERNELBASE

; A control code whose device type is FILE_DEVICE_FILE_SYSTEM (9) goes to the file system.
routine BasepControl(handle, event, context, iosb, code, in, inSize, out, outSize)
    mov eax, code
    shr eax, 16
    cmp eax, 9
    je L_file_system
    invoke NtDeviceIoControlFile, handle, event, 0, context, iosb, code, in, inSize, out, outSize
    return
L_file_system:
    invoke NtFsControlFile, handle, event, 0, context, iosb, code, in, inSize, out, outSize
    return

proc DeviceIoControl(hDevice, code, lpIn, nIn, lpOut, nOut, lpReturned, lpOverlapped)
    uses esi
    local iosb[8]
    invoke BasepStandardHandle, hDevice
    mov hDevice, eax
    mov esi, lpOverlapped
    test esi, esi
    jnz L_overlapped
    and iosb[4], 0
    lea ecx, iosb
    invoke BasepControl, hDevice, 0, 0, ecx, code, lpIn, nIn, lpOut, nOut
    cmp eax, 0x103                          ; STATUS_PENDING
    jne L_finished
    invoke NtWaitForSingleObject, hDevice, 0, 0
    onerror L_failed
    mov eax, iosb
L_finished:
    cmp eax, 0xc0000000                     ; of a warning there is data
    jae L_failed
    mov ecx, lpReturned
    test ecx, ecx
    jz L_status
    mov edx, iosb[4]
    mov [ecx], edx
L_status:
    status
L_overlapped:
    mov dword ptr [esi], 0x103
    mov ecx, [esi+16]
    mov edx, esi
    test cl, 1                              ; an odd event: no completion packet
    jz L_queue
    xor edx, edx
    dec ecx
L_queue:
    invoke BasepControl, hDevice, ecx, edx, esi, code, lpIn, nIn, lpOut, nOut
    onerror L_failed
    cmp eax, 0x103
    je L_failed
    mov ecx, lpReturned
    test ecx, ecx
    jz L_done
    mov edx, [esi+4]
    mov [ecx], edx
L_done:
    return 1
L_failed:
    invoke BaseSetLastNTError, eax          ; STATUS_PENDING is ERROR_IO_PENDING
    return 0
"""
