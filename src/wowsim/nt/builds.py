"""Windows builds as data: numbers, stub generation, module places, structure offsets.

Code that asks "which Windows" branches on a property here, never on a version number. Values are from
wow64-facts (section in the comment) or marked unverified.
"""

from __future__ import annotations

import csv
from enum import Enum
from functools import lru_cache
from importlib import resources
from typing import Literal

from wowsim.errors import UsageError
from wowsim.nt import native_builds, wow64_builds
from wowsim.nt.records import dataclass

NUMBER_MASK = 0x3FFF


class Stub32(Enum):
    """The generation of the 32-bit ntdll's service stubs (wow64-facts section 2)."""

    FS_C0_POPPED = "mov eax,N; xor ecx,ecx | mov ecx,T; lea edx,[esp+4]; call fs:[0C0h]; ret n"
    """XP x64 and Vista: turbo index in ECX, arguments in EDX; wow64cpu takes the gate's return address itself."""
    FS_C0 = "mov eax,N; xor ecx,ecx | mov ecx,T; lea edx,[esp+4]; call fs:[0C0h]; add esp,4; ret n"
    """Windows 7: the stub takes it from the stack."""
    FS_C0_EAX = "mov eax,T<<16|N; call fs:[0C0h]; ret n"
    """Windows 8 and 8.1: turbo index in EAX; wow64cpu takes the gate's return address itself."""
    SYSTEM_SERVICE_CALL = "mov eax,T<<16|N; mov edx,Wow64SystemServiceCall; call edx; ret n; tests CpuFlags"
    """Windows 10 1507 and 1511: Wow64SystemServiceCall tests WOW64INFO.CpuFlags and makes the far jump itself."""
    WOW64_TRANSITION = "mov eax,T<<16|N; mov edx,Wow64SystemServiceCall; call edx; ret n"
    """Windows 10 1607 and later, same bytes: Wow64SystemServiceCall jumps through ntdll32!Wow64Transition."""
    SYSTEM_CALL_POINTER = "mov eax,N; mov edx,7FFE0300h; call [edx]; ret n"
    """32-bit Windows XP SP2 to 7: KUSER_SHARED_DATA.SystemCall points to ntdll!KiFastSystemCall."""
    LOCAL_SYSENTER = "mov eax,N; call L; ret n; L: mov edx,esp; sysenter; ret"
    """32-bit Windows 8 and later: each stub has its own SYSENTER."""


class Gate(Enum):
    """How wow64cpu crosses from CS 23h to CS 33h (wow64-facts sections 2 and 3)."""

    SWITCH_TO_64 = "X86SwitchTo64BitMode"
    """XP x64 to 8.1: one far jump to CpupReturnFromSimulatedCode."""
    KI_FAST_SYSTEM_CALL = "KiFastSystemCall"
    """Windows 10: a far jump to the next instruction, then ``jmp [r15+0F8h]``."""
    NONE = "SYSENTER"
    """32-bit Windows: there is no 64-bit code to cross to."""


@dataclass(frozen=True)
class Module:
    """Where a system DLL lies: WinDbg's module name, file name, base address and SizeOfImage in bytes."""

    name: str
    file_name: str
    base: int
    size: int
    bits: Literal[32, 64]
    directory: str

    @property
    def path(self) -> str:
        """Win32 path in the guest."""
        return rf"C:\Windows\{self.directory}\{self.file_name}"


@dataclass(frozen=True)
class Place:
    """Addresses of the first thread's and the process' blocks (wow64-facts section 3.1).

    On 32-bit Windows ``teb64`` and ``peb64`` are the only TEB and PEB; the program's stack is wherever there is room.
    """

    teb64: int
    peb64: int
    peb32: int
    stack64: tuple[int, int]
    stack32: tuple[int, int]

    @property
    def teb32(self) -> int:
        """TEB32 = TEB64 + 2000h in every build seen."""
        return self.teb64 + 0x2000

    @property
    def cpu_area(self) -> int:
        """WOW64_CPURESERVED: 2E0h below the top of the 64-bit stack."""
        return self.stack64[1] - 0x2E0


