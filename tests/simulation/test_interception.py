"""Service calls watched and answered at each layer."""

from __future__ import annotations

from typing import Any

import pytest
from programs import BIN, BUILDS, NATIVE, WOW64
from stubs import load_calls, missing, simulation, stub

import wowsim
from wowsim import Answer, ServiceEvent, StopReason, UsageError
from wowsim.nt.builds import build_named

LAYERS: tuple[Any, ...] = ("stub", "wow64", "kernel")
WHENS: tuple[Any, ...] = ("pre", "post")
DENIED = 0xC0000022
EVENT = ("NtCreateEvent", (0x200800, 0x1F0003, 0, 0, 1))
CREATE = "createfile.exe"


def layers(build: str) -> tuple[Any, ...]:
    return LAYERS if build in WOW64 else ("stub", "kernel")


@pytest.mark.parametrize("build", BUILDS)
def test_a_call_is_seen_on_its_way_down_and_up(build: str) -> None:
    seen: list[ServiceEvent] = []
    with wowsim.Simulation(build) as sim:
        sim.load(BIN / CREATE)
        for layer in layers(build):
            for when in WHENS:
                sim.on_service("ZwCreateFile", seen.append, layer=layer, when=when)
        result = sim.run(trace="calls")
        assert result.exit_status == 0
        assert result.trace is not None
        number = result.trace.calls("NtCreateFile")[-1].number
        down = [(layer, False) for layer in layers(build)]
        assert [(e.layer, e.post) for e in seen] == down + [(layer, True) for layer, _ in down[::-1]]
        assert {(e.name, e.number, e.table) for e in seen} == {("NtCreateFile", number, 0)}
        for event in seen:
            assert event.arguments["ObjectAttributes"]["ObjectName"] == r"\??\C:\createfile.txt"
            assert (event.arguments["FileHandle"] is not None) == event.post
            assert len(event.args) == 11
            assert event.status == (0 if event.post else None)
        narrow = [event for event in seen if event.layer != "kernel"]
        assert len({event.args for event in narrow}) == 1, "the stub and wow64.dll see the same stack"


@pytest.mark.parametrize("trace", [None, "calls", "full"])
@pytest.mark.parametrize("build", BUILDS)
def test_an_answer_takes_the_calls_place(build: str, trace: Any) -> None:
    for answering in layers(build):
        with simulation(build, EVENT) as sim:
            seen: list[ServiceEvent] = []
            sim.on_service(
                "NtCreateEvent",
                lambda event: Answer(DENIED, EventHandle=0x12345678),
                layer=answering,
            )
            for layer in layers(build):
                for when in WHENS:
                    sim.on_service(
                        "NtCreateEvent",
                        seen.append,
                        layer=layer,
                        when=when,
                    )
            result = sim.run(trace=trace)
            assert (result.reason, result.exit_status) == (StopReason.EXITED, DENIED)
            above = layers(build)[: layers(build).index(answering) + 1]
            before = [(layer, None, None) for layer in above[:-1]]
            found = [(e.layer, e.status, e.arguments["EventHandle"]) for e in seen]
            assert found == before + [(layer, DENIED, 0x12345678) for layer in above[::-1]]
            assert sim.memory.read(0x200800, 8) == (0x12345678).to_bytes(8, "little")
            if result.trace is not None:
                calls = result.trace.calls("NtCreateEvent")
                assert [call.status for call in calls] == ([DENIED] if answering == "kernel" else [])


@pytest.mark.parametrize("build", BUILDS)
def test_a_post_answer_replaces_the_status(build: str) -> None:
    for layer in layers(build):
        with simulation(build, EVENT) as sim:
            sim.on_service("NtCreateEvent", lambda e: Answer(0x123), layer=layer, when="post")
            assert sim.run().exit_status == 0x123


def note(seen: list[Any], event: ServiceEvent, status: int) -> Answer:
    seen.append(event)
    return Answer(status)


def test_a_wait_that_blocks_is_answered_when_it_ends() -> None:
    with simulation("win7sp1", ("NtDelayExecution", (0, 0x200800))) as sim:
        sim.memory.write(0x200800, (-100_000).to_bytes(8, "little", signed=True))
        seen: list[ServiceEvent] = []
        sim.on_service("NtDelayExecution", lambda e: note(seen, e, 0x77), when="post")
        assert sim.run().exit_status == 0x77
        assert [event.status for event in seen] == [0]


