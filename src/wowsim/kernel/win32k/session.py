"""Window station, desktop, threads and messages of a process that has no window (win32k!xxx of USER).

Signatures: phnt's ntuser.h and winuser.h. Leaves out everything that a window is needed for: a handle of one is none
(ERROR_INVALID_WINDOW_HANDLE), and a queue holds only what PostThreadMessage would put there, which wowsim lacks. Who
may import it: ``win32k.services``.
"""

from __future__ import annotations

import struct

from wowsim.errors import Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.objects import KernelObject
from wowsim.kernel.table import Support, service
from wowsim.kernel.win32k.calls import (
    ERROR_INSUFFICIENT_BUFFER,
    ERROR_INVALID_CURSOR_HANDLE,
    ERROR_INVALID_HANDLE,
    ERROR_INVALID_PARAMETER,
    ERROR_INVALID_WINDOW_HANDLE,
    failure,
)
from wowsim.kernel.win32k.gdi_table import connect
from wowsim.kernel.win32k.state import Desktop, WindowStation
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, Out
from wowsim.nt.status import STATUS_SUCCESS

UOI_FLAGS, UOI_NAME, UOI_TYPE, UOI_USER_SID = 1, 2, 3, 4
_DWORDS = struct.Struct("<3I")
ENGLISH = 0x04090409
"""A keyboard layout: English of the United States, as the default locale is."""
DPI = 96
DPI_UNAWARE = 0x6010
"""DPI_AWARENESS_CONTEXT of a process that has said nothing: awareness 0 at 96 dpi (unverified)."""


# ---------------------------------------------------------------- start
@service(Support.FULL)
def NtUserInitializeClientPfnArrays(
    k: Kernel, client_a: PVOID, client_w: PVOID, client_workers: PVOID, user_module: PVOID
) -> NTSTATUS:
    """user32 tells its window procedures; they are kept for windows to come."""
    connect(k)
    k.win32k.client = client_a, client_w, client_workers, user_module
    return STATUS_SUCCESS


@service(Support.FULL)
def NtUserGetSystemDpiForProcess(k: Kernel, process: HANDLE) -> int:
    """Dots per inch, as the process sees them: 96."""
    return DPI


@service(Support.PARTIAL, "the own process, whose awareness changes nothing that it can see")
def NtUserSetProcessDpiAwarenessContext(k: Kernel, context: ULONG, reserved: ULONG) -> int:
    """Set once what the process knows of scaling."""
    if k.win32k.dpi_awareness:
        return 0
    k.win32k.dpi_awareness = context
    return 1


@service(Support.FULL)
def NtUserGetProcessDpiAwarenessContext(k: Kernel, process: HANDLE) -> int:
    """What was set, or that the process knows nothing of scaling."""
    return k.win32k.dpi_awareness or DPI_UNAWARE


@service(Support.FULL)
def NtUserGetKeyboardLayout(k: Kernel, thread_id: ULONG) -> int:
    """Every thread has the one layout that is there."""
    return ENGLISH


