from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.guest32.paths import PathType, device_name, file_part, full_path, nt_path, path_type

CURRENT = "C:\\work\\"


@pytest.mark.parametrize(("path", "kind"), [
    ("C:\\a", "DRIVE_ABSOLUTE"), ("c:/a", "DRIVE_ABSOLUTE"), ("C:a", "DRIVE_RELATIVE"), ("\\a", "ROOTED"),
    ("a\\b", "RELATIVE"), ("", "RELATIVE"), ("\\\\s\\s", "UNC_ABSOLUTE"), ("\\\\.\\pipe", "LOCAL_DEVICE"),
    ("\\\\?\\C:\\", "LOCAL_DEVICE"), ("\\\\.", "ROOT_LOCAL_DEVICE"), ("//./x", "LOCAL_DEVICE"),
])  # fmt: skip
def test_path_types(path: str, kind: str) -> None:
    assert path_type(path) is PathType[kind]


@pytest.mark.parametrize(("path", "full"), [
    ("a", "C:\\work\\a"), ("a\\", "C:\\work\\a\\"), (".", "C:\\work"), ("..", "C:\\"), ("..\\..\\x", "C:\\x"),
    ("\\x", "C:\\x"), ("C:x", "C:\\work\\x"), ("D:x", "D:\\x"), ("d:/x//y", "d:\\x\\y"), ("C:\\", "C:\\"),
    ("C:", "C:\\work"), ("x.", "C:\\work\\x"), ("x. .", "C:\\work\\x"), ("a.\\b", "C:\\work\\a\\b"),
    ("nul", "\\\\.\\nul"), ("C:\\dir\\Con.txt", "\\\\.\\Con"), ("aux:", "\\\\.\\aux"),
    ("lpt1 .x", "\\\\.\\lpt1"), ("...", "C:\\work\\"), ("a\\. .", "C:\\work\\a\\"), ("C:\\...", "C:\\"),
    ("nulx", "C:\\work\\nulx"), ("\\\\s\\h\\..\\..\\x", "\\\\s\\h\\x"), ("\\\\.\\pipe\\p", "\\\\.\\pipe\\p"),
    ("", ""), ("   ", ""), ("a\\.\\b\\..\\c", "C:\\work\\a\\c"),
])  # fmt: skip
def test_full_paths(path: str, full: str) -> None:
    assert full_path(path, CURRENT) == full


@pytest.mark.parametrize(("path", "name"), [
    ("x", "\\??\\C:\\work\\x"), ("\\\\s\\h\\x", "\\??\\UNC\\s\\h\\x"), ("\\\\.\\COM10", "\\??\\COM10"),
    ("\\\\?\\C:\\a\\..\\b.", "\\??\\C:\\a\\..\\b."), ("nul", "\\??\\nul"), ("", None), ("x" * 0x8000, None),
    ("x" * 251, "\\??\\C:\\work\\" + "x" * 251), ("x" * 252, None),
    ("\\\\?\\C:\\" + "x" * 300, "\\??\\C:\\" + "x" * 300),
])  # fmt: skip
def test_nt_names(path: str, name: str | None) -> None:
    assert nt_path(path, CURRENT) == name


@pytest.mark.parametrize(
    ("full", "index"), [("C:\\a\\b", 5), ("C:\\a\\", None), ("\\\\.\\NUL", None), ("", None)]
)
def test_file_parts(full: str, index: int | None) -> None:
    assert file_part(full) == index


def test_a_share_as_current_directory() -> None:
    assert full_path("x", "\\\\s\\h\\d\\") == "\\\\s\\h\\d\\x"
    assert full_path("\\x", "\\\\s\\h\\d\\") == "\\\\s\\h\\x"
    assert full_path("..\\..\\..\\x", "\\\\s\\h\\d\\") == "\\\\s\\h\\x"


@settings(max_examples=200, derandomize=True)
@given(st.text(alphabet="ab.\\/: C?*NUL", max_size=20))
def test_full_paths_are_full_and_stay_so(path: str) -> None:
    full = full_path(path, CURRENT)
    if full and device_name(path) is None:
        assert path_type(full) not in (PathType.RELATIVE, PathType.ROOTED, PathType.DRIVE_RELATIVE)
        assert "\\..\\" not in full
        assert full_path(full, "Z:\\") in (full, f"\\\\.\\{device_name(full)}")
