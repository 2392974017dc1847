r"""Every odd name and what NtCreateFile answers, on the volume and on a mount.

The third column says where Windows' answer is published; "unverified" is our reading of [MS-FSA], [MS-FSCC] and the
object manager's rules, which nobody has compared with a machine yet. The Win32 level (trailing dots, ``\\?\``,
``COM1.txt``) is in tests/simulation/test_win32_names.py.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from guest import READ, SYNC, WRITE, Guest

from wowsim.errors import Unsupported
from wowsim.kernel.access import FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN_IF
from wowsim.kernel.file_changes import NtSetInformationFile
from wowsim.kernel.files import NtDeleteFile
from wowsim.kernel.handles import NtClose
from wowsim.nt.status import (
    STATUS_NAME_TOO_LONG,
    STATUS_NOT_SAME_DEVICE,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_SUCCESS,
    name_of,
)

if TYPE_CHECKING:
    from pathlib import Path

OK, INVALID, MISSING, NO_PATH = (
    STATUS_SUCCESS, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND,
)  # fmt: skip
BAD, TYPE = STATUS_OBJECT_PATH_SYNTAX_BAD, STATUS_OBJECT_TYPE_MISMATCH
FSA, FSCC, ERREF, OURS = "[MS-FSA] 2.1.5.1", "[MS-FSCC] 2.1.5", "[MS-ERREF]", "unverified"
C = "\\??\\C:"
SECRET = b"the host's own"

NAMES: list[tuple[str | bytes | None, int, str]] = [
    # ------------------------------------------------ the same file
    (C + r"\data\a.txt", OK, FSA),
    (r"\??\c:\DATA\A.TXT", OK, FSCC),
    (r"\DosDevices\C:\data\a.txt", OK, "WDK, Object Names"),
    (r"\GLOBAL??\C:\data\a.txt", OK, "WDK, Object Names"),
    (r"\Device\HarddiskVolume1\data\a.txt", OK, "WDK, Object Names"),
    (r"\dEvIcE\hArDdIsKvOlUmE1\data\a.txt", OK, "WDK, Object Names"),
    (r"\??\GLOBALROOT\Device\HarddiskVolume1\data\a.txt", OK, OURS),
    (C + r"\data\a.txt::$DATA", OK, FSCC),
    (C + r"\data\a.txt::$data", OK, FSCC),
    (C + r"\\data\a.txt", OK, OURS),
    # ------------------------------------------------ absent
    (C + r"\data\missing.txt", MISSING, FSA),
    (C + r"\missing\a.txt", NO_PATH, FSA),
    (C + r"\data\a.txt\b", NO_PATH, FSA),
    (C + r"\data\a.txt.", MISSING, "NT strips no dots: Naming Files, learn.microsoft.com"),
    (C + r"\data\a.txt ", MISSING, "NT strips no spaces: Naming Files, learn.microsoft.com"),
    (C + r"\data.\a.txt", NO_PATH, OURS),
    (C + r"\data\ a.txt", MISSING, OURS),
    (C + "\\\ud800", MISSING, OURS),
    (C + "\\\udc00\ud800x", MISSING, OURS),
    (C + "\\" + "x" * 255, MISSING, FSCC),
    (C + "\\x" * 16000, NO_PATH, OURS),
    # ------------------------------------------------ dots are no way up
    (C + r"\data\..\data\a.txt", INVALID, FSCC),
    (C + r"\data\.\a.txt", INVALID, FSCC),
    (C + r"\..\..\etc\passwd", INVALID, FSCC),
    (C + r"\data\..", INVALID, FSCC),
    (C + r"\.", INVALID, FSCC),
    (C + r"\data\...", MISSING, OURS),
    # ------------------------------------------------ malformed
    (C + r"\data\a.txt\\", INVALID, OURS),
    (C + "\\data\\a.txt\\", INVALID, FSA),
    (C + r"\data\\a.txt", INVALID, OURS),
    (C + r"\data/a.txt", INVALID, FSCC),
    (C + r"\data\a*", INVALID, FSCC),
    (C + r"\data\?.txt", INVALID, FSCC),
    (C + r"\data\<", INVALID, FSCC),
    (C + '\\data\\a"', INVALID, FSCC),
    (C + r"\data\a|b", INVALID, FSCC),
    (C + "\\data\\a.txt\0", INVALID, FSCC),
    (C + "\\data\\a\0.txt", INVALID, FSCC),
    (C + "\\data\\\x1f", INVALID, FSCC),
    (C + "\\" + "x" * 256, INVALID, FSCC),
    (C + "\\" + "x" * 32000, INVALID, OURS),
    # ------------------------------------------------ streams
    (C + r"\data\a.txt:x", MISSING, FSA),
    (C + r"\data\a.txt:x:$DATA", MISSING, FSA),
    (C + r"\data\missing:x", MISSING, FSA),
    (C + r"\data\a.txt:", INVALID, FSA),
    (C + r"\data\a.txt::", INVALID, OURS),
    (C + r"\data\a.txt::$INDEX_ALLOCATION", INVALID, OURS),
    (C + r"\data::$DATA", INVALID, OURS),
    (C + r"\data\a.txt:x\y", INVALID, OURS),
    (C + r"\data:x\a.txt", INVALID, OURS),
    (C + r"\data\:x", INVALID, OURS),
    # ------------------------------------------------ what only Win32 takes for a device
    (C + r"\data\NUL", MISSING, "Naming Files, learn.microsoft.com"),
    (C + r"\data\CON", MISSING, "Naming Files, learn.microsoft.com"),
    (C + r"\COM1.txt", MISSING, "Naming Files, learn.microsoft.com"),
    (C + r"\data\LPT1", MISSING, "Naming Files, learn.microsoft.com"),
    # ------------------------------------------------ the object manager's
    (r"\??\NUL", OK, "WDK, Object Names"),
    (r"\??\nul", OK, "WDK, Object Names"),
    (r"\Device\Null", OK, "WDK, Object Names"),
    (r"\??\NUL\x", MISSING, OURS),
    (r"\??\COM1", MISSING, ERREF),
    (r"\??\COM1.txt", MISSING, ERREF),
    (r"\??\D:\x", NO_PATH, ERREF),
    (r"\??\\?\C:\data\a.txt", INVALID, OURS),
    (r"\\?\C:\data\a.txt", INVALID, OURS),
    (r"\\.\C:\data\a.txt", INVALID, OURS),
    (r"\??\UNC\server\share\x", NO_PATH, OURS),
    (r"\??\PIPE\missing", MISSING, ERREF),
    (r"\??\PIPE\..\HarddiskVolume1\data\a.txt", MISSING, OURS),
    (r"\??", TYPE, OURS),
    ("\\", TYPE, OURS),
    (r"\Device", TYPE, OURS),
    (r"\Device\Nothing", MISSING, ERREF),
    (r"\Device\..\??\C:\data\a.txt", NO_PATH, OURS),
    (r"\??\C:data\a.txt", NO_PATH, OURS),
    (r"data\a.txt", BAD, ERREF),
    (r"C:\data\a.txt", BAD, ERREF),
    ("", BAD, ERREF),
    (None, BAD, ERREF),
    (b"\\\0?", INVALID, "an odd number of bytes: unverified"),
]
"""Name, what NtCreateFile answers, source."""


@pytest.fixture
def guest() -> Guest:
    made = Guest()
    made.k.files.add(r"C:\data\a.txt", b"hello")
    return made


@pytest.mark.parametrize(("path", "status", "source"), NAMES)
def test_what_a_name_opens(guest: Guest, path: str | bytes | None, status: int, source: str) -> None:
    assert source
    assert name_of(guest.create(path)) == name_of(status)
    assert len(guest.k.handles) == (status == OK)
    if status == OK and isinstance(path, str) and "data" in path.lower():
        node = guest.k.volume.locate(guest.k.volume.root, r"data\a.txt").node
        assert node is not None
        assert node.opens == 1


@pytest.mark.parametrize(
    "name",
    [
        "a.txt.",
        "a.txt ",
        "...",
        " ",
        "NUL",
        "COM1.txt",
        "\ud800\udc00",
        "\udc00\ud800x",
        "x" * 255,
        "ß",
        "\u0130",
    ],
)
def test_odd_names_that_are_names(guest: Guest, name: str) -> None:
    path = C + "\\data\\" + name
    guest.open(path, WRITE, FILE_CREATE)
    assert name.encode("utf-16-le", "surrogatepass").decode(
        "utf-16-le", "surrogatepass"
    ) in guest.k.files.list(r"C:\data")
    assert guest.create(path, WRITE, FILE_CREATE) == STATUS_OBJECT_NAME_COLLISION


def test_a_path_ends_at_32767_units(guest: Guest) -> None:
    """UNICODE_STRING ends at 32767; a relative open gets deeper until the whole path is that long."""
    root = guest.open("\\??\\C:\\", READ, options=SYNC | FILE_DIRECTORY_FILE)
    place, depth = guest._next, 0
    while True:
        guest._next = place
        status = guest.create("d" * 255, READ, FILE_CREATE, SYNC | FILE_DIRECTORY_FILE, root=root)
        if status != STATUS_SUCCESS:
            break
        deeper = guest.handle
        guest.call(NtClose, root)
        root, depth = deeper, depth + 1
    assert (name_of(status), depth) == (name_of(STATUS_NAME_TOO_LONG), 32767 // 256)


# ---------------------------------------------------------------- mounts
@pytest.fixture
def host(tmp_path: Path) -> Path:
    """``inside`` is mounted; ``secret.txt`` beside it must never be seen, whatever link or name leads there."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a.txt").write_bytes(b"in")
    (inside / "Both").write_bytes(b"first")
    (inside / "both").write_bytes(b"second")
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "inside.txt").write_bytes(SECRET)
    links: dict[str, str | Path] = {
        "file": tmp_path / "secret.txt",
        "relative": "../secret.txt",
        "up": "..",
        "root": "/",
        "in": "a.txt",
        "loop": "loop",
        "dangling": tmp_path / "new.txt",
    }
    for name, target in links.items():
        os.symlink(target, inside / name)
    return inside


