"""Every module that declares services, in one list for the simulation."""

from __future__ import annotations

from functools import lru_cache

from wowsim.kernel import (
    contexts,
    directories,
    directory,
    exceptions,
    file_changes,
    file_information,
    file_io,
    files,
    handles,
    memory,
    process,
    registry_hives,
    registry_keys,
    registry_values,
    sections,
    synchronization,
    system,
    thread_information,
    threads,
    time,
    timers,
    volume_information,
    waits,
)
from wowsim.kernel.table import Service, services_of

MODULES = (
    contexts, directories, directory, exceptions, file_changes, file_information, file_io, files, handles, memory,
    process, registry_hives, registry_keys, registry_values, sections,
    synchronization, system, thread_information, threads, time, timers, volume_information, waits,
)  # fmt: skip


@lru_cache(maxsize=1)
def implemented() -> dict[str, Service]:
    """Nt name -> service, for everything wowsim implements."""
    return services_of(MODULES)
