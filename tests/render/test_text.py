from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wowsim.image.model import Image, Import, Provenance, Range
from wowsim.render.text import listing
from wowsim.trace.events import Step
from wowsim.trace.symbols import SymbolTable

if TYPE_CHECKING:
    from wowsim.trace.flow import Bits

TEB32 = 0x7EFDD000


def module(
    table: SymbolTable,
    name: str,
    base: int,
    bits: Bits,
    symbols: dict[int, str],
    slots: dict[int, str] | None = None,
    traps: dict[int, str] | None = None,
    ours: tuple[int, int] | None = None,
) -> None:
    table.add(
        Image(
            name,
            name,
            name,
            bits,
            base,
            bytes(0x40000),
            symbols={at - base: symbol for at, symbol in symbols.items()},
            imports=tuple(Import("x", symbol, None, at - base) for at, symbol in (slots or {}).items()),
            traps={at - base: trap for at, trap in (traps or {}).items()},
            provenance=(Range(ours[0] - base, ours[1] - base, Provenance.OURS),) if ours else (),
            system=True,
        ),
        base,
    )


@pytest.fixture
def seed() -> SymbolTable:
    """The symbols that seed document 2 shows, on one boot's bases."""
    table = SymbolTable()
    module(table, "kernel32", 0x75840000, 32, {0x7585167F: "CreateFileW"}, {0x758509D4: "CreateFileW"})
    module(table, "KERNELBASE", 0x77330000, 32, {0x7734C299: "CreateFileW"}, {0x773310AC: "NtCreateFile"})
    module(table, "ntdll32", 0x777D0000, 32, {0x777F00B0: "ZwCreateFile"})
    module(
        table,
        "wow64cpu",
        0x73850000,
        64,
        {
            0x73852320: "X86SwitchTo64BitMode",
            0x7385271E: "CpupReturnFromSimulatedCode",
            0x73852745: "TurboDispatchJumpAddressStart",
            0x73852749: "ServiceNoTurbo",
        },
        {0x73851080: "Wow64SystemServiceEx"},
    )
    module(
        table,
        "wow64",
        0x738C0000,
        64,
        {0x738CD0B8: "Wow64SystemServiceEx", 0x738DC0F0: "whNtCreateFile"},
        {0x738C1A48: "NtCreateFile"},
    )
    module(table, "ntdll", 0x775F0000, 64, {0x775FE120: "NtCreateFile"})
    return table


def step(address: int, code: str, bits: Bits, operand: int | None = None, value: int | None = None) -> Step:
    return Step(address, bytes.fromhex(code), bits, operand, value)


