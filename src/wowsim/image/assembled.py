"""What keystone made of the built-in DLLs' sources, kept beside them so that a process start does not wait for it.

``assembled.bin`` maps a digest of (bits, address, source) to code, one of Win32 sources to what their macros become,
in groups of which a start unpacks only those it needs. It is only ever a short cut: a source that is not in it, because
it is new or was changed, goes to keystone. ``python -m wowsim.simulation.assembled`` writes it anew, and
``tests/image/test_assembled.py`` says when that is due.
"""

from __future__ import annotations

import struct
import zlib
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FILE = "assembled.bin"
_COUNT, _GROUP, _LENGTH = struct.Struct("<I"), struct.Struct("<II"), struct.Struct("<I")
_DIGEST = 16
_noted: dict[bytes, bytes] | None = None


def digest(source: str, bits: int, address: int) -> bytes:
    """The key of one piece of source."""
    return blake2b(f"{bits}:{address:x}:{source}".encode(), digest_size=_DIGEST).digest()


def pack(groups: Sequence[Mapping[bytes, bytes]]) -> bytes:
    """The file's bytes; the same entries give the same bytes.

    Behind the number of groups comes each one's number of entries and size; then all keys; then the groups themselves.
    """
    head, keys, bodies = [_COUNT.pack(len(groups))], [], []
    for group in groups:
        rows = sorted(group.items())
        body = b"".join(_LENGTH.pack(len(code)) + code for _, code in rows)
        bodies.append(zlib.compress(body, 9))
        head.append(_GROUP.pack(len(rows), len(bodies[-1])))
        keys += [key for key, _ in rows]
    return b"".join((*head, *keys, *bodies))


class Kept:
    """The entries of a file.

    Args:
        data: the file, nothing for no entries.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place: dict[bytes, int] = {}
        self._groups: list[tuple[list[bytes], int, int]] = []
        self._entries: dict[bytes, bytes] = {}
        if not data:
            return
        (count,) = _COUNT.unpack_from(data)
        sizes = [_GROUP.unpack_from(data, _COUNT.size + _GROUP.size * n) for n in range(count)]
        at = _COUNT.size + _GROUP.size * count
        body = at + _DIGEST * sum(rows for rows, _ in sizes)
        for number, (rows, size) in enumerate(sizes):
            keys = [data[at + _DIGEST * i : at + _DIGEST * (i + 1)] for i in range(rows)]
            self._place.update(dict.fromkeys(keys, number))
            self._groups.append((keys, body, body + size))
            at, body = at + _DIGEST * rows, body + size

    def get(self, key: bytes) -> bytes | None:
        """The code of an entry, if there is one."""
        number = self._place.get(key)
        if number is None:
            return None
        if key not in self._entries:
            self._unpack(number)
        return self._entries[key]

    def entries(self) -> dict[bytes, bytes]:
        """All of them."""
        for number in range(len(self._groups)):
            self._unpack(number)
        return dict(self._entries)

    def _unpack(self, number: int) -> None:
        keys, start, end = self._groups[number]
        body, at = zlib.decompress(self._data[start:end]), 0
        for key in keys:
            (length,) = _LENGTH.unpack_from(body, at)
            at += _LENGTH.size
            self._entries[key] = body[at : at + length]
            at += length


@lru_cache(maxsize=1)
def kept() -> Kept:
    """The entries of the package's own file; none when it is absent."""
    file = resources.files("wowsim.image").joinpath(FILE)
    return Kept(file.read_bytes() if file.is_file() else b"")


def note(key: bytes, code: bytes) -> None:
    """Something was asked for; remembered while :func:`noting` lasts."""
    if _noted is not None:
        _noted[key] = code


@contextmanager
def noting() -> Iterator[dict[bytes, bytes]]:
    """Collect everything that is assembled meanwhile, with the file left aside."""
    global _noted
    kept.cache_clear()
    saved, _noted = _noted, {}
    try:
        yield _noted
    finally:
        _noted = saved


def find(key: bytes) -> bytes | None:
    """The code of a piece of source, if the file has it."""
    return None if _noted is not None else kept().get(key)
