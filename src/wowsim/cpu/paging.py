"""Guest physical memory and the 4-level page tables the CPU walks.

Stands for RAM, the PFN free list and the hardware page tables at CR3. The engine runs with paging on, so user
and supervisor pages, NX, read-only pages and canonical addresses are the CPU's own checks, and mapping a page
costs one 8-byte store however many regions a process has. ``benchmarks/mapping.py`` measured it against Unicorn's own
mappings (us per page-sized region on a noisy two-core machine, Unicorn 2.1.4)::

    regions     page tables: map  protect  unmap     mem_map  mem_protect  mem_unmap
        100                  6.2      5.3   11.9        33.3          9.8       27.9
      1,000                  6.1      5.2   11.0      6320.6         77.5      664.9
      2,000                  6.8      5.2   12.2     22844.8        148.9     2443.1
     20,000                  6.1      5.1   11.4           -            -          -

The price is the walk on a miss of the engine's TLB, 148 ns against 109 ns (181 against 64 in another run; a hit is the
same either way); ``UC_TLB_VIRTUAL`` with a Python callback pays 1,060 ns.

All per-page state lies in the entries: frame, access, and a 7-bit software tag in bits 52-58 that the memory
manager uses (bit 9 marks an entry in use, bit 10 one whose bytes are fetched when they are first needed; the hardware
ignores these bits). An entry without READ is kept but not present.

Implements the ``Pages`` protocol of ``wowsim.memory`` and the ``Memory`` protocol of ``wowsim.nt.abi``;
imports neither an engine nor the memory manager.
"""

from __future__ import annotations

import ctypes
import mmap
import re
from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import Any

from wowsim.errors import GuestFault

PAGE = 0x1000
READ, WRITE, EXECUTE = 1, 2, 4
SUPERVISOR = 8
"""Access bit for pages of the kernel half."""

_PRESENT, _WRITABLE, _USER, _USED, _ABSENT, _NX = 1, 2, 4, 1 << 9, 1 << 10, 1 << 63
_DIRTY = 1 << 6
_BY_CPU = 1 << 5 | _DIRTY
"""Accessed and Dirty: the CPU sets them when it walks to a page, and when it first writes there."""
_FRAME = 0x000FFFFF_FFFFF000
_TAG = 52
_WIDE = 16 << 9
"""Pages of a range from which on only the leaf tables that exist are visited."""
_QWORD = Struct("<Q")
_WRITTEN_ENTRIES = re.compile(rb"[\x40-\x7f\xc0-\xff]")
"""Finds the dirty ones among the low bytes of entries."""
_TABLE = _PRESENT | _WRITABLE | _USER
STATUS_COMMITMENT_LIMIT = 0xC000012D
STATUS_ACCESS_VIOLATION = 0xC0000005
USER_END = 0x7FFF_FFFF_0000
"""First address no user byte can have (MmHighestUserAddress + 1 rounded, wow64-facts section 8.2)."""


