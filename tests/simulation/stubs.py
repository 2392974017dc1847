"""Programs of a few instructions that call the 32-bit ntdll's stubs by their addresses."""

from __future__ import annotations

import wowsim
from wowsim.kernel.services import implemented
from wowsim.kernel.table import Support
from wowsim.nt.builds import build_named, services


def stub(sim: wowsim.Simulation, service: str) -> int:
    """Address of a service's stub in the 32-bit ntdll, mapped or not."""
    module = sim.build.ntdll
    return module.base + sim._system.images[module.name].export_by_name[service].rva


def load_calls(sim: wowsim.Simulation, *calls: tuple[str, tuple[int | str, ...]], after: str = "ret") -> None:
    """A program that calls stubs with arguments (numbers or registers) and returns the last status."""
    source = ["mov ebx, esp"]
    for service, arguments in calls:
        source += [f"push {argument}" for argument in reversed(arguments)]
        source += [f"mov eax, {stub(sim, service)}", "call eax"]
    # a stub that popped another number of bytes shows as another exit status
    source += ["cmp esp, ebx", "je L", "mov eax, 0x0badbad0", "mov esp, ebx", "L:", after]
    sim.load_shellcode(wowsim.assemble32("\n".join(source)))


def simulation(build: str, *calls: tuple[str, tuple[int | str, ...]], **options: str) -> wowsim.Simulation:
    """A simulation with such a program loaded."""
    sim = wowsim.Simulation(build, **options)  # type: ignore[arg-type]
    load_calls(sim, *calls)
    return sim


def missing(build: str) -> str:
    """A service of two arguments that wowsim does not implement, and that is no turbo service."""
    known = {name for name, s in implemented().items() if s.support is not Support.DECLARED}
    return next(
        r.name
        for r in services(build_named(build).name)
        if r.name not in known and (r.turbo, r.arguments) == (0, 2)
    )
