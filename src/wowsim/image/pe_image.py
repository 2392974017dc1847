"""An image whose directories and symbols are read from its file when they are asked for.

``image.pe`` makes it; nobody else does.
"""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from wowsim.errors import Unsupported, UsageError
from wowsim.image import pe_directories
from wowsim.image.model import Export, Image, Import, Tls
from wowsim.image.pe_directories import View
from wowsim.image.pe_file import FILE_RELOCS_STRIPPED, PeFile
from wowsim.image.pe_symbols import symbols

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.image.contents import Contents

T = TypeVar("T")
_LATE = ("contents", "exports", "imports", "relocations", "symbols", "tls")


class FileImage(Image):
    """An image of a file.

    To a section object damaged directories do not matter: the loader reads them, in the guest's memory. So names that
    cannot be read are none; only :meth:`checked` and ``relocations`` refuse them.

    Args:
        file: the headers.
        mapped: the image in memory.
        fields: those of :class:`Image`.
    """

    exports_first = True
    _file: PeFile
    _contents: Contents

    def __init__(self, file: PeFile, mapped: Contents, **fields: Any) -> None:
        super().__init__(contents=b"", **fields)
        for name in _LATE:
            del self.__dict__[name]
        self.__dict__.update(_file=file, _contents=mapped)

    @property
    def size(self) -> int:
        """SizeOfImage in bytes, page aligned."""
        return self._contents.size

    def read(self, rva: int, size: int) -> bytes:
        """Bytes at the preferred base."""
        return self._contents.read(rva, size)

    def around(self, rva: int) -> tuple[bytes, int]:
        """The section that holds an RVA, at the preferred base, and its start; no bytes where there are only zeros."""
        return self._contents.around(rva)

    def checked(self) -> FileImage:
        """This image, with every directory read.

        Raises:
            UsageError: one of them is damaged.
            Unsupported: relocations of another machine.
        """
        if self.__dict__.get("_checked"):
            return self
        view = self._view()
        read = {"exports": pe_directories.exports(view), "imports": pe_directories.imports(view)}
        self.__dict__.update(read, relocations=self._relocations(view), tls=pe_directories.tls(view))
        self.__dict__["_checked"] = True
        return self

    def renamed(self, name: str, path: str) -> FileImage:
        """The same image under another module name and guest path."""
        other = copy.copy(self)
        other.__dict__.update(name=name, path=path)
        return other

    @cached_property
    def contents(self) -> bytes:
        """All of it at the preferred base."""
        return self._contents.read(0, self.size)

    @cached_property
    def exports(self) -> tuple[Export, ...]:
        """By ascending ordinal, one for each name of an ordinal."""
        return _or(pe_directories.exports, self._view(), ())

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """In the order of the file."""
        return _or(pe_directories.imports, self._view(), ())

    @cached_property
    def relocations(self) -> tuple[int, ...] | None:
        """RVAs of the pointers that carry the base; None when they are stripped.

        Raises:
            UsageError: they are damaged.
            Unsupported: relocations of another machine.
        """
        return self._relocations(self._view())

    @cached_property
    def tls(self) -> Tls | None:
        """The TLS directory."""
        return _or(pe_directories.tls, self._view(), None)

    @cached_property
    def symbols(self) -> dict[int, str]:
        """RVA -> name of the COFF symbol table."""
        return symbols(self._file)

    def _view(self) -> View:
        return View(self._contents, self._file)

    def _relocations(self, view: View) -> tuple[int, ...] | None:
        stripped = self._file.header.Characteristics & FILE_RELOCS_STRIPPED
        return None if stripped else pe_directories.relocations(view)


def _or(read: Callable[[View], T], view: View, nothing: T) -> T:
    try:
        return read(view)
    except (UsageError, Unsupported):
        return nothing
