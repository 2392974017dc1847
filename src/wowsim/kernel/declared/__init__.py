"""Every Nt service that wowsim does not implement, as a typed signature without a body.

From a declaration come the service's stub, its decoder, its row in the support table and what a trace shows of a
call before the run stops. One module per NT subsystem. A service that a kernel module implements has no declaration
here; where both are there the implementation wins, and ``python -m wowsim.kernel.declared`` lists them.

Signatures are phnt's. Two services have none that is public and say so. Classes and flags are ULONG.
Who may import it: the service list.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MODULES = (
    "alpc", "boot", "cm", "completion", "dbgk", "enclaves", "etw", "ex", "io", "iorings", "jobs", "ke", "lpc", "mm",
    "nls", "ob", "partitions", "pnp", "power", "ps", "se", "tm", "wnf", "worker_factory",
)  # fmt: skip


def declarations() -> dict[str, Callable[..., Any]]:
    """Nt name -> the function that declares it.

    Raises:
        TypeError: two modules declare the same service.
    """
    found: dict[str, Callable[..., Any]] = {}
    for module in MODULES:
        for name, function in vars(import_module(f"{__name__}.{module}")).items():
            if name.startswith("Nt"):
                if name in found:
                    raise TypeError(f"{name} is declared in {found[name].__module__} and in {module}")
                found[name] = function
    return found
