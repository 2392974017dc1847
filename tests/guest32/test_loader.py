"""The loader, whole: processes that start, load, fail to load and end."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest
from ntdll_machine import Machine, kernel32, module, ntdll

from wowsim.errors import UsageError
from wowsim.guest32.imports import missing_imports
from wowsim.nt.builds import WIN7SP1, WIN10_22H2, Build

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.image.model import Image

ATTACH, DETACH = 1, 0
LOGGING = "entry: mov eax, [esp+8]\nint 0x90\nmov eax, 1\nret 0x0c\n"
DLL_NOT_FOUND, INIT_FAILED, ENTRYPOINT_NOT_FOUND = 0xC0000135, 0xC0000142, 0xC0000139


def program(source: str = "entry: mov eax, 7\nret", **options: Any) -> Image:
    return module("prog.exe", source, base=0x400000, is_dll=False, **options)


def library(name: str, base: int, source: str = "", **options: Any) -> Image:
    return module(name, LOGGING + source, base=base, **options)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def add(machine: Machine, *images: Image) -> Machine:
    machine.files |= {f"C:\\work\\{image.file_name}": image for image in images}
    return machine


@pytest.mark.parametrize("build", [WIN7SP1, WIN10_22H2], ids=lambda b: b.name)
def test_a_program_starts_and_its_return_value_is_the_exit_status(build: Build) -> None:
    machine = Machine(build)
    assert machine.start(program()) == 7
    assert machine.modules() == ["prog.exe", "ntdll.dll", "kernel32.dll"]
    assert machine.modules(0x14) == machine.modules()
    assert machine.modules(0x1C) == ["ntdll.dll", "kernel32.dll"]
    assert machine.log == [("kernel32", ATTACH), ("kernel32", DETACH)]
    names = [name for name, _ in machine.calls]
    assert names[-3:] == ["NtQueryInformationThread", "NtTerminateProcess", "NtTerminateProcess"]
    assert [arguments for name, arguments in machine.calls if name == "NtTerminateProcess"] == [
        (0, 7),
        (0xFFFFFFFF, 7),
    ]
    assert machine.open_handles == 0


def test_the_peb_is_set_up(machine: Machine) -> None:
    machine.process()
    data = machine.dword(machine.peb + 0x0C)
    assert machine.memory.read(data, 5) == struct.pack("<IB", 0x30, 1)
    assert machine.dword(machine.peb + 0x88) == 1
    assert machine.dword(machine.dword(machine.peb + 0x90)) == machine.heap
    assert machine.dword(machine.dword(machine.peb + 0x40)) == 64
    assert machine.dword(machine.dword(machine.peb + 0xA0) + 4) == 0xFFFFFFFF
    parameters = machine.dword(machine.peb + 0x10)
    assert machine.dword(parameters + 8) == 1
    assert machine.string(parameters + 0x38) == "C:\\work\\prog.exe"


def test_imports_are_resolved_through_forwarders_and_dlls_come_in_dependency_order(machine: Machine) -> None:
    low = library("low.dll", 0x10000000, "Five: mov eax, 5\nret", exports={"Five": "Five"})
    high = library(
        "high.dll",
        0x11000000,
        "Ten: call [__imp_Five]\nadd eax, 5\nret",
        imports={"low.dll": ("Five",)},
        exports={"Ten": "Ten"},
    )
    add(machine, low, high)
    source = """
