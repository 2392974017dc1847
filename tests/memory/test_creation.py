from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from fake_pages import FakePages
from memory_helpers import refused

from wowsim.errors import UsageError
from wowsim.image.model import Image, Section
from wowsim.memory.allocate import MEM_COMMIT, MEM_RESERVE, MEM_TOP_DOWN
from wowsim.memory.blocks import (
    BlockAllocator,
    allocate_block,
    allocate_first_blocks,
    allocate_pebs,
    allocate_stack,
    allocate_teb,
)
from wowsim.memory.creation import (
    STEPS,
    ProcessSpace,
    build_address_space,
    mm_initialize_process_address_space,
    psp_system_dlls,
    step_named,
    steps_of,
)
from wowsim.memory.layout import LAYOUTS, layout_of
from wowsim.memory.rows import VadRow, explain
from wowsim.memory.sections import ImageSection
from wowsim.memory.space import AddressSpace
from wowsim.nt import status

BOTH = MEM_COMMIT | MEM_RESERVE


def image(name: str, base: int, size: int, bits: int = 32, **changes: object) -> Image:
    sections = (
        Section(".text", 0x1000, 0x1000, executable=True),
        Section(".data", 0x2000, 0x3000, writable=True),
        Section(".rsrc", 0x5000, size - 0x5000),
    )
    made = Image(name, name, rf"C:\{name}", 32, base, bytes(size), sections=sections, relocations=())
    return replace(made, bits=bits, **changes)  # type: ignore[arg-type]


def process(build: str, exe: Image | None = None) -> ProcessSpace:
    layout = layout_of(build)
    space = AddressSpace(FakePages(), layout)
    exe = exe or image("HelloWorld.exe", 0xC40000, 0xB3000)
    native_bits = 64 if layout.wow64 else 32
    native = image("ntdll.dll", 0x180000000 if layout.wow64 else 0x10000000, 0x1E0000, native_bits)
    wow = image("ntdll.dll", 0x7BC00000, 0x180000) if layout.wow64 else None
    section = ImageSection(space.pages, space.commitment, exe, rf"\{exe.file_name}")
    return ProcessSpace(space, section, psp_system_dlls(layout, native, wow))


def built(build: str, exe: Image | None = None) -> ProcessSpace:
    made = process(build, exe)
    build_address_space(made)
    return made


def table(rows: tuple[VadRow, ...]) -> list[tuple[str, str, int, str, str, str | None]]:
    return [(f"{r.start_vpn:x}", f"{r.end_vpn:x}", r.commit, r.kind, r.protection, r.name) for r in rows]


IMAGE_ROW = ("c40", "cf2", 3, "Exe", "EXECUTE_WRITECOPY", r"\HelloWorld.exe")
KUSER_ROW = ("7ffe0", "7ffe0", 1, "Private", "READONLY", None)
REST_ROW = ("7ffe1", "7ffef", -1, "Private", "READONLY", None)
NTDLL32_ROW = ("77a90", "77c0f", 3, "Exe", "EXECUTE_WRITECOPY", r"\Windows\SysWOW64\ntdll.dll")
NTDLL_ROW = (
    "7ffffed40",
    "7ffffef1f",
    3,
    "Exe",
    "EXECUTE_WRITECOPY",
    r"\Windows\System32\ntdll.dll",
)


def test_the_published_table_of_hello_world() -> None:
    made = built("win8.1")
    assert table(made.snapshot("MmInitializeProcessAddressSpace")) == [IMAGE_ROW, KUSER_ROW, REST_ROW]
    both = [IMAGE_ROW, NTDLL32_ROW, KUSER_ROW, REST_ROW, NTDLL_ROW]
    assert table(made.snapshot("PspMapSystemDlls")) == both
    assert table(made.snapshot("MiInitializeUserNoAccess")) == [
        *both[:4],
        ("7fff0", "7ffffed3f", -1, "Private", "READONLY", None),
        NTDLL_ROW,
        ("7ffffef20", "7ffffffef", -1, "Private", "READONLY", None),
    ]
    assert made.section_base_address == 0xC40000
    assert made.system_dll_bases == {"ntdll": 0x7FFFFED40000, "ntdll32": 0x77A90000}
    assert made.space.private_commit == 3 * 3 + 1


def test_levels_are_those_of_the_tree() -> None:
    made = built("win8.1")
    rows = made.snapshot("MiInitializeUserNoAccess")
    assert [row.level for row in rows] == [1, 2, 0, 2, 1, 2, 3]
    assert [row.balance for row in rows] == [1, 0, 1, 0, 1, 1, 0]


def test_windows_7_has_its_ntdlls_below_2_gb_and_one_lock() -> None:
    made = built("win7sp1")
    locked = [row for row in made.snapshot("MiInitializeUserNoAccess") if row.cause.startswith("MiInit")]
    assert [(row.start_vpn, row.end_vpn) for row in locked] == [(0x7FFF0, 0x7FFFFFEF)]
    assert made.system_dll_bases == {"ntdll": 0x775F0000, "ntdll32": 0x777D0000}


