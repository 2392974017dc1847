"""Services on hive files and on the registry as a whole, which an ordinary process may not use (nt!Cm).

Each begins by asking for a privilege (SeBackupPrivilege to save, SeRestorePrivilege for the rest: Microsoft Learn,
RegLoadKey, RegSaveKey, RegRestoreKey, RegReplaceKey). Without it the answer is Windows' own,
STATUS_PRIVILEGE_NOT_HELD; where it is enabled, and for an application hive, which needs none, wowsim refuses by name.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.privileged import demand
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import ACCESS_MASK, HANDLE, NTSTATUS, PVOID, ULONG, USHORT, In, Out
from wowsim.nt.status import STATUS_ACCESS_DENIED
from wowsim.nt.structures import OBJECT_ATTRIBUTES

REG_APP_HIVE = 0x10
BACKUP, RESTORE = "SeBackupPrivilege", "SeRestorePrivilege"
_refused = service(Support.PARTIAL, "for a caller without the privilege")


def _refuse(k: Kernel, name: str, privilege: str) -> NTSTATUS:
    """Windows' own answer to a caller without the privilege; there are no hive files for one with it."""
    demand(k, privilege)
    raise Unsupported(f"{name} is not implemented")


@_refused
def NtLoadKey(k: Kernel, target_key: In[OBJECT_ATTRIBUTES], source_file: In[OBJECT_ATTRIBUTES]) -> NTSTATUS:
    """Mount a hive."""
    return _refuse(k, "NtLoadKey", RESTORE)


@_refused
def NtLoadKey2(
    k: Kernel, target_key: In[OBJECT_ATTRIBUTES], source_file: In[OBJECT_ATTRIBUTES], flags: ULONG
) -> NTSTATUS:
    """Mount a hive, with options."""
    return _refuse(k, "NtLoadKey2", RESTORE)


@_refused
def NtLoadKeyEx(
    k: Kernel,
    target_key: In[OBJECT_ATTRIBUTES],
    source_file: In[OBJECT_ATTRIBUTES],
    flags: ULONG,
    trust_class_key: HANDLE,
    event: HANDLE,
    desired_access: ACCESS_MASK,
    root_handle: Out[HANDLE] | None,
    reserved: PVOID,
) -> NTSTATUS:
    """Mount a hive; the caller may ask for an application hive."""
    if flags & REG_APP_HIVE:
        raise Unsupported("NtLoadKeyEx(REG_APP_HIVE) is not implemented")
    return _refuse(k, "NtLoadKeyEx", RESTORE)


@_refused
def NtUnloadKey(k: Kernel, target_key: In[OBJECT_ATTRIBUTES]) -> NTSTATUS:
    """Unmount a hive."""
    return _refuse(k, "NtUnloadKey", RESTORE)


@_refused
def NtUnloadKey2(k: Kernel, target_key: In[OBJECT_ATTRIBUTES], flags: ULONG) -> NTSTATUS:
    """Unmount a hive, with options."""
    return _refuse(k, "NtUnloadKey2", RESTORE)


@_refused
def NtUnloadKeyEx(k: Kernel, target_key: In[OBJECT_ATTRIBUTES], event: HANDLE) -> NTSTATUS:
    """Unmount a hive when nobody uses it any longer."""
    return _refuse(k, "NtUnloadKeyEx", RESTORE)


@_refused
def NtSaveKey(k: Kernel, key_handle: HANDLE, file_handle: HANDLE) -> NTSTATUS:
    """Write a key and what is below it to a hive file."""
    return _refuse(k, "NtSaveKey", BACKUP)


@_refused
def NtSaveKeyEx(k: Kernel, key_handle: HANDLE, file_handle: HANDLE, format: ULONG) -> NTSTATUS:
    """The same, in a format of the caller's choice."""
    return _refuse(k, "NtSaveKeyEx", BACKUP)


@_refused
def NtSaveMergedKeys(
    k: Kernel, high_precedence_key_handle: HANDLE, low_precedence_key_handle: HANDLE, file_handle: HANDLE
) -> NTSTATUS:
    """The same, of two keys laid over each other."""
    return _refuse(k, "NtSaveMergedKeys", BACKUP)


@_refused
def NtRestoreKey(k: Kernel, key_handle: HANDLE, file_handle: HANDLE, flags: ULONG) -> NTSTATUS:
    """Read a key and what is below it from a hive file."""
    return _refuse(k, "NtRestoreKey", RESTORE)


@_refused
def NtReplaceKey(
    k: Kernel, new_file: In[OBJECT_ATTRIBUTES], target_handle: HANDLE, old_file: In[OBJECT_ATTRIBUTES]
) -> NTSTATUS:
    """Use another file for a hive from the next start on."""
    return _refuse(k, "NtReplaceKey", RESTORE)


@_refused
def NtQueryOpenSubKeysEx(
    k: Kernel,
    target_key: In[OBJECT_ATTRIBUTES],
    buffer_length: ULONG,
    buffer: PVOID,
    required_size: Out[ULONG],
) -> NTSTATUS:
    """Which keys of a hive are open, by whom (needs SeRestorePrivilege: Microsoft Learn)."""
    return _refuse(k, "NtQueryOpenSubKeysEx", RESTORE)


@_refused
def NtCompressKey(k: Kernel, key_handle: HANDLE) -> NTSTATUS:
    """Write a hive anew without its holes (the privilege is unverified)."""
    return _refuse(k, "NtCompressKey", RESTORE)


@_refused
def NtLockRegistryKey(k: Kernel, key_handle: HANDLE) -> NTSTATUS:
    """Make a hive read-only; drivers only (the status is unverified)."""
    return _refuse(k, "NtLockRegistryKey", RESTORE)


@_refused
def NtFreezeRegistry(k: Kernel, time_out_in_seconds: ULONG) -> NTSTATUS:
    """Hold back writes while a volume is copied (the privilege is unverified)."""
    return _refuse(k, "NtFreezeRegistry", RESTORE)


@_refused
def NtThawRegistry(k: Kernel) -> NTSTATUS:
    """End that (the privilege is unverified)."""
    return _refuse(k, "NtThawRegistry", RESTORE)


@service(Support.PARTIAL, "after smss.exe has called it")
def NtInitializeRegistry(k: Kernel, boot_condition: USHORT) -> NTSTATUS:
    """Called once, while Windows starts; later it refuses (the status is unverified)."""
    return STATUS_ACCESS_DENIED
