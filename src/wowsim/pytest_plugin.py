"""pytest fixtures: ``simulate`` makes simulations of 32-bit programs, ``nt_path`` asks which way their calls went.

Stands for nothing in Windows. pytest imports this module in every run of an environment that has wowsim, so it
imports nothing of wowsim, nor any native library, before a test asks for a fixture.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from wowsim.simulation import Simulation


class Simulate:
    """The ``simulate`` fixture: a factory of simulations that are closed when the test ends."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(
        self,
        program: str | Path | bytes | None = None,
        args: Sequence[str] = (),
        *,
        build: str = "win7sp1",
        seed: int = 0,
        sysroot: str | None = None,
        files: Mapping[str, bytes] | None = None,
        **load: Any,
    ) -> Simulation:
        """A new simulation, with a program loaded if one is given.

        Args:
            program: path or contents of a 32-bit PE file.
            args: the program's arguments.
            build: name of the Windows build.
            seed: what decides everything that Windows leaves to chance.
            sysroot: folder of real system DLLs.
            files: guest path -> contents, put on the volume first.
            load: ``env``, ``cwd`` and ``stdin`` of ``Simulation.load``.
        """
        import wowsim

        sim = self._stack.enter_context(wowsim.Simulation(build=build, seed=seed, sysroot=sysroot))
        for path, contents in (files or {}).items():
            sim.files.add(path, contents)
        if program is not None:
            sim.load(program, args, **load)
        elif args or load:
            raise wowsim.UsageError(
                f"simulate() without a program has no use for {', '.join(load) or 'args'}"
            )
        return sim


class NtPath:
    """The ``nt_path`` fixture."""

    def __init__(self, simulate: Simulate) -> None:
        self._simulate = simulate

    def __call__(
        self,
        program: str | Path | bytes,
        call: str = "NtCreateFile",
        *,
        limit: int | None = None,
        timeout: float | None = None,
        **options: Any,
    ) -> tuple[str, ...]:
        """The frames of the program's first call of a service, from its API to the kernel.

        Args:
            program: path or contents of a 32-bit PE file.
            call: the service, with Nt or Zw.
            limit: instructions at most.
            timeout: seconds at most.
            options: those of ``simulate``.
        """
        result = self._simulate(program, **options).run(limit, timeout, "calls")
        assert result.trace is not None
        found = result.trace.calls(call)
        if found:
            return found[0].path
        seen = ", ".join(sorted({made.name or f"number {made.number:#x}" for made in result.trace.calls()}))
        pytest.fail(f"no call of {call} before the end ({result.reason.value}); seen: {seen or 'none'}")


@pytest.fixture
def simulate() -> Iterator[Simulate]:
    """Factory of simulations of 32-bit Windows programs, see :class:`Simulate`; closes them at the end."""
    with ExitStack() as stack:
        yield Simulate(stack)


@pytest.fixture
def nt_path(simulate: Simulate) -> NtPath:
    """``nt_path(program, call="NtCreateFile", **options)``: the frames of the first such call."""
    return NtPath(simulate)
