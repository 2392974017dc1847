from __future__ import annotations

import pytest

from wowsim.guest32.win32.macro import HOTPATCH_PROLOGUE, MacroError, expand, parse


def lines(source: str) -> list[str]:
    (procedure,) = parse("module KERNELBASE\n" + source).procedures.values()
    return expand(procedure, lambda name: f"<{name}>").splitlines()


def test_frame_parameters_and_locals() -> None:
    body = "uses esi\nlocal x, y[6]\nmov eax, b\nmov word ptr y[4], ax\nlea ecx, x\nreturn"
    assert lines(f"proc F(a, b)\n{body}") == [
        "F:", HOTPATCH_PROLOGUE, "sub esp, 0xc", "push esi",
        "mov eax, dword ptr [ebp+12]", "mov word ptr [ebp-8], ax", "lea ecx, dword ptr [ebp-4]",
        "L_F_return:", "pop esi", "leave", "ret 0x8",
    ]  # fmt: skip


def test_naked_reads_parameters_from_the_stack() -> None:
    assert lines("proc F(a, b)\nnaked\nmov eax, b\nreturn") == ["F:", "mov eax, dword ptr [esp+8]", "ret 0x8"]


def test_invoke_pushes_from_the_right() -> None:
    assert lines("proc F(a)\nlocal x\ninvoke G, a, addr x, [ecx+4], 0, eax\njmp H") == [
        "F:", HOTPATCH_PROLOGUE, "sub esp, 0x4",
        "push eax", "push 0", "push dword ptr [ecx+4]", "lea eax, dword ptr [ebp-4]", "push eax",
        "push dword ptr [ebp+8]", "call <G>", "jmp <H>",
    ]  # fmt: skip


def test_returns_before_the_end_jump_to_the_common_exit() -> None:
    assert lines("proc F()\nonzero L_x\nreturn -1\nL_x:\nfail 87")[2:] == [
        "test eax, eax", "jz L_F_x", "or eax, -1", "jmp L_F_return", "L_F_x:", "push 87", "call <BaseFail>",
        "L_F_return:", "pop ebp", "ret",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("proc F()\nlocal x\ninvoke G, eax, addr x", "addr destroys eax"),
        ("proc F()\nL_x: mov eax, 1", "a label stands alone"),
        ("mov eax, 1", "outside a procedure"),
        ("proc F", "expected NAME"),
        ("proc F()\nproc F()", "declared twice"),
    ],
)
def test_mistakes_are_named(source: str, message: str) -> None:
    with pytest.raises(MacroError, match=message):
        lines(source)


def test_data() -> None:
    unit = parse("data BaseA 3\nvalues BaseB 1 2\nbytes BaseC 1\nbytes BaseC 0xff\ntext BaseD x y ; comment")
    assert unit.variables == {"BaseA": bytes(3), "BaseB": b"\1\0\0\0\2\0\0\0"}
    assert unit.constants == {"BaseC": b"\1\xff", "BaseD": "x y\0".encode("utf-16-le")}
