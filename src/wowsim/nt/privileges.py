"""Privileges by number and name (winnt.h; wdm.h SE_*_PRIVILEGE). Who may import it: everybody."""

from __future__ import annotations

_NAMES = """
SeCreateTokenPrivilege SeAssignPrimaryTokenPrivilege SeLockMemoryPrivilege SeIncreaseQuotaPrivilege
SeMachineAccountPrivilege SeTcbPrivilege SeSecurityPrivilege SeTakeOwnershipPrivilege
SeLoadDriverPrivilege SeSystemProfilePrivilege SeSystemtimePrivilege SeProfileSingleProcessPrivilege
SeIncreaseBasePriorityPrivilege SeCreatePagefilePrivilege SeCreatePermanentPrivilege SeBackupPrivilege
SeRestorePrivilege SeShutdownPrivilege SeDebugPrivilege SeAuditPrivilege SeSystemEnvironmentPrivilege
SeChangeNotifyPrivilege SeRemoteShutdownPrivilege SeUndockPrivilege SeSyncAgentPrivilege
SeEnableDelegationPrivilege SeManageVolumePrivilege SeImpersonatePrivilege SeCreateGlobalPrivilege
SeTrustedCredManAccessPrivilege SeRelabelPrivilege SeIncreaseWorkingSetPrivilege SeTimeZonePrivilege
SeCreateSymbolicLinkPrivilege SeDelegateSessionUserImpersonatePrivilege
"""
FIRST = 2
NAMES = dict(enumerate(_NAMES.split(), FIRST))
"""Low part of the LUID -> name."""
NUMBERS = {name: number for number, name in NAMES.items()}
