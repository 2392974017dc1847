"""One service explained: signature, thunk, layouts, numbers and stubs on a build, all from its declaration.

Who may import it: the command line.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from wowsim.errors import UsageError
from wowsim.host64.explanations import besides, describe
from wowsim.kernel.known_services import known, services_of_build
from wowsim.kernel.win32k import services as win32k_services
from wowsim.nt import win32k
from wowsim.nt.argument_counts import published
from wowsim.nt.builds import services
from wowsim.nt.service_numbers import hexadecimal
from wowsim.render.decoder import decoded
from wowsim.render.signatures import declaration, layouts, structures
from wowsim.render.spelling import column, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.image.model import Image
    from wowsim.kernel.table import Service
    from wowsim.nt.builds import Build, ServiceRow

_LONGEST_STUB = 0x20
_CLOSE = 5


def explain(build: Build, name: str) -> Iterator[str]:
    """The lines for a service.

    Args:
        build: whose numbers and stubs are shown.
        name: with Nt or Zw.

    Raises:
        UsageError: no Windows, or not this one, has a service of that name; the message names close ones.
    """
    nt_name = "Nt" + name[2:] if name.startswith("Zw") else name
    by_number = {row.name: row for row in services(build.name)}
    numbers = {service: number for number, service in win32k.services(build.name).items()}
    if nt_name in numbers:
        there = (
            win32k_services.implemented().get(nt_name)
            if nt_name in win32k_services.numbers_of(build)
            else None
        )
        support = "declared" if there is None else there.support.value
        yield f"{nt_name}: {support}, number {hexadecimal(numbers[nt_name])} on {build.name}; a service of win32k"
        if there is not None:
            yield from filter(None, (there.note, ""))
            yield from _signature(there)
        return
    if nt_name not in by_number:
        raise UsageError(_unknown(nt_name, build, {*by_number, *numbers}))
    service, row = services_of_build(build)[nt_name], by_number[nt_name]
    yield f"{nt_name}: {service.support.value}" + f", {service.note}" * bool(service.note)
    yield ""
    yield from _signature(service)
    if build.wow64:
        yield ""
        yield from _thunk(build, service)
    for kind in structures(service.prototype):
        yield ""
        yield from layouts(kind)
    yield ""
    yield from _numbers(build, row)
    yield from _stubs(build, row)


def _unknown(name: str, build: Build, names: set[str]) -> str:
    folded = {known_name.lower(): known_name for known_name in sorted(names)}
    close = difflib.get_close_matches(name.lower(), folded, _CLOSE)
    hint = f"; close names: {', '.join(folded[match] for match in close)}" if close else ""
    elsewhere = "; other builds have it" if name in known() else ""
    return f"{build.name} has no service {name!r}{elsewhere}{hint}"


def _signature(service: Service) -> Iterator[str]:
    returns = known()[service.name].handler.__annotations__.get("return", "NTSTATUS")
    yield from declaration(service.prototype, returns)
    counts = published()[service.name]
    source = "as published" if counts else "no argument count is published"
    yield f"{service.prototype.arg_bytes32} argument bytes ({source})"


def _thunk(build: Build, service: Service) -> Iterator[str]:
    yield f"wow64!wh{service.name}, by 32-bit slot:"
    names = [parameter.nt_name for parameter in service.prototype.parameters]
    width = max(map(len, names), default=0)
    slot = 0
    for parameter in service.prototype.parameters:
        yield f"  +{4 * slot:02x}  {parameter.nt_name:<{width}}  {describe(parameter)}"
        slot += parameter.slots32
    for line in besides(build, service.prototype):
        yield f"  {line}"


def _numbers(build: Build, row: ServiceRow) -> Iterator[str]:
    line = f"{build.name}: number {hexadecimal(row.number)}"
    if build.wow64:
        verified = "" if build.turbo_verified else " (unverified)"
        line += f", turbo {row.turbo}{verified}, EAX {row.eax:08X}"
        line += f", ECX {row.turbo}" if build.turbo_in_ecx else ""
    yield line


def _stubs(build: Build, row: ServiceRow) -> Iterator[str]:
    from wowsim.simulation.images import built_in  # the assembler, which only this needs

    images = built_in(build.name).images
    for image in (images[build.ntdll.name], images["ntdll"]) if build.wow64 else (images["ntdll"],):
        symbol = row.name if image.bits == 64 else "Zw" + row.name[2:]
        yield ""
        yield f"{image.name}!{symbol}:"
        yield from _listing(image, image.export_by_name[symbol].rva)


def _listing(image: Image, rva: int) -> Iterator[str]:
    """Instructions from an address on, to the return that nothing before it jumps over."""
    start = image.base + rva
    code = image.contents[rva : rva + _LONGEST_STUB]
    furthest = start
    for address, length, mnemonic, operands in decoded(code, start, image.bits):
        data = code[address - start :][:length]
        yield f"{column(address, image.bits)} {data.hex():<16} {text(data, address, image.bits)}"
        if mnemonic in ("call", "jne") and operands.startswith("0x"):
            furthest = max(furthest, int(operands, 0))
        if mnemonic == "ret" and address >= furthest:
            return
