"""OBJECT_ATTRIBUTES of files and keys on their way down: the name is redirected in wow64.dll, before the 64-bit call.

A name that is relative to a directory or key needs that one's name first: the thunk's guest code asks for it
(NtQueryObject, ObjectNameInformation). A 64-bit SYSCALL from a gate of the program's own is never redirected, since it
does not come through here (wow64-facts sections 5 and 11). Who may import it: host64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wowsim.host64.buffers import Buffer, Call
from wowsim.host64.conversions import OBJECT_NAME
from wowsim.host64.file_redirection import ROOTS, Rules, may_matter, redirected
from wowsim.host64.registry_redirection import LONGEST, rewrite_program_files
from wowsim.host64.registry_redirection import redirect as in_view
from wowsim.nt.registry_structures import KEY_WOW64_VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build
    from wowsim.nt.trap import Trap

ROOT_NAME_ROOM = 0x10100
"""Bytes for the longest name NtQueryObject gives."""
_ATTRIBUTES32, _STRING32 = struct.Struct("<6I"), struct.Struct("<HHI")
_U32, _U64, _STRING64 = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<HH4xQ")
_GIVEN = struct.Struct("<8xQQ24xH6xQ")
"""Of a 64-bit OBJECT_ATTRIBUTES with its name behind it: root, name, the name's length and buffer."""
_PREFIX = 16
_ROOT_AT, _NAME_AT = 8, 0x10
_LONGEST_NAME = 0xFFFE
SWITCH = 0x1480 + 8 * 8
"""TEB64.TlsSlots[WOW64_TLS_FILESYSREDIR]: not zero while the thread has switched redirection off."""


