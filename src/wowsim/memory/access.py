"""Guest memory as kernel code touches it: user addresses only, with the user's rights, faults resolved.

Stands for the probes and the structured exception handling of kernel services. A faster path may stand in
front of it; this one defines what is right.

Who may import it: :mod:`wowsim.memory.space`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault
from wowsim.memory.faults import Faults, pages_of
from wowsim.memory.pages import READ, WRITE
from wowsim.nt.status import STATUS_ACCESS_VIOLATION

if TYPE_CHECKING:
    import struct


class GuestMemory(Faults):
    """The ``wowsim.nt.abi.Memory`` protocol over page tables."""

    def read(self, address: int, size: int) -> bytes:
        """Read ``size`` bytes."""
        self._check_user(address, size)
        return b"".join(
            self.pages.read_frame(self._frame(vpn, offset, write=False), offset, length)
            for vpn, offset, length in pages_of(address, size)
        )

    def write(self, address: int, data: bytes) -> None:
        """Write all of ``data``, or nothing and raise."""
        self._check_user(address, len(data))
        parts = list(pages_of(address, len(data)))
        frames = [self._frame(vpn, offset, write=True) for vpn, offset, _ in parts]
        self._store(parts, frames, data)

    def unpack(self, layout: struct.Struct, address: int) -> tuple[Any, ...]:
        """Read and unpack."""
        return layout.unpack(self.read(address, layout.size))

    def pack(self, layout: struct.Struct, address: int, *values: Any) -> None:
        """Pack and write."""
        self.write(address, layout.pack(*values))

    def probe_write(self, address: int, size: int) -> None:
        """Raise unless every byte is a writable user byte; copies pages as a write would (ProbeForWrite)."""
        self._check_user(address, size)
        for vpn, offset, _ in pages_of(address, size):
            self._frame(vpn, offset, write=True)

    def overwrite(self, address: int, data: bytes) -> None:
        """Write committed pages whatever their protection; shared ones become the process's own first."""
        self._check_user(address, len(data))
        self._store(list(pages_of(address, len(data))), self.make_writable_frames(address, len(data)), data)

    def _store(self, parts: list[tuple[int, int, int]], frames: list[int], data: bytes) -> None:
        done = 0
        for (_, offset, length), frame in zip(parts, frames, strict=True):
            self.pages.write_frame(frame, offset, data[done : done + length])
            done += length

    def _check_user(self, address: int, size: int) -> None:
        if address < 0 or address + size - 1 > self.layout.highest_user:
            raise GuestFault(STATUS_ACCESS_VIOLATION, address)

    def _frame(self, vpn: int, offset: int, *, write: bool) -> int:
        """The frame of a page that may be touched so."""
        while True:
            entry = self.pages.entry(vpn)
            if entry is not None and entry[1] & (WRITE if write else READ):
                return entry[0]
            address = (vpn << 12) + offset
            result = self.resolve_fault(address, write=write)
            if not result.retry:
                raise GuestFault(result.status, address)
