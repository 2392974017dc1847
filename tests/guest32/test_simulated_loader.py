"""The loader over the real kernel, gate and kernel32: whole programs in a simulation."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest
from ntdll_machine import module

from sampled import SAMPLED
from wowsim.errors import StopReason, UsageError
from wowsim.simulation import Simulation

if TYPE_CHECKING:
    from pathlib import Path

    from wowsim.image.model import Image

BOTH = pytest.mark.parametrize("build", SAMPLED)


def program(source: str, **options: Any) -> Image:
    return module("prog.exe", source, base=0x400000, is_dll=False, **options)


def run(build: str, folder: Path, *images: Image) -> int | None:
    """Exit status of the first; a builder's contents are a valid file, as raw and virtual layout agree."""
    for image in images:
        (folder / image.file_name).write_bytes(image.contents)
    with Simulation(build=build) as sim:
        sim.load(folder / images[0].file_name)
        result = sim.run(limit=20_000_000)
        assert result.reason is StopReason.EXITED, (result.reason, result.detail)
        return result.exit_status


@BOTH
def test_dlls_at_one_base_are_moved_apart_and_still_work(build: str, tmp_path: Path) -> None:
    def made(name: str, value: int, pointers: tuple[int, ...] = ()) -> Image:
        source = f"entry: mov eax, 1\nret 0x0c\nGet: mov eax, [Value]\nret\n.align 4\nValue: .long {value}"
        return module(name, source, base=0x10000000, exports={f"Get{value}": "Get"}, pointers=pointers)

    where = (made("one.dll", 1).export_by_name["Get1"].rva + 1,)
    source = "entry: call [__imp_Get1]\nmov ebx, eax\ncall [__imp_Get20]\nadd eax, ebx\nret 4"
    image = program(source, imports={"one.dll": ("Get1",), "two.dll": ("Get20",)})
    assert run(build, tmp_path, image, made("one.dll", 1, where), made("two.dll", 20, where)) == 21


@BOTH
def test_tls_data_is_the_threads_own_copy(build: str, tmp_path: Path) -> None:
    source = """
callback: mov eax, dword ptr fs:[0x2c]
mov eax, [eax]
add dword ptr [eax], 5
ret 0x0c
entry: mov eax, dword ptr fs:[0x2c]
mov ecx, [0x402f00]
mov eax, [eax+4*ecx]
mov ecx, [0x403800]
mov eax, [eax]
sub eax, ecx
ret 4
"""
    assert run(build, tmp_path, program(source, tls=(struct.pack("<I", 11), ("callback",)))) == 5


@BOTH
def test_load_library_get_proc_address_and_free_library(build: str, tmp_path: Path) -> None:
    source = """
entry: push 0x402000
call [__imp_LoadLibraryA]
test eax, eax
jz L_end
mov esi, eax
push 0x402010
push esi
call [__imp_GetProcAddress]
test eax, eax
jz L_end
call eax
mov ebx, eax
push esi
call [__imp_FreeLibrary]
push 0x402000
call [__imp_GetModuleHandleA]
test eax, eax
jnz L_end
mov eax, ebx
L_end: ret 4
"""
    names = ("LoadLibraryA", "GetProcAddress", "FreeLibrary", "GetModuleHandleA")
    data = b"late.dll".ljust(16, b"\0") + b"Late\0"
    late = module("late.dll", "entry: mov eax, 1\nret 0x0c\nLate: mov eax, 88\nret", base=0x10000000,
                  exports={"Late": "Late"})  # fmt: skip
    assert run(build, tmp_path, program(source, imports={"kernel32.dll": names}, data=data), late) == 88


@BOTH
def test_the_heap_grows_through_real_allocations(build: str, tmp_path: Path) -> None:
    source = """
entry: call [__imp_GetProcessHeap]
mov esi, eax
mov ebx, 40
L_next: push 0x10000
push 8
push esi
call [__imp_HeapAlloc]
test eax, eax
jz L_end
mov ecx, eax
add ecx, 0xffff
mov byte ptr [ecx], 1
dec ebx
jnz L_next
push 0x200000
push 0
push esi
call [__imp_HeapAlloc]
mov edi, eax
push edi
push 0
push esi
call [__imp_HeapFree]
push 0
push 0
push esi
call [__imp_RtlValidateHeap]
add eax, 6
L_end: ret 4
"""
    imports = {"kernel32.dll": ("GetProcessHeap", "HeapAlloc", "HeapFree"), "ntdll.dll": ("RtlValidateHeap",)}
    assert run(build, tmp_path, program(source, imports=imports)) == 7


@BOTH
def test_a_program_that_imports_what_nobody_has_is_refused_in_one_line(build: str, tmp_path: Path) -> None:
    image = program("entry: ret 4", imports={"kernel32.dll": ("Foo",), "gone.dll": ("Bar",)})
    with pytest.raises(UsageError, match=r"kernel32\.dll!Foo, gone\.dll!Bar") as caught:
        run(build, tmp_path, image)
    assert "\n" not in str(caught.value)


@BOTH
def test_an_exe_that_is_loaded_like_a_dll_is_found_again_and_not_entered(build: str, tmp_path: Path) -> None:
    source = """
entry: lea eax, [Dotted]
push eax
call [__imp_LoadLibraryA]
lea edx, [Other]
push edx
mov ebx, eax
call [__imp_LoadLibraryA]
xor ecx, ecx
cmp ebx, 0x400000
sete cl
cmp eax, ebx
setne ch
test eax, eax
setne al
and ch, al
mov eax, ecx
ret 4
Dotted: .asciz ".\\\\prog.exe"
Other: .asciz "other.exe"
"""
    image = program(source, imports={"kernel32.dll": ("LoadLibraryA",)})
    other = module("other.exe", "entry: jmp entry", base=0x20000000, is_dll=False)
    assert run(build, tmp_path, image, other) == 0x101
