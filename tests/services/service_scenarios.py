"""What the generated program does: one line a call, every implemented service at least once.

Within a scenario a cell keeps its name; what one call gives, a later one takes. Extend it by lines: a new service
without a line here, or in :data:`EXEMPT` with a reason, fails the test. Lines of services that wowsim or the build
does not have are left out.
"""

from __future__ import annotations

from scenarios_files import FILES as MORE_FILES
from scenarios_files import PORTS
from scenarios_objects import MEMORY as MORE_MEMORY
from scenarios_objects import OBJECTS as NAMES
from scenarios_registry import REGISTRY
from scenarios_system import JOBS, PROCESSES, STATE, TOKENS
from service_program import Call, Give, Handles, Object, Size, Space, Take, Text, Value, call

from wowsim.nt.abi import BOOLEAN, HANDLE, LARGE_INTEGER, LONG, PVOID, SIZE_T, ULONG
from wowsim.nt.memory_structures import MEMORY_BASIC_INFORMATION, SECTION_BASIC_INFORMATION
from wowsim.nt.structures import (
    CLIENT_ID,
    EVENT_BASIC_INFORMATION,
    FILE_BASIC_INFORMATION,
    FILE_FS_SIZE_INFORMATION,
    FILE_NETWORK_OPEN_INFORMATION,
    FILE_STANDARD_INFORMATION,
    IO_STATUS_BLOCK,
    LUID,
    MUTANT_BASIC_INFORMATION,
    OBJECT_BASIC_INFORMATION,
    PROCESS_BASIC_INFORMATION,
    SEMAPHORE_BASIC_INFORMATION,
    SYSTEM_BASIC_INFORMATION,
    THREAD_BASIC_INFORMATION,
    TIMER_BASIC_INFORMATION,
)

FILES = {r"C:\t\old.txt": b"0123456789", r"C:\t\second.txt": b"x"}
"""What lies on the volume before."""
PROCESS = THREAD = -1
THREAD -= 1
BAD = 0x4440
FULL = 0x1F0003
FIRST_THREAD = 0x1004
AT_ONCE = Take(LARGE_INTEGER, 0)
SOON = Take(LARGE_INTEGER, -10_000)
BLOCK = Give(IO_STATUS_BLOCK, ignore=("Status",))
TIMES = ("CreationTime", "LastAccessTime", "LastWriteTime", "ChangeTime")