SEED_STEPS = (
    step(0x7585167F, "ff25d4098575", 32, 0x758509D4, 0x7734C299),
    step(0x7734C5C9, "8b35ac103377", 32, 0x773310AC, 0x777F00B0),
    step(0x777F00B0, "b852000000", 32),
    step(0x777F00B5, "33c9", 32),
    step(0x777F00B7, "8d542404", 32, 0x14FCA0, 0),
    step(0x777F00BB, "64ff15c0000000", 32, TEB32 + 0xC0, 0x73852320),
    step(0x73852320, "ea1e2785733300", 32),
    step(0x7385271E, "67448b0424", 64, 0x14FC9C, 0x777F00C2),
    step(0x73852723, "458985bc000000", 64, 0x1BFDDC, 0x777EFACE),
    step(0x7385272A, "4189a5c8000000", 64, 0x1BFDE8, 0x14F98C),
    step(0x73852731, "498ba42480140000", 64, 0x7EFDC480, 0x1BE840),
    step(0x73852739, "4983a4248014000000", 64, 0x7EFDC480, 0x1BE840),
    step(0x73852742, "448bda", 64),
    step(0x73852745, "41ff24cf", 64, 0x73852450, 0x73852749),
    step(0x73852770, "ff150ae9ffff", 64, 0x73851080, 0x738CD0B8),
    step(0x738CD18C, "41ffd4", 64),
    step(0x738DC0F0, "90", 64),
    step(0x738DC1F9, "ff154958feff", 64, 0x738C1A48, 0x775FE120),
    step(0x775FE120, "4c8bd1", 64),
    step(0x775FE123, "b852000000", 64),
    step(0x775FE128, "0f05", 64),
    step(0x775FE12A, "c3", 64),
)
SEED_TEXT = """\
0:000:x86>
kernel32!CreateFileW:
7585167f ff25d4098575    jmp     dword ptr [kernel32!_imp__CreateFileW (758509d4)] ds:002b:758509d4={KERNELBASE!CreateFileW (7734c299)}
KERNELBASE!CreateFileW+0x330:
7734c5c9 8b35ac103377    mov     esi,dword ptr [KERNELBASE!_imp__NtCreateFile (773310ac)] ds:002b:773310ac={ntdll32!ZwCreateFile (777f00b0)}
ntdll32!ZwCreateFile:
777f00b0 b852000000      mov     eax,52h
777f00b5 33c9            xor     ecx,ecx
777f00b7 8d542404        lea     edx,[esp+4]
777f00bb 64ff15c0000000  call    dword ptr fs:[0C0h] fs:0053:000000c0={wow64cpu!X86SwitchTo64BitMode (73852320)}
wow64cpu!X86SwitchTo64BitMode:
73852320 ea1e2785733300  jmp     0033:7385271E
0:000>
wow64cpu!CpupReturnFromSimulatedCode:
00000000`7385271e 67448b0424      mov     r8d,dword ptr [esp] ds:00000000`0014fc9c=777f00c2
00000000`73852723 458985bc000000  mov     dword ptr [r13+0BCh],r8d ds:00000000`001bfddc=777eface
00000000`7385272a 4189a5c8000000  mov     dword ptr [r13+0C8h],esp ds:00000000`001bfde8=0014f98c
00000000`73852731 498ba42480140000 mov     rsp,qword ptr [r12+1480h] ds:00000000`7efdc480=00000000001be840
00000000`73852739 4983a4248014000000 and     qword ptr [r12+1480h],0 ds:00000000`7efdc480=00000000001be840
00000000`73852742 448bda          mov     r11d,edx
wow64cpu!TurboDispatchJumpAddressStart:
00000000`73852745 41ff24cf        jmp     qword ptr [r15+rcx*8] ds:00000000`73852450={wow64cpu!ServiceNoTurbo (00000000`73852749)}
wow64cpu!ServiceNoTurbo+0x27:
00000000`73852770 ff150ae9ffff    call    qword ptr [wow64cpu!_imp_Wow64SystemServiceEx (00000000`73851080)] ds:00000000`73851080={wow64!Wow64SystemServiceEx (00000000`738cd0b8)}
wow64!Wow64SystemServiceEx+0xd4:
00000000`738cd18c 41ffd4          call    r12 {wow64!whNtCreateFile (00000000`738dc0f0)}
wow64!whNtCreateFile:
00000000`738dc0f0 90              nop
wow64!whNtCreateFile+0x109:
00000000`738dc1f9 ff154958feff    call    qword ptr [wow64!_imp_NtCreateFile (00000000`738c1a48)] ds:00000000`738c1a48={ntdll!NtCreateFile (00000000`775fe120)}
ntdll!NtCreateFile:
00000000`775fe120 4c8bd1          mov     r10,rcx
00000000`775fe123 b852000000      mov     eax,52h
00000000`775fe128 0f05            syscall
00000000`775fe12a c3              ret
"""  # noqa: E501 - the lines of seed document 2


def test_the_listing_of_the_seed(seed: SymbolTable) -> None:
    """Seed document 2 on the first boot's bases, with the true fs: value and each instruction once."""
    assert "\n".join(listing(SEED_STEPS, seed)) + "\n" == SEED_TEXT


def lines(table: SymbolTable, *steps: Step, fs_base: int = 0, gs_base: int = 0) -> list[str]:
    return [line for line in listing(steps, table, fs_base, gs_base) if line[:5] != "0:000"]


def test_nothing() -> None:
    assert list(listing((), SymbolTable())) == []


