"""Watching and answering service calls at their three layers: the 32-bit stub, wow64.dll, the kernel.

The stub and wow64.dll are guest code, so they are watched at instructions: a stub's first one and its ``ret``, and in
wow64!Wow64SystemServiceEx the call of the thunk and what follows, where Windows tells wow64log.dll (wow64-facts
section 5); in the wow64.dll of a system root the whole function. An answer goes on at the ``ret`` or behind the call;
the guest's own code does the rest. In the kernel the service table asks. Nothing is watched while nobody listens. Who
may import it: ``simulation.simulation``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

from wowsim.errors import UsageError
from wowsim.nt.builds import NUMBER_MASK
from wowsim.nt.records import dataclass
from wowsim.render.decoder import decoded as instructions
from wowsim.simulation.answers import Answer, Glance, decoded, write_outputs
from wowsim.simulation.function_watch import FunctionWatch
from wowsim.simulation.tracer import nt_name
from wowsim.trace.events import ServiceEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wowsim.errors import WowsimError
    from wowsim.image.model import Image
    from wowsim.kernel.table import Service
    from wowsim.nt.abi import Prototype, Width
    from wowsim.nt.builds import ServiceRow
    from wowsim.simulation.breakpoints import Breakpoints
    from wowsim.simulation.machine import Machine
    from wowsim.simulation.observers import Observers

ServiceLayer = Literal["stub", "wow64", "kernel"]
When = Literal["pre", "post"]
LAYERS = ("stub", "wow64", "kernel")
WHENS = ("pre", "post")
Listener = Callable[[ServiceEvent], "Answer | None"]
Remover = Callable[[], None]

CALL_THUNK = bytes.fromhex("41ffd4")
"""``call r12`` in Wow64SystemServiceEx: RBX is the number in its table, RDI the table, RSI the 32-bit arguments."""
REAL_DISPATCH = "wow64!Wow64SystemServiceEx"
_TABLE_SIZE = 0x30
_LONGEST_STUB = 0x20


@dataclass(frozen=True)
class _Signature:
    """What is known of a service's arguments."""

    row: ServiceRow
    prototype: Prototype | None

    @property
    def slots32(self) -> int:
        """Dwords on a 32-bit caller's stack."""
        return (self.row.arguments or 0) if self.prototype is None else self.prototype.arg_bytes32 // 4


