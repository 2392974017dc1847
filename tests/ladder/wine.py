"""Real Wine on the real CPU, put together out of Debian's packages and nothing installed.

``wine64`` with the folder of 32-bit PE files beside the 64-bit one is a new-style WoW64, no 32-bit libraries of the
host take part. The unpacked packages are laid over ``/usr`` in a mount namespace of the run's own, which takes root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from wowsim.kernel.accounts import COMPUTER, USER

from .cases import APP
from .outcome import Outcome, left, outcome, prepare, program_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .cases import Case

PACKAGES = ("libwine:amd64", "libwine:i386", "wine64", "wine64-preloader", "libz-mingw-w64")
PATIENCE = 120
"""Seconds for one program."""
_START = """
mount -t overlay overlay -o "lowerdir=$WOWSIM_ORACLE/usr:/usr" /usr && hostname "$WOWSIM_COMPUTER" &&
unset WOWSIM_ORACLE WOWSIM_COMPUTER && exec /usr/lib/wine/"$@"
"""
_UNSHARE = ("unshare", "-m", "-u", "bash", "-c", _START, "wine")
_OVERRIDES = "mscoree=;mshtml=;winemenubuilder.exe=;explorer.exe=;winedbg.exe="


class NoWine(Exception):
    """Real Wine cannot be run here; the text says why."""


class Wine:
    """One copy of Wine with its prefix, in a folder that is made when it is first used.

    Args:
        folder: where; nothing else is written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if os.geteuid() != 0:
            raise NoWine("laying Wine over /usr takes root")
        for tool in ("unshare", "apt-get", "dpkg-deb"):
            if shutil.which(tool) is None:
                raise NoWine(f"there is no {tool} here")
        if not (folder / "ready").exists():
            self._make()
        # The server and Wine's own services stay until close(), and hold none of a program's handles.
        self._quiet("wineserver64", "-p")
        self._quiet("wine64", "wineboot")

    def close(self) -> None:
        """End the server and what is left of the programs."""
        self._quiet("wineserver64", "-k")

    @property
    def drive(self) -> Path:
        """The folder that is drive C."""
        return self._folder / "prefix" / "drive_c"

    def run(self, case: Case) -> Outcome:
        """What a case leaves under real Wine."""
        before = set(self.drive.iterdir())
        app, work = self.drive / "app", self.drive / "work"
        try:
            for folder in (app, work):
                folder.mkdir()
            prepare(case, app, work)
            program = program_file(case)
            guest = case.program if program is None else f"{APP}\\{program.name}"
            done = self._call(["wine64", guest, *case.args], work, case.stdin, case.env)
            files = left(case, work, "C:\\work")
            for path in sorted(set(self.drive.iterdir()) - before - {app, work}):
                found = [path] if path.is_file() else sorted(path.rglob("*"))
                for file in found:
                    if file.is_file():
                        guest = "C:\\" + str(file.relative_to(self.drive)).replace("/", "\\")
                        files[guest] = file.read_bytes()
            return outcome(case, done.returncode, done.stdout, done.stderr, files)
        finally:
            for path in set(self.drive.iterdir()) - before:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "LANG": "en_US.UTF-8",
            "TZ": "UTC",
            "USER": USER,
            "WINEPREFIX": str(self._folder / "prefix"),
            "WINEDLLOVERRIDES": _OVERRIDES,
            "WINEDEBUG": "-all",
            "WOWSIM_ORACLE": str(self._folder),
            "WOWSIM_COMPUTER": COMPUTER,
        }

    def _call(
        self, command: list[str], cwd: Path, stdin: bytes, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                [*_UNSHARE, *command],
                cwd=cwd,
                env={**self._environment(), **env},
                input=stdin,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NoWine(f"{command} did not end in {PATIENCE} s") from None

    def _quiet(self, *command: str) -> int:
        """Run something whose children may stay; its exit code."""
        none = subprocess.DEVNULL
        return subprocess.call(
            [*_UNSHARE, *command], env=self._environment(), stdin=none, stdout=none, stderr=none
        )

    def _make(self) -> None:
        folder = self._folder
        shutil.rmtree(folder, ignore_errors=True)
        packages = folder / "packages"
        packages.mkdir(parents=True)
        done = subprocess.run(
            ["apt-get", "download", "-q", *PACKAGES],
            cwd=packages,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NoWine(
                f"apt-get: {done.stderr.strip().splitlines()[-1]} (i386 must be a foreign architecture: dpkg"
                " --add-architecture i386 && apt-get update)"
            )
        for package in sorted(packages.iterdir()):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        wine = folder / "usr/lib/x86_64-linux-gnu/wine"
        os.rename(folder / "usr/lib/i386-linux-gnu/wine/i386-windows", wine / "i386-windows")
        for machine, system in (("x86_64", "system32"), ("i686", "syswow64")):
            # user32 imports it, and it is none of Wine's own: it must be there before anything is registered
            (self.drive / "windows" / system).mkdir(parents=True)
            shutil.copy(folder / f"usr/{machine}-w64-mingw32/lib/zlib1.dll", self.drive / "windows" / system)
        if code := self._quiet("wine64", "wineboot", "-i"):
            raise NoWine(f"wineboot failed with {code}")
        self._quiet("wineserver64", "-w")
        (folder / "ready").touch()
