"""The service numbers of a root, read out of the code of its own stubs.

Stands for what is nowhere but in that code: a root's DLLs and its kernel agree on numbers that change with every
version. Every exported routine whose bytes are a stub's from its first to its return counts, also those that are no
NT service (Wine has a few); where the bytes do not fit there is no number, never a guess. ``simulation`` and the
command line may import it.

Sources of the forms: wow64-facts section 2 (all generations of 64-bit Windows), real-programs section 1 (Wine's). The
32-bit number carries the turbo thunk's index in its upper half since Windows 8, before in ECX (wow64-facts section 4).
"""

from __future__ import annotations

import re
from struct import unpack
from typing import TYPE_CHECKING, NamedTuple

from wowsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wowsim.image.model import Image


class Stub(NamedTuple):
    """What a stub says of its service.

    Attributes:
        rva: of the stub.
        number: index and table: what the x86-64 kernel or wow64.dll looks up.
        turbo: index of the turbo thunk; 0 in 64-bit stubs.
        argument_bytes: what a 32-bit stub pops; None in 64-bit stubs, which do not say.
    """

    rva: int
    number: int
    turbo: int
    argument_bytes: int | None


_NUMBERS = 0x4000
"""Bits 0-11 are the index, 12 and 13 the table."""
_LONGEST = 0x28
_WIDE = re.compile(
    rb"\x4c\x8b\xd1\xb8(?P<eax>.{4})"  # mov r10, rcx; mov eax, n
    rb"(?:\xf6\x04\x25\x08\x03\xfe\x7f\x01\x75\x03)?"  # test byte [7FFE0308h], 1; jne the int 2Eh behind
    rb"\x0f\x05\xc3",  # syscall; ret
    re.DOTALL,
)
_NARROW = re.compile(
    rb"\xb8(?P<eax>.{4})"  # mov eax, n
    rb"(?:"
    rb"(?:\x33\xc9|\xb9(?P<ecx>.{4}))\x8d\x54\x24\x04"  # up to 7: xor ecx, ecx or mov ecx, t; lea edx, [esp+4]
    rb"\x64\xff\x15\xc0\x00\x00\x00(?:\x83\xc4\x04)?"  # call fs:[0C0h]; 7 only: add esp, 4
    rb"|\x64\xff\x15\xc0\x00\x00\x00"  # 8 and 8.1: call fs:[0C0h]
    rb"|\xba(?!\x00\x03\xfe\x7f).{4}\xff\xd2"  # 10, 11, Wine: mov edx, a; call edx; at 7FFE0300h it is native x86
    rb")"
    rb"(?:\xc3|\xc2(?P<pop>.{2}))",  # ret; ret n
    re.DOTALL,
)


def read_stubs(image: Image) -> dict[str, Stub]:
    """The stubs that an image exports, by name; Zw names become Nt names.

    Raises:
        UsageError: it exports none, or one name twice with different numbers.
    """
    found: dict[str, Stub] = {}
    for name, stub in _exported(image):
        before = found.setdefault(name, stub)
        if (before.number, before.argument_bytes) != (stub.number, stub.argument_bytes):
            raise UsageError(
                f"{image.file_name} has two stubs for {name}, with numbers {before.number:X}h and {stub.number:X}h"
            )
    if not found:
        raise UsageError(
            f"{image.file_name} ({image.bits}-bit) has no stub whose service number can be read; expected those of"
            f" a Windows with WoW64 or of Wine"
        )
    return found


def numbers_of(stubs: Mapping[str, Stub]) -> dict[str, int]:
    """The service numbers of stubs, by name.

    A number that has an Nt name has no other: Wine exports one of its services under a second name.
    """
    services = {stub.number for name, stub in stubs.items() if name.startswith("Nt")}
    return {
        name: stub.number
        for name, stub in stubs.items()
        if name.startswith("Nt") or stub.number not in services
    }


def _exported(image: Image) -> Iterator[tuple[str, Stub]]:
    """Each exported name that is a stub."""
    pattern = _WIDE if image.bits == 64 else _NARROW
    code, start = b"", 0
    for export in image.exports:
        if export.name is None or export.forwarder is not None:
            continue
        at = export.rva - start
        if not 0 <= at < len(code):
            code, start = image.around(export.rva)
            at = export.rva - start
        fits = pattern.match(code, at, at + _LONGEST)
        if fits is None:
            continue
        stub = _stub(fits, export.rva)
        if stub is not None:
            yield "Nt" + export.name[2:] if _is_zw(export.name) else export.name, stub


def _stub(fits: re.Match[bytes], rva: int) -> Stub | None:
    """The numbers of a stub whose form is right; None when they make no sense."""
    groups = fits.groupdict()
    (eax,) = unpack("<I", groups["eax"])
    if "pop" not in groups:
        return Stub(rva, eax, 0, None) if eax < _NUMBERS else None
    turbo = unpack("<I", groups["ecx"])[0] if groups["ecx"] else eax >> 16
    pop = unpack("<H", groups["pop"])[0] if groups["pop"] else 0
    if eax & 0xFFFF >= _NUMBERS or pop % 4:
        return None
    return Stub(rva, eax & 0xFFFF, turbo, pop)


def _is_zw(name: str) -> bool:
    return name.startswith("Zw") and name[2:3].isupper()