@service(Support.FULL)
def NtUserGetKeyboardLayoutList(k: Kernel, count: ULONG, layouts: PVOID) -> int:
    """The layouts that are there; with no room asked for, how many."""
    if count and layouts:
        k.memory.write(layouts, ENGLISH.to_bytes(k.width // 8, "little"))
    return 1


# ---------------------------------------------------------------- window station and desktop
@service(Support.FULL)
def NtUserGetProcessWindowStation(k: Kernel) -> int:
    """The handle of the process' window station; the same at each call."""
    state = k.win32k
    if not state.station_handle:
        state.station_handle = k.handles.insert(state.station, WindowStation.mapping.all)
    return state.station_handle


@service(Support.FULL)
def NtUserGetThreadDesktop(k: Kernel, thread_id: ULONG) -> int:
    """The handle of the desktop of a thread of the process; the same at each call."""
    if all(each.id != thread_id for each in k.threads):
        raise failure(ERROR_INVALID_PARAMETER)
    state = k.win32k
    if not state.desktop_handle:
        state.desktop_handle = k.handles.insert(state.desktop, Desktop.mapping.all)
    return state.desktop_handle


@service(Support.PARTIAL, "UOI_USER_SID and later are refused by name")
def NtUserGetObjectInformation(
    k: Kernel, handle: HANDLE, index: ULONG, information: PVOID, length: ULONG, needed: Out[ULONG] | None
) -> int:
    """Flags, name or type of a window station or desktop; nobody sees either, so WSF_VISIBLE is not set."""
    target = k.handles.lookup(handle, KernelObject)
    if not isinstance(target, (WindowStation, Desktop)):
        raise failure(ERROR_INVALID_HANDLE)
    if index == UOI_FLAGS:
        data = _DWORDS.pack(0, 0, 0)
    elif index == UOI_NAME:
        data = utf16(target.name) + b"\0\0"
    elif index == UOI_TYPE:
        data = utf16(target.type_name) + b"\0\0"
    elif index >= UOI_USER_SID and index <= 7:
        raise Unsupported(f"NtUserGetObjectInformation(UOI {index}) is not implemented")
    else:
        raise failure(ERROR_INVALID_PARAMETER)
    if needed is not None:
        needed.set(ULONG(len(data)))
    if length < len(data):
        raise failure(ERROR_INSUFFICIENT_BUFFER)
    k.memory.write(information, data)
    return 1


def _close(k: Kernel, handle: int, kind: type[WindowStation | Desktop], own: int) -> int:
    k.handles.lookup(handle, kind)
    if handle == own:
        raise failure(ERROR_INVALID_HANDLE)
    k.handles.close(handle)
    return 1


@service(Support.FULL)
def NtUserCloseWindowStation(k: Kernel, handle: HANDLE) -> int:
    """Close a handle that is not the process' own (Microsoft Learn, CloseWindowStation)."""
    return _close(k, handle, WindowStation, k.win32k.station_handle)


@service(Support.FULL)
def NtUserCloseDesktop(k: Kernel, handle: HANDLE) -> int:
    """Close a handle that is not a thread's own (Microsoft Learn, CloseDesktop)."""
    return _close(k, handle, Desktop, k.win32k.desktop_handle)


# ---------------------------------------------------------------- windows and messages
@service(Support.FULL)
def NtUserQueryWindow(k: Kernel, window: HANDLE, index: ULONG) -> int:
    """There is no window to ask about."""
    raise failure(ERROR_INVALID_WINDOW_HANDLE)


@service(Support.FULL)
def NtUserMessageCall(
    k: Kernel,
    window: HANDLE,
    message: ULONG,
    w_parameter: PVOID,
    l_parameter: PVOID,
    result: PVOID,
    function_id: ULONG,
    ansi: ULONG,
) -> int:
    """There is no window to send to."""
    raise failure(ERROR_INVALID_WINDOW_HANDLE)


@service(Support.FULL)
def NtUserDestroyWindow(k: Kernel, window: HANDLE) -> int:
    """There is none."""
    raise failure(ERROR_INVALID_WINDOW_HANDLE)


@service(Support.FULL)
def NtUserPeekMessage(
    k: Kernel, message: PVOID, window: HANDLE, first: ULONG, last: ULONG, flags: ULONG
) -> int:
    """Nobody can have sent a message."""
    if window not in (0, 0xFFFFFFFF_FFFFFFFF, 0xFFFFFFFF):
        raise failure(ERROR_INVALID_WINDOW_HANDLE)
    return 0


@service(Support.FULL)
def NtUserGetForegroundWindow(k: Kernel) -> int:
    """No window has the user's attention."""
    return 0


@service(Support.FULL)
def NtUserFindWindowEx(
    k: Kernel, parent: HANDLE, after: HANDLE, class_name: PVOID, name: PVOID, unknown: ULONG
) -> int:
    """There is no window to find."""
    return 0


@service(
    Support.PARTIAL, "states that a window would be needed for are zero; other indices are refused by name"
)
def NtUserGetThreadState(k: Kernel, index: ULONG) -> int:
    """A thread without a queue: no active window, no focus, no capture, no message."""
    if index <= 12:
        return 0
    raise Unsupported(f"NtUserGetThreadState({index}) is not implemented")


@service(Support.FULL)
def NtUserDestroyCursor(k: Kernel, cursor: HANDLE, argument: ULONG) -> int:
    """No cursor and no icon can have been made."""
    raise failure(ERROR_INVALID_CURSOR_HANDLE)


@service(Support.PARTIAL, "no process has a cursor or icon that is shared by name")
def NtUserFindExistingCursorIcon(k: Kernel, module: PVOID, resource: PVOID, description: PVOID) -> int:
    """A shared cursor or icon that was loaded before: none, as none can be made."""
    return 0
