"""How the kernel builds the address space of a new process (nt!PspAllocateProcess and what it calls).

The functions carry the kernel's names; each ends with a snapshot of the VADs. Order and constants:
wow64-facts section 8.1. Left out: the handle and token side of process creation, and randomised bases.

Who may import it: the simulation.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, UsageError
from wowsim.memory.layout import KUSER_SHARED_DATA
from wowsim.memory.pages import PAGE_SHIFT
from wowsim.memory.protection import MM_READONLY, PAGE_NOACCESS, PAGE_READWRITE
from wowsim.memory.rows import rows_of
from wowsim.memory.sections import SEC_RESERVE, ImageSection, Section
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.image.model import Image
    from wowsim.memory.layout import SpaceLayout
    from wowsim.memory.rows import VadRow
    from wowsim.memory.space import AddressSpace

STEPS = (
    "MmInitializeProcessAddressSpace",
    "PspMapSystemDlls",
    "MiCfgInitializeProcess",
    "MiInitializeUserNoAccess",
    "PEB",
    "TEB",
    "stacks",
    "parameters",
    "heap",
    "running",
)
"""Names of the steps, in order; a build without CFG lacks its step, native 32-bit Windows the lockdown."""

_SPELLINGS = {
    "MiMapProcessExecutable": "MmInitializeProcessAddressSpace",
    "PspMapSystemDll": "PspMapSystemDlls",
    # The public symbol, and the summary of the text that first told the story (wow64-facts section 0.1).
    "PsMapSystemDlls": "PspMapSystemDlls",
    "MmInitializeUserNoAccess": "MiInitializeUserNoAccess",
}


def step_named(name: str) -> str:
    """The step that a name means, in any spelling and case.

    Raises:
        UsageError: no such step; the message lists the known.
    """
    known = {step.lower(): step for step in STEPS} | {k.lower(): v for k, v in _SPELLINGS.items()}
    found = known.get(name.lower())
    if found is None:
        raise UsageError(f"no step {name!r} in process creation; known: {', '.join(STEPS)}")
    return found


def steps_of(layout: SpaceLayout) -> tuple[str, ...]:
    """The steps that the process of a 32-bit program passes on this Windows."""
    absent = set() if layout.cfg else {"MiCfgInitializeProcess"}
    if not layout.wow64:
        absent.add("MiInitializeUserNoAccess")
    return tuple(step for step in STEPS if step not in absent)


@dataclass(frozen=True)
class SystemDll:
    """One entry of nt!PspSystemDlls.

    Attributes:
        name: module name as a debugger shows it.
        path: where the section says it comes from, without drive.
        image: the DLL.
        base: where this build maps it.
        wow64: whether only WoW64 processes get it.
    """

    name: str
    path: str
    image: Image
    base: int
    wow64: bool = False


def psp_system_dlls(layout: SpaceLayout, native: Image, wow64: Image | None = None) -> tuple[SystemDll, ...]:
    r"""nt!PspSystemDlls: ``\SystemRoot\System32\ntdll.dll`` and on 64-bit Windows the SysWOW64 one."""
    entries = [SystemDll("ntdll", r"\Windows\System32\ntdll.dll", native, layout.ntdll)]
    if layout.ntdll32 is not None:
        if wow64 is None:
            raise UsageError(f"build {layout.name} maps two ntdlls; the SysWOW64 one is missing")
        entries.append(
            SystemDll("ntdll32", r"\Windows\SysWOW64\ntdll.dll", wow64, layout.ntdll32, wow64=True)
        )
    return tuple(entries)


@dataclass
class ProcessSpace:
    """What of nt!_EPROCESS the building of the address space reads and writes.

    Attributes:
        space: the address space.
        image: section of the program.
        system_dlls: nt!PspSystemDlls.
        section_base_address: EPROCESS.SectionBaseAddress.
        system_dll_bases: bases of the system DLLs, by module name.
        shared_data_frame: frame of KUSER_SHARED_DATA, for the kernel to write.
        kept: ``(base, size)`` ranges the program is moved out of: system DLLs that lie where this boot put them.
        choose: picks one of ``n`` places for a program that has to move.
        snapshots: rows of the VAD tree after each step.
    """

    space: AddressSpace
    image: ImageSection
    system_dlls: tuple[SystemDll, ...]
    section_base_address: int = 0
    system_dll_bases: dict[str, int] = field(default_factory=dict)
    shared_data_frame: int = 0
    kept: tuple[tuple[int, int], ...] = ()
    choose: Callable[[int], int] = lambda n: 0
    snapshots: dict[str, tuple[VadRow, ...]] = field(default_factory=dict)

    @property
    def wow64_process(self) -> bool:
        """EPROCESS.Wow64Process: a 32-bit program on 64-bit Windows."""
        return self.space.layout.wow64 and self.image.image.bits == 32

    @property
    def limit(self) -> int:
        """First address the program cannot have (EPROCESS.Wow64VaSpace4Gb decides between 2 and 4 GB)."""
        layout = self.space.layout
        if self.image.image.bits == 64:
            return layout.highest_user + 1
        return layout.limit_large if self.image.image.large_address_aware else layout.limit

    def record(self, step: str) -> None:
        """Keep the rows as they are after a step."""
        self.snapshots[step] = rows_of(self.space)

    def snapshot(self, name: str) -> tuple[VadRow, ...]:
        """The rows after a step, in any spelling of its name.

        Raises:
            UsageError: no such step, or this process does not pass it.
        """
        step = step_named(name)
        if step not in self.snapshots:
            passed = ", ".join(self.snapshots)
            raise UsageError(
                f"a process of build {self.space.layout.name} has no step {step}; it has: {passed}"
            )
        return self.snapshots[step]


def build_address_space(process: ProcessSpace) -> None:
    """The kernel's part of process creation, in order."""
    mm_initialize_process_address_space(process)
    ps_map_system_dlls(process)
    if process.space.layout.cfg:
        mi_cfg_initialize_process(process)
    if process.limit <= process.space.layout.highest_user:
        mi_initialize_user_no_access(process, process.limit)


