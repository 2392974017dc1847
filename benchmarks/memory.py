"""The memory manager: the VAD tree alone, the address space under a running CPU, and what a reservation costs."""

from __future__ import annotations

import math
import sys
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from measure import Row, progress, table, timed

from wowsim import Simulation, assemble64
from wowsim.memory.allocate import MEM_COMMIT, MEM_RELEASE, MEM_RESERVE
from wowsim.memory.vad import Vad, VadTree
from wowsim.nt.builds import BUILDS

if TYPE_CHECKING:
    from collections.abc import Callable

STRIDE = 0x20
"""Pages from one region of the tree to the next; each has the lower half."""
WIDE = STRIDE + STRIDE // 2
REGIONS = (1_000, 10_000, 100_000)
MAPPED = (100, 1_000, 5_000)
BASE, SIZE = 0x10000000, 0x10000
NUMBERS = BUILDS["win7sp1"].numbers


# ---------------------------------------------------------------- the tree alone
class Tree:
    """A tree of ``count`` regions made in random order, with one gap that is wider than the others.

    Attributes:
        insert: seconds of an insertion, and of the removal that makes room for it, at this size.
        look_up: seconds of a look-up.
        search: seconds of a search for the wide gap.
    """

    def __init__(self, count: int, operations: int) -> None:
        random = Random(count)
        order = [n for n in range(count + 1) if n != count * 2 // 3]
        random.shuffle(order)
        self._tree = VadTree()
        for n in order:
            self._tree.insert(Vad(n * STRIDE, n * STRIDE + STRIDE // 2 - 1))
        self._highest = (count + 1) * STRIDE
        vads = [self._tree.at(n * STRIDE) for n in random.sample(order, min(operations, count))]
        pages = [random.randrange(self._highest) for _ in range(operations)]
        removed = [vad for vad in vads if vad is not None]
        self.look_up = self.search = self.remove = self.insert = math.inf
        for _ in range(3):
            self.look_up = min(self.look_up, timed(lambda: self._look_up(pages)) / operations)
            self.search = min(self.search, timed(lambda: self._search(operations)) / operations)
            self.remove = min(
                self.remove, timed(lambda: self._each(self._tree.remove, removed)) / len(removed)
            )
            self.insert = min(
                self.insert, timed(lambda: self._each(self._tree.insert, removed)) / len(removed)
            )

    @staticmethod
    def _each(change: Callable[[Vad], None], vads: list[Vad]) -> None:
        for vad in vads:
            change(vad)

    def _look_up(self, pages: list[int]) -> None:
        at = self._tree.at
        for page in pages:
            at(page)

    def _search(self, operations: int) -> None:
        for _ in range(operations // 2):
            low = self._tree.find_lowest(WIDE, 0, self._highest)
            high = self._tree.find_highest(WIDE, 0, self._highest - STRIDE)
            if low is None or low != high:
                raise RuntimeError("the two directions must find the one gap")


def tree_rows(quick: bool) -> list[Row]:
    """Insert, look-up and gap search at three sizes."""
    operations = 2_000 if quick else 20_000
    trees = {count: Tree(count, operations) for count in REGIONS}
    found = []
    # The depth grows by 1.7, and 100,000 Python objects lie outside every cache; what grows with n is at 100.
    allowed = 20
    for what, name in (
        ("insert", "insert"),
        ("remove", "remove"),
        ("look-up", "look_up"),
        ("gap search", "search"),
    ):
        seconds = [float(getattr(trees[count], name)) for count in REGIONS]
        growth = seconds[-1] / seconds[0]
        found.append(
            Row(
                f"VAD tree: {what} at 1k, 10k, 100k regions",
                ", ".join(f"{s * 1e6:.1f}" for s in seconds) + f" us (x {growth:.1f})",
                f"x <= {allowed} (log n: x 1.7, linear: x 100)",
                growth <= allowed,
            )
        )
    return found


# ---------------------------------------------------------------- mapped in the CPU
def guest_loop(rounds: int) -> bytes:
    """64-bit code: allocate 64 KB, touch it, protect it, free it, ``rounds`` times; 0 if all went well."""
    room, size, old = "rbp", "rbp+8", "rbp+16"
    begin = f"mov qword ptr [{room}], 0\nmov qword ptr [{size}], {SIZE:#x}"
    reserve = f"""xor r8d, r8d
        lea r9, [{size}]
        mov qword ptr [rsp+0x28], {MEM_RESERVE | MEM_COMMIT:#x}
        mov qword ptr [rsp+0x30], 4"""
    protect = f"""lea r8, [{size}]
        mov r9, 2
        lea rax, [{old}]
        mov qword ptr [rsp+0x28], rax"""
    free = f"lea r8, [{size}]\nmov r9, {MEM_RELEASE:#x}"
    parts = [f"push rbp\npush rbx\nsub rsp, 0x88\nlea rbp, [rsp+0x60]\nmov ebx, {rounds}", "L_next: " + begin]
    for name, arguments in (
        ("NtAllocateVirtualMemory", reserve),
        ("NtProtectVirtualMemory", protect),
        ("NtFreeVirtualMemory", free),
    ):
        parts.append(f"mov r10, -1\nlea rdx, [{room}]\n{arguments}\nmov eax, {NUMBERS[name]:#x}\nsyscall")
        parts.append("test eax, eax\njnz L_end")
        if name == "NtAllocateVirtualMemory":
            parts.append(f"mov rcx, [{room}]\nmov dword ptr [rcx], 1")
        if name == "NtProtectVirtualMemory":
            parts.append(f"mov qword ptr [{size}], 0")
    parts.append("dec ebx\njnz L_next\nxor eax, eax\nL_end: add rsp, 0x88\npop rbx\npop rbp\nret")
    return assemble64("\n".join(parts))


def mapped(count: int, rounds: int) -> list[Row]:
    """What a map, protect and unmap cost while ``count`` regions are mapped in the CPU."""
    both = MEM_RESERVE | MEM_COMMIT
    with Simulation() as sim:
        sim.load_shellcode(guest_loop(rounds), bits=64)
        space = sim._machine.space
        # neighbours differ, so that nothing merges them
        for n, protection in zip(range(count), cycle((4, 2, 0x40)), strict=False):
            base, _ = space.allocate(BASE + n * SIZE, SIZE, both, protection)
            sim.memory.write(base, b"\x01")
        places = [BASE + (count + n) * SIZE for n in range(rounds)]
        seconds = (
            timed(lambda: [space.allocate(p, SIZE, both, 4) for p in places]),
            timed(lambda: [space.protect(p, SIZE, 2) for p in places]),
            timed(lambda: [space.free(p, 0, MEM_RELEASE) for p in places]),
        )
        guest = timed(lambda: _finish(sim))
    return [
        Row(
            f"map, protect, unmap 64 KB with {count} regions mapped",
            ", ".join(f"{s / rounds * 1e6:.0f}" for s in seconds) + " us",
        ),
        Row("  the three by guest code, touched between", f"{guest / rounds * 1e6:.0f} us a round of three"),
    ]


def mapped_rows(quick: bool) -> list[Row]:
    """The same with few regions and with many."""
    found = []
    for count in MAPPED:
        progress(f"{count} regions in the CPU")
        found += mapped(count, 100 if quick else 500)
    return found


def _finish(sim: Simulation) -> None:
    result = sim.run()
    if result.exit_status != 0:
        raise RuntimeError(f"the guest's loop ended with {result}")


# ---------------------------------------------------------------- reservations
def resident() -> int:
    """Bytes of this process in physical memory; 0 where the host does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text(encoding="ascii").split()[1]) * 4096 if statm.exists() else 0


def reservation_rows() -> list[Row]:
    """1 GB that nobody touches."""
    with Simulation() as sim:
        sim.load_shellcode(b"\xc3")
        space = sim._machine.space
        before = resident()
        took = timed(lambda: space.allocate(0, 1 << 30, MEM_RESERVE, 4))
        reserved = resident() - before
        committed = timed(lambda: space.allocate(0, 256 << 20, MEM_RESERVE | MEM_COMMIT, 4))
        both = resident() - before
    return [
        Row(
            "untouched reservation of 1 GB: host memory",
            f"{reserved >> 10} KB, {took * 1e6:.0f} us",
            "none",
            reserved < 1 << 18,
        ),
        Row(
            "256 MB committed and untouched: host memory",
            f"{both - reserved >> 10} KB, {committed * 1e3:.1f} ms",
        ),
    ]


def rows(quick: bool) -> list[Row]:
    """The memory manager's part of the table."""
    return [*tree_rows(quick), *mapped_rows(quick), *reservation_rows()]


if __name__ == "__main__":
    print(table(rows("--quick" in islice(sys.argv, 1, None))))
