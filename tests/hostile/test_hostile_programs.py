"""Programs that mean harm stay inside, with the built-in images and with real DLLs: a status or a clear stop reason."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import wowsim
from roots import ROOTS, fetched
from wowsim import StopReason

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(__file__).parents[2] / "fixtures" / "bin"
SYSTEMS = (None, *ROOTS)
MEMORY = 256 << 20

PROTECTED, NOT_FOUND, NO_PATH, BAD_NAME = "C00000A2", "C0000034", "C000003A", "C0000033"
END, OK = "C0000011", "00000000"
READABLE = (OK, PROTECTED)
"""A file of a read-only mount."""
INSIDE = {
    "public.txt": READABLE,
    "PUBLIC.TXT": READABLE,
    "public.txt.": READABLE,
    "public.txt::$DATA": READABLE,
    "sub\\inner.txt": READABLE,
    "inlink.txt": READABLE,
    "insub\\inner.txt": READABLE,
    "\\Device\\HarddiskVolume1\\work\\public.txt": READABLE,
    "NUL": (END, OK),
    "C:\\work\\NUL": (END, OK),
    "\\Device\\Null": (END, OK),
}
"""Names that lead somewhere, and may."""
OUTSIDE = (
    "..\\secret.txt",
    "C:\\work\\..\\secret.txt",
    "C:\\work\\..\\..\\secret.txt",
    "\\??\\C:\\work\\..\\secret.txt",
    "\\??\\C:\\work\\sub\\..\\..\\..\\secret.txt",
    "\\??\\C:\\work\\../secret.txt",
    "\\\\.\\C:\\work\\..\\..\\secret.txt",
    "\\\\?\\C:\\work\\..\\secret.txt",
    "\\Device\\HarddiskVolume1\\work\\..\\secret.txt",
    "outlink.txt",
    "outfolder\\secret.txt",
    "rootlink\\etc\\passwd",
    "C:\\work\\rootlink\\..\\secret.txt",
    "fifo",
    "\\\\.\\PhysicalDrive0",
    "\\??\\PhysicalDrive0",
    "\\Device\\Harddisk0\\DR0",
    "\\Device\\HarddiskVolume2\\secret.txt",
    "\\Device\\PhysicalMemory",
    "\\??\\GLOBALROOT\\Device\\Harddisk0\\DR0",
    "\\??\\UNC\\localhost\\share\\secret.txt",
    "\\\\localhost\\c$\\secret.txt",
    "\\Device\\Mup\\localhost\\share\\secret.txt",
    "\\??\\unix\\etc\\passwd",
    "\\\\?\\unix\\etc\\passwd",
    "\\\\?\\Z:\\etc\\passwd",
    "Z:\\etc\\passwd",
    "COM1",
    "LPT1",
    "\\\\.\\pipe\\secret",
    "PUBLIC~1.TXT",
    "public.txt:stream",
    "public.txt:..\\secret.txt",
    "C:\\work\\con\\secret.txt",
    "\\??\\C:\\work\\\\secret.txt",
    "\\??\\C:\\" + "a" * 300,
    "\\??\\C:\\work\\" + "a\\" * 2000,
    "\\??\\" + "x" * 16000,
)
"""Names that lead out of a mount or of the machine, or to nothing."""
SYSTEM_FILES = ("C:\\Windows\\System32\\ntdll.dll", "C:\\Windows\\SysWOW64\\ntdll.dll", "C:\\app\\probe.exe")


def simulation(system: str | None) -> wowsim.Simulation:
    if system is not None:
        fetched(system)
    return wowsim.Simulation(sysroot=system, memory=MEMORY)


@pytest.fixture(name="sim", params=SYSTEMS, ids=str)
def _sim(request: pytest.FixtureRequest) -> Iterator[wowsim.Simulation]:
    with simulation(request.param) as sim:
        yield sim


class Probed(NamedTuple):
    """What came of one name."""

    read: str
    write: str
    data: str


def probe(sim: wowsim.Simulation, *names: str) -> dict[str, Probed]:
    """Let the program try each name."""
    sim.load(BIN / "probe.exe", names, cwd="C:\\work")
    result = sim.run(timeout=120)
    assert (result.reason, result.exit_status) == (StopReason.EXITED, 0), result.detail
    found: dict[str, Probed] = {}
    parts = re.split(
        r"^([0-9A-F]{8}) ([0-9A-F]{8}) (.*)\n", result.stdout.decode("latin-1"), flags=re.MULTILINE
    )
    for read, write, name, data in zip(parts[1::4], parts[2::4], parts[3::4], parts[4::4], strict=True):
        found[name] = Probed(read, write, data)
    return found


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder to show, and beside it what nobody may see."""
    shown = tmp_path / "shown"
    (shown / "sub").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (shown / "public.txt").write_text("public")
    (shown / "sub" / "inner.txt").write_text("inner")
    (shown / "inlink.txt").symlink_to("public.txt")
    (shown / "insub").symlink_to("sub")
    (shown / "outlink.txt").symlink_to("../secret.txt")
    (shown / "outfolder").symlink_to("..")
    (shown / "rootlink").symlink_to("/")
    os.mkfifo(shown / "fifo")
    return shown


