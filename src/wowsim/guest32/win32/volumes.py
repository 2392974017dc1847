r"""Volumes and drives: names, space, types, letters.

Stands for KERNELBASE's functions. Source of the rules: their documentation (learn.microsoft.com). Windows asks the
kernel for the letters at once (ProcessDeviceMap); here each letter's symbolic link in ``\??`` is tried. Who may import
it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi, to_ansi

_VOLUME = (
    "lpRootPathName, lpVolumeName, nVolumeName, lpSerialNumber, lpMaximumComponent,"
    " lpFlags, lpSystemName, nSystemName"
)


def _stored(pointer: str, value: str) -> str:
    """Store a dword where the caller wants it."""
    label = f"L_no_{pointer}"
    return f"mov ecx, {pointer}\ntest ecx, ecx\njz {label}\nmov eax, {value}\nmov [ecx], eax\n{label}:\n"


def _bytes_stored(pointer: str, units: int) -> str:
    """Store a number of bytes: 64-bit units at an offset of ``size``, times ``unit``."""
    label = f"L_no_{pointer}"
    return f"""mov ecx, {pointer}
    test ecx, ecx
    jz {label}
    mov eax, size[{units}]
    mul unit
    mov [ecx], eax
    mov esi, edx
    mov eax, size[{units + 4}]
    mul unit
    add eax, esi
    mov [ecx+4], eax
{label}:
"""


SOURCE = (
    rf"""
module KERNELBASE

text BasepRoot \

routine BasepOpenRoot(path, handle)         ; NULL is the root of the current directory
    local root[520]
    mov eax, path
    test eax, eax
    jnz L_open
    lea ecx, [BasepRoot]
    invoke GetFullPathNameW, ecx, 260, addr root, 0
    onzero L_return
    lea eax, root
L_open:
    invoke BasepOpenFile, eax, 0x100001, 0x4021, handle
    return

routine BasepQueryVolume(path, buffer, length, class)
    uses esi
    local handle, iosb[8]
    invoke BasepOpenRoot, path, addr handle
    onzero L_return
    invoke NtQueryVolumeInformationFile, handle, addr iosb, buffer, length, class
    mov esi, eax
    invoke NtClose, handle
    mov eax, esi
    status

routine BasepCopyName(name, bytes, buffer, chars)
    uses esi edi
    cmp buffer, 0
    je L_done
    mov ecx, bytes
    shr ecx, 1
    cmp ecx, chars
    jae L_long
    mov esi, name
    mov edi, buffer
    rep movsw
    mov word ptr [edi], 0
L_done:
    return 1
L_long:
    fail 234                                ; ERROR_MORE_DATA

proc GetVolumeInformationW({_VOLUME})
    local volume[0x120], attribute[0x120]
    mov eax, lpRootPathName
    test eax, eax
    jz L_query
    invoke lstrlenW, eax
    onzero L_name
    mov ecx, lpRootPathName
    cmp word ptr [ecx+eax*2-2], 0x5c
    jne L_name
L_query:
    invoke BasepQueryVolume, lpRootPathName, addr volume, 0x120, 1
    onzero L_return
    invoke BasepQueryVolume, lpRootPathName, addr attribute, 0x120, 5
    onzero L_return
    {_stored("lpSerialNumber", "volume[8]")}
    {_stored("lpMaximumComponent", "attribute[4]")}
    {_stored("lpFlags", "attribute")}
    lea edx, volume[18]
    invoke BasepCopyName, edx, volume[12], lpVolumeName, nVolumeName
    onzero L_return
    lea edx, attribute[12]
    invoke BasepCopyName, edx, attribute[8], lpSystemName, nSystemName
    return
L_name:
    fail 123                                ; ERROR_INVALID_NAME

proc GetVolumeInformationA({_VOLUME})
    uses esi
    local wide[8], name[0x220], system[0x220]
    xor esi, esi
    invoke Basep8BitStringToDynamicUnicodeString, addr wide, lpRootPathName
    onzero L_done
    lea edx, system
    invoke GetVolumeInformationW, wide[4], addr name, 0x110, lpSerialNumber, lpMaximumComponent, lpFlags, edx, 0x110
    mov esi, eax
    invoke RtlFreeUnicodeString, addr wide
    test esi, esi
    jz L_done
    lea edx, name
    invoke BasepAnsiName, edx, lpVolumeName, nVolumeName
    mov esi, eax
    test esi, esi
    jz L_done
    lea edx, system
    invoke BasepAnsiName, edx, lpSystemName, nSystemName
    mov esi, eax
L_done:
    return esi

routine BasepAnsiName(name, buffer, chars)
    cmp buffer, 0
    je L_done
    invoke lstrlenW, name
    cmp eax, chars
    jae L_long
    invoke BasepReturnAnsi, name, eax, buffer, chars
L_done:
    return 1
L_long:
    fail 234

proc GetDiskFreeSpaceW(lpRootPathName, lpSectors, lpBytes, lpFree, lpTotal)
    local size[24]
    invoke BasepQueryVolume, lpRootPathName, addr size, 24, 3
    onzero L_return
    {_stored("lpSectors", "size[16]")}
    {_stored("lpBytes", "size[20]")}
    {_stored("lpFree", "size[8]")}
    {_stored("lpTotal", "size")}
    return 1