@dataclass(frozen=True)
class Build:
    """One Windows build.

    Attributes:
        name: the name the caller chooses it by.
        title: for people.
        version: major, minor, build number.
        stub32: generation of the 32-bit stubs.
        gate: form of the far jump; ``Gate.NONE`` makes it a 32-bit Windows.
        stub64_checks_7ffe0308: the 64-bit stub tests KUSER_SHARED_DATA.SystemCall first (1511 and later).
        turbo_column: which published table the turbo indices come from (wow64-facts section 4); ``turbo_verified``
            says if it is this build's own, otherwise they are the nearest table's, by name.
        modules: the system DLLs in the order they are mapped.
        place: addresses of the first thread's blocks.
        reserved: ranges that wow64.dll reserves while it maps the 64-bit kernel32 and user32 (section 3.8).
        peb32_size: WOW64INFO lies directly behind (section 3.1).
        cpu_bias: what wow64cpu adds to the address of WOW64_CPURESERVED in R13 (section 3.3).
        reset_state: offset in the CPU area of the dword whose bit 0 asks for a full reload (section 3.3).
        has_kernelbase: Windows 7 and later.
        fast_fail: ``int 29h`` is a fast fail (Windows 8 and later, section 10).
    """

    name: str
    title: str
    version: tuple[int, int, int]
    stub32: Stub32
    gate: Gate
    stub64_checks_7ffe0308: bool
    turbo_column: str
    turbo_verified: bool
    modules: tuple[Module, ...]
    place: Place
    reserved: tuple[tuple[int, int], ...]
    peb32_size: int
    cpu_bias: int
    reset_state: int
    service_pack: str = ""
    has_kernelbase: bool = True
    fast_fail: bool = True

    @property
    def wow64(self) -> bool:
        """Whether 32-bit programs are guests of a 64-bit Windows."""
        return self.gate is not Gate.NONE

    @property
    def kernel_width(self) -> Literal[32, 64]:
        """Pointer width of the kernel and of who calls it."""
        return 64 if self.wow64 else 32

    @property
    def ntdll(self) -> Module:
        """The ntdll of 32-bit programs."""
        return self.module("ntdll32" if self.wow64 else "ntdll")

    @property
    def teb(self) -> int:
        """The first thread's 32-bit TEB: the base behind FS."""
        return self.place.teb32 if self.wow64 else self.place.teb64

    @property
    def turbo_in_ecx(self) -> bool:
        """Before Windows 8 the turbo index travels in ECX, later in bits 16-20 of EAX (section 4)."""
        return self.stub32 in (Stub32.FS_C0_POPPED, Stub32.FS_C0)

    @property
    def gate_pops(self) -> bool:
        """Whether wow64cpu, not the stub, takes the gate's return address from the 32-bit stack (section 2)."""
        return self.wow64 and self.stub32 is not Stub32.FS_C0

    @property
    def has_uac(self) -> bool:
        """Vista and later: integrity levels, and an administrator's filtered token."""
        return self.version >= (6, 0)

    @property
    def has_sysnative(self) -> bool:
        """Vista and later: the folder Sysnative (wow64-facts section 11)."""
        return self.version >= (6, 0)

    @property
    def named_time_zones(self) -> bool:
        """Vista and later: a time zone has a key name, and its texts are resources (MS docs, time zone registry)."""
        return self.version >= (6, 0)

    @property
    def merged_views(self) -> bool:
        """Windows 7 and later: registry views share more keys, and DriverStore is not redirected (section 11)."""
        return self.version >= (6, 1)

    @property
    def boot_flags(self) -> bool:
        """Windows 8 and later: the boot environment has BootFlags (phnt)."""
        return self.version >= (6, 2)

    @property
    def token_pseudo_handles(self) -> bool:
        """Windows 8 and later: handles -4 to -6 are tokens (phnt: NtCurrentProcessToken)."""
        return self.version >= (6, 2)

    @property
    def nested_jobs(self) -> bool:
        """Windows 8 and later: a process can be in several jobs (MS docs, Nested Jobs)."""
        return self.version >= (6, 2)

    @property
    def hides_kernel_addresses(self) -> bool:
        """Windows 8.1 and later tell medium integrity no address of a kernel module (MS docs, EnumDeviceDrivers)."""
        return self.version >= (6, 3)

    @property
    def highest_token_class(self) -> int:
        """The last TOKEN_INFORMATION_CLASS (phnt's "since" comments; winnt.h of the SDKs)."""
        return next(last for since, last in _TOKEN_CLASSES if self.version >= since)

    def module(self, name: str) -> Module:
        """The module of that WinDbg name."""
        return next(m for m in self.modules if m.name == name)

    @property
    def numbers(self) -> dict[str, int]:
        """Nt name -> service number."""
        return _numbers(self.name)


