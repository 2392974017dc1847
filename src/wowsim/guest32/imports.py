"""Which address an import means: exports, forwarders, API sets; before the start and in guest memory.

Stands for LdrpSnapThunk and LdrpGetProcedureAddress. An API set name (``api-ms-win-core-...``) means
whichever of KERNELBASE, kernel32 and ntdll exports the function; Windows looks the host up in its API set map
instead. Who may import it: the loader's modules; the simulation for :func:`missing_imports`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from wowsim.guest32.mapped import MappedImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wowsim.guest32.ldr import Entry, Modules
    from wowsim.image.model import Export, Image, Import
    from wowsim.nt.abi import Memory

API_SET_HOSTS = ("kernelbase.dll", "kernel32.dll", "ntdll.dll")
MAX_FORWARDS = 8


@dataclass(frozen=True)
class Needs:
    """The answer lies in a DLL that is not loaded."""

    module: str


def file_name(module: str) -> str:
    """``KERNEL32`` -> ``KERNEL32.dll``; a name that has an extension stays, a trailing dot means none."""
    last = module.rsplit("\\", 1)[-1]
    if last.endswith("."):
        return module[:-1]
    return module if "." in last else module + ".dll"


def is_api_set(module: str) -> bool:
    """Whether the name stands for a contract rather than for a file."""
    return module.lower().startswith(("api-ms-win-", "ext-ms-"))


def forwarded(target: str) -> tuple[str, str | None, int]:
    """Module, name and ordinal of ``NTDLL.RtlAllocateHeap`` or ``WS2_32.#115``."""
    module, _, name = target.rpartition(".")
    if name.startswith("#") and name[1:].isdecimal():
        return module + ".dll", None, int(name[1:]) & 0xFFFF
    return module + ".dll", name, 0


class Resolver:
    """Resolves against the modules that are loaded now; lives no longer than one trap."""

    def __init__(self, memory: Memory, modules: Modules) -> None:
        self._memory = memory
        self._entries: dict[str, Entry] = {}
        for entry in modules.walk():
            self._entries.setdefault(entry.base_name.casefold(), entry)
        self._images: dict[int, MappedImage] = {}

    def image(self, entry: Entry) -> MappedImage:
        """The image of a module."""
        found = self._images.get(entry.address)
        if found is None:
            found = self._images[entry.address] = MappedImage(self._memory, entry.base)
        return found

    def entry(self, module: str) -> Entry | None:
        """The loaded module of that file name."""
        return self._entries.get(file_name(module).casefold())

    def resolve(self, module: str, name: str | None, ordinal: int) -> int | Needs | None:
        """The address, the DLL that must be loaded first, or None when nobody exports it."""
        for _ in range(MAX_FORWARDS):
            target: int | str | None = None
            if is_api_set(module):
                hosts = [e for e in map(self.entry, API_SET_HOSTS) if e is not None]
                exports = (self.image(host).export(name, ordinal) for host in hosts)
                target = next((found for found in exports if found is not None), None)
            else:
                entry = self.entry(module)
                if entry is None:
                    return Needs(file_name(module))
                target = self.image(entry).export(name, ordinal)
            if not isinstance(target, str):
                return target
            module, name, ordinal = forwarded(target)
        return None

    def export_of(self, entry: Entry, name: str | None, ordinal: int) -> int | Needs | None:
        """The address of a module's export, through forwarders."""
        target = self.image(entry).export(name, ordinal)
        return self.resolve(*forwarded(target)) if isinstance(target, str) else target

    def dependencies(self, entry: Entry) -> Iterator[Entry]:
        """The loaded modules that an image imports from, in the order of its descriptors."""
        for descriptor in self.image(entry).descriptors():
            found = None if is_api_set(descriptor.module) else self.entry(descriptor.module)
            if found is not None and found.address != entry.address:
                yield found

    def first_needed(self, entry: Entry, absent: Iterable[str]) -> str | None:
        """The first DLL that an image imports from, directly or by a forwarder, and that is not loaded."""
        image = self.image(entry)
        without = {name.casefold() for name in absent}
        for descriptor in image.descriptors():
            name = file_name(descriptor.module)
            if not is_api_set(name) and self.entry(name) is None and name.casefold() not in without:
                return name
        if self._forwarding_away:
            for descriptor in image.descriptors():
                for thunk in image.thunks(descriptor):
                    found = self.resolve(descriptor.module, thunk.name, thunk.ordinal)
                    if isinstance(found, Needs) and found.module.casefold() not in without:
                        return found.module
        return None

    @cached_property
    def _forwarding_away(self) -> bool:
        """Whether any loaded module forwards to one that is not: only then can an import need it."""
        targets = {t.rpartition(".")[0] for e in self._entries.values() for t in self.image(e).forwarders()}
        return any(not is_api_set(module) and self.entry(module) is None for module in targets)

    def missing(self, entry: Entry) -> list[str]:
        """``kernel32.dll!Foo`` for each import that nobody provides."""
        image = self.image(entry)
        return [
            f"{descriptor.module}!{thunk}"
            for descriptor in image.descriptors()
            for thunk in image.thunks(descriptor)
            if not isinstance(self.resolve(descriptor.module, thunk.name, thunk.ordinal), int)
        ]


def missing_imports(image: Image, available: Mapping[str, Image]) -> list[Import]:
    """The imports of ``image`` that no available DLL exports, in the order of the image.

    Args:
        image: the program, or a DLL.
        available: DLLs by lower-case file name.
    """
    return [i for i in image.imports if not _provided(i.module, i.name, i.ordinal or 0, available)]


def _provided(module: str, name: str | None, ordinal: int, available: Mapping[str, Image]) -> bool:
    for _ in range(MAX_FORWARDS):
        hosts = API_SET_HOSTS if is_api_set(module) else (file_name(module).lower(),)
        images = [available[host] for host in hosts if host in available]
        export = next((e for e in (_export(i, name, ordinal) for i in images) if e is not None), None)
        if export is None or export.forwarder is None:
            return export is not None
        module, name, ordinal = forwarded(export.forwarder)
    return False


def _export(image: Image, name: str | None, ordinal: int) -> Export | None:
    return image.export_by_ordinal.get(ordinal) if name is None else image.export_by_name.get(name)
