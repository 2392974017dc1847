from __future__ import annotations

import pefile
import pytest

from wowsim.image.model import Provenance
from wowsim.image.synth import AssemblyError, ImageBuilder, assemble

BASE = 0x10000000


def builder(free: int = 0x1000) -> ImageBuilder:
    made = ImageBuilder("sample", "sample.dll", "C:\\sample.dll", 32, BASE, 0x8000, free)
    made.section(".text", 0x1000, 0x5000, executable=True)
    return made


def test_free_chunks_lie_at_multiples_of_16_and_keep_their_own_labels() -> None:
    made = builder()
    made.code("first: jmp L_end\nL_end: ret")
    made.code("second: call first\njmp L_end\nnop\nL_end: ret")
    image = made.build()
    assert image.symbols == {0x1000: "first", 0x1010: "second"}
    assert image.contents[0x1000:0x1003] == bytes.fromhex("eb00c3")
    assert image.contents[0x1003:0x1010] == bytes(13)
    assert image.contents[0x1010:0x1019] == bytes.fromhex("e8ebffffff eb01 90 c3")


def test_fixed_and_free_chunks_know_each_others_labels() -> None:
    made = builder()
    made.code("free: jmp inner")
    made.code("outer: nop\ninner: call free", 0x2000, Provenance.BUILD)
    image = made.build()
    assert made.labels["inner"] == BASE + 0x2001
    assert image.contents[0x1000:0x1005] == b"\xe9" + (0x2001 - 0x1005).to_bytes(4, "little")
    assert image.contents[0x2001:0x2006] == b"\xe8" + (0x1000 - 0x2006 & 0xFFFFFFFF).to_bytes(4, "little")
    assert image.provenance_at(0x2000) is Provenance.BUILD
    assert image.provenance_at(0x1000) is Provenance.OURS


def test_addresses_of_labels_can_be_pushed_and_registers_too() -> None:
    made = builder()
    made.code("push target\npush eax\npush fs")
    made.code("target: ret")
    image = made.build()
    assert image.contents[0x1000:0x1008] == b"\x68" + (BASE + 0x1010).to_bytes(4, "little") + b"\x50\x0f\xa0"


def test_traps_are_ranges_of_their_own() -> None:
    made = builder()
    made.code("one: nop\ntrap sample.one\nret")
    made.code("trap sample.two")
    image = made.build()
    assert image.traps == {0x1001: "sample.one", 0x1010: "sample.two"}
    assert [image.provenance_at(rva) for rva in (0x1000, 0x1001, 0x1002, 0x1003)] == [
        Provenance.OURS, Provenance.TRAP, Provenance.TRAP, Provenance.OURS,
    ]  # fmt: skip


def test_exports_and_forwarders_are_what_a_reader_of_images_finds() -> None:
    made = builder()
    made.code("alpha: ret\nbeta: ret")
    made.export("beta")
    made.export("Alpha", "alpha", ordinal=5)
    made.forward("gamma", "other.Gamma")
    image = made.build()
    parsed = pefile.PE(data=image.contents)
    found = [(e.name, e.ordinal, e.address, e.forwarder) for e in parsed.DIRECTORY_ENTRY_EXPORT.symbols]
    assert [row for row in found if row[0]] == [
        (b"Alpha", 5, 0x1000, None),
        (b"beta", 6, 0x1001, None),
        (b"gamma", 7, found[-1][2], b"other.Gamma"),
    ]
    assert parsed.DIRECTORY_ENTRY_EXPORT.name == b"sample.dll"


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (("good: ret", "bad: nosuch eax"), "bad: nosuch"),
        (("jmp L_elsewhere", "L_elsewhere: ret"), "L_elsewhere"),
        (("twice: ret", "twice: ret"), "defined twice: twice"),
    ],
)
def test_what_does_not_assemble_is_named(sources: tuple[str, ...], message: str) -> None:
    made = builder()
    for source in sources:
        made.code(source)
    with pytest.raises(AssemblyError, match=message) as raised:
        made.build()
    assert "good" not in str(raised.value)


def test_room_and_overlaps_are_checked() -> None:
    made = builder()
    made.code("nop\nnop", 0x2000, size=1)
    with pytest.raises(AssemblyError, match="2 bytes where 0x1 have room"):
        made.build()
    made = builder(free=0x2000)
    made.code("nop\nnop")
    made.data(0x2001, b"x")
    with pytest.raises(AssemblyError, match="ends at 0x2002 where 0x2001 begins"):
        made.build()


def test_flat_code_is_assembled_for_its_address() -> None:
    assert assemble("jmp 0x1010", 32, 0x1000) == b"\xeb\x0e"
