"""The engine underneath the CPU: Unicorn's C interface. The only importer of unicorn.

Registers move in batches, hooks and contexts go through the C functions (the binding's own ways are up to 12 times
slower). What instructions mean and what Unicorn does otherwise than hardware is ``cpu.core``'s. Who may import it:
``cpu``.
"""

from __future__ import annotations

import ctypes
from struct import Struct
from typing import TYPE_CHECKING, Any

import unicorn
from unicorn import UcError
from unicorn import x86_const as x86
from unicorn.unicorn_py3.unicorn import uclib

from wowsim.cpu.instructions import GENERAL

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPT_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)
SYSCALL_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
CPUID_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
IN_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_void_p
)
OUT_CALLBACK = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p
)
INVALID_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)
CODE_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)


class Translation(ctypes.Structure):
    """What an edge callback is told of a translated block: address, instructions, bytes."""

    _fields_ = (("pc", ctypes.c_uint64), ("icount", ctypes.c_uint16), ("size", ctypes.c_uint16))


EDGE_CALLBACK = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.POINTER(Translation), ctypes.POINTER(Translation), ctypes.c_void_p
)

HOOK_INTERRUPT, HOOK_BLOCK, HOOK_CODE = unicorn.UC_HOOK_INTR, unicorn.UC_HOOK_BLOCK, unicorn.UC_HOOK_CODE
HOOK_EDGE, HOOK_INVALID = unicorn.UC_HOOK_EDGE_GENERATED, unicorn.UC_HOOK_INSN_INVALID
SYSCALL, SYSENTER, CPUID = x86.UC_X86_INS_SYSCALL, x86.UC_X86_INS_SYSENTER, x86.UC_X86_INS_CPUID
PORT_IN, PORT_OUT = x86.UC_X86_INS_IN, x86.UC_X86_INS_OUT
ILLEGAL_INSTRUCTION = unicorn.UC_ERR_INSN_INVALID
_TLB_FLUSH = 1 << 30 | unicorn.unicorn_const.UC_CTL_TLB_FLUSH
"""``uc_ctl_flush_tlb``, which the binding does not wrap: a write control without arguments."""
_FXSAVE = Struct("<HHB")

_IDS = {
    name: getattr(x86, f"UC_X86_REG_{name.upper()}")
    for name in (*GENERAL, "rip", "cs", "ds", "es", "ss", "fs", "gs")
}
_IDS |= {"rflags": x86.UC_X86_REG_RFLAGS, "fs_base": x86.UC_X86_REG_FS_BASE, "gs_base": x86.UC_X86_REG_GS_BASE,
         "cr2": x86.UC_X86_REG_CR2}  # fmt: skip
REGISTERS = tuple(_IDS)


_MOVE = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
# own prototypes: addresses as integers, and the interpreter lock is kept over a call this short
_read_batch = _MOVE(ctypes.cast(uclib.uc_reg_read_batch, ctypes.c_void_p).value or 0)
_write_batch = _MOVE(ctypes.cast(uclib.uc_reg_write_batch, ctypes.c_void_p).value or 0)
_read_saved = _MOVE(ctypes.cast(uclib.uc_context_reg_read_batch, ctypes.c_void_p).value or 0)
_write_saved = _MOVE(ctypes.cast(uclib.uc_context_reg_write_batch, ctypes.c_void_p).value or 0)


class Batch:
    """A fixed list of registers moved by one call into the engine (0.7 us instead of 2.5 us each).

    Args:
        source: address of the engine, or of a saved context.
        names: 64-bit names.
        saved: whether it is a saved context.
    """

    __slots__ = ("_arguments", "_ids", "_layout", "_move_in", "_move_out", "_pointers", "_values")

    def __init__(self, source: int, names: Sequence[str], saved: bool = False) -> None:
        count = len(names)
        self._move_out, self._move_in = (_read_saved, _write_saved) if saved else (_read_batch, _write_batch)
        self._ids = (ctypes.c_int * count)(*(_IDS[n] for n in names))
        self._values = (ctypes.c_uint64 * count)()
        start = ctypes.addressof(self._values)
        self._pointers = (ctypes.c_void_p * count)(*(start + 8 * i for i in range(count)))
        self._layout = Struct(f"<{count}Q")
        self._arguments = (
            source,
            ctypes.addressof(self._ids),
            ctypes.addressof(self._pointers),
            count,
        )

    def read(self) -> tuple[int, ...]:
        """The values, in the order of the names."""
        self._move_out(*self._arguments)
        return self._layout.unpack_from(self._values)

    def write(self, *values: int) -> None:
        """Set all of them; each value is unsigned."""
        self._layout.pack_into(self._values, 0, *values)
        self._move_in(*self._arguments)


