"""pytest fixtures: ``simulate`` runs 32-bit Windows programs, ``nt_path`` asks which way their calls went.

Stands for nothing in Windows. pytest imports this module in every run of an environment that has wowsim, so it
imports nothing of wowsim, nor any native library, before a test asks for a fixture.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, overload

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from wowsim.simulation import RunResult, Simulation

    Program = str | Path | bytes


class Simulate:
    """The ``simulate`` fixture: a factory of simulations that are closed when the test ends."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    @overload
    def __call__(
        self,
        *,
        build: str = ...,
        seed: int = ...,
        sysroot: Any = ...,
        files: Mapping[str, bytes] | None = ...,
    ) -> Simulation: ...

    @overload
    def __call__(
        self,
        program: Program,
        *,
        args: Sequence[str] = ...,
        build: str = ...,
        seed: int = ...,
        sysroot: Any = ...,
        files: Mapping[str, bytes] | None = ...,
        env: Mapping[str, str] | None = ...,
        cwd: str = ...,
        stdin: bytes = ...,
        **run: Any,
    ) -> RunResult: ...

    def __call__(
        self,
        program: Program | None = None,
        *,
        args: Sequence[str] = (),
        build: str = "win7sp1",
        seed: int = 0,
        sysroot: Any = None,
        files: Mapping[str, bytes] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str = "C:\\",
        stdin: bytes = b"",
        **run: Any,
    ) -> Simulation | RunResult:
        """A simulation, or with ``program`` the result of running it.

        Args:
            program: path or contents of a 32-bit PE file; without it, the open simulation is returned.
            args: the program's arguments.
            build: name of the Windows build.
            seed: what decides everything that Windows leaves to chance.
            sysroot: folder of real system DLLs.
            files: guest path -> contents, put on the volume first.
            env: environment variables.
            cwd: current directory in the guest.
            stdin: the program's standard input.
            run: ``limit``, ``timeout`` and ``trace`` of ``Simulation.run``.
        """
        import wowsim

        sim = self._stack.enter_context(wowsim.Simulation(build=build, seed=seed, sysroot=sysroot))
        for path, contents in (files or {}).items():
            sim.files.add(path, contents)
        if program is None:
            return sim
        sim.load(program, args, env=env, cwd=cwd, stdin=stdin)
        return sim.run(**run)


class NtPath:
    """The ``nt_path`` fixture."""

    def __init__(self, simulate: Simulate) -> None:
        self._simulate = simulate

    def __call__(self, program: Program, call: str = "NtCreateFile", **options: Any) -> tuple[str, ...]:
        """The frames of the program's first call of a service, from its API to the kernel.

        Args:
            program: path or contents of a 32-bit PE file.
            call: the service, with Nt or Zw.
            options: those of ``simulate``.
        """
        options.setdefault("trace", "calls")
        result = self._simulate(program, **options)
        calls = result.trace.calls() if result.trace is not None else []
        wanted = "Nt" + call.removeprefix("Nt").removeprefix("Zw")
        for made in calls:
            if made.name == wanted:
                return made.path
        seen = ", ".join(sorted({made.name or f"number {made.number:#x}" for made in calls}))
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