def test_windows_10_reserves_two_bitmaps_and_locks_every_gap() -> None:
    made = built("win10-22h2")
    before = made.snapshot("PspMapSystemDlls")
    after = made.snapshot("MiCfgInitializeProcess")
    bitmaps = [row for row in after if row not in before and row.cause == "MiCfgInitializeProcess"]
    assert [(r.kind, r.protection, r.commit, r.shared_commit) for r in bitmaps] == [
        ("Mapped", "NO_ACCESS", 0, 0)
    ] * 2
    assert [r.end_vpn - r.start_vpn + 1 for r in bitmaps] == [0x2000, 0x20000000]
    rows = made.snapshot("MiInitializeUserNoAccess")
    above = [row for row in rows if row.end_vpn >= 0x7FFF0]
    assert above[0].start_vpn == 0x7FFF0
    assert all(a.end_vpn + 1 == b.start_vpn for a, b in itertools.pairwise(above))
    assert above[-1].end_vpn == 0x7FFFFFFEF
    assert sum(row.commit == -1 for row in above) == 3


def test_native_windows_has_no_64_bit_half() -> None:
    made = built("win7sp1-x86")
    assert not made.wow64_process
    assert list(made.snapshots) == ["MmInitializeProcessAddressSpace", "PspMapSystemDlls"]
    assert list(made.system_dll_bases) == ["ntdll"]
    top, _ = made.space.allocate(0, 1, BOTH | MEM_TOP_DOWN, 4)
    assert top == 0x7FFD0000
    with pytest.raises(UsageError, match="win7sp1-x86 has no step MiInitializeUserNoAccess; it has: MmInit"):
        made.snapshot("MiInitializeUserNoAccess")


def test_a_64_bit_program_gets_one_ntdll_and_no_lock() -> None:
    made = built("win8.1", image("big.exe", 0x140000000, 0x10000, 64))
    assert not made.wow64_process
    assert list(made.system_dll_bases) == ["ntdll"]
    made.space.allocate(0x200000000, 1, BOTH, 4)


@pytest.mark.parametrize("build", [name for name, layout in LAYOUTS.items() if layout.wow64])
@pytest.mark.parametrize("large", [False, True])
def test_nothing_can_be_had_above_the_limit(build: str, large: bool) -> None:
    exe = image("HelloWorld.exe", 0xC40000, 0xB3000, large_address_aware=large)
    space = built(build, exe).space
    limit = 0xFFFF0000 if large else 0x7FFF0000
    for page in (limit, 0x100000000, 0x7FF00000000, space.layout.highest_user & ~0xFFFF):
        with refused(status.STATUS_CONFLICTING_ADDRESSES):
            space.allocate(page, 1, BOTH, 4)
    top, _ = space.allocate(0, 0x10000, BOTH | MEM_TOP_DOWN, 4)
    assert top + 0x10000 == (limit if large else 0x7FFE0000)
    assert space.allocate(0, 0x10000, MEM_RESERVE, 4)[0] < 0x7FFE0000


def test_4_gb_take_a_larger_bitmap() -> None:
    made = built("win10-22h2", image("a.exe", 0x400000, 0x10000, large_address_aware=True))
    low = next(r for r in made.snapshot("MiCfgInitializeProcess") if r.cause == "MiCfgInitializeProcess")
    assert low.end_vpn - low.start_vpn + 1 == 0x4000


@pytest.mark.parametrize("base", [0x7FFE0000, 0x80000000, 0x0, 0x7FFD0000])
def test_a_program_whose_base_is_taken_moves_or_is_refused(base: int) -> None:
    movable = process("win7sp1", image("a.exe", base, 0x20000))
    mm_initialize_process_address_space(movable)
    assert movable.section_base_address == 0x10000
    with pytest.raises(UsageError, match=r"a\.exe has no relocations"):
        mm_initialize_process_address_space(
            process("win7sp1", image("a.exe", base, 0x20000, relocations=None))
        )


def test_a_system_dll_without_relocations_stays_at_its_own_base() -> None:
    layout = layout_of("win8.1")
    made = process("win8.1")
    native = image("ntdll.dll", 0x7FF000000000, 0x1E0000, 64, relocations=None)
    made.system_dlls = psp_system_dlls(layout, native, made.system_dlls[1].image)
    build_address_space(made)
    assert made.system_dll_bases["ntdll"] == 0x7FF000000000
    with pytest.raises(UsageError, match=r"win8\.1 maps two ntdlls; the SysWOW64 one is missing"):
        psp_system_dlls(layout, native)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("PsMapSystemDlls", "PspMapSystemDlls"),
        ("PspMapSystemDlls", "PspMapSystemDlls"),
        ("MmInitializeUserNoAccess", "MiInitializeUserNoAccess"),
        ("miinitializeusernoaccess", "MiInitializeUserNoAccess"),
        ("MiMapProcessExecutable", "MmInitializeProcessAddressSpace"),
        ("running", "running"),
    ],
)
def test_both_spellings_are_understood(name: str, step: str) -> None:
    assert step_named(name) == step
    assert step in STEPS


