"""The built-in advapi32.dll under programs: its functions, when it is mapped, what snapshots hold."""

from __future__ import annotations

import pytest
from programs import BIN, BUILDS, run

from wowsim import Simulation
from wowsim.cli import main
from wowsim.errors import StopReason
from wowsim.guest32.advapi32 import BASE, FILE_NAME, NAME, SIZE, build_advapi32
from wowsim.nt.builds import BUILDS as ALL


@pytest.mark.parametrize("build", BUILDS)
def test_the_registry_through_advapi32(build: str) -> None:
    sim, result = run("regdemo.exe", build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.EXITED, 0)
        assert result.stdout.decode() == f"{sim.build.version[2]}\n"
        assert sim.modules[NAME].base == BASE
        assert sim.registry.keys(r"HKCU\Software\wowsim\demo") == []


def test_it_is_mapped_when_it_is_wanted() -> None:
    with Simulation() as sim:
        sim.load(BIN / "createfile.exe")
        sim.run()
        assert NAME not in sim.modules


def test_a_program_can_load_it() -> None:
    with Simulation() as sim:
        sim.load(BIN / "spin.exe")
        assert sim.run(limit=200_000).reason is StopReason.LIMIT
        text = sim.call32("kernel32!VirtualAlloc", 0, 0x1000, 0x3000, 4)
        sim.memory.write(text, b"ADVAPI32\0RegCloseKey\0")
        loaded = sim.call32("kernel32!LoadLibraryA", text)
        assert loaded == BASE
        image = build_advapi32(sim.build)
        assert sim.call32("kernel32!GetProcAddress", loaded, text + 9) == (
            BASE + image.export_by_name["RegCloseKey"].rva
        )
        assert sim.call32("advapi32!RegCloseKey", 0x80000001) == 0


@pytest.mark.parametrize("build", ALL)
def test_its_place_is_free_beside_every_system_dll(build: str) -> None:
    for module in ALL[build].modules:
        assert module.base + module.size <= BASE or module.base >= BASE + SIZE
    assert build_advapi32(ALL[build]).path.lower().endswith(rf"\{FILE_NAME}")


def test_a_snapshot_in_the_middle_of_it() -> None:
    sim, whole = run("regdemo.exe")
    sim.close()
    assert whole.instructions is not None
    with Simulation() as sim:
        sim.load(BIN / "regdemo.exe")
        assert sim.run(limit=whole.instructions * 3 // 4).reason is StopReason.LIMIT
        middle, saved = sim.snapshot(), sim.registry.save(r"HKCU\Software")
        ends = []
        for _ in range(2):
            ends.append(sim.run(trace="calls"))
            sim.restore(middle)
            assert sim.registry.save(r"HKCU\Software") == saved
        assert [end.exit_status for end in ends] == [0, 0]
        first, second = ([(c.name, c.status) for c in end.trace.calls()] for end in ends)  # type: ignore[union-attr]
        assert first == second
        assert {"NtSetValueKey", "NtDeleteKey"} <= {name for name, _ in first}


def test_the_command_line_takes_registry_text(
    tmp_path: object, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = f"{tmp_path}/it.reg"
    key = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    lines = [f'[HKEY_LOCAL_MACHINE\\{view}]\n"CurrentBuildNumber"="4711"' for view in (
        key, key.replace("SOFTWARE", r"SOFTWARE\Wow6432Node"),
    )]  # fmt: skip
    with open(file, "w", encoding="utf-16") as out:
        out.write("Windows Registry Editor Version 5.00\n\n" + "\n".join(lines))
    assert main(["run", "--registry", file, str(BIN / "regdemo.exe")]) == 0
    assert capfdbinary.readouterr().out == b"4711\n"
    assert main(["run", "--registry", f"{tmp_path}/none.reg", str(BIN / "regdemo.exe")]) == 125
    assert b"none.reg" in capfdbinary.readouterr().err
