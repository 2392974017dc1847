"""The kept assembly is keystone's, complete, and never more than a short cut."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from wowsim.guest32.win32 import console, link
from wowsim.image import assembled, synth
from wowsim.image.synth import ImageBuilder, assemble
from wowsim.nt.builds import BUILDS

if TYPE_CHECKING:
    import pytest


def test_the_file_is_up_to_date() -> None:
    from wowsim.simulation.assembled import assembled_sources

    fresh = assembled_sources()
    hint = "image/assembled.bin is stale; run: python -m wowsim.simulation.assembled"
    everything = {key: code for group in fresh for key, code in group.items()}
    assert assembled.kept().entries().keys() == everything.keys(), hint
    assert assembled.kept().entries() == everything, hint


def test_a_process_starts_without_keystone() -> None:
    code = (
        "import sys, wowsim\n"
        "for build in wowsim.builds():\n"
        "    with wowsim.Simulation(build=build) as sim: sim.load_shellcode(b'\\xc3')\n"
        "sys.exit('keystone' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_not_kept_is_assembled() -> None:
    assert assembled.find(assembled.digest("nop; nop; nop", 32, 0x1234)) is None
    assert assemble("nop; nop; nop", 32, 0x1234) == b"\x90\x90\x90"


ENTRIES = st.dictionaries(st.binary(min_size=16, max_size=16), st.binary(max_size=50), max_size=20)


@given(st.lists(ENTRIES, max_size=4))
def test_what_is_packed_is_found_again(groups: list[dict[bytes, bytes]]) -> None:
    taken: set[bytes] = set()
    for group in groups:
        for key in taken & group.keys():
            del group[key]
        taken |= group.keys()
    found = assembled.Kept(assembled.pack(groups))
    for group in groups:
        assert all(found.get(key) == code for key, code in group.items())
    assert found.entries() == {key: code for group in groups for key, code in group.items()}
    assert found.get(bytes(17)) is None


def keys(source: str, base: int = 0x400000, **constants: int) -> set[bytes]:
    """What a module is kept under."""
    builder = ImageBuilder("host", "host.exe", "C:\\host.exe", 32, base, 0x3000)
    for name, rva in constants.items():
        builder.constant(name, rva)
    builder.code(source)
    with assembled.noting() as entries:
        builder.build()
    return set(entries)


def test_code_is_kept_under_all_that_it_depends_on() -> None:
    source = "start: mov eax, here\nret"
    known = keys(source, here=0x2000)
    assert known == keys(source, here=0x2000, elsewhere=0x2100), "what it does not name makes no difference"
    assert known.isdisjoint(keys(source, here=0x2004))
    assert known.isdisjoint(keys(source, base=0x500000, here=0x2000))
    assert known.isdisjoint(keys("start: mov ecx, here\nret", here=0x2000))


def test_what_becomes_of_sources_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys("start: ret")
    monkeypatch.setattr(synth, "_rules", lambda: "others")
    assert before.isdisjoint(keys("start: ret"))


def test_changed_macros_are_expanded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    build = BUILDS["win7sp1"]
    before = link.Linked(build, link.KERNEL32).sources
    source = console.SOURCE
    name = re.findall(r"(?m)^proc (\w+)", source)[0]
    monkeypatch.setattr(console, "SOURCE", re.sub(rf"(proc {name}\(.*)", r"\1\n    nop", source))
    link.unit.cache_clear()
    homes = [link.Linked(build, module).sources for module in (link.KERNEL32, link.KERNELBASE)]
    link.unit.cache_clear()
    assert any("nop" in sources.get(name, "") for sources in homes)
    assert before.keys() == homes[0].keys()
