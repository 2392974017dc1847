"""The ways into the kernel of 32-bit Windows: SYSENTER and ``int 2Eh`` (nt!KiFastCallEntry, nt!KiSystemService).

SYSENTER saves nothing: EDX is the user's ESP, the arguments lie behind two return addresses, and the way back goes to
ntdll!KiFastSystemCallRet, also from the stubs of Windows 8 and later, which hold a SYSENTER of their own
(wow64-facts section 2; DynamoRIO core/win32/ntdll.c, syscalls_init). Who may import it: ``simulation.machine``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.bug_checks import BugCheck
from wowsim.kernel.exceptions import TF
from wowsim.kernel.native_exceptions import DATA
from wowsim.nt.builds import NUMBER_MASK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.simulation.machine import Machine

_MASK = 0xFFFFFFFF
_BEHIND_RETURNS = 8
"""At SYSENTER [edx] is the return into the stub, [edx+4] the stub's caller."""
_LENGTH = 2


class NativeCalls:
    """Serves the calls of one machine.

    Args:
        machine: the machine.
        entry_units: simulated time of one kernel entry.

    Attributes:
        return_address: ntdll!KiFastSystemCallRet; 0 while there is no process.
        behind: where the thread that has called goes on.
    """

    def __init__(self, machine: Machine, entry_units: int) -> None:
        self._machine, self._entry_units = machine, entry_units
        self.return_address = self.behind = 0
        self._stepped = -1
        self._arguments = [struct.Struct(f"<{n}I") for n in range(32)]

    def sysenter(self) -> None:
        """SYSENTER: without leaving translated code where the way back is the next instruction."""
        core = self._machine.core
        rip, rsp, rax, rdx, rflags = core.batch("rip", "rsp", "rax", "rdx", "rflags").read()
        self._stepped = rip + _LENGTH if rflags & TF else -1
        self.behind = self.return_address
        if rip + _LENGTH == self.return_address and rsp == rdx:
            status = self._serve(rax, rdx + _BEHIND_RETURNS)
            # SYSEXIT takes EIP from EDX and ESP from ECX (Intel SDM)
            core.batch("rax", "rcx", "rdx").write(status, rdx, self.return_address)
            self._machine.leave_kernel()
            return
        core.later(lambda: self._sysenter_elsewhere(rip, rax, rdx & _MASK))

    def _sysenter_elsewhere(self, rip: int, rax: int, stack: int) -> None:
        core = self._machine.core
        core.write("rip", rip)  # where it stands if the service is refused
        status = self._serve(rax, stack + _BEHIND_RETURNS)
        back = self.return_address
        core.batch("ss", "rax", "rcx", "rdx", "rsp", "rip").write(DATA, status, stack, back, stack, back)
        self._machine.leave_kernel()

    def hides_step(self, rip: int) -> bool:
        """Whether a single step is SYSENTER's own: it is taken in the kernel, and the next one is seen (unverified)."""
        hidden, self._stepped = self._stepped == rip, -1
        return hidden

    def interrupt(self) -> None:
        """``int 2Eh``: EDX points at the first argument, and the way back is an IRET to the next instruction."""
        core = self._machine.core
        self.behind, rax, rdx = core.batch("rip", "rax", "rdx").read()
        core.write("rax", self._serve(rax, rdx))
        self._machine.leave_kernel()

    def _serve(self, eax: int, arguments: int) -> int:
        machine = self._machine
        machine.clock.advance(self._entry_units)
        if machine.before_service is not None:
            machine.before_service()
        number = eax & NUMBER_MASK
        count = machine.table.argument_counts.get(number, 0)
        slots: Sequence[int] = ()
        if count:
            try:
                slots = machine.tables.unpack(self._arguments[count], arguments & _MASK)
            except GuestFault as fault:
                return fault.status
        try:
            status = machine.table.dispatch(number, slots)
        except BugCheck as found:
            machine.bug_check(found)
            return 0
        machine.refresh()
        return max(status, 0)  # a thread that waits gets its status when it goes on
