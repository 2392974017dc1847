"""What the program gets, and the caller hears, when it calls what wowsim lacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from programs import BUILDS, WOW64
from stubs import missing, simulation, stub

import wowsim
from wowsim import StopReason, UnsupportedCalled, UsageError
from wowsim.cli import main
from wowsim.nt.abi import HANDLE, PVOID  # noqa: TC001 - read from the annotations

if TYPE_CHECKING:
    from pathlib import Path

NOT_IMPLEMENTED = 0xC0000002


def ntdll(build: str) -> str:
    return "ntdll32" if build in WOW64 else "ntdll"


@pytest.mark.parametrize("trace", [None, "calls"])
@pytest.mark.parametrize("build", BUILDS)
def test_the_run_ends_with_the_name_and_the_way(build: str, trace: Any) -> None:
    name = missing(build)
    with simulation(build, (name, (0, 0))) as sim:
        heard: list[UnsupportedCalled] = []
        sim.on(UnsupportedCalled, heard.append)
        result = sim.run(trace=trace)
        assert (result.reason, result.exit_status) == (StopReason.UNSUPPORTED, None)
        assert name in result.detail
        assert f"{ntdll(build)}!Zw{name[2:]}" in result.detail
        assert (heard[0].name, heard[0].status) == (name, None)
        assert result.detail == f"{heard[0].detail}; path: {', '.join(heard[0].path)}"
        if trace is None:
            assert "shellcode" in heard[0].path
        if build in WOW64:
            assert "wow64cpu!ServiceNoTurbo" in heard[0].path
        assert len(heard) == 1


@pytest.mark.parametrize("build", BUILDS)
def test_a_status_answers_and_the_program_goes_on(build: str) -> None:
    name = missing(build)
    with simulation(build, (name, (0, 0)), on_unsupported="status") as sim:
        heard: list[UnsupportedCalled] = []
        sim.on(UnsupportedCalled, heard.append)
        result = sim.run(trace="calls")
        assert (result.reason, result.exit_status) == (StopReason.EXITED, NOT_IMPLEMENTED)
        assert [(e.name, e.status) for e in heard] == [(name, NOT_IMPLEMENTED)]
        assert result.trace is not None
        assert heard == [e for e in result.trace.events if isinstance(e, UnsupportedCalled)]


@pytest.mark.parametrize("on_unsupported", ["stop", "status"])
def test_an_information_class_inside_a_service(on_unsupported: str) -> None:
    """NtSetEvent is a turbo service: its handler is reached without wow64.dll."""

    def NtSetEvent(k: object, event_handle: HANDLE, previous_state: PVOID) -> int:
        raise wowsim.Unsupported("SomeClass is not implemented")

    with simulation("win7sp1", ("NtSetEvent", (4, 0)), on_unsupported=on_unsupported) as sim:
        sim.kernel.replace(NtSetEvent)
        heard: list[UnsupportedCalled] = []
        sim.on(UnsupportedCalled, heard.append)
        result = sim.run(trace="calls")
        assert heard[0].detail == "NtSetEvent: SomeClass is not implemented"
        assert heard[0].path[-1] == "wow64cpu!CpupSyscallStub"
        assert result.trace is not None
        call = result.trace.calls("NtSetEvent")[-1]
        if on_unsupported == "status":
            assert (result.exit_status, call.status) == (NOT_IMPLEMENTED, NOT_IMPLEMENTED)
        else:
            assert (result.reason, call.status) == (StopReason.UNSUPPORTED, None)


@pytest.mark.parametrize("on_unsupported", ["stop", "status"])
def test_a_64_bit_caller(on_unsupported: str) -> None:
    with wowsim.Simulation(on_unsupported=on_unsupported) as sim:
        name = missing("win7sp1")
        sim.load_shellcode(wowsim.assemble64(f"mov eax, {sim.build.numbers[name]}; syscall; ret"), bits=64)
        result = sim.run()
        if on_unsupported == "status":
            assert result.exit_status == NOT_IMPLEMENTED
        else:
            assert name in result.detail
            assert result.detail.endswith("shellcode")


@pytest.mark.parametrize("on_unsupported", ["stop", "status"])
def test_an_error_of_a_callback_is_no_refusal(on_unsupported: str) -> None:
    def fail(event: object) -> Any:
        raise wowsim.Unsupported("the callback's own")

    layers: tuple[Any, ...] = ("stub", "wow64", "kernel")
    for layer in layers:
        with simulation("win7sp1", ("NtCreateEvent", (0, 0, 0, 0, 0)), on_unsupported=on_unsupported) as sim:
            sim.on_service("NtCreateEvent", fail, layer=layer)
            heard: list[object] = []
            sim.on(UnsupportedCalled, heard.append)
            with pytest.raises(wowsim.Unsupported, match="the callback's own"):
                sim.run()
            assert not heard


def test_garbage_around_the_call_spoils_only_the_path() -> None:
    code = "mov ebp, 0x10\nmov ecx, {}\nmov esp, 0x200f00\njmp ecx"
    for build in ("win7sp1", "win7sp1-x86"):
        with wowsim.Simulation(build) as sim:
            name = missing(build)
            sim.load_shellcode(wowsim.assemble32(code.format(stub(sim, name))))
            result = sim.run(limit=10_000)
            assert result.reason is StopReason.UNSUPPORTED
            assert name in result.detail


def test_a_wrong_choice() -> None:
    with pytest.raises(UsageError, match="on_unsupported='ignore'; expected 'stop' or 'status'"):
        wowsim.Simulation(on_unsupported="ignore")


def test_the_command_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from wowsim.simulation import simulation as module

    real = module.Simulation.load

    def load(sim: wowsim.Simulation, *arguments: Any, **options: Any) -> None:
        """The program, on a machine whose NtWriteFile lacks something."""

        def NtWriteFile(k: object) -> int:
            raise wowsim.Unsupported("writing is not implemented")

        real(sim, *arguments, **options)
        sim.kernel.replace(NtWriteFile)

    monkeypatch.setattr(module.Simulation, "load", load)
    program = "fixtures/bin/helloworld.exe"
    assert main(["run", program]) == 125
    assert "NtWriteFile: writing is not implemented; path: " in capfd.readouterr().err
    main(["run", "--on-unsupported", "status", program])
    assert "wowsim: NtWriteFile: writing is not implemented: answered C0000002\n" in capfd.readouterr().err
    out = tmp_path / "trace"
    main(["trace", "--on-unsupported", "status", "--format", "jsonl", "-o", str(out), program])
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    row = next(row for row in rows if row["type"] == "unsupported")
    assert (row["name"], row["status"]) == ("NtWriteFile", NOT_IMPLEMENTED)
    assert row["path"][0] == "kernel32!WriteFile"
    main(["trace", "--on-unsupported", "status", "-o", str(out), program])
    assert "; NtWriteFile: writing is not implemented: answered c0000002" in out.read_text()
