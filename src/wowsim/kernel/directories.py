r"""Directory objects: NtOpenDirectoryObject (nt!Ob).

Leaves out making and listing them. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.kernel.context import Kernel
from wowsim.kernel.namespace import Directory
from wowsim.kernel.naming import open_object
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import ACCESS_MASK, HANDLE, NTSTATUS, In, Out
from wowsim.nt.structures import OBJECT_ATTRIBUTES


@service(Support.FULL)
def NtOpenDirectoryObject(
    k: Kernel,
    directory_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    r"""Open a directory such as ``\BaseNamedObjects``."""
    return open_object(k, Directory, object_attributes, desired_access, directory_handle)
