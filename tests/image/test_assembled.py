"""The kept assembly is keystone's, complete, and never more than a short cut."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from wowsim.image import assembled
from wowsim.image.synth import assemble


def test_the_file_is_up_to_date() -> None:
    from wowsim.simulation.assembled import assembled_sources

    fresh = assembled_sources()
    hint = "image/assembled.bin is stale; run: python -m wowsim.simulation.assembled"
    assert assembled.kept().keys() == fresh.keys(), hint
    assert assembled.kept() == fresh, hint


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


@given(st.dictionaries(st.binary(min_size=16, max_size=16), st.binary(max_size=50), max_size=20))
def test_pack_and_unpack_are_inverse(entries: dict[bytes, bytes]) -> None:
    assert assembled.unpack(assembled.pack(entries)) == entries
