"""A small world of modules and executed blocks, written down block by block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wowsim.image.model import PAGE, Image, Import
from wowsim.trace.flow import Flow
from wowsim.trace.path import Paths
from wowsim.trace.symbols import SymbolTable

if TYPE_CHECKING:
    from wowsim.trace.flow import Bits, Kind


@dataclass
class Block:
    address: int
    code: bytes
    bits: Bits


@dataclass
class World:
    """Modules by name; a place is ``module!symbol+offset`` (offset decimal or 0x)."""

    symbols: SymbolTable = field(default_factory=SymbolTable)
    blocks: list[Block] = field(default_factory=list)
    flows: dict[tuple[int, int], Flow] = field(default_factory=dict)
    ids: dict[tuple[int, int, str, Bits], int] = field(default_factory=dict)
    trace: list[int] = field(default_factory=list)
    bits: Bits = 32

    def __post_init__(self) -> None:
        self.memory: dict[int, bytes] = {}
        self.paths = Paths(
            self.blocks,
            self.symbols,
            lambda code, address, bits: self.flows[address, len(code)],
            lambda address, size: self.memory.get(address),
        )

    def module(
        self,
        name: str,
        base: int,
        symbols: dict[int, str],
        *,
        system: bool = True,
        bits: Bits = 32,
        slots: dict[int, str] | None = None,
    ) -> None:
        imports = tuple(Import("x.dll", symbol, None, rva) for rva, symbol in (slots or {}).items())
        image = Image(
            name, name, name, bits, base, bytes(PAGE), symbols=symbols, imports=imports, system=system
        )
        self.symbols.add(image, base)

    def shellcode(self, base: int) -> None:
        """A module without a single symbol."""
        self.module("shellcode", base, {}, system=False)

    def at(self, place: str) -> int:
        name, _, offset = place.partition("+")
        return self.symbols.address(name) + int(offset or "0", 0)

    def run(
        self,
        place: str,
        kind: Kind,
        *,
        size: int = 4,
        target: str | None = None,
        slot: str | None = None,
        bits: Bits | None = None,
        selector: int | None = None,
    ) -> int:
        """One executed block; returns its id."""
        self.bits = bits or self.bits
        address = self.at(place)
        key = (address, size, kind, self.bits)
        id = self.ids.get(key)
        if id is None:
            assert (address, size) not in self.flows, f"{place}: give another size to what ends otherwise"
            id = self.ids[key] = len(self.blocks)
            self.blocks.append(Block(address, bytes(size), self.bits))
            self.flows[address, size] = Flow(
                kind,
                address + size,
                self.at(target) if target else None,
                selector,
                self.at(slot) if slot else None,
            )
        self.trace.append(id)
        return id

    def path(self, *, complete: bool = True) -> tuple[str, ...]:
        """The path after everything that ran since the last question."""
        self.paths.run(self.trace, complete=complete)
        self.trace.clear()
        return self.paths.path()


def windows7() -> World:
    """The modules of seed 002, with far fewer bytes."""
    world = World()
    world.module(
        "ntdll",
        0x775F0000,
        {
            0x100: "LdrInitializeThunk",
            0x200: "NtCreateFile",
            0x210: "NtContinue",
            0x300: "KiUserExceptionDispatcher",
        },
        bits=64,
    )
    world.module(
        "wow64",
        0x738C0000,
        {
            0x100: "Wow64SystemServiceEx",
            0x300: "whNtCreateFile",
            0x500: "whNtContinue",
            0x600: "RunCpuSimulation",
        },
        bits=64,
    )
    world.module(
        "wow64cpu",
        0x73850000,
        {
            0x320: "X86SwitchTo64BitMode",
            0x560: "CpuSimulate",
            0x5C1: "CpupReturn",
            0x71E: "CpupReturnFromSimulatedCode",
            0x745: "TurboDispatchJumpAddressStart",
            0x749: "ServiceNoTurbo",
        },
        bits=64,
    )
    world.module(
        "ntdll32",
        0x777D0000,
        {
            0x100: "LdrInitializeThunk",
            0x200: "RtlUserThreadStart",
            0x300: "RtlInitUnicodeString",
            0x400: "ZwCreateFile",
            0x500: "ZwContinue",
            0x600: "LdrpCallInitRoutine",
            0x700: "KiUserExceptionDispatcher",
        },
    )
    world.module(
        "kernel32",
        0x75840000,
        {0x100: "BaseThreadInitThunk", 0x200: "CreateFileW", 0x300: "EnumThings"},
        slots={0x10: "CreateFileW"},
    )
    world.module("KERNELBASE", 0x77330000, {0x200: "CreateFileW"}, slots={0x10: "NtCreateFile"})
    world.module(
        "app",
        0x200000,
        {0x100: "start", 0x200: "hooked", 0x300: "helper", 0x400: "callback"},
        system=False,
        slots={0x800: "CreateFileW", 0x804: "NtCreateFile"},
    )
    return world


def start_process(world: World) -> None:
    """From the kernel to the program's first instruction: the 64-bit loader, the simulation, the 32-bit loader."""
    run = world.run
    run("ntdll!LdrInitializeThunk", "call", target="wow64!RunCpuSimulation", bits=64)
    run("wow64!RunCpuSimulation", "call", target="wow64cpu!CpuSimulate")
    run("wow64cpu!CpuSimulate", "jump", target="wow64cpu!CpupReturn")
    run("wow64cpu!CpupReturn", "far")
    run("ntdll32!LdrInitializeThunk", "call", target="ntdll32!ZwContinue", bits=32)
    gate(world, "ntdll32!ZwContinue", "wow64!whNtContinue", "ntdll!NtContinue")
    leave(world, "wow64!whNtContinue", "ntdll!NtContinue")
    run("ntdll32!RtlUserThreadStart", "call", target="kernel32!BaseThreadInitThunk", bits=32)
    run("kernel32!BaseThreadInitThunk", "call")


