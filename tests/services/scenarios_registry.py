"""Lines of the generated program: the registry."""

from __future__ import annotations

from service_program import Call, Give, Object, Space, Take, Text, Value, call

from wowsim.nt.abi import HANDLE, ULONG

BAD = 0x4440
ALL = 0xF003F
KEY = r"\Registry\Machine\System\same"
HIVE = r"\??\C:\t\hive.reg"

REGISTRY: tuple[Call, ...] = (
    call("NtCreateKey", Give(HANDLE, "key"), ALL, Object(KEY), 0, 0, 0, Give(ULONG)),
    call("NtCreateKey", Give(HANDLE, "again"), ALL, Object(KEY.upper()), 0, 0, 0, Give(ULONG)),
    call("NtCreateKey", Give(HANDLE, "sub"), ALL, Object(KEY + r"\Sub"), 0, Text("a class"), 0, 0),
    call("NtCreateKey", Give(HANDLE), ALL, Object(KEY + r"\a\b"), 0, 0, 0, 0),
    call("NtOpenKey", Give(HANDLE), 0x20019, Object(KEY)),
    call("NtOpenKey", Give(HANDLE), 0x20019, Object(KEY + r"\none")),
    call("NtOpenKeyEx", Give(HANDLE), 0x20019, Object(KEY + r"\sub"), 0),
    call("NtSetValueKey", Value("key"), Text("Number"), 0, 4, Space(4, contents=b"\x2a\0\0\0"), 4),
    call("NtSetValueKey", Value("key"), Text("Text"), 0, 1, Space(6, contents=b"h\0i\0\0\0"), 6),
    call("NtSetValueKey", BAD, Text("Text"), 0, 1, 0, 0),
    call("NtQueryValueKey", Value("key"), Text("NUMBER"), 2, Space(16), 16, Give(ULONG)),
    call("NtQueryValueKey", Value("key"), Text("Text"), 1, Space(64), 64, Give(ULONG)),
    call("NtQueryValueKey", Value("key"), Text("Text"), 2, Space(13), 13, Give(ULONG)),
    call("NtQueryValueKey", Value("key"), Text("None"), 2, Space(16), 16, Give(ULONG)),
    call("NtEnumerateValueKey", Value("key"), 0, 0, Space(64), 64, Give(ULONG)),
    call("NtEnumerateValueKey", Value("key"), 2, 0, Space(64), 64, Give(ULONG)),
    call("NtEnumerateKey", Value("key"), 0, 0, Space(64, same=False), 64, Give(ULONG)),
    call("NtEnumerateKey", Value("key"), 1, 0, Space(64, same=False), 64, Give(ULONG)),
    call("NtQueryKey", Value("key"), 3, Space(0x80), 0x80, Give(ULONG)),
    call("NtQueryKey", Value("key"), 3, Space(4), 4, Give(ULONG)),
    call("NtQueryMultipleValueKey", Value("key"), 0, 0, Space(16), Take(ULONG, 16), Give(ULONG)),
    call("NtFlushKey", Value("key")),
    call("NtRenameKey", Value("sub"), Text("Renamed")),
    call("NtOpenKey", Give(HANDLE), 0x20019, Object(KEY + r"\Renamed")),
    call("NtSetInformationKey", Value("key"), 0, Space(8, contents=bytes(8)), 8),
    call("NtQueryOpenSubKeys", Object(KEY), Give(ULONG)),
    call("NtQueryOpenSubKeysEx", Object(KEY), 4, Space(4), Give(ULONG)),
    call("NtDeleteKey", Value("key")),
    call("NtDeleteKey", Value("sub")),
    call("NtDeleteValueKey", Value("key"), Text("Number")),
    call("NtDeleteValueKey", Value("key"), Text("Number")),
    call("NtDeleteKey", Value("key")),
    call("NtQueryKey", Value("again"), 3, Space(0x80), 0x80, Give(ULONG)),
    call("NtCompressKey", Value("key")),
    call("NtLockRegistryKey", Value("key")),
    call("NtFreezeRegistry", 1),
    call("NtThawRegistry"),
    call("NtInitializeRegistry", 0),
    call("NtLoadKey", Object(KEY), Object(HIVE)),
    call("NtLoadKey2", Object(KEY), Object(HIVE), 0),
    call("NtLoadKeyEx", Object(KEY), Object(HIVE), 0, 0, 0, 0, 0, 0),
    call("NtUnloadKey", Object(KEY)),
    call("NtUnloadKey2", Object(KEY), 0),
    call("NtUnloadKeyEx", Object(KEY), 0),
    call("NtReplaceKey", Object(HIVE), BAD, Object(HIVE)),
    call("NtRestoreKey", BAD, BAD, 0),
    call("NtSaveKey", BAD, BAD),
    call("NtSaveKeyEx", BAD, BAD, 1),
    call("NtSaveMergedKeys", BAD, BAD, BAD),
)
