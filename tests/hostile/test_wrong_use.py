"""Wrong use gives a UsageError, what is not there yet Unsupported; a failed call leaves a process that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

import wowsim
from wowsim import StopReason, Unsupported, UsageError
from wowsim.nt.abi import HANDLE, NTSTATUS  # noqa: TC001 - annotations of a service are read when it runs

if TYPE_CHECKING:
    from collections.abc import Callable

RETURNS = b"\x31\xc0\xc3"
# The library seen without its types, as a caller without a type checker does.
UNTYPED: Any = wowsim


def shell() -> wowsim.Simulation:
    sim = wowsim.Simulation()
    sim.load_shellcode(RETURNS)
    return sim


def untyped_shell() -> Any:
    return shell()


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: UNTYPED.Simulation(seed="x"),
        lambda: UNTYPED.Simulation(memory=5),
        lambda: UNTYPED.Simulation(cpu_vendor="cyrix"),
        lambda: UNTYPED.Simulation().files.add("C:\\a", "text"),
        lambda: UNTYPED.Simulation().files.add(5, b""),
        lambda: UNTYPED.Simulation().files.mount(None, "C:\\w"),
        lambda: UNTYPED.Simulation().load(5),
        lambda: UNTYPED.Simulation().load("a\0b"),
        lambda: UNTYPED.Simulation().load(b"MZ", args="abc"),
        lambda: UNTYPED.Simulation().load(b"MZ", stdin="abc"),
        lambda: UNTYPED.Simulation().load(b"MZ", name="a\\b"),
        lambda: UNTYPED.Simulation().load_shellcode("abc"),
        lambda: UNTYPED.Simulation().load_shellcode(RETURNS, env={"a=b": "c"}),
        lambda: UNTYPED.Simulation().load_shellcode(RETURNS, env={"a": "c" * 32767}),
        lambda: UNTYPED.Simulation().run(),
        lambda: untyped_shell().run(limit=5.5),
        lambda: untyped_shell().run(timeout=float("nan")),
        lambda: untyped_shell().call32(None),
        lambda: untyped_shell().at("nosuch!symbol", print),
        lambda: untyped_shell().at(0, None),
        lambda: untyped_shell().on("GateCrossed", print),
        lambda: untyped_shell().memory.read(0x200000, -1),
        lambda: untyped_shell().memory[0x200000],
        lambda: UNTYPED.assemble32(None),
        lambda: UNTYPED.assemble32("nöp"),
    ],
)
def test_misuse_is_said_so(misuse: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        misuse()


def test_a_call_that_needs_what_is_not_there_is_unsupported() -> None:
    with shell() as sim, pytest.raises(Unsupported, match="NtAlpcCreatePort"):
        sim.call32("ntdll32!ZwAlpcCreatePort", 0, 0, 0)


def test_a_closed_simulation_refuses() -> None:
    sim = shell()
    registers = sim.registers
    sim.close()
    for use in (sim.run, sim.stop, lambda: sim.registers, lambda: sim.memory, lambda: sim.gdt):
        with pytest.raises(UsageError, match="closed"):
            use()
    with pytest.raises(KeyError):
        registers.rip  # noqa: B018 - the engine is gone; its registers must not be read


@pytest.mark.parametrize(
    "again", [lambda s: s.close(), lambda s: s.run(), lambda s: s.call32("kernel32!GetTickCount")]
)
def test_a_callback_cannot_run_what_runs_it(again: Callable[[wowsim.Simulation], object]) -> None:
    with shell() as sim:
        handle = sim.at(0x200000, again)
        with pytest.raises(UsageError, match="from a callback"):
            sim.run()
        handle.remove()
        assert sim.run().reason is StopReason.EXITED


@pytest.mark.parametrize(
    ("function", "limit"), [(0, 1000), ("kernel32!GetTickCount", 1), ("ntdll32!ZwCreateProcessEx", 10_000)]
)
def test_after_a_call_that_did_not_return_the_process_goes_on(function: int | str, limit: int) -> None:
    with shell() as sim:
        with pytest.raises((UsageError, Unsupported), match="did not return"):
            sim.call32(function, *[0] * 9, limit=limit)
        assert (sim.run().reason, sim.run().exit_status) == (StopReason.EXITED, 0)


def test_a_service_whose_observer_failed_is_tried_again() -> None:
    def fails(event: wowsim.SyscallEntered) -> None:
        raise ZeroDivisionError(event.name)

    with shell() as sim:
        with sim.on(wowsim.SyscallEntered, fails), pytest.raises(ZeroDivisionError):
            sim.run()
        assert sim.run().exit_status == 0


@pytest.mark.parametrize("returned", [None, "0", 0.5, b""])
def test_a_replaced_service_that_returns_no_status(returned: object) -> None:
    def NtClose(k: object, handle: HANDLE) -> NTSTATUS:
        return cast("NTSTATUS", returned)

    with shell() as sim:
        sim.kernel.replace(NtClose)
        with pytest.raises(UsageError, match=r"NtClose returned .*expected an NTSTATUS"):
            sim.run()
