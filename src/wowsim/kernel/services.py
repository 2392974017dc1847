"""Every module that declares services, in one list for the simulation."""

from __future__ import annotations

from functools import lru_cache

from wowsim.kernel import (
    contexts,
    debug_objects,
    descriptors,
    directories,
    directory,
    exceptions,
    file_changes,
    file_information,
    file_io,
    files,
    handles,
    jobs,
    licenses,
    memory,
    power,
    privileged,
    process,
    process_handles,
    process_settings,
    processor,
    sections,
    synchronization,
    system,
    system_information,
    thread_information,
    threads,
    time,
    timers,
    token_adjustment,
    token_handles,
    token_information,
    volume_information,
    waits,
)
from wowsim.kernel.table import Service, services_of

MODULES = (
    contexts, descriptors, directories, directory, exceptions, file_changes, file_information, file_io, files, handles,
    jobs, memory, process, process_handles, process_settings, sections,
    synchronization, system, thread_information, threads, time, timers, volume_information, waits,
    token_adjustment, token_handles, token_information, debug_objects, licenses, power, privileged, processor,
    system_information,
)  # fmt: skip


@lru_cache(maxsize=1)
def implemented() -> dict[str, Service]:
    """Nt name -> service, for everything wowsim implements."""
    return services_of(MODULES)
