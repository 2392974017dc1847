"""What a debugger calls the addresses of an image: its symbols, exports and import slots in sorted tables.

Stands for one module in a debugger's symbol engine (dbghelp). Built when a name is first asked for, once for each image
however many processes map it. Who may import it: ``image.model``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.image.model import Export, Image


class SymbolNames:
    """The names of one image, by RVA.

    Where several exports share an address, the one that the image's own symbols have is its name; without symbols, of
    the Nt and Zw pair what WinDbg shows: Zw in 32-bit images, Nt in 64-bit ones (wow64-facts, seed documents). An
    export that has a name wins over another symbol, but for built-in images, whose symbols are debugger names.

    Args:
        image: the image.
    """

    def __init__(self, image: Image) -> None:
        self._image = image

    @cached_property
    def slots(self) -> dict[int, str]:
        """Names of the import slots, in the order of the imports."""
        prefix = "_imp__" if self._image.bits == 32 else "_imp_"
        return {
            i.slot: prefix + (i.name if i.name is not None else f"Ordinal{i.ordinal}")
            for i in self._image.imports
        }

    @cached_property
    def starts(self) -> tuple[list[int], list[str]]:
        """Where symbols start, ascending, and their names; import slots are not among them."""
        image, names = self._image, dict(self._image.symbols)
        for rva, exports in self._exports.items():
            if rva not in names or (image.exports_first and any(e.name is not None for e in exports)):
                names[rva] = self._chosen(exports, names.get(rva))
        for slot in self.slots:
            names.pop(slot, None)
        rvas = sorted(names)
        return rvas, [names[rva] for rva in rvas]

    @cached_property
    def _exports(self) -> dict[int, list[Export]]:
        found: dict[int, list[Export]] = {}
        for export in self._image.exports:
            if export.forwarder is None:
                found.setdefault(export.rva, []).append(export)
        return found

    def _chosen(self, exports: list[Export], symbol: str | None) -> str:
        preferred = "Zw" if self._image.bits == 32 else "Nt"
        names = [e.name for e in exports if e.name is not None]
        if symbol in names:
            return symbol
        if not names:
            return f"Ordinal{exports[0].ordinal}"
        return next((name for name in names if name.startswith(preferred)), names[0])

    def rva(self, name: str) -> int | None:
        """The RVA of a name: of an export, a symbol, an import slot, in this order."""
        export = self._image.export_by_name.get(name)
        return export.rva if export is not None and export.forwarder is None else self._others.get(name)

    @cached_property
    def _others(self) -> dict[str, int]:
        found = {name: rva for rva, name in self.slots.items()}
        # Static functions of several files may share a name: the lowest has it.
        own = reversed([*self._image.symbols.items()])
        found.update((name, rva) for rva, name in own)
        for rva, exports in self._exports.items():
            found.update((f"Ordinal{e.ordinal}", rva) for e in exports if e.name is None)
        return found

    def nearest(self, rva: int) -> tuple[str, int] | None:
        """Name and start of the symbol at or below; None before the first one."""
        rvas, names = self.starts
        index = bisect_right(rvas, rva) - 1
        return None if index < 0 else (names[index], rvas[index])

    def between(self, begin: int, end: int) -> list[int]:
        """RVAs in ``[begin, end)`` where symbols start, ascending."""
        rvas = self.starts[0]
        return rvas[bisect_left(rvas, begin) : bisect_left(rvas, end)]