EVENTS = (
    call("NtCreateEvent", Give(HANDLE, "event"), FULL, Object(r"\BaseNamedObjects\same"), 1, 0),
    call("NtCreateEvent", Give(HANDLE), FULL, Object(r"\BaseNamedObjects\same"), 1, 0),
    call("NtCreateEvent", Give(HANDLE), FULL, 0, 7, 0),
    call("NtCreateEvent", 0, FULL, 0, 1, 0),
    call("NtOpenEvent", Give(HANDLE, "again"), 0x100003, Object(r"\BaseNamedObjects\SAME")),
    call("NtOpenEvent", Give(HANDLE), FULL, Object(r"\BaseNamedObjects\none")),
    call("NtWaitForSingleObject", Value("event"), 0, AT_ONCE),
    call("NtSetEvent", Value("again"), Give(LONG)),
    call("NtQueryEvent", Value("event"), 0, Give(EVENT_BASIC_INFORMATION), 8, Give(ULONG)),
    call("NtWaitForSingleObject", Value("event"), 0, AT_ONCE),
    call("NtSetEvent", Value("event"), 0),
    call("NtResetEvent", Value("event"), Give(LONG)),
    call("NtPulseEvent", Value("event"), Give(LONG)),
    call("NtClearEvent", Value("event")),
    call("NtClearEvent", BAD),
    call("NtQueryEvent", Value("event"), 0, Give(EVENT_BASIC_INFORMATION), 7, 0),
    call("NtQueryEvent", Value("event"), 9, Give(EVENT_BASIC_INFORMATION), 8, 0),
)
MUTANTS = (
    call("NtCreateMutant", Give(HANDLE, "mutant"), 0x1F0001, Object(r"\BaseNamedObjects\mutant"), 1),
    call("NtOpenMutant", Give(HANDLE), 0x1F0001, Object(r"\BaseNamedObjects\mutant")),
    call("NtWaitForSingleObject", Value("mutant"), 0, 0),
    call("NtQueryMutant", Value("mutant"), 0, Give(MUTANT_BASIC_INFORMATION), 8, Give(ULONG)),
    call("NtReleaseMutant", Value("mutant"), Give(LONG)),
    call("NtReleaseMutant", Value("mutant"), Give(LONG)),
    call("NtReleaseMutant", Value("mutant"), Give(LONG)),
)
SEMAPHORES = (
    call("NtCreateSemaphore", Give(HANDLE, "semaphore"), 0x1F0003, Object(r"\BaseNamedObjects\sem"), 1, 3),
    call("NtCreateSemaphore", Give(HANDLE), 0x1F0003, 0, 4, 3),
    call("NtOpenSemaphore", Give(HANDLE), 0x1F0003, Object(r"\BaseNamedObjects\sem")),
    call("NtReleaseSemaphore", Value("semaphore"), 2, Give(LONG)),
    call("NtReleaseSemaphore", Value("semaphore"), 2, Give(LONG)),
    call("NtQuerySemaphore", Value("semaphore"), 0, Give(SEMAPHORE_BASIC_INFORMATION), 8, Give(ULONG)),
)
TIMERS = (
    call("NtCreateTimer", Give(HANDLE, "timer"), 0x1F0003, Object(r"\BaseNamedObjects\timer"), 0),
    call("NtOpenTimer", Give(HANDLE), 0x1F0003, Object(r"\BaseNamedObjects\timer")),
    call("NtSetTimer", Value("timer"), Take(LARGE_INTEGER, -50_000), 0, 0, 0, 0, Give(BOOLEAN)),
    call(
        "NtQueryTimer",
        Value("timer"),
        0,
        Give(TIMER_BASIC_INFORMATION, ignore=("RemainingTime",)),
        16,
        Give(ULONG),
    ),
    call("NtCancelTimer", Value("timer"), Give(BOOLEAN)),
    call("NtSetTimer", Value("timer"), SOON, 0, 0, 0, 0, Give(BOOLEAN)),
    call("NtWaitForSingleObject", Value("timer"), 0, 0),
    call("NtCancelTimer", BAD, 0),
)
WAITS = (
    call("NtCreateEvent", Give(HANDLE, "first"), FULL, 0, 0, 0),
    call("NtCreateEvent", Give(HANDLE, "second"), FULL, 0, 0, 1),
    call("NtWaitForMultipleObjects", 2, Handles(("first", "second")), 1, 0, AT_ONCE),
    call("NtWaitForMultipleObjects", 2, Handles(("first", "second")), 0, 0, AT_ONCE),
    call("NtWaitForMultipleObjects", 0, Handles(("first",)), 0, 0, AT_ONCE),
    call("NtWaitForMultipleObjects", 65, Handles(("first",)), 0, 0, AT_ONCE),
    call("NtSignalAndWaitForSingleObject", Value("first"), Value("second"), 0, AT_ONCE),
    call("NtDelayExecution", 0, SOON),
    call("NtDelayExecution", 0, 0x10),
    call("NtWaitForAlertByThreadId", 0, AT_ONCE),
    call("NtAlertThreadByThreadId", 0x44),
    call("NtAlertThreadByThreadId", FIRST_THREAD),
    call("NtWaitForAlertByThreadId", 0, AT_ONCE),
    call("NtTestAlert"),
    call("NtAlertThread", THREAD),
    call("NtTestAlert"),
    call("NtYieldExecution"),
    call("NtCreateKeyedEvent", Give(HANDLE, "keyed"), 0xF0003, Object(r"\KernelObjects\mine"), 0),
    call("NtOpenKeyedEvent", Give(HANDLE), 0xF0003, Object(r"\KernelObjects\mine")),
    call("NtWaitForKeyedEvent", Value("keyed"), 0x1000, 0, SOON),
    call("NtReleaseKeyedEvent", Value("keyed"), 0x1000, 0, SOON),
    call("NtReleaseKeyedEvent", Value("keyed"), 0x1001, 0, SOON),
)
FILE_CALLS = (
    call(
        "NtCreateFile",
        Give(HANDLE, "file"),
        0xC0110080,
        Object(r"\??\C:\t\new.txt"),
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
        "NtCreateFile",
        Give(HANDLE),
        0xC0100080,
        Object(r"\??\C:\t\new.txt"),
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
        "NtCreateFile", Give(HANDLE), 0xC0100080, Object(r"\??\C:\none\x"), BLOCK, 0, 0x80, 7, 2, 0x60, 0, 0
    ),
    call(
        "NtCreateFile", Give(HANDLE), 0xC0100080, Object(r"\??\C:\t\new.txt"), 0x10, 0, 0x80, 7, 3, 0x60, 0, 0
    ),
    call("NtWriteFile", Value("file"), 0, 0, 0, BLOCK, Space(5, contents=b"hello"), 5, 0, 0),
    call("NtWriteFile", Value("file"), 0, 0, 0, BLOCK, 0x10, 5, 0, 0),
    call("NtFlushBuffersFile", Value("file"), BLOCK),
    call("NtReadFile", Value("file"), 0, 0, 0, BLOCK, Space(16), 16, Take(LARGE_INTEGER, 1), 0),
    call("NtReadFile", Value("file"), 0, 0, 0, BLOCK, Space(16), 16, Take(LARGE_INTEGER, 5), 0),
    call("NtQueryInformationFile", Value("file"), BLOCK, Space(24, kind=FILE_STANDARD_INFORMATION), 24, 5),
    call("NtQueryInformationFile", Value("file"), BLOCK, Space(64), 64, 9),
    call("NtQueryInformationFile", Value("file"), BLOCK, Space(4), 4, 9),
    call("NtQueryInformationFile", Value("file"), BLOCK, Space(64), 64, 0x7000),
    call("NtSetInformationFile", Value("file"), BLOCK, Take(LARGE_INTEGER, 3), 8, 20),
    call("NtSetInformationFile", Value("file"), BLOCK, Take(LARGE_INTEGER, 3), 7, 20),
    call(
        "NtQueryFullAttributesFile",
        Object(r"\??\C:\t\new.txt"),
        Give(FILE_NETWORK_OPEN_INFORMATION, ignore=TIMES),
    ),
    call("NtQueryAttributesFile", Object(r"\??\C:\t\old.txt"), Give(FILE_BASIC_INFORMATION, ignore=TIMES)),
    call("NtQueryAttributesFile", Object(r"\??\C:\t\none.txt"), Give(FILE_BASIC_INFORMATION, ignore=TIMES)),
    call(
        "NtQueryVolumeInformationFile", Value("file"), BLOCK, Space(24, kind=FILE_FS_SIZE_INFORMATION), 24, 3
    ),
    call("NtQueryVolumeInformationFile", Value("file"), BLOCK, Space(8), 8, 4),
    call("NtOpenFile", Give(HANDLE, "folder"), 0x100001, Object(r"\??\C:\t"), BLOCK, 7, 0x21),
    call("NtQueryDirectoryFile", Value("folder"), 0, 0, 0, BLOCK, Space(0x60), 0x60, 12, 0, Text("*.txt"), 1),
    call("NtQueryDirectoryFile", Value("folder"), 0, 0, 0, BLOCK, Space(0x200), 0x200, 12, 0, 0, 0),
    call("NtQueryDirectoryFile", Value("folder"), 0, 0, 0, BLOCK, Space(0x200), 0x200, 12, 0, 0, 0),
    call("NtDeviceIoControlFile", Value("file"), 0, 0, 0, BLOCK, 0x22FFFF, 0, 0, 0, 0),
    call("NtFsControlFile", Value("file"), 0, 0, 0, BLOCK, 0x9FFFC, 0, 0, 0, 0),
    call("NtDeleteFile", Object(r"\??\C:\t\second.txt")),
    call("NtDeleteFile", Object(r"\??\C:\t\second.txt")),
    call("NtClose", Value("folder")),
    call("NtClose", Value("folder")),
)
MEMORY = (
    call(
        "NtAllocateVirtualMemory",
        PROCESS,
        Take(PVOID, 0x20000000, "base", out=True),
        0,
        Take(SIZE_T, 0x3001, "size", out=True),
        0x3000,
        4,
    ),
    call("NtAllocateVirtualMemory", PROCESS, Take(PVOID, 0), 0, Take(SIZE_T, 0), 0x3000, 4),
    call("NtAllocateVirtualMemory", BAD, Take(PVOID, 0), 0, Take(SIZE_T, 1), 0x3000, 4),
    call(
        "NtQueryVirtualMemory",
        PROCESS,
        0x20001000,
        0,
        Give(MEMORY_BASIC_INFORMATION),
        Size(MEMORY_BASIC_INFORMATION),
        Give(SIZE_T, same=False),
    ),
    call("NtQueryVirtualMemory", PROCESS, 0x20001000, 0, Give(MEMORY_BASIC_INFORMATION), 4, 0),
    call(
        "NtProtectVirtualMemory",
        PROCESS,
        Take(PVOID, 0x20001000, out=True),
        Take(SIZE_T, 1, out=True),
        2,
        Give(ULONG),
    ),
    call("NtProtectVirtualMemory", PROCESS, Take(PVOID, 0x20001000), Take(SIZE_T, 1), 0x77, Give(ULONG)),
    call("NtWriteVirtualMemory", PROCESS, 0x20000010, Space(3, contents=b"abc"), 3, Give(SIZE_T)),
    call("NtReadVirtualMemory", PROCESS, 0x20000010, Space(8), 4, Give(SIZE_T)),
    call("NtReadVirtualMemory", PROCESS, 0x20002FFE, Space(8), 8, Give(SIZE_T)),
    call("NtFlushInstructionCache", PROCESS, 0x20000000, 16),
    call(
        "NtFreeVirtualMemory", PROCESS, Take(PVOID, 0x20000000, out=True), Take(SIZE_T, 0, out=True), 0x8000
    ),
    call("NtFreeVirtualMemory", PROCESS, Take(PVOID, 0x20000000), Take(SIZE_T, 0), 0x8000),
)
SECTIONS = (
    call("NtOpenFile", Give(HANDLE, "mapped"), 0x100003, Object(r"\??\C:\t\old.txt"), BLOCK, 7, 0x60),
    call(
        "NtCreateSection",
        Give(HANDLE, "section"),
        0xF001F,
        Object(r"\BaseNamedObjects\sec"),
        0,
        4,
        0x8000000,
        Value("mapped"),
    ),
    call("NtCreateSection", Give(HANDLE), 0xF001F, 0, 0, 4, 0x8000000, 0),
    call("NtOpenSection", Give(HANDLE), 6, Object(r"\BaseNamedObjects\sec")),
    call("NtOpenSection", Give(HANDLE), 6, Object(r"\BaseNamedObjects\nosec")),
    call(
        "NtQuerySection",
        Value("section"),
        0,
        Give(SECTION_BASIC_INFORMATION),
        Size(SECTION_BASIC_INFORMATION),
        Give(SIZE_T, same=False),
    ),
    call("NtExtendSection", Value("section"), Take(LARGE_INTEGER, 0x1800, out=True)),
    call(
        "NtMapViewOfSection",
        Value("section"),
        PROCESS,
        Take(PVOID, 0x21000000, "view", out=True),
        0,
        0,
        Take(LARGE_INTEGER, 0, out=True),
        Take(SIZE_T, 0, out=True),
        1,
        0,
        4,
    ),
    call(
        "NtMapViewOfSection",
        Value("section"),
        PROCESS,
        Take(PVOID, 0x21000001),
        0,
        0,
        0,
        Take(SIZE_T, 0),
        1,
        0,
        4,
    ),
    call(
        "NtFlushVirtualMemory", PROCESS, Take(PVOID, 0x21000000, out=True), Take(SIZE_T, 1, out=True), BLOCK
    ),
    call("NtUnmapViewOfSection", PROCESS, Value("view")),
    call("NtUnmapViewOfSection", PROCESS, Value("view")),
)
OBJECTS = (
    call("NtOpenDirectoryObject", Give(HANDLE, "directory"), 3, Object(r"\KnownDlls")),
    call("NtOpenDirectoryObject", Give(HANDLE), 3, Object(r"\Nowhere")),
    call("NtQueryObject", Value("directory"), 1, Space(0x80, same=False), 0x80, Give(ULONG, same=False)),
    call(
        "NtQueryObject",
        Value("directory"),
        0,
        Give(OBJECT_BASIC_INFORMATION, ignore=("CreationTime",)),
        0x38,
        Give(ULONG),
    ),
    call("NtQueryObject", Value("directory"), 4, Space(2), 2, Give(ULONG)),
    call("NtDuplicateObject", PROCESS, Value("directory"), PROCESS, Give(HANDLE, "copy"), 0, 2, 2),
    call("NtQueryObject", Value("copy"), 4, Space(2), 2, Give(ULONG)),
    call("NtDuplicateObject", PROCESS, BAD, PROCESS, Give(HANDLE), 0, 0, 2),
    call("NtClose", Value("copy")),
    call("NtClose", BAD),
)
THREADS = (
    call("NtCreateThreadEx", Give(HANDLE, "thread"), 0x1FFFFF, 0, PROCESS, 0x200000, 0x77, 1, 0, 0, 0, 0),
    call("NtCreateThreadEx", Give(HANDLE), 0x1FFFFF, 0, BAD, 0x200000, 0x77, 1, 0, 0, 0, 0),
    call("NtSuspendThread", Value("thread"), Give(ULONG)),
    call("NtResumeThread", Value("thread"), Give(ULONG)),
    call(
        "NtQueryInformationThread",
        Value("thread"),
        0,
        Give(THREAD_BASIC_INFORMATION, "basic", ignore=("TebBaseAddress", "ClientId")),
        Size(THREAD_BASIC_INFORMATION),
        Give(ULONG, same=False),
    ),
    call("NtQueryInformationThread", THREAD, 12, Give(ULONG), 4, Give(ULONG)),
    call("NtQueryInformationThread", THREAD, 12, Give(ULONG), 5, Give(ULONG)),
    call("NtSetInformationThread", Value("thread"), 3, Take(LONG, 1), 4),
    call("NtSetInformationThread", Value("thread"), 3, Take(LONG, 9), 4),
    call("NtQueueApcThread", Value("thread"), 0x200000, 1, 2, 3),
    call("NtQueueApcThread", BAD, 0x200000, 1, 2, 3),
    call("NtAlertResumeThread", BAD, Give(ULONG)),
    call("NtAlertThread", Value("thread")),
    call("NtWaitForSingleObject", Value("thread"), 0, AT_ONCE),
    call("NtTerminateThread", Value("thread"), 0x123),
    call("NtWaitForSingleObject", Value("thread"), 0, AT_ONCE),
    call("NtCreateThreadEx", Give(HANDLE, "other"), 0x1FFFFF, 0, PROCESS, 0x200000, 0x77, 1, 0, 0, 0, 0),
    call("NtSuspendThread", Value("other"), Give(ULONG)),
    call("NtAlertResumeThread", Value("other"), Give(ULONG)),
    call("NtTerminateThread", Value("other"), 1),
    call(
        "NtQueryInformationThread",
        THREAD,
        0,
        Give(THREAD_BASIC_INFORMATION, "own", ignore=("TebBaseAddress",)),
        Size(THREAD_BASIC_INFORMATION),
        0,
    ),
    call("NtOpenThread", Give(HANDLE), 0x1FFFFF, Object(None), Take(CLIENT_ID, (0, FIRST_THREAD))),
    call("NtOpenThread", Give(HANDLE), 0x1FFFFF, Object(None), Take(CLIENT_ID, (0, 0x9999))),
    call("NtGetContextThread", BAD, 0x10),
    call("NtSetContextThread", BAD, 0x10),
)
SYSTEM = (
    call(
        "NtQueryInformationProcess",
        PROCESS,
        0,
        Give(PROCESS_BASIC_INFORMATION),
        Size(PROCESS_BASIC_INFORMATION),
        Give(ULONG, same=False),
    ),
    call("NtQueryInformationProcess", PROCESS, 0, Give(PROCESS_BASIC_INFORMATION), 3, 0),
    call("NtQueryInformationProcess", PROCESS, 31, Give(ULONG), 4, Give(ULONG)),
    call("NtQueryInformationProcess", PROCESS, 0x7000, Give(ULONG), 4, Give(ULONG)),
    call(
        "NtQueryInformationProcess",
        BAD,
        0,
        Give(PROCESS_BASIC_INFORMATION),
        Size(PROCESS_BASIC_INFORMATION),
        0,
    ),
    call(
        "NtQuerySystemInformation",
        0,
        Give(SYSTEM_BASIC_INFORMATION, ignore=("NumberOfPhysicalPages", "MaximumUserModeAddress")),
        Size(SYSTEM_BASIC_INFORMATION),
        Give(ULONG, same=False),
    ),
    call("NtQuerySystemInformation", 0, Give(SYSTEM_BASIC_INFORMATION), 3, Give(ULONG, same=False)),
    call("NtQuerySystemTime", Give(LARGE_INTEGER, same=False)),
    call("NtQueryPerformanceCounter", Give(LARGE_INTEGER, same=False), Give(LARGE_INTEGER)),
    call("NtQueryDefaultLocale", 0, Give(ULONG)),
    call("NtAllocateLocallyUniqueId", Give(LUID)),
    call("NtAllocateLocallyUniqueId", 0),
)
END = (call("NtTerminateProcess", PROCESS, 0x5A5A),)

