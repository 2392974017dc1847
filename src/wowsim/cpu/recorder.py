"""The block recorder: which blocks ran, in order, with exact instruction counts.

A native callback (``cpu.native``) does the work per block; Python is called once per distinct block, when the
ring is full and when the instruction budget is spent. Where the host refuses executable memory the same
bookkeeping runs as a Python callback per block: :attr:`Recorder.native` says which.

Counting rule: one per instruction; a REP instruction counts once per iteration and once more for the check that
ends it, as the engine steps it.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable
from itertools import chain
from typing import Literal

from wowsim.cpu.native import CODE, STATE_FIELDS, ExecutableMemory, host_abi

Bits = Literal[32, 64]
RING = 1 << 18
"""Ids in the ring (1 MB)."""
_SLACK = 64
_DEAD = 0xFFFF
CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)


class Block:
    """A straight run of instructions that executed as a unit.

    Attributes:
        id: its index in :attr:`Recorder.blocks`.
        address: first byte.
        code: the bytes at the time they were translated.
        bits: 32 or 64, the mode they ran in.
        count: instructions.
    """

    __slots__ = ("address", "bits", "code", "count", "id")

    def __init__(self, id: int, address: int, code: bytes, bits: Bits, count: int) -> None:
        self.id, self.address, self.code, self.bits, self.count = id, address, code, bits, count

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + len(self.code)

    def __repr__(self) -> str:
        """``Block(7: 777f00b0+12 x86, 4 instructions)``."""
        mode = "x86" if self.bits == 32 else "x64"
        return f"Block({self.id}: {self.address:x}+{len(self.code)} {mode}, {self.count} instructions)"


def is_repeated(before: int, before_size: int, address: int, size: int) -> bool:
    """Whether a block of one instruction, run right after another block, repeats an instruction inside that one.

    The engine leaves a block in which an instruction writes over the block's own code before that instruction, and
    runs it again alone. Otherwise no block of one instruction ends where a longer one goes on.
    """
    return before <= address and address + size < before + before_size


LengthDecoder = Callable[[bytes, int, Bits], "list[int]"]
"""(code, address, bits) -> lengths in bytes of its instructions; injected, so that this layer needs no decoder."""


class Recorder:
    """Records blocks and counts instructions while it is attached to an engine.

    Args:
        read_code: bytes at an address, or None.
        mode: the CPU's current mode.
        lengths: instruction lengths of a piece of code.
        spent: called with the instructions of a block that the budget does not hold, or with 0 when an error ends
            the recording; True continues (with a new budget), False means: stop.
        keep: keep every record; otherwise only the last :data:`RING` and up.
    """

    def __init__(
        self,
        read_code: Callable[[int, int], bytes | None],
        mode: Callable[[], Bits],
        lengths: LengthDecoder,
        spent: Callable[[int], bool],
        *,
        keep: bool,
        native: bool = True,
    ) -> None:
        self._read_code, self._mode, self._lengths, self._spent = read_code, mode, lengths, spent
        self.keep = keep
        self.blocks: list[Block] = []
        self._paused = False
        self._nothing = (ctypes.c_uint64 * (2 * _SLACK))()
        self.stopped = False
        self._ids: dict[tuple[int, int], int] = {}
        self._sizes: dict[int, set[int]] = {}
        """The sizes of blocks that were seen at an address."""
        self._variants: dict[tuple[int, bytes, Bits], int] = {}
        self._translated: dict[tuple[int, int], int] = {}
        self._repeated: set[int] = set()
        self._chunks: list[array[int]] = []
        self._dropped = 0
        self._granted = 0
        self._executed = 0
        self._ring = (ctypes.c_uint32 * RING)()
        self._ring_start = ctypes.addressof(self._ring)
        self._ring_view = memoryview(self._ring).cast("B").cast("I")
        self._state = (ctypes.c_int64 * len(STATE_FIELDS))()
        self.state_address = ctypes.addressof(self._state)
        self._grow(12)
        self._slow = CALLBACK(self._on_slow)
        self._state[2] = self._ring_start
        self._state[3] = self._ring_start + 4 * RING
        self._state[5] = ctypes.cast(self._slow, ctypes.c_void_p).value or 0
        abi = host_abi() if native else None
        self.callback_address = self._state[5]
        self._error: BaseException | None = None
        self.native = False
        if abi is not None:
            try:
                self._page = ExecutableMemory(CODE[abi])
            except OSError:
                return
            self.callback_address, self.native = self._page.address, True

    # ------------------------------------------------------------ what others read
    @property
    def executed(self) -> int:
        """Instructions executed so far."""
        return self._executed + self._granted - self._state[4]

    @property
    def position(self) -> int:
        """Number of block records so far."""
        return self._dropped + sum(map(len, self._chunks)) + self._pending

    @property
    def _pending(self) -> int:
        return (self._state[2] - self._ring_start) >> 2

    def since(self, position: int) -> tuple[list[int], bool]:
        """Ids of the blocks recorded from ``position`` on, and whether they are all still there."""
        in_ring = self.position - self._pending
        if position >= in_ring:
            return self._ring_view[position - in_ring : self._pending].tolist(), True
        skip = position - self._dropped
        kept = list(chain.from_iterable(self._chunks)) + self._ring_view[: self._pending].tolist()
        return kept[max(skip, 0) :], skip >= 0

    def ids(self, position: int = 0) -> array[int]:
        """The kept records from ``position`` on, first to last."""
        skip = max(position - self._dropped, 0)
        everything = array("I")
        for chunk in self._chunks:
            if skip < len(chunk):
                everything.extend(chunk[skip:] if skip else chunk)
            skip = max(skip - len(chunk), 0)
        everything.frombytes(self._ring_view[skip : self._pending].cast("B"))
        return everything

    def resume(self, ids: array[int]) -> None:
        """Forget the records, as if only these blocks had run last; counts and positions go on."""
        self._dropped = self.position
        self._chunks, self._state[2] = [ids[:-1]], self._ring_start
        if ids:
            self._append(ids[-1])

    def raise_error(self) -> None:
        """Raise what failed inside the slow path, which native code cannot carry."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    # ------------------------------------------------------------ what the engine tells
    def grant(self, instructions: int) -> None:
        """Allow that many more instructions before ``spent`` is asked; what is left of the last grant lapses."""
        self._executed = self.executed
        self._granted = self._state[4] = instructions
        self.stopped = False

    @property
    def paused(self) -> bool:
        """While set, blocks are neither recorded nor counted."""
        return self._paused

    @paused.setter
    def paused(self, value: bool) -> None:
        self._paused = value
        self._point()

    @property
    def left(self) -> int:
        """Instructions left of the last grant."""
        return self._state[4]

    def translated(self, address: int, size: int, count: int) -> None:
        """The engine translated a block (anew): whatever was known of these bytes may be stale."""
        self._translated[address, size] = count
        self._forget(address, size)

    def revalidate(self, address: int) -> None:
        """Check what is known of blocks at an address where the engine starts (it reports no translation there)."""
        for size in self._sizes.get(address, ()):
            id = self._ids.get((address, size))
            if id is not None and self._read_code(address, size) != self.blocks[id].code:
                self._forget(address, size)

    def cut(self, address: int) -> int:
        """The last block did not run to its end: it stopped before ``address``. Returns instructions executed of it."""
        pending = self._pending
        if not pending:
            return 0
        last = self.blocks[self._ring_view[pending - 1]]
        if not last.address <= address < last.end:
            return last.count
        done, at = 0, last.address
        for length in self._lengths(last.code, last.address, last.bits):
            if at >= address:
                break
            done, at = done + 1, at + length
        self._state[4] += last.count - done
        if done:
            part = self._variant(last.address, last.code[: at - last.address], last.bits, done)
            self._ring_view[pending - 1] = part
        else:
            self._state[2] -= 4
        return done

    def partial(self, address: int, end: int, bits: Bits, count: int) -> None:
        """Record ``count`` instructions stepped outside the recorder, ending before ``end`` when they lie in a row."""
        code = self._read_code(address, max(end - address, 0)) if end > address else None
        self._state[4] -= count
        if code:
            self._append(self._variant(address, code, bits, count))

    # ------------------------------------------------------------ slow path
    def _on_slow(self, engine: int, address: int, size: int, state: int) -> None:
        if self._paused or self.stopped:
            return
        try:
            self._block(address, size)
        except BaseException as error:
            self._error = error
            self.stopped = True
            self._spent(0)

    def _block(self, address: int, size: int) -> None:
        id = self._ids.get((address, size))
        if id is None:
            id = self._learn(address, size)
        count = self.blocks[id].count
        if count == 1 and self._pending:
            last = self.blocks[self._ring_view[self._pending - 1]]
            if is_repeated(last.address, len(last.code), address, size):
                self.cut(address)
                self._repeated.add(id)
                self._hide(address, size)
        while self._state[4] < count:
            if not self._spent(count):
                self.stopped = True
                return
        self._state[4] -= count
        self._append(id)

    def _append(self, id: int) -> None:
        if self._state[2] == self._state[3]:
            self._flush()
        self._ring_view[self._pending] = id
        self._state[2] += 4

    def _flush(self) -> None:
        chunk = array("I")
        chunk.frombytes(self._ring_view[: self._pending].cast("B"))
        if not self.keep:
            self._dropped += sum(map(len, self._chunks))
            self._chunks.clear()
        self._chunks.append(chunk)
        self._state[2] = self._ring_start

    def _learn(self, address: int, size: int) -> int:
        code = self._read_code(address, size) or b""
        bits = self._mode()
        count = self._translated.get((address, size))
        if count is None:
            count = len(self._lengths(code, address, bits))
        id = self._variant(address, code, bits, count)
        self._ids[address, size] = id
        self._sizes.setdefault(address, set()).add(size)
        if len(self._ids) * 2 > self._mask:
            self._grow(self._mask.bit_length() + 1)
        else:
            self._insert(address, size, id)
        return id

    def _variant(self, address: int, code: bytes, bits: Bits, count: int) -> int:
        key = (address, code, bits)
        id = self._variants.get(key)
        if id is None:
            id = self._variants[key] = len(self.blocks)
            self.blocks.append(Block(id, address, code, bits, count))
        return id

    # ------------------------------------------------------------ the table the native code probes
    def _grow(self, bits: int) -> None:
        self._entries = (ctypes.c_uint64 * (2 * ((1 << bits) + _SLACK)))()
        self._mask = (1 << bits) - 1
        self._point()
        for (address, size), id in self._ids.items():
            self._insert(address, size, id)

    def _point(self) -> None:
        """Let the native code see the table, or one where nothing is ever found."""
        self._state[0] = ctypes.addressof(self._nothing if self._paused else self._entries)
        self._state[1] = 0 if self._paused else self._mask

    def _slot(self, address: int) -> int:
        return 2 * (((address >> 12) ^ address) & self._mask)

    def _insert(self, address: int, size: int, id: int) -> None:
        count = self.blocks[id].count
        if size >= _DEAD or count >= 0x10000 or id in self._repeated:
            return
        at = self._slot(address)
        while self._entries[at]:
            at += 2
        if at >= len(self._entries) - 2:  # the last entry stays empty: it ends every probe
            self._grow(self._mask.bit_length() + 1)
            return
        self._entries[at + 1] = size | count << 16 | id << 32
        self._entries[at] = address

    def _forget(self, address: int, size: int) -> None:
        if self._ids.pop((address, size), None) is not None:
            self._hide(address, size)

    def _hide(self, address: int, size: int) -> None:
        """Let the native code ask again about this block."""
        at = self._slot(address)
        while self._entries[at]:
            if self._entries[at] == address and self._entries[at + 1] & 0xFFFF == size:
                self._entries[at + 1] |= _DEAD
                return
            at += 2
