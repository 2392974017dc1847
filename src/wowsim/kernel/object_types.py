r"""The object types (nt!ObpObjectTypes): what generic rights mean for each, in the order of ``\ObjectTypes``.

Order and mappings as WinObj and ``!object \ObjectTypes`` show them on Windows 7; other builds order and number them
otherwise. Types that no object of wowsim has are left out, as are pool charges. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from wowsim.kernel.access import FILE_MAPPING, GenericMapping
from wowsim.kernel.names import utf16
from wowsim.kernel.objects import KernelObject
from wowsim.nt.abi import BOOLEAN, PVOID, ULONG, USHORT, encode, size_of
from wowsim.nt.structures import OBJECT_TYPE_INFORMATION, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel

_WAITABLE = GenericMapping(0x20001, 0x20002, 0x120000, 0x1F0003)
OBJECT_TYPES = {
    "Type": GenericMapping(0x20000, 0x20000, 0x20000, 0x1F0001),
    "Directory": GenericMapping(0x20003, 0x2000C, 0x20003, 0xF000F),
    "SymbolicLink": GenericMapping(0x20001, 0x20000, 0x20001, 0xF0001),
    "Token": GenericMapping(0x2001A, 0x201E0, 0x20005, 0xF01FF),
    "Job": GenericMapping(0x20004, 0x2000B, 0x120000, 0x1F003F),
    "Process": GenericMapping(0x20410, 0x20BEB, 0x121001, 0x1FFFFF),
    "Thread": GenericMapping(0x20048, 0x20437, 0x121800, 0x1FFFFF),
    "DebugObject": GenericMapping(0x20001, 0x20002, 0x120000, 0x1F000F),
    "Event": _WAITABLE,
    "Mutant": GenericMapping(0x20001, 0x20000, 0x120000, 0x1F0001),
    "Semaphore": _WAITABLE,
    "Timer": _WAITABLE,
    "KeyedEvent": GenericMapping(0x20001, 0x20002, 0x20000, 0xF0003),
    "Device": FILE_MAPPING,
    "IoCompletion": _WAITABLE,
    "File": FILE_MAPPING,
    "Section": GenericMapping(0x20005, 0x20002, 0x20008, 0xF001F),
    "Key": GenericMapping(0x20019, 0x20006, 0x20019, 0xF003F),
    "WindowStation": GenericMapping(0x20303, 0x2001C, 0x20060, 0xF037F),
    "Desktop": GenericMapping(0x20041, 0x200BE, 0x20100, 0xF01FF),
}
"""Type name -> what its generic rights mean."""


class ObjectType(KernelObject):
    r"""A type as an object of its own, in ``\ObjectTypes``."""

    type_name: ClassVar[str] = "Type"
    mapping: ClassVar[GenericMapping] = OBJECT_TYPES["Type"]


def type_information(k: Kernel, name: str, mapping: GenericMapping, text: int) -> OBJECT_TYPE_INFORMATION:
    """What NtQueryObject says of a type; the process is the only one whose handles are counted.

    Args:
        k: the kernel.
        name: the type.
        mapping: its generic rights.
        text: address at which its name will stand.
    """
    targets = [target for target in k.handles.targets() if target.type_name == name]
    size = 2 * len(name)
    return OBJECT_TYPE_INFORMATION(
        TypeName=UNICODE_STRING(USHORT(size), USHORT(size + 2), PVOID(text)),
        TotalNumberOfObjects=ULONG(len({id(target) for target in targets})),
        TotalNumberOfHandles=ULONG(len(targets)),
        Usage=bytes(40),
        InvalidAttributes=ULONG(0),
        GenericRead=ULONG(mapping.read),
        GenericWrite=ULONG(mapping.write),
        GenericExecute=ULONG(mapping.execute),
        GenericAll=ULONG(mapping.all),
        ValidAccessMask=ULONG(mapping.all),
        SecurityRequired=BOOLEAN(0),
        MaintainHandleCount=BOOLEAN(0),
        TypeIndex=BOOLEAN(0),
        ReservedByte=BOOLEAN(0),
        PoolType=ULONG(0),
        DefaultPagedPoolCharge=ULONG(0),
        DefaultNonPagedPoolCharge=ULONG(0),
    )


def types_information(k: Kernel, address: int) -> bytes:
    """OBJECT_TYPES_INFORMATION as it lies at ``address``: a count, then types with their names, each aligned.

    The alignment is a pointer's (phnt: PH_FIRST_OBJECT_TYPE, PH_NEXT_OBJECT_TYPE of System Informer).
    """
    unit = k.width // 8
    header = size_of(OBJECT_TYPE_INFORMATION, k.width)
    data = bytearray(len(OBJECT_TYPES).to_bytes(unit, "little"))
    for name, mapping in OBJECT_TYPES.items():
        text = address + len(data) + header
        data += encode(OBJECT_TYPE_INFORMATION, k.width, type_information(k, name, mapping, text))
        data += utf16(name) + b"\0\0"
        data += bytes(-len(data) % unit)
    return bytes(data)


def insert_types(k: Kernel) -> None:
    r"""Fill ``\ObjectTypes``."""
    for name in OBJECT_TYPES:
        k.namespace.insert(f"\\ObjectTypes\\{name}", ObjectType())
