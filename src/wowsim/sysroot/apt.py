"""Debian packages out of a mirror, through apt, with nothing installed and no need to be root.

apt keeps its whole state in a folder that the caller gives; the machine's configuration stays in force where it says
how to reach the network (proxies, certificates). Signatures are checked against Debian's keyring. Within the package,
``fetch`` imports it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from wowsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_NEEDED = {"apt-get": "apt", "dpkg-deb": "dpkg"}

_CONFIGURATION = """\
#clear APT::Update;
#clear APT::Architectures;
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; "i386"; }};
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::PDiffs "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Debug::NoLocking "true";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::State::extended_states "{folder}/extended_states";
Dir::Cache "{folder}/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "{folder}/log";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
"""
"""apt.conf(5). The machine's hooks around updates (which may want root) and its package pins do not apply. The user
of the sandbox is the caller's own, who alone can read the folder."""

_PRINTED = re.compile(r"'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+)(?: (?P<digest>\S+))?")
_COMPLAINT = re.compile(r"(?:E|W|Err:?\d*): *(?P<text>.*)")
_FULL = re.compile(r"No space left on device|Disk quota exceeded|not enough (free )?space", re.IGNORECASE)


@dataclass(frozen=True)
class Package:
    """One package that a mirror has: name, version, architecture, and the size of its file in bytes."""

    name: str
    version: str
    architecture: str
    file_name: str
    size: int


class Apt:
    """Packages of one suite of one mirror.

    Args:
        folder: an empty folder for apt's state and for the packages.
        mirror: the archive's address.
        suite: the release.

    Raises:
        UsageError: apt-get, dpkg-deb or Debian's keyring is not on this machine, or an argument makes no sense.
    """

    def __init__(self, folder: Path, mirror: str, suite: str) -> None:
        _check_tools()
        if re.search(r'["\\\n]', str(folder)):
            raise UsageError(
                f"cache folder {str(folder)!r} has a quotation mark, backslash or line end in its name"
            )
        for word, what in ((mirror, "mirror"), (suite, "suite")):
            if not re.fullmatch(r"[!-Z\\^-~]+", word) or '"' in word:
                raise UsageError(f"{what} {word!r} makes no entry of apt's sources")
        if "://" not in mirror and not mirror.startswith(("file:", "copy:")):
            raise UsageError(
                f"mirror {mirror!r} is no address; expected one such as http://deb.debian.org/debian"
            )
        self.folder, self._mirror, self._suite = folder, mirror, suite
        for part in ("state/lists/partial", "cache/archives/partial", "log", "packages"):
            (folder / part).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n")
        (folder / "apt.conf").write_text(_CONFIGURATION.format(folder=folder))

    def update(self) -> None:
        """Fetch the lists of packages.

        Raises:
            UsageError: they cannot be had; names apt's reason.
        """
        self._apt("update", failed=f"the package lists of {self._suite} cannot be had from {self._mirror}")

    def find(self, names: Sequence[str]) -> list[Package]:
        """What the mirror has of these packages (``name`` or ``name:architecture``).

        Raises:
            UsageError: it lacks one.
        """
        failed = f"{self._suite} of {self._mirror} lacks a package"
        printed = self._apt("download", "--print-uris", *names, failed=failed)
        packages = []
        for line in map(_PRINTED.match, printed.splitlines()):
            if line is None:
                continue
            stem = line["file"].removesuffix(".deb")
            name, version, architecture = (unquote(part) for part in stem.split("_"))
            packages.append(Package(name, version, architecture, line["file"], int(line["size"])))
        if len(packages) != len(names):
            raise UsageError(f"{failed}: asked for {', '.join(names)}, found {len(packages)} of {len(names)}")
        return packages

    def download(self, names: Sequence[str]) -> None:
        """Fetch packages and check their signatures.

        Raises:
            UsageError: they cannot be had.
        """
        self._apt("download", *names, failed=f"packages cannot be had from {self._mirror}")

    def unpack(self, package: Package, target: Path) -> None:
        """Unpack a package that was fetched, and remove its file.

        Raises:
            UsageError: it cannot be unpacked.
        """
        file = self.folder / "packages" / unquote(package.file_name)
        if not file.exists():  # apt writes a version's colon as %3a
            file = self.folder / "packages" / package.file_name
        _run(
            ["dpkg-deb", "--extract", str(file), str(target)], self.folder, f"{file.name} cannot be unpacked"
        )
        file.unlink()

    def _apt(self, command: str, *words: str, failed: str) -> str:
        configuration = str(self.folder / "apt.conf")
        line = ["apt-get", "-c", configuration, "--quiet=2", command, *words]
        return _run(line, self.folder / "packages", failed)


def _check_tools() -> None:
    for tool, package in _NEEDED.items():
        if shutil.which(tool) is None:
            raise UsageError(
                f"{tool} (Debian package {package}) is not on this machine: roots are fetched with apt-get and"
                " dpkg-deb; --sysroot also takes the folder of a Wine installation or of Windows"
            )
    if not os.path.exists(KEYRING):
        raise UsageError(
            f"{KEYRING} is not there, so packages' signatures cannot be checked; install debian-archive-keyring"
        )


def _run(words: Sequence[str], folder: Path, failed: str) -> str:
    """Run a tool to its end; returns what it printed.

    Raises:
        UsageError: it failed; the message has its own first reason.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise UsageError(f"{failed}: {words[0]} cannot be run: {error.strerror}") from None
    printed = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise UsageError(f"{failed}: {_reason(words[0], done.returncode, done.stderr, printed, folder)}")
    return printed


def _reason(tool: str, status: int, errors: bytes, printed: str, folder: Path) -> str:
    """The first complaint of a tool that failed, in one line."""
    lines = [line.strip() for line in (errors.decode("utf-8", "replace") + "\n" + printed).splitlines()]
    full = next((line for line in lines if _FULL.search(line)), None)
    if full is not None:
        return f"the disk of {folder} is full"
    complaints = [found["text"] for line in lines if (found := _COMPLAINT.fullmatch(line)) and found["text"]]
    said = complaints or [line for line in lines if line]
    return " ".join(said[0].split()) if said else f"{tool} ended with status {status}"