SCENARIOS: tuple[tuple[Call, ...], ...] = (
    TOKENS, JOBS, PROCESSES, STATE, PORTS, MORE_FILES, REGISTRY, NAMES, MORE_MEMORY,
    EVENTS, MUTANTS, SEMAPHORES, TIMERS, WAITS, FILE_CALLS, MEMORY, SECTIONS, OBJECTS, THREADS, SYSTEM,
)  # fmt: skip

EXEMPT = {
    "NtContinue": "does not come back; tests/simulation/test_exceptions.py",
    "NtContinueEx": "does not come back; the 32-bit exceptions of Wine 10, tests/simulation/test_root_process.py",
    "NtRaiseException": "does not come back; tests/simulation/test_exceptions.py",
    "NtCreateUserProcess": "has no thunk in the built-in wow64.dll; tests/kernel/test_process_creation.py",
    "NtGetNlsSectionPtr": "needs the tables of a system root; tests/kernel/test_nls.py",
    "NtInitializeNlsFiles": "needs the tables of a system root; tests/kernel/test_nls.py",
    "NtCreateThread": "takes a CONTEXT of the caller's mode; tests/kernel/test_contexts.py",
    "NtWaitForMultipleObjects32": "its handles are 32 bits wide for every caller; tests/kernel/test_waits.py",
}
"""Implemented services without a line, each with the reason and who tests it."""
_REASONS = {
    "the CONTEXT is of the caller's mode; tests/kernel/test_contexts.py": "NtGetContextThread NtSetContextThread",
    "a file of the volume takes no such code or request": """
        NtDeviceIoControlFile NtFsControlFile NtQueryEaFile NtCancelIoFileEx""",
    "the program's token lacks the privilege": """
        NtCreateToken NtLoadDriver NtUnloadDriver NtMakePermanentObject NtCreatePagingFile NtSetUuidSeed
        NtAllocateUserPhysicalPages NtFreeUserPhysicalPages NtMapUserPhysicalPages NtMapUserPhysicalPagesScatter
        NtInitiatePowerAction NtSetSystemPowerState NtSetSystemTime NtShutdownSystem NtSystemDebugControl
        NtSetSystemEnvironmentValue NtSetSystemEnvironmentValueEx NtQuerySystemEnvironmentValue
        NtQuerySystemEnvironmentValueEx NtEnumerateSystemEnvironmentValuesEx NtSetDebugFilterState NtDisplayString
        NtLoadKey NtLoadKey2 NtLoadKeyEx NtUnloadKey NtUnloadKey2 NtUnloadKeyEx NtReplaceKey NtRestoreKey NtSaveKey
        NtSaveKeyEx NtSaveMergedKeys NtFreezeRegistry NtThawRegistry NtInitializeRegistry NtLockRegistryKey
        NtCompressKey NtQueryOpenSubKeys NtQueryOpenSubKeysEx NtSetSystemInformation""",
    "the line hands over a bad handle or class; the kernel's tests have the rest": """
        NtAccessCheck NtDebugActiveProcess NtDebugContinue NtRemoveProcessDebug NtImpersonateThread NtSuspendProcess
        NtSetInformationToken NtSetSecurityObject NtSetLdtEntries NtQueryLicenseValue NtQuerySystemInformationEx
        NtCancelSynchronousIoFile NtReadFileScatter NtWriteFileGather NtSetEaFile NtQueryQuotaInformationFile
        NtSetQuotaInformationFile NtSetVolumeInformationFile NtSetIoCompletionEx NtAreMappedFilesTheSame
        NtSetInformationVirtualMemory NtQueryMultipleValueKey""",
}
NEVER_SUCCEED = {name: reason for reason, names in _REASONS.items() for name in names.split()}
"""Services whose lines only fail, with the reason."""
