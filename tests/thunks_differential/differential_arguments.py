"""Random 32-bit arguments of a service: mostly what a program would pass, sometimes what none should."""

from __future__ import annotations

import struct
from random import Random
from typing import TYPE_CHECKING, Any

from differential_classes import ASKED_PROCESSES, OTHER_CLASSES, QUERIES, SETTINGS, sid, sid_acl

from wowsim.nt.abi import (
    HANDLE,
    PAPC_ROUTINE,
    PPS_ATTRIBUTE_LIST,
    PSECURITY_DESCRIPTOR,
    PVOID,
    SCALARS,
    STRUCTURES,
    Array,
    Pass,
    Unconverted,
    layout,
    size_of,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.nt.abi import Parameter, Prototype

WILD = 0x3F000000
"""Where no side has memory."""
UNTOUCHED = 0xA5
GUARD = 0x10
NUMBERS = (
    0,
    1,
    2,
    3,
    4,
    8,
    0x10,
    0x20,
    0x40,
    0x100,
    0x1000,
    0x3000,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
HANDLES = (4, 8, 0x2C, 0x44, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFC, 0x80000004, 0, 3)
NAMES = (
    r"\??\C:\Temp\a.txt", r"\??\C:\Temp", "a.txt", "name", "", r"\Device\Null", r"\BaseNamedObjects\event", "x" * 60,
    r"\??\C:\Windows\System32\drivers\etc\hosts", r"\??\C:\Windows\SysNative\a.dll", r"\SystemRoot\System32\a.dll",
    r"\??\C:\Windows\System32", r"\Registry\Machine\Software\Vendor", r"\Registry\Machine\Software\Classes\CLSID\x",
    r"\Registry\User\S-1-5-18\Software\Classes", r"\Registry\Machine\Software\Wow6432Node\Vendor", r"\??\PIPE\p",
)  # fmt: skip


class Arguments:
    """The arguments of one case while they are made.

    Args:
        service: Nt name.
        prototype: its prototype.
        base: where the case's memory lies, ``room`` bytes.
        chance: random numbers.
    """

    def __init__(self, service: str, prototype: Prototype, base: int, room: int, chance: Random) -> None:
        self.service, self._prototype, self._base, self.chance = service, prototype, base, chance
        self.memory = bytearray([UNTOUCHED]) * room
        self._top = GUARD
        self.group = ""

    def make(self) -> tuple[int, ...]:
        """The slots."""
        parameters = self._prototype.parameters
        counts = {p.pointee.count for p in parameters if isinstance(p.pointee, Array)}
        values: dict[str, int] = {}
        for parameter in parameters:
            if parameter.name in counts:
                values[parameter.name] = self.chance.choice((0, 1, 2, 3, 4, 5))
        for parameter in parameters:
            if parameter.name not in values:
                values[parameter.name] = self._argument(parameter, values)
        self._special(values)
        slots: list[int] = []
        for parameter in parameters:
            value = values[parameter.name]
            slots += [value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF][: parameter.slots32]
        return tuple(slots)

    # ------------------------------------------------------------ memory
    def room(self, size: int) -> int:
        """Fresh memory with guards around it."""
        address = self._base + self._top
        self._top = (self._top + size + GUARD + 7) & ~7
        assert self._top <= len(self.memory), f"{self.service} takes too much memory"
        return address

    def put(self, data: bytes) -> int:
        """The address of some bytes."""
        address = self.room(len(data))
        self.set(address, data)
        return address

    def set(self, address: int, data: bytes) -> None:
        """Write them."""
        at = address - self._base
        self.memory[at : at + len(data)] = data

    # ------------------------------------------------------------ one argument
    def _argument(self, parameter: Parameter, values: dict[str, int]) -> int:
        chance, kind = self.chance, parameter.kind
        if parameter.passed is not Pass.VALUE:
            return self._pointer(parameter)
        if isinstance(parameter.pointee, Array):
            count = values[parameter.pointee.count]
            return self.put(b"".join(self.value(parameter.pointee.kind) for _ in range(count)))
        if isinstance(parameter.pointee, Unconverted):
            return self._unconverted(parameter.pointee.name)
        if kind is PSECURITY_DESCRIPTOR:
            return self.descriptor()
        if kind is PPS_ATTRIBUTE_LIST:
            return self._attributes()
        if kind is PAPC_ROUTINE:
            return chance.choice((0, 0, 0x401000, chance.getrandbits(32) | 0x10000))
        if kind is PVOID:
            return (
                self.put(chance.randbytes(0x60))
                if chance.random() < 0.8
                else chance.choice((0, 0x1000, 0x80001000))
            )
        if "length" in parameter.name or "size" in parameter.name:
            return chance.choice((0, 4, 8, 0x10, 0x20, 0x60, 0x60, 0x60))
        return self.number(kind)

    def number(self, kind: Any) -> int:
        """A scalar."""
        chance = self.chance
        if kind is HANDLE:
            return chance.choice(HANDLES) if chance.random() < 0.8 else chance.getrandbits(32)
        if SCALARS[kind].size(32) == 8:
            return chance.getrandbits(64)
        return chance.choice(NUMBERS) if chance.random() < 0.6 else chance.getrandbits(32)

    def _pointer(self, parameter: Parameter) -> int:
        chance, kind = self.chance, parameter.kind
        choice = chance.random()
        if choice < (0.25 if parameter.optional else 0.03):
            return 0
        if choice > 0.98:
            self.group = "wild"
            return WILD
        if parameter.passed is Pass.OUT:
            return self.room(size_of(kind, 32))
        return self.put(self.value(kind))

    def value(self, kind: Any) -> bytes:
        """The 32-bit bytes of a pointee; structures behind its pointers exist."""
        chance = self.chance
        if kind is UNICODE_STRING:
            return self.string()
        size = size_of(kind, 32)
        if kind not in STRUCTURES:
            return (self.number(kind) & (1 << 8 * size) - 1).to_bytes(size, "little")
        data = bytearray(size)
        for member in layout(kind, 32).fields.values():
            if member.type in STRUCTURES:
                part = self.value(member.type)
            elif member.type is bytes:
                part = chance.randbytes(member.size)
            elif member.type is PSECURITY_DESCRIPTOR:
                part = (self.descriptor() if chance.random() < 0.3 else 0).to_bytes(4, "little")
            elif member.pointer_to is not None:
                target = self.put(self.value(member.pointer_to)) if chance.random() < 0.85 else 0
                part = target.to_bytes(4, "little")
            else:
                part = (self.number(member.type) & (1 << 8 * member.size) - 1).to_bytes(member.size, "little")
            data[member.offset : member.offset + member.size] = part
        if kind is OBJECT_ATTRIBUTES:
            length = size if chance.random() < 0.95 else chance.choice((0, 0x14, 0x30))
            struct.pack_into("<I", data, 0, length)
            if chance.random() < 0.7:
                struct.pack_into("<I", data, 4, 0)
            at = layout(kind, 32).fields["SecurityQualityOfService"].offset
            struct.pack_into(
                "<I", data, at, self.put(struct.pack("<IIBB2x", 12, 2, 1, 0)) if chance.random() < 0.2 else 0
            )
        return bytes(data)

    def string(self) -> bytes:
        """A UNICODE_STRING."""
        text = self.chance.choice(NAMES).encode("utf-16-le")
        if not text and self.chance.random() < 0.5:
            return bytes(8)
        return struct.pack("<HHI", len(text), len(text) + 2, self.put(text + b"\0\0"))

    def descriptor(self) -> int:
        """The address of a SECURITY_DESCRIPTOR, or 0."""
        chance = self.chance
        if chance.random() < 0.2:
            return 0
        parts = [sid(chance), sid(chance), sid_acl(chance), sid_acl(chance)]
        given = [chance.random() < 0.7 for _ in parts]
        control = (4 if given[3] else 0) | (0x10 if given[2] else 0)
        if chance.random() < 0.5:
            places = [self.put(part) if here else 0 for part, here in zip(parts, given, strict=True)]
            return self.put(struct.pack("<BBH4I", 1, 0, control, *places))
        offsets, behind = [], b""
        for part, here in zip(parts, given, strict=True):
            offsets.append(20 + len(behind) if here else 0)
            behind += part if here else b""
        return self.put(struct.pack("<BBH4I", 1, 0, control | 0x8000, *offsets) + behind)

    def _unconverted(self, name: str) -> int:
        chance = self.chance
        if name == "TOKEN_GROUPS":
            if chance.random() < 0.3:
                return 0
            return self.groups()
        return self.put(chance.randbytes(0x60)) if chance.random() < 0.5 else 0

    def groups(self) -> int:
        """The address of a TOKEN_GROUPS."""
        rows = [
            (self.put(sid(self.chance)), self.chance.getrandbits(32)) for _ in range(self.chance.randrange(4))
        ]
        return self.put(struct.pack("<I", len(rows)) + b"".join(struct.pack("<II", *row) for row in rows))

    def _attributes(self) -> int:
        chance = self.chance
        if chance.random() < 0.3:
            return 0
        kinds = chance.sample((0x10003, 0x10004, 0x20005, 0x6001A), chance.randrange(1, 4))
        rows = b""
        for kind in kinds:
            returned = self.put(b"\xee" * 4) if chance.random() < 0.4 else 0
            if kind == 0x10003:
                row = (kind, 8, self.room(8), returned)
            elif kind == 0x10004:
                row = (kind, 4, self.room(4), returned)
            elif kind == 0x20005:
                text = "\\??\\C:\\Temp\\a.exe".encode("utf-16-le")
                row = (kind, len(text), self.put(text), returned)
            else:
                row = (kind, 4, chance.getrandbits(31), returned)
            rows += struct.pack("<4I", *row)
        return self.put(struct.pack("<I", 4 + len(rows)) + rows)

    # ------------------------------------------------------------ services with lengths and classes
    def _special(self, values: dict[str, int]) -> None:
        names = [p.name for p in self._prototype.parameters]
        if self.service in QUERIES:
            self._query(values, names)
        elif self.service in SETTINGS:
            self._setting(values, names)
        elif self.service in OTHER_CLASSES:
            number = self.chance.randrange(0x50)
            values[names[OTHER_CLASSES[self.service]]] = number
            self.group = self.group or f"class {number}"
        make = getattr(self, f"_{self.service}", None)
        if make is not None:
            make(values)

    def _query(self, values: dict[str, int], names: list[str]) -> None:
        chance, query = self.chance, QUERIES[self.service]
        converted = chance.random() < 0.75
        number = chance.choice(sorted(query.classes)) if converted else chance.randrange(query.most)
        data = query.classes.get(number)
        sizes = [0, 4, 0x40, 0x100] if data is None else list(data.sizes)
        length = chance.choice(sizes)
        if chance.random() < 0.25:
            length = max(0, length + chance.choice((-4, -1, 1, 4, 8, 0x20, 0x40)))
        at = query.buffer
        values[names[query.class_at]] = number
        values[names[at]] = self.put(chance.randbytes(length)) if length or chance.random() < 0.5 else 0
        values[names[at + 1]] = length
        if self.service == "NtQueryVirtualMemory":
            values["base_address"] &= 0x7FFF0000
        if self.service == "NtQueryInformationProcess" and (number, length) == (0, 0x20):
            self.set(values[names[at]], struct.pack("<I", 0x20 if chance.random() < 0.8 else 0x18))
        if self.service.startswith("NtQuerySystemInformation") and number == 88 and length >= 12:
            text = self.room(0x40)
            self.set(values[names[at]], struct.pack("<IHHI", 4, 0, 0x40, text))
        self.group = self.group or f"class {number}"

    def _setting(self, values: dict[str, int], names: list[str]) -> None:
        chance = self.chance
        class_at, at, kinds, most = SETTINGS[self.service]
        number = chance.choice(sorted(kinds)) if chance.random() < 0.75 else chance.randrange(most)
        kind = kinds.get(number)
        if number in kinds and kind is None:
            name = chance.choice(NAMES).encode("utf-16-le")
            root = 0 if chance.random() < 0.7 else self.number(HANDLE)
            data = struct.pack("<4I", chance.choice((0, 1, 3)), root, len(name), 0)[:12] + name
            data = data.ljust(16, b"\0")
        elif kind is not None:
            data = self.value(kind)
        else:
            data = chance.randbytes(chance.choice((1, 4, 8, 0x10, 0x20)))
        length = len(data)
        if chance.random() < 0.15:
            length = max(0, length + chance.choice((-4, -1, 4)))
        values[names[class_at]] = number
        values[names[at]] = self.put(data + bytes(8))
        values[names[at + 1]] = length
        self.group = self.group or f"class {number}"

    def _NtQueryDirectoryObject(self, values: dict[str, int]) -> None:
        length = self.chance.choice((0, 8, 0x10, 0x20, 0x40, 0x80, 0x200))
        values["buffer"], values["length"] = self.room(length), length

    def _NtGetWriteWatch(self, values: dict[str, int]) -> None:
        count = self.chance.randrange(1, 8)
        values["user_address_array"] = self.room(4 * count)
        if values["entries_in_user_address_array"] not in (0, WILD):
            values["entries_in_user_address_array"] = self.put(struct.pack("<I", count))
        values["flags"] = self.chance.choice((0, 1))
        values["region_size"] = self.chance.choice((0x1000, 0x4000, 0x10000))
        values["base_address"] = 0x10000 * self.chance.randrange(1, 0x7000)

    def _NtRemoveIoCompletionEx(self, values: dict[str, int]) -> None:
        count = self.chance.randrange(1, 6)
        values["io_completion_information"], values["count"] = self.room(16 * count), count
        values["num_entries_removed"], values["timeout"] = self.room(4), self.put(bytes(8))
        self.group = ""

    def _NtQueryMultipleValueKey(self, values: dict[str, int]) -> None:
        count = self.chance.randrange(4)
        rows = b"".join(struct.pack("<4I", self.put(self.string()), 1, 2, 3) for _ in range(count))
        values["value_entries"], values["entry_count"] = self.put(rows), count

    def _NtRaiseHardError(self, values: dict[str, int]) -> None:
        count = self.chance.randrange(5)
        mask = self.chance.randrange(1 << count)
        rows = [
            self.put(self.string()) if mask >> i & 1 else self.chance.getrandbits(32) for i in range(count)
        ]
        values["number_of_parameters"], values["unicode_string_parameter_mask"] = count, mask
        values["parameters"] = self.put(struct.pack(f"<{count}I", *rows)) if count else 0

    def _parameters(self, values: dict[str, int]) -> None:
        count = self.chance.randrange(3)
        rows = b""
        for kind in self.chance.sample((1, 2, 3, 4, 5), count):
            value = self.chance.getrandbits(31)
            if kind == 1:
                value = self.put(struct.pack("<III", 0x10000, 0x7FFEFFFF, self.chance.choice((0, 0x10000))))
            rows += struct.pack("<QQ", kind, value)
        values["extended_parameters"] = self.put(rows) if count else 0
        values["extended_parameter_count"] = count

    _NtAllocateVirtualMemoryEx = _NtMapViewOfSectionEx = _parameters

    def _NtAdjustGroupsToken(self, values: dict[str, int]) -> None:
        length = self.chance.choice((0, 4, 0x20, 0x80, 0x100))
        values["buffer_length"] = length
        values["previous_state"] = self.room(length) if length else 0

    def _NtQuerySystemInformationEx(self, values: dict[str, int]) -> None:
        if self.chance.random() < 0.3:
            number = self.chance.choice(ASKED_PROCESSES)
            handle = self.put(struct.pack("<I", self.number(HANDLE)))
            values |= {"system_information_class": number, "input_buffer": handle, "input_buffer_length": 4}
            values |= {"system_information": self.room(0x40), "system_information_length": 0x40}
            self.group = f"class {number}"

    def _NtGetContextThread(self, values: dict[str, int]) -> None:
        values["thread_context"] = self.put(struct.pack("<I", 0x1007F) + bytes(0x2C8))

    _NtSetContextThread = _NtGetContextThread

    def _NtCreateThread(self, values: dict[str, int]) -> None:
        values["thread_context"] = self.put(struct.pack("<I", 0x1007F) + self.chance.randbytes(0x2C8))
        values["initial_teb"] = self.put(self.chance.randbytes(0x14))

    def _NtCreateThreadEx(self, values: dict[str, int]) -> None:
        if self.chance.random() < 0.8:
            values["process_handle"] = 0xFFFFFFFF

    def _NtWaitForMultipleObjects(self, values: dict[str, int]) -> None:
        if self.chance.random() < 0.1:
            values["count"] = self.chance.choice((64, 65, 100))
            values["handles"] = self.put(self.chance.randbytes(4 * values["count"]))


def arguments(service: str, prototype: Prototype, base: int, room: int, seed: str) -> Arguments:
    """A case's arguments, before :meth:`Arguments.make`."""
    return Arguments(service, prototype, base, room, Random(seed))
