"""Every service is declared once, with the published argument bytes, and refused by name when it is called."""

from __future__ import annotations

from importlib import import_module
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from guest import BASE, SIZE, FlatMemory

import wowsim
from wowsim import StopReason
from wowsim.errors import GuestFault
from wowsim.kernel import known_services
from wowsim.kernel.declared import MODULES, __main__, declarations
from wowsim.kernel.known_services import known, services_of_build
from wowsim.kernel.services import implemented
from wowsim.kernel.table import Service, Support
from wowsim.nt import argument_counts
from wowsim.nt.abi import HANDLE, NTSTATUS, SIZE_T, ULONG, ULONG_PTR, USHORT, Array, In, Out, Pass, prototype
from wowsim.nt.builds import BUILDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.nt.abi import Width

CALLS = 40


def test_everything_is_there_once() -> None:
    assert known().keys() == argument_counts.published().keys()
    assert len(known()) == 497
    assert not declarations().keys() & implemented().keys()


def test_what_is_superfluous_is_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert __main__.main() == 0
    monkeypatch.setattr(__main__, "declarations", lambda: {"NtClose": test_everything_is_there_once})
    assert __main__.main() == 1
    assert capsys.readouterr().out.startswith("NtClose: declared in test_declared:")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_declares_and_does_nothing_else(module: str) -> None:
    found = vars(import_module(f"wowsim.kernel.declared.{module}"))
    names = [name for name, value in found.items() if getattr(value, "__module__", None) == found["__name__"]]
    assert names == sorted(names)
    assert all(declarations()[name] is found[name] for name in names)
    assert all(known()[name].support is Support.DECLARED for name in names if name not in implemented())


def NtClose(k: object, handle: HANDLE, more: ULONG) -> NTSTATUS:
    raise AssertionError


def NtShutTheDoor(k: object) -> NTSTATUS:
    raise AssertionError


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (NtClose, "NtClose: signature takes 8 argument bytes, services.csv says 4"),
        (NtShutTheDoor, "NtShutTheDoor: services.csv has no such service"),
    ],
)
def test_a_wrong_signature_is_refused(function: Any, message: str) -> None:
    with pytest.raises(TypeError) as refused:
        argument_counts.check(prototype(function))
    assert str(refused.value) == message


def test_a_service_without_a_published_count_is_taken_as_declared() -> None:
    assert argument_counts.published()["NtContinueEx"] == frozenset()
    argument_counts.check(known()["NtContinueEx"].prototype)


@pytest.mark.parametrize("name", sorted(known()))
def test_signatures_are_sound(name: str) -> None:
    parameters = known()[name].prototype.parameters
    names = [parameter.name for parameter in parameters]
    assert len(set(names)) == len(names) <= 17
    for parameter in parameters:
        if isinstance(parameter.pointee, Array):
            count = parameters[names.index(parameter.pointee.count)]
            assert count.passed is Pass.VALUE
            assert count.kind in (USHORT, ULONG, ULONG_PTR, SIZE_T)


def slot(random: Random, width: Width) -> int:
    return random.choice(
        (
            0,
            1,
            random.randrange(BASE, BASE + SIZE),
            BASE + SIZE - 1,
            random.getrandbits(width),
            (1 << width) - 1,
        )
    )


