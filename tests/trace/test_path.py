from __future__ import annotations

import time

import pytest
from walk import World, back, dispatch, gate, leave, start_process, windows7

from wowsim.trace import path as path_module
from wowsim.trace.frames import LOST

API = ("kernel32!CreateFileW", "KERNELBASE!CreateFileW")
GATE = (
    "wow64cpu!X86SwitchTo64BitMode",
    "wow64cpu!CpupReturnFromSimulatedCode",
    "wow64cpu!TurboDispatchJumpAddressStart",
    "wow64cpu!ServiceNoTurbo",
)
SERVICE = ("wow64!Wow64SystemServiceEx", "wow64!whNtCreateFile", "ntdll!NtCreateFile")
CREATE = ("ntdll32!ZwCreateFile", "wow64!whNtCreateFile", "ntdll!NtCreateFile")


@pytest.fixture
def world() -> World:
    world = windows7()
    start_process(world)
    return world


def api(world: World) -> None:
    """Into KERNELBASE's CreateFileW, up to its call of the stub."""
    world.run("kernel32!CreateFileW", "jump", slot="kernel32!_imp__CreateFileW")
    world.run("KERNELBASE!CreateFileW", "call", target="ntdll32!RtlInitUnicodeString")
    world.run("ntdll32!RtlInitUnicodeString", "branch", target="ntdll32!RtlInitUnicodeString+0x8")
    world.run("ntdll32!RtlInitUnicodeString+0x8", "ret")
    world.run("KERNELBASE!CreateFileW+0x4", "call", slot="KERNELBASE!_imp__NtCreateFile")


def api_returns(world: World) -> None:
    back(world, *CREATE)
    world.run("KERNELBASE!CreateFileW+0x8", "ret")


def test_the_way_of_the_seed(world: World) -> None:
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    api(world)
    gate(world, *CREATE)
    assert world.path() == (*API, "ntdll32!ZwCreateFile", *GATE, *SERVICE)


def test_a_completed_call_leaves_no_frame(world: World) -> None:
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    api(world)
    gate(world, *CREATE)
    first = world.path()
    api_returns(world)
    world.run("app!start+0x4", "call", slot="app!_imp__NtCreateFile")
    gate(world, *CREATE)
    assert world.path() == ("ntdll32!ZwCreateFile", *GATE, *SERVICE)
    back(world, *CREATE)
    world.run("app!start+0x8", "call", slot="app!_imp__CreateFileW")
    api(world)
    gate(world, *CREATE)
    assert world.path() == first


def test_asking_seldom_changes_nothing(world: World) -> None:
    """The frames depend on what ran, not on when somebody asked."""
    for _ in range(3):
        world.run("app!start", "call", slot="app!_imp__CreateFileW")
        api(world)
        gate(world, *CREATE)
        api_returns(world)
        world.run("app!start+0x4", "jump", target="app!start")
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    api(world)
    gate(world, *CREATE)
    trace = list(world.trace)
    assert world.path() == (*API, "ntdll32!ZwCreateFile", *GATE, *SERVICE)
    for cut in range(1, len(trace), 7):
        again = windows7()
        again.blocks.extend(world.blocks)
        again.flows.update(world.flows)
        again.paths.run(trace[:cut])
        again.paths.run(trace[cut:])
        assert again.paths.frames() == world.paths.frames()


def test_service_calls_inside_a_function_are_closed_by_address(world: World) -> None:
    """The far jump back to the stub matches its call; counting returns would not."""
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    world.run("kernel32!CreateFileW", "jump", slot="kernel32!_imp__CreateFileW")
    world.run("KERNELBASE!CreateFileW", "call")
    for _ in range(3):
        gate(world, *CREATE)
        back(world, *CREATE)
        world.run("KERNELBASE!CreateFileW+0x4", "jump", target="KERNELBASE!CreateFileW")
        world.run("KERNELBASE!CreateFileW", "call")
    gate(world, *CREATE)
    assert world.path() == (*API, "ntdll32!ZwCreateFile", *GATE, *SERVICE)


