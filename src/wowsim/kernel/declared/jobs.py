"""Job objects.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntpsapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import NTSTATUS, PVOID, ULONG, Array
from wowsim.nt.executive_structures import JOB_SET_ARRAY

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCreateJobSet(
    k: Kernel, num_job: ULONG, user_job_set: Annotated[PVOID, Array(JOB_SET_ARRAY, "num_job")], flags: ULONG
) -> NTSTATUS: ...
