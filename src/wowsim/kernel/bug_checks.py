"""Bug checks: what a fast fail means in ring 0 (nt!KiFastFailDispatch, nt!KeBugCheckEx).

The kernel model is Python, so ``int 29h`` there is a call of :meth:`wowsim.kernel.context.Kernel.fast_fail` (a
service, or one that replaces it, that finds a list or a stack corrupt). Codes and parameters: Microsoft Learn, bug
checks 0x139 and 0x7F; wow64-facts section 10. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from wowsim.nt.fast_fail import name_of

KERNEL_SECURITY_CHECK_FAILURE = 0x139
UNEXPECTED_KERNEL_MODE_TRAP = 0x7F
GENERAL_PROTECTION_FAULT = 13
NAMES = {
    KERNEL_SECURITY_CHECK_FAILURE: "KERNEL_SECURITY_CHECK_FAILURE",
    UNEXPECTED_KERNEL_MODE_TRAP: "UNEXPECTED_KERNEL_MODE_TRAP",
}


class BugCheck(Exception):
    """The machine stops.

    Attributes:
        code: of the bug check.
        parameters: the four.
    """

    def __init__(self, code: int, parameters: tuple[int, int, int, int]) -> None:
        super().__init__(f"{NAMES.get(code, 'bug check')} ({code:X}h)")
        self.code, self.parameters = code, parameters

    @property
    def text(self) -> str:
        """``KERNEL_SECURITY_CHECK_FAILURE (139h): 3, ...``, with the name of a fast fail's code."""
        text = f"{self}: {', '.join(f'{p:X}' for p in self.parameters)}"
        if self.code == KERNEL_SECURITY_CHECK_FAILURE:
            text += f" ({name_of(self.parameters[0])})"
        return text


def fast_fail(code: int, has_fast_fail: bool, trap_frame: int, exception_record: int) -> BugCheck:
    """What ``int 29h`` in ring 0 ends in.

    Args:
        code: FAST_FAIL_*.
        has_fast_fail: Windows 8 and later; before, the interrupt is a trap that ring 0 does not expect (its
            parameters beyond the trap's number are unverified).
        trap_frame: address of the KTRAP_FRAME.
        exception_record: address of the EXCEPTION_RECORD.
    """
    if not has_fast_fail:
        return BugCheck(UNEXPECTED_KERNEL_MODE_TRAP, (GENERAL_PROTECTION_FAULT, 0, 0, 0))
    return BugCheck(KERNEL_SECURITY_CHECK_FAILURE, (code & 0xFFFFFFFF, trap_frame, exception_record, 0))