class FloatingPoint:
    """x87 and SSE registers moved by one call into the engine, 16 bytes each; outside they are an FXSAVE image."""

    def __init__(self, source: int, saved: bool = False) -> None:
        self._move_out, self._move_in = (_read_saved, _write_saved) if saved else (_read_batch, _write_batch)
        registers = [x86.UC_X86_REG_FPCW, x86.UC_X86_REG_FPSW, x86.UC_X86_REG_FPTAG, x86.UC_X86_REG_MXCSR]
        registers += [x86.UC_X86_REG_FP0 + i for i in range(8)]  # the physical ones
        registers += [x86.UC_X86_REG_XMM0 + i for i in range(16)]
        count = len(registers)
        self._ids = (ctypes.c_int * count)(*registers)
        self._values = bytearray(16 * count)
        start = ctypes.addressof((ctypes.c_char * len(self._values)).from_buffer(self._values))
        self._pointers = (ctypes.c_void_p * count)(*(start + 16 * i for i in range(count)))
        addresses = (ctypes.addressof(self._ids), ctypes.addressof(self._pointers))
        self._arguments = (source, *addresses, count)

    def read(self) -> bytes:
        """The FXSAVE image: ST0 to ST7 from the top of the stack on, a bit for each register that is not empty."""
        self._move_out(*self._arguments)
        values, image = self._values, bytearray(0x200)
        control, status, tags = (int.from_bytes(values[at : at + 2], "little") for at in (0, 0x10, 0x20))
        present = sum(1 << i for i in range(8) if tags >> 2 * i & 3 != 3)
        _FXSAVE.pack_into(image, 0, control, status, present)
        image[0x18:0x20] = values[0x30:0x34] + b"\xff\xff\0\0"
        for i in range(8):
            at = 0x40 + 16 * ((status >> 11) + i & 7)
            image[0x20 + 16 * i : 0x2A + 16 * i] = values[at : at + 10]
        image[0xA0:0x1A0] = values[0xC0:0x1C0]
        return bytes(image)

    def write(self, image: bytes) -> None:
        """Load an image."""
        values = self._values
        control, status, present = _FXSAVE.unpack_from(image)
        tags = sum(0 if present >> i & 1 else 3 << 2 * i for i in range(8))
        for at, value in ((0, control), (0x10, status), (0x20, tags)):
            values[at : at + 2] = value.to_bytes(2, "little")
        values[0x30:0x34] = image[0x18:0x1A] + b"\0\0"
        for i in range(8):
            at = 0x40 + 16 * ((status >> 11) + i & 7)
            values[at : at + 10] = image[0x20 + 16 * i : 0x2A + 16 * i]
        values[0xC0:0x1C0] = image[0xA0:0x1A0]
        self._move_in(*self._arguments)


