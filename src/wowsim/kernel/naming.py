r"""Creating and opening objects by name: OBJECT_ATTRIBUTES, OBJ_OPENIF, ``\BaseNamedObjects`` (nt!ObInsertObject).

Leaves out security descriptors and private namespaces. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from wowsim.errors import GuestFault
from wowsim.kernel.captured_descriptors import completed, given_descriptor
from wowsim.kernel.namespace import Directory, SymbolicLink
from wowsim.kernel.objects import OBJ_INHERIT, KernelObject
from wowsim.nt.abi import HANDLE, Out, size_of
from wowsim.nt.status import (
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_EXISTS,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.nt.abi import NTSTATUS

OBJ_PERMANENT = 0x10
OBJ_OPENIF = 0x80
OBJ_VALID_ATTRIBUTES = 0x1FF2
_SIZE = {width: size_of(OBJECT_ATTRIBUTES, width) for width in (32, 64)}
O = TypeVar("O", bound=KernelObject)  # noqa: E741 - the type of object
Place = tuple[Directory, str]
"""The directory an object has its name in, and the name."""


def create_object(
    k: Kernel,
    kind: type[O],
    attributes: OBJECT_ATTRIBUTES | None,
    access: int,
    handle: Out[HANDLE],
    make: Callable[[Place | None], O],
) -> NTSTATUS:
    """Make an object and a handle, or with OBJ_OPENIF open the one that has the name.

    Args:
        k: the kernel.
        kind: its type.
        attributes: name, directory and flags; None for an unnamed object.
        access: rights, granted already.
        handle: where the handle goes.
        make: makes the object; it is told its place.

    Returns:
        STATUS_SUCCESS, STATUS_OBJECT_NAME_EXISTS for one that was opened, or what is wrong with the name.
    """
    _check(k, attributes)
    if attributes is not None and attributes.Attributes & OBJ_PERMANENT:
        # It takes SeCreatePermanentPrivilege (Microsoft Learn, "Privilege Constants"), which no token here has.
        return STATUS_PRIVILEGE_NOT_HELD
    given = given_descriptor(k, attributes)
    place = _place_of(k, attributes)
    inherit = 0 if attributes is None else attributes.Attributes & OBJ_INHERIT
    if place is not None and attributes is not None:
        existing = place[0].lookup(place[1])
        if existing is not None:
            if not attributes.Attributes & OBJ_OPENIF:
                return STATUS_OBJECT_NAME_COLLISION
            if not isinstance(existing, kind):
                return STATUS_OBJECT_TYPE_MISMATCH
            handle.set(HANDLE(k.handles.insert(existing, access, inherit)))
            return STATUS_OBJECT_NAME_EXISTS
    made = make(place)
    if given is not None:
        made.security = completed(k, given, kind.mapping)
    if place is not None:
        place[0].add(place[1], made)
    try:
        opened = k.handles.insert(made, access, inherit)
    except GuestFault:
        made.last_handle_closed()
        raise
    handle.set(HANDLE(opened))
    return STATUS_SUCCESS


def open_object(
    k: Kernel, kind: type[O], attributes: OBJECT_ATTRIBUTES, desired_access: int, handle: Out[HANDLE]
) -> NTSTATUS:
    """Open an object by its name."""
    _check(k, attributes)
    access = kind.mapping.grant(desired_access)
    name = k.capture_string(attributes.ObjectName)
    found, rest = k.namespace.resolve(name, _root_of(k, attributes), open_link=kind is SymbolicLink)
    if rest or not isinstance(found, kind):
        return STATUS_OBJECT_TYPE_MISMATCH
    handle.set(HANDLE(k.handles.insert(found, access, attributes.Attributes & OBJ_INHERIT)))
    return STATUS_SUCCESS


def _check(k: Kernel, attributes: OBJECT_ATTRIBUTES | None) -> None:
    """What the object manager refuses before it looks at the name (Microsoft Learn, OBJECT_ATTRIBUTES)."""
    if attributes is None:
        return
    if attributes.Length != _SIZE[k.width] or attributes.Attributes & ~OBJ_VALID_ATTRIBUTES:
        raise GuestFault(STATUS_INVALID_PARAMETER)


def _place_of(k: Kernel, attributes: OBJECT_ATTRIBUTES | None) -> Place | None:
    """Directory and last component that a name means, or None without a name."""
    name = "" if attributes is None else k.capture_string(attributes.ObjectName)
    if attributes is None or not name:
        return None
    root = _root_of(k, attributes)
    if (root is None) != name.startswith("\\"):
        raise GuestFault(STATUS_OBJECT_PATH_SYNTAX_BAD)
    parent, _, leaf = name.rpartition("\\")
    directory = root if root is not None and not parent else _directory(k, parent or "\\", root)
    if not isinstance(directory, Directory):
        raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
    if not leaf or parent.endswith("\\"):
        raise GuestFault(STATUS_OBJECT_NAME_INVALID)
    return directory, leaf


def _root_of(k: Kernel, attributes: OBJECT_ATTRIBUTES) -> Directory | None:
    return k.handles.lookup(attributes.RootDirectory, Directory) if attributes.RootDirectory else None


def _directory(k: Kernel, path: str, root: Directory | None) -> KernelObject:
    try:
        found, rest = k.namespace.resolve(path, root)
    except GuestFault as fault:
        # What is missing is a directory of the new name's path, not the name itself.
        missing = fault.status == STATUS_OBJECT_NAME_NOT_FOUND
        raise GuestFault(STATUS_OBJECT_PATH_NOT_FOUND if missing else fault.status) from fault
    if rest:
        raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
    return found
