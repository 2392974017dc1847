"""What a run leaves: output, exit code, files; how that is kept as JSON, and where two differ."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .fetch import program_path

if TYPE_CHECKING:
    from .cases import Case

HERE = Path(__file__).parent
FIXTURES = HERE.parents[1] / "fixtures" / "bin"
THEN = 1_000_000_000
"""The time of all files that a case begins with: 2001-09-09 01:46:40 UTC."""
_ROOM = 2500
"""Longer texts are kept as their digest."""
_MESSAGES = re.compile(rb"(?m)^(wine: |[0-9a-f]{4}:(err|fixme|warn):)[^\n]*\n?")
"""What Wine's unix side writes to standard error; it is none of the program's."""


@dataclass(frozen=True)
class Outcome:
    """What one run left.

    Attributes:
        exit: the exit code's low 8 bits, all that real Wine hands on.
        stdout: text, or digest and first line of a long or binary one.
        stderr: likewise.
        files: content of each file left, by its guest path; directories end with a backslash.
    """

    exit: int
    stdout: str
    stderr: str
    files: dict[str, str]

    def differences(self, other: Outcome) -> list[str]:
        """A line for each part in which another outcome differs."""
        here, there = asdict(self), asdict(other)
        files, others = here.pop("files"), there.pop("files")
        lines = [
            f"{part}: {here[part]!r}\n    not {there[part]!r}" for part in here if here[part] != there[part]
        ]
        for path in sorted(files.keys() | others.keys()):
            if files.get(path) != others.get(path):
                lines.append(f"{path}: {files.get(path)!r}\n    not {others.get(path)!r}")
        return lines


def from_json(kept: dict[str, Any]) -> Outcome:
    """An outcome that was kept by ``dataclasses.asdict``."""
    return Outcome(kept["exit"], kept["stdout"], kept["stderr"], kept["files"])


def outcome(case: Case, status: int, stdout: bytes, stderr: bytes, files: dict[str, bytes]) -> Outcome:
    """The outcome of a case out of what was seen."""
    error = case.blur(_MESSAGES.sub(b"", stderr))
    return Outcome(
        status & 0xFF,
        _text(case.blur(stdout)),
        _text(error),
        {path: _text(case.blur(data)) for path, data in sorted(files.items())},
    )


def _text(data: bytes) -> str:
    text = data.decode("latin-1")
    if len(data) <= _ROOM and not re.search(r"[\x00-\x08\x0e-\x1f]", text):
        return text
    first = re.sub(r"[^ -~]", ".", text.strip().partition("\n")[0].strip()[:60])
    return f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}, begins {first!r}"


def program_file(case: Case) -> Path | None:
    """The program on the host; None for one of the root's, or one that was not fetched."""
    kind, _, name = case.program.partition(":")
    if kind == "fixture":
        return FIXTURES / name
    if kind == "host":
        return Path(name)
    return program_path(case.program) if "\\" not in case.program else None


def content(value: bytes | str) -> bytes:
    """The bytes that a case gives for a file."""
    if isinstance(value, bytes):
        return value
    kind, name, *size = value.split(":")
    if kind == "fixture":
        return (FIXTURES / name).read_bytes()
    if kind == "file":
        data = (HERE / "files" / name).read_bytes()
        return data[: int(size[0])] if size else data
    path = program_path(name)
    if path is None:
        raise FileNotFoundError(f"{name} was not fetched")
    return path.read_bytes()


def prepare(case: Case, app: Path, work: Path) -> None:
    """Fill the two folders that a case begins with."""
    program = program_file(case)
    files = {work / name: content(value) for name, value in case.work.items()}
    files |= {app / name: content(value) for name, value in case.beside.items()}
    if program is not None:
        files[app / program.name] = program.read_bytes()
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for folder in (app, work):
        for path in sorted(folder.rglob("*"), reverse=True):
            os.utime(path, (THEN, THEN))


def left(case: Case, folder: Path, guest: str) -> dict[str, bytes]:
    """What a folder holds now, except what a case put there unchanged."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        inside = guest + "\\" + name.replace("/", "\\")
        if path.is_dir():
            if not any(given.startswith(name + "/") for given in case.work):
                found[inside + "\\"] = b""
            continue
        data = path.read_bytes()
        time = path.stat().st_mtime
        if name in case.work and content(case.work[name]) == data and time == THEN:
            continue
        found[inside] = data + f"\nmodified {time:.2f}".encode() if case.times else data
    for name in case.work:
        if not (folder / name).exists():
            found[guest + "\\" + name.replace("/", "\\")] = b"(deleted)"
    return found
