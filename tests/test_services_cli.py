"""``wowsim services``: the table in three forms, and one service explained."""

from __future__ import annotations

import json

import pytest

from wowsim.cli import main
from wowsim.kernel.services import implemented
from wowsim.kernel.win32k.services import numbers_of
from wowsim.nt.builds import BUILDS


def services(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["services", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("build", ["win7sp1", "win10-22h2", "winxp-x86"])
def test_json(capsys: pytest.CaptureFixture[str], build: str) -> None:
    rows = json.loads(services(capsys, "--build", build, "--json"))
    assert [list(row) for row in rows] == [
        ["name", "number", "turbo", "argument_bytes", "support", "note"]
    ] * len(rows)
    by_name = {row["name"]: row for row in rows}
    assert len(by_name) == len(rows)
    numbers = BUILDS[build].numbers
    own = {name: row for name, row in by_name.items() if name in numbers}
    assert {name: row["number"] for name, row in own.items()} == numbers
    assert all(isinstance(row["argument_bytes"], int) for row in own.values())
    support = {name: row["support"] for name, row in own.items() if row["support"] != "declared"}
    assert support == {n: s.support.value for n, s in implemented().items() if n in numbers}
    assert all(row["note"] for row in own.values() if row["support"] == "partial")
    rest = [row for row in rows if row["name"] not in numbers]
    assert rest[0]["number"] == 0x1000
    there = numbers_of(BUILDS[build])
    assert {row["name"]: row["number"] for row in rest if row["support"] != "declared"} == there
    assert all(row["note"].startswith("win32k") for row in rest)
    for row in rest:
        if row["name"] in there:
            continue
        published = isinstance(row["argument_bytes"], int)
        assert row["note"] == ("win32k" if published else "win32k; argument count not published")


def test_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(services(capsys, "--build", "win8.1", "--json"))
    assert next(row for row in rows if row["name"] == "NtFlushInstructionCache") == {
        "name": "NtFlushInstructionCache",
        "number": 0xD6,
        "turbo": 12,
        "argument_bytes": 12,
        "support": "full",
        "note": "",
    }


def test_unpublished_turbo_indices_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(services(capsys, "--build", "win10-22h2", "--json"))
    unverified = {row["name"] for row in rows if "turbo index unverified" in row["note"]}
    assert unverified == {row["name"] for row in rows if row["turbo"]}
    assert "NtClose" in unverified


def test_text_and_markdown_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    heading, *lines = services(capsys).splitlines()
    assert heading.split() == ["name", "number", "turbo", "bytes", "support", "note"]
    assert next(line for line in lines if line.startswith("NtClose ")).split()[:5] == [
        "NtClose", "0Ch", "0", "4", "full",
    ]  # fmt: skip
    first, rule, *rows = services(capsys, "--markdown").splitlines()
    assert (first, rule) == (
        "| name | number | turbo | bytes | support | note |",
        "|---|---|---|---|---|---|",
    )
    assert len(rows) == len(lines)
    assert "| NtClose | 0Ch | 0 | 4 | full |  |" in rows


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    return services(capsys, "--explain", *arguments).splitlines()


def test_the_way_of_create_file(capsys: pytest.CaptureFixture[str]) -> None:
    lines = explained(capsys, "ZwCreateFile")
    assert lines[0].startswith("NtCreateFile: partial, ")
    assert lines[2:5] == [
        "NTSTATUS NtCreateFile(",
        "    _Out_ HANDLE *FileHandle,",
        "    _In_ ACCESS_MASK DesiredAccess,",
    ]
    assert "44 argument bytes (as published)" in lines
    thunk = lines.index("wow64!whNtCreateFile, by 32-bit slot:")
    does = {line.split()[1]: line for line in lines[thunk + 1 : thunk + 12]}
    assert does["FileHandle"].startswith("  +00  FileHandle         the caller's is zeroed")
    assert does["DesiredAccess"].endswith("zero-extended")
    assert "deep-converted" in does["ObjectAttributes"]
    assert "status block trick" in does["IoStatusBlock"]
    assert does["AllocationSize"].endswith("pointer passed, zero-extended")
    assert "OBJECT_ATTRIBUTES: 18h bytes, in 64 bits 30h" in lines
    assert "  +004 4    +008 8    HANDLE RootDirectory" in lines
    assert "  +008 4    +010 8    UNICODE_STRING *ObjectName" in lines
    assert "UNICODE_STRING: 8h bytes, in 64 bits 10h" in lines
    assert "win7sp1: number 52h, turbo 0 (unverified), EAX 00000052, ECX 0" in lines
    stub = lines.index("ntdll32!ZwCreateFile:")
    assert lines[stub + 1 : stub + 7] == [
        "777f00b0 b852000000       mov     eax,52h",
        "777f00b5 33c9             xor     ecx,ecx",
        "777f00b7 8d542404         lea     edx,[esp+4]",
        "777f00bb 64ff15c0000000   call    dword ptr fs:[0C0h]",
        "777f00c2 83c404           add     esp,4",
        "777f00c5 c22c00           ret     2Ch",
    ]
    assert [line.split(maxsplit=2)[1:] for line in lines[lines.index("ntdll!NtCreateFile:") + 1 :]] == [
        ["4c8bd1", "mov     r10,rcx"],
        ["b852000000", "mov     eax,52h"],
        ["0f05", "syscall"],
        ["c3", "ret"],
    ]


def test_a_turbo_index_in_eax(capsys: pytest.CaptureFixture[str]) -> None:
    lines = explained(capsys, "NtWaitForSingleObject", "--build", "win8.1")
    assert "win8.1: number 3h, turbo 13, EAX 000D0003" in lines
    assert any("b803000d00" in line for line in lines)


def test_what_is_declared_only(capsys: pytest.CaptureFixture[str]) -> None:
    lines = explained(capsys, "NtAccessCheckByTypeResultList", "--build", "win10-22h2")
    assert lines[0] == "NtAccessCheckByTypeResultList: declared"
    assert "    _In_reads_opt_(ObjectTypeListLength) OBJECT_TYPE_LIST *ObjectTypeList," in lines
    assert any("array: each OBJECT_TYPE_LIST is deep-converted" in line for line in lines)
    assert "OBJECT_TYPE_LIST: 8h bytes, in 64 bits 10h" in lines
    assert lines[-1].endswith("ret")
    assert [line.split()[1] for line in lines[-5:]] == ["7503", "0f05", "c3", "cd2e", "c3"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NtAlpcSendWaitReceivePort", "refused unless NULL: no conversion of a PORT_MESSAGE"),
        ("NtNotifyChangeDirectoryFile", "apc: a routine becomes wow64!Wow64ApcRoutine"),
        ("NtGetContextThread", "named override: guest code of its own in the place of a derived thunk"),
        ("NtQueryInformationProcess", "are converted from their 64-bit form"),
        ("NtAllocateVirtualMemory", "zero-extended into the thunk's frame, 4h -> 8h bytes; narrowed back"),
        ("NtContinueEx", "no argument count is published"),
        ("NtOpenFile", "file redirection of the name in ObjectAttributes"),
        ("NtTestAlert", "NTSTATUS NtTestAlert(VOID);"),
    ],
)
def test_what_is_said_of_some(capsys: pytest.CaptureFixture[str], name: str, text: str) -> None:
    assert text in "\n".join(explained(capsys, name, "--build", "win10-22h2"))


def test_a_32_bit_windows_has_no_thunk(capsys: pytest.CaptureFixture[str]) -> None:
    lines = explained(capsys, "NtClose", "--build", "win10-22h2-x86")
    assert not any("wow64" in line for line in lines)
    assert [line.split(maxsplit=2)[2] for line in lines[-6:]] == [
        "mov     eax,18Fh", lines[-5].split(maxsplit=2)[2], "ret     4", "mov     edx,esp", "sysenter", "ret",
    ]  # fmt: skip


def test_a_service_of_win32k(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(capsys, "NtUserGetDC") == [
        "NtUserGetDC: declared, number 100Ah on win7sp1; a service of win32k"
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NtCreatFile", "win7sp1 has no service 'NtCreatFile'; close names: NtCreateFile, "),
        ("NtCreateIoRing", "win7sp1 has no service 'NtCreateIoRing'; other builds have it; close names: "),
        ("?", "win7sp1 has no service '?'\n"),
    ],
)
def test_an_unknown_name(capsys: pytest.CaptureFixture[str], name: str, message: str) -> None:
    assert main(["services", "--explain", name]) == 2
    out, err = capsys.readouterr()
    assert (out, err[: len(message) + 8]) == ("", f"wowsim: {message}")


def test_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services", "--build", "win95"]) == 125
    assert main(["services", "--sysroot", "x"]) == 125
    assert "there is no build 'win95'" in capsys.readouterr().err
