"""SECTION_IMAGE_INFORMATION of an image, read from its headers (nt!MmGetImageInformation).

Built-in images that carry no headers report what the image model knows and zero for the rest.
Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from wowsim.nt.abi import BOOLEAN, PVOID, ULONG, ULONG_PTR, USHORT
from wowsim.nt.structures import SECTION_IMAGE_INFORMATION

if TYPE_CHECKING:
    from wowsim.image.model import Image
    from wowsim.memory.sections import ImageSection

_MACHINES = {32: 0x14C, 64: 0x8664}
_DWORD = Struct("<I")
_FILE_HEADER = Struct("<4xH14xHH")
"""Signature, then Machine, SizeOfOptionalHeader and Characteristics of IMAGE_FILE_HEADER ([PE/COFF] 3.3)."""
_VERSIONS = Struct("<HH")
_DOS_HEADER, _OPTIONAL_HEADER = 0x40, 24
_SUBSYSTEM_VERSION, _DLL_CHARACTERISTICS = 48, 70
_LOADER_FLAGS = {32: 88, 64: 104}


def image_information(section: ImageSection) -> SECTION_IMAGE_INFORMATION:
    """What NtQuerySection and NtQueryInformationProcess answer for an image section."""
    image = section.image
    machine, characteristics, major, minor, dll, loader = _header_values(image)
    return SECTION_IMAGE_INFORMATION(
        TransferAddress=PVOID(section.base + image.entry if image.entry else 0),
        ZeroBits=ULONG(0),
        MaximumStackSize=ULONG_PTR(image.stack_reserve),
        CommittedStackSize=ULONG_PTR(image.stack_commit),
        SubSystemType=ULONG(image.subsystem),
        SubSystemMinorVersion=USHORT(minor),
        SubSystemMajorVersion=USHORT(major),
        GpValue=ULONG(0),
        ImageCharacteristics=USHORT(characteristics),
        DllCharacteristics=USHORT(dll),
        Machine=USHORT(machine),
        ImageContainsCode=BOOLEAN(any(s.executable for s in image.sections)),
        ImageFlags=BOOLEAN(0),
        LoaderFlags=ULONG(loader),
        ImageFileSize=ULONG(image.size),
        CheckSum=ULONG(image.checksum),
    )


def _header_values(image: Image) -> tuple[int, int, int, int, int, int]:
    """Machine, characteristics, subsystem version, DLL characteristics and loader flags."""
    dos = image.read(0, _DOS_HEADER)
    at = _DWORD.unpack_from(dos, 0x3C)[0] if dos[:2] == b"MZ" else 0
    optional, size = _OPTIONAL_HEADER, _OPTIONAL_HEADER + _LOADER_FLAGS[image.bits] + 4
    contents = image.read(at, size) if at + size <= image.size else b""
    if not at or contents[:4] != b"PE\0\0":
        flags = (0x2000 if image.is_dll else 0) | (0x20 if image.large_address_aware else 0)
        return _MACHINES[image.bits], flags | 2, 0, 0, 0x40 if image.dynamic_base else 0, 0
    machine, _, characteristics = _FILE_HEADER.unpack_from(contents)
    major, minor = _VERSIONS.unpack_from(contents, optional + _SUBSYSTEM_VERSION)
    dll = _VERSIONS.unpack_from(contents, optional + _DLL_CHARACTERISTICS)[0]
    loader = _DWORD.unpack_from(contents, optional + _LOADER_FLAGS[image.bits])[0]
    return machine, characteristics, major, minor, dll, loader
