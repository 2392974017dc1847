"""Names for addresses: which module, which symbol, whose bytes.

Stands for the symbol engine of a debugger (dbghelp), fed with images instead of PDB files: the symbols an image
carries, its exports and its import slots. Leaves out types, lines and scopes. Everybody may import it.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import count
from typing import TYPE_CHECKING, Protocol

from wowsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.image.model import Image, Provenance

_GENERATIONS = count(1)
_REMEMBERED = 64
"""Changes of the module list that a table can tell."""


class Symbols(Protocol):
    """What traces and listings ask about addresses."""

    @property
    def generation(self) -> int:
        """Changes whenever an answer may have changed."""

    def changes(self, generation: int) -> Sequence[tuple[int, int]] | None:
        """Address ranges whose answers may have changed since a generation; None when that is not known."""

    def at(self, address: int) -> tuple[str, int] | None:
        """(``module!symbol``, offset) of the nearest symbol at or below; (``module``, RVA) before the first one."""

    def module(self, address: int) -> str | None:
        """Name of the module that holds an address."""

    def is_system(self, address: int) -> bool:
        """Whether it lies in a module of Windows."""

    def starts(self, begin: int, end: int) -> Sequence[int]:
        """Addresses in ``[begin, end)`` where symbols start, ascending."""

    def is_import_slot(self, address: int) -> bool:
        """Whether a module's import table has a slot there."""

    def import_slots(self, address: int) -> Sequence[int]:
        """Addresses of all import slots of the module that holds an address."""

    def provenance(self, address: int) -> Provenance | None:
        """Where the byte comes from; None outside modules and undeclared ranges."""

    def trap(self, address: int) -> str | None:
        """Name of the trap whose instruction starts there."""


class SymbolTable:
    """The modules of one process and their symbols."""

    def __init__(self) -> None:
        self._modules: dict[int, _Module] = {}
        self._bases: list[int] = []
        self._generation = 0
        self._history: list[tuple[int, int, int]] = []  # generation, what changed with it

    @property
    def generation(self) -> int:
        """Another number for each state of the module list; going back to a state brings its number back."""
        return self._generation

    def changes(self, generation: int) -> Sequence[tuple[int, int]] | None:
        """See :meth:`Symbols.changes`."""
        later: list[tuple[int, int]] = []
        for known, start, end in reversed(self._history):
            if known == generation:
                return later
            later.append((start, end))
        return None

    def add(self, image: Image, base: int, name: str | None = None) -> str:
        """A module was mapped at ``base``; ``name`` replaces the image's own module name.

        A second module of a name has its base appended, as WinDbg does. Returns the module's name.
        """
        self.remove(base)
        name = name or image.name
        if any(m.name == name for m in self._modules.values()):
            name = f"{name}_{base:08x}"
        module = self._modules[base] = _Module(image, base, name)
        self._changed(module)
        return name

    def remove(self, base: int) -> None:
        """The module at ``base`` was unmapped; nothing happens where there is none."""
        module = self._modules.pop(base, None)
        if module is not None:
            self._changed(module)

    def _changed(self, module: _Module) -> None:
        self._bases = sorted(self._modules)
        self._generation = next(_GENERATIONS)
        self._history.append((self._generation, module.base, module.end))
        del self._history[:-_REMEMBERED]

    def _holding(self, address: int) -> _Module | None:
        index = bisect_right(self._bases, address) - 1
        if index < 0:
            return None
        module = self._modules[self._bases[index]]
        return module if address < module.end else None

    def at(self, address: int) -> tuple[str, int] | None:
        """See :meth:`Symbols.at`; an import slot is its own symbol and no other's."""
        module = self._holding(address)
        return None if module is None else module.at(address - module.base)

    def name(self, address: int) -> str:
        """``module!symbol+0x5``; the bare address where there is no module."""
        found = self.at(address)
        if found is None:
            return f"{address:#x}"
        symbol, offset = found
        return f"{symbol}+{offset:#x}" if offset else symbol

    def address(self, name: str) -> int:
        """The address of ``module!symbol`` or of a module, whose name may be written in any case.

        Raises:
            UsageError: no loaded module has such a name, or the module has no such symbol.
        """
        wanted, _, symbol = name.partition("!")
        found = [m for m in self._modules.values() if m.name == wanted]
        for module in found or [m for m in self._modules.values() if m.name.lower() == wanted.lower()]:
            rva = module.image.names.rva(symbol) if symbol else 0
            if rva is not None:
                return module.base + rva
        raise UsageError(f"there is no symbol {name!r} in the loaded modules")

    def module(self, address: int) -> str | None:
        """See :meth:`Symbols.module`."""
        module = self._holding(address)
        return None if module is None else module.name

    def is_system(self, address: int) -> bool:
        """See :meth:`Symbols.is_system`."""
        module = self._holding(address)
        return module is not None and module.image.system

    def starts(self, begin: int, end: int) -> Sequence[int]:
        """See :meth:`Symbols.starts`."""
        module = self._holding(begin)
        return () if module is None else module.starts(begin, end)

    def is_import_slot(self, address: int) -> bool:
        """See :meth:`Symbols.is_import_slot`."""
        module = self._holding(address)
        return module is not None and address - module.base in module.image.names.slots

    def import_slots(self, address: int) -> Sequence[int]:
        """See :meth:`Symbols.import_slots`."""
        module = self._holding(address)
        return () if module is None else [module.base + slot for slot in module.image.names.slots]

    def provenance(self, address: int) -> Provenance | None:
        """See :meth:`Symbols.provenance`."""
        module = self._holding(address)
        return None if module is None else module.image.provenance_at(address - module.base)

    def trap(self, address: int) -> str | None:
        """See :meth:`Symbols.trap`."""
        module = self._holding(address)
        return None if module is None else module.image.traps.get(address - module.base)


class _Module:
    """One mapped image under its name."""

    def __init__(self, image: Image, base: int, name: str) -> None:
        self.image, self.base, self.name = image, base, name
        self.end = base + image.size

    def at(self, rva: int) -> tuple[str, int]:
        names = self.image.names
        slot = names.slots.get(rva)
        if slot is not None:
            return f"{self.name}!{slot}", 0
        found = names.nearest(rva)
        return (self.name, rva) if found is None else (f"{self.name}!{found[0]}", rva - found[1])

    def starts(self, begin: int, end: int) -> list[int]:
        return [self.base + rva for rva in self.image.names.between(begin - self.base, end - self.base)]
