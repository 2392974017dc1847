"""Callbacks at addresses and symbols; a symbol of a system DLL may come before its module is mapped.

Stands for a debugger's unresolved breakpoints (WinDbg's ``bu``): they become real when the module arrives. Who may
import it: ``simulation.simulation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.cpu.core import Watch
from wowsim.errors import UsageError
from wowsim.trace.symbols import SymbolTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.cpu.core import Core
    from wowsim.image.model import Image


class Breakpoints:
    """The callbacks of one simulation.

    Args:
        core: the CPU.
        symbols: of what is mapped.
        expected: a system DLL by its module's name, mapped or not.
    """

    def __init__(self, core: Core, symbols: SymbolTable, expected: Callable[[str], Image | None]) -> None:
        self._core = core
        self._symbols = symbols
        self._expected = expected
        self._waiting: list[_Waiting] = []
        self._arrived: list[_Waiting] = []
        self._mapped: dict[int, str] = {}

    def at(self, address: int, callback: Callable[[], Any], watch: Watch | None = None) -> Callable[[], None]:
        """Call back before the instruction at an address; returns the remover."""
        return self._core.watch(lambda at, size: callback(), address, address, watch)

    def at_symbol(self, name: str, callback: Callable[[], Any]) -> Callable[[], None]:
        """Call back at ``module!symbol``, now or once a system DLL of that name is mapped; returns the remover.

        Raises:
            UsageError: neither a loaded module nor a system DLL has such a symbol.
        """
        try:
            return self.at(self._symbols.address(name), callback)
        except UsageError:
            image = self._expected(name.partition("!")[0])
            if image is None:
                raise
        return self.at_offset(image.name, _offset(image, name), callback)

    def at_offset(self, module: str, offset: int, callback: Callable[[], Any]) -> Callable[[], None]:
        """Call back at an offset in a system DLL, now or once it is mapped; returns the remover."""
        waiting = _Waiting(module, offset, callback)
        self._waiting.append(waiting)
        for base in [base for base, name in self._mapped.items() if name == module]:
            self.mapped(module, base)

        def remove() -> None:
            for group in (self._waiting, self._arrived):
                if waiting in group:
                    group.remove(waiting)
            if waiting.remove is not None:
                waiting.remove()

        return remove

    def mapped(self, name: str, base: int) -> None:
        """A module was mapped: what waited for it begins."""
        self._mapped[base] = name
        for waiting in [w for w in self._waiting if w.module == name]:
            self._waiting.remove(waiting)
            self._arrived.append(waiting)
            waiting.base, waiting.remove = (
                base,
                self.at(base + waiting.offset, waiting.callback, waiting.watch),
            )

    def follow(self, modules: Mapping[int, str]) -> None:
        """Other modules are mapped than before, by base: what had arrived may wait again, and the reverse."""
        self._mapped.clear()
        for gone in [w for w in self._arrived if modules.get(w.base) != w.module]:
            assert gone.remove is not None
            gone.remove()
            gone.remove = None
            self._arrived.remove(gone)
            self._waiting.append(gone)
        for base, name in modules.items():
            self.mapped(name, base)


class _Waiting:
    """A callback whose module is not there yet, and its remover once it is."""

    def __init__(self, module: str, offset: int, callback: Callable[[], Any]) -> None:
        self.module, self.offset, self.callback = module, offset, callback
        self.base = 0
        self.watch = Watch()
        self.remove: Callable[[], None] | None = None


def _offset(image: Image, name: str) -> int:
    """The RVA of ``module!symbol``; UsageError when the image has no such symbol."""
    table = SymbolTable()
    table.add(image, image.base)
    return table.address(name) - image.base
