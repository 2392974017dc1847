"""Lines of the generated program: objects and their names, atoms, locales, more of memory."""

from __future__ import annotations

from service_program import Call, Give, Object, Space, Take, Text, Value, call

from wowsim.nt.abi import HANDLE, LARGE_INTEGER, PVOID, SIZE_T, ULONG, ULONG_PTR, ULONGLONG, USHORT
from wowsim.nt.structures import IO_STATUS_BLOCK

BAD = 0x4440
PROCESS = -1
BLOCK = Give(IO_STATUS_BLOCK, ignore=("Status",))
NAME = Space(8, contents="same".encode("utf-16-le"))
OTHER = Space(8, contents="none".encode("utf-16-le"))
LINK = r"\BaseNamedObjects\link"

OBJECTS: tuple[Call, ...] = (
    call("NtCreateDirectoryObject", Give(HANDLE, "made"), 0xF000F, Object(r"\BaseNamedObjects\made")),
    call("NtCreateDirectoryObject", Give(HANDLE), 0xF000F, Object(r"\BaseNamedObjects\made")),
    call("NtCreateDirectoryObjectEx", Give(HANDLE), 0xF000F, Object(r"\BaseNamedObjects\made2"), 0, 0),
    call(
        "NtQueryDirectoryObject",
        Value("made"),
        Space(0x40),
        0x40,
        0,
        1,
        Take(ULONG, 0),
        Give(ULONG, same=False),
    ),
    call("NtOpenDirectoryObject", Give(HANDLE, "known"), 3, Object(r"\KnownDlls")),
    call("NtQueryDirectoryObject", Value("known"), Space(0x200, same=False), 0x200, 1, 1, Take(ULONG, 0), 0),
    call("NtQueryDirectoryObject", BAD, Space(0x40), 0x40, 0, 1, Take(ULONG, 0), 0),
    call("NtCreateSymbolicLinkObject", Give(HANDLE, "link"), 0xF0001, Object(LINK), Text(r"\KnownDlls")),
    call("NtOpenSymbolicLinkObject", Give(HANDLE), 1, Object(LINK)),
    call("NtOpenSymbolicLinkObject", Give(HANDLE), 1, Object(LINK + "none")),
    call("NtQuerySymbolicLinkObject", Value("link"), Text("x" * 20), Give(ULONG)),
    call("NtQuerySymbolicLinkObject", Value("link"), Text("x"), Give(ULONG)),
    call("NtOpenDirectoryObject", Give(HANDLE), 3, Object(LINK)),
    call("NtMakeTemporaryObject", Value("made")),
    call("NtMakePermanentObject", Value("made")),
    call("NtCompareObjects", Value("made"), Value("made")),
    call("NtCompareObjects", Value("made"), Value("link")),
    call("NtSetInformationObject", Value("made"), 4, Space(2, contents=b"\1\0"), 2),
    call("NtQueryObject", Value("made"), 4, Space(2), 2, 0),
    call("NtAddAtom", NAME, 8, Give(USHORT)),
    call("NtFindAtom", NAME, 8, Give(USHORT)),
    call("NtFindAtom", OTHER, 8, Give(USHORT)),
    call("NtQueryInformationAtom", 0xC000, 0, Space(0x40), 0x40, Give(ULONG)),
    call("NtDeleteAtom", 0xC000),
    call("NtDeleteAtom", 0xC7FF),
    call("NtAddAtomEx", NAME, 8, Give(USHORT), 0),
    call("NtAllocateUuids", Give(ULONGLONG, same=False), Give(ULONG), Give(ULONG), Space(6, same=False)),
    call("NtSetUuidSeed", Space(6, contents=bytes(6))),
    call("NtIsUILanguageComitted"),
    call("NtQueryDefaultUILanguage", Give(USHORT)),
    call("NtQueryInstallUILanguage", Give(USHORT)),
    call("NtSetDefaultLocale", 1, 0x407),
    call("NtQueryDefaultLocale", 1, Give(ULONG)),
    call("NtSetDefaultUILanguage", 0),
    call("NtCreatePagingFile", Text(r"\??\C:\t\page"), Take(LARGE_INTEGER, 1), Take(LARGE_INTEGER, 1), 0),
)
MEMORY: tuple[Call, ...] = (
    call("NtAllocateVirtualMemory", PROCESS, Take(PVOID, 0x22000000), 0, Take(SIZE_T, 0x3000), 0x203000, 4),
    call("NtWriteVirtualMemory", PROCESS, 0x22001000, Space(1, contents=b"x"), 1, 0),
    call("NtResetWriteWatch", PROCESS, 0x22000000, 0x3000),
    call("NtLockVirtualMemory", PROCESS, Take(PVOID, 0x22000001, out=True), Take(SIZE_T, 1, out=True), 1),
    call("NtUnlockVirtualMemory", PROCESS, Take(PVOID, 0x22000001, out=True), Take(SIZE_T, 1, out=True), 1),
    call("NtFlushProcessWriteBuffers"),
    call("NtAreMappedFilesTheSame", 0x22000000, 0x200000),
    call(
        "NtAllocateVirtualMemoryEx",
        PROCESS,
        Take(PVOID, 0x23000000, out=True),
        Take(SIZE_T, 1, out=True),
        0x3000,
        4,
        0,
        0,
    ),
    call(
        "NtCreateSectionEx",
        Give(HANDLE, "section"),
        0xF001F,
        0,
        Take(LARGE_INTEGER, 0x2000),
        4,
        0x8000000,
        0,
        0,
        0,
    ),
    call(
        "NtMapViewOfSectionEx",
        Value("section"),
        PROCESS,
        Take(PVOID, 0x24000000, out=True),
        0,
        Take(SIZE_T, 0, out=True),
        0,
        4,
        0,
        0,
    ),
    call("NtUnmapViewOfSectionEx", PROCESS, 0x24000000, 0),
    call("NtUnmapViewOfSectionEx", PROCESS, 0x24000000, 0),
    call("NtAllocateUserPhysicalPages", PROCESS, Take(ULONG_PTR, 1), Space(8)),
    call("NtFreeUserPhysicalPages", PROCESS, Take(ULONG_PTR, 1), Space(8)),
    call("NtMapUserPhysicalPages", 0x22000000, 1, 0),
    call("NtMapUserPhysicalPagesScatter", Space(8), 1, 0),
    call("NtSetInformationVirtualMemory", PROCESS, 0, 0, 0, 0, 0),
)
