"""The path is what ran: every way into the kernel shows itself."""

from __future__ import annotations

import pytest
from programs import run

GATE7 = (
    "ntdll32!ZwCreateFile", "wow64cpu!X86SwitchTo64BitMode", "wow64cpu!CpupReturnFromSimulatedCode",
    "wow64cpu!TurboDispatchJumpAddressStart", "wow64cpu!ServiceNoTurbo", "wow64!Wow64SystemServiceEx",
    "wow64!whNtCreateFile", "ntdll!NtCreateFile",
)  # fmt: skip
API = ("kernel32!CreateFileW", "KERNELBASE!CreateFileW")
HOOKED = r"\??\C:\hooked.txt"


def path(program: str, build: str = "win7sp1") -> tuple[str, ...]:
    """The path of the program's own NtCreateFile."""
    sim, result = run(program, build, trace="calls")
    with sim:
        assert result.trace is not None
        calls = [
            c for c in result.trace.calls("NtCreateFile")
            if c.arguments["ObjectAttributes"]["ObjectName"].startswith(("\\??\\C:\\hooked", "\\??\\C:\\createfile"))
        ]  # fmt: skip
        assert len(calls) == 1
        assert calls[0].status == 0
        return calls[0].path


def test_the_seeds_way() -> None:
    assert path("createfile.exe") == API + GATE7


def test_the_way_of_windows_10() -> None:
    assert path("createfile.exe", "win10-22h2") == (
        *API, "ntdll32!ZwCreateFile", "ntdll32!Wow64SystemServiceCall", "wow64cpu!KiFastSystemCall", *GATE7[2:],
    )  # fmt: skip


def test_a_direct_call_to_ntdll() -> None:
    assert path("directnt.exe") == GATE7


def test_an_iat_hook_comes_first() -> None:
    found = path("iathook.exe")
    assert found[0].startswith("iathook!")
    assert found[1:] == API + GATE7


def test_an_inline_hook_lies_between() -> None:
    found = path("inlinehook.exe")
    at = found.index("ntdll32!ZwCreateFile")
    assert found[:at] == API
    assert found[at + 1].startswith("inlinehook!")
    assert found[-7:] == GATE7[1:]


def test_a_replaced_fs_c0() -> None:
    found = path("fshook.exe")
    at = found.index("ntdll32!ZwCreateFile")
    assert found[at + 1].startswith("fshook!")
    assert found[at + 2 :] == GATE7[1:]


def test_a_replaced_wow64transition() -> None:
    found = path("wow64transition.exe", "win10-22h2")
    at = found.index("ntdll32!Wow64SystemServiceCall")
    assert found[at + 1].startswith("wow64transition!")
    assert found[at + 2] == "wow64cpu!KiFastSystemCall"


@pytest.mark.parametrize("build", ["win7sp1", "win10-22h2"])
def test_a_replaced_turbo_entry(build: str) -> None:
    found = path("turbohook.exe", build)
    at = found.index("wow64cpu!TurboDispatchJumpAddressStart")
    assert found[at + 1].startswith("turbohook!")
    assert found[at + 2] == "wow64cpu!ServiceNoTurbo"


def test_a_syscall_behind_the_programs_own_gate() -> None:
    sim, result = run("gatesyscall.bin", "win7sp1", trace="calls")
    with sim:
        assert result.trace is not None
        (call,) = [c for c in result.trace.calls("NtClose") if c.status == 0xC0000008]
        assert call.path
        assert all(frame.startswith("shellcode") for frame in call.path)


STACK7 = (
    "ntdll!NtCreateFile", "wow64!whNtCreateFile", "wow64!Wow64SystemServiceEx", "wow64cpu!ServiceNoTurbo",
    "wow64cpu!CpuSimulate", "wow64!RunCpuSimulation", "wow64!Wow64LdrpInitialize", "ntdll!LdrpInitializeProcess",
    "ntdll!_LdrpInitialize", "ntdll!LdrInitializeThunk",
)  # fmt: skip


def test_the_64_bit_stack_reaches_the_start_of_the_process() -> None:
    sim, result = run("createfile.exe", trace="calls")
    with sim:
        assert result.trace is not None
        assert result.trace.calls("NtCreateFile")[0].stack == STACK7


def test_turbo_thunks_bypass_wow64_on_windows_10() -> None:
    sim, result = run("createfile.exe", "win10-22h2", trace="calls")
    with sim:
        assert result.trace is not None
        close = result.trace.calls("ZwClose")[-1]
        assert "wow64cpu!Thunk1ArgSp" in close.path
        assert not any(frame.startswith("wow64!") for frame in close.path)
