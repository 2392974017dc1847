"""Security descriptors in guest memory, those of objects, and NtAccessCheck (nt!Se, nt!Ob).

An object has the descriptor that its maker's token gives until it is set; opening objects does not look at it
(wowsim grants what is asked for). Leaves out inheritance and audit entries.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.access import ACCESS_SYSTEM_SECURITY, GenericMapping
from wowsim.kernel.access_check import READ_CONTROL, WRITE_DAC, WRITE_OWNER, access_check
from wowsim.kernel.captured_descriptors import capture_descriptor, default_descriptor
from wowsim.kernel.context import Kernel
from wowsim.kernel.device import FileObject
from wowsim.kernel.objects import KernelObject
from wowsim.kernel.privileges import ENABLED, USED_FOR_ACCESS
from wowsim.kernel.registry_objects import Key
from wowsim.kernel.table import Support, service
from wowsim.kernel.token import (
    GROUP_OWNER,
    IDENTIFICATION,
    IMPERSONATION,
    TOKEN_QUERY,
    Token,
    effective_token,
)
from wowsim.kernel.token_handles import find_token
from wowsim.nt.abi import (
    ACCESS_MASK,
    HANDLE,
    NTSTATUS,
    PSECURITY_DESCRIPTOR,
    PVOID,
    ULONG,
    InOut,
    Out,
)
from wowsim.nt.security import (
    DACL_INFORMATION,
    GROUP_INFORMATION,
    LABEL_INFORMATION,
    OWNER_INFORMATION,
    SACL_INFORMATION,
    SecurityDescriptor,
)
from wowsim.nt.status import (
    STATUS_BAD_IMPERSONATION_LEVEL,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_GENERIC_NOT_MAPPED,
    STATUS_INVALID_OWNER,
    STATUS_INVALID_SECURITY_DESCR,
    STATUS_NO_IMPERSONATION_TOKEN,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from wowsim.kernel.nodes import Node
    from wowsim.kernel.registry_tree import KeyNode

_GENERIC_RIGHTS = 0xF0000000


# ---------------------------------------------------------------- objects
def _secured(target: KernelObject) -> KernelObject | Node | KeyNode:
    """What keeps the descriptor: every open of a file or key shares its node's."""
    node = target.node if isinstance(target, (FileObject, Key)) else None
    return target if node is None else node


def descriptor_of(k: Kernel, target: KernelObject) -> SecurityDescriptor:
    """The descriptor of an object: set, or as its maker's token makes it ([MS-DTYP] section 2.5.3.4)."""
    kept = _secured(target)
    if kept.security is None:
        kept.security = default_descriptor(k, target.mapping)
    return kept.security


@service(Support.FULL)
def NtQuerySecurityObject(
    k: Kernel,
    handle: HANDLE,
    security_information: ULONG,
    security_descriptor: PVOID,
    length: ULONG,
    length_needed: Out[ULONG],
) -> NTSTATUS:
    """The parts of an object's descriptor that were asked for, self-relative."""
    information = security_information
    access = READ_CONTROL if information & 0x17 or not information & SACL_INFORMATION else 0
    access |= ACCESS_SYSTEM_SECURITY if information & SACL_INFORMATION else 0
    target = k.handles.lookup(handle, KernelObject, access)
    data = descriptor_of(k, target).select(information).encode()
    length_needed.set(ULONG(len(data)))
    if length < len(data):
        return STATUS_BUFFER_TOO_SMALL
    k.memory.write(security_descriptor, data)
    return STATUS_SUCCESS


@service(Support.PARTIAL, "a raised integrity label does not ask for SeRelabelPrivilege")
def NtSetSecurityObject(
    k: Kernel, handle: HANDLE, security_information: ULONG, security_descriptor: PSECURITY_DESCRIPTOR
) -> NTSTATUS:
    """Replace parts of an object's descriptor; the owner must be one that the caller may name."""
    information = security_information
    access = WRITE_OWNER if information & (OWNER_INFORMATION | GROUP_INFORMATION | LABEL_INFORMATION) else 0
    access |= WRITE_DAC if information & DACL_INFORMATION else 0
    access |= ACCESS_SYSTEM_SECURITY if information & SACL_INFORMATION else 0
    target = k.handles.lookup(handle, KernelObject, access)
    new = capture_descriptor(k, security_descriptor)
    if information & OWNER_INFORMATION and not _may_own(effective_token(k), new.owner):
        return STATUS_INVALID_OWNER
    current = descriptor_of(k, target)
    _secured(target).security = current.merge(new, information)
    return STATUS_SUCCESS


def _may_own(token: Token, owner: bytes | None) -> bool:
    """The user, a group marked as owner, or anybody with SeRestorePrivilege (MS docs, SetSecurityInfo)."""
    if owner is None:
        raise GuestFault(STATUS_INVALID_SECURITY_DESCR)
    return (
        owner == token.user
        or token.groups.get(owner, 0) & GROUP_OWNER != 0
        or token.holds("SeRestorePrivilege")
    )


# ---------------------------------------------------------------- the check itself
@service(Support.FULL)
def NtAccessCheck(
    k: Kernel,
    security_descriptor: PSECURITY_DESCRIPTOR,
    client_token: HANDLE,
    desired_access: ACCESS_MASK,
    generic_mapping: PVOID,
    privilege_set: PVOID,
    privilege_set_length: InOut[ULONG],
    granted_access: Out[ACCESS_MASK],
    access_status: Out[NTSTATUS],
) -> NTSTATUS:
    """Whether a descriptor gives an impersonation token rights; the last two say so (MS docs, AccessCheck)."""
    token = find_token(k, client_token, TOKEN_QUERY)
    if token.type != IMPERSONATION:
        return STATUS_NO_IMPERSONATION_TOKEN
    if token.level < IDENTIFICATION:
        return STATUS_BAD_IMPERSONATION_LEVEL
    if desired_access & _GENERIC_RIGHTS:
        return STATUS_GENERIC_NOT_MAPPED
    mapping = GenericMapping(*struct.unpack("<4I", k.memory.read(generic_mapping, 16)))
    descriptor = capture_descriptor(k, security_descriptor)
    if descriptor.owner is None or descriptor.group is None:
        return STATUS_INVALID_SECURITY_DESCR
    outcome = access_check(token, descriptor, desired_access, mapping)
    used = b"".join(struct.pack("<IiI", n, 0, ENABLED | USED_FOR_ACCESS) for n in outcome.privileges)
    data = struct.pack("<II", len(outcome.privileges), 0) + used
    if privilege_set_length.value < len(data):
        privilege_set_length.set(ULONG(len(data)))
        return STATUS_BUFFER_TOO_SMALL
    k.memory.write(privilege_set, data)
    granted_access.set(ACCESS_MASK(outcome.granted))
    access_status.set(NTSTATUS(outcome.status))
    return STATUS_SUCCESS