def contents(folder: Path) -> dict[str, str | None]:
    """Every file below, without following links."""
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() and not path.is_symlink() else None
        for path in folder.rglob("*")
    }


@pytest.mark.skipif(os.name == "nt", reason="the test makes links and pipes of POSIX")
def test_names_do_not_lead_out(sim: wowsim.Simulation, host: Path) -> None:
    before = contents(host.parent)
    sim.files.mount(host, "C:\\work")
    found = probe(sim, *INSIDE, *OUTSIDE)
    assert {name: found[name][:2] for name in INSIDE} == INSIDE
    for name in OUTSIDE:
        read, _, data = found[name]
        assert "secret" not in data, name
        assert "root:" not in data, name
        assert read >= "C0000000" or data == "hostile\n", name  # its own, written by another name before
    assert contents(host.parent) == before


@pytest.mark.skipif(os.name == "nt", reason="the test makes links and pipes of POSIX")
def test_a_writable_mount_is_not_left_either(sim: wowsim.Simulation, host: Path) -> None:
    before = contents(host.parent)
    sim.files.mount(host, "C:\\work", writable=True)
    found = probe(sim, *OUTSIDE)
    assert not any("secret" in each.data or "root:" in each.data for each in found.values())
    after = contents(host.parent)
    for name in ("secret.txt", "shown/outlink.txt", "shown/rootlink", "shown/fifo", "shown/public.txt"):
        assert after[name] == before[name]
    assert {name for name in after.keys() - before.keys() if not name.startswith("shown/")} == set()


def test_the_systems_files_stay(sim: wowsim.Simulation) -> None:
    def bytes_of(path: str) -> bytes | None:
        return sim.files.read(path) if sim.files.exists(path) else None

    sim.files.add_directory("C:\\work")
    before = [bytes_of(path) for path in SYSTEM_FILES[:2]]
    found = probe(sim, *SYSTEM_FILES)
    written = [name for name in SYSTEM_FILES if found[name].write == OK]
    assert not written or (before == [None, None] and SYSTEM_FILES[2] not in written)
    assert before == [None, None] or [bytes_of(path) for path in SYSTEM_FILES[:2]] == before


@pytest.mark.parametrize(
    ("what", "error", "least"),
    [
        ("memory", 1455, 100),  # ERROR_COMMITMENT_LIMIT
        ("reserve", 8, 100),  # ERROR_NOT_ENOUGH_MEMORY
        ("threads", 1455, 50),
        ("handles", 1450, 1000),  # ERROR_NO_SYSTEM_RESOURCES
        ("values", 1450, 10),
        ("keys", 1450, 100),
        ("files", 112, 100),  # ERROR_DISK_FULL
    ],
)
def test_what_is_taken_without_end_ends(sim: wowsim.Simulation, what: str, error: int, least: int) -> None:
    if what == "keys":
        sim._machine.kernel.registry._quota = 1 << 18  # the real one takes a while to fill
    sim.load(BIN / "greedy.exe", [what])
    result = sim.run(timeout=120)
    assert (result.reason, result.exit_status) == (StopReason.EXITED, 0), result.detail
    given, reason = map(int, result.stdout.split())
    assert reason == error
    assert given >= least


def test_running_for_ever_ends_with_the_timeout_or_the_limit(sim: wowsim.Simulation) -> None:
    sim.load(BIN / "greedy.exe", ["spin"])
    assert sim.run(timeout=3).reason is StopReason.TIMEOUT
    assert sim.run(limit=1_000_000).reason is StopReason.LIMIT


def test_waiting_for_ever_is_a_deadlock(sim: wowsim.Simulation) -> None:
    sim.load(BIN / "greedy.exe", ["sleep"])
    result = sim.run(timeout=60)
    assert (result.reason, result.detail) == (StopReason.DEADLOCK, "thread 1004 waits for a delay")


def test_a_disk_that_takes_output_gets_full() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "greedy.exe", ["output"])
        result = sim.run(timeout=120)
    assert (result.reason, len(result.stderr)) == (StopReason.EXITED, 64 << 20)


def test_endless_output_that_is_not_kept_takes_no_memory() -> None:
    taken = 0

    def count(stream: str, data: bytes) -> None:
        nonlocal taken
        taken += len(data)
        if taken > 65 << 20:
            sim.stop()

    with wowsim.Simulation(on_output=count, keep_output=False) as sim:
        sim.load(BIN / "greedy.exe", ["output"])
        result = sim.run(timeout=120)
    assert (result.reason, result.stderr) == (StopReason.STOPPED, b"")
