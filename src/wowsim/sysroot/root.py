"""A system root on the host. Who may import it: the simulation and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wowsim.errors import UsageError


@dataclass(frozen=True)
class SystemRoot:
    """A folder with System32 and SysWOW64."""

    name: str
    kind: Literal["wine", "windows"]
    version: str
    system32: Path
    syswow64: Path
    nls: Path

    def read(self, file_name: str, bits: int) -> bytes:
        """The bytes of a system DLL."""
        return ((self.system32 if bits == 64 else self.syswow64) / file_name).read_bytes()


def open_root(spec: str | Path) -> SystemRoot:
    """Open a root."""
    folder = Path(spec)
    if not (folder / "System32").is_dir():
        raise UsageError(f"{spec} is no system root")
    return SystemRoot(
        folder.name, "wine", "8.0", folder / "System32", folder / "SysWOW64", folder / "System32"
    )
