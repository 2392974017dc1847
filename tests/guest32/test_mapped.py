"""Images in guest memory that lie about themselves."""

from __future__ import annotations

import struct
from random import Random
from typing import TYPE_CHECKING

import pytest
from ntdll_machine import kernel32, module, ntdll

from wowsim.errors import GuestFault
from wowsim.guest32.mapped import EXPORT, MappedImage

if TYPE_CHECKING:
    from wowsim.image.model import Image

BASE = 0x10000000


class OneImage:
    """Memory that holds one image and nothing else."""

    def __init__(self, contents: bytes) -> None:
        self.contents = bytearray(contents)

    def read(self, address: int, size: int) -> bytes:
        if not BASE <= address <= address + size <= BASE + len(self.contents):
            raise GuestFault(0xC0000005, address)
        return bytes(self.contents[address - BASE : address - BASE + size])


def mapped(contents: bytes) -> MappedImage:
    return MappedImage(OneImage(contents), BASE)  # type: ignore[arg-type]  # only read


def user() -> Image:
    return module(
        "user.dll", "entry: ret\nF: ret", base=BASE, exports={"F": "F"}, tls=(b"12345678", ("entry",)),
        imports={"kernel32.dll": ("Answer", "HeapAlloc"), "ntdll.dll": ("ZwClose",)}, pointers=(0x1004,),
    )  # fmt: skip


def exercise(contents: bytes) -> None:
    image = mapped(contents)
    for descriptor in image.descriptors():
        for _ in image.thunks(descriptor):
            pass
    image.iat_range()
    list(image.forwarders())
    for name, ordinal in (("F", 0), ("Zz", 0), (None, 1), (None, 0x10000)):
        image.export(name, ordinal)
    for _, _ in zip(range(0x1000), image.relocations(), strict=False):
        pass
    image.tls()
    image.tls_callbacks()
    assert all(0 <= s.size <= 0xFFFFFFFF for s in image.sections)


def test_what_a_builder_wrote_is_read_back() -> None:
    built = user()
    image = mapped(built.contents)
    assert [str(t) for d in image.descriptors() for t in image.thunks(d)] == [
        "Answer",
        "HeapAlloc",
        "ZwClose",
    ]
    assert [d.module for d in image.descriptors()] == ["kernel32.dll", "ntdll.dll"]
    assert [t.slot for d in image.descriptors() for t in image.thunks(d)] == [0x3000, 0x3004, 0x3008]
    assert image.iat_range() == (0x3000, 0x300C)
    assert image.export("F") == BASE + built.export_by_name["F"].rva
    assert image.export(None, 1) == image.export("F")
    assert list(image.relocations()) == [0x1004]
    assert image.tls_callbacks() == [BASE + 0x1000]


@pytest.mark.parametrize(
    "name", ["ZwClose", "NtClose", "RtlAllocateHeap", "LdrLoadDll", "memcpy", "_alloca_probe"]
)
def test_every_name_is_found_by_halving(name: str) -> None:
    built = ntdll()
    assert mapped(built.contents).export(name) == BASE + built.export_by_name[name].rva


def test_names_that_begin_alike_are_told_apart() -> None:
    image = mapped(ntdll().contents)
    for absent in ("ZwClos", "ZwClose2", "", "Z", "zzz", "RtlAllocateHea"):
        assert image.export(absent) is None
    names = [e.name for e in ntdll().exports]
    assert all(image.export(name) is not None for name in names)


def test_a_forwarder_is_told_from_an_address() -> None:
    image = mapped(kernel32().contents)
    assert image.export("HeapAlloc") == "NTDLL.RtlAllocateHeap"
    assert list(image.forwarders()) == ["NTDLL.RtlAllocateHeap"]


def test_exports_outside_the_directory_they_are_said_to_be_in_are_found_too() -> None:
    contents = bytearray(user().contents)
    struct.pack_into("<I", contents, 0x80 + 120 + 8 * EXPORT + 4, 41)
    assert mapped(bytes(contents)).export("F") is not None


@pytest.mark.parametrize("offset", [0, 0x3C, 0x80, 0x84, 0x98])
def test_no_image_is_refused(offset: int) -> None:
    contents = bytearray(user().contents)
    contents[offset : offset + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(GuestFault):
        mapped(bytes(contents))


def test_mutated_images_raise_nothing_but_guest_faults() -> None:
    random = Random(7)
    built = user().contents
    interesting = [*range(0x80, 0x1A0, 4), *range(0x3800, 0x3C00, 4)]
    interesting += [at for at in range(0x6000, 0x8000, 4) if any(built[at : at + 4])]
    for _ in range(400):
        contents = bytearray(built)
        for _ in range(random.choice((1, 1, 2, 8))):
            value = random.choice((0, 1, 0xFFFFFFFF, 0x80000000, 0x7FFF, 0x1000, random.getrandbits(32)))
            struct.pack_into("<I", contents, random.choice(interesting), value)
        try:
            exercise(bytes(contents))
        except GuestFault:
            continue
