from __future__ import annotations

import pytest
from ntdll_machine import argument_bytes, ntdll

from sampled import SAMPLED
from wowsim.guest32.stubs import SYSTEM_SERVICE_CALL, laid_out, stub_code, stub_name
from wowsim.image.model import Provenance
from wowsim.image.synth import assemble
from wowsim.nt.builds import WIN7SP1, WIN10_22H2, Build, Stub32, services

BOTH = pytest.mark.parametrize("build", SAMPLED.values(), ids=lambda b: b.name)
SERVICE_CALL = 0x77AC0FF0


def assembled(build: Build, number: int, turbo: int, popped: int, address: int) -> bytes:
    """The stub as assembly; ``xor ecx, ecx`` in the encoding of Microsoft's compiler."""
    back = f"ret {popped:#x}" if popped else "ret"
    if build.stub32 is Stub32.FS_C0:
        load = f"mov ecx, {turbo:#x}" if turbo else ".byte 0x33, 0xc9"
        call = "lea edx, [esp+4]\n.byte 0x64, 0xff, 0x15, 0xc0, 0, 0, 0\nadd esp, 4"
        return assemble(f"mov eax, {number:#x}\n{load}\n{call}\n{back}", 32, address)
    if build.stub32 is Stub32.SYSTEM_CALL_POINTER:
        return assemble(
            f"mov eax, {number:#x}\nmov edx, 0x7ffe0300\ncall dword ptr [edx]\n{back}", 32, address
        )
    if build.stub32 is Stub32.LOCAL_SYSENTER:
        enter = "L_enter: .byte 0x8b, 0xd4\nsysenter\nret"
        return assemble(f"mov eax, {number:#x}\ncall L_enter\n{back}\n{enter}", 32, address)
    if build.stub32 is Stub32.FS_C0_EAX:
        call = ".byte 0x64, 0xff, 0x15, 0xc0, 0, 0, 0"
        return assemble(f"mov eax, {turbo << 16 | number:#x}\n{call}\n{back}", 32, address)
    return assemble(
        f"mov eax, {turbo << 16 | number:#x}\nmov edx, {SERVICE_CALL:#x}\ncall edx\n{back}", 32, address
    )


@BOTH
def test_stub_bytes_are_what_the_assembler_makes_of_the_documented_form(build: Build) -> None:
    known = argument_bytes(build)
    rows = [row for row in services(build.name) if row.name in known]
    assert len(rows) > (390 if build.wow64 else 280)
    for row in rows:
        wanted = assembled(build, row.number, row.turbo, known[row.name], 0x77000000)
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
        assert at % (4 if build.turbo_in_ecx else 16) == 0
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
