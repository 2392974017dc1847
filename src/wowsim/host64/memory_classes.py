"""Lists of addresses that NtQueryVirtualMemory and NtGetWriteWatch give: 64-bit answers made 32-bit.

Stands for parts of wow64!whNtQueryVirtualMemory and wow64!whNtGetWriteWatch. That 32-bit callers are told of nothing
above 4 GB is unverified. Who may import it: ``host64``.
"""

from __future__ import annotations

from struct import iter_unpack, pack

_LIMIT = 1 << 32


def narrow_working_set(data64: bytes, address64: int, buffer32: int) -> bytes:
    """MEMORY_WORKING_SET_INFORMATION: a count and a block for each page, of which those below 4 GB stay."""
    count = int.from_bytes(data64[:8], "little")
    blocks = [block for (block,) in iter_unpack("<Q", data64[8 : 8 * (count + 1)]) if block < _LIMIT]
    return pack(f"<{len(blocks) + 1}I", len(blocks), *blocks)


def narrow_addresses(data64: bytes) -> bytes:
    """An array of PVOID; a watched region of a 32-bit program lies below 4 GB."""
    return pack(f"<{len(data64) // 8}I", *(each & 0xFFFFFFFF for (each,) in iter_unpack("<Q", data64)))