class Interception:
    """The listeners of one simulation.

    Args:
        machine: the machine.
        breakpoints: watches code, now or when its module is mapped.
        observers: bind the service table.
        images: the system DLLs by module name, as far as they are known before they are mapped.
        rows: the services there are.
        built_in: whether wow64.dll is the built-in one, whose inside is known.
        prototypes: of declared services, by name.
        executed: instructions so far, None when the run does not count.
        blame: told an error of the caller's own making, which leaves ``run()``.
    """

    def __init__(
        self,
        machine: Machine,
        breakpoints: Breakpoints,
        observers: Observers,
        images: Mapping[str, Image],
        rows: Iterable[ServiceRow],
        built_in: bool,
        prototypes: Mapping[str, Prototype],
        executed: Callable[[], int | None],
        blame: Callable[[WowsimError], None],
    ) -> None:
        self._machine, self._breakpoints, self._observers = machine, breakpoints, observers
        self._images, self._executed, self._blame = images, executed, blame
        self._build, self._core = machine.build, machine.core
        self._prototypes = prototypes
        self._rows = {row.name: row for row in rows}
        self._built_in = built_in
        self._glance = Glance(machine.tables)
        self._kernel = KernelLayer(self._in_kernel)

    def listen(self, name: str | None, listener: Listener, layer: str, when: str) -> Remover:
        """Call ``listener`` with each call of a service (of all with None); returns the remover.

        Raises:
            UsageError: the build has no such service, layer or stub.
        """
        if layer not in LAYERS:
            raise UsageError(f"layer={layer!r}; expected one of {', '.join(LAYERS)}")
        if when not in WHENS:
            raise UsageError(f"when={when!r}; expected 'pre' or 'post'")
        if layer == "wow64" and not self._build.wow64:
            raise UsageError(
                f"layer='wow64': {self._build.name} is a 32-bit Windows without wow64.dll; use 'stub' or 'kernel'"
            )
        name = None if name is None else self._known(name)
        listens = {"stub": self._at_stubs, "wow64": self._in_wow64, "kernel": self._at_table}[layer]
        return listens(name, listener, when == "post")

    def _known(self, name: str) -> str:
        found = nt_name(name) if isinstance(name, str) else ""
        if found in self._rows:
            return found
        close = get_close_matches(found, self._rows, 3)
        hint = f"; close to it are {', '.join(close)}" if close else ""
        raise UsageError(f"{self._build.name} has no service {name!r}{hint}")

    def _signature(self, name: str) -> _Signature:
        return _Signature(self._rows[name], self._prototypes.get(name))

    # ------------------------------------------------------------ the 32-bit stub
    def _at_stubs(self, name: str | None, listener: Listener, post: bool) -> Remover:
        image = self._images[self._build.ntdll.name]
        exports = image.export_by_name
        names = [n for n in (self._rows if name is None else (name,)) if n in exports]
        if not names:
            raise UsageError(f"{image.name} of {self._build.name} has no stub of {name}")
        removers = [self._at_stub(image, exports[n].rva, self._signature(n), listener, post) for n in names]

        def remove() -> None:
            for each in removers:
                each()

        return remove

    def _at_stub(
        self, image: Image, entry: int, signature: _Signature, listener: Listener, post: bool
    ) -> Remover:
        """At both places [esp] is where the stub returns to, and its arguments lie behind."""
        back = _return_of(image, entry)
        at = back if post else entry
        registers = self._core.batch("rip", "rsp", "rax")

        def reached() -> None:
            eip, esp, eax = registers.read()
            status = eax & 0xFFFFFFFF if post else None
            slots = self._dwords(esp + 4 & 0xFFFFFFFF, signature.slots32)
            answer = self._tell("stub", signature, eip, 32, slots, status, listener)
            self._go_on(answer, post, eip - at + back)

        return self._breakpoints.at_offset(image.name, at, reached)

    # ------------------------------------------------------------ wow64.dll
    def _in_real_wow64(self, name: str | None, listener: Listener, post: bool) -> Remover:
        """A root's wow64.dll: its Wow64SystemServiceEx gets the number and the 32-bit arguments."""
        names = {row.number: row.name for row in self._rows.values() if name in (None, row.name)}
        batch = self._core.batch("rip")

        def tell(number: int, arguments: int, status: int | None = None) -> int | None:
            found = names.get(number & NUMBER_MASK)
            if found is None:
                return None
            signature = self._signature(found)
            slots = self._dwords(arguments, signature.slots32)
            return self._tell("wow64", signature, batch.read()[0], 32, slots, status, listener)

        watch = FunctionWatch(
            self._machine, self._breakpoints, REAL_DISPATCH, None if post else tell, tell if post else None
        )
        return watch.remove

    def _in_wow64(self, name: str | None, listener: Listener, post: bool) -> Remover:
        if not self._built_in:
            return self._in_real_wow64(name, listener, post)
        image = self._images["wow64"]
        call = image.contents.index(CALL_THUNK, image.export_by_name["Wow64SystemServiceEx"].rva)
        behind = call + len(CALL_THUNK)
        tables = next(rva for rva, symbol in image.symbols.items() if symbol == "ServiceTables")
        names = {row.number: row.name for row in self._rows.values() if name in (None, row.name)}
        at = behind if post else call
        registers = self._core.batch("rip", "rax", "rbx", "rsi", "rdi")

        def reached() -> None:
            rip, rax, number, arguments, table = registers.read()
            base = rip - at
            found = names.get((table - base - tables) // _TABLE_SIZE << 12 | number & 0xFFF)
            if found is None:
                return
            signature, status = self._signature(found), rax & 0xFFFFFFFF if post else None
            slots = self._dwords(arguments, signature.slots32)
            answer = self._tell("wow64", signature, rip, 32, slots, status, listener)
            self._go_on(answer, post, base + behind)

        return self._breakpoints.at_offset(image.name, at, reached)

    def _go_on(self, answer: int | None, post: bool, behind: int) -> None:
        """The CPU is about to run a watched instruction; an answered call leaves out the layers below."""
        if answer is None:
            return
        if post:
            self._core.write("rax", answer)
            return
        status, core = answer, self._core
        core.later(lambda: core.batch("rax", "rip").write(status, behind))

    def _dwords(self, address: int, count: int) -> tuple[int, ...] | None:
        raw = self._machine.tables.peek(address, 4 * count)
        return None if raw is None else struct.unpack(f"<{count}I", raw)

    # ------------------------------------------------------------ the kernel
    def _at_table(self, name: str | None, listener: Listener, post: bool) -> Remover:
        kernel, entry = self._kernel, (name, listener)
        listeners = kernel.post if post else kernel.pre

        def rebind() -> None:
            self._observers.layer = kernel if kernel.pre or kernel.post else None
            self._observers.rebind()

        def remove() -> None:
            listeners.remove(entry)
            rebind()

        listeners.append(entry)
        rebind()
        return remove

    def _in_kernel(
        self, service: Service, slots: Sequence[int], status: int | None, listener: Listener
    ) -> int | None:
        declared = service.prototype if service.prototype.parameters else None
        signature = _Signature(self._rows[service.name], declared)
        rip = self._core.read("rip")
        return self._tell("kernel", signature, rip, self._machine.kernel.width, slots, status, listener)

    # ------------------------------------------------------------ all of them
    def _tell(
        self,
        layer: str,
        signature: _Signature,
        address: int,
        width: Width,
        slots: Sequence[int] | None,
        status: int | None,
        listener: Listener,
    ) -> int | None:
        """Show a call to a listener; the status it answers with, its outputs written."""
        machine, row, prototype = self._machine, signature.row, signature.prototype
        arguments: dict[str, Any] = {}
        if prototype is not None and slots is not None:
            arguments = decoded(self._glance, width, prototype, slots, after=status is not None)
        count = len(prototype.parameters) if prototype is not None and width == 64 else signature.slots32
        event = ServiceEvent(
            self._executed(),
            machine.kernel.thread.id,
            layer,
            row.name,
            row.number & NUMBER_MASK,
            address,
            tuple(slots or ())[:count],
            arguments,
            status,
        )
        answer = listener(event)
        if answer is None:
            return None
        try:
            return write_outputs(machine.tables, width, row.name, prototype, slots or (), answer)
        except UsageError as error:
            self._blame(error)
            raise


class KernelLayer:
    """The service table's part: asked before each handler and behind it."""

    def __init__(self, show: Callable[[Service, Sequence[int], int | None, Listener], int | None]) -> None:
        self._show = show
        self.pre: list[tuple[str | None, Listener]] = []
        self.post: list[tuple[str | None, Listener]] = []

    def before(self, service: Service, slots: Sequence[int]) -> int | None:
        """The status of the first who answers; None when nobody does."""
        for name, listener in tuple(self.pre):
            if name in (None, service.name):
                answer = self._show(service, slots, None, listener)
                if answer is not None:
                    return answer
        return None

    def after(self, service: Service, slots: Sequence[int], status: int) -> int:
        """The status that the caller gets."""
        for name, listener in tuple(self.post):
            if name in (None, service.name):
                answer = self._show(service, slots, status, listener)
                status = status if answer is None else answer
        return status


def _return_of(image: Image, entry: int) -> int:
    """The RVA of a stub's ``ret``."""
    code = image.contents[entry : entry + _LONGEST_STUB]
    return next(at for at, _, mnemonic, _ in instructions(code, entry, 32) if mnemonic.split()[-1] == "ret")