entry: push 16
push 8
mov eax, dword ptr fs:[0x18]
mov eax, [eax+0x30]
push dword ptr [eax+0x18]
call [__imp_HeapAlloc]
mov ebx, [eax]
call [__imp_Ten]
add eax, ebx
ret
"""
    status = machine.start(program(source, imports={"high.dll": ("Ten",), "KERNEL32.dll": ("HeapAlloc",)}))
    assert status == 10
    attached = ["kernel32", "low", "high"]
    assert machine.log == [(m, ATTACH) for m in attached] + [(m, DETACH) for m in reversed(attached)]
    assert machine.modules()[3:] == ["high.dll", "low.dll"]
    assert machine.opened[1] == "\\KnownDlls32\\high.dll"
    assert machine.opened[2] == "\\??\\C:\\work\\high.dll"


def test_a_read_only_iat_is_opened_for_writing_and_closed_again(machine: Machine) -> None:
    machine.start(program(imports={"kernel32.dll": ("Answer",)}))
    changed = [arguments for name, arguments in machine.calls if name == "NtProtectVirtualMemory"]
    assert [arguments[3] for arguments in changed] == [4, 2]
    assert machine.dword(0x403000) == kernel32().base + kernel32().export_by_name["Answer"].rva


def test_missing_imports_are_all_named_in_one_error(machine: Machine) -> None:
    image = program(imports={"kernel32.dll": ("Answer", "Foo", "Bar"), "gone.dll": ("Baz",)})
    with pytest.raises(UsageError) as caught:
        machine.start(image)
    text = str(caught.value)
    assert text == (
        "prog.exe needs what the built-in DLLs lack: kernel32.dll!Foo, kernel32.dll!Bar, gone.dll!Baz"
    )
    known = {"kernel32.dll": kernel32(), "ntdll.dll": ntdll()}
    assert [str(i) for i in missing_imports(image, known)] == text.partition(": ")[2].split(", ")


def test_api_set_names_mean_the_dll_that_exports_the_function(machine: Machine) -> None:
    source = "entry: call [__imp_Answer]\nret"
    image = program(source, imports={"api-ms-win-core-file-l1-1-0.dll": ("Answer",)})
    assert machine.start(image) == 42
    assert missing_imports(image, {"kernel32.dll": kernel32()}) == []


def test_a_moved_dll_is_relocated(machine: Machine) -> None:
    machine.occupied = True
    source = "Get: mov eax, [Value]\nret\n.align 4\nValue: .long 99\nPointer: .long Value"
    dll = library("moved.dll", 0x10000000, source, exports={"Get": "Get", "Pointer": "Pointer"})
    operand = dll.export_by_name["Get"].rva + 1
    pointer = dll.export_by_name["Pointer"].rva
    dll = library(
        "moved.dll",
        0x10000000,
        source,
        exports={"Get": "Get", "Pointer": "Pointer"},
        pointers=(operand, pointer),
    )
    add(machine, dll)
    image = program("entry: call [__imp_Get]\nret", imports={"moved.dll": ("Get",)})
    assert machine.start(image) == 99
    base = next(base for base, view in machine.views.items() if view is dll)
    assert base != dll.base
    assert base <= machine.dword(base + pointer) < base + dll.size


def test_a_moved_dll_without_relocations_fails_the_start(machine: Machine) -> None:
    machine.occupied = True
    add(machine, library("stuck.dll", 0x10000000, "F: ret", exports={"F": "F"}))
    with pytest.raises(UsageError, match=r"stuck\.dll cannot be loaded: STATUS_CONFLICTING_ADDRESSES"):
        machine.start(program(imports={"stuck.dll": ("F",)}))


def test_static_tls_is_there_before_the_first_callback(machine: Machine) -> None:
    source = """
callback: mov eax, dword ptr fs:[0x2c]
mov eax, [eax]
mov eax, [eax]
int 0x90
mov eax, [esp+8]
int 0x90
ret 0x0c
entry: mov eax, dword ptr fs:[0x2c]
mov ecx, [0x402f00]
mov eax, [eax+4*ecx]
mov eax, [eax+4]
ret
"""
    image = program(source, tls=(struct.pack("<II", 11, 22), ("callback",)))
    assert machine.start(image) == 22
    assert machine.log == [
        ("kernel32", ATTACH), ("prog", 11), ("prog", ATTACH),
        ("prog", 11), ("prog", DETACH), ("kernel32", DETACH),
    ]  # fmt: skip


def test_a_dll_that_refuses_to_attach_ends_the_start(machine: Machine) -> None:
    add(
        machine,
        module("no.dll", "entry: xor eax, eax\nret 0x0c\nF: ret", base=0x10000000, exports={"F": "F"}),
    )
    assert machine.start(program(imports={"no.dll": ("F",)})) == INIT_FAILED


# ---------------------------------------------------------------- at run time
def load(machine: Machine, name: str) -> tuple[int, int]:
    out = machine.space(4)
    return machine.call("LdrLoadDll", 0, 0, machine.counted(name), out), machine.dword(out)


def test_load_and_unload_count_references(machine: Machine) -> None:
    low = library("low.dll", 0x10000000, "Five: mov eax, 5\nret", exports={"Five": "Five"})
    high = library("high.dll", 0x11000000, imports={"low.dll": ("Five",)})
    add(machine, low, high).process()
    machine.log.clear()
    assert load(machine, "high.dll") == (0, high.base)
    assert load(machine, "HIGH") == (0, high.base)
    assert load(machine, "C:\\work\\low.dll") == (0, low.base)
    assert machine.log == [("low", ATTACH), ("high", ATTACH)]
    assert machine.call("LdrUnloadDll", high.base) == 0
    assert machine.modules()[3:] == ["high.dll", "low.dll"]
    assert machine.call("LdrUnloadDll", high.base) == 0
    assert machine.log[2:] == [("high", DETACH)]
    assert machine.modules()[3:] == ["low.dll"]
    assert high.base not in machine.views
    assert machine.call("LdrUnloadDll", low.base) == 0
    assert machine.modules()[3:] == []
    assert machine.call("LdrUnloadDll", low.base) == DLL_NOT_FOUND
    assert machine.call("RtlValidateHeap", machine.heap, 0, 0) == 1


def test_a_dll_that_is_nowhere_was_looked_for_in_order(machine: Machine) -> None:
    machine.process()
    machine.opened.clear()
    assert load(machine, "gone") == (DLL_NOT_FOUND, 0)
    assert machine.opened == ["\\KnownDlls32\\gone.dll"] + [
        f"\\??\\{directory}\\gone.dll"
        for directory in ("C:\\work", "C:\\Windows\\SysWOW64", "C:\\Windows", "C:\\bin", "C:\\dlls")
    ]
    assert machine.open_handles == 0


@pytest.mark.parametrize(
    ("dll", "status"),
    [
        (lambda: module("x.dll", "entry: xor eax, eax\nret 0x0c", base=0x10000000), INIT_FAILED),
        (lambda: library("x.dll", 0x10000000, imports={"kernel32.dll": ("Nothing",)}), ENTRYPOINT_NOT_FOUND),
        (lambda: library("x.dll", 0x10000000, imports={"nowhere.dll": ("F",)}), DLL_NOT_FOUND),
    ],
    ids=["refuses", "lacks a function", "lacks a DLL"],
)
def test_a_failed_load_leaves_nothing_behind(machine: Machine, dll: Callable[[], Image], status: int) -> None:
    add(machine, dll()).process()
    views, modules = set(machine.views), machine.modules()
    assert load(machine, "x.dll")[0] == status
    assert set(machine.views) == views
    assert machine.modules() == modules
    assert machine.modules(0x1C) == ["ntdll.dll", "kernel32.dll"]
    assert machine.open_handles == 0


def test_a_dllmain_may_load_another_dll(machine: Machine) -> None:
    source = """
