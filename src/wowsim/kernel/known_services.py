"""Every service that any Windows has: those that are implemented, and declarations of the rest.

Argument bytes are held to the published counts when the list is made. Who may import it: the simulation.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wowsim.errors import Unsupported
from wowsim.kernel import wine
from wowsim.kernel.declared import declarations
from wowsim.kernel.services import implemented
from wowsim.kernel.table import Service, Support, services_of
from wowsim.nt import argument_counts
from wowsim.nt.abi import Pass, Prototype, prototype
from wowsim.nt.builds import WOW64
from wowsim.nt.forms import FORMS, form, passed

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.nt.builds import Build


@lru_cache(maxsize=1)
def known() -> dict[str, Service]:
    """Nt name -> service, for every service of every Windows: implemented, or declared only.

    Raises:
        TypeError: a signature does not have the published number of argument bytes.
    """
    found = dict(implemented())
    for name, function in declarations().items():
        if name not in found:
            found[name] = Service(prototype(function), _refusal(function), Support.DECLARED)
    for service in found.values():
        argument_counts.check(service.prototype)
    return found


def _refusal(function: Callable[..., Any]) -> Callable[..., int]:
    """What stands behind a service that is only declared."""
    name = function.__name__

    def refuse(kernel: Any, *values: Any) -> int:
        raise Unsupported(f"service {name} is not implemented")

    refuse.__annotations__ = function.__annotations__
    return refuse


@lru_cache
def services_of_build(build: Build) -> dict[str, Service]:
    """The services that a build has, with the signatures it has them with."""
    found, rows = known(), build.numbers
    services = {name: found[name] for name in rows}
    for name in FORMS.keys() & services.keys():
        services[name] = _in_form(services[name], build)
    return services


@lru_cache
def services_of_root() -> dict[str, Service]:
    """Every service, for a root's DLLs, whose stubs say which there are; in the forms of the newest Windows.

    Those of Wine's own are among them.
    """
    return {**known(), **services_of_build(WOW64[-1]), **services_of((wine,))}


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
