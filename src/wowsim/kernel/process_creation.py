"""Making a process: NtCreateUserProcess (nt!PspAllocateProcess, nt!PspCaptureCreateInfo ...).

The program is opened and read, the parameters captured, the handles to inherit chosen; the process itself, with its
own address space and CPU, is made by :attr:`Kernel.create_process`. Structures and flags: phnt; which handles are
inherited: Microsoft Learn, "Inheritance" and CreateProcess. A console program whose maker lets it inherit nothing gets
the standard handles all the same, at the same values (on Windows kernel32 asks for that, and they get new values).
Leaves out other parents, tokens, jobs, debuggers and protected processes, each refused by name. Who may import it:
the simulation, through the service table.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.access import (
    FILE_EXECUTE,
    FILE_NON_DIRECTORY_FILE,
    FILE_OPEN,
    FILE_READ_DATA,
    FILE_SYNCHRONOUS_IO_NONALERT,
    SYNCHRONIZE,
)
from wowsim.kernel.context import Kernel, ProcessRequest
from wowsim.kernel.device import Device, FileObject, OpenRequest
from wowsim.kernel.files import open_on
from wowsim.kernel.nodes import FileNode
from wowsim.kernel.objects import OBJ_INHERIT, KernelObject
from wowsim.kernel.section_objects import SectionObject, image_of
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process, Thread
from wowsim.memory.sections import ImageSection
from wowsim.nt import process_parameters
from wowsim.nt.abi import (
    ACCESS_MASK,
    HANDLE,
    NTSTATUS,
    PPS_ATTRIBUTE_LIST,
    PVOID,
    SIZE_T,
    ULONG,
    In,
    Out,
    Unconverted,
    encode,
)
from wowsim.nt.ps_attributes import (
    CHANGES_NOTHING,
    MOST_ATTRIBUTES,
    PROCESS_ATTRIBUTES,
    PS_ATTRIBUTE,
    PS_ATTRIBUTE_CLIENT_ID,
    PS_ATTRIBUTE_HANDLE_LIST,
    PS_ATTRIBUTE_IMAGE_INFO,
    PS_ATTRIBUTE_IMAGE_NAME,
    PS_ATTRIBUTE_STD_HANDLE_INFO,
    PS_ATTRIBUTE_TEB_ADDRESS,
    PS_CREATE_FAIL_EXE_FORMAT,
    PS_CREATE_FAIL_ON_FILE_OPEN,
    PS_CREATE_INFO_SIZE,
    PS_CREATE_STATE_AT,
    PS_CREATE_SUCCESS,
    PS_CREATE_UNION_AT,
    PS_SUCCESS_STATE,
)
from wowsim.nt.status import (
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_IMAGE_FORMAT,
    STATUS_INVALID_IMAGE_NOT_MZ,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_QUOTA_EXCEEDED,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import CLIENT_ID, OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.image.model import Image
    from wowsim.nt.process_parameters import ProcessParameters

T = TypeVar("T")

BREAKAWAY, INHERIT_HANDLES, PROCESS_SUSPENDED = 0x1, 0x4, 0x200
HANDLES_NEEDED = 3
"""Process, thread and section."""
_PROCESS_FLAGS = BREAKAWAY | 0x2 | INHERIT_HANDLES | PROCESS_SUSPENDED
"""PROCESS_CREATE_FLAGS that are known: NO_DEBUG_INHERIT besides, which changes nothing without a debugger."""
THREAD_SUSPENDED = 1
MAXIMUM_PROCESSES = 16
"""Of one machine at once: each has a CPU and memory of its own."""
CONSOLE_PROGRAM = 3
"""IMAGE_SUBSYSTEM_WINDOWS_CUI."""
WRITE_OUTPUT = 1
"""PS_CREATE_INFO.InitFlags.WriteOutputOnExit."""
MAXIMUM_NAME = 0xFFFE
_DWORD = struct.Struct("<I")


@dataclass(frozen=True)
class _Attribute:
    """One PS_ATTRIBUTE."""

    number: int
    size: int
    value: int
    returned: int


@service(
    Support.PARTIAL,
    "without other parents, tokens, jobs and debuggers; the child runs while its relatives wait or take turns",
)
def NtCreateUserProcess(
    k: Kernel,
    process_handle: Out[HANDLE],
    thread_handle: Out[HANDLE],
    process_desired_access: ACCESS_MASK,
    thread_desired_access: ACCESS_MASK,
    process_object_attributes: In[OBJECT_ATTRIBUTES] | None,
    thread_object_attributes: In[OBJECT_ATTRIBUTES] | None,
    process_flags: ULONG,
    thread_flags: ULONG,
    process_parameters: Annotated[PVOID, Unconverted("RTL_USER_PROCESS_PARAMETERS")],
    create_info: Annotated[PVOID, Unconverted("PS_CREATE_INFO")],
    attribute_list: PPS_ATTRIBUTE_LIST,
) -> NTSTATUS:
    """Make a process of a program and its first thread."""
    access = Process.mapping.grant(process_desired_access), Thread.mapping.grant(thread_desired_access)
    if process_flags & ~_PROCESS_FLAGS:
        raise Unsupported(f"NtCreateUserProcess: PROCESS_CREATE_FLAGS {process_flags & ~_PROCESS_FLAGS:X}h")
    if thread_flags & ~THREAD_SUSPENDED:
        raise Unsupported(f"NtCreateUserProcess: THREAD_CREATE_FLAGS {thread_flags & ~THREAD_SUSPENDED:X}h")
    wanted = _attributes(k, attribute_list)
    parameters = _parameters(k, process_parameters)
    outcome = _CreateInfo(k, create_info)
    job = k.process.job
    if job is not None and process_flags & BREAKAWAY:
        raise Unsupported("NtCreateUserProcess: PROCESS_CREATE_FLAGS_BREAKAWAY from a job")
    if len(k.relatives) >= MAXIMUM_PROCESSES or len(k.handles) + HANDLES_NEEDED > k.handles.limit:
        return STATUS_INSUFFICIENT_RESOURCES
    if job is not None and job.full:
        return STATUS_QUOTA_EXCEEDED
    file = outcome.attempt(PS_CREATE_FAIL_ON_FILE_OPEN, lambda: _open(k, _image_name(k, wanted)))
    try:
        image = outcome.attempt(PS_CREATE_FAIL_EXE_FORMAT, lambda: _program(k, file))
        node = file.node
        assert isinstance(node, FileNode)
        suspended = bool(thread_flags & THREAD_SUSPENDED or process_flags & PROCESS_SUSPENDED)
        request = ProcessRequest(
            node.path,
            image,
            parameters,
            _handles(k, parameters, image, process_flags, wanted),
            suspended,
        )
        process, thread = k.create_process(request)
    finally:
        file.last_handle_closed()
    if job is not None:
        job.add(process)
    _answer(k, wanted, process, thread)
    outcome.succeeded(process, node.path, image)
    process_handle.set(HANDLE(k.handles.insert(process, access[0], _inherit(process_object_attributes))))
    thread_handle.set(HANDLE(k.handles.insert(thread, access[1], _inherit(thread_object_attributes))))
    return STATUS_SUCCESS


def _inherit(attributes: OBJECT_ATTRIBUTES | None) -> int:
    return 0 if attributes is None else attributes.Attributes & OBJ_INHERIT


def _parameters(k: Kernel, address: int) -> ProcessParameters:
    if not address:
        raise Unsupported("NtCreateUserProcess without RTL_USER_PROCESS_PARAMETERS")
    return process_parameters.capture(k.memory, address, k.width)


# ---------------------------------------------------------------- attributes
def _attributes(k: Kernel, address: int) -> dict[int, _Attribute]:
    """The list by attribute; those that wowsim cannot honour are refused by name."""
    size, shape = k.width // 8, PS_ATTRIBUTE[k.width]
    total = int.from_bytes(k.memory.read(address, size), "little") if address else size
    count, rest = divmod(total - size, shape.size)
    if rest or not 0 <= count <= MOST_ATTRIBUTES:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    found: dict[int, _Attribute] = {}
    for index in range(count):
        each = _Attribute(*k.memory.unpack(shape, address + size + index * shape.size))
        if each.number not in PROCESS_ATTRIBUTES or each.number in found:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        if each.number not in _HONOURED | CHANGES_NOTHING:
            raise Unsupported(f"NtCreateUserProcess: PS_ATTRIBUTE_{PROCESS_ATTRIBUTES[each.number]}")
        found[each.number] = each
    return found


_HONOURED = {
    PS_ATTRIBUTE_CLIENT_ID, PS_ATTRIBUTE_TEB_ADDRESS, PS_ATTRIBUTE_IMAGE_NAME, PS_ATTRIBUTE_IMAGE_INFO,
    PS_ATTRIBUTE_STD_HANDLE_INFO, PS_ATTRIBUTE_HANDLE_LIST,
}  # fmt: skip


def _image_name(k: Kernel, wanted: dict[int, _Attribute]) -> str:
    name = wanted.get(PS_ATTRIBUTE_IMAGE_NAME)
    if name is None or not 0 < name.size <= MAXIMUM_NAME or name.size & 1:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return k.memory.read(name.value, name.size).decode("utf-16-le", "surrogatepass")


def _answer(k: Kernel, wanted: dict[int, _Attribute], process: Process, thread: Thread) -> None:
    """Give back what the list asks for."""
    for number, value in (
        (PS_ATTRIBUTE_CLIENT_ID, CLIENT_ID(HANDLE(process.id), HANDLE(thread.id))),
        (PS_ATTRIBUTE_TEB_ADDRESS, PVOID(thread.teb)),
        (PS_ATTRIBUTE_IMAGE_INFO, process.image),
    ):
        each = wanted.get(number)
        if each is not None:
            data = encode(PVOID if isinstance(value, int) else type(value), k.width, value)
            k.memory.write(each.value, data[: each.size])
            if each.returned:
                k.memory.write(each.returned, encode(SIZE_T, k.width, min(each.size, len(data))))


# ---------------------------------------------------------------- the program
def _open(k: Kernel, path: str) -> FileObject:
    device, rest = k.namespace.resolve(path)
    if not isinstance(device, Device):
        raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
    options = FILE_NON_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT
    access = FILE_EXECUTE | FILE_READ_DATA | SYNCHRONIZE
    return open_on(k, device, OpenRequest(rest, access, FILE_OPEN, options))[0]


def _program(k: Kernel, file: FileObject) -> Image:
    node = file.node
    if not isinstance(node, FileNode):
        raise GuestFault(STATUS_INVALID_IMAGE_FORMAT)
    if node.read(0, 2) != b"MZ":
        raise GuestFault(STATUS_INVALID_IMAGE_NOT_MZ)
    image = image_of(k, node)
    if image.is_dll:
        raise GuestFault(STATUS_INVALID_IMAGE_FORMAT)
    return image


# ---------------------------------------------------------------- handles
def _handles(
    k: Kernel, parameters: ProcessParameters, image: Image, flags: int, wanted: dict[int, _Attribute]
) -> tuple[tuple[int, KernelObject, int, int], ...]:
    """What the child's table begins with."""
    listed = _listed(k, wanted.get(PS_ATTRIBUTE_HANDLE_LIST))
    found: dict[int, tuple[int, KernelObject, int, int]] = {}
    standard = {handle for handle in parameters.handles if image.subsystem == CONSOLE_PROGRAM}
    for entry in k.handles.entries():
        handle, _, _, attributes = entry
        inherited = flags & INHERIT_HANDLES and attributes & OBJ_INHERIT
        if (inherited and (listed is None or handle in listed)) or handle in standard:
            found[handle] = entry
    return tuple(found.values())


