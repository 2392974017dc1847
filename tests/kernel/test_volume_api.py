from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wowsim.errors import UsageError
from wowsim.kernel.clock import Clock
from wowsim.kernel.volume import Volume
from wowsim.kernel.volume_api import Files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files() -> Files:
    return Files(Volume(Clock(), capacity=1 << 16))


def test_add_makes_parents_and_replaces(files: Files) -> None:
    files.add(r"C:\A\b\c.txt", b"one")
    files.add("c:/a/B/C.TXT", b"two!")
    assert files.read(r"C:\a\b\c.txt") == b"two!"
    assert files.list(r"C:\a\b") == ["c.txt"]
    assert files.list("C:\\") == ["A"]
    assert files.exists(r"C:\a") is True
    assert files.exists(r"C:\a\b\c.txt\x") is False
    files.add_directory(r"C:\a\empty")
    files.add_directory(r"C:\a\empty")
    assert files.list(r"C:\a\empty") == []


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a.txt",
        r"\a.txt",
        r"D:\a.txt",
        "C:",
        "C:\\",
        "C:a.txt",
        r"C:\..\a",
        r"C:\a\.\b",
        r"C:\a:b",
        "C:\\a\0",
        r"C:\a*",
        r"\\?\C:\a",
    ],
)
def test_bad_paths_are_named(files: Files, path: str) -> None:
    with pytest.raises(UsageError, match="expected one like"):
        files.add(path, b"")


def test_wrong_kinds_are_named(files: Files) -> None:
    files.add(r"C:\a\b", b"")
    for call in (
        lambda: files.add(r"C:\a", b""),
        lambda: files.add(r"C:\a\b\c", b""),
        lambda: files.read(r"C:\a"),
        lambda: files.read(r"C:\none"),
        lambda: files.list(r"C:\a\b"),
        lambda: files.add(r"C:\big", bytes(1 << 17)),
    ):
        with pytest.raises(UsageError, match="C:"):
            call()


def test_mount_wants_a_host_directory_and_a_free_place(files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    files.add(r"C:\taken", b"")
    with pytest.raises(UsageError, match="no directory of the host"):
        files.mount(tmp_path / "missing", r"C:\m")
    with pytest.raises(UsageError, match="no directory of the host"):
        files.mount(tmp_path / "file", r"C:\m")
    with pytest.raises(UsageError, match="exists already"):
        files.mount(tmp_path, r"C:\taken")
    files.mount(tmp_path, r"C:\deep\m")
    with pytest.raises(UsageError, match="another mount"):
        files.mount(tmp_path, r"C:\deep\m\again")
    assert files.list(r"C:\deep\m") == ["file"]
