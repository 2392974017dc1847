"""How pages are mapped: wowsim's page tables against Unicorn's own mappings.

    python benchmarks/mapping.py

``region``: mapping one more page-sized region (with a hole beside it, so that none can merge), changing its
protection and unmapping it, when so many exist already. Unicorn keeps a list of regions and rebuilds its flat view at
each change, so its costs grow with their number; a page table entry is 8 bytes at a known place. ``miss``: what a page
costs that is not in the engine's TLB, by reading one dword of each of 4,096 pages again and again: Unicorn's lookup,
the walk over our tables, and the alternative of ``UC_TLB_VIRTUAL`` with a callback per miss. The answer stands in
``benchmarks/README.md`` and is why ``cpu/paging.py`` is as it is.
"""

from __future__ import annotations

import ctypes
import sys
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

import unicorn
from loops import Nobody, Unhooked
from measure import progress, timed
from unicorn import x86_const as x86

from wowsim import assemble32
from wowsim.cpu.paging import EXECUTE, PAGE, READ, WRITE, PageTables, PhysicalMemory
from wowsim.cpu.segments import windows_gdt

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (100, 1000, 2000, 5000, 20000)
UNICORN_LIMIT = 2000
"""With more regions building the state alone takes minutes."""
BASE = 0x1000_0000
CODE = 0x200000
PAGES = 4096
PASSES = 20
SAMPLES = 20


class Native:
    """Unicorn's mem_map, mem_protect, mem_unmap."""

    def __init__(self) -> None:
        self._uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)

    def map(self, address: int) -> None:
        """One page."""
        self._uc.mem_map(address, PAGE)

    def protect(self, address: int) -> None:
        """Read-only from now on."""
        self._uc.mem_protect(address, PAGE, unicorn.UC_PROT_READ)

    def unmap(self, address: int) -> None:
        """Gone."""
        self._uc.mem_unmap(address, PAGE)


class Tables:
    """Our page tables below a running engine, whose cached translations each change flushes."""

    def __init__(self) -> None:
        self._ram = PhysicalMemory(256 << 20)
        self._tables = PageTables(self._ram)
        self._core = Unhooked(self._tables, windows_gdt(), Nobody(), timestamp=lambda: 0, random=lambda: 0)

    def map(self, address: int) -> None:
        """One page."""
        self._tables.map(address >> 12, self._tables.allocate(1), READ | WRITE)

    def protect(self, address: int) -> None:
        """Read-only from now on."""
        self._tables.protect(address >> 12, 1, READ)

    def unmap(self, address: int) -> None:
        """Gone."""
        self._tables.free(self._tables.unmap(address >> 12, 1))


def regions(make: Callable[[], Any], limit: int) -> dict[int, tuple[float, float, float]]:
    """Seconds of map, protect and unmap by number of regions that exist."""
    found = {}
    maps, count = make(), 0
    for size in SIZES:
        if size > limit:
            break
        while count < size:
            maps.map(BASE + 2 * PAGE * count)
            count += 1
        times = []
        extra = [BASE + 2 * PAGE * (count + i) for i in range(SAMPLES)]
        for step in (maps.map, maps.protect, maps.unmap):
            times.append(median(timed(partial(step, address)) for address in extra))
        found[size] = (times[0], times[1], times[2])
    return found


_READER = f"""pages: mov esi, {BASE:#x}
    mov ecx, {PAGES}
page: add eax, dword ptr [esi]
    add esi, {PAGE:#x}
    dec ecx
    jnz page
    dec edx
    jnz pages"""
_SAME = _READER.replace(f"add esi, {PAGE:#x}", "add esi, 0")


def misses_bare(source: str, virtual: bool) -> float:
    """Seconds of :data:`PASSES` passes in a plain 32-bit engine; ``virtual`` with a callback per TLB miss."""
    code = assemble32(source, CODE)
    uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
    uc.mem_map(CODE, PAGE)
    uc.mem_map(BASE, PAGES * PAGE)
    uc.mem_write(CODE, code)
    if virtual:
        uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)

        def fill(engine: Any, address: int, access: int, entry: Any, data: Any) -> bool:
            entry.contents.paddr, entry.contents.perms = address, unicorn.UC_PROT_ALL
            return True

        callback = ctypes.CFUNCTYPE(
            ctypes.c_bool,
            ctypes.c_void_p,
            ctypes.c_uint64,
            ctypes.c_int,
            ctypes.POINTER(_TlbEntry),
            ctypes.c_void_p,
        )(fill)
        handle = ctypes.c_size_t()
        unicorn.unicorn_py3.unicorn.uclib.uc_hook_add(
            uc._uch, ctypes.byref(handle), unicorn.UC_HOOK_TLB_FILL, ctypes.cast(callback, ctypes.c_void_p),
            ctypes.c_void_p(0), ctypes.c_uint64(1), ctypes.c_uint64(0),
        )  # fmt: skip

    def once() -> float:
        uc.reg_write(x86.UC_X86_REG_EDX, PASSES)
        start = process_time()
        uc.emu_start(CODE, CODE + len(code))
        return process_time() - start

    return min(once() for _ in range(5))


class _TlbEntry(ctypes.Structure):
    _fields_ = (("paddr", ctypes.c_uint64), ("perms", ctypes.c_int))


def misses_tables(source: str) -> float:
    """The same under our page tables."""
    code = assemble32(source, CODE)
    ram = PhysicalMemory(64 << 20)
    tables = PageTables(ram)
    tables.map(CODE >> 12, tables.allocate(1), READ | EXECUTE)
    tables.map(BASE >> 12, tables.allocate(PAGES), READ | WRITE)
    tables.poke(CODE, code)
    core = Unhooked(tables, windows_gdt(), Nobody(), timestamp=lambda: 0, random=lambda: 0)
    core.enter({"rip": CODE, "cs": 0x23, "ss": 0x2B, "rsp": CODE + 0x800, "gs_base": 0})
    core._uc.ctl_set_exits([CODE + len(code)])

    def once() -> float:
        core.write("rip", CODE)
        core.write("rdx", PASSES)
        start = process_time()
        core._uc.emu_start(CODE, 0)
        return process_time() - start

    return min(once() for _ in range(5))


def main() -> None:
    """Measure and print."""
    progress("regions")
    ours, theirs = regions(Tables, SIZES[-1]), regions(Native, UNICORN_LIMIT)
    print("us per operation      page tables                    Unicorn's mem_*")
    print("regions           map  protect    unmap           map   protect     unmap")
    for size in SIZES:
        mine = "".join(f"{us * 1e6:9.1f}" for us in ours[size])
        other = "".join(f"{us * 1e6:10.1f}" for us in theirs[size]) if size in theirs else "         -" * 3
        print(f"{size:7}  {mine}    {other}")
    progress("TLB misses")
    reads = PAGES * PASSES
    print(f"\nns per dword read, one page after another ({PAGES} pages) against always the same page")
    for name, one, many in (
        ("Unicorn's mem_map", misses_bare(_SAME, False), misses_bare(_READER, False)),
        ("our page tables", misses_tables(_SAME), misses_tables(_READER)),
        ("UC_TLB_VIRTUAL, Python callback", misses_bare(_SAME, True), misses_bare(_READER, True)),
    ):
        print(f"  {name:32} {many / reads * 1e9:8.1f}  {one / reads * 1e9:8.1f}")


if __name__ == "__main__":
    main()
