"""What a control code's handler works on, and the two services: NtDeviceIoControlFile, NtFsControlFile (nt!Io).

The access bits in a code are checked here (Microsoft Learn, "Defining I/O Control Codes"); a code that a kind of file
does not know is STATUS_INVALID_DEVICE_REQUEST, one that Windows knows and wowsim does not is refused by name.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.access import FILE_READ_DATA, FILE_WRITE_DATA
from wowsim.kernel.console import ConsoleFile
from wowsim.kernel.context import Kernel
from wowsim.kernel.control_codes import name_of_code
from wowsim.kernel.control_request import Control, Handlers
from wowsim.kernel.device import FileObject
from wowsim.kernel.disk_controls import DISK_CONTROLS
from wowsim.kernel.pipe_controls import PIPE_CONTROLS, ROOT_CONTROLS
from wowsim.kernel.pipe_device import PipeRoot
from wowsim.kernel.pipes import PipeEnd
from wowsim.kernel.random_device import RANDOM_CONTROLS, RandomFile
from wowsim.kernel.reparse_controls import REPARSE_CONTROLS
from wowsim.kernel.requests import Outcome, Request, serve
from wowsim.kernel.table import Support, service
from wowsim.kernel.volume_controls import FILE_CONTROLS, VOLUME_CONTROLS
from wowsim.kernel.volume_device import VolumeHandle
from wowsim.kernel.volume_file import VolumeFile
from wowsim.nt.abi import APC_CONTEXT, HANDLE, NTSTATUS, PAPC_ROUTINE, PVOID, ULONG, Out
from wowsim.nt.status import STATUS_ACCESS_DENIED, STATUS_INVALID_DEVICE_REQUEST
from wowsim.nt.structures import IO_STATUS_BLOCK

_FILE_SYSTEM: tuple[tuple[type[FileObject], Handlers], ...] = (
    (VolumeFile, {**VOLUME_CONTROLS, **FILE_CONTROLS, **REPARSE_CONTROLS}),
    (VolumeHandle, VOLUME_CONTROLS),
    (PipeEnd, PIPE_CONTROLS),
    (PipeRoot, ROOT_CONTROLS),
)
_DEVICE: tuple[tuple[type[FileObject], Handlers], ...] = (
    (VolumeHandle, DISK_CONTROLS),
    (RandomFile, RANDOM_CONTROLS),
)


def _serve(
    k: Kernel,
    tables: tuple[tuple[type[FileObject], Handlers], ...],
    service_name: str,
    handle: int,
    how: tuple[int, int, int, Out[IO_STATUS_BLOCK]],
    given: tuple[int, int, int, int, int],
) -> NTSTATUS:
    file, access = k.handles.lookup_granted(handle, FileObject)
    control = Control(k, file, access, *given)
    needed = (FILE_READ_DATA if control.code & 0x4000 else 0) | (
        FILE_WRITE_DATA if control.code & 0x8000 else 0
    )
    if needed & ~access:
        return STATUS_ACCESS_DENIED
    if isinstance(file, ConsoleFile):
        raise Unsupported(f"console control code {control.code:08X}h is not implemented")
    handler = next(
        (table[control.code] for kind, table in tables if isinstance(file, kind) and control.code in table),
        None,
    )

    def operate(request: Request) -> Outcome | None:
        if handler is None:
            name = name_of_code(control.code)
            if name is not None and any(isinstance(file, kind) for kind, _ in tables):
                raise Unsupported(f"{service_name}({name}) is not implemented")
            raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
        return handler(control, request)

    event, routine, context, block = how
    return serve(k, file, event, routine, context, block, operate)


@service(
    Support.PARTIAL, "codes of disks, mounted volumes and random devices; the console's are refused by name"
)
def NtDeviceIoControlFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    io_control_code: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    output_buffer: PVOID,
    output_buffer_length: ULONG,
) -> NTSTATUS:
    """Ask a device; which answers are there: ``disk_controls``."""
    given = (io_control_code, input_buffer, input_buffer_length, output_buffer, output_buffer_length)
    how = (event, apc_routine, apc_context, io_status_block)
    return _serve(k, _DEVICE, "NtDeviceIoControlFile", file_handle, how, given)


@service(Support.PARTIAL, "codes of files, volumes and pipes that programs use; others are refused by name")
def NtFsControlFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    fs_control_code: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    output_buffer: PVOID,
    output_buffer_length: ULONG,
) -> NTSTATUS:
    """Ask a file system; which answers are there: ``volume_controls``, ``reparse_controls``, ``pipe_controls``."""
    given = (fs_control_code, input_buffer, input_buffer_length, output_buffer, output_buffer_length)
    how = (event, apc_routine, apc_context, io_status_block)
    return _serve(k, _FILE_SYSTEM, "NtFsControlFile", file_handle, how, given)
