"""What the 64-bit arguments of a service say, without the addresses that are wow64.dll's own business.

Pointers into the memory that both sides share stand for themselves; what lies elsewhere is followed by its 64-bit
layout.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from differential_classes import ARRAYS, query_of, setting_of

from wowsim.host64.conversions import same_in_both_widths
from wowsim.nt.abi import (
    APC_CONTEXT,
    PAPC_ROUTINE,
    PPS_ATTRIBUTE_LIST,
    PSECURITY_DESCRIPTOR,
    SCALARS,
    STRUCTURES,
    Array,
    Pass,
    Unconverted,
    layout,
    size_of,
)
from wowsim.nt.ps_attributes import PS_ATTRIBUTE_CLIENT_ID, PS_ATTRIBUTE_TEB_ADDRESS
from wowsim.nt.structures import UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from differential_side import Case

    from wowsim.nt.abi import Parameter, Prototype

MOST = 64
_OUTPUTS = (PS_ATTRIBUTE_CLIENT_ID, PS_ATTRIBUTE_TEB_ADDRESS)


class Contents:
    """Looks at guest memory.

    Args:
        peek: reads it; None where a page is missing.
        shared: the memory that both sides have, from and to.
    """

    def __init__(self, peek: Callable[[int, int], bytes | None], shared: tuple[int, int]) -> None:
        self._peek, self._shared = peek, shared
        self._given: set[int] = set()
        """The 32-bit arguments: what is one of them is no address of wow64.dll's own."""

    def arguments(self, case: Case, prototype: Prototype, slots: Sequence[int]) -> dict[str, Any]:
        """By parameter name."""
        self._given = set(case.slots)
        by_name = {p.name: slot for p, slot in zip(prototype.parameters, slots, strict=False)}
        found: dict[str, Any] = {}
        for parameter, slot in zip(prototype.parameters, slots, strict=False):
            found[parameter.name] = self._argument(parameter, slot, by_name)
        self._buffers(prototype, slots, found)
        return found

    def _argument(self, parameter: Parameter, slot: int, by_name: dict[str, int]) -> Any:
        kind = parameter.kind
        if parameter.passed is not Pass.VALUE:
            return self._pointer(kind, slot, follow=parameter.passed is not Pass.OUT)
        if kind is PAPC_ROUTINE:
            return "wow64!Wow64ApcRoutine" if slot >> 16 and not self._is_shared(slot) else slot
        if kind is PSECURITY_DESCRIPTOR:
            return self.descriptor(slot)
        if kind is PPS_ATTRIBUTE_LIST:
            return self._attributes(slot)
        if isinstance(parameter.pointee, Array):
            return self.array(parameter.pointee.kind, slot, by_name[parameter.pointee.count] & 0xFFFFFFFF)
        if isinstance(parameter.pointee, Unconverted) and parameter.pointee.name == "TOKEN_GROUPS":
            return self._groups(slot)
        scalar = SCALARS[kind]
        if kind is APC_CONTEXT or scalar.size(64) == 8:
            return (
                slot
                if scalar.size(32) == 8 or kind is APC_CONTEXT or self._is_shared(slot)
                else self._own(slot)
            )
        return slot & (1 << 8 * scalar.size(64)) - 1

    def _own(self, slot: int) -> Any:
        """A pointer-sized value; one that leads to memory of wow64.dll's own is told by what lies there."""
        if slot >= 0x10000 and slot not in self._given and self._peek(slot, 1) is not None:
            return "elsewhere"
        return slot

    def _is_shared(self, address: int) -> bool:
        return self._shared[0] <= address < self._shared[1]

    def _pointer(self, kind: Any, address: int, *, follow: bool) -> Any:
        if not address or (same_in_both_widths(kind) and (self._is_shared(address) or address < 0x10000)):
            return address
        if self._peek(address, size_of(kind, 64)) is None:
            return address
        return self.value(kind, address) if follow else "a place"

    def value(self, kind: Any, address: int) -> Any:
        """What lies at an address."""
        data = self._peek(address, size_of(kind, 64))
        if data is None:
            return f"nothing at {address:#x}"
        if kind is UNICODE_STRING:
            return self._string(data)
        if kind not in STRUCTURES:
            return int.from_bytes(data, "little")
        found: dict[str, Any] = {}
        for name, member in layout(kind, 64).fields.items():
            raw = data[member.offset : member.offset + member.size]
            number = int.from_bytes(raw, "little")
            if member.type in STRUCTURES:
                found[name] = self.value(member.type, address + member.offset)
            elif member.type is PSECURITY_DESCRIPTOR:
                found[name] = self.descriptor(number)
            elif member.pointer_to is not None:
                found[name] = self._pointer(member.pointer_to, number, follow=True)
            else:
                found[name] = raw if member.type is bytes else number
        return found

    def _string(self, data: bytes) -> Any:
        length, most, buffer = struct.unpack("<HH4xQ", data)
        if self._is_shared(buffer) or self._peek(buffer, max(length, 1)) is None:
            return {"Length": length, "MaximumLength": most, "Buffer": buffer}
        return {"Text": (self._peek(buffer, length) or b"").decode("utf-16-le", "replace")}

    def descriptor(self, address: int) -> Any:
        """A SECURITY_DESCRIPTOR by its parts: a relative one says the same as an absolute one made of it."""
        head = self._peek(address, 4)
        if not address or head is None:
            return address
        (control,) = struct.unpack("<2xH", head)
        if control & 0x8000:
            offsets = struct.unpack("<4I", self._peek(address + 4, 16) or bytes(16))
            places = tuple(address + offset if offset else 0 for offset in offsets)
        else:
            places = struct.unpack("<4Q", self._peek(address + 8, 32) or bytes(32))
        return control & 0x7FFF, places

    def array(self, kind: Any, address: int, count: int) -> Any:
        """An input array."""
        if not address or count > MOST:
            return address if not address else "many"
        return [self.value(kind, address + size_of(kind, 64) * i) for i in range(count)]

    def _groups(self, address: int) -> Any:
        head = self._peek(address, 4)
        if not address or head is None:
            return address
        count = int.from_bytes(head, "little")
        if count > MOST:
            return "many"
        data = self._peek(address + 8, 16 * count) or b""
        return [(sid, attributes) for sid, attributes in struct.iter_unpack("<QI4x", data)]

    def _attributes(self, address: int) -> Any:
        """A PS_ATTRIBUTE_LIST: places that receive something only as that."""
        head = self._peek(address, 8)
        if not address or head is None:
            return address
        total = int.from_bytes(head, "little")
        if total < 8 or (total - 8) % 32 or total > 0x800:
            return f"{total:#x} bytes"
        found = []
        for at in range(8, total, 32):
            attribute, size, value, returned = struct.unpack("<4Q", self._peek(address + at, 32) or bytes(32))
            if attribute in _OUTPUTS:
                value = "a place" if value else 0
            found.append((attribute, size, value, bool(returned)))
        return found

    # ------------------------------------------------------------ buffers
    def _buffers(self, prototype: Prototype, slots: Sequence[int], found: dict[str, Any]) -> None:
        """Of information classes whose layouts differ: their contents, not where they lie."""
        names = [p.name for p in prototype.parameters]
        query = query_of(prototype.name, slots)
        if query is not None:
            at = query.buffer
            found[names[at]] = bool(slots[at])
            found[names[at + 1]] = "a length"
            if at + 2 < len(names):
                found[names[at + 2]] = "a place" if "cell" in query.options else bool(slots[at + 2])
        setting = setting_of(prototype.name, slots)
        if setting is not None and slots[setting.buffer]:
            address, length = slots[setting.buffer], slots[setting.buffer + 1] & 0xFFFFFFFF
            found[names[setting.buffer]] = setting.contents(self, address, length)
            if setting.exact_length:
                found[names[setting.buffer + 1]] = length
            else:
                found[names[setting.buffer + 1]] = "a length"
        for index, read in ARRAYS.get(prototype.name, {}).items():
            if slots[index] or (index + 1 < len(slots) and not slots[index + 1] & 0xFFFFFFFF):
                found[names[index]] = read(self, slots, index)

    def bytes(self, address: int, size: int) -> bytes | None:
        """Memory as it is."""
        return self._peek(address, size)

    def is_shared(self, address: int) -> bool:
        """Whether both sides have it."""
        return self._is_shared(address)
