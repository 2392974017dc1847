"""Functions behind a number: NtUserCallNoParam, NtUserCallOneParam, NtUserCallTwoParam, NtUserCallHwnd.

The numbers are private between user32 and win32k and change with the version. Those of Wine's user32 were read off
the instructions of the functions that it exports (what number ``GetSysColor`` passes); of Windows' own nothing is
published, so a call from there is refused by its number. Who may import it: ``win32k.services``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.kernel.win32k.calls import ERROR_INVALID_HANDLE, ERROR_INVALID_WINDOW_HANDLE, failure
from wowsim.kernel.win32k.settings import HEIGHT, WIDTH, colour, metric
from wowsim.nt.abi import HANDLE, ULONG, ULONG_PTR

if TYPE_CHECKING:
    from collections.abc import Callable

_POINT, _RECT = struct.Struct("<2i"), struct.Struct("<4i")
DIALOG_UNITS = 16 << 16 | 8
"""Width and height of a character of the system font (Microsoft Learn, GetDialogBaseUnits: 8 and 16 are usual)."""
NO_PARAMETER = {
    8: {0: "DestroyCaret", 2: "GetDialogBaseUnits", 3: "GetInputState", 4: "GetProcessDefaultLayout",
        5: "GetProgmanWindow", 6: "GetShellWindow", 7: "GetTaskmanWindow", 8: "ReleaseCapture",
        9: "ExitingThread", 10: "ThreadDetach"},
    10: {0: "DestroyCaret", 2: "GetDialogBaseUnits", 3: "GetInputState", 5: "GetProcessDefaultLayout",
         6: "GetProgmanWindow", 7: "GetShellWindow", 8: "GetTaskmanWindow", 9: "ReleaseCapture",
         11: "ExitingThread", 12: "ThreadDetach"},
}  # fmt: skip
"""Wine's major version -> number -> the function of user32 that passes it; what is not here is refused."""
ONE_PARAMETER = {
    8: {6: "GetClipCursor", 7: "GetCursorPos", 9: "GetMenuItemCount", 11: "GetSysColor", 14: "GetSystemMetrics",
        17: "MessageBeep", 19: "ReplyMessage", 21: "SetProcessDefaultLayout"},
    10: {6: "GetClipCursor", 7: "GetCursorPos", 9: "GetMenuItemCount", 11: "GetSysColor", 14: "GetSystemMetrics",
         16: "MessageBeep", 19: "ReplyMessage", 21: "SetProcessDefaultLayout"},
}  # fmt: skip


def _layout(k: Kernel) -> int:
    return k.win32k.layout


def _nothing(k: Kernel) -> int:
    return 0


def _done(k: Kernel) -> int:
    return 1


_WITHOUT: dict[str, Callable[[Kernel], int]] = {
    "DestroyCaret": _nothing, "GetDialogBaseUnits": lambda k: DIALOG_UNITS, "GetInputState": _nothing,
    "GetProcessDefaultLayout": _layout, "GetProgmanWindow": _nothing, "GetShellWindow": _nothing,
    "GetTaskmanWindow": _nothing, "ReleaseCapture": _done, "ExitingThread": _nothing, "ThreadDetach": _nothing,
}  # fmt: skip


def _set_layout(k: Kernel, value: int) -> int:
    k.win32k.layout = value & 0xFFFFFFFF
    return 1


def _cursor(k: Kernel, address: int) -> int:
    k.memory.pack(_POINT, address, WIDTH // 2, HEIGHT // 2)
    return 1


def _clip(k: Kernel, address: int) -> int:
    k.memory.pack(_RECT, address, 0, 0, WIDTH, HEIGHT)
    return 1


def _no_menu(k: Kernel, handle: int) -> int:
    raise failure(ERROR_INVALID_HANDLE)


_WITH_ONE: dict[str, Callable[[Kernel, int], int]] = {
    "GetClipCursor": _clip, "GetCursorPos": _cursor, "GetMenuItemCount": _no_menu,
    "GetSysColor": lambda k, index: colour(index), "GetSystemMetrics": lambda k, index: metric(index),
    "MessageBeep": lambda k, kind: 1, "ReplyMessage": lambda k, result: 0, "SetProcessDefaultLayout": _set_layout,
}  # fmt: skip


def _named(k: Kernel, service_name: str, table: dict[int, dict[int, str]], code: int) -> str:
    wine = k.win32k.wine
    name = None if wine is None else table.get(wine, {}).get(code)
    if name is None:
        raise Unsupported(f"{service_name}({code}) is not implemented")
    return name


@service(Support.PARTIAL, "the functions in NO_PARAMETER, of Wine's user32")
def NtUserCallNoParam(k: Kernel, code: ULONG) -> int:
    """A function without a parameter."""
    return _WITHOUT[_named(k, "NtUserCallNoParam", NO_PARAMETER, code)](k)


@service(Support.PARTIAL, "the functions in ONE_PARAMETER, of Wine's user32")
def NtUserCallOneParam(k: Kernel, parameter: ULONG_PTR, code: ULONG) -> int:
    """A function of one parameter."""
    return _WITH_ONE[_named(k, "NtUserCallOneParam", ONE_PARAMETER, code)](k, parameter)


@service(Support.PARTIAL, "refused by number")
def NtUserCallTwoParam(k: Kernel, first: ULONG_PTR, second: ULONG_PTR, code: ULONG) -> int:
    """A function of two parameters."""
    raise Unsupported(f"NtUserCallTwoParam({code}) is not implemented")


@service(Support.FULL)
def NtUserCallHwnd(k: Kernel, window: HANDLE, code: ULONG) -> int:
    """A function of a window, of which there is none."""
    raise failure(ERROR_INVALID_WINDOW_HANDLE)
