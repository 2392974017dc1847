"""Writes ``image/assembled.bin``: the assembled sources of every build's DLLs (``python -m`` this module)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wowsim.guest32.advapi32 import build_advapi32
from wowsim.guest32.kernel32 import build_kernel32
from wowsim.guest32.kernelbase import build_kernelbase
from wowsim.image import assembled
from wowsim.nt.builds import BUILDS
from wowsim.simulation.images import built_in
from wowsim.simulation.shellcode import host_image

if TYPE_CHECKING:
    from collections.abc import Callable


def assembled_sources() -> list[dict[bytes, bytes]]:
    """Assemble everything that a process start needs: a group of what each build has beyond those before it."""
    for cache in (built_in, build_kernel32, build_kernelbase, build_advapi32):
        cache.cache_clear()
    known: set[bytes] = set()
    groups = []
    starts: list[Callable[[], object]] = [host_image, *(partial(built_in, build) for build in BUILDS)]
    for start in starts:
        with assembled.noting() as entries:
            start()
        groups.append({key: code for key, code in entries.items() if key not in known})
        known |= entries.keys()
    built_in.cache_clear()
    return groups


def main() -> None:
    """Write the file into the package."""
    target = Path(assembled.__file__).with_name(assembled.FILE)
    target.write_bytes(assembled.pack(assembled_sources()))


if __name__ == "__main__":
    main()
