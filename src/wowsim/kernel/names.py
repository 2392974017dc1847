"""Names as the object manager and NTFS compare and check them.

Stands for the small name routines of nt!Rtl and nt!FsRtl; it leaves out 8.3 short names.
A guest name is a Python string of code points; unpaired surrogates stay in it as such.
Who may import it: the kernel package.
"""

from __future__ import annotations

from codecs import utf_16_le_decode  # bytes.decode takes twice as long to find it
from functools import lru_cache

MAXIMUM_COMPONENT = 255
"""UTF-16 units in one component ([MS-FSCC] 2.1.5)."""

_FORBIDDEN = frozenset('"*/:<>?|\\') | frozenset(map(chr, range(32)))
"""[MS-FSCC] 2.1.5.2: characters no component may hold."""

_FORBIDDEN_IN_STREAM = frozenset("\0\\/:")


@lru_cache(maxsize=4096)
def _upcase_character(character: str) -> str:
    upper = character.upper()
    if character > "\uffff" or len(upper) != 1 or upper.lower() != character:
        return character
    return upper


def upcase(text: str) -> str:
    """``text`` as RtlUpcaseUnicodeString makes it: one UTF-16 unit for one, so the length stays.

    Only letters that come back when lowered are mapped; that this equals NTFS' $UpCase table outside Latin,
    Greek and Cyrillic is unverified.
    """
    if text.isascii():
        return text.upper()
    return "".join(map(_upcase_character, text))


def utf16(text: str) -> bytes:
    """The bytes of ``text`` in guest memory."""
    return text.encode("utf-16-le", "surrogatepass")


def from_utf16(data: bytes) -> str:
    """The text of an even number of bytes; never fails."""
    return utf_16_le_decode(data, "surrogatepass", True)[0]


def is_component(name: str) -> bool:
    """Whether NTFS accepts ``name`` as one component of a path.

    Trailing dots and spaces are part of a name here: only Win32 path conversion strips them. ``.`` and
    ``..`` are no names ([MS-FSCC] 2.1.5.2); neither is anything over 255 units.
    """
    if not name or name in (".", ".."):
        return False
    if len(name) > MAXIMUM_COMPONENT // 2 and len(utf16(name)) > 2 * MAXIMUM_COMPONENT:
        return False
    return _FORBIDDEN.isdisjoint(name)


def is_stream_name(name: str) -> bool:
    r"""Whether NTFS accepts ``name`` as a stream's: anything without NUL, ``\``, ``/``, ``:`` ([MS-FSCC] 2.1.5.3)."""
    if len(name) > MAXIMUM_COMPONENT // 2 and len(utf16(name)) > 2 * MAXIMUM_COMPONENT:
        return False
    return _FORBIDDEN_IN_STREAM.isdisjoint(name)
