"""Structures of USER and GDI in both widths (winuser.h and wingdi.h of the public SDK).

Who may import it: everybody.
"""

from __future__ import annotations

from wowsim.nt.abi import HANDLE, LONG, PVOID, ULONG, USHORT, struct
from wowsim.nt.records import dataclass


@struct
@dataclass(slots=True)
class WNDCLASSEXW:
    """A window class; two of the pointers may be atoms or resource ids."""

    cbSize: ULONG
    style: ULONG
    lpfnWndProc: PVOID
    cbClsExtra: LONG
    cbWndExtra: LONG
    hInstance: HANDLE
    hIcon: HANDLE
    hCursor: HANDLE
    hbrBackground: HANDLE
    lpszMenuName: PVOID
    lpszClassName: PVOID
    hIconSm: HANDLE


@struct
@dataclass(slots=True)
class BITMAP:
    """What GetObject says of a bitmap."""

    bmType: LONG
    bmWidth: LONG
    bmHeight: LONG
    bmWidthBytes: LONG
    bmPlanes: USHORT
    bmBitsPixel: USHORT
    bmBits: PVOID
