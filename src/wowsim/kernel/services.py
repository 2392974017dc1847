"""Every module that declares services, in one list for the simulation."""

from __future__ import annotations

from functools import lru_cache

from wowsim.kernel import (
    atoms,
    contexts,
    controls,
    debug_objects,
    descriptors,
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
    jobs,
    licenses,
    locale,
    memory,
    memory_extended,
    memory_hints,
    memory_queries,
    named_pipes,
    nls,
    power,
    privileged,
    process,
    process_creation,
    process_handles,
    process_settings,
    processor,
    registry_hives,
    registry_keys,
    registry_values,
    sections,
    symbolic_links,
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
    uuids,
    volume_information,
    waits,
)
from wowsim.kernel.table import Service, services_of

MODULES = (
    atoms, contexts, controls, debug_objects, descriptors, directories, directory, exceptions,
    extended_attributes, file_changes, file_information, file_io, file_locks, file_segments, files,
    handles, io_cancel, io_completion, jobs, licenses, locale, memory, memory_extended, memory_hints,
    memory_queries, named_pipes, nls, power, privileged, process, process_creation, process_handles,
    process_settings, processor, registry_hives, registry_keys, registry_values, sections,
    symbolic_links, synchronization, system, system_information, thread_information, threads, time,
    timers, token_adjustment, token_handles, token_information, uuids, volume_information, waits,
)  # fmt: skip


@lru_cache(maxsize=1)
def implemented() -> dict[str, Service]:
    """Nt name -> service, for everything wowsim implements."""
    return services_of(MODULES)
