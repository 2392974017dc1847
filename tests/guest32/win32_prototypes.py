"""How many parameters functions have that came later: handles, mappings, atoms, locales, volumes, processes.

Counts are those of the documented prototypes (learn.microsoft.com), a 64-bit value taking two.
"""

from __future__ import annotations

MORE = {
    0: "GetThreadLocale GetUserDefaultLCID GetSystemDefaultLCID GetUserDefaultLangID GetSystemDefaultLangID "
    "GetUserDefaultUILanguage GetSystemDefaultUILanguage GetACP GetOEMCP GetLogicalDrives",
    1: "UnmapViewOfFile Wow64DisableWow64FsRedirection Wow64RevertWow64FsRedirection Wow64EnableWow64FsRedirection "
    "GlobalAddAtomA GlobalAddAtomW GlobalFindAtomA GlobalFindAtomW GlobalDeleteAtom SetThreadLocale GetDriveTypeA "
    "GetDriveTypeW GetProcessId GetPriorityClass LocalLock LocalUnlock LocalHandle LocalFlags LocalSize GlobalLock "
    "GlobalUnlock GlobalHandle GlobalFlags GlobalSize",
    2: "FlushViewOfFile GetHandleInformation CompareObjectHandles GetSystemWow64DirectoryA GetSystemWow64DirectoryW "
    "GetCPInfo VirtualLock VirtualUnlock ResetWriteWatch UnmapViewOfFileEx GetLogicalDriveStringsA "
    "GetLogicalDriveStringsW SetPriorityClass GetProcessHandleCount",
    3: "OpenFileMappingA OpenFileMappingW SetHandleInformation IsWow64Process2 GlobalGetAtomNameA GlobalGetAtomNameW "
    "LocalReAlloc GlobalReAlloc QueryDosDeviceW GetProcessAffinityMask",
    4: "GetDiskFreeSpaceExA GetDiskFreeSpaceExW GetFileInformationByHandleEx SetFileInformationByHandle",
    5: "MapViewOfFile GetDiskFreeSpaceA GetDiskFreeSpaceW GetProcessTimes",
    6: "CreateFileMappingA CreateFileMappingW MapViewOfFileEx GetWriteWatch",
    7: "DuplicateHandle VirtualAlloc2",
    8: "GetVolumeInformationA GetVolumeInformationW DeviceIoControl",
    10: "MapViewOfFile3",
}
WITH = {
    "NtCompareObjects": {"CompareObjectHandles"},
    "NtCreateEnclave": {"IsWow64Process2"},
    "NtAllocateVirtualMemoryEx": {"VirtualAlloc2"},
    "NtMapViewOfSectionEx": {"MapViewOfFile3"},
    "NtUnmapViewOfSectionEx": {"UnmapViewOfFileEx"},
}
"""Service -> the functions that only builds with it have."""
