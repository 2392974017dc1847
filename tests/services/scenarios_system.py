"""Lines of the generated program: tokens, security, jobs, debug objects, power, the system's own state."""

from __future__ import annotations

from service_program import Call, Give, Object, Size, Space, Take, Text, Value, call

from wowsim.nt.abi import ACCESS_MASK, BOOLEAN, HANDLE, LARGE_INTEGER, NTSTATUS, ULONG, USHORT
from wowsim.nt.structures import CLIENT_ID, LUID

BAD = 0x4440
PROCESS = -1
THREAD = -2
CHANGE_NOTIFY = b"\1\0\0\0" + b"\x17\0\0\0" + bytes(4) + b"\2\0\0\0"
"""TOKEN_PRIVILEGES: SeChangeNotifyPrivilege, enabled."""
PRIVILEGES = b"\1\0\0\0\1\0\0\0" + b"\x17\0\0\0" + bytes(4) + b"\2\0\0\0"
"""PRIVILEGE_SET of the same."""
NAME = "Kernel-OneCore-DeviceFamilyID"

TOKENS: tuple[Call, ...] = (
    call("NtOpenProcessToken", PROCESS, 0xF01FF, Give(HANDLE, "token")),
    call("NtOpenProcessToken", BAD, 0xF01FF, Give(HANDLE)),
    call("NtOpenProcessTokenEx", PROCESS, 8, 0, Give(HANDLE)),
    call("NtOpenThreadToken", THREAD, 8, 1, Give(HANDLE)),
    call("NtQueryInformationToken", Value("token"), 8, Give(ULONG), 4, Give(ULONG)),
    call("NtQueryInformationToken", Value("token"), 20, Give(ULONG), 4, Give(ULONG)),
    call("NtQueryInformationToken", Value("token"), 3, Space(0x200), 0x200, Give(ULONG)),
    call("NtQueryInformationToken", Value("token"), 3, Space(4), 4, Give(ULONG)),
    call(
        "NtQueryInformationToken", Value("token"), 1, Space(0x80, same=False), 0x80, Give(ULONG, same=False)
    ),
    call("NtQueryInformationToken", Value("token"), 0x7000, Space(8), 8, Give(ULONG)),
    call("NtDuplicateToken", Value("token"), 0xF01FF, 0, 0, 2, Give(HANDLE, "copy")),
    call("NtDuplicateToken", Value("token"), 0xF01FF, 0, 0, 9, Give(HANDLE)),
    call("NtCompareTokens", Value("token"), Value("copy"), Give(BOOLEAN)),
    call("NtFilterToken", Value("token"), 1, 0, 0, 0, Give(HANDLE)),
    call("NtAdjustPrivilegesToken", Value("token"), 0, Space(16, contents=CHANGE_NOTIFY), 16, 0, Give(ULONG)),
    call("NtAdjustGroupsToken", Value("token"), 1, 0, 0, 0, Give(ULONG)),
    call("NtPrivilegeCheck", Value("token"), Space(20, contents=PRIVILEGES), Give(BOOLEAN)),
    call("NtSetInformationToken", Value("token"), 0x7000, Space(8), 8),
    call("NtImpersonateAnonymousToken", THREAD),
    call("NtOpenThreadToken", THREAD, 8, 1, Give(HANDLE)),
    call("NtOpenThreadTokenEx", THREAD, 8, 1, 0, Give(HANDLE)),
    call("NtImpersonateThread", BAD, BAD, 0),
    call("NtSetInformationThread", THREAD, 5, Take(HANDLE, 0), Size(HANDLE)),
    call(
        "NtCreateToken",
        Give(HANDLE),
        0xF01FF,
        0,
        1,
        Take(LUID, (0, 0)),
        Take(LARGE_INTEGER, 0),
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ),
    call("NtCreateEvent", Give(HANDLE, "secured"), 0x1F0003, 0, 1, 0),
    call("NtQuerySecurityObject", Value("secured"), 7, Space(0x100), 0x100, Give(ULONG)),
    call("NtQuerySecurityObject", Value("secured"), 7, Space(4), 4, Give(ULONG)),
    call("NtSetSecurityObject", Value("secured"), 4, 0),
    call("NtAccessCheck", 0, Value("copy"), 1, 0, 0, Take(ULONG, 0), Give(ACCESS_MASK), Give(NTSTATUS)),
)
JOBS: tuple[Call, ...] = (
    call("NtCreateJobObject", Give(HANDLE, "job"), 0x1F001F, Object(r"\BaseNamedObjects\job")),
    call("NtOpenJobObject", Give(HANDLE), 0x1F001F, Object(r"\BaseNamedObjects\job")),
    call("NtIsProcessInJob", PROCESS, Value("job")),
    call("NtAssignProcessToJobObject", Value("job"), PROCESS),
    call("NtIsProcessInJob", PROCESS, Value("job")),
    call("NtQueryInformationJobObject", Value("job"), 4, Space(4), 4, Give(ULONG)),
    call("NtQueryInformationJobObject", Value("job"), 1, Space(0x30, same=False), 0x30, Give(ULONG)),
    call("NtSetInformationJobObject", Value("job"), 4, Space(4, contents=bytes(4)), 4),
    call("NtTerminateJobObject", BAD, 1),
    call("NtCreateJobObject", Give(HANDLE, "empty"), 0x1F001F, 0),
    call("NtTerminateJobObject", Value("empty"), 1),
)
PROCESSES: tuple[Call, ...] = (
    call("NtOpenProcess", Give(HANDLE), 0x1FFFFF, Object(None), Take(CLIENT_ID, (0x1000, 0))),
    call("NtOpenProcess", Give(HANDLE), 0x1FFFFF, Object(None), Take(CLIENT_ID, (0x9999, 0))),
    call("NtGetNextProcess", 0, 0x1FFFFF, 0, 0, Give(HANDLE)),
    call("NtGetNextThread", PROCESS, 0, 0x1FFFFF, 0, 0, Give(HANDLE)),
    call("NtSetInformationProcess", PROCESS, 12, Take(ULONG, 3), 4),
    call("NtSetInformationProcess", PROCESS, 12, Take(ULONG, 3), 3),
    call("NtSuspendProcess", BAD),
    call("NtResumeProcess", PROCESS),
    call("NtFlushProcessWriteBuffers"),
    call("NtGetCurrentProcessorNumber"),
    call("NtGetCurrentProcessorNumberEx", Space(4)),
    call("NtQueryPortInformationProcess"),
    call("NtSetLdtEntries", 0, 0, 0, 0, 0, 0),
    call("NtSetThreadExecutionState", 1, Give(ULONG)),
    call("NtCreateDebugObject", Give(HANDLE, "debug"), 0x1F000F, 0, 0),
    call("NtWaitForDebugEvent", Value("debug"), 0, Take(LARGE_INTEGER, 0), Space(0x60)),
    call("NtWaitForDebugEvent", BAD, 0, Take(LARGE_INTEGER, 0), Space(0x60)),
    call("NtDebugActiveProcess", PROCESS, Value("debug")),
    call("NtDebugContinue", Value("debug"), Take(CLIENT_ID, (0, 0)), 0x10002),
    call("NtRemoveProcessDebug", PROCESS, Value("debug")),
    call("NtSetInformationDebugObject", Value("debug"), 1, Take(ULONG, 1), 4, Give(ULONG)),
)
STATE: tuple[Call, ...] = (
    call(
        "NtQuerySystemInformationEx",
        107,
        Take(USHORT, 0),
        2,
        Space(0x100, same=False),
        0x100,
        Give(ULONG, same=False),
    ),
    call("NtSetSystemInformation", 0x7000, Space(8), 8),
    call("NtQueryTimerResolution", Give(ULONG), Give(ULONG), Give(ULONG)),
    call("NtSetTimerResolution", 10_000, 1, Give(ULONG)),
    call("NtSetSystemTime", Take(LARGE_INTEGER, 1), Give(LARGE_INTEGER)),
    call("NtQueryDebugFilterState", 0, 0),
    call("NtSetDebugFilterState", 0, 0, 1),
    call("NtDisplayString", Text("x")),
    call("NtQueryLicenseValue", Text(NAME), Give(ULONG), Space(8), 8, Give(ULONG)),
    call("NtQuerySystemEnvironmentValue", Text("x"), Space(8), 8, Give(USHORT)),
    call("NtQuerySystemEnvironmentValueEx", Text("x"), Space(16), Space(8), Take(ULONG, 8), Give(ULONG)),
    call("NtSetSystemEnvironmentValue", Text("x"), Text("y")),
    call("NtSetSystemEnvironmentValueEx", Text("x"), Space(16), Space(8), 8, 0),
    call("NtEnumerateSystemEnvironmentValuesEx", 1, Space(8), Take(ULONG, 8)),
    call("NtPowerInformation", 4, 0, 0, Space(0x100, same=False), 0x100),
    call("NtIsSystemResumeAutomatic"),
    call("NtInitiatePowerAction", 1, 0, 0, 0),
    call("NtSetSystemPowerState", 1, 0, 0),
    call("NtShutdownSystem", 0),
    call("NtSystemDebugControl", 0, 0, 0, 0, 0, 0),
    call("NtLoadDriver", Text(r"\Registry\Machine\System\x")),
    call("NtUnloadDriver", Text(r"\Registry\Machine\System\x")),
)
