"""wowsim: 32-bit Windows code run the way 64-bit Windows runs it, through the real mode switch.

    import wowsim

    with wowsim.Simulation(build="win7sp1") as sim:
        sim.load("program.exe")
        result = sim.run(trace="calls")

Everything public is named here; the native libraries are imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Answer": "wowsim.simulation",
    "Simulation": "wowsim.simulation",
    "RunResult": "wowsim.simulation",
    "Snapshot": "wowsim.simulation",
    "Trace": "wowsim.simulation",
    "StopReason": "wowsim.errors",
    "WowsimError": "wowsim.errors",
    "UsageError": "wowsim.errors",
    "Unsupported": "wowsim.errors",
    "GuestFault": "wowsim.errors",
    "Call": "wowsim.trace.events",
    "Event": "wowsim.trace.events",
    "FastFailed": "wowsim.trace.events",
    "GateCrossed": "wowsim.trace.events",
    "MemoryChanged": "wowsim.trace.events",
    "Redirected": "wowsim.trace.events",
    "ServiceEvent": "wowsim.trace.events",
    "SyscallEntered": "wowsim.trace.events",
    "SyscallReturned": "wowsim.trace.events",
    "UnsupportedCalled": "wowsim.trace.events",
    "In": "wowsim.nt.abi",
    "InOut": "wowsim.nt.abi",
    "Out": "wowsim.nt.abi",
}

if TYPE_CHECKING:
    from wowsim.errors import GuestFault as GuestFault
    from wowsim.errors import StopReason as StopReason
    from wowsim.errors import Unsupported as Unsupported
    from wowsim.errors import UsageError as UsageError
    from wowsim.errors import WowsimError as WowsimError
    from wowsim.nt.abi import In as In
    from wowsim.nt.abi import InOut as InOut
    from wowsim.nt.abi import Out as Out
    from wowsim.simulation import Answer as Answer
    from wowsim.simulation import RunResult as RunResult
    from wowsim.simulation import Simulation as Simulation
    from wowsim.simulation import Snapshot as Snapshot
    from wowsim.simulation import Trace as Trace
    from wowsim.trace.events import Call as Call
    from wowsim.trace.events import Event as Event
    from wowsim.trace.events import FastFailed as FastFailed
    from wowsim.trace.events import GateCrossed as GateCrossed
    from wowsim.trace.events import MemoryChanged as MemoryChanged
    from wowsim.trace.events import Redirected as Redirected
    from wowsim.trace.events import ServiceEvent as ServiceEvent
    from wowsim.trace.events import SyscallEntered as SyscallEntered
    from wowsim.trace.events import SyscallReturned as SyscallReturned
    from wowsim.trace.events import UnsupportedCalled as UnsupportedCalled


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'wowsim' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


def builds() -> list[str]:
    """Names of the Windows builds, oldest first."""
    from wowsim.nt.builds import BUILDS

    return list(BUILDS)


def assemble32(source: str, address: int = 0) -> bytes:
    """Assemble Intel-syntax text for 32-bit mode.

    Raises:
        UsageError: the text does not assemble.
    """
    return _assemble(source, 32, address)


def assemble64(source: str, address: int = 0) -> bytes:
    """Assemble Intel-syntax text for 64-bit mode.

    Raises:
        UsageError: the text does not assemble.
    """
    return _assemble(source, 64, address)


def _assemble(source: str, bits: Any, address: int) -> bytes:
    from wowsim.errors import UsageError
    from wowsim.image.synth import AssemblyError, assemble

    if not isinstance(source, str) or not source.isascii() or "\0" in source:
        raise UsageError(f"source {source!r:.60}; expected assembly as ASCII text")
    try:
        return assemble(source, bits, address)
    except AssemblyError as error:
        raise UsageError(str(error).splitlines()[0] + ": " + source.strip().splitlines()[0]) from None


__all__ = ["__version__", "assemble32", "assemble64", "builds", *sorted(_HOME)]
