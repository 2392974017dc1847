"""Security descriptors that a caller hands over, and those that objects have without (nt!SeCaptureSecurityDescriptor).

Sources: [MS-DTYP] sections 2.4.6 and 2.5.3.4. Leaves out inheritance from containers. Who may import it: the kernel
package.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.access_check import map_generic
from wowsim.kernel.token import effective_token
from wowsim.nt import security
from wowsim.nt.security import (
    SE_DACL_PRESENT,
    SE_SACL_PRESENT,
    SE_SELF_RELATIVE,
    Ace,
    SecurityDescriptor,
    aces,
    acl,
    acl_size,
    sid_size,
)
from wowsim.nt.status import STATUS_UNKNOWN_REVISION

if TYPE_CHECKING:
    from wowsim.kernel.access import GenericMapping
    from wowsim.kernel.context import Kernel
    from wowsim.nt.structures import OBJECT_ATTRIBUTES

_ABSOLUTE = {32: struct.Struct("<BBHIIII"), 64: struct.Struct("<BBH4xQQQQ")}


def capture_descriptor(k: Kernel, address: int) -> SecurityDescriptor:
    """The descriptor at ``address``, self-relative or absolute in the kernel's width.

    Raises:
        GuestFault: bad memory, STATUS_UNKNOWN_REVISION, a malformed SID or ACL.
    """
    revision, _, control = struct.unpack("<BBH", k.memory.read(address, 4))
    if revision != 1:
        raise GuestFault(STATUS_UNKNOWN_REVISION)
    relative = control & SE_SELF_RELATIVE
    shape = _ABSOLUTE[32 if relative else k.width]
    pointers = shape.unpack(k.memory.read(address, shape.size))[3:]
    owner, group, sacl, dacl = (address + p if relative and p else p for p in pointers)
    return SecurityDescriptor(
        _sid_at(k, owner),
        _sid_at(k, group),
        _acl_at(k, dacl) if control & SE_DACL_PRESENT else None,
        _acl_at(k, sacl) if control & SE_SACL_PRESENT else None,
        control & ~SE_SELF_RELATIVE,
    )


def _sid_at(k: Kernel, address: int) -> bytes | None:
    return k.memory.read(address, sid_size(k.memory.read(address, 2))) if address else None


def _acl_at(k: Kernel, address: int) -> bytes | None:
    if not address:
        return None
    found = k.memory.read(address, acl_size(k.memory.read(address, security.ACL_HEADER)))
    aces(found)
    return found


def default_descriptor(k: Kernel, mapping: GenericMapping) -> SecurityDescriptor:
    """What the caller's token makes for an object of that type."""
    token = effective_token(k)
    if token.default_dacl is None:
        return SecurityDescriptor(token.owner, token.primary_group)
    entries = (
        Ace(e.type, e.flags, map_generic(e.mask, mapping), e.sid) if e.sid else e
        for e in aces(token.default_dacl)
    )
    return SecurityDescriptor(token.owner, token.primary_group, acl(*entries), control=SE_DACL_PRESENT)


def given_descriptor(k: Kernel, attributes: OBJECT_ATTRIBUTES | None) -> SecurityDescriptor | None:
    """The descriptor in OBJECT_ATTRIBUTES, if there is one; it is looked at also where an object exists already.

    Raises:
        GuestFault: as for :func:`capture_descriptor`.
    """
    if attributes is None or not attributes.SecurityDescriptor:
        return None
    return capture_descriptor(k, attributes.SecurityDescriptor)


def completed(k: Kernel, given: SecurityDescriptor, mapping: GenericMapping) -> SecurityDescriptor:
    """The descriptor of a new object: what the caller gave, the rest as its token makes it; rights not generic."""
    default = default_descriptor(k, mapping)
    dacl, control = given.dacl, given.control
    if not control & SE_DACL_PRESENT:
        dacl, control = default.dacl, control | default.control & SE_DACL_PRESENT
    elif dacl is not None:
        entries = (
            Ace(e.type, e.flags, map_generic(e.mask, mapping), e.sid) if e.sid else e for e in aces(dacl)
        )
        dacl = acl(*entries)
    return replace(
        given,
        owner=given.owner or default.owner,
        group=given.group or default.group,
        dacl=dacl,
        control=control,
    )