proc GetDiskFreeSpaceExW(lpDirectoryName, lpAvailable, lpTotal, lpFree)
    uses esi
    local size[32], unit
    invoke BasepQueryVolume, lpDirectoryName, addr size, 32, 7
    onzero L_return
    mov eax, size[24]
    mul size[28]
    mov unit, eax
    {_bytes_stored("lpAvailable", 8)}
    {_bytes_stored("lpTotal", 0)}
    {_bytes_stored("lpFree", 16)}
    return 1

proc GetDriveTypeW(lpRootPathName)
    local device[8]
    invoke BasepQueryVolume, lpRootPathName, addr device, 8, 4
    onzero L_no_root
    mov ecx, device
    mov edx, device[4]
    cmp ecx, 7                              ; FILE_DEVICE_DISK
    je L_disk
    mov eax, 5                              ; DRIVE_CDROM
    cmp ecx, 3
    je L_return
    dec eax                                 ; DRIVE_REMOTE
    cmp ecx, 0x14
    je L_return
    mov eax, 6                              ; DRIVE_RAMDISK
    cmp ecx, 0x24
    je L_return
    return 0
L_disk:
    mov eax, 4
    test edx, 0x10                          ; FILE_REMOTE_DEVICE
    jnz L_return
    mov eax, 2                              ; DRIVE_REMOVABLE
    test edx, 1
    jnz L_return
    return 3                                ; DRIVE_FIXED
L_no_root:
    return 1                                ; DRIVE_NO_ROOT_DIR

text BasepDosDevices \??\

; Opens the link of that name in \??; an NTSTATUS.
routine BasepOpenDosDevice(name, handle)
    uses esi edi
    local path[528], string[8], attributes[24]
    invoke lstrlenW, name
    cmp eax, 255
    ja L_long
    lea esi, [BasepDosDevices]
    lea edi, path
    mov ecx, 4
    rep movsw
    mov esi, name
    lea ecx, [eax+1]
    rep movsw
    lea ecx, path
    invoke RtlInitUnicodeString, addr string, ecx
    mov attributes, 24
    and attributes[4], 0
    lea eax, string
    mov attributes[8], eax
    mov attributes[12], 0x40
    and attributes[16], 0
    and attributes[20], 0
    invoke NtOpenSymbolicLinkObject, handle, 1, addr attributes
    return
L_long:
    return 0xc0000106                       ; STATUS_NAME_TOO_LONG

proc GetLogicalDrives()
    uses esi edi
    local name[8], handle
    mov name, 0x3a0040                      ; "@:" and, before it is asked for, "A:"
    and name[4], 0
    xor esi, esi
    xor edi, edi
L_next:
    inc name
    invoke BasepOpenDosDevice, addr name, addr handle
    onerror L_missing
    bts esi, edi
    invoke NtClose, handle
L_missing:
    inc edi
    cmp edi, 26
    jb L_next
    return esi

proc GetLogicalDriveStringsW(nBufferLength, lpBuffer)
    uses esi edi
    invoke GetLogicalDrives
    mov esi, eax
    xor ecx, ecx
    onzero L_size
L_count:
    mov edx, eax
    dec edx
    and eax, edx                            ; the lowest bit goes
    add ecx, 4
    test eax, eax
    jnz L_count
L_size:
    mov eax, ecx                            ; characters without the last NUL
    cmp ecx, nBufferLength
    jae L_small
    mov edi, lpBuffer
    mov ecx, 0x41
    jmp L_more
L_next:
    shr esi, 1
    jnc L_absent
    mov [edi], cx
    mov word ptr [edi+2], 0x3a
    mov dword ptr [edi+4], 0x5c
    add edi, 8
L_absent:
    inc ecx
L_more:
    test esi, esi
    jnz L_next
    mov word ptr [edi], 0
    return
L_small:
    inc eax
    return

proc QueryDosDeviceW(lpDeviceName, lpTargetPath, ucchMax)
    uses esi
    local handle, target[8]
    cmp lpDeviceName, 0
    je L_all
    invoke BasepOpenDosDevice, lpDeviceName, addr handle
    onerror L_failed
    mov eax, ucchMax
    cmp eax, 0x7fff
    jbe L_room
    mov eax, 0x7fff
L_room:
    add eax, eax
    shl eax, 16
    mov target, eax
    mov eax, lpTargetPath
    mov target[4], eax
    invoke NtQuerySymbolicLinkObject, handle, addr target, 0
    mov esi, eax
    invoke NtClose, handle
    mov eax, esi
    onerror L_failed
    movzx eax, word ptr target
    shr eax, 1
    add eax, 2                              ; two NULs end the list
    cmp eax, ucchMax
    ja L_small
    mov ecx, lpTargetPath
    mov dword ptr [ecx+eax*2-4], 0
    return
L_failed:
    status
L_small:
    fail 122                                ; ERROR_INSUFFICIENT_BUFFER
L_all:
    trap win32.all_dos_devices
    return 0
"""
    + from_ansi("GetDiskFreeSpace", "lpRootPathName, lpSectors, lpBytes, lpFree, lpTotal", ["lpRootPathName"])
    + from_ansi("GetDiskFreeSpaceEx", "lpDirectoryName, lpAvailable, lpTotal, lpFree", ["lpDirectoryName"])
    + from_ansi("GetDriveType", "lpRootPathName", ["lpRootPathName"], failure=1)
    + to_ansi("GetLogicalDriveStrings", "nBufferLength, lpBuffer", "lpBuffer", "nBufferLength")
)