def test_loops_open_nothing(world: World) -> None:
    world.run("app!start", "call", target="app!helper")
    for _ in range(50):
        world.run("app!helper", "branch", target="app!helper")
        world.run("app!helper+0x4", "jump", size=2, target="app!helper")
    world.run("app!helper", "branch", target="app!helper")
    world.run("app!helper+0x4", "call", slot="app!_imp__CreateFileW")
    api(world)
    for _ in range(50):  # REP: the block runs again from inside
        world.run("ntdll32!ZwCreateFile", "fall", size=3)
    gate(world, *CREATE)
    assert world.path() == (*API, "ntdll32!ZwCreateFile", *GATE, *SERVICE)
    assert [f.name for f in world.paths.frames()].count("app!helper") == 1


def test_two_symbols_that_jump_to_each_other_stay_two_frames(world: World) -> None:
    world.run("app!start", "call", target="ntdll32!RtlInitUnicodeString")
    for _ in range(20):
        world.run("ntdll32!RtlInitUnicodeString", "branch", target="ntdll32!LdrpCallInitRoutine")
        world.run("ntdll32!LdrpCallInitRoutine", "jump", size=2, target="ntdll32!RtlInitUnicodeString")
    world.run("ntdll32!RtlInitUnicodeString", "branch", target="ntdll32!LdrpCallInitRoutine")
    world.run("ntdll32!RtlInitUnicodeString+0x4", "jump", target="ntdll32!ZwCreateFile")
    gate(world, *CREATE)
    assert world.path() == ("ntdll32!RtlInitUnicodeString", "ntdll32!ZwCreateFile", *GATE, *SERVICE)


# ------------------------------------------------------------ hooks
def test_import_hook(world: World) -> None:
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    world.run("app!hooked", "call", target="kernel32!CreateFileW")
    api(world)
    gate(world, *CREATE)
    assert world.path() == ("app!hooked", *API, "ntdll32!ZwCreateFile", *GATE, *SERVICE)


def test_import_hook_behind_a_jump_stub(world: World) -> None:
    """`call stub` and `stub: jmp [slot]`, as linkers write calls of functions not declared as imported."""
    world.run("app!start", "call", target="app!helper")
    world.run("app!helper", "jump", slot="app!_imp__CreateFileW")
    world.run("app!hooked", "call")
    api(world)
    gate(world, *CREATE)
    assert world.path() == ("app!hooked", *API, "ntdll32!ZwCreateFile", *GATE, *SERVICE)


@pytest.mark.parametrize("replaced", [True, False])
def test_import_hook_called_through_a_register(world: World, replaced: bool) -> None:
    """`mov edi,[slot]` long ago, now `call edi`: a hook if the import table leads there, else a function pointer."""
    if replaced:
        world.memory[world.at("app!_imp__CreateFileW")] = world.at("app!hooked").to_bytes(4, "little")
    world.run("app!start", "call")
    world.run("app!hooked", "call", target="kernel32!CreateFileW")
    api(world)
    gate(world, *CREATE)
    hook = ("app!hooked",) if replaced else ()
    assert world.path() == (*hook, *API, "ntdll32!ZwCreateFile", *GATE, *SERVICE)


def test_the_programs_own_calls_are_no_hooks(world: World) -> None:
    world.run("app!start", "call", target="app!helper")
    world.run("app!helper", "call", slot="app!_imp__CreateFileW")
    api(world)
    gate(world, *CREATE)
    assert world.path()[0] == "kernel32!CreateFileW"