def test_marks_tell_what_is_not_windows_own() -> None:
    table = SymbolTable()
    module(table, "m", 0x10000, 32, {0x11000: "F"}, traps={0x11001: "m.convert"}, ours=(0x11000, 0x11004))
    found = lines(
        table,
        step(0x11000, "90", 32),
        step(0x11001, "cdfd", 32),
        step(0x11003, "90", 32),
        step(0x11004, "90", 32),
    )
    assert [line.partition("  ;")[2] for line in found] == ["", " ours", " trap m.convert", " ours", ""]


def test_header_where_control_arrives(seed: SymbolTable) -> None:
    found = lines(
        seed,
        step(0x777F00B0, "eb02", 32),
        step(0x777F00B4, "ebfa", 32),
        step(0x777F00B0, "eb02", 32),
        step(0x12345, "90", 32),
    )
    assert [line for line in found if line.endswith(":")] == [
        "ntdll32!ZwCreateFile:",
        "ntdll32!ZwCreateFile+0x4:",
        "ntdll32!ZwCreateFile:",
    ]


def test_rep_is_one_line_with_its_first_operand() -> None:
    table = SymbolTable()
    repeated = [step(0x1000, "f3a4", 32, 0x2000 + i, i) for i in range(5)]
    found = lines(table, *repeated, step(0x1002, "90", 32))
    assert found == [
        "00001000 f3a4            rep movs byte ptr es:[edi],byte ptr [esi] ds:002b:00002000=00",
        "00001002 90              nop",
    ]
    endless = [step(0x1000, "ebfe", 32)] * 3
    assert len(lines(table, *endless)) == 3


@pytest.mark.parametrize(
    ("bits", "code", "operand", "value", "expected"),
    [
        (32, "8b45fc", 0x14F98C, 5, "ss:002b:0014f98c=00000005"),
        (32, "8b00", 0x10, None, "ds:002b:00000010=????????"),
        (32, "0fb600", 0x10, 0xAB, "ds:002b:00000010=ab"),
        (32, "668b00", 0x10, 0xAB, "ds:002b:00000010=00ab"),
        (32, "648b00", TEB32 + 0x18, 1, "fs:0053:00000018=00000001"),
        (32, "64a118000000", TEB32 + 0x18, 1, "fs:0053:00000018=00000001"),
        (64, "65488b042530000000", 0x7EFDB030, 7, "gs:002b:00000000`00000030=0000000000000007"),
        (64, "488b4500", 0x1BF000, 7, "ss:00000000`001bf000=0000000000000007"),
        (64, "41ff2e", 0x1BF000, 0x23777F00C2, "ds:00000000`001bf000=0023777f00c2"),
        (64, "8b00", 0x10, 0x777F00B0, "ds:00000000`00000010=777f00b0"),
        (32, "8b00", 0x10, 0x777F00B0, "ds:002b:00000010={ntdll32!ZwCreateFile (777f00b0)}"),
        (32, "8b00", 0x10, 0x777F00B1, "ds:002b:00000010=777f00b1"),
        (32, "8b00", 0x10, 0x777D0000, "ds:002b:00000010=777d0000"),
        (32, "ff10", 0x10, 0x777F00B1, "ds:002b:00000010={ntdll32!ZwCreateFile+0x1 (777f00b1)}"),
        (32, "8d00", 0x10, 0x777F00B0, ""),
    ],
)
def test_operands(
    seed: SymbolTable, bits: Bits, code: str, operand: int, value: int | None, expected: str
) -> None:
    (line,) = lines(seed, step(0x1000, code, bits, operand, value), fs_base=TEB32, gs_base=0x7EFDB000)
    assert line.endswith(f" {expected}" if expected else "]")


def test_a_call_through_a_register_shows_where_it_went(seed: SymbolTable) -> None:
    found = lines(seed, step(0x1000, "ffd6", 32), step(0x777F00B0, "90", 32), step(0x777F00B1, "ffe0", 32))
    assert found[0].endswith("call    esi {ntdll32!ZwCreateFile (777f00b0)}")
    assert found[-1].endswith("jmp     eax")
