from __future__ import annotations

import pytest
from ntdll_machine import argument_bytes, ntdll

from sampled import EVERY_WOW64, SAMPLED
from wowsim.guest32.stubs import SYSTEM_SERVICE_CALL, laid_out, stub_code, stub_name
from wowsim.image.model import Provenance
from wowsim.image.synth import assemble
from wowsim.nt.builds import BUILDS, WIN7SP1, WIN10_22H2, Build, ServiceRow, Stub32, services

BOTH = pytest.mark.parametrize("build", SAMPLED.values(), ids=lambda b: b.name)
SERVICE_CALL = 0x77AC0FF0


FS_C0 = "64ff15c0000000"
LISTINGS = {
    "winxp-x64": ("b852000000 33c9 8d542404 FS_C0 c22c00", "b831000000 b906000000 8d542404 FS_C0 c20800"),
    "vista": ("b852000000 33c9 8d542404 FS_C0 c22c00", "b831000000 b906000000 8d542404 FS_C0 c20800"),
    "win7sp1": (
        "b852000000 33c9 8d542404 FS_C0 83c404 c22c00", "b831000000 b906000000 8d542404 FS_C0 83c404 c20800",
    ),
    "win8": ("b853000000 FS_C0 c22c00", "b832000600 FS_C0 c20800"),
    "win8.1": ("b854000000 FS_C0 c22c00", "b833000600 FS_C0 c20800"),
}  # fmt: skip
"""NtCreateFile and NtDelayExecution (turbo index 6): the forms of wow64-facts section 2, numbers of section 7."""
LATER = ("b855000000 ba CALL ffd2 c22c00", "b834000600 ba CALL ffd2 c20800")
CHECKS_CPU_FLAGS = "648b1530000000 8b9254020000 f7c202000000 7403 cd2e c3 ea NEXT 3300 41ffa7f8000000"


@pytest.mark.parametrize("build", EVERY_WOW64.values(), ids=lambda b: b.name)
def test_the_listings_of_every_generation(build: Build) -> None:
    known = argument_bytes(build)
    rows = {row.name: row for row in services(build.name)}
    wanted = LISTINGS.get(build.name, LATER)
    assert (wanted is LATER) == (build.version >= (10,))
    for name, listing in zip(("NtCreateFile", "NtDelayExecution"), wanted, strict=True):
        spelt = listing.replace("FS_C0", FS_C0).replace("CALL", SERVICE_CALL.to_bytes(4, "little").hex())
        assert stub_code(build, rows[name], known[name], SERVICE_CALL) == bytes.fromhex(spelt)


@pytest.mark.parametrize("build", ["win10-1507", "win10-1511"])
def test_the_service_call_that_tests_the_cpu_flags(build: str) -> None:
    image = ntdll(BUILDS[build])
    at = image.export_by_name[SYSTEM_SERVICE_CALL].rva
    following = (image.base + at + 0x1F).to_bytes(4, "little").hex()
    wanted = bytes.fromhex(CHECKS_CPU_FLAGS.replace("NEXT", following))
    assert image.contents[at : at + len(wanted)] == wanted
    assert "Wow64Transition" not in image.export_by_name


def assembled(build: Build, row: ServiceRow, popped: int, address: int) -> bytes:
    """The stub as assembly; ``xor ecx, ecx`` in the encoding of Microsoft's compiler."""
    back = f"ret {popped:#x}" if popped else "ret"
    call = ".byte 0x64, 0xff, 0x15, 0xc0, 0, 0, 0"
    if build.turbo_in_ecx:
        load = f"mov ecx, {row.turbo:#x}" if row.turbo else ".byte 0x33, 0xc9"
        pop = "add esp, 4\n" if build.stub32 is Stub32.FS_C0 else ""
        text = f"mov eax, {row.number:#x}\n{load}\nlea edx, [esp+4]\n{call}\n{pop}{back}"
    elif build.stub32 is Stub32.SYSTEM_CALL_POINTER:
        text = f"mov eax, {row.number:#x}\nmov edx, 0x7ffe0300\ncall dword ptr [edx]\n{back}"
    elif build.stub32 is Stub32.LOCAL_SYSENTER:
        enter = "L_enter: .byte 0x8b, 0xd4\nsysenter\nret"
        text = f"mov eax, {row.number:#x}\ncall L_enter\n{back}\n{enter}"
    elif build.stub32 is Stub32.FS_C0_EAX:
        text = f"mov eax, {row.turbo << 16 | row.number:#x}\n{call}\n{back}"
    else:
        text = f"mov eax, {row.turbo << 16 | row.number:#x}\nmov edx, {SERVICE_CALL:#x}\ncall edx\n{back}"
    return assemble(text, 32, address)


