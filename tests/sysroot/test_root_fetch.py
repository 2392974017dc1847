"""Fetching a root with tools that only pretend, and every way in which it can fail."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from small_root import make_root
from wowsim.errors import UsageError
from wowsim.sysroot import apt, open_root
from wowsim.sysroot import fetch as fetching
from wowsim.sysroot.fetch import fetch
from wowsim.sysroot.names import NAMED

if TYPE_CHECKING:
    from pathlib import Path

ROOT = NAMED["wine-8.0"]
APT_GET = """\
#!/bin/sh
echo "$@" >> "$FAKE/calls"
answer() {
    if [ -f "$FAKE/$1.err" ]; then cat "$FAKE/$1.err" >&2; exit 100; fi
}
case "$*" in
    *" update"*) answer update ;;
    *--print-uris*) answer find; cat "$FAKE/uris" ;;
    *" download "*) answer download; for file in libwine_8.0~repack-4_amd64.deb libwine_8.0~repack-4_i386.deb \\
        libz-mingw-w64_1.2.13+dfsg-1_all.deb; do echo deb > "$file"; done ;;
    *) exit 1 ;;
esac
"""
DPKG_DEB = """\
#!/bin/sh
if [ -f "$FAKE/unpack.err" ]; then cat "$FAKE/unpack.err" >&2; exit 2; fi
[ "$1" = --extract ] && [ -f "$2" ] && cp -r "$FAKE/tree/." "$3"
"""
URIS = """\
'http://m/debian/pool/libwine_8.0%7erepack-4_amd64.deb' libwine_8.0~repack-4_amd64.deb 100000000 SHA256:00
'http://m/debian/pool/libwine_8.0%7erepack-4_i386.deb' libwine_8.0~repack-4_i386.deb 95000000 SHA256:00
'http://m/debian/pool/libz-mingw-w64_1.2.13+dfsg-1_all.deb' libz-mingw-w64_1.2.13+dfsg-1_all.deb 1000000 SHA256:00
"""
NAMED_PACKAGES = (
    "libwine 8.0~repack-4 (amd64), libwine 8.0~repack-4 (i386), libz-mingw-w64 1.2.13+dfsg-1 (all)"
)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that tells the pretended tools what to do."""
    folder = tmp_path / "fake"
    (folder / "bin").mkdir(parents=True)
    for name, text in (("apt-get", APT_GET), ("dpkg-deb", DPKG_DEB)):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    (folder / "uris").write_text(URIS)
    packages = folder / "tree" / "usr"
    places = "lib/x86_64-linux-gnu/wine/x86_64-windows", "lib/i386-linux-gnu/wine/i386-windows"
    make_root(packages, names=places)
    (packages / "share" / "wine" / "nls").mkdir(parents=True)
    for table in (packages / places[0]).glob("*.nls"):
        table.rename(packages / "share" / "wine" / "nls" / table.name)
    (packages / places[0] / "libntdll.a").write_bytes(b"!<arch>")
    for machine in ("x86_64", "i686"):
        library = packages / f"{machine}-w64-mingw32" / "lib"
        library.mkdir(parents=True)
        (library / "zlib1.dll").write_text(machine)
    keyring = folder / "keyring.gpg"
    keyring.touch()
    monkeypatch.setattr(apt, "KEYRING", str(keyring))
    monkeypatch.setattr(fetching, "_ETC", folder)
    monkeypatch.setattr(fetching, "_NEEDED", 1)
    monkeypatch.setenv("FAKE", str(folder))
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("WOWSIM_CACHE", str(tmp_path / "cache"))
    return folder


def run(**options: object) -> list[str]:
    """The lines that a fetch tells."""
    told: list[str] = []
    fetch(ROOT, told.append, **options)  # type: ignore[arg-type]
    return told


