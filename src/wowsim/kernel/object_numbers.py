"""Numbers of object types and addresses of objects, as lists of handles show them.

The numbers are Windows 7's (unverified for other builds, which count differently). Addresses are made up: one for
each object, in the order in which they are first shown. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel
    from wowsim.kernel.objects import KernelObject

_NAMES = """
Type Directory SymbolicLink Token Job Process Thread UserApcReserve IoCompletionReserve DebugObject Event EventPair
Mutant Callback Semaphore Timer Profile KeyedEvent WindowStation Desktop TpWorkerFactory Adapter Controller Device
Driver IoCompletion File TmTm TmTx TmRm TmEn Section Session Key
"""
TYPE_INDEX = {name: number for number, name in enumerate(_NAMES.split(), 2)}
"""Type name -> index."""

_POOL = {32: 0x85000030, 64: 0xFFFFFA80_00C00030}
_BODY = 0x100


def type_index(target: KernelObject) -> int:
    """The index of an object's type; 0 for one that has none."""
    return TYPE_INDEX.get(target.type_name, 0)


def object_address(k: Kernel, target: KernelObject) -> int:
    """Where an object would lie in the kernel's pool."""
    if not target.address:
        target.address = _POOL[k.width] + _BODY * k.handles.shown
        k.handles.shown += 1
    return target.address