M = C + "\\m"
MOUNT_NAMES = [
    (r"\a.txt", OK),
    (r"\A.TXT", OK),
    (r"\in", OK),  # a link of the host that stays inside
    (r"\a.txt::$DATA", OK),
    (r"\a.txt:x", INVALID),
    (r"\new.txt:x", INVALID),
    (r"\..\secret.txt", INVALID),
    (r"\..", INVALID),
    (r"/../secret.txt", INVALID),
    (r"\a.txt\..\..\secret.txt", INVALID),
    ("\\a.txt\0", INVALID),
    ("\\\ud800", INVALID),
    (r"\NUL", INVALID),
    (r"\con.txt", INVALID),
    (r"\COM1", INVALID),
    (r"\a.txt.", INVALID),
    (r"\a.txt ", INVALID),
    (r"\C:\data\a.txt", INVALID),
    (r"\etc\passwd", NO_PATH),
    (r"\up\secret.txt", NO_PATH),
    (r"\root\etc\passwd", NO_PATH),
    (r"\file", STATUS_OBJECT_NAME_COLLISION),
    (r"\relative", STATUS_OBJECT_NAME_COLLISION),
    (r"\loop", STATUS_OBJECT_NAME_COLLISION),
    (r"\dangling", STATUS_OBJECT_NAME_COLLISION),
]
"""What opening or creating answers on a mount that may be written; names a Windows host would take for something else
are refused on every host. Links that lead out are not there, and their names are taken (unverified: Windows has no
such thing)."""


