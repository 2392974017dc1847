"""Kernel objects and the handle table of a process (nt!Ob, nt!Ex handle tables).

An object without handles loses its name unless it is permanent (Microsoft Learn, "Life Cycle of an Object").
Leaves out quotas and object creation by name. Handles are multiples of 4 and the
lowest free one is given next; Windows reuses in another order (unverified), ours is the readable one.
Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, ClassVar, TypeVar

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.access import GenericMapping
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_HANDLE_NOT_CLOSABLE,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_HANDLE,
    STATUS_OBJECT_TYPE_MISMATCH,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wowsim.kernel.namespace import Directory
    from wowsim.nt.security import SecurityDescriptor

O = TypeVar("O", bound="KernelObject")  # noqa: E741 - the object type asked for

MASK64 = 0xFFFFFFFF_FFFFFFFF
CURRENT_PROCESS = MASK64
CURRENT_THREAD = MASK64 - 1

OBJ_INHERIT = 0x2
OBJ_PROTECT_CLOSE = 0x1
"""Handle attributes as NtQueryObject reports them; OBJ_PROTECT_CLOSE is OBJ_PROTECT of ntdef.h."""


class KernelObject:
    """What a handle can stand for.

    Attributes:
        type_name: the object type as NtQueryObject prints it.
        mapping: what generic rights mean for it.
        handle_count: open handles.
        security: its descriptor once somebody asked for it or set it.
        address: what lists of handles show, once one was made.
        permanent: it keeps its name, and stays, when its last handle is closed (OBJ_PERMANENT).
        place: the directory that names it first, and the name there.
        home: for a process or thread, the handles of the process that it is of; only services that are made for it
            reach into another one.
    """

    type_name: ClassVar[str] = "Object"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20000, 0x20000, 0x20000, 0x1F0000)
    handle_count: int = 0
    security: SecurityDescriptor | None = None
    address: int = 0
    permanent: bool = False
    home_matters: ClassVar[bool] = False
    place: tuple[Directory, str] | None = None
    home: HandleTable | None = None

    def last_handle_closed(self) -> None:
        """Called when :attr:`handle_count` falls to zero (for files: IRP_MJ_CLEANUP); here the name goes."""
        if self.place is not None:
            directory, name = self.place
            self.place = None
            directory.remove(name)

    def nt_name(self) -> str:
        """The name NtQueryObject reports; empty for an object without one."""
        return "" if self.place is None else self.place[0].path_of(self.place[1])


class HandleTable:
    """The handles of one process.

    Args:
        limit: how many may be open at once; one more gives STATUS_INSUFFICIENT_RESOURCES.

    Attributes:
        shown: how many objects lists of handles have shown.
    """

    def __init__(self, limit: int = 0x10000) -> None:
        self.limit = limit
        self.shown = 0
        self.pseudo: dict[int, KernelObject] = {}
        self._entries: dict[int, tuple[KernelObject, int, int]] = {}
        """Handle -> object, rights granted, handle attributes."""
        self._free: list[int] = []
        self._next = 4

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self) -> Iterator[tuple[int, KernelObject, int, int]]:
        """Handle, object, rights and attributes of every open handle, lowest first."""
        for handle in sorted(self._entries):
            yield (handle, *self._entries[handle])

    def insert(self, target: KernelObject, access: int, attributes: int = 0) -> int:
        """Open a handle and return it."""
        if len(self._entries) >= self.limit:
            raise GuestFault(STATUS_INSUFFICIENT_RESOURCES)
        if self._free:
            handle = heapq.heappop(self._free)
        else:
            handle = self._next
            self._next += 4
        self._entries[handle] = (target, access, attributes)
        target.handle_count += 1
        return handle

    def inherit(self, entries: Iterable[tuple[int, KernelObject, int, int]]) -> None:
        """Fill an empty table with handles of another one: handle, object, rights, attributes."""
        for handle, target, access, attributes in entries:
            self._entries[handle] = (target, access, attributes)
            target.handle_count += 1
        self._next = max(self._entries, default=0) + 4
        self._free = [handle for handle in range(4, self._next, 4) if handle not in self._entries]

    def lookup(self, handle: int, kind: type[O], access: int = 0) -> O:
        """The object behind a handle or pseudo-handle.

        Raises:
            GuestFault: STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH when it is no ``kind``,
                STATUS_ACCESS_DENIED when a right of ``access`` is missing.
        """
        target, granted = self.lookup_granted(handle, kind)
        if access & ~granted:
            raise GuestFault(STATUS_ACCESS_DENIED)
        return target

    def lookup_granted(self, handle: int, kind: type[O]) -> tuple[O, int]:
        """The object and the rights of the handle; a pseudo-handle has them all.

        Raises:
            Unsupported: it is another process, or a thread of one.
        """
        target, granted = self.lookup_anywhere(handle, kind)
        if target.home is not None and target.home is not self and kind.home_matters:
            raise Unsupported(f"this service on a {target.type_name.lower()} of another process")
        return target, granted

    def lookup_anywhere(self, handle: int, kind: type[O]) -> tuple[O, int]:
        """The same for a service that knows what to do with another process."""
        entry = self._entries.get(handle & (MASK64 - 3))
        if entry is None:
            target = self._pseudo(handle)
            granted = target.mapping.all
        else:
            target, granted, _ = entry
        if not isinstance(target, kind):
            raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
        return target, granted

    def attributes(self, handle: int) -> int:
        """Handle attributes; a pseudo-handle has none."""
        entry = self._entries.get(handle & (MASK64 - 3))
        if entry is None:
            self._pseudo(handle)
            return 0
        return entry[2]

    def set_attributes(self, handle: int, attributes: int) -> None:
        """Change handle attributes; a pseudo-handle has none to change."""
        key = handle & (MASK64 - 3)
        entry = self._entries.get(key)
        if entry is None:
            raise GuestFault(STATUS_INVALID_HANDLE)
        self._entries[key] = (entry[0], entry[1], attributes)

    def targets(self) -> Iterator[KernelObject]:
        """What each handle stands for, by handle."""
        return (self._entries[handle][0] for handle in sorted(self._entries))

    def close(self, handle: int) -> None:
        """Close a handle; closing a pseudo-handle has no effect (MS docs, GetCurrentProcess)."""
        key = handle & (MASK64 - 3)
        entry = self._entries.get(key)
        if entry is None:
            self._pseudo(handle)
            return
        target, _, attributes = entry
        if attributes & OBJ_PROTECT_CLOSE:
            raise GuestFault(STATUS_HANDLE_NOT_CLOSABLE)
        self._remove(key, target)

    def _remove(self, key: int, target: KernelObject) -> None:
        del self._entries[key]
        heapq.heappush(self._free, key)
        target.handle_count -= 1
        if target.handle_count == 0 and not target.permanent:
            target.last_handle_closed()

    def close_all(self) -> None:
        """Close every handle, lowest first, protected or not: what the end of a process does."""
        for handle in sorted(self._entries):
            self._remove(handle, self._entries[handle][0])

    def _pseudo(self, handle: int) -> KernelObject:
        found = self.pseudo.get(handle & MASK64)
        if found is None:
            raise GuestFault(STATUS_INVALID_HANDLE)
        return found