@BOTH
def test_stub_bytes_are_what_the_assembler_makes_of_the_documented_form(build: Build) -> None:
    known = argument_bytes(build)
    rows = [row for row in services(build.name) if row.name in known]
    assert len(rows) > 280
    for row in rows:
        wanted = assembled(build, row, known[row.name], 0x77000000)
        assert stub_code(build, row, known[row.name], SERVICE_CALL) == wanted, row.name


def test_create_file_has_the_seeds_bytes_at_the_seeds_place() -> None:
    image = ntdll(WIN7SP1)
    export = image.export_by_name["ZwCreateFile"]
    assert image.base + export.rva == 0x777F00B0
    wanted = bytes.fromhex("b852000000 33c9 8d542404 64ff15c0000000 83c404 c22c00")
    assert image.contents[export.rva : export.rva + len(wanted)] == wanted


def test_the_seeds_older_return_address_lies_behind_the_call_of_a_stub() -> None:
    image = ntdll(WIN7SP1)
    assert 0x777EFACE - image.base == image.export_by_name["NtAllocateVirtualMemory"].rva + 0x12


def test_the_later_form_goes_through_the_transition_pointer() -> None:
    image = ntdll(WIN10_22H2)
    stub = image.export_by_name["NtCreateFile"].rva
    call = image.export_by_name[SYSTEM_SERVICE_CALL].rva
    pointer = image.base + image.export_by_name["Wow64Transition"].rva
    wanted = b"\xb8\x55\0\0\0\xba" + (image.base + call).to_bytes(4, "little") + b"\xff\xd2\xc2\x2c\0"
    assert image.contents[stub : stub + 15] == wanted
    assert image.contents[call : call + 6] == b"\xff\x25" + pointer.to_bytes(4, "little")


@BOTH
def test_stubs_do_not_touch_and_are_exported_under_both_names(build: Build) -> None:
    known = argument_bytes(build)
    image = ntdll(build)
    end = 0
    for row, at, code in laid_out(build, services(build.name), known):
        assert at >= end
        assert at % (4 if build is WIN7SP1 else 16) == 0
        end = at + len(code)
        zw = image.export_by_name[stub_name(row.name)]
        assert zw.rva == image.export_by_name[row.name].rva
        assert image.provenance_at(zw.rva) is Provenance.BUILD
        assert image.symbols[zw.rva] == stub_name(row.name)


def test_a_service_of_unknown_arguments_gets_no_stub_and_moves_no_other() -> None:
    known = argument_bytes(WIN7SP1)
    fewer = {name: size for name, size in known.items() if name != "NtReadFile"}
    rows = services("win7sp1")
    places = {row.name: at for row, at, _ in laid_out(WIN7SP1, rows, known)}
    del places["NtReadFile"]
    assert {row.name: at for row, at, _ in laid_out(WIN7SP1, rows, fewer)} == places


UNPUBLISHED = {
    "winxp-x64": (), "vista": (), "win7sp1": (), "win8.1": (), "win10-1803": (),
    "win10-22h2": (
        "NtAllocateUserPhysicalPagesEx", "NtContinueEx", "NtCreateCrossVmEvent", "NtDirectGraphicsCall", "NtLoadKey3",
        "NtManageHotPatch", "NtPssCaptureVaSpaceBulk",
    ),
}  # fmt: skip


@pytest.mark.parametrize("build", UNPUBLISHED)
def test_services_of_unpublished_argument_count(build: str) -> None:
    assert {r.name for r in services(build) if r.arguments is None} >= set(UNPUBLISHED[build])
    assert bool(UNPUBLISHED[build]) == any(r.arguments is None for r in services(build))
