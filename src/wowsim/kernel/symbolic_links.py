r"""Symbolic link objects: making, opening and reading them (nt!Ob).

Leaves out NtSetInformationSymbolicLink. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.namespace import SymbolicLink
from wowsim.kernel.naming import Place, create_object, open_object
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import ACCESS_MASK, HANDLE, NTSTATUS, ULONG, USHORT, In, InOut, Out
from wowsim.nt.status import STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

SYMBOLIC_LINK_QUERY = 0x1


@service(Support.FULL)
def NtCreateSymbolicLinkObject(
    k: Kernel,
    link_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    link_target: In[UNICODE_STRING],
) -> NTSTATUS:
    """Make a link. Its target need not exist; that an empty one is refused is unverified."""
    access = SymbolicLink.mapping.grant(desired_access)
    if link_target.Length == 0 or link_target.Length & 1 or link_target.Length > link_target.MaximumLength:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    target = k.text_of(link_target)

    def make(place: Place | None) -> SymbolicLink:
        return SymbolicLink(target, k.clock.now)

    return create_object(k, SymbolicLink, object_attributes, access, link_handle, make)


@service(Support.FULL)
def NtOpenSymbolicLinkObject(
    k: Kernel,
    link_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    """Open the link itself."""
    return open_object(k, SymbolicLink, object_attributes, desired_access, link_handle)


@service(Support.FULL)
def NtQuerySymbolicLinkObject(
    k: Kernel, link_handle: HANDLE, link_target: InOut[UNICODE_STRING], returned_length: Out[ULONG] | None
) -> NTSTATUS:
    """Where a link leads, in the caller's buffer; the terminator counts in the returned length alone (MS docs)."""
    data = utf16(k.handles.lookup(link_handle, SymbolicLink, SYMBOLIC_LINK_QUERY).target)
    room = link_target.value
    if returned_length is not None:
        returned_length.set(ULONG(len(data) + 2))
    if room.MaximumLength < len(data):
        return STATUS_BUFFER_TOO_SMALL
    text = data + b"\0\0" if room.MaximumLength >= len(data) + 2 else data
    k.memory.write(room.Buffer, text)
    link_target.set(UNICODE_STRING(USHORT(len(data)), room.MaximumLength, room.Buffer))
    return STATUS_SUCCESS