@pytest.mark.parametrize("build", WOW64)
def test_a_turbo_service_is_not_seen_in_wow64(build: str) -> None:
    with simulation(build, ("NtSetEvent", (0x4444, 0))) as sim:
        seen: list[str] = []
        for layer in LAYERS:
            sim.on_service("NtSetEvent", lambda e: seen.append(e.layer), layer=layer)
        assert sim.run().exit_status == 0xC0000008
        assert seen == ["stub", "kernel"]


def test_a_missing_service_can_be_answered_at_each_layer() -> None:
    name = missing("win7sp1")
    for layer in ("stub", "wow64"):
        with simulation("win7sp1", (name, (4, 5))) as sim:
            sim.on_service(name, lambda e: Answer(0x55), layer=layer)
            assert sim.run().exit_status == 0x55
    with wowsim.Simulation() as sim:
        number = sim.build.numbers[name]
        sim.load_shellcode(wowsim.assemble64(f"mov r10, 4; mov eax, {number}; syscall; ret"), bits=64)
        seen: list[ServiceEvent] = []
        sim.on_service(name, lambda e: note(seen, e, 0x55))
        assert sim.run().exit_status == 0x55
        assert seen[0].args[0] == 4


def test_outputs_have_the_width_of_their_layer() -> None:
    call = ("NtQueryInformationProcess", ("-1", 0, 0x200800, 24, 0x200840))
    for layer in ("stub", "wow64"):
        with simulation("win7sp1", call) as sim:
            sim.on_service(
                "NtQueryInformationProcess",
                lambda e: Answer(0, ReturnLength=7, ProcessInformation=b"abc"),
                layer=layer,
            )
            assert sim.run().exit_status == 0
            assert sim.memory.read(0x200840, 8) == (7).to_bytes(8, "little")
            assert sim.memory.read(0x200800, 4) == b"abc\0"
    code = f"mov r10, 0x200800; mov eax, {build_named('win7sp1').numbers['NtCreateEvent']}; syscall; ret"
    with wowsim.Simulation() as sim:
        sim.load_shellcode(wowsim.assemble64(code), bits=64)
        sim.memory.write(0x200800, b"\xff" * 16)
        sim.on_service("NtCreateEvent", lambda e: Answer(0, EventHandle=7))
        assert sim.run().exit_status == 0
        assert sim.memory.read(0x200800, 12) == (7).to_bytes(8, "little") + b"\xff" * 4


def test_structures_by_their_fields() -> None:
    with simulation("win7sp1", ("NtQueryAttributesFile", (0x200800, 0x200840))) as sim:
        times = dict.fromkeys(("CreationTime", "LastAccessTime", "LastWriteTime", "ChangeTime"), 5)
        fields = {**times, "FileAttributes": 0x20}
        sim.on_service("NtQueryAttributesFile", lambda e: Answer(0, FileInformation=fields), layer="stub")
        assert sim.run().exit_status == 0
        assert sim.memory.read(0x200860, 4) == b"\x20\0\0\0"


def test_an_output_that_cannot_be_written() -> None:
    for layer in LAYERS:
        with simulation("win7sp1", ("NtCreateEvent", (0x10, 0x1F0003, 0, 0, 1))) as sim:
            sim.on_service("NtCreateEvent", lambda e: Answer(0, EventHandle=4), layer=layer)
            assert sim.run().exit_status == 0xC0000005
        with simulation("win7sp1", ("NtQueryVirtualMemory", ("-1", 0, 0, 0x200800, 28, 0))) as sim:
            sim.on_service(
                "NtQueryVirtualMemory",
                lambda e: Answer(0, ReturnLength=4),
                layer=layer,
            )
            assert sim.run().exit_status == 0, "a NULL pointer gets nothing"


def test_looking_uses_no_guard_page_up() -> None:
    with simulation("win7sp1", ("NtCreateEvent", (0x10000000, 0x1F0003, 0, 0, 1))) as sim:
        sim._machine.space.allocate(0x10000000, 0x1000, 0x3000, 0x104)
        seen: list[ServiceEvent] = []
        sim.on_service("NtCreateEvent", seen.append, layer="stub")
        assert sim.run().exit_status == 0x80000001
        assert seen[0].arguments["EventHandle"] is None


def test_garbage_on_the_stack() -> None:
    code = "mov eax, {}\nmov esp, 0x10\njmp eax"
    with wowsim.Simulation() as sim:
        sim.load_shellcode(wowsim.assemble32(code.format(stub(sim, "NtClose"))))
        seen: list[ServiceEvent] = []
        sim.on_service("NtClose", seen.append, layer="stub")
        sim.run(limit=10_000)
        assert (seen[-1].args, seen[-1].arguments) == ((), {})


