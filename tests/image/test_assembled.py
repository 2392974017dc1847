"""The kept assembly is keystone's, complete, and never more than a short cut."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from wowsim.image import assembled
from wowsim.image.synth import ImageBuilder, assemble


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


def test_a_changed_source_is_assembled_whatever_is_kept() -> None:
    def code(source: str) -> bytes:
        builder = ImageBuilder("host", "host.exe", "C:\\host.exe", 32, 0x400000, 0x3000)
        builder.code(source)
        return builder.build().contents[0x1000:0x1004]

    key = assembled.digest("", 0, 0)
    with assembled.noting() as entries:
        assert code("start: inc eax\nret") == b"\x40\xc3\0\0"
    assert len(entries) == 1
    assert key not in entries
    assert code("start: inc ecx\nret") == b"\x41\xc3\0\0"