@pytest.mark.parametrize("how", ["direct", "slot", "ret"])
def test_inline_hook_in_a_stub(world: World, how: str) -> None:
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    api(world)
    world.run("ntdll32!ZwCreateFile", "jump", size=5, target="app!hooked")
    if how == "direct":
        world.run("app!hooked", "jump", target="ntdll32!ZwCreateFile+0x5")
    elif how == "slot":
        world.run("app!hooked", "jump", slot="app!start+0x40")
    else:  # push ZwCreateFile+5; ret
        world.run("app!hooked", "ret")
    gate(world, *CREATE, entry="ntdll32!ZwCreateFile+0x5")
    assert world.path() == (
        *API,
        "ntdll32!ZwCreateFile",
        "app!hooked",
        "ntdll32!ZwCreateFile+0x5",
        *GATE,
        *SERVICE,
    )


def test_inline_hook_closes_with_its_stub(world: World) -> None:
    test_inline_hook_in_a_stub(world, "direct")
    back(world, *CREATE)
    world.run("KERNELBASE!CreateFileW+0x8", "ret")
    assert world.run("app!start+0x4", "call", slot="app!_imp__CreateFileW") >= 0
    api(world)
    gate(world, *CREATE)
    assert world.path() == (*API, "ntdll32!ZwCreateFile", *GATE, *SERVICE)


def test_replaced_fs_c0(world: World) -> None:
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    api(world)
    world.run("ntdll32!ZwCreateFile", "call", size=0x12)
    world.run("app!hooked", "jump", slot="app!start+0x40")
    world.run("wow64cpu!X86SwitchTo64BitMode", "far", target="wow64cpu!CpupReturnFromSimulatedCode")
    world.run("wow64cpu!CpupReturnFromSimulatedCode", "jump", size=0x2B, bits=64)
    dispatch(world, "wow64!whNtCreateFile", "ntdll!NtCreateFile")
    assert world.path() == (*API, "ntdll32!ZwCreateFile", "app!hooked", *GATE, *SERVICE)


def test_replaced_turbo_entry(world: World) -> None:
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    api(world)
    world.run("ntdll32!ZwCreateFile", "call", size=0x12)
    world.run("wow64cpu!X86SwitchTo64BitMode", "far", target="wow64cpu!CpupReturnFromSimulatedCode")
    world.run("wow64cpu!CpupReturnFromSimulatedCode", "jump", size=0x2B, bits=64)
    world.run("app!hooked", "jump")
    dispatch(world, "wow64!whNtCreateFile", "ntdll!NtCreateFile")
    assert world.path() == (*API, "ntdll32!ZwCreateFile", *GATE[:3], "app!hooked", GATE[3], *SERVICE)


def test_hook_that_calls_the_original(world: World) -> None:
    """A hook function that windows code jumped to, and that calls back into it, stays in the path."""
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    world.run("kernel32!CreateFileW", "jump", target="app!hooked")
    world.run("app!hooked", "call", target="app!helper")
    world.run("app!helper", "ret")
    world.run("app!hooked+0x4", "call")
    world.run("KERNELBASE!CreateFileW+0x4", "call")
    gate(world, *CREATE)
    assert world.path() == (
        "kernel32!CreateFileW",
        "app!hooked",
        "KERNELBASE!CreateFileW+0x4",
        "ntdll32!ZwCreateFile",
        *GATE,
        *SERVICE,
    )


def test_callback_shows_who_called_it(world: World) -> None:
    world.run("app!start", "call")
    world.run("kernel32!EnumThings", "call")
    world.run("app!callback", "call", slot="app!_imp__CreateFileW")
    api(world)
    gate(world, *CREATE)
    assert world.path()[:4] == ("kernel32!EnumThings", "app!callback", *API)


# ------------------------------------------------------------ other ways
def test_direct_call_of_the_stub(world: World) -> None:
    world.run("app!start", "call", slot="app!_imp__NtCreateFile")
    gate(world, *CREATE)
    assert world.path() == ("ntdll32!ZwCreateFile", *GATE, *SERVICE)


def test_jump_into_the_middle_of_a_stub(world: World) -> None:
    """push return; mov eax,N; jmp stub+5."""
    world.run("app!start", "jump")
    gate(world, *CREATE, entry="ntdll32!ZwCreateFile+0x5")
    assert world.path() == ("ntdll32!ZwCreateFile+0x5", *GATE, *SERVICE)