def test_calls_that_do_not_come_back_leave_nothing() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "vectored.exe")
        before: list[ServiceEvent] = []
        after: list[ServiceEvent] = []
        sim.on_service(None, before.append, layer="stub")
        sim.on_service(None, after.append, layer="stub", when="post")
        sim.run()
        names = {e.name for e in before}
        assert "NtTerminateProcess" in names
        missing = {e.name for e in before} - {e.name for e in after}
        assert missing <= {"NtTerminateProcess", "NtContinue", "NtRaiseException"}


def test_removed_listeners_hear_nothing_and_leave_nothing() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / CREATE)
        seen: list[ServiceEvent] = []
        hooks = len(sim._machine.core._callbacks)
        for layer in LAYERS:
            for when in WHENS:
                with sim.on_service(None, seen.append, layer=layer, when=when):
                    pass
        assert len(sim._machine.core._callbacks) == hooks
        assert sim.run().exit_status == 0
        assert not seen


def test_watching_changes_nothing() -> None:
    traces = []
    for watch in (False, True):
        with wowsim.Simulation() as sim:
            sim.load(BIN / "threads.exe")
            if watch:
                for layer in LAYERS:
                    for when in WHENS:
                        sim.on_service(None, lambda e: None, layer=layer, when=when)
            result = sim.run(trace="calls")
            assert result.trace is not None
            traces.append([result.instructions, *result.trace.calls()])
    assert traces[0] == traces[1]


def test_stop_from_a_callback_and_on() -> None:
    for layer in LAYERS:
        with simulation("win7sp1", EVENT) as sim:

            def stop(event: ServiceEvent, sim: wowsim.Simulation = sim) -> Answer:
                sim.stop()
                return Answer(0x99)

            sim.on_service("NtCreateEvent", stop, layer=layer)
            assert sim.run().reason is StopReason.STOPPED
            assert sim.run().exit_status == 0x99


def test_listeners_stay_over_a_snapshot() -> None:
    with simulation("win7sp1", EVENT) as sim:
        seen: list[str] = []
        for layer in LAYERS:
            sim.on_service("NtCreateEvent", lambda e: seen.append(e.layer), layer=layer)
        start = sim.snapshot()
        for _ in range(2):
            sim.run()
            sim.restore(start)
        assert seen == [*LAYERS] * 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("NtCreateFil", print), "close to it are .*NtCreateFile"),
        (("CreateFileW", print), "has no service"),
        ((7, print), "has no service 7"),
        (("NtClose", "x"), "cannot be called"),
    ],
)
def test_wrong_names(arguments: tuple[Any, Any], said: str) -> None:
    with wowsim.Simulation() as sim, pytest.raises(UsageError, match=said):
        sim.on_service(*arguments)


def test_wrong_layers() -> None:
    with wowsim.Simulation() as sim:
        with pytest.raises(UsageError, match="layer='user'"):
            sim.on_service("NtClose", print, layer="user")  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="when='now'"):
            sim.on_service("NtClose", print, when="now")  # type: ignore[arg-type]
    with wowsim.Simulation(NATIVE[0]) as sim, pytest.raises(UsageError, match=r"without wow64\.dll"):
        sim.on_service("NtClose", print, layer="wow64")


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: True, "returned True; expected an Answer or None"),
        (lambda: 0, "returned 0"),
        (lambda: Answer(1 << 40), "expected an NTSTATUS"),
        (lambda: Answer(True), "expected an NTSTATUS"),
        (lambda: Answer(0, EventHandel=4), "has no such output; expected EventHandle"),
        (lambda: Answer(0, DesiredAccess=4), "has no such output"),
        (lambda: Answer(0, EventHandle="x"), "expected an integer or bytes"),
    ],
)
def test_wrong_answers_leave_run(layer: Any, answer: Any, said: str) -> None:
    with simulation("win7sp1", EVENT) as sim:
        sim.on_service("NtCreateEvent", lambda e: answer(), layer=layer)
        with pytest.raises(UsageError, match=said):
            sim.run()


def test_other_errors_of_callbacks_leave_run() -> None:
    for layer in LAYERS:
        with simulation("win7sp1", EVENT) as sim:
            sim.on_service("NtCreateEvent", lambda e: 1 // 0, layer=layer)  # type: ignore[arg-type, return-value]
            with pytest.raises(ZeroDivisionError):
                sim.run()


def test_an_answer_says_what_it_is() -> None:
    assert repr(Answer(-1, Value=3)) == "Answer(0xffffffff, Value=3)"


def test_the_program_of_several_calls_is_what_it_says() -> None:
    with wowsim.Simulation() as sim:
        load_calls(sim, EVENT, ("NtClose", (0x4444,)))
        assert sim.run().exit_status == 0xC0000008