def mounted(host: Path, writable: bool = True) -> Guest:
    guest = Guest(capacity=1 << 20)
    guest.k.files.add(r"C:\data\a.txt", b"hello")
    guest.k.files.mount(host, r"C:\m", writable)
    return guest


@pytest.mark.parametrize(("name", "status"), MOUNT_NAMES)
def test_nothing_leaves_a_mount(host: Path, name: str, status: int) -> None:
    guest = mounted(host)
    assert name_of(guest.create(M + name, READ | WRITE, FILE_OPEN_IF)) == name_of(status)
    assert (host.parent / "secret.txt").read_bytes() == SECRET
    assert sorted(os.listdir(host.parent)) == ["inside", "inside.txt", "secret.txt"]


@pytest.mark.skipif(os.path.exists(os.path.devnull.upper()), reason="the host ignores case")
def test_names_that_differ_in_case_alone_are_one(host: Path) -> None:
    guest = mounted(host)
    listed = guest.k.files.list(r"C:\m")
    assert "Both" in listed
    assert "both" not in listed
    assert guest.k.files.read(r"C:\m\BOTH") == b"first"


@pytest.mark.parametrize(
    "path", [r"..\secret.txt", r"\??\C:\m\..\secret.txt", r"\??\C:\m\up\x", "nul", "x:y"]
)
def test_a_rename_leaves_no_mount(host: Path, path: str) -> None:
    guest = mounted(host)
    handle = guest.open(M + r"\a.txt", 0x1F01FF)
    text = path.encode("utf-16-le")
    data = guest.put(b"\1" + bytes(15) + len(text).to_bytes(4, "little") + text)
    for information_class in (10, 11):
        status = guest.call(NtSetInformationFile, handle, guest.iosb, data, 20 + len(text), information_class)
        assert status >> 30 == 3
    out = r"\??\C:\out".encode("utf-16-le")
    data = guest.put(bytes(16) + len(out).to_bytes(4, "little") + out)
    status = guest.call(NtSetInformationFile, handle, guest.iosb, data, 20 + len(out), 10)
    assert status == STATUS_NOT_SAME_DEVICE
    assert sorted(os.listdir(host.parent)) == ["inside", "inside.txt", "secret.txt"]


def test_deleting_a_link_that_leads_out_deletes_nothing(host: Path) -> None:
    guest = mounted(host)
    for name in ("file", "relative", "up", "root"):
        assert guest.call(NtDeleteFile, guest.name(rf"{M}\{name}")) == MISSING
        assert guest.call(NtDeleteFile, guest.name(rf"{M}\{name}\secret.txt")) == NO_PATH
    assert (host.parent / "secret.txt").read_bytes() == SECRET


@pytest.mark.parametrize(
    "prefix", ["", M, C, r"\Device", r"\??\PIPE", r"\??\GLOBALROOT\Device\HarddiskVolume1\m"]
)
def test_host_paths_are_no_names(host: Path, prefix: str) -> None:
    """The host's own absolute paths, joined to anything."""
    guest = mounted(host)
    secret = str(host.parent / "secret.txt")
    for path in (secret, secret.replace("/", "\\"), "\\" + secret, secret + ":x"):
        try:
            status = guest.create(prefix + path)
        except Unsupported:
            continue
        assert status >> 30 == 3