def test_own_gate_and_direct_syscall() -> None:
    """push 33h; call $+5; add [esp],5; retf; ... syscall; and back, then the same again."""
    world = windows7()
    world.shellcode(0x300000)
    start_process(world)
    for _ in range(2):
        world.run("shellcode+0x10", "call", size=7, target="shellcode+0x17", bits=32)
        world.run("shellcode+0x17", "far", size=5)
        world.run("shellcode+0x1c", "syscall", bits=64)
        assert world.path() == ("shellcode+0x10", "shellcode+0x1c")
        world.run("shellcode+0x20", "call", target="shellcode+0x24", size=4)
        world.run("shellcode+0x24", "far", size=13)
        world.run("shellcode+0x31", "jump", bits=32, target="shellcode+0x10")


def test_far_call_returns_by_address(world: World) -> None:
    world.run("app!start", "call", target="app!helper", selector=0x33)
    world.run("app!helper", "far", bits=64)
    world.run("app!start+0x4", "call", slot="app!_imp__CreateFileW", bits=32)
    assert [f.name for f in world.paths.frames()] == []
    api(world)
    gate(world, *CREATE)
    assert world.path()[0] == "kernel32!CreateFileW"
    assert "app!helper" not in [f.name for f in world.paths.frames()]


def test_reading_eip_opens_no_frame(world: World) -> None:
    world.run("app!start", "call", target="app!start+0x4")
    world.run("app!start+0x4", "call", slot="app!_imp__CreateFileW")
    world.run("kernel32!CreateFileW", "jump")
    world.path()
    assert [f.name for f in world.paths.frames()][-2:] == ["app!start", "kernel32!CreateFileW"]


def test_indirect_jump_to_a_return_address_is_a_return(world: World) -> None:
    """pop ecx; jmp ecx."""
    world.run("app!start", "call", target="app!helper")
    world.run("app!helper", "jump")
    world.run("app!start+0x4", "call", slot="app!_imp__CreateFileW")
    world.path()
    assert world.paths.frames()[-1].name == "app!start"


# ------------------------------------------------------------ starts and contexts
def test_the_loaders_calls_show_the_start() -> None:
    world = windows7()
    world.run("ntdll!LdrInitializeThunk", "call", bits=64)
    world.run("ntdll!NtCreateFile", "syscall", size=10)
    assert world.path() == ("ntdll!LdrInitializeThunk", "ntdll!NtCreateFile")


def test_new_context_closes_the_old_frames(world: World) -> None:
    """NtContinue at the end of the start: nothing of LdrInitializeThunk stays open below RtlUserThreadStart."""
    world.run("app!start", "fall")
    world.path()
    assert [f.name for f in world.paths.frames()] == [
        "ntdll!LdrInitializeThunk",
        "wow64!RunCpuSimulation",
        "wow64cpu!CpuSimulate",
        "wow64cpu!CpupReturn",
        "ntdll32!RtlUserThreadStart",
        "kernel32!BaseThreadInitThunk",
        "app!start",
    ]


def test_context_of_an_open_frame_resumes_it(world: World) -> None:
    """NtContinue from an exception handler goes on in the middle of the function that faulted."""
    world.run("app!start", "call", target="app!helper")
    world.run("app!helper", "fall")
    before = world.path(), world.paths.frames()
    world.run("ntdll!KiUserExceptionDispatcher", "call", bits=64)
    world.run("wow64!RunCpuSimulation", "call", target="wow64cpu!CpuSimulate")
    world.run("wow64cpu!CpuSimulate", "jump", target="wow64cpu!CpupReturn")
    world.run("wow64cpu!CpupReturn", "far")
    world.run("ntdll32!KiUserExceptionDispatcher", "call", target="ntdll32!ZwContinue", bits=32)
    gate(world, "ntdll32!ZwContinue", "wow64!whNtContinue", "ntdll!NtContinue")
    assert world.path()[:2] == ("ntdll!KiUserExceptionDispatcher", "wow64!RunCpuSimulation")
    leave(world, "wow64!whNtContinue", "ntdll!NtContinue")
    world.run("app!helper+0x4", "fall", bits=32)
    world.path()
    assert world.paths.frames() == before[1]


