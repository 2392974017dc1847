"""Programs with real system roots: each kind of layout starts, and the commands say what is in a root."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import wowsim
from roots import ROOTS
from wowsim.cli import main
from wowsim.errors import StopReason
from wowsim.kernel.known_services import services_of_root
from wowsim.kernel.win32k import services as win32k
from wowsim.simulation.root_rows import root_rows
from wowsim.sysroot import SystemRoot, open_root

HELLO = str(Path(__file__).parent.parent.parent / "fixtures" / "bin" / "helloworld.exe")
LAYOUTS = {
    "windows": ("System32", "SysWOW64"),
    "odd case": ("wINDOWS/sYSTEM32", "wINDOWS/SYSWOW64"),
    "wine": ("x86_64-windows", "i386-windows"),
    "installed wine": ("lib64/wine/x86_64-windows", "lib/wine/i386-windows"),
}


def test_a_program_runs_by_the_roots_name(
    wine_root: SystemRoot, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["run", "--sysroot", wine_root.name, HELLO]) == 0
    assert capfdbinary.readouterr() == (b"Hello, World!\r\n", b"")


@pytest.mark.parametrize("build", ["winxp-x64", "win7sp1", "win8.1", "win10-22h2", "win11-24h2"])
def test_every_generation_of_address_spaces(wine_root: SystemRoot, build: str) -> None:
    with wowsim.Simulation(build, sysroot=wine_root.path) as sim:
        sim.load(HELLO)
        result = sim.run()
    assert (result.reason, result.exit_status, result.stdout) == (StopReason.EXITED, 0, b"Hello, World!\r\n")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(wine_root: SystemRoot, tmp_path: Path, layout: str) -> None:
    for place, folder in zip(LAYOUTS[layout], (wine_root.system32, wine_root.syswow64), strict=True):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).symlink_to(folder)
    assert open_root(tmp_path).kind == "wine"
    with wowsim.Simulation(sysroot=tmp_path) as sim:
        sim.load(HELLO)
        assert sim.run().stdout == b"Hello, World!\r\n"


@pytest.mark.parametrize("bits", [32, 64])
def test_shellcode(wine_root: SystemRoot, bits: int) -> None:
    code = wowsim.assemble32("mov eax, 77; ret 4") if bits == 32 else wowsim.assemble64("mov eax, 77; ret")
    with wowsim.Simulation(sysroot=wine_root.path) as sim:
        sim.load_shellcode(code, bits=bits)
        assert sim.run().exit_status == 77


# ------------------------------------------------------------ descriptions
def test_service_table(wine_root: SystemRoot, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services", "--json", "--sysroot", wine_root.name]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["NtCreateFile"]["argument_bytes"] == 0x2C
    assert rows["NtClose"]["support"] == "full"
    assert rows["NtUserRegisterClassExWOW"]["number"] >= 0x1000
    assert wine_root.name != "wine-8.0" or rows["wine_server_call"]["note"] == "no service of Windows"
    numbers = [row["number"] for row in rows.values()]
    assert numbers == sorted(set(numbers))


def test_declarations_take_what_the_roots_stubs_pop(wine_root: SystemRoot) -> None:
    """Declarations made from what is published of Windows, and stubs that nobody here wrote, agree."""
    services = {**services_of_root(), **win32k.implemented()}
    compared = 0
    for row in root_rows(wine_root):
        if row.name in services:
            assert row.argument_bytes == services[row.name].prototype.arg_bytes32, row.name
            compared += 1
    assert compared > 220


def test_services_explain_a_build_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services", "--sysroot", ROOTS[0], "--explain", "NtClose"]) == 125
    assert "takes no --sysroot" in capsys.readouterr().err


def test_gdt_has_the_process_teb(wine_root: SystemRoot, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gdt", "--json", "--sysroot", wine_root.name]) == 0
    rows = {row["selector"]: row["descriptor"] for row in json.loads(capsys.readouterr().out)}
    with wowsim.Simulation(sysroot=wine_root.path) as sim:
        sim.load(HELLO)
        assert rows["0x53"] == f"0x{sim.gdt[0x50].encode():016x}"


def test_vad(wine_root: SystemRoot, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vad", "--sysroot", wine_root.name, HELLO]) == 0
    out = capsys.readouterr().out
    for name in (
        "System32\\wow64.dll",
        "System32\\wow64cpu.dll",
        "SysWOW64\\kernelbase.dll",
        "System32\\locale.nls",
    ):
        assert f"\\Windows\\{name}" in out
