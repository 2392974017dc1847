"""How many parameters functions have that came later: handles, mappings, pipes, jobs, locales, volumes and others.

Counts are those of the documented prototypes (learn.microsoft.com), a 64-bit value taking two.
"""

from __future__ import annotations

MORE = {
    0: "GetThreadLocale GetUserDefaultLCID GetSystemDefaultLCID GetUserDefaultLangID GetSystemDefaultLangID "
    "GetUserDefaultUILanguage GetSystemDefaultUILanguage GetACP GetOEMCP GetLogicalDrives",
    1: "UnmapViewOfFile Wow64DisableWow64FsRedirection Wow64RevertWow64FsRedirection Wow64EnableWow64FsRedirection "
    "GlobalAddAtomA GlobalAddAtomW GlobalFindAtomA GlobalFindAtomW GlobalDeleteAtom SetThreadLocale GetDriveTypeA "
    "GetDriveTypeW GetProcessId GetPriorityClass LocalLock LocalUnlock LocalHandle LocalFlags LocalSize GlobalLock "
    "GlobalUnlock GlobalHandle GlobalFlags GlobalSize "
    "DisconnectNamedPipe CancelIo GlobalMemoryStatus GlobalMemoryStatusEx",
    2: "FlushViewOfFile GetHandleInformation CompareObjectHandles GetSystemWow64DirectoryA GetSystemWow64DirectoryW "
    "GetCPInfo VirtualLock VirtualUnlock ResetWriteWatch UnmapViewOfFileEx GetLogicalDriveStringsA "
    "GetLogicalDriveStringsW SetPriorityClass GetProcessHandleCount "
    "CancelIoEx ConnectNamedPipe WaitNamedPipeA WaitNamedPipeW GetComputerNameA GetComputerNameW "
    "CreateJobObjectA CreateJobObjectW AssignProcessToJobObject TerminateJobObject",
    3: "OpenFileMappingA OpenFileMappingW SetHandleInformation IsWow64Process2 GlobalGetAtomNameA GlobalGetAtomNameW "
    "LocalReAlloc GlobalReAlloc QueryDosDeviceW GetProcessAffinityMask "
    "OpenProcess CreateHardLinkA CreateHardLinkW CreateSymbolicLinkA CreateSymbolicLinkW OpenJobObjectA "
    "OpenJobObjectW IsProcessInJob",
    4: "GetDiskFreeSpaceExA GetDiskFreeSpaceExW GetFileInformationByHandleEx SetFileInformationByHandle "
    "CreateIoCompletionPort PostQueuedCompletionStatus GetOverlappedResult CreatePipe "
    "SetNamedPipeHandleState GetFinalPathNameByHandleA GetFinalPathNameByHandleW SetInformationJobObject",
    5: "MapViewOfFile GetDiskFreeSpaceA GetDiskFreeSpaceW GetProcessTimes "
    "LockFile UnlockFile UnlockFileEx GetQueuedCompletionStatus QueryInformationJobObject",
    6: "CreateFileMappingA CreateFileMappingW MapViewOfFileEx GetWriteWatch "
    "LockFileEx GetQueuedCompletionStatusEx PeekNamedPipe",
    7: "DuplicateHandle VirtualAlloc2",
    8: "GetVolumeInformationA GetVolumeInformationW DeviceIoControl CreateNamedPipeA CreateNamedPipeW",
    10: "MapViewOfFile3",
}
WITH = {
    "NtCreateThreadEx": {
        "CreateRemoteThreadEx",
        "CreateSymbolicLinkA",
        "CreateSymbolicLinkW",
        "GetFinalPathNameByHandleA",
        "GetFinalPathNameByHandleW",
    },
    "NtRemoveIoCompletionEx": {"GetQueuedCompletionStatusEx"},
    "NtCancelIoFileEx": {"CancelIoEx"},
    "NtCompareObjects": {"CompareObjectHandles"},
    "NtCreateEnclave": {"IsWow64Process2"},
    "NtAllocateVirtualMemoryEx": {"VirtualAlloc2"},
    "NtMapViewOfSectionEx": {"MapViewOfFile3"},
    "NtUnmapViewOfSectionEx": {"UnmapViewOfFileEx"},
}
"""Service -> the functions that only builds with it have."""
