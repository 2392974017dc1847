"""GDI objects that programs make at their start: bitmaps, brushes and memory DCs; nothing is drawn with them.

Signatures: phnt's ntgdi.h. Who may import it: ``win32k.services``.
"""

from __future__ import annotations

from wowsim.errors import Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.kernel.win32k.calls import ERROR_INVALID_PARAMETER, ERROR_NOT_ENOUGH_MEMORY, failure
from wowsim.kernel.win32k.gdi_table import BITMAP_TYPE, BRUSH, DC, FIRST_STOCK, STOCK, GdiObject, connect
from wowsim.nt.abi import HANDLE, LONG, PVOID, ULONG, USHORT, encode
from wowsim.nt.records import dataclass
from wowsim.nt.user_structures import BITMAP

MAXIMUM_BITMAP = 64 << 20
"""Bytes of one bitmap; a larger one is ERROR_NOT_ENOUGH_MEMORY, as where pool ends."""
SIDE = 1 << 27
"""Pixels; Microsoft Learn, CreateBitmap names no bound, a product of both sides is what limits."""
_DEPTHS = (1, 4, 8, 16, 24, 32)


@dataclass(eq=False)
class Bitmap:
    """A device-dependent bitmap; rows are padded to words."""

    width: int
    height: int
    planes: int
    depth: int
    bits: bytearray

    @property
    def row(self) -> int:
        """Bytes of a row."""
        return (self.width * self.depth + 15) // 16 * 2


@service(Support.FULL)
def NtGdiInit(k: Kernel) -> int:
    """Make the process one that uses GDI."""
    connect(k)
    return 1


@service(Support.PARTIAL, "one plane")
def NtGdiCreateBitmap(k: Kernel, width: LONG, height: LONG, planes: ULONG, depth: ULONG, bits: PVOID) -> int:
    """A bitmap, of one black or of given pixels; no side means one pixel in black and white."""
    if not width or not height:
        width, height, planes, depth, bits = LONG(1), LONG(1), ULONG(1), ULONG(1), PVOID(0)
    height = LONG(abs(height))
    if width < 0 or max(width, height) > SIDE:
        raise failure(ERROR_INVALID_PARAMETER)
    if planes > 1:
        raise Unsupported(f"NtGdiCreateBitmap with {planes} planes is not implemented")
    rounded = next((each for each in _DEPTHS if each >= depth), 0)
    if not rounded:
        raise failure(ERROR_INVALID_PARAMETER)
    made = Bitmap(width, height, 1, rounded, bytearray())
    size = made.row * height
    if size > MAXIMUM_BITMAP:
        raise failure(ERROR_NOT_ENOUGH_MEMORY)
    made.bits = bytearray(k.memory.read(bits, size) if bits else size)
    return connect(k).add(GdiObject(BITMAP_TYPE, made))


@service(Support.FULL)
def NtGdiCreatePatternBrushInternal(k: Kernel, bitmap: HANDLE, pen: ULONG, eight_by_eight: ULONG) -> int:
    """A brush that paints a bitmap, of which it takes a copy."""
    table = connect(k)
    pattern = table.find(bitmap, BITMAP_TYPE).value
    assert isinstance(pattern, Bitmap)
    copy = Bitmap(pattern.width, pattern.height, pattern.planes, pattern.depth, bytearray(pattern.bits))
    return table.add(GdiObject(BRUSH, copy))


@service(Support.FULL)
def NtGdiCreateSolidBrush(k: Kernel, colour: ULONG, brush: HANDLE) -> int:
    """A brush of one colour."""
    return connect(k).add(GdiObject(BRUSH, colour & 0xFFFFFF))


@service(Support.PARTIAL, "it has no surface: only its handle can be used")
def NtGdiCreateCompatibleDC(k: Kernel, device_context: HANDLE) -> int:
    """A memory DC."""
    table = connect(k)
    if device_context:
        table.find(device_context, DC)
    return table.add(GdiObject(DC))


@service(Support.FULL)
def NtGdiDeleteObjectApp(k: Kernel, handle: HANDLE) -> int:
    """Delete an object; for a stock object this does nothing (Microsoft Learn, DeleteObject)."""
    table = connect(k)
    if not table.find(handle).stock:
        table.remove(handle)
    return 1


@service(Support.FULL)
def NtGdiGetStockObject(k: Kernel, index: LONG) -> int:
    """The handle of an object that is always there."""
    kind = STOCK.get(index)
    if kind is None:
        return 0
    connect(k)
    return (kind | 0x80) << 16 | FIRST_STOCK + index


@service(Support.PARTIAL, "bitmaps; others are refused by name")
def NtGdiExtGetObjectW(k: Kernel, handle: HANDLE, size: LONG, buffer: PVOID) -> int:
    """What an object was made of: the size of that, or the bytes written."""
    target = connect(k).find(handle)
    if not isinstance(target.value, Bitmap):
        raise Unsupported(f"NtGdiExtGetObjectW of an object of type {target.type:X}h is not implemented")
    found = target.value
    data = encode(
        BITMAP,
        k.width,
        BITMAP(
            LONG(0), LONG(found.width), LONG(found.height), LONG(found.row), USHORT(found.planes),
            USHORT(found.depth), PVOID(0),
        ),
    )  # fmt: skip
    if not buffer:
        return len(data)
    if size < len(data):
        return 0
    k.memory.write(buffer, data)
    return len(data)