def _listed(k: Kernel, each: _Attribute | None) -> frozenset[int] | None:
    """The handles to which inheriting is restricted."""
    if each is None:
        return None
    count = each.size // (k.width // 8)
    if count > MAXIMUM_NAME:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    shape = struct.Struct(f"<{count}{'I' if k.width == 32 else 'Q'}")
    return frozenset(k.memory.unpack(shape, each.value))


# ---------------------------------------------------------------- PS_CREATE_INFO
class _CreateInfo:
    """What is told of how far it came.

    Args:
        k: the kernel.
        address: of the PS_CREATE_INFO, or 0; one of size 0 is none, and one of Wine's DLLs of another size than NT's:
            they pass it unfilled (observed).
    """

    def __init__(self, k: Kernel, address: int) -> None:
        size = int.from_bytes(k.memory.read(address, k.width // 8), "little") if address else 0
        self._k, self._address, self._flags = k, address if size else 0, 0
        if size:
            if size != PS_CREATE_INFO_SIZE[k.width] and k.lenient:
                self._address = 0
                return
            if size != PS_CREATE_INFO_SIZE[k.width]:
                raise GuestFault(STATUS_INVALID_PARAMETER)
            k.memory.probe_write(address, size)
            self._flags = k.memory.unpack(_DWORD, address + PS_CREATE_UNION_AT[k.width])[0]

    def attempt(self, state: int, action: Callable[[], T]) -> T:
        """Do a step; where it fails, ``state`` says which one it was."""
        try:
            return action()
        except GuestFault:
            self._set_state(state)
            raise

    def _set_state(self, state: int) -> None:
        if self._address:
            self._k.memory.pack(_DWORD, self._address + PS_CREATE_STATE_AT[self._k.width], state)

    def succeeded(self, process: Process, path: str, image: Image) -> None:
        """Tell where the process' blocks are; the section of the image is opened, which its maker closes."""
        self._set_state(PS_CREATE_SUCCESS)
        if not self._address or not self._flags & WRITE_OUTPUT:
            return
        k = self._k
        section = SectionObject(ImageSection(k.space.pages, k.space.commitment, image, path), None)
        opened = k.handles.insert(section, SectionObject.mapping.all)
        values = (0, 0, opened, 0, 0, process_parameters.NORMALIZED, process.peb, process.peb32, 0, 0)
        k.memory.pack(PS_SUCCESS_STATE[k.width], self._address + PS_CREATE_UNION_AT[k.width], *values)