@dataclass(frozen=True)
class ServiceRow:
    """One published row.

    Attributes:
        name: Nt name.
        number: bits 0-13 of EAX.
        turbo: turbo index, 0 on 32-bit Windows.
        arguments: their count, None where unpublished.
        turbo_in_eax: whether the turbo index travels in EAX (wow64-facts section 4); else in ECX.
    """

    name: str
    number: int
    turbo: int
    arguments: int | None
    turbo_in_eax: bool = False

    @property
    def eax(self) -> int:
        """The whole value that the 32-bit stub loads."""
        return self.turbo << 16 | self.number if self.turbo_in_eax else self.number


@lru_cache(maxsize=2)
def _table(file: str) -> list[dict[str, str]]:
    text = resources.files("wowsim.nt").joinpath(file).read_text(encoding="ascii")
    return list(csv.DictReader(text.splitlines()))


_Counts = tuple[tuple[tuple[int, ...], int], ...]
_CHANGED: dict[str, _Counts] = {
    "NtCreateIRTimer": (((6, 2), 2), ((10, 0, 15063), 3)),
    "NtCreatePartition": (((10, 0, 10240), 5), ((10, 0, 10586), 4)),
    "NtInitializeNlsFiles": (((6, 0), 4), ((6, 1), 3)),
    "NtLoadKeyEx": (((5, 2), 4), ((6, 0), 8)),
    "NtWaitForWorkViaWorkerFactory": (((6, 0), 2), ((6, 2), 4), ((6, 3), 5)),
}
"""Services whose argument count changed: since which version, how many (tinysec's tables, one a build)."""


def _argument_count(row: dict[str, str], version: tuple[int, int, int]) -> int | None:
    """The published count, where there are several that of the build."""
    changed = _CHANGED.get(row["service"])
    if changed is not None:
        return [count for since, count in changed if version >= since][-1]
    return int(row["arguments"].split("/")[-1]) if row["arguments"] else None


@lru_cache
def services(build: str) -> tuple[ServiceRow, ...]:
    """Every Nt service of a build, by number (wow64-facts section 7; turbo indices section 4)."""
    found = BUILDS[build]
    in_eax = found.wow64 and not found.turbo_in_ecx
    rows = [
        ServiceRow(
            r["service"],
            int(r[build], 16),
            int(r.get(found.turbo_column) or 0),
            _argument_count(r, found.version),
            in_eax,
        )
        for r in _table("services.csv" if found.wow64 else "services_x86.csv")
        if r[build]
    ]
    return tuple(sorted(rows, key=lambda row: row.number))


@lru_cache
def _numbers(build: str) -> dict[str, int]:
    return {row.name: row.number for row in services(build)}


_TOKEN_CLASSES = (((10, 0), 49), ((6, 3), 41), ((6, 2), 40), ((6, 0), 28), ((0, 0), 17))


def _modules(*rows: tuple[str, str, int, int, Literal[32, 64], str]) -> tuple[Module, ...]:
    return tuple(Module(*row) for row in rows)


_PLACE_7 = Place(
    teb64=0x7EFDB000,
    peb64=0x7EFDF000,
    peb32=0x7EFDE000,
    stack64=(0x180000, 0x1C0000),
    stack32=(0x50000, 0x150000),
)
"""wow64-facts section 3.1; that XP, Vista and 8 put them there too is unverified."""
_PLACE_10 = Place(
    teb64=0xDC0000,
    peb64=0xDBE000,
    peb32=0xDBF000,
    stack64=(0xE00000, 0xE40000),
    stack32=(0xE50000, 0xF50000),
)
"""The sample of wow64-facts section 3.1; Windows randomises them."""


