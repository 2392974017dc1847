"""The built-in advapi32.dll under programs: its functions, when it is mapped, what snapshots hold."""

from __future__ import annotations

import struct

import pytest
from programs import BIN, BUILDS, run

from wowsim import Simulation
from wowsim.cli import main
from wowsim.errors import StopReason
from wowsim.guest32.advapi32 import BASE, FILE_NAME, NAME, SIZE, build_advapi32
from wowsim.kernel.accounts import user_sid
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


@pytest.mark.parametrize("count", [2, 40])
def test_several_values_at_once_through_the_thunk(count: int) -> None:
    with Simulation() as sim:
        sim.load(BIN / "spin.exe")
        sim.run(limit=200_000)
        key = rf"\REGISTRY\USER\{user_sid(0)}\Several"
        for number in range(count):
            sim.registry.set(key, f"v{number:02}", bytes([number]) * (number + 1), kind=100 + number)
        block = sim.call32("kernel32!VirtualAlloc", 0, 0x10000, 0x3000, 4)
        text, at = key.encode("utf-16-le"), block + 0x8000
        sim.memory.write(at, text)
        sim.memory.write(block, struct.pack("<HHI", len(text), len(text), at))
        sim.memory.write(block + 8, struct.pack("<6I", 24, 0, block, 0x40, 0, 0))
        assert sim.call32("ntdll32!ZwOpenKey", block + 0x20, 1, block + 8) == 0
        handle, entries = struct.unpack("<I", sim.memory.read(block + 0x20, 4))[0], b""
        for number in range(count):
            name, where = f"V{number:02}".encode("utf-16-le"), block + 0x1000 + 16 * number
            sim.memory.write(where, struct.pack("<HHI", 6, 6, where + 8) + name)
            entries += struct.pack("<IIII", where, 0xCCCCCCCC, 0xCCCCCCCC, 0xCCCCCCCC)
        sim.memory.write(block + 0x2000, entries + b"\xcc" * 16)
        sim.memory.write(block + 0x30, struct.pack("<I", 0x1000))
        arguments = (handle, block + 0x2000, count, block + 0x4000, block + 0x30, 0)
        assert sim.call32("ntdll32!ZwQueryMultipleValueKey", *arguments) == 0
        found = sim.memory.read(block + 0x2000, len(entries) + 16)
        assert found[-16:] == b"\xcc" * 16
        for number, (name, length, offset, kind) in enumerate(struct.iter_unpack("<IIII", found[:-16])):
            assert (name, length, kind) == (block + 0x1000 + 16 * number, number + 1, 100 + number)
            assert sim.memory.read(block + 0x4000 + offset, length) == bytes([number]) * length
        for wild in ((handle, 0x10, count), (handle, block + 0x2000, 0xFFFFFFFF), (handle, 0, count)):
            status = sim.call32("ntdll32!ZwQueryMultipleValueKey", *wild, *arguments[3:])
            assert status in (0xC0000005, 0xC000009A)


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