entry: mov eax, [esp+8]
int 0x90
cmp eax, 1
jne L_done
push 0x10002100
push 0x10002000
push 0
push 0
call [__imp_LdrLoadDll]
L_done: mov eax, 1
ret 0x0c
"""
    name = "other.dll".encode("utf-16-le")
    data = struct.pack("<HHI", len(name), len(name), 0x10002010).ljust(16, b"\0") + name
    outer = module("outer.dll", source, base=0x10000000, data=data, imports={"ntdll.dll": ("LdrLoadDll",)})
    add(machine, outer, library("other.dll", 0x12000000)).process()
    machine.log.clear()
    assert load(machine, "outer.dll")[0] == 0
    assert machine.log == [("outer", ATTACH), ("other", ATTACH)]


@pytest.mark.parametrize(("name", "ordinal", "status"), [
    (b"Answer", 0, 0), (b"HeapAlloc", 0, 0), (b"answer", 0, ENTRYPOINT_NOT_FOUND), (None, 1, 0),
    (None, 77, 0xC0000138), (None, 0, 0xC000000D),
])  # fmt: skip
def test_get_procedure_address(machine: Machine, name: bytes | None, ordinal: int, status: int) -> None:
    machine.process()
    out = machine.space(4)
    base = kernel32().base
    text = machine.counted(name) if name is not None else 0
    assert machine.call("LdrGetProcedureAddress", base, text, ordinal, out) == status
    if name == b"HeapAlloc":
        assert machine.dword(out) == machine.address("RtlAllocateHeap")
    elif not status:
        assert base < machine.dword(out) < base + 0x8000


def test_get_procedure_address_loads_a_forwarders_dll(machine: Machine) -> None:
    target = library("target.dll", 0x10000000, "F: mov eax, 3\nret", exports={"F": "F"})
    front = library("front.dll", 0x11000000, forwards={"G": "target.F"})
    add(machine, target, front).process()
    _, base = load(machine, "front.dll")
    out = machine.space(4)
    assert machine.call("LdrGetProcedureAddress", base, machine.counted(b"G"), 0, out) == 0
    assert machine.call(machine.dword(out)) == 3


def test_questions_about_modules(machine: Machine) -> None:
    machine.process()
    out, base = machine.space(4), kernel32().base
    assert machine.call("LdrGetDllHandle", 0, 0, machine.counted("KERNEL32"), out) == 0
    assert machine.dword(out) == base
    assert machine.call("LdrGetDllHandle", 0, 0, machine.counted("nothing.dll"), out) == DLL_NOT_FOUND
    assert machine.call("LdrGetDllHandleEx", 1, 0, 0, machine.counted("ntdll.dll"), out) == 0
    assert machine.dword(out) == ntdll().base
    assert machine.call("RtlPcToFileHeader", base + 0x1234, out) == base
    assert machine.call("RtlPcToFileHeader", 0x10, out) == 0
    assert machine.call("LdrFindEntryForAddress", base, out) == 0
    assert machine.dword(machine.dword(out) + 0x18) == base
    assert machine.call("RtlImageNtHeader", base) == base + 0x80
    assert machine.call("RtlImageNtHeader", machine.text(b"PE")) == 0
    assert machine.call("RtlImageDirectoryEntryToData", base, 1, 0, out) == base + 0x7000
    assert machine.dword(out) > 40


def test_a_program_that_damages_its_loader_lists_ends_no_worse_than_in_a_fault(machine: Machine) -> None:
    machine.process()
    data = machine.dword(machine.peb + 0x0C)
    machine.put(data + 0x0C, data + 0x0C - 8)
    assert load(machine, "gone.dll")[0] != 0
