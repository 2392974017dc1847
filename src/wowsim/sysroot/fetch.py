"""Makes a named root out of Debian's Wine packages, in the user's cache.

Nothing is installed. A root is made in a folder of its own and renamed at the end: whoever opens it sees all of it or
nothing, two that fetch at once do not disturb each other, and what an interrupted fetch left is removed by the next.
The files are Debian's, unchanged (their COFF symbols are wanted). The command line imports it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from wowsim.errors import UsageError
from wowsim.sysroot.apt import Apt, Package
from wowsim.sysroot.names import MARK, NamedRoot, mark_of, prepared, roots_folder
from wowsim.sysroot.root import open_root
from wowsim.sysroot.sources import debian_mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LICENCE = "Wine is free software under the LGPL 2.1 or later; the packages and their sources are Debian's"
PACKAGES = ("libwine", "libwine:i386", "libz-mingw-w64")
_WINE, _ZLIB = "libwine", "zlib1.dll"
_NEEDED = 2_200_000_000
"""Bytes that packages and unpacked files take at the most at once (measured with both versions)."""
_ETC = Path("/etc/apt")
_WORKING = ".fetch-"
_LOCK = "lock"

_FOLDERS = {
    "usr/lib/x86_64-linux-gnu/wine/x86_64-windows": "System32",
    "usr/lib/i386-linux-gnu/wine/i386-windows": "SysWOW64",
    "usr/share/wine/nls": "System32",
}
"""What is taken of the packages, and where it goes."""
_LIBRARIES = {"usr/x86_64-w64-mingw32/lib": "System32", "usr/i686-w64-mingw32/lib": "SysWOW64"}
"""Where zlib1.dll is, which some of Debian's Wine modules import."""


def fetch(
    root: NamedRoot,
    tell: Callable[[str], None],
    *,
    mirror: str | None = None,
    suite: str | None = None,
    force: bool = False,
) -> Path:
    """Fetch and prepare a root, unless it is there.

    Args:
        root: which.
        tell: takes a line of progress.
        mirror: the archive's address; by default the one of this machine's apt sources.
        suite: the Debian release; by default the one that has the root's version.
        force: fetch it again.

    Returns:
        Its folder.

    Raises:
        UsageError: it cannot be had; one line says why.
    """
    target = roots_folder() / root.name
    if not force and prepared(root.name) is not None:
        tell(f"{root.name} is there already: {target}")
        return target
    mirror = debian_mirror(_ETC) if mirror is None else mirror.rstrip("/")
    suite = root.suite if suite is None else suite
    try:
        with _workspace(target.parent) as folder:
            _check_space(folder)
            packages = _download(root, Apt(folder, mirror, suite), suite, mirror, tell)
            made = _prepare(root, folder, packages, suite)
            _check(made, suite, mirror)
            _put_in_place(made, target, folder, force, tell)
    except OSError as error:
        raise UsageError(f"{root.name} cannot be prepared in {target.parent}: {error.strerror}") from None
    tell(f"{root.name}: {target}")
    return target


def _download(
    root: NamedRoot, apt: Apt, suite: str, mirror: str, tell: Callable[[str], None]
) -> list[tuple[Package, Path]]:
    """The packages with the folders they are unpacked in."""
    tell(f"{root.name}: reading the package lists of {suite} from {mirror}")
    apt.update()
    packages = apt.find(PACKAGES)
    for package in packages:
        if package.name == _WINE and not _is_version(package.version, root.version):
            raise UsageError(
                f"{suite} of {mirror} has {_WINE} {package.version} for {package.architecture}; expected"
                f" {root.version} (Debian revision may be any)"
            )
    megabytes = sum(package.size for package in packages) / 1e6
    tell(f"{root.name}: fetching {megabytes:.0f} MB: {_named(packages)}")
    apt.download(PACKAGES)
    tell(f"{root.name}: unpacking")
    unpacked = []
    for package in packages:
        target = apt.folder / "unpacked" / f"{package.name}-{package.architecture}"
        target.mkdir(parents=True)
        apt.unpack(package, target)
        unpacked.append((package, target))
    return unpacked


def _named(packages: Iterable[Package]) -> str:
    return ", ".join(f"{p.name} {p.version} ({p.architecture})" for p in packages)


def _is_version(found: str, wanted: str) -> bool:
    """Whether a Debian version is one of Wine's: ``8.0~repack-4`` is 8.0, ``8.0.2~repack-1`` is not."""
    upstream = found.rpartition(":")[2].partition("-")[0].partition("~")[0].partition("+")[0]
    return upstream == wanted


def _prepare(root: NamedRoot, folder: Path, packages: list[tuple[Package, Path]], suite: str) -> Path:
    """The root's folder, of files moved out of the packages."""
    made = folder / "root"
    for _, unpacked in packages:
        for source, target in _FOLDERS.items():
            _move(unpacked / source, made / target)
        for source, target in _LIBRARIES.items():
            if (unpacked / source / _ZLIB).is_file():
                (made / target).mkdir(parents=True, exist_ok=True)
                os.replace(unpacked / source / _ZLIB, made / target / _ZLIB)
    said = {
        "name": root.name,
        "version": root.version,
        "suite": suite,
        "licence": LICENCE,
        "packages": _named(package for package, _ in packages),
    }
    made.mkdir(exist_ok=True)
    (made / MARK).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return made


def _move(source: Path, target: Path) -> None:
    """Every regular file but the linkers' libraries."""
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir()):
        if file.suffix != ".a" and file.is_file() and not file.is_symlink():
            os.replace(file, target / file.name)


def _check(made: Path, suite: str, mirror: str) -> None:
    """A root that would not start is not put in place."""
    try:
        open_root(made)
    except UsageError as error:
        raise UsageError(f"the packages of {suite} of {mirror} make no whole root: {error}") from None


def _put_in_place(made: Path, target: Path, folder: Path, force: bool, tell: Callable[[str], None]) -> None:
    """Rename, at once; of two that fetched at the same time the first stays."""
    if force and target.exists():
        os.rename(target, folder / "replaced")
    try:
        os.rename(made, target)
    except OSError:
        if not target.is_dir():
            raise
        if not mark_of(target):
            raise UsageError(f"{target} is there, but no fetch made it; --force replaces it") from None
        tell(f"{target.name} was put in place by another fetch meanwhile")


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _NEEDED:
        raise UsageError(
            f"the disk of {folder.parent} has {free / 1e9:.1f} GB free; fetching takes {_NEEDED / 1e9:.1f} GB"
        )


# ------------------------------------------------------------ the working folder
@contextlib.contextmanager
def _workspace(parent: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, whatever happens; those of dead processes go first."""
    import fcntl  # not on Windows, where there is no apt either

    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(_WORKING + "*"):
        _remove_if_dead(left)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_WORKING, dir=parent))
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _LOCK).exists():
            break
        os.close(lock)  # another fetch took it for a dead one's before it was locked
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_if_dead(folder: Path) -> None:
    """Its maker holds a lock as long as it lives."""
    import fcntl

    try:
        lock = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return  # just being made, or just being removed
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
