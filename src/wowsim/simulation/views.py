"""The small objects behind ``sim.gdt``, ``sim.registers``, ``sim.memory``, ``sim.modules`` and ``sim.threads``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wowsim.cpu.engine import REGISTERS
from wowsim.cpu.segments import Descriptor
from wowsim.errors import GuestFault, UsageError
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from wowsim.cpu.core import Core
    from wowsim.cpu.paging import PageTables
    from wowsim.image.model import Image


class Gdt(MutableMapping[int, Descriptor]):
    """The GDT in guest memory, by selector; RPL and TI bits of a key do not matter (0x30 and 0x33 are the same)."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def __getitem__(self, selector: int) -> Descriptor:
        if not 0 <= selector & 0xFFF8 <= self._core.segments.limit - 7:
            raise KeyError(
                f"selector {selector:#x} lies outside the GDT (limit {self._core.segments.limit:#x})"
            )
        return self._core.descriptor(selector)

    def __setitem__(self, selector: int, descriptor: Descriptor | int) -> None:
        """Change a descriptor; an int is its eight bytes as they lie in memory."""
        if not 0 <= selector & 0xFFF8 <= self._core.segments.limit - 7:
            raise UsageError(
                f"selector {selector:#x} lies outside the GDT (limit {self._core.segments.limit:#x})"
            )
        value = Descriptor.decode(descriptor & (1 << 64) - 1) if isinstance(descriptor, int) else descriptor
        if not isinstance(value, Descriptor) or Descriptor.decode(value.encode()) != value:
            raise UsageError(
                f"{descriptor!r} is no descriptor; expected fields that fit, or an int of 64 bits"
            )
        self._core.set_descriptor(selector, value)

    def __delitem__(self, selector: int) -> None:
        self[selector] = Descriptor.decode(0)

    def __iter__(self) -> Iterator[int]:
        return iter(
            selector
            for selector in range(0, self._core.segments.limit + 1, 8)
            if selector == 0 or self._core.descriptor(selector).encode()
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)


_NARROW = {"e" + name[1:]: name for name in ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "rip")}
_NARROW["eflags"] = "rflags"


class Registers:
    """The CPU's registers as attributes: ``registers.rip``, ``registers.eax``, ``registers.cs``."""

    __slots__ = ("_core",)
    _core: Core

    def __init__(self, core: Core) -> None:
        object.__setattr__(self, "_core", core)

    def __getattr__(self, name: str) -> int:
        wide = _NARROW.get(name, name)
        if wide not in REGISTERS:
            raise AttributeError(f"there is no register {name!r}")
        value: int = self._core.read(wide)
        return value & 0xFFFFFFFF if name in _NARROW else value

    def __setattr__(self, name: str, value: int) -> None:
        wide = _NARROW.get(name, name)
        if wide not in REGISTERS:
            raise AttributeError(f"there is no register {name!r}")
        self._core.write(wide, value & 0xFFFFFFFF if name in _NARROW else value)

    def all(self) -> dict[str, int]:
        """Every register by its 64-bit name."""
        return self._core.read_all()


class DebuggerMemory:
    """Guest memory as a debugger sees it: no access checks, no side effects."""

    def __init__(self, tables: PageTables) -> None:
        self._tables = tables

    def read(self, address: int, size: int) -> bytes:
        """Bytes at an address.

        Raises:
            UsageError: a page of the range is not mapped.
        """
        found = self._tables.peek(address, size) if size >= 0 else None
        if found is None:
            raise UsageError(f"{size:#x} bytes at {address:#x} are not all mapped in the guest")
        return found

    def write(self, address: int, data: bytes) -> None:
        """Change bytes, whatever their protection.

        Raises:
            UsageError: a page of the range is not mapped.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise UsageError(f"data of type {type(data).__name__}; expected bytes")
        try:
            self._tables.poke(address, bytes(data))
        except GuestFault as fault:
            raise UsageError(
                f"{len(data):#x} bytes at {address:#x} are not all mapped in the guest"
            ) from fault

    def __getitem__(self, key: slice) -> bytes:
        if not isinstance(key, slice) or key.step is not None or None in (key.start, key.stop):
            raise UsageError(f"memory[{key!r}]; expected a range such as memory[0x200000:0x200010]")
        return self.read(key.start, key.stop - key.start)


@dataclass(frozen=True)
class LoadedModule:
    """One mapped image: WinDbg's name, addresses ``[base, end)``, guest path."""

    name: str
    base: int
    end: int
    path: str
    image: Image = field(repr=False)


@dataclass(frozen=True)
class ThreadView:
    """One thread: id, 64-bit (0 on 32-bit Windows) and 32-bit TEB addresses."""

    id: int
    teb64: int
    teb32: int


class Subscription:
    """What ``sim.on`` returns; ``remove`` ends it, so does leaving a ``with`` block."""

    def __init__(self, remove: Callable[[], None]) -> None:
        self._remove: Callable[[], None] | None = remove

    def remove(self) -> None:
        """Stop calling back; a second call does nothing."""
        if self._remove is not None:
            self._remove()
            self._remove = None

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.remove()
