"""Every service there is, in one place for the simulation: the modules that implement them, and the declared rest."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

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
from wowsim.kernel.declared import declarations
from wowsim.kernel.table import Service, Support, services_of
from wowsim.nt import argument_counts
from wowsim.nt.abi import Pass, Prototype, prototype
from wowsim.nt.forms import FORMS, form, passed

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.nt.builds import Build

MODULES = (
    contexts, directories, directory, exceptions, file_changes, file_information, file_io, files, handles, memory,
    process, sections,
    synchronization, system, thread_information, threads, time, timers, volume_information, waits,
)  # fmt: skip


@lru_cache(maxsize=1)
def implemented() -> dict[str, Service]:
    """Nt name -> service, for everything wowsim implements."""
    return services_of(MODULES)


@lru_cache(maxsize=1)
def known() -> dict[str, Service]:
    """Nt name -> service, for every service of every Windows: implemented, or declared only.

    Raises:
        TypeError: a signature does not have the published number of argument bytes.
    """
    found = dict(implemented())
    for name, function in declarations().items():
        if name not in found:
            found[name] = Service(prototype(function), function, Support.DECLARED)
    for service in found.values():
        argument_counts.check(service.prototype)
    return found


@lru_cache
def services_of_build(build: Build) -> dict[str, Service]:
    """The services that a build has, with the signatures it has them with."""
    found, rows = known(), build.numbers
    services = {name: found[name] for name in rows}
    for name in FORMS.keys() & services.keys():
        services[name] = _in_form(services[name], build)
    return services


def _in_form(service: Service, build: Build) -> Service:
    """A service of a build that passes only some of its arguments; the handler gets 0 or NULL for the rest."""
    whole, indices = service.prototype, passed(service.name, build.version)
    if indices is None or len(indices) == len(whole.parameters):
        return service
    return replace(
        service, prototype=form(whole, build.version), handler=_padded(service.handler, whole, indices)
    )


def _padded(handler: Callable[..., int], whole: Prototype, indices: tuple[int, ...]) -> Callable[..., int]:
    empty = [0 if parameter.passed is Pass.VALUE else None for parameter in whole.parameters]

    def call(kernel: Any, *values: Any) -> int:
        arguments: list[Any] = list(empty)
        for index, value in zip(indices, values, strict=True):
            arguments[index] = value
        return handler(kernel, *arguments)

    return call