def mm_initialize_process_address_space(process: ProcessSpace) -> None:
    """nt!MmInitializeProcessAddressSpace: the fixed ranges, then the program."""
    space = process.space
    space.cause = "MmInitializeProcessAddressSpace"
    shared = KUSER_SHARED_DATA >> PAGE_SHIFT
    space.insert_committed(shared, shared, MM_READONLY, no_change=True)
    entry = space.pages.entry(shared)
    assert entry is not None, "the page was committed above"
    process.shared_data_frame = entry[0]
    if space.layout.kuser_rest:
        space.insert_no_access(shared + 1, shared + 0xF, MM_READONLY)
    if space.layout.hypervisor_page is not None:
        page = space.layout.hypervisor_page >> PAGE_SHIFT
        space.insert_committed(page, page, MM_READONLY, no_change=True)
    mi_map_process_executable(process)
    process.record("MmInitializeProcessAddressSpace")


def mi_map_process_executable(process: ProcessSpace) -> None:
    """nt!MiMapProcessExecutable: the program at its base, or moved when that is taken.

    Raises:
        UsageError: its base is taken and it has no relocations.
    """
    process.space.cause = "MiMapProcessExecutable"
    base, size = process.image.base, process.image.count << PAGE_SHIFT
    taken = any(base < start + length and start < base + size for start, length in process.kept)
    if taken and process.image.image.relocations is not None:
        base = _elsewhere(process, size)
    process.section_base_address = _map_based(process, process.image, base)


