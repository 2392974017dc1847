"""Every module that declares services, in one list for the simulation."""

from __future__ import annotations

from functools import lru_cache

from wowsim.kernel import (
    contexts,
    controls,
    directories,
    directory,
    exceptions,
    extended_attributes,
    file_changes,
    file_information,
    file_io,
    file_locks,
    file_segments,
    files,
    handles,
    io_cancel,
    io_completion,
    memory,
    named_pipes,
    process,
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
    contexts, controls, directories, directory, exceptions, extended_attributes, file_changes,
    file_information, file_io, file_locks, file_segments, files, handles, io_cancel, io_completion, memory,
    named_pipes, process, sections, synchronization, system, thread_information, threads, time, timers,
    volume_information, waits,
)  # fmt: skip


@lru_cache(maxsize=1)
def implemented() -> dict[str, Service]:
    """Nt name -> service, for everything wowsim implements."""
    return services_of(MODULES)
