"""Opening, duplicating, comparing and using access tokens (nt!Se, nt!Ps).

Leaves out creating tokens from nothing (nobody holds SeCreateTokenPrivilege) and app containers.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import Annotated

from wowsim.errors import GuestFault
from wowsim.kernel import privileges
from wowsim.kernel.context import Kernel
from wowsim.kernel.objects import OBJ_INHERIT
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process, Thread
from wowsim.kernel.token import (
    ANONYMOUS_LEVEL,
    DELEGATION,
    GROUP_DENY_ONLY,
    GROUP_ENABLED,
    IMPERSONATION,
    IMPERSONATION_LEVEL,
    PRIMARY,
    TOKEN_DUPLICATE,
    TOKEN_QUERY,
    Token,
    anonymous_token,
    effective_token,
    process_token,
)
from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    ULONG,
    In,
    Out,
    Unconverted,
)
from wowsim.nt.security_structures import (
    TOKEN_DEFAULT_DACL,
    TOKEN_OWNER,
    TOKEN_PRIMARY_GROUP,
    TOKEN_SOURCE,
    TOKEN_USER,
)
from wowsim.nt.status import (
    STATUS_BAD_IMPERSONATION_LEVEL,
    STATUS_BAD_TOKEN_TYPE,
    STATUS_CANT_OPEN_ANONYMOUS,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_TOKEN,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import LUID, OBJECT_ATTRIBUTES

PROCESS_QUERY_INFORMATION, PROCESS_QUERY_LIMITED = 0x400, 0x1000
THREAD_QUERY_INFORMATION, THREAD_IMPERSONATE, THREAD_DIRECT_IMPERSONATION = 0x40, 0x100, 0x200
_CURRENT_PROCESS_TOKEN, _CURRENT_THREAD_TOKEN, _EFFECTIVE_TOKEN = ((1 << 64) - n for n in (4, 5, 6))


def find_token(k: Kernel, handle: int, access: int) -> Token:
    """The token to ask: behind a handle, or behind -4 to -6 where the build has these.

    Raises:
        GuestFault: as :meth:`HandleTable.lookup`; STATUS_NO_TOKEN for the thread's own token without one.
    """
    if (k.build.token_pseudo_handles or k.every_class) and handle >= _EFFECTIVE_TOKEN:
        if handle == _CURRENT_THREAD_TOKEN:
            if k.thread.token is None:
                raise GuestFault(STATUS_NO_TOKEN)
            return k.thread.token
        found = {_CURRENT_PROCESS_TOKEN: process_token, _EFFECTIVE_TOKEN: effective_token}.get(handle)
        if found is not None:
            return found(k)
    return k.handles.lookup(handle, Token, access)


# ---------------------------------------------------------------- opening
@service(Support.FULL)
def NtOpenProcessToken(
    k: Kernel, process_handle: HANDLE, desired_access: ACCESS_MASK, token_handle: Out[HANDLE]
) -> NTSTATUS:
    """Open the primary token of a process."""
    return NtOpenProcessTokenEx(k, process_handle, desired_access, ULONG(0), token_handle)


@service(Support.FULL)
def NtOpenProcessTokenEx(
    k: Kernel,
    process_handle: HANDLE,
    desired_access: ACCESS_MASK,
    handle_attributes: ULONG,
    token_handle: Out[HANDLE],
) -> NTSTATUS:
    """Open the primary token of a process, with handle attributes.

    PROCESS_QUERY_LIMITED_INFORMATION is enough (MS docs, OpenProcessToken).
    """
    _, granted = k.handles.lookup_granted(process_handle, Process)
    if not granted & (PROCESS_QUERY_INFORMATION | PROCESS_QUERY_LIMITED):
        k.handles.lookup(process_handle, Process, PROCESS_QUERY_INFORMATION)
    return _open(k, process_token(k), desired_access, handle_attributes, token_handle)


@service(Support.FULL)
def NtOpenThreadToken(
    k: Kernel,
    thread_handle: HANDLE,
    desired_access: ACCESS_MASK,
    open_as_self: BOOLEAN,
    token_handle: Out[HANDLE],
) -> NTSTATUS:
    """Open the token that a thread impersonates."""
    return NtOpenThreadTokenEx(k, thread_handle, desired_access, open_as_self, ULONG(0), token_handle)


@service(Support.FULL)
def NtOpenThreadTokenEx(
    k: Kernel,
    thread_handle: HANDLE,
    desired_access: ACCESS_MASK,
    open_as_self: BOOLEAN,
    handle_attributes: ULONG,
    token_handle: Out[HANDLE],
) -> NTSTATUS:
    """Open the token that a thread impersonates; STATUS_NO_TOKEN where it impersonates nobody.

    A token of the anonymous level cannot be opened (STATUS_CANT_OPEN_ANONYMOUS, [MS-ERREF]).
    """
    thread = k.handles.lookup(thread_handle, Thread, THREAD_QUERY_INFORMATION)
    if thread.token is None:
        return STATUS_NO_TOKEN
    if thread.token.level == ANONYMOUS_LEVEL:
        return STATUS_CANT_OPEN_ANONYMOUS
    return _open(k, thread.token, desired_access, handle_attributes, token_handle)


def _open(k: Kernel, token: Token, desired: int, attributes: int, handle: Out[HANDLE]) -> NTSTATUS:
    access = Token.mapping.grant(desired)
    handle.set(HANDLE(k.handles.insert(token, access, attributes & OBJ_INHERIT)))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- making
@service(Support.PARTIAL, "SECURITY_QUALITY_OF_SERVICE: the level only")
def NtDuplicateToken(
    k: Kernel,
    existing_token_handle: HANDLE,
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    effective_only: BOOLEAN,
    token_type: ULONG,
    new_token_handle: Out[HANDLE],
) -> NTSTATUS:
    """A token like another one, of either type; an impersonation level can be lowered, never raised.

    Desired access 0 asks for the rights of the existing handle (MS docs, NtDuplicateToken).
    """
    token = k.handles.lookup(existing_token_handle, Token, TOKEN_DUPLICATE)
    granted = k.handles.lookup_granted(existing_token_handle, Token)[1]
    if token_type not in (PRIMARY, IMPERSONATION):
        return STATUS_INVALID_PARAMETER
    level = ANONYMOUS_LEVEL
    if object_attributes is not None and object_attributes.SecurityQualityOfService:
        raw = k.memory.read(object_attributes.SecurityQualityOfService, 12)
        level = int.from_bytes(raw[4:8], "little")
    if level > DELEGATION:
        return STATUS_BAD_IMPERSONATION_LEVEL
    if token.type == IMPERSONATION:
        if token_type == IMPERSONATION and level > token.level:
            return STATUS_BAD_IMPERSONATION_LEVEL
        if token_type == PRIMARY and token.level < IMPERSONATION_LEVEL:
            return STATUS_BAD_IMPERSONATION_LEVEL
    access = Token.mapping.grant(desired_access) if desired_access else granted
    made = token.copy(k, type=token_type, level=level if token_type == IMPERSONATION else ANONYMOUS_LEVEL)
    if effective_only:
        _keep_effective(made)
    inherit = 0 if object_attributes is None else object_attributes.Attributes & OBJ_INHERIT
    new_token_handle.set(HANDLE(k.handles.insert(made, access, inherit)))
    return STATUS_SUCCESS


def _keep_effective(token: Token) -> None:
    """Leave only what is enabled, or there for denying."""
    kept = GROUP_ENABLED | GROUP_DENY_ONLY
    token.groups = {who: a for who, a in token.groups.items() if a & kept}
    token.privileges = {n: a for n, a in token.privileges.items() if a & privileges.ENABLED}


@service(Support.PARTIAL, "for a caller without the privilege")
def NtCreateToken(
    k: Kernel,
    token_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    token_type: ULONG,
    authentication_id: In[LUID],
    expiration_time: In[LARGE_INTEGER],
    user: In[TOKEN_USER],
    groups: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    token_privileges: PVOID,
    owner: In[TOKEN_OWNER] | None,
    primary_group: In[TOKEN_PRIMARY_GROUP],
    default_dacl: In[TOKEN_DEFAULT_DACL] | None,
    token_source: In[TOKEN_SOURCE],
) -> NTSTATUS:
    """Needs SeCreateTokenPrivilege, which no token here holds."""
    return STATUS_PRIVILEGE_NOT_HELD


# ---------------------------------------------------------------- comparing, impersonating
@service(Support.FULL)
def NtCompareTokens(
    k: Kernel, first_token_handle: HANDLE, second_token_handle: HANDLE, equal: Out[BOOLEAN]
) -> NTSTATUS:
    """Whether two tokens are equivalent for access checks (MS docs, NtCompareTokens)."""
    first = find_token(k, first_token_handle, TOKEN_QUERY)
    second = find_token(k, second_token_handle, TOKEN_QUERY)
    same = first is second or _contents(first) == _contents(second)
    equal.set(BOOLEAN(int(same)))
    return STATUS_SUCCESS


def _contents(token: Token) -> tuple[object, ...]:
    return (
        (token.user, token.user_attributes),
        token.groups,
        token.restricted,
        token.privileges if token.restricted else set(token.privileges),
        token.integrity,
    )


@service(Support.FULL)
def NtImpersonateAnonymousToken(k: Kernel, thread_handle: HANDLE) -> NTSTATUS:
    """Let a thread act as the anonymous logon."""
    thread = k.handles.lookup(thread_handle, Thread, THREAD_IMPERSONATE)
    thread.token = anonymous_token(k)
    return STATUS_SUCCESS


@service(Support.PARTIAL, "SECURITY_QUALITY_OF_SERVICE: the level only")
def NtImpersonateThread(
    k: Kernel, server_thread_handle: HANDLE, client_thread_handle: HANDLE, security_qos: PVOID
) -> NTSTATUS:
    """Let one thread act as another does."""
    server = k.handles.lookup(server_thread_handle, Thread, THREAD_DIRECT_IMPERSONATION)
    client = k.handles.lookup(client_thread_handle, Thread, THREAD_IMPERSONATE)
    level = int.from_bytes(k.memory.read(security_qos, 12)[4:8], "little")
    source = client.token or process_token(k)
    if level > DELEGATION or (client.token is not None and level > client.token.level):
        return STATUS_BAD_IMPERSONATION_LEVEL
    server.token = source.copy(k, type=IMPERSONATION, level=level)
    return STATUS_SUCCESS


def impersonate(k: Kernel, thread: Thread, handle: int) -> NTSTATUS:
    """ThreadImpersonationToken: handle 0 ends it; a primary token is no impersonation token."""
    if not handle:
        thread.token = None
        return STATUS_SUCCESS
    token = k.handles.lookup(handle, Token, 4)  # TOKEN_IMPERSONATE
    if token.type != IMPERSONATION:
        return STATUS_BAD_TOKEN_TYPE
    thread.token = token
    return STATUS_SUCCESS
