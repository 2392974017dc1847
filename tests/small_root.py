"""Whole system roots made of small PE files, which a test can then break."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from synthetic_pe import BASERELOC, CODE, DATA, EXPORT, IMPORT, PAGE, Blob, Part, make_pe, up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

WIDE_STUB = "4c8bd1b8{n}f604250803fe7f0175030f05c3eb01c3"
NARROW_STUB = "b8{n}ba0000f07fffd2c20800"
SERVICES = {"NtClose": 0xF, "NtOpenFile": 0x33}
ENTRIES = (
    "KiUserApcDispatcher",
    "KiUserExceptionDispatcher",
    "LdrInitializeThunk",
    "LdrSystemDllInitBlock",
    "RtlUserThreadStart",
)
TABLES = ("locale.nls", "l_intl.nls", "sortdefault.nls", "normnfc.nls")
CODE_PAGES = (1252, 437, 20127)
MODULES: dict[int, dict[str, tuple[str, ...]]] = {
    64: {
        "ntdll.dll": (),
        "wow64.dll": ("ntdll.dll",),
        "wow64cpu.dll": ("wow64.dll", "ntdll.dll"),
        "wow64win.dll": ("win32u.dll",),
        "win32u.dll": ("ntdll.dll",),
        "apisetschema.dll": (),
    },
    32: {
        "ntdll.dll": (),
        "kernel32.dll": ("kernelbase.dll",),
        "kernelbase.dll": ("api-ms-x.dll", "ntdll.dll"),
    },
}


def stub(bits: int, number: int) -> bytes:
    return bytes.fromhex((WIDE_STUB if bits == 64 else NARROW_STUB).format(n=struct.pack("<I", number).hex()))


def module(
    bits: int,
    *,
    exports: Mapping[str, bytes] | None = None,
    imports: Sequence[str] = (),
    wine: bool = True,
    further: Sequence[Part] = (),
    relocations: Mapping[int, Sequence[int]] | None = None,
) -> bytes:
    """A DLL with code behind its exports, imports by name, relocations and further sections."""
    exports = {} if exports is None else exports
    code, functions = bytearray(), []
    for routine in exports.values():
        functions.append(PAGE + len(code))
        code += routine + bytes(-len(routine) % 16)
    code += b"\xc3"
    blob = Blob(PAGE + up(len(code), PAGE), bits)
    directories = {
        EXPORT: blob.exports(functions, [(name, i) for i, name in enumerate(exports)]) if exports else (0, 0),
        IMPORT: blob.imports({name: ["NtClose"] for name in imports}) if imports else (0, 0),
        BASERELOC: blob.relocations({PAGE: [0, 0]} if relocations is None else relocations),
    }
    data = bytearray(
        make_pe(
            [Part(".text", bytes(code), CODE), Part(".data", bytes(blob.data), DATA), *further],
            bits=bits,
            directories=directories,
            Characteristics=0x2102 if bits == 32 else 0x2022,
        )
    )
    if wine:
        data[0x40:0x51] = b"Wine builtin DLL\0"
    return bytes(data)


def contents(bits: int, name: str, *, wine: bool = True) -> bytes:
    """What a whole root has in a file."""
    exports, further = {}, []
    if name == "ntdll.dll":
        exports = {entry: b"\xc3" + bytes(0xFF) for entry in ENTRIES}
        exports |= {service: stub(bits, number) for service, number in SERVICES.items()}
    elif name == "win32u.dll":
        exports = {"NtUserGetDC": stub(bits, 0x1000)}
    elif name == "apisetschema.dll":
        further = [Part(".apiset", b"sets" * 0x10, DATA)]
    return module(bits, exports=exports, imports=MODULES[bits][name], wine=wine, further=further)


def make_root(folder: Path, *, names: tuple[str, str] = ("System32", "SysWOW64"), wine: bool = True) -> Path:
    """A whole root in Windows' layout or with other folder names; returns ``folder``."""
    for bits, place in zip((64, 32), names, strict=True):
        (folder / place).mkdir(parents=True)
        for name in MODULES[bits]:
            (folder / place / name).write_bytes(contents(bits, name, wine=wine))
    make_tables(folder / names[0])
    return folder


def make_tables(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        (folder / name).write_bytes(b"table")
    for page in CODE_PAGES:
        (folder / f"c_{page}.nls").write_bytes(struct.pack("<HH", 0xD, page) + bytes(22))