@dataclass(frozen=True)
class RedirectedName(Buffer):
    """The name in a service's OBJECT_ATTRIBUTES.

    Attributes:
        at: index of the OBJECT_ATTRIBUTES parameter.
        kind: ``"file"`` or ``"registry"``, for the event.
        matters: whether a relative name has to be looked at with its root's.
        redirect: (call, absolute name) -> the other name or None.
        prefixes: how absolute names that are redirected begin, as upcased UTF-16 of at most eight characters.
    """

    at: int
    kind: str
    matters: Callable[[Call, str], bool]
    redirect: Callable[[Call, str], str | None]
    prefixes: tuple[bytes, ...]
    room: int = field(default=0x208, kw_only=True)

    def concerns(self, memory: Memory, frame: int) -> bool:
        """A relative name may matter, an absolute one when it begins like what is redirected."""
        (attributes,) = memory.unpack(_U64, frame + 8 * self.at)
        if not attributes:
            return False
        root, name, length, buffer = memory.unpack(_GIVEN, attributes)
        if not name or root:
            return bool(name)
        return memory.read(buffer, min(length, _PREFIX)).upper().startswith(self.prefixes)

    def size(self, call: Call) -> int:
        """Room for the redirected name; for that of the root, too, where it is needed."""
        root, name = self._given(call)
        if not name:
            return 0
        if root:
            return ROOT_NAME_ROOM + _LONGEST_NAME if self.matters(call, name) else 0
        other = self.redirect(call, name)
        return 0 if other is None else 2 * len(other)

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Put the other name in its place."""
        if not size:
            return None
        root, name = self._given(call)
        if root:
            if call.asked is None:
                return call.ask_root(root)
            if call.asked & 0x80000000:
                return None  # a bad handle: the call itself will say so
            length, _, buffer = call.memory.unpack(_STRING64, area)
            parent = call.memory.read(buffer, length).decode("utf-16-le", "surrogatepass") if buffer else ""
            name = f"{parent}\\{name}"
        other = self.redirect(call, name)
        if other is None:
            return None
        data = other.encode("utf-16-le", "surrogatepass")
        if len(data) > _LONGEST_NAME:
            return None  # too long for any name
        text = area + ROOT_NAME_ROOM if root else area
        call.memory.write(text, data)
        wide = call.argument64(self.at)
        call.memory.pack(_U64, wide + _ROOT_AT, 0)
        string = wide + OBJECT_NAME
        call.memory.pack(_U64, wide + _NAME_AT, string)
        call.memory.pack(_STRING64, string, len(data), len(data), text)
        call.trap.redirected(self.kind, name, other)
        return None

    def _given(self, call: Call) -> tuple[int, str]:
        """Root directory and name as the caller gives them; an empty name for what the kernel will refuse."""
        pointer = call.argument(self.at)
        if not pointer:
            return 0, ""
        length, root, name, *_ = call.memory.unpack(_ATTRIBUTES32, pointer)
        if length != _ATTRIBUTES32.size or not name:
            return 0, ""
        size, _, buffer = call.memory.unpack(_STRING32, name)
        if size & 1 or not buffer or not size:
            return 0, ""
        return root, call.memory.read(buffer, size).decode("utf-16-le", "surrogatepass")


def switched_off(trap: Trap) -> bool:
    """Whether the thread has switched file redirection off."""
    return bool(trap.memory.unpack(_U64, trap.teb64 + SWITCH)[0])


def rules_of(build: Build) -> Rules:
    """What a build redirects."""
    return Rules(sysnative=build.has_sysnative, driver_store_shared=build.merged_views)


@dataclass(frozen=True)
class KeyName(RedirectedName):
    """The name of a key: its view is chosen here, so that the flags go no further.

    Attributes:
        access_at: index of the desired access.
    """

    access_at: int = field(kw_only=True)

    def concerns(self, memory: Memory, frame: int) -> bool:
        """Every key may have another view."""
        return True

    def before(self, call: Call, area: int, size: int) -> int | None:
        """As of any name; the 64-bit call names the key itself, without a view."""
        access = call.argument(self.access_at)
        if access & KEY_WOW64_VIEWS:
            call.set(self.access_at, access & ~KEY_WOW64_VIEWS)
        return super().before(call, area, size)


def key_name(build: Build, at: int, access_at: int) -> KeyName:
    """The name of a registry service."""
    since_win7 = build.merged_views

    def redirect(call: Call, name: str) -> str | None:
        return in_view(name, call.argument(access_at), since_win7)

    return KeyName(
        at, "registry", lambda call, name: True, redirect, beginnings(("\\REGISTRY",)), access_at=access_at
    )


@dataclass(frozen=True)
class ProgramFiles(Buffer):
    """The data of NtSetValueKey: ``%ProgramFiles%`` at its beginning names the 32-bit folder.

    Attributes:
        type_at: index of the value's type; data and size follow.
    """

    type_at: int = 3
    room: int = field(default=0x450, kw_only=True)

    def size(self, call: Call) -> int:
        """What the longest string that is rewritten becomes."""
        data, length = call.argument(self.type_at + 1), call.argument(self.type_at + 2)
        rewritten = self._rewritten(call) if data and length <= LONGEST else None
        return 0 if rewritten is None else len(rewritten)

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Pass the other string on."""
        rewritten = self._rewritten(call) if size else None
        if rewritten is not None and len(rewritten) <= size:
            call.memory.write(area, rewritten)
            call.set(self.type_at + 1, area)
            call.set(self.type_at + 2, len(rewritten))
        return None

    def _rewritten(self, call: Call) -> bytes | None:
        kind, data, length = (call.argument(self.type_at + i) for i in range(3))
        return rewrite_program_files(kind, call.memory.read(data, length))


def beginnings(roots: Sequence[str]) -> tuple[bytes, ...]:
    """The prefixes of upcased names."""
    return tuple(root[: _PREFIX // 2].encode("utf-16-le") for root in roots)


def file_name(build: Build, at: int) -> RedirectedName:
    """The name of a file service."""
    rules = rules_of(build)

    def redirect(call: Call, name: str) -> str | None:
        return redirected(name, rules, disabled=switched_off(call.trap))

    return RedirectedName(at, "file", lambda call, name: may_matter(name), redirect, beginnings(ROOTS))
