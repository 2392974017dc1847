"""Lines of the generated program: pipes, completion ports, locks, what goes beyond reading and writing."""

from __future__ import annotations

from service_program import Call, Give, Object, Space, Take, Text, Value, call

from wowsim.nt.abi import HANDLE, LARGE_INTEGER, PVOID, ULONG
from wowsim.nt.structures import IO_STATUS_BLOCK

BAD = 0x4440
BLOCK = Give(IO_STATUS_BLOCK, ignore=("Status",))
AT_ONCE = Take(LARGE_INTEGER, 0)
PIPE = r"\??\pipe\same"

PORTS: tuple[Call, ...] = (
    call("NtCreateIoCompletion", Give(HANDLE, "port"), 0x1F0003, Object(r"\BaseNamedObjects\port"), 0),
    call("NtOpenIoCompletion", Give(HANDLE), 0x1F0003, Object(r"\BaseNamedObjects\port")),
    call("NtSetIoCompletion", Value("port"), 0x11, 0x22, 0x33, 0x44),
    call("NtQueryIoCompletion", Value("port"), 0, Space(4), 4, Give(ULONG)),
    call("NtRemoveIoCompletion", Value("port"), Give(PVOID), Give(PVOID), BLOCK, AT_ONCE),
    call("NtRemoveIoCompletion", Value("port"), Give(PVOID), Give(PVOID), BLOCK, AT_ONCE),
    call("NtSetIoCompletion", Value("port"), 0x11, 0x22, 0x33, 0x44),
    call("NtRemoveIoCompletionEx", Value("port"), Space(0x40, same=False), 2, Give(ULONG), AT_ONCE, 0),
    call("NtSetIoCompletionEx", Value("port"), BAD, 1, 2, 3, 4),
)
FILES: tuple[Call, ...] = (
    call(
        "NtCreateFile",
        Give(HANDLE, "locked"),
        0xC0110080,
        Object(r"\??\C:\t\locked"),
        BLOCK,
        0,
        0x80,
        7,
        2,
        0x60,
        0,
        0,
    ),
    call(
        "NtLockFile", Value("locked"), 0, 0, 0, BLOCK, Take(LARGE_INTEGER, 0), Take(LARGE_INTEGER, 8), 0, 1, 1
    ),
    call(
        "NtLockFile", Value("locked"), 0, 0, 0, BLOCK, Take(LARGE_INTEGER, 4), Take(LARGE_INTEGER, 8), 0, 1, 1
    ),
    call("NtUnlockFile", Value("locked"), BLOCK, Take(LARGE_INTEGER, 0), Take(LARGE_INTEGER, 8), 0),
    call("NtUnlockFile", Value("locked"), BLOCK, Take(LARGE_INTEGER, 0), Take(LARGE_INTEGER, 8), 0),
    call("NtFlushBuffersFileEx", Value("locked"), 0, 0, 0, BLOCK),
    call("NtCancelIoFile", Value("locked"), BLOCK),
    call("NtCancelIoFileEx", Value("locked"), 0, BLOCK),
    call("NtCancelSynchronousIoFile", BAD, 0, BLOCK),
    call("NtOpenFile", Give(HANDLE, "folder"), 0x100001, Object(r"\??\C:\t"), BLOCK, 7, 0x21),
    call("NtQueryDirectoryFileEx", Value("folder"), 0, 0, 0, BLOCK, Space(0x60), 0x60, 12, 2, Text("old*")),
    call("NtQueryEaFile", Value("locked"), BLOCK, Space(8), 8, 0, 0, 0, 0, 0),
    call("NtSetEaFile", BAD, BLOCK, Space(8), 8),
    call("NtQueryInformationByName", Object(r"\??\C:\t\old.txt"), BLOCK, Space(0x48, same=False), 0x48, 68),
    call("NtQueryQuotaInformationFile", BAD, BLOCK, Space(8), 8, 0, 0, 0, 0, 0),
    call("NtSetQuotaInformationFile", BAD, BLOCK, Space(8), 8),
    call("NtSetVolumeInformationFile", BAD, BLOCK, Space(8), 8, 2),
    call("NtReadFileScatter", BAD, 0, 0, 0, BLOCK, Space(8), 0x1000, 0, 0),
    call("NtWriteFileGather", BAD, 0, 0, 0, BLOCK, Space(8), 0x1000, 0, 0),
    call(
        "NtCreateNamedPipeFile",
        Give(HANDLE, "pipe"),
        0xC0100000,
        Object(PIPE),
        BLOCK,
        3,
        2,
        0x20,
        0,
        0,
        0,
        1,
        0x1000,
        0x1000,
        Take(LARGE_INTEGER, -500_000),
    ),
    call("NtCreateFile", Give(HANDLE, "client"), 0xC0100000, Object(PIPE), BLOCK, 0, 0, 0, 1, 0x20, 0, 0),
    call("NtWriteFile", Value("client"), 0, 0, 0, BLOCK, Space(3, contents=b"abc"), 3, 0, 0),
    call("NtReadFile", Value("pipe"), 0, 0, 0, BLOCK, Space(8), 8, 0, 0),
)