def test_dll_main_called_by_the_loader(world: World) -> None:
    world.run("app!start", "call")
    world.run("kernel32!CreateFileW", "call", target="ntdll32!LdrpCallInitRoutine")
    world.run("ntdll32!LdrpCallInitRoutine", "call")
    world.run("app!callback", "call", slot="app!_imp__NtCreateFile")
    gate(world, *CREATE)
    assert world.path()[:4] == (
        "kernel32!CreateFileW",
        "ntdll32!LdrpCallInitRoutine",
        "app!callback",
        "ntdll32!ZwCreateFile",
    )


# ------------------------------------------------------------ what is not known
def test_nothing_known() -> None:
    assert windows7().paths.path() == (LOST,)


def test_lost_history_inside_windows_is_said(world: World) -> None:
    world.path()
    world.run("KERNELBASE!CreateFileW+0x4", "call")
    gate(world, *CREATE)
    assert world.path(complete=False) == (
        LOST,
        "KERNELBASE!CreateFileW",
        "ntdll32!ZwCreateFile",
        *GATE,
        *SERVICE,
    )


def test_lost_history_before_the_api_does_not_matter(world: World) -> None:
    world.path()
    world.run("app!helper+0x4", "ret")
    world.run("app!start+0x4", "call", slot="app!_imp__CreateFileW")
    api(world)
    gate(world, *CREATE)
    assert world.path(complete=False) == (*API, "ntdll32!ZwCreateFile", *GATE, *SERVICE)


def test_too_many_blocks_are_not_walked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_module, "LIMIT", 20)
    world.run("app!start", "call")
    for _ in range(30):
        world.run("KERNELBASE!CreateFileW+0x8", "branch", target="KERNELBASE!CreateFileW+0x8")
    world.run("KERNELBASE!CreateFileW+0x4", "call")
    gate(world, *CREATE)
    assert world.path()[:2] == (LOST, "KERNELBASE!CreateFileW")


def test_threads_do_not_mix(world: World) -> None:
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    api(world)
    world.path()
    world.run("ntdll!LdrInitializeThunk", "call", bits=64)
    world.run("ntdll!NtCreateFile", "syscall", size=10)
    world.paths.run(world.trace, thread=2)
    world.trace.clear()
    assert world.paths.path(2) == ("ntdll!LdrInitializeThunk", "ntdll!NtCreateFile")
    world.bits = 32
    gate(world, *CREATE)
    assert world.path() == (*API, "ntdll32!ZwCreateFile", *GATE, *SERVICE)


def test_new_modules_get_their_names(world: World) -> None:
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    world.path()
    world.module("late", 0x10000000, {0x100: "Run"}, system=False)
    world.run("late!Run", "call")
    assert world.path() == ("late!Run",)


@pytest.mark.parametrize("blocks_between", [60])
def test_a_path_is_cheap(world: World, blocks_between: int) -> None:
    """Far above the target of 15 us, so that only a change of kind fails here."""
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    api(world)
    gate(world, *CREATE)
    world.path()
    api_returns(world)
    world.run("app!start+0x4", "jump", target="app!start")
    while len(world.trace) < blocks_between - 17:
        world.run("app!start", "branch", size=2, target="app!start")
    world.run("app!start", "call", slot="app!_imp__CreateFileW")
    api(world)
    gate(world, *CREATE)
    ids = list(world.trace)
    world.path()
    rounds = 200
    started = time.perf_counter()
    for _ in range(rounds):
        world.paths.run(ids)
        world.paths.path()
    assert (time.perf_counter() - started) / rounds < 200e-6