def gate(world: World, stub: str, thunk: str, service: str, *, entry: str = "") -> None:
    """From the 32-bit stub to the SYSCALL; ``entry`` is where the stub is entered when not at its start."""
    run = world.run
    run(entry or stub, "call", size=0x12 - (5 if entry else 0))
    run("wow64cpu!X86SwitchTo64BitMode", "far", target="wow64cpu!CpupReturnFromSimulatedCode", selector=0x33)
    run("wow64cpu!CpupReturnFromSimulatedCode", "jump", size=0x2B, bits=64)
    dispatch(world, thunk, service)


def dispatch(world: World, thunk: str, service: str) -> None:
    run = world.run
    run("wow64cpu!ServiceNoTurbo", "call", size=0x2D)
    run("wow64!Wow64SystemServiceEx", "jump", size=0x20, target="wow64!Wow64SystemServiceEx+0xd4")
    run("wow64!Wow64SystemServiceEx+0xd4", "call", size=3)
    run(thunk, "interrupt")
    run(f"{thunk}+4", "call")
    run(service, "syscall", size=10)


def leave(world: World, thunk: str, service: str) -> None:
    """From the SYSCALL back to the end of wow64cpu."""
    run = world.run
    run(f"{service}+10", "ret", size=1)
    run(f"{thunk}+8", "interrupt")
    run(f"{thunk}+12", "ret")
    run("wow64!Wow64SystemServiceEx+0xd7", "ret")
    run("wow64cpu!ServiceNoTurbo+0x2d", "jump", target="wow64cpu!CpupReturn")
    run("wow64cpu!CpupReturn", "far")


def back(world: World, stub: str, thunk: str, service: str) -> None:
    """From the SYSCALL to the end of the stub."""
    leave(world, thunk, service)
    world.run(f"{stub}+0x12", "ret", bits=32)