@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", sorted(known()))
def test_no_slot_gets_past_a_decoder(name: str, width: Width) -> None:
    random, memory = Random(f"{name}{width}"), FlatMemory()
    memory.data[:] = random.randbytes(SIZE)
    signature = known()[name].prototype
    decode = signature.decoder(width)
    before = bytes(memory.data)
    for _ in range(CALLS):
        slots = [slot(random, width) for _ in range(signature.arg_bytes32 // 4)]
        assert len(signature.glimpse(width, memory, slots)) == len(signature.parameters)
        status = 0
        try:
            assert len(decode(memory, slots)) == len(signature.parameters)
        except GuestFault as fault:
            status = fault.status
        assert status in (0, 0xC0000005)
    assert memory.data == before


def NtCreateIRTimer(
    k: object, timer_handle: Out[ULONG], timer_id: In[ULONG] | None, desired_access: ULONG
) -> NTSTATUS:
    assert isinstance(k, list)
    k.append((timer_handle.address, timer_id, desired_access))
    return NTSTATUS(0)


@pytest.mark.parametrize(("build", "parameters"), [("win8.1-x86", 2), ("win10-22h2-x86", 3)])
def test_arguments_that_a_build_does_not_pass_are_null(build: str, parameters: int) -> None:
    whole = Service(prototype(NtCreateIRTimer), NtCreateIRTimer, Support.FULL)
    found = known_services._in_form(whole, BUILDS[build])
    assert len(found.prototype.parameters) == parameters
    slots: Sequence[int] = (BASE, 7) if parameters == 2 else (BASE, 0, 7)
    called: list[Any] = []
    assert found.handler(called, *found.prototype.decoder(32)(FlatMemory(), slots)) == 0
    assert called == [(BASE, None, 7)]


@pytest.mark.parametrize("build", BUILDS)
def test_a_build_has_its_services(build: str) -> None:
    found = services_of_build(BUILDS[build])
    assert found.keys() == BUILDS[build].numbers.keys()


def test_a_declared_service_is_in_the_trace_and_ends_the_run() -> None:
    with wowsim.Simulation(build="win10-22h2-x86") as sim:
        number = sim.build.numbers["NtCompactKeys"]
        code = (
            f"push 0x1234; push 3; push 0; mov edx, esp; mov dword ptr [esp], 2; mov eax, {number}; int 0x2e"
        )
        sim.load_shellcode(wowsim.assemble32(code))
        result = sim.run(trace="calls")
        assert result.trace is not None
        call = result.trace.calls("NtCompactKeys")[-1]
    assert result.reason is StopReason.UNSUPPORTED
    assert "NtCompactKeys" in result.detail
    assert (call.status, call.arguments) == (None, {"Count": 2, "KeyArray": 3})


@pytest.mark.parametrize("build", ["win7sp1", "win8.1", "win10-22h2"])
def test_a_declared_service_comes_through_its_thunk(build: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        stub = "push 0x5678; push 3; push 0xfffffff4; call dword ptr [0x200200]; ret"
        sim.load_shellcode(wowsim.assemble32(stub))
        ntdll = sim.modules["ntdll32"]
        address = ntdll.base + ntdll.image.export_by_name["ZwAlpcDeletePortSection"].rva
        sim.memory.write(0x200200, address.to_bytes(4, "little"))
        result = sim.run(trace="calls")
        assert result.trace is not None
        call = result.trace.calls("NtAlpcDeletePortSection")[-1]
    assert result.reason is StopReason.UNSUPPORTED
    assert "NtAlpcDeletePortSection" in result.detail
    handle = 0xFFFFFFFF_FFFFFFF4
    assert call.arguments == {"PortHandle": handle, "Flags": 3, "SectionHandle": 0x5678}
    assert call.path[-2:] == ("wow64!whNtAlpcDeletePortSection", "ntdll!NtAlpcDeletePortSection")


WIN32K = {
    64: "mov eax, 0x1008; syscall; ret",
    32: "mov eax, 0x1008; xor ecx, ecx; lea edx, [esp+4]; call dword ptr fs:[0xc0]; add esp, 4; ret",
}


@pytest.mark.parametrize("trace", [None, "calls"])
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("build", ["win7sp1", "win10-22h2"])
def test_win32k_is_refused_by_name(build: str, bits: Any, trace: Any) -> None:
    assemble = wowsim.assemble64 if bits == 64 else wowsim.assemble32
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(assemble(WIN32K[bits]), bits=bits)
        result = sim.run(trace=trace)
    assert result.reason is StopReason.UNSUPPORTED
    assert result.detail.startswith("service NtGdiBitBlt (number 1008h)")


def test_win32k_of_32_bit_windows_is_refused_by_name() -> None:
    with wowsim.Simulation(build="winxp-x86") as sim:
        sim.load_shellcode(wowsim.assemble32("mov edx, esp; mov eax, 0x1000; int 0x2e; ret"))
        result = sim.run()
    assert result.reason is StopReason.UNSUPPORTED
    assert result.detail.startswith("service NtGdiAbortDoc (number 1000h)")


@pytest.mark.parametrize("number", [0xFFF, 0x1FFF, 0x2001])
def test_a_number_without_a_service_is_the_guests_mistake(number: int) -> None:
    with wowsim.Simulation() as sim:
        sim.load_shellcode(wowsim.assemble64(f"mov eax, {number}; syscall; ret"), bits=64)
        result = sim.run()
    assert (result.reason, result.exit_status) == (StopReason.EXITED, 0xC000001C)