def _elsewhere(process: ProcessSpace, size: int) -> int:
    """A base for a program that cannot have its own: one of the 64 KB places of the lower quarter of its space."""
    places = [
        base
        for base in range(0x400000, 0x20000000, 0x10000)
        if not any(base < start + length and start < base + size for start, length in process.kept)
        and process.space.vads.is_free(base >> PAGE_SHIFT, (base + size - 1) >> PAGE_SHIFT)
    ]
    if not places:
        raise UsageError(f"{process.image.image.file_name} does not fit into the guest's memory")
    return places[process.choose(len(places))]


def ps_map_system_dlls(process: ProcessSpace) -> None:
    """nt!PsMapSystemDlls: walks nt!PspSystemDlls; an entry for WoW64 is for WoW64 processes only."""
    for dll in process.system_dlls:
        if process.wow64_process or not dll.wow64:
            psp_map_system_dll(process, dll)
    process.record("PspMapSystemDlls")


def psp_map_system_dll(process: ProcessSpace, dll: SystemDll) -> None:
    """nt!PspMapSystemDll: maps one system DLL and keeps its base."""
    space = process.space
    space.cause = "PspMapSystemDll"
    section = ImageSection(space.pages, space.commitment, dll.image, dll.path)
    base = dll.base if dll.image.relocations is not None else dll.image.base
    process.system_dll_bases[dll.name] = _map_based(process, section, base)


def mi_cfg_initialize_process(process: ProcessSpace) -> None:
    """nt!MiCfgInitializeProcess: reserves the bitmaps of valid call targets, one per machine.

    A bitmap has two bits for every sixteen bytes of code, so 4 GB take twice the bitmap of 2 GB.
    """
    space = process.space
    space.cause = "MiCfgInitializeProcess"
    bitmaps = space.layout.cfg if process.wow64_process else space.layout.cfg[:1]
    for base, size in bitmaps:
        if size < 1 << 32 and process.limit > 1 << 31:
            size *= 2
        section = Section(space.pages, space.commitment, size, PAGE_READWRITE, SEC_RESERVE)
        first, last = base >> PAGE_SHIFT, (base + size - 1) >> PAGE_SHIFT
        if not space.vads.is_free(first, last):
            first = space.find_gap(size >> PAGE_SHIFT, (KUSER_SHARED_DATA >> PAGE_SHIFT) - 1, top_down=True)
        space.map_view(section, first << PAGE_SHIFT, protection=PAGE_NOACCESS)
        section.close()
    process.record("MiCfgInitializeProcess")


def mi_initialize_user_no_access(process: ProcessSpace, limit: int) -> None:
    """nt!MiInitializeUserNoAccess: fills every gap from ``limit`` up with regions nobody can use.

    That a 32-bit Windows started with /3GB keeps other programs below 2 GB in the same way is unverified.
    """
    space = process.space
    space.cause = "MiInitializeUserNoAccess"
    free = limit >> PAGE_SHIFT
    for vad in list(space.vads):
        if vad.start > free:
            space.insert_no_access(free, vad.start - 1, MM_READONLY)
        free = max(free, vad.end + 1)
    if free <= space.highest_vpn:
        space.insert_no_access(free, space.highest_vpn, MM_READONLY)
    process.record("MiInitializeUserNoAccess")


def _map_based(process: ProcessSpace, section: ImageSection, base: int) -> int:
    """Map an image so that its pointers fit: at ``base``, or moved below the limit when that is not free."""
    space = process.space
    first, count = base >> PAGE_SHIFT, section.count
    native = section.image.bits == 64
    highest = space.highest_vpn if native else min(process.limit - 1 >> PAGE_SHIFT, space.highest_vpn)
    if first < 0x10 or first + count - 1 > highest or not space.vads.is_free(first, first + count - 1):
        base = space.find_gap(count, highest, top_down=section is not process.image) << PAGE_SHIFT
    section.rebase(base)
    try:
        space.map_image(section, base)
    except GuestFault as fault:
        raise UsageError(
            f"{section.image.file_name} does not fit into the guest's memory ({fault.status:08X})"
        ) from fault
    return base
