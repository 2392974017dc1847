"""Random arguments, structures and names of service calls: some that make sense, many that do not."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from wowsim.nt.abi import ACCESS_MASK, BOOLEAN, HANDLE, PVOID, Pass, layout, size_of
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from wowsim.nt.abi import Parameter, Prototype

DATA, DATA_SIZE = 0x10000000, 0x10000
STACK = DATA + 0xC000
OBJECT, TEXT, STRUCTURES = DATA + 0x800, DATA + 0xC00, DATA + 0x1000
READ_ONLY, GUARD, NO_ACCESS, RESERVED = (0x10100000 + at * 0x10000 for at in range(4))
CODE = 0x200000

NAMES = (
    r"\??\C:\Temp\a", r"\??\C:\Temp", r"\??\C:\Temp\new", r"\??\C:\Temp\..\x", r"\??\C:\Temp\a:s", "\\", "", "a",
    r"\??\NUL", r"\??\CON", r"\??\CONIN$", r"\??\C:\Temp\CON.txt", r"\??\C:", "\\??\\", r"\Device\Null",
    r"\KnownDlls\ntdll.dll", r"\KnownDlls", r"\BaseNamedObjects\event", r"\BaseNamedObjects\new", r"\SystemRoot",
    r"\??\C:\Windows\System32\ntdll.dll", r"\??\C:\Temp\*", r"\??\C:\Temp\a\b", r"\??\PIPE\x",
    r"\Registry\Machine\Software", r"\REGISTRY\USER", r"\??\C:\Temp\a. ", "\ud800", "\0", "\\??\\C:\\\0", "x" * 300,
    r"\Registry\Machine\Software\New", r"\Registry\Machine\System\CurrentControlSet", "Software", r"\Registry\Machine",
    r"\??\pipe\mine", r"\Device\NamedPipe\mine", "\\Device\\NamedPipe\\", r"\ObjectTypes\Event", r"\Sessions\1\x",
    r"\??\GLOBALROOT\Device", r"\\?\C:\Temp\a", r"\??\C:/Temp/a",
)  # fmt: skip
NUMBERS = (
    0, 1, 2, 3, 4, 5, 7, 8, 0x10, 0x18, 0x1F, 0x20, 0x30, 0x40, 0x7F, 0x80, 0xFF, 0x100, 0x104, 0xFFF, 0x1000, 0x1001,
    0x2000, 0x3000, 0x4000, 0x8000, 0xFFFF, 0x10000, 0x100000, 0x800000, 0x1000000, 0x8000000, 0x7FFFFFFF, 0x80000000,
    0x12019F, 0x1F0003, 0x1FFFFF, 0xC0100080, 0x2000000, 0xFFFFFFFE, 0xFFFFFFFF, 0x44, 65, 0x200000,
)  # fmt: skip
WIDE = (
    (1 << 64) - 1,
    1 << 63,
    0x7FFFFFFEFFFF,
    0x7FFFFFFF0000,
    0x800000000000,
    0xFFFFF80000B93000,
    0xFFFFFFFFFFFFFFFE,
)
SIZES = (*range(0, 0x58, 4), 1, 2, 3, 9, 0x68, 0x70, 0x80, 0x100, 0x400, 0x1000, 0x7000, 0xFFFFFFFF)
PLACES = (
    DATA, DATA + 1, OBJECT, STRUCTURES, STRUCTURES + 0x20, DATA + DATA_SIZE - 1, DATA + DATA_SIZE - 4,
    DATA + DATA_SIZE - 8, DATA + DATA_SIZE, READ_ONLY, READ_ONLY + 0xFFC, GUARD, NO_ACCESS, RESERVED, 0x7FFE0000,
    0x7FFE0FFF, 0x7FFEFFFF, 0x7FFF0000, 0x80000000, CODE, CODE - 1, 0xFFFFFFF8, 1, 0x10,
)  # fmt: skip


class Garbage:
    """What a hostile caller hands over, in one width.

    Args:
        width: of the caller.
        handles: that exist, or did, by a word of the parameters that want them.
        write: puts bytes into guest memory.
    """

    def __init__(
        self, width: Any, handles: dict[str, list[int]], write: Callable[[int, bytes], None]
    ) -> None:
        self._width, self._handles, self._write = width, handles, write
        self._given: dict[str, list[int]] = {}
        self.chance: Random

    def begin(self, chance: Random) -> None:
        """Forget what calls gave, and go on with other random numbers."""
        self.chance = chance
        self._given.clear()

    def learn(self, prototype: Prototype, slots: list[int], read: Callable[[int, int], bytes]) -> None:
        """A call succeeded: the handles it gave are handed over later."""
        joined = prototype.join(slots) if self._width == 32 else slots
        for parameter, slot in zip(prototype.parameters, joined, strict=False):
            if (
                parameter.kind is HANDLE
                and parameter.passed is Pass.OUT
                and DATA <= slot < DATA + DATA_SIZE - 8
            ):
                word = parameter.name.removesuffix("_handle")
                self._given.setdefault(word, []).append(
                    int.from_bytes(read(slot, self._width // 8), "little")
                )

    def fill(self) -> None:
        """Scratch memory: numbers and places at random, a name and OBJECT_ATTRIBUTES that mostly make sense."""
        chance, width = self.chance, self._width
        size = width // 8
        code = "Q" if width == 64 else "I"
        words = [self._word() for _ in range(48)]
        page = bytearray(struct.pack(f"<48{code}", *(w & (1 << width) - 1 for w in words)) * 4)
        write = self._write
        write(STRUCTURES, bytes(page[chance.randrange(4) :]))
        name = chance.choice(NAMES).encode("utf-16-le", "surrogatepass")
        length = len(name) if chance.random() < 0.9 else chance.choice((0, 1, len(name) + 1, 0xFFFE, 0xFFFF))
        write(TEXT, name)
        string = layout(UNICODE_STRING, width).struct.pack(length, length, TEXT)
        attributes = [
            layout(OBJECT_ATTRIBUTES, width).size if chance.random() < 0.95 else self.number() & 0xFFFF,
            0 if chance.random() < 0.8 else self._handle(),
            OBJECT + 0x80 if chance.random() < 0.95 else self.place(),
            chance.choice((0, 0x40, 0x42, 0x80, 0xC0, 0x240, 0xFFFFFFFF)),
            0 if chance.random() < 0.9 else self.place(),
            0 if chance.random() < 0.9 else self.place(),
        ]
        mask = (1 << 8 * size) - 1
        write(OBJECT, layout(OBJECT_ATTRIBUTES, width).struct.pack(*(a & mask for a in attributes)))
        write(OBJECT + 0x80, string)

    def number(self) -> int:
        """A number of some meaning somewhere, or of none."""
        chance = self.chance
        choice = chance.random()
        if choice < 0.6:
            return chance.choice(NUMBERS)
        if choice < 0.8:
            return chance.randrange(80)
        if choice < 0.9 and self._width == 64:
            return chance.choice(WIDE)
        return chance.getrandbits(self._width) if choice < 0.95 else 1 << chance.randrange(self._width)

    def place(self) -> int:
        """An address of some kind."""
        chance = self.chance
        if self._width == 64 and chance.random() < 0.05:
            return chance.choice(WIDE)
        return chance.choice(PLACES)

    def _handle(self, wanted: str = "") -> int:
        """Of the kind that the parameter's name says, or of any."""
        chance = self.chance
        for pool, share in ((self._given, 0.6), (self._handles, 0.7)):
            words = [word for word in pool if word in wanted or chance.random() < 0.05]
            if words and chance.random() < share:
                return chance.choice(pool[chance.choice(words)])
        return chance.choice(self._handles[chance.choice(tuple(self._handles))])

    def _word(self) -> int:
        choice = self.chance.random()
        if choice < 0.4:
            return self.number()
        return self.place() if choice < 0.7 else self._handle() if choice < 0.9 else 0

    def slots(self, prototype: Prototype | None) -> list[int]:
        """Argument slots: by the types of the parameters, or without looking at them."""
        chance = self.chance
        if prototype is None or chance.random() < 0.15:
            return [self._word() for _ in range(16)]
        slots: list[int] = []
        for parameter in prototype.parameters:
            value = self._argument(parameter)
            slots.append(value)
            if self._width == 32 and parameter.slots32 == 2:
                slots.append(self.number())
        return slots

    def _argument(self, parameter: Parameter) -> int:
        chance = self.chance
        choice = chance.random()
        if choice < 0.04:
            return self._word()
        if parameter.passed is not Pass.VALUE:
            if choice < 0.1:
                return 0
            if parameter.kind is OBJECT_ATTRIBUTES:
                return OBJECT
            if parameter.kind is UNICODE_STRING:
                return OBJECT + 0x80
            if choice < 0.2:
                size = size_of(parameter.kind, self._width)
                return DATA + DATA_SIZE - size + chance.choice((0, 0, 1, -1))
            return STRUCTURES + 8 * chance.randrange(64) if choice < 0.9 else self.place()
        if parameter.kind is HANDLE:
            return self._handle(parameter.name)
        if parameter.kind is BOOLEAN:
            return chance.randrange(2)
        if parameter.kind is ACCESS_MASK:
            return chance.choice((0x2000000, 0x1FFFFF, 0x1F0003, 0x10000000, self.number()))
        if choice < 0.8 and parameter.name.endswith("_class"):
            return chance.randrange(130)
        if choice < 0.8 and ("length" in parameter.name or "size" in parameter.name):
            return int(chance.choice(SIZES))
        if parameter.kind is PVOID and choice < 0.8:
            return STRUCTURES + 8 * chance.randrange(64)
        return self.number() if choice < 0.9 else self.place()