def _stub32(version: tuple[int, int, int]) -> Stub32:
    """The stubs of a 64-bit Windows (wow64-facts section 2)."""
    if version < (6, 1):
        return Stub32.FS_C0_POPPED
    if version < (6, 2):
        return Stub32.FS_C0
    if version < (10,):
        return Stub32.FS_C0_EAX
    return Stub32.SYSTEM_SERVICE_CALL if version < (10, 0, 14393) else Stub32.WOW64_TRANSITION


def _wow64(row: wow64_builds.Wow64Row) -> Build:
    """A 64-bit Windows. The CPU area of 8 and 8.1 is Windows 7's: so are the public bytes of their wow64cpu."""
    places: tuple[tuple[str, str, wow64_builds.Range | None, Literal[32, 64]], ...] = (
        ("ntdll", "ntdll", row.ntdll, 64),
        ("ntdll32", "ntdll", row.ntdll32, 32),
        ("wow64", "wow64", row.wow64, 64),
        ("wow64win", "wow64win", row.wow64win, 64),
        ("wow64cpu", "wow64cpu", row.wow64cpu, 64),
        ("kernel32", "kernel32", row.kernel32, 32),
        ("KERNELBASE", "KERNELBASE", row.kernelbase, 32),
    )
    ten = row.version >= (10,)
    return Build(
        name=row.name,
        title=row.title,
        version=row.version,
        stub32=_stub32(row.version),
        gate=Gate.KI_FAST_SYSTEM_CALL if ten else Gate.SWITCH_TO_64,
        stub64_checks_7ffe0308=row.version >= (10, 0, 10586),
        turbo_column=row.turbo,
        turbo_verified=row.turbo_verified,
        modules=_modules(
            *(
                (name, f"{file}.dll", *place, bits, "System32" if bits == 64 else "SysWOW64")
                for name, file, place, bits in places
                if place is not None
            )
        ),
        place=_PLACE_10 if ten else _PLACE_7,
        reserved=row.reserved,
        peb32_size=row.peb32_size,
        cpu_bias=0x80 if ten else 0,
        reset_state=0 if ten else 0x2D0,
        service_pack=row.service_pack,
        has_kernelbase=row.kernelbase is not None,
        fast_fail=row.version >= (6, 2),
    )


def _native(row: native_builds.NativeRow) -> Build:
    """A 32-bit Windows."""
    places = (("ntdll", row.ntdll), ("kernel32", row.kernel32), ("KERNELBASE", row.kernelbase))
    eight, ten = row.version >= (6, 2), row.version >= (10,)
    return Build(
        name=row.name,
        title=f"{row.title} x86",
        version=row.version,
        stub32=Stub32.LOCAL_SYSENTER if eight else Stub32.SYSTEM_CALL_POINTER,
        gate=Gate.NONE,
        stub64_checks_7ffe0308=False,
        turbo_column="",
        turbo_verified=True,
        modules=_modules(
            *((name, f"{name}.dll", *place, 32, "System32") for name, place in places if place is not None)
        ),
        place=Place(row.teb, row.peb, 0, (0, 0), (0, 0)),
        reserved=(),
        peb32_size=0x488 if ten else 0x248,
        cpu_bias=0,
        reset_state=0,
        service_pack=row.service_pack,
        has_kernelbase=row.kernelbase is not None,
        fast_fail=eight,
    )


NATIVE: tuple[Build, ...] = tuple(map(_native, native_builds.ROWS))
"""Every 32-bit Windows of which the service numbers are known, from XP on."""

WOW64: tuple[Build, ...] = tuple(map(_wow64, wow64_builds.ROWS))
"""Every 64-bit Windows."""

BUILDS: dict[str, Build] = {
    build.name: build
    for build in sorted((*WOW64, *NATIVE), key=lambda build: (build.version, not build.wow64))
}
"""Every build wowsim can run, oldest first."""
WIN7SP1, WIN10_22H2 = BUILDS["win7sp1"], BUILDS["win10-22h2"]


def build_named(name: str) -> Build:
    """The build of that name.

    Raises:
        UsageError: there is none; the message lists the names.
    """
    found = BUILDS.get(name)
    if found is None:
        raise UsageError(f"there is no build {name!r}; the builds are {', '.join(BUILDS)}")
    return found
