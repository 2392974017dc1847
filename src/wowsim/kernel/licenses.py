"""License values (nt!Ex): the policy of the product, which is empty here.

Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import NTSTATUS, PVOID, ULONG, In, Out
from wowsim.nt.status import STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND
from wowsim.nt.structures import UNICODE_STRING


@service(Support.PARTIAL, "the policy is empty")
def NtQueryLicenseValue(
    k: Kernel,
    value_name: In[UNICODE_STRING],
    value_type: Out[ULONG] | None,
    data: PVOID,
    data_size: ULONG,
    result_data_size: Out[ULONG],
) -> NTSTATUS:
    """A value of the product policy: there is none of any name."""
    return STATUS_OBJECT_NAME_NOT_FOUND if k.text_of(value_name) else STATUS_INVALID_PARAMETER