def test_an_unknown_step_names_the_known() -> None:
    with pytest.raises(UsageError, match=r"no step 'lockdown' in process creation; known: MmInit.*, running"):
        step_named("lockdown")


# ---------------------------------------------------------------- blocks
def test_windows_7_thread_blocks_lie_where_the_trace_shows_them() -> None:
    made = built("win7sp1", image("test.exe", 0x200000, 0x6000))
    blocks = BlockAllocator(made.space)
    assert allocate_pebs(made, blocks) == (0x7EFDF000, 0x7EFDE000)
    assert allocate_teb(made, blocks) == 0x7EFDB000
    assert allocate_teb(made, blocks) == 0x7EFD8000
    layout = made.space.layout
    wide = allocate_stack(made.space, 0x40000, 0x4000, preferred=layout.stack64)
    narrow = allocate_stack(made.space, 0x100000, 0x2000, preferred=layout.stack)
    assert (wide.base, wide.top, narrow.base, narrow.top) == (0x180000, 0x1C0000, 0x50000, 0x150000)
    again = allocate_stack(made.space, 0x40000, 0x4000, preferred=layout.stack64)
    assert again.base == 0x10000


def test_windows_10_thread_blocks_share_a_region() -> None:
    made = built("win10-22h2", image("test.exe", 0x400000, 0x6000))
    blocks = BlockAllocator(made.space)
    assert allocate_pebs(made, blocks) == (0xDBE000, 0xDBF000)
    assert allocate_teb(made, blocks) == 0xDC0000
    vad = made.space.vads.at(0xDC0)
    assert vad is not None
    assert (vad.start, vad.end, vad.commit) == (0xC00, 0xDFF, 5)
    tebs = [allocate_teb(made, blocks) for _ in range(30)]
    assert len({teb >> 12 for teb in tebs}) == 30
    made.space.write(tebs[-1] + 0x2FFF, b"x")


def test_windows_10_blocks_move_when_the_program_lies_there() -> None:
    made = built("win10-22h2")
    native, narrow = allocate_pebs(made, BlockAllocator(made.space))
    assert narrow == native + 0x1000
    assert not 0xC00000 <= native < 0xE00000


@pytest.mark.parametrize(
    "build", ["win7sp1", "win8.1", "win10-22h2", "win11-24h2", "win7sp1-x86", "win10-1507-x86"]
)
def test_the_first_blocks_come_step_by_step(build: str) -> None:
    made = built(build)
    grown: list[tuple[int, int]] = []
    placed = allocate_first_blocks(made, 0x2000, lambda teb, limit: grown.append((teb, limit)))
    made.record("running")
    assert tuple(made.snapshots) == steps_of(made.space.layout)
    wow64 = made.wow64_process
    assert placed.teb32 == (placed.teb + 0x2000 if wow64 else 0)
    assert (placed.stack64 is not None, placed.peb32 != 0, placed.parameters32 != 0) == (wow64,) * 3
    made.space.write(placed.stack.limit - 8, b"grows")
    assert grown == [(placed.teb32 or placed.teb, placed.stack.limit - 0x1000)]


def test_a_stack_that_does_not_fit_is_the_callers_mistake() -> None:
    made = built("win7sp1", image("a.exe", 0x400000, 0x10000, stack_reserve=0x7F000000))
    with pytest.raises(UsageError, match=r"a\.exe asks for a stack of 0x7f000000 bytes .* does not fit"):
        allocate_first_blocks(made, 0x2000)


def test_blocks_for_parameters_and_heap() -> None:
    space = built("win7sp1").space
    whole = allocate_block(space, 0x3000, 0x3000, "parameters")
    heap = allocate_block(space, 0x100000, 0x1000, "heap")
    assert space.query(whole).size == 0x3000
    assert (space.query(heap).size, space.query(heap + 0x1000).size) == (0x1000, 0xFF000)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (0x100, "100 is forbidden: nothing can be allocated in the lowest 64 KB."),
        (0x20000, "20000 is free: no step or service has put anything into 10000-C3FFFF."),
        (
            0xC41000,
            r"C41000 is taken: MiMapProcessExecutable made C40000-CF2FFF, an image of \HelloWorld.exe; "
            "this page is committed.",
        ),
        (
            0x80000000,
            "80000000 is forbidden: MiInitializeUserNoAccess locked 7FFF0000-7FFFFED3FFFF so that nothing "
            "can be allocated there.",
        ),
        (1 << 47, "800000000000 is forbidden: user memory of win8.1 ends at 7FFFFFFEFFFF."),
    ],
)
def test_explanations(address: int, words: str) -> None:
    assert explain(built("win8.1").space, address) == words