class Engine:
    """One Unicorn engine on guest RAM.

    Args:
        ram_size: bytes of guest RAM.
        ram_address: where the host has them.

    Attributes:
        handle: of the C interface.
        saved: address of the one context that calls pass through; ``saved_size`` its bytes.
    """

    def __init__(self, ram_size: int, ram_address: int) -> None:
        uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self._uc = uc
        uc.ctl_set_cpu_model(x86.UC_CPU_X86_NEHALEM)
        # no "until" address: after each start the engine translates it, which would raise a page fault unseen
        uc.ctl_exits_enabled(True)
        uc.mem_map_ptr(0, ram_size, unicorn.UC_PROT_ALL, ram_address)
        self.handle: int = uc._uch.value or 0
        self._scratch = uc.context_save()
        self.saved: int = ctypes.cast(self._scratch.context, ctypes.c_void_p).value or 0
        self.saved_size: int = uclib.uc_context_size(uc._uch)
        self._run, self._halt = uclib.uc_emu_start, uclib.uc_emu_stop
        self._argument = uc._uch

    def close(self) -> None:
        """Release it."""
        del self._scratch, self._uc, self._argument

    # ------------------------------------------------------------ running
    def start(self, address: int) -> int:
        """Execute from ``address`` on until somebody stops it; an engine's error number, 0 for none."""
        status: int = self._run(self._argument, ctypes.c_uint64(address), 0, 0, 0)
        return status

    def stop(self) -> None:
        """Leave translated code at the next instruction boundary; also from another thread."""
        self._halt(self._argument)

    def hook(self, kind: int, callback: Any, *, begin: int = 1, end: int = 0, data: int = 0) -> Any:
        """Add a hook (``HOOK_*``) with a C callback or the address of one; what :meth:`unhook` takes."""
        return self._add(kind, callback, begin, end, data)

    def hook_instruction(self, instruction: int, callback: Any) -> Any:
        """Add a hook for one instruction (``SYSCALL``, ``CPUID``...)."""
        return self._add(unicorn.UC_HOOK_INSN, callback, 1, 0, 0, ctypes.c_int(instruction))

    def _add(self, kind: int, callback: Any, begin: int, end: int, data: int, *extra: Any) -> Any:
        handle = ctypes.c_size_t()
        pointer = callback if isinstance(callback, int) else ctypes.cast(callback, ctypes.c_void_p).value
        status = uclib.uc_hook_add(
            self._argument, ctypes.byref(handle), kind, ctypes.c_void_p(pointer), ctypes.c_void_p(data),
            ctypes.c_uint64(begin), ctypes.c_uint64(end), *extra,
        )  # fmt: skip
        if status:
            raise UcError(status)
        return handle

    def unhook(self, hook: Any) -> None:
        """Remove a hook."""
        uclib.uc_hook_del(self._argument, hook)

    # ------------------------------------------------------------ registers
    def set(self, name: str, value: Any) -> None:
        """Write a register by the engine's name (``CR3``, ``GDTR``), in the binding's form."""
        self._uc.reg_write(getattr(x86, f"UC_X86_REG_{name}"), value)

    def get(self, name: str) -> int:
        """Read a register by the engine's name."""
        value: int = self._uc.reg_read(getattr(x86, f"UC_X86_REG_{name}"))
        return value

    # ------------------------------------------------------------ contexts
    def new_context(self) -> Any:
        """The whole state, for :meth:`load`; :meth:`store` puts a later one into it."""
        return self._uc.context_save()

    def store(self, context: Any) -> None:
        """Keep the present state in a context that is there."""
        uclib.uc_context_save(self._argument, context.context)

    def load(self, context: Any) -> None:
        """Put a state back."""
        uclib.uc_context_restore(self._argument, context.context)

    def save(self) -> None:
        """The present state goes to :attr:`saved`."""
        uclib.uc_context_save(self._argument, self._scratch.context)

    def resume(self) -> None:
        """The state at :attr:`saved` becomes the present one."""
        uclib.uc_context_restore(self._argument, self._scratch.context)

    def saved_bytes(self) -> bytes:
        """What lies at :attr:`saved`."""
        return ctypes.string_at(self.saved, self.saved_size)

    def put_saved(self, state: bytes) -> None:
        """Let :attr:`saved` be what :meth:`saved_bytes` was."""
        ctypes.memmove(self.saved, state, len(state))

    def saved_word(self, offset: int) -> int:
        """A signed dword of the context at :attr:`saved`."""
        return ctypes.c_int32.from_address(self.saved + offset).value

    def put_saved_word(self, offset: int, value: int) -> None:
        """Change a dword of it."""
        ctypes.c_int32.from_address(self.saved + offset).value = value

    # ------------------------------------------------------------ caches
    def flush_translations(self) -> None:
        """Forget which page lies where."""
        uclib.uc_ctl(self._argument, _TLB_FLUSH)

    def flush_blocks(self) -> None:
        """Forget translated code."""
        self._uc.ctl_flush_tb()

    def remove_blocks(self, begin: int, end: int) -> None:
        """Forget code translated from virtual addresses of a range."""
        self._uc.ctl_remove_cache(begin, end)

    @staticmethod
    def error(status: int) -> str:
        """An error number as text."""
        return str(UcError(status))
