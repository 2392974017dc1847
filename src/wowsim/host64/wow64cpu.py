"""wow64cpu.dll: the gate, the CPU area, the turbo thunks; complete and executed by the CPU, no traps.

One module for each generation, and what they share in ``cpu_area`` and ``turbo_thunks``. Who may import it: the
simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.host64 import wow64cpu_windows7, wow64cpu_windows10
from wowsim.image.synth import ImageBuilder
from wowsim.nt.builds import Build, Gate

if TYPE_CHECKING:
    from wowsim.host64.link import Linker
    from wowsim.image.model import Image


def build_wow64cpu(build: Build, linker: Linker) -> Image:
    """The image for a build."""
    module = build.module("wow64cpu")
    builder = ImageBuilder(
        module.name, module.file_name, module.path, 64, module.base, module.size, free=0x2E00
    )
    if build.gate is Gate.SWITCH_TO_64:
        wow64cpu_windows7.add(builder, linker, build)
    else:
        wow64cpu_windows10.add(builder, linker)
    return linker.add(builder.build())
