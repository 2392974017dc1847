"""What keystone made of the built-in DLLs' sources, kept beside them so that a process start does not wait for it.

``assembled.bin`` maps a digest of (bits, address, source) to code. It is only ever a short cut: a source that is not
in it, because it is new or was changed, goes to keystone. ``python -m wowsim.simulation.assembled`` writes it anew, and
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
    from collections.abc import Iterator

FILE = "assembled.bin"
_RECORD = struct.Struct("<16sI")
_noted: dict[bytes, bytes] | None = None


def digest(source: str, bits: int, address: int) -> bytes:
    """The key of one piece of source."""
    return blake2b(f"{bits}:{address:x}:{source}".encode(), digest_size=16).digest()


def pack(entries: dict[bytes, bytes]) -> bytes:
    """The file's bytes; the same entries give the same bytes."""
    body = b"".join(_RECORD.pack(key, len(code)) + code for key, code in sorted(entries.items()))
    return zlib.compress(body, 9)


def unpack(data: bytes) -> dict[bytes, bytes]:
    """The entries of a file."""
    body, at, entries = zlib.decompress(data), 0, {}
    while at < len(body):
        key, length = _RECORD.unpack_from(body, at)
        at += _RECORD.size
        entries[key] = body[at : at + length]
        at += length
    return entries


@lru_cache(maxsize=1)
def kept() -> dict[bytes, bytes]:
    """The entries of the package's own file; none when it is absent."""
    file = resources.files("wowsim.image").joinpath(FILE)
    return unpack(file.read_bytes()) if file.is_file() else {}


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