def refusal(**options: object) -> str:
    with pytest.raises(UsageError) as caught:
        run(**options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def roots(tmp_path: Path) -> list[str]:
    folder = tmp_path / "cache" / "roots"
    return sorted(os.listdir(folder)) if folder.exists() else []


# ------------------------------------------------------------ what is made
def test_a_root_is_made(fake: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "roots" / "wine-8.0"
    assert run() == [
        "wine-8.0: reading the package lists of bookworm from http://deb.debian.org/debian",
        f"wine-8.0: fetching 196 MB: {NAMED_PACKAGES}",
        "wine-8.0: unpacking",
        f"wine-8.0: {folder}",
    ]
    assert roots(tmp_path) == ["wine-8.0"]
    root = open_root("wine")
    assert (root.name, root.version, root.path) == ("wine-8.0", "8.0", folder)
    assert (root.read("zlib1.dll", 64), root.read("zlib1.dll", 32)) == (b"x86_64", b"i686")
    assert root.read_nls("locale.nls") == b"table"
    assert not list(folder.rglob("*.a"))
    mark = json.loads((folder / "wowsim-root.json").read_text())
    assert (mark["name"], mark["version"], mark["suite"]) == ("wine-8.0", "8.0", "bookworm")
    assert mark["packages"] == NAMED_PACKAGES


def test_a_second_fetch_does_nothing_unless_it_is_forced(fake: Path, tmp_path: Path) -> None:
    run()
    (fake / "calls").unlink()
    assert run() == [f"wine-8.0 is there already: {tmp_path / 'cache' / 'roots' / 'wine-8.0'}"]
    assert not (fake / "calls").exists()
    (tmp_path / "cache" / "roots" / "wine-8.0" / "mine").touch()
    assert "wine-8.0: unpacking" in run(force=True)
    assert not (tmp_path / "cache" / "roots" / "wine-8.0" / "mine").exists()
    assert roots(tmp_path) == ["wine-8.0"]


def test_mirror_and_suite(fake: Path) -> None:
    (fake / "sources.list").write_text("deb http://own.example/debian bookworm main\n")
    assert "bookworm from http://own.example/debian" in run()[0]
    assert "sid from file:/srv/d" in run(mirror="file:/srv/d/", suite="sid", force=True)[0]


def test_fetches_at_the_same_time(fake: Path, tmp_path: Path) -> None:
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if line == "wine-8.0: unpacking" and len(told) == 3:
            run()

    fetch(ROOT, tell)
    assert "wine-8.0 was put in place by another fetch meanwhile" in told
    assert roots(tmp_path) == ["wine-8.0"]
    open_root("wine")


def test_folder_that_no_fetch_made(fake: Path, tmp_path: Path) -> None:
    mine = tmp_path / "cache" / "roots" / "wine-8.0" / "mine"
    mine.mkdir(parents=True)
    assert refusal() == f"{mine.parent} is there, but no fetch made it; --force replaces it"
    assert mine.exists()
    run(force=True)
    assert not mine.exists()


# ------------------------------------------------------------ interruption
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interruption_leaves_nothing(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def interrupted(*_: object) -> None:
        raise error

    monkeypatch.setattr(apt.Apt, "unpack", interrupted)
    with pytest.raises(error):
        run()
    assert roots(tmp_path) == []


def test_what_a_killed_fetch_left_is_removed(fake: Path, tmp_path: Path) -> None:
    dead, alive = (tmp_path / "cache" / "roots" / f".fetch-{name}" for name in ("dead", "alive"))
    for folder in (dead, alive):
        (folder / "root").mkdir(parents=True)
        (folder / "lock").touch()
    with open(alive / "lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run()
    assert roots(tmp_path) == [".fetch-alive", "wine-8.0"]


# ------------------------------------------------------------ failures
@pytest.mark.parametrize(("tool", "package"), [("apt-get", "apt"), ("dpkg-deb", "dpkg")])
def test_tools_that_are_not_there(
    fake: Path, monkeypatch: pytest.MonkeyPatch, tool: str, package: str, tmp_path: Path
) -> None:
    (fake / "bin" / tool).unlink()
    monkeypatch.setenv("PATH", str(fake / "bin"))
    assert refusal().startswith(f"{tool} (Debian package {package}) is not on this machine: ")
    assert roots(tmp_path) == []


def test_no_keyring(fake: Path) -> None:
    (fake / "keyring.gpg").unlink()
    assert refusal().endswith("packages' signatures cannot be checked; install debian-archive-keyring")


@pytest.mark.parametrize(
    ("step", "said", "reason"),
    [
        (
            "update",
            "E: Failed to fetch http://m/InRelease  Could not resolve 'm'\nE: Some index files failed\n",
            "the package lists of bookworm cannot be had from http://deb.debian.org/debian:"
            " Failed to fetch http://m/InRelease Could not resolve 'm'",
        ),
        (
            "update",
            "W: GPG error: http://m InRelease: NO_PUBKEY 0\nE: The repository is not signed.\n",
            "the package lists of bookworm cannot be had from http://deb.debian.org/debian:"
            " GPG error: http://m InRelease: NO_PUBKEY 0",
        ),
        (
            "find",
            "E: Unable to locate package libwine\n",
            "bookworm of http://deb.debian.org/debian lacks a package: Unable to locate package libwine",
        ),
        (
            "download",
            "E: Failed to fetch http://m/a.deb  404  Not Found\n",
            "packages cannot be had from http://deb.debian.org/debian: Failed to fetch http://m/a.deb 404 Not Found",
        ),
        (
            "download",
            "",
            "packages cannot be had from http://deb.debian.org/debian: apt-get ended with status 100",
        ),
        ("download", "E: Write error - write (28: No space left on device)\n", "is full"),
        ("unpack", "dpkg-deb: error: <decompress> subprocess: No space left on device\n", "is full"),
        (
            "unpack",
            "dpkg-deb: error: unexpected end of file\n",
            "libwine_8.0~repack-4_amd64.deb cannot be unpacked: dpkg-deb: error: unexpected end of file",
        ),
    ],
)
def test_failing_tools(fake: Path, tmp_path: Path, step: str, said: str, reason: str) -> None:
    (fake / f"{step}.err").write_text(said)
    assert refusal().endswith(reason)
    assert roots(tmp_path) == []


@pytest.mark.parametrize("version", ["8.0.2~repack-1", "7.0~repack-4", "9.0", "1:9.0-1", "8.0rc1~repack-1"])
def test_another_version(fake: Path, tmp_path: Path, version: str) -> None:
    (fake / "uris").write_text(URIS.replace("8.0~repack-4", version.replace(":", "%3a")))
    assert (
        f"bookworm of http://deb.debian.org/debian has libwine {version} for amd64; expected 8.0" in refusal()
    )
    assert roots(tmp_path) == []


@pytest.mark.parametrize("version", ["8.0~repack-5", "8.0-1", "1:8.0+dfsg-2", "8.0~repack-4+deb12u1"])
def test_another_revision(version: str) -> None:
    assert fetching._is_version(version, "8.0")


def test_a_package_that_is_not_offered(fake: Path) -> None:
    (fake / "uris").write_text("".join(URIS.splitlines(True)[:2]) + "a notice\n")
    assert "lacks a package: asked for libwine, libwine:i386, libz-mingw-w64, found 2 of 3" in refusal()


def test_packages_without_a_module(fake: Path, tmp_path: Path) -> None:
    for path in fake.rglob("wow64cpu.dll"):
        path.unlink()
    text = refusal()
    assert text.startswith("the packages of bookworm of http://deb.debian.org/debian make no whole root: ")
    assert "has no wow64cpu.dll" in text
    assert roots(tmp_path) == []


def test_disk_that_is_nearly_full(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_NEEDED", 1 << 60)
    assert "GB free; fetching takes 1152921504.6 GB" in refusal()
    assert roots(tmp_path) == []


def test_cache_that_cannot_be_written(fake: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert refusal().startswith(f"wine-8.0 cannot be prepared in {tmp_path / 'cache' / 'roots'}: ")


@pytest.mark.parametrize("mirror", ["", "no address", 'http://a" b', "http://a\nb", "justaname", "http://a]"])
def test_mirrors_that_make_no_source(fake: Path, mirror: str) -> None:
    assert f"mirror {mirror.rstrip('/')!r} " in refusal(mirror=mirror)
    assert not (fake / "calls").exists()


@pytest.mark.parametrize("suite", ["", "a b", "-x[", 'q"'])
def test_suites_that_make_no_source(fake: Path, suite: str) -> None:
    assert f"suite {suite!r} makes no entry" in refusal(suite=suite)


def test_cache_with_a_quotation_mark(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOWSIM_CACHE", str(tmp_path / 'a"b'))
    assert "has a quotation mark" in refusal()


# ------------------------------------------------------------ the configuration
@pytest.mark.skipif(shutil.which("apt-config") is None, reason="apt is not on this machine")
def test_apt_understands_its_configuration(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the machine's state is in use, no hook runs, and nothing unsigned is taken."""
    kept: list[str] = []

    def look(self: apt.Apt) -> None:
        hooks = tmp_path / "machine.conf"
        hooks.write_text('APT::Update::Post-Invoke { "false"; };\nAPT::Architectures { "arm64"; };\n')
        line = ["apt-config", "-c", str(self.folder / "apt.conf"), "dump"]
        kept.append(
            subprocess.run(line, env={"APT_CONFIG": str(hooks)}, capture_output=True, text=True).stdout
        )
        kept.append(str(self.folder))

    monkeypatch.setattr(apt.Apt, "update", look)
    run()
    dump, folder = kept
    assert "APT::Update::P" not in dump
    assert [line for line in dump.splitlines() if line.startswith("APT::Architectures::")] == [
        'APT::Architectures:: "amd64";',
        'APT::Architectures:: "i386";',
    ]
    for name in ("Dir::State", "Dir::State::status", "Dir::Cache", "Dir::Log", "Dir::Etc::SourceList"):
        (value,) = (line for line in dump.splitlines() if line.lower().startswith(f"{name} ".lower()))
        assert folder in value
    assert 'Acquire::AllowInsecureRepositories "false";' in dump
    assert 'Dir::Etc::sourceparts "/dev/null";' in dump


def test_tools_keep_the_environment(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies are said there; messages come untranslated."""
    monkeypatch.setenv("http_proxy", "http://proxy.example")
    (fake / "bin" / "apt-get").write_text('#!/bin/sh\necho "E: $http_proxy $LC_ALL" >&2\nexit 100\n')
    assert refusal().endswith("http://proxy.example C")
