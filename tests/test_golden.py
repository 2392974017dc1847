"""The seed's listing (seed 002), line by line, in a trace of createfile.exe on Windows 7.

The seed mixes two boots; its modules are rebased as wow64-facts section 0.1 says: wow64 to 738C0000, ntdll to
775F0000, and the instruction it prints twice ran once.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent.parent / "fixtures" / "bin" / "createfile.exe"

# ruff: noqa: E501 - one line of the seed a line
SEED = r"""
7585167f ff25d4098575 jmp dword ptr [kernel32!_imp__CreateFileW (758509d4)] ds:002b:758509d4={KERNELBASE!CreateFileW (7734c299)}
7734c5c9 8b35ac103377 mov esi,dword ptr [KERNELBASE!_imp__NtCreateFile (773310ac)] ds:002b:773310ac={ntdll32!ZwCreateFile (777f00b0)}
777f00b0 b852000000 mov eax,52h
777f00b5 33c9 xor ecx,ecx
777f00b7 8d542404 lea edx,[esp+4]
777f00bb 64ff15c0000000 call dword ptr fs:[0C0h]
73852320 ea1e2785733300 jmp 0033:7385271E
00000000`7385271e 67448b0424 mov r8d,dword ptr [esp] ds:00000000`
00000000`73852723 458985bc000000 mov dword ptr [r13+0BCh],r8d ds:00000000`001bfddc=
00000000`7385272a 4189a5c8000000 mov dword ptr [r13+0C8h],esp ds:00000000`001bfde8=
00000000`73852731 498ba42480140000 mov rsp,qword ptr [r12+1480h] ds:00000000`7efdc480=
00000000`73852739 4983a4248014000000 and qword ptr [r12+1480h],0 ds:00000000`7efdc480=
00000000`73852742 448bda mov r11d,edx
00000000`73852745 41ff24cf jmp qword ptr [r15+rcx*8] ds:00000000`73852450={wow64cpu!ServiceNoTurbo (00000000`73852749)}
00000000`73852770 ff150ae9ffff call qword ptr [wow64cpu!_imp_Wow64SystemServiceEx (00000000`73851080)] ds:00000000`73851080={wow64!Wow64SystemServiceEx (00000000`738cd0b8)}
00000000`738cd18c 41ffd4 call r12
00000000`738dc1f9 ff154958feff call qword ptr [wow64!_imp_NtCreateFile (00000000`738c1a48)] ds:00000000`738c1a48={ntdll!NtCreateFile (00000000`7763e120)}
00000000`7763e120 4c8bd1 mov r10,rcx
00000000`7763e123 b852000000 mov eax,52h
00000000`7763e128 0f05 syscall
00000000`7763e12a c3 ret
""".strip().splitlines()

HEADERS = (
    "kernel32!CreateFileW:", "KERNELBASE!CreateFileW+0x330:", "ntdll32!ZwCreateFile:",
    "wow64cpu!X86SwitchTo64BitMode:", "wow64cpu!CpupReturnFromSimulatedCode:",
    "wow64cpu!TurboDispatchJumpAddressStart:", "wow64cpu!ServiceNoTurbo:", "wow64!Wow64SystemServiceEx:",
    "wow64!whNtCreateFile:", "ntdll!NtCreateFile:",
)  # fmt: skip


def trace(*options: str) -> str:
    command = [sys.executable, "-m", "wowsim", "trace", "--call", "NtCreateFile", *options, str(PROGRAM)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_seeds_listing_once_and_in_order() -> None:
    lines = [" ".join(line.split()) for line in trace("--format", "text").splitlines()]
    last = -1
    for expected in SEED:
        found = [at for at, line in enumerate(lines) if line.startswith(expected)]
        assert len(found) == 1, f"{len(found)} lines begin with {expected!r}"
        assert found[0] > last, expected
        last = found[0]


def test_the_headers_and_the_prompts_of_both_modes() -> None:
    lines = trace("--format", "text").splitlines()
    last = -1
    for header in HEADERS:
        if header.endswith("+0x330:") and header not in lines:
            header = "KERNELBASE!CreateFileW:"  # the code between runs through to it
        assert header in lines[last + 1 :], header
        last = lines.index(header, last + 1)
    gate = lines.index("wow64cpu!X86SwitchTo64BitMode:")
    assert lines[gate + 2] == "0:000>"
    assert "0:000:x86>" in lines[gate + 2 :]


def test_no_line_shows_what_is_ours_without_saying_so() -> None:
    lines = trace("--format", "text").splitlines()
    traps = [line for line in lines if " cdfd " in line]
    assert traps
    assert all("; trap " in line for line in traps)
    prologue = next(line for line in lines if line.startswith("7734c299"))
    assert prologue.endswith("; ours")


def test_jsonl_is_the_same_byte_for_byte() -> None:
    assert trace("--format", "jsonl") == trace("--format", "jsonl")