class PhysicalMemory:
    """Guest RAM: one anonymous host mapping, so untouched pages cost the host nothing.

    Args:
        size: bytes; the commit limit of the simulated machine.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.bytes = mmap.mmap(-1, size)
        self._anchor = ctypes.c_char.from_buffer(self.bytes)
        self.host_address = ctypes.addressof(self._anchor)
        self._next = 1
        self._free: list[int] = []
        self._count = size // PAGE

    @property
    def available(self) -> int:
        """Frames that can still be allocated."""
        return self._count - self._next + len(self._free)

    def allocate(self, count: int) -> Sequence[int]:
        """``count`` zeroed frames.

        Raises:
            GuestFault: STATUS_COMMITMENT_LIMIT, there are not as many.
        """
        if count > self.available:
            raise GuestFault(STATUS_COMMITMENT_LIMIT)
        if not self._free and count:
            first = self._next
            self._next += count
            return range(first, first + count)
        reused = [self._free.pop() for _ in range(min(count, len(self._free)))]
        return reused + list(self.allocate(count - len(reused))) if len(reused) < count else reused

    def free(self, frames: Iterable[int]) -> None:
        """Give frames back; their bytes must already be zero."""
        self._free.extend(frames)

    @property
    def allocation(self) -> tuple[int, Sequence[int]]:
        """The first frame never given out, and those given back."""
        return self._next, tuple(self._free)

    @allocation.setter
    def allocation(self, value: tuple[int, Sequence[int]]) -> None:
        self._next, self._free[:] = value

    def close(self) -> None:
        """Release the host memory."""
        del self._anchor
        self.bytes.close()


FaultResolver = Callable[[int, bool], None]
"""Called with (address, write) when kernel code touches a page it may not; returns once the page is usable, or
raises GuestFault."""


def _refuse(address: int, write: bool) -> None:
    raise GuestFault(STATUS_ACCESS_VIOLATION, address)


class PageTables:
    """One address space as the hardware sees it."""

    def __init__(self, ram: PhysicalMemory) -> None:
        self.ram = ram
        self._bytes = ram.bytes
        self.root = ram.allocate(1)[0] * PAGE
        self._leaves: dict[int, int] = {}
        self._keys: list[int] = []
        self._first_page: dict[int, int] = {}
        self._tables: dict[tuple[int, int], int] = {}
        self._readable: dict[int, int] = {}
        self._writable: dict[int, int] = {}
        self._code_frames: set[int] = set()
        self._written: set[int] = set()
        self.untracked: set[int] = set()
        """Frames that the host writes without asking; they always count as written."""
        self.flush: Callable[[], None] = lambda: None
        """Set by the engine: forget cached translations."""
        self.write_code: Callable[[int, bytes], None] = self._store
        """Set by the engine: write bytes of a frame that may hold translated code (physical address, data)."""
        self.resolve: FaultResolver = _refuse
        """Set by the memory manager."""
        self.fetch: Callable[[int], Iterable[tuple[int, bytes]]] = lambda vpn: ()
        """Set by the memory manager: bytes of a page mapped as absent, and of neighbours that come along."""

    # ------------------------------------------------------------ frames
    def allocate(self, count: int) -> Sequence[int]:
        """Zeroed frames, see :meth:`PhysicalMemory.allocate`."""
        return self.ram.allocate(count)

    def free(self, frames: Iterable[int]) -> None:
        """Give frames back, zeroed."""
        frames = list(frames)
        for frame in frames:
            self.write_frame(frame, 0, bytes(PAGE))
        self._code_frames.difference_update(frames)
        self.ram.free(frames)

    def read_frame(self, frame: int, offset: int, size: int) -> bytes:
        """Bytes of a frame."""
        at = frame * PAGE + offset
        return self._bytes[at : at + size]

    def write_frame(self, frame: int, offset: int, data: bytes) -> None:
        """Change bytes of a frame, telling the engine when it may have translated them."""
        at = frame * PAGE + offset
        self._written.add(frame)
        if frame in self._code_frames:
            self.write_code(at, data)
        else:
            self._store(at, data)

    def _store(self, physical: int, data: bytes) -> None:
        self._bytes[physical : physical + len(data)] = data

    def fill(self, frames: Sequence[int], data: bytes) -> None:
        """Give frames that were just allocated their bytes, the rest stays zero."""
        if isinstance(frames, range):
            self._store(frames.start * PAGE, data)
            self._written.update(frames[: -(-len(data) // PAGE)])
        else:
            for at, frame in zip(range(0, len(data), PAGE), frames, strict=False):
                self.write_frame(frame, 0, data[at : at + PAGE])

    def store_frame(self, frame: int, page: bytes) -> None:
        """Replace a whole frame by what a state of memory holds; this does not count as writing."""
        if frame in self._code_frames:
            self.write_code(frame * PAGE, page)
        else:
            self._bytes[frame * PAGE : (frame + 1) * PAGE] = page

    @property
    def code_frames(self) -> set[int]:
        """Frames that the engine may have translated."""
        return self._code_frames

    def take_written(self) -> set[int]:
        """Frames written since the last call, by the host or where a dirty entry was removed; later writes count anew.

        What the CPU wrote through entries that still stand is told by their Dirty bits (``cpu.history``).
        """
        written, self._written = self._written | self.untracked, set()
        self._writable.clear()
        return written

    # ------------------------------------------------------------ entries
    def map(
        self, vpn: int, frames: Sequence[int], access: int, tag: int = 0, *, absent: bool = False
    ) -> None:
        """Enter pages ``vpn...`` -> ``frames``, in order; absent ones get their bytes when somebody needs them."""
        bits = self._bits(access, tag)
        if absent and bits & _PRESENT:
            bits ^= _PRESENT | _ABSENT
        if access & EXECUTE:
            self._code_frames.update(frames)
        at = 0
        for table, index, count in self._spans(vpn, len(frames), create=True):
            entries = array("Q", [frame << 12 | bits for frame in frames[at : at + count]])
            start = table + index * 8
            self._note_written(table, index, count)
            self._bytes[start : start + count * 8] = entries.tobytes()
            at += count
        self._forget(vpn, len(frames))

    def protect(self, vpn: int, count: int, access: int, tag: int = 0) -> None:
        """Change access and tag of existing entries."""
        bits = self._bits(access, tag)
        for table, index, span in self._spans(vpn, count, create=False):
            start = table + index * 8
            self._written.add(table >> 12)
            for offset, entry in enumerate(array("Q", self._bytes[start : start + span * 8])):
                if entry & _ABSENT:
                    self.entry(self._first_page[table] + index + offset)
            entries = array("Q", self._bytes[start : start + span * 8])
            for i, entry in enumerate(entries):
                entries[i] = entry & (_FRAME | _BY_CPU) | bits
                if access & EXECUTE:
                    self._code_frames.add((entry & _FRAME) >> 12)
            self._bytes[start : start + span * 8] = entries.tobytes()
        self._forget(vpn, count)

    def unmap(self, vpn: int, count: int) -> list[int]:
        """Remove entries, holes allowed; returns their frames."""
        frames: list[int] = []
        for table, index, span in self._spans(vpn, count, create=False):
            start = table + index * 8
            entries = array("Q", self._bytes[start : start + span * 8])
            self._note_written(table, index, span)
            frames.extend((entry & _FRAME) >> 12 for entry in entries if entry)
            self._bytes[start : start + span * 8] = bytes(span * 8)
        if frames:
            self._forget(vpn, count)
        return frames

    def _note_written(self, table: int, index: int, count: int) -> None:
        """Entries are about to change: their table is written, and what the CPU wrote through them is noted."""
        self._written.add(table >> 12)
        start = table + index * 8
        for dirty in _WRITTEN_ENTRIES.finditer(self._bytes[start : start + count * 8 : 8]):
            (entry,) = _QWORD.unpack_from(self._bytes, start + dirty.start() * 8)
            self._written.add((entry & _FRAME) >> 12)

    def entry(self, vpn: int) -> tuple[int, int, int] | None:
        """(frame, access, tag) of a page, or None."""
        table = self._leaves.get(vpn >> 9)
        if table is None:
            return None
        (value,) = _QWORD.unpack_from(self._bytes, table + (vpn & 511) * 8)
        if value == 0:
            return None
        if value & _ABSENT:
            value = self._fill_in(vpn)
        return (value & _FRAME) >> 12, _access(value), value >> _TAG & 0x7F

    def _fill_in(self, vpn: int) -> int:
        """Fetch the bytes of an absent page; returns its entry."""
        for page, data in self.fetch(vpn):
            at = self._leaves[page >> 9] + (page & 511) * 8
            (value,) = _QWORD.unpack_from(self._bytes, at)
            if value & _ABSENT:
                self.write_frame((value & _FRAME) >> 12, 0, data)
                _QWORD.pack_into(self._bytes, at, value ^ (_PRESENT | _ABSENT))
                self._written.add(at >> 12)
        (value,) = _QWORD.unpack_from(self._bytes, self._leaves[vpn >> 9] + (vpn & 511) * 8)
        assert not value & _ABSENT, f"nobody has the bytes of page {vpn:#x}"
        return int(value)

    def runs(self, vpn: int, count: int) -> Iterator[tuple[int, int, int]]:
        """(vpn, count, tag) of maximal runs of existing entries of equal tag inside the range, ascending."""
        first = run_tag = -1
        end = vpn
        for table, index, span in self._spans(vpn, count, create=False):
            start = table + index * 8
            page = self._first_page[table] + index
            for offset, entry in enumerate(array("Q", self._bytes[start : start + span * 8])):
                at, tag = page + offset, (entry >> _TAG & 0x7F) if entry else -1
                if at == end and tag == run_tag:
                    end = at + 1
                    continue
                if run_tag >= 0:
                    yield first, end - first, run_tag
                first, end, run_tag = at, at + 1, tag
        if run_tag >= 0:
            yield first, end - first, run_tag

    def window(self, vpn: int) -> Callable[[int | None], None]:
        """Reserve a page that the host may point at any frame for a moment, readable and executable by all.

        What is returned takes the frame, or None to close it; the caller forgets cached translations.
        """
        ((table, index, _),) = self._spans(vpn, 1, create=True)
        bits, at, ram = self._bits(READ | EXECUTE, 0), table + index * 8, self._bytes

        def show(frame: int | None) -> None:
            _QWORD.pack_into(ram, at, 0 if frame is None else frame << 12 | bits)

        return show

    def physical(self, address: int) -> int | None:
        """Physical address behind a virtual one, whatever its access; None when nothing is mapped."""
        found = self.entry(address >> 12)
        return None if found is None else found[0] * PAGE + (address & 0xFFF)

    @staticmethod
    def _bits(access: int, tag: int) -> int:
        bits = _USED | tag << _TAG
        if access & (READ | WRITE | EXECUTE):
            bits |= _PRESENT
        if access & WRITE:
            bits |= _WRITABLE
        if not access & EXECUTE:
            bits |= _NX
        if not access & SUPERVISOR:
            bits |= _USER
        return bits

    def _spans(self, vpn: int, count: int, *, create: bool) -> Iterator[tuple[int, int, int]]:
        """(leaf table, first index, count) covering the range; leaves that do not exist are made or skipped."""
        end = vpn + count
        if count > _WIDE and not create:
            keys: Sequence[int] = self._keys[
                bisect_left(self._keys, vpn >> 9) : bisect_left(self._keys, end + 511 >> 9)
            ]
        else:
            keys = range(vpn >> 9, end + 511 >> 9)
        for key in keys:
            table = self._leaves.get(key)
            if table is None:
                if not create:
                    continue
                table = self._make_leaf(key)
            first = max(vpn, key << 9)
            if first < end:
                yield table, first & 511, min(end, (key + 1) << 9) - first

    def _make_leaf(self, key: int) -> int:
        table = self.root
        for level, shift in ((0, 27), (1, 18), (2, 9)):
            prefix = (key << 9) >> shift
            lower = self._tables.get((level, prefix))
            if lower is None:
                lower = self._tables[level, prefix] = self.ram.allocate(1)[0] * PAGE
                _QWORD.pack_into(self._bytes, table + (prefix & 511) * 8, lower | _TABLE)
                self._written.add(table >> 12)
            table = lower
        self._leaves[key] = table
        insort(self._keys, key)
        self._first_page[table] = key << 9
        return table

    def _forget(self, vpn: int, count: int) -> None:
        if count > 256:
            self._readable.clear()
            self._writable.clear()
        else:
            for page in range(vpn, vpn + count):
                self._readable.pop(page, None)
                self._writable.pop(page, None)
        self.flush()

    # ------------------------------------------------------------ the Memory protocol
    def _reach(self, address: int, write: bool) -> int:
        """Physical base of the page, after the checks the kernel's probes make."""
        vpn = address >> 12
        if not 0 <= address < USER_END:
            raise GuestFault(STATUS_ACCESS_VIOLATION, address)
        for attempt in (1, 2):
            found = self.entry(vpn)
            if found is not None and found[1] & (WRITE if write else READ) and not found[1] & SUPERVISOR:
                break
            if attempt == 2:
                raise GuestFault(STATUS_ACCESS_VIOLATION, address)
            self.resolve(address, write)
        assert found is not None
        base = found[0] * PAGE
        if not write:
            self._readable[vpn] = base
            return base
        self._written.add(found[0])
        if not found[1] & EXECUTE and found[0] not in self._code_frames:
            self._writable[vpn] = base
        return base

    def read(self, address: int, size: int) -> bytes:
        """Read user memory; GuestFault where a byte is not readable."""
        offset = address & 0xFFF
        if offset + size <= PAGE:
            base = self._readable.get(address >> 12)
            if base is None:
                if size == 0:
                    return b""
                base = self._reach(address, False)
            at = base + offset
            return self._bytes[at : at + size]
        parts = []
        while size > 0:
            step = min(size, PAGE - (address & 0xFFF))
            parts.append(self.read(address, step))
            address += step
            size -= step
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """Write user memory; every page is probed before the first byte changes."""
        size = len(data)
        offset = address & 0xFFF
        if offset + size <= PAGE:
            base = self._writable.get(address >> 12)
            if base is not None:
                at = base + offset
                self._bytes[at : at + size] = data
                return
        self.probe_write(address, size)
        view = memoryview(data)
        while view:
            step = min(len(view), PAGE - (address & 0xFFF))
            self.write_frame(self._reach(address, True) // PAGE, address & 0xFFF, bytes(view[:step]))
            address += step
            view = view[step:]

    def unpack(self, layout: Struct, address: int) -> tuple[Any, ...]:
        """Read and unpack."""
        offset = address & 0xFFF
        if offset + layout.size <= PAGE:
            base = self._readable.get(address >> 12)
            if base is not None:
                return layout.unpack_from(self._bytes, base + offset)
        return layout.unpack(self.read(address, layout.size))

    def pack(self, layout: Struct, address: int, *values: Any) -> None:
        """Pack and write."""
        offset = address & 0xFFF
        if offset + layout.size <= PAGE:
            base = self._writable.get(address >> 12)
            if base is not None:
                layout.pack_into(self._bytes, base + offset, *values)
                return
        self.write(address, layout.pack(*values))

    def probe_write(self, address: int, size: int) -> None:
        """Raise GuestFault unless every byte is writable user memory."""
        if (address & 0xFFF) + size <= PAGE and address >> 12 in self._writable:
            return
        for vpn in range(address >> 12, (address + max(size, 1) - 1 >> 12) + 1):
            if vpn not in self._writable:
                self._reach(max(address, vpn << 12), True)

    # ------------------------------------------------------------ for the debugger's eye
    def peek(self, address: int, size: int) -> bytes | None:
        """Bytes as a debugger sees them (no access check, no side effect); None where a page is missing."""
        parts = []
        while size > 0:
            at = self.physical(address)
            if at is None:
                return None
            step = min(size, PAGE - (address & 0xFFF))
            parts.append(self._bytes[at : at + step])
            address += step
            size -= step
        return b"".join(parts)

    def poke(self, address: int, data: bytes) -> None:
        """Write like a debugger: no access check; the pages must exist.

        Raises:
            GuestFault: a page of the range is not mapped.
        """
        at = 0
        while at < len(data):
            found = self.entry(address + at >> 12)
            if found is None:
                raise GuestFault(STATUS_ACCESS_VIOLATION, address + at)
            offset = (address + at) & 0xFFF
            step = min(len(data) - at, PAGE - offset)
            self.write_frame(found[0], offset, data[at : at + step])
            at += step


def _access(value: int) -> int:
    access = 0
    if value & _PRESENT:
        access = READ | (WRITE if value & _WRITABLE else 0) | (0 if value & _NX else EXECUTE)
    return access | (0 if value & _USER else SUPERVISOR)
