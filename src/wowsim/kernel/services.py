"""Every module that declares services, in one list for the simulation."""

from __future__ import annotations

from functools import lru_cache

from wowsim.kernel import (
    atoms,
    contexts,
    directories,
    directory,
    exceptions,
    file_changes,
    file_information,
    file_io,
    files,
    handles,
    locale,
    memory,
    memory_extended,
    memory_hints,
    memory_queries,
    process,
    sections,
    symbolic_links,
    synchronization,
    system,
    thread_information,
    threads,
    time,
    timers,
    uuids,
    volume_information,
    waits,
)
from wowsim.kernel.table import Service, services_of

MODULES = (
    atoms,
    contexts, directories, directory, exceptions, file_changes, file_information, file_io, files, handles, locale,
    memory, memory_extended, memory_hints, memory_queries, process, sections, symbolic_links,
    synchronization, system, thread_information, threads, time, timers, uuids, volume_information, waits,
)  # fmt: skip


@lru_cache(maxsize=1)
def implemented() -> dict[str, Service]:
    """Nt name -> service, for everything wowsim implements."""
    return services_of(MODULES)
