r"""Registry text, the ``.reg`` files of regedit: reading and writing.

Both forms, ``Windows Registry Editor Version 5.00`` (UTF-16) and ``REGEDIT4`` (ANSI, whose ``hex(2)`` and ``hex(7)``
hold ANSI text), as "How to add, modify, or delete registry subkeys and values by using a .reg file" (Microsoft
support) has them: deletions, comments, continued lines. Who may import it: the kernel package.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wowsim.errors import UsageError
from wowsim.kernel.names import from_utf16, utf16
from wowsim.nt.records import dataclass
from wowsim.nt.registry_structures import (
    REG_BINARY,
    REG_DWORD,
    REG_EXPAND_SZ,
    REG_MULTI_SZ,
    REG_SZ,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VERSION_5, VERSION_4 = "Windows Registry Editor Version 5.00", "REGEDIT4"
ANSI = "cp1252"
WIDTH = 80
"""Columns after which a line of bytes is continued."""


@dataclass(frozen=True)
class Change:
    """One line.

    Attributes:
        key: path as written.
        name: of the value; None for the key itself.
        entry: type and data; None on a value deletes it.
        delete: the key goes, with what is below it.
    """

    key: str
    name: str | None = None
    entry: tuple[int, bytes] | None = None
    delete: bool = False


_BLANK = re.compile(r"[ \t]*(;[^\n]*)?(\n|\Z)")
_KEY = re.compile(r"[ \t]*\[(-?)([^\n]*)\][ \t]*(;[^\n\]]*)?(?:\n|\Z)")
_NAME = re.compile(r'[ \t]*(@|"(?:[^"\\]|\\.)*")[ \t]*=[ \t]*', re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_DWORD = re.compile(r"dword:[ \t]*([0-9a-f]{1,8})(?![0-9a-f])", re.IGNORECASE)
_HEX = re.compile(
    r"hex(?:\(([0-9a-f]{1,8})\))?:((?:[ \t,]|\\[ \t]*(?:;[^\n]*)?\n|[0-9a-f]{1,2}(?![0-9a-f]))*)",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_DIGITS = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_CONTINUED = re.compile(r"\\[ \t]*(?:;[^\n]*)?\n")
_PLAIN = re.compile(r"[^\0-\x1f]*")


# ---------------------------------------------------------------- reading
def decode(data: bytes) -> str:
    """The text of a file: UTF-16 or UTF-8 by its mark, else UTF-8, or ANSI for REGEDIT4."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    else:
        encoding = ANSI if data.startswith(VERSION_4.encode()) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"registry text: byte {error.start} is no {encoding}; save the file as UTF-16"
        ) from None


def parse(text: str) -> list[Change]:
    """What a text says, in its order.

    Raises:
        UsageError: a line is none of registry text; the message has its number.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    header, _, _ = text.partition("\n")
    if header.strip() not in (VERSION_5, VERSION_4):
        raise UsageError(
            f"registry text begins with {header[:60]!r}; expected {VERSION_5!r} or {VERSION_4!r}"
        )
    return list(_Reader(text, len(header) + 1, ansi=header.strip() == VERSION_4).changes())


class _Reader:
    """A position in the text."""

    def __init__(self, text: str, at: int, *, ansi: bool) -> None:
        self._text = text
        self._at = at
        self._ansi = ansi

    def changes(self) -> Iterator[Change]:
        key = ""
        while self._at < len(self._text):
            if self._take(_BLANK):
                continue
            found = self._take(_KEY)
            if found is not None:
                key = "" if found[1] else found[2]
                yield Change(found[2], delete=bool(found[1]))
                continue
            name = self._take(_NAME)
            if name is None:
                raise self._error("a key in brackets, or a value")
            if not key:
                raise self._error("a key in brackets before its values")
            label = "" if name[1] == "@" else _unescaped(name[1][1:-1])
            yield Change(key, label, self._entry())
            if not self._take(_BLANK):
                raise self._error("the end of the line")

    def _entry(self) -> tuple[int, bytes] | None:
        if self._text.startswith("-", self._at):
            self._at += 1
            return None
        if (found := self._take(_STRING)) is not None:
            return REG_SZ, utf16(_unescaped(found[1]) + "\0")
        if (found := self._take(_DWORD)) is not None:
            return REG_DWORD, int(found[1], 16).to_bytes(4, "little")
        if (found := self._take(_HEX)) is None:
            raise self._error('-, "text", dword: or hex:')
        kind = REG_BINARY if found[1] is None else int(found[1], 16)
        data = bytes(int(digits, 16) for digits in _DIGITS.findall(_CONTINUED.sub("", found[2])))
        if self._ansi and kind in (REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ):
            data = utf16(data.decode(ANSI, "replace"))
        return kind, data

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def _error(self, expected: str) -> UsageError:
        line = self._text.count("\n", 0, self._at) + 1
        found = self._text[self._at :].partition("\n")[0][:60]
        return UsageError(f"registry text, line {line}: {found!r}; expected {expected}")


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)


# ---------------------------------------------------------------- writing
def render(keys: Iterable[tuple[str, Iterable[tuple[str, int, bytes]]]]) -> str:
    """The text of keys with their values (name, type, data), version 5.00, lines ended as on Windows.

    Raises:
        UsageError: a name has a line's end in it, which the format cannot hold.
    """
    lines = [VERSION_5, ""]
    for path, values in keys:
        lines.append(f"[{_checked(path)}]")
        for name, kind, data in values:
            label = f'"{_escaped(_checked(name))}"' if name else "@"
            lines += _value_lines(f"{label}=", kind, data)
        lines.append("")
    return "\r\n".join(lines) + "\r\n"


def _checked(name: str) -> str:
    if "\n" in name or "\r" in name:
        raise UsageError(f"registry text cannot hold the name {name!r}: it has the end of a line in it")
    return name


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _value_lines(label: str, kind: int, data: bytes) -> list[str]:
    if kind == REG_DWORD and len(data) == 4:
        return [f"{label}dword:{int.from_bytes(data, 'little'):08x}"]
    if kind == REG_SZ and data[-2:] == b"\0\0" and len(data) % 2 == 0:
        text = from_utf16(data[:-2])
        if _PLAIN.fullmatch(text):
            return [f'{label}"{_escaped(text)}"']
    line, lines = label + ("hex:" if kind == REG_BINARY else f"hex({kind:x}):"), []
    for index, byte in enumerate(data):
        part = f"{byte:02x}" + ("," if index < len(data) - 1 else "")
        if len(line) + len(part) >= WIDTH:
            lines.append(line + "\\")
            line = "  "
        line += part
    return [*lines, line]
