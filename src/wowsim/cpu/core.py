"""The CPU: one engine in long mode with real segments and page tables.

The engine runs user code at CPL 3; the kernel model is Python behind hooks: SYSCALL, trap instructions, software
interrupts and faults arrive as calls of :class:`wowsim.cpu.faults.Handlers`. What Unicorn does differently from
hardware is absorbed here (shared reference ``unicorn.md``; each workaround says which).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from wowsim.cpu import cpuid, operands
from wowsim.cpu import engine as e
from wowsim.cpu.calibration import calibrate
from wowsim.cpu.engine import REGISTERS, Batch, Engine, FloatingPoint
from wowsim.cpu.faults import Fault, FaultCollector, Handlers
from wowsim.cpu.instructions import GENERAL, is_call_far, prefix_length, random_target
from wowsim.cpu.paging import EXECUTE, PAGE, READ, SUPERVISOR, WRITE, PageTables
from wowsim.cpu.recorder import is_repeated
from wowsim.cpu.segments import IDT_ADDRESS, IDT_LIMIT, WOW64_SEGMENTS, Descriptor, Segments, gdt_bytes
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.cpu.recorder import Bits, Recorder

KERNEL_STUB = 0xFFFFF800_00C00000
KERNEL_STACK = 0xFFFFF800_00C10000
CODE_WINDOW = 0xFFFFF800_00C20000
TRAP_VECTOR = 0xFD
CALLABLE_CODE64 = Descriptor.decode(0x00AFFB00_0000FFFF)
"""What ``call far`` to selector 33h needs to see in Unicorn; lies in the GDT only while that instruction steps."""

_IRET = Struct("<5Q")
_DESCRIPTOR = Struct("<Q")


class Watch:
    """Where a callback of :meth:`Core.watch` stopped the CPU: it is not asked again there."""

    __slots__ = ("stopped_at",)

    def __init__(self) -> None:
        self.stopped_at: int | None = None


@dataclass(frozen=True, eq=False)
class CoreState:
    """What :meth:`Core.state` returns.

    Attributes:
        context: the engine's registers, hidden parts included.
        watched: the last instruction with a hook of its own.
        passed: where the watches stopped.
        deferred: what a handler put off when an error ended the run.
    """

    context: bytes
    watched: tuple[int, int]
    passed: Mapping[Watch, int | None]
    deferred: Callable[[], None] | None


class Core:
    """One CPU on one set of page tables.

    Args:
        tables: guest memory.
        descriptors: the GDT, by selector index.
        handlers: the kernel model.
        timestamp: answers RDTSC and RDTSCP.
        random: answers RDRAND and RDSEED: a 64-bit number.
        vendor: whose CPU it is, one of :data:`wowsim.cpu.cpuid.VENDORS`.
        segments: which selectors stand for what.
        sysenter: called at SYSENTER, execution goes on behind it; None where IA32_SYSENTER_CS is 0, as on 64-bit
            Windows (unverified).
    """

    def __init__(
        self,
        tables: PageTables,
        descriptors: Mapping[int, Descriptor],
        handlers: Handlers,
        timestamp: Callable[[], int],
        random: Callable[[], int],
        vendor: str = cpuid.INTEL,
        segments: Segments = WOW64_SEGMENTS,
        sysenter: Callable[[], None] | None = None,
    ) -> None:
        self._tables, self._handlers, self.vendor = tables, handlers, vendor
        self.segments, self._sysenter = segments, sysenter
        self._timestamp, self._random = timestamp, random
        self._engine = Engine(tables.ram.size, tables.ram.host_address)
        tables.flush = self._flush_translations
        tables.write_code = self._write_code
        self._show = tables.window(CODE_WINDOW >> 12)
        self._stopping = False
        self._error: BaseException | None = None
        self._deferred: Callable[[], None] | None = None
        self._inside = 0
        self._changes: list[Callable[[], None]] = []
        """Of hooks, asked for from within translated code."""
        self._error_rip: int | None = None
        self._start: int | None = None
        self._left = self._depth = 0  # instructions left of the innermost step(), and how many there are
        self.stepped = self._unused = 0
        self._recorder: Recorder | None = None
        self._recorder_hooks: list[Any] = []
        self._batches: dict[tuple[str, ...], Batch] = {}
        self._single = {name: Batch(self._engine.handle, (name,)) for name in REGISTERS}
        self._place = self.batch("rip", "rsp")
        self._float = FloatingPoint(self._engine.handle)
        self._retrying = False
        self._watches: list[Watch] = []
        self._watched = (-1, 0)
        """Address and RFLAGS of the last instruction with a hook of its own."""
        self._undoing = False
        """The rest of a translated block runs that must not have run: nothing it raises counts."""
        self._setup(descriptors)
        selectors = segments.code32, segments.calibration
        self._places = calibrate(
            self._engine, self._ring0, KERNEL_STUB + 9, KERNEL_STUB + 10, self._stand_before, selectors
        )
        self._add_hooks()

    # ------------------------------------------------------------ construction
    def _setup(self, descriptors: Mapping[int, Descriptor]) -> None:
        engine, tables, segments = self._engine, self._tables, self.segments
        for page, access in (
            (segments.address, READ | SUPERVISOR),
            (KERNEL_STUB, READ | EXECUTE | SUPERVISOR),
            (KERNEL_STACK, READ | WRITE | SUPERVISOR),
        ):
            frames = tables.allocate(1)
            tables.map(page >> 12, frames, access)
            tables.untracked.update(frames)
        self._gdt = self._physical(segments.address)
        table = gdt_bytes({**descriptors, **segments.hidden}, segments.whole)
        tables.ram.bytes[self._gdt : self._gdt + len(table)] = table
        # mov ds,data; mov es,data; pop rax; iretq: the way from ring 0 to ring 3 in either mode
        stub = bytes((0xB8, segments.data, 0, 0, 0)) + bytes.fromhex("8ed8 8ec0 58 48cf")
        at = self._physical(KERNEL_STUB)
        tables.ram.bytes[at : at + len(stub)] = stub
        engine.set("CR3", tables.root)
        engine.set("MSR", (0xC0000080, 0xD01))  # EFER: NXE LMA LME SCE
        # PAE PGE OSFXSR OSXMMEXCPT, and TSD so that RDTSC at CPL 3 faults into our clock
        engine.set("CR4", 0x6A4)
        engine.set("GDTR", (0, segments.address, segments.whole, 0))
        engine.set("IDTR", (0, IDT_ADDRESS, IDT_LIMIT, 0))
        engine.set("TR", (segments.tss, 0, 0x67, 0x8B00))
        engine.set("CR0", 0x80050033)  # PG WP AM NE ET MP PE
        engine.set("CS", segments.ring0_code)
        engine.set("SS", segments.ring0_data)
        self._ring0, self._before_port = engine.new_context(), engine.new_context()
        self._saved_float = FloatingPoint(engine.saved, saved=True)

    def _physical(self, address: int) -> int:
        found = self._tables.physical(address)
        assert found is not None
        return found

    def _stand_before(self, selector: int) -> None:
        """The stub's ``iretq`` will lead to ``selector``, to an address where nothing is mapped."""
        frame = _IRET.pack(0x7FFE_F000, selector, 0x202, 0x7FFE_F000, self.segments.data)
        at = self._physical(KERNEL_STACK)
        self._tables.ram.bytes[at : at + len(frame)] = frame
        self._engine.set("RSP", KERNEL_STACK)

    def _add_hooks(self) -> None:
        self._callbacks = [
            e.INTERRUPT_CALLBACK(self._on_interrupt),
            e.SYSCALL_CALLBACK(self._on_syscall),
            e.CPUID_CALLBACK(self._on_cpuid),
            e.INVALID_CALLBACK(self._on_invalid),
            e.SYSCALL_CALLBACK(self._on_sysenter),
            e.IN_CALLBACK(self._on_port),
            e.OUT_CALLBACK(self._on_port),
        ]
        interrupt, syscall, identify, invalid, sysenter, port_in, port_out = self._callbacks
        self._engine.hook(e.HOOK_INTERRUPT, interrupt)
        self._engine.hook_instruction(e.SYSCALL, syscall)
        self._engine.hook_instruction(e.SYSENTER, sysenter)
        self._engine.hook_instruction(e.PORT_IN, port_in)
        self._engine.hook_instruction(e.PORT_OUT, port_out)
        self._engine.hook_instruction(e.CPUID, identify)
        self._engine.hook(e.HOOK_INVALID, invalid)

    # ------------------------------------------------------------ registers
    def batch(self, *names: str) -> Batch:
        """A reusable batch of registers."""
        found = self._batches.get(names)
        if found is None:
            found = self._batches[names] = Batch(self._engine.handle, names)
        return found

    def read(self, name: str) -> int:
        """One register by its 64-bit name."""
        return self._single[name].read()[0]

    def write(self, name: str, value: int) -> None:
        """Set one register."""
        self._single[name].write(value & 0xFFFFFFFF_FFFFFFFF)

    def read_all(self) -> dict[str, int]:
        """Every register of :data:`REGISTERS`."""
        return dict(zip(REGISTERS, self.batch(*REGISTERS).read(), strict=True))

    @property
    def bits(self) -> Bits:
        """The mode the CPU is in, by the descriptor behind CS."""
        return self.mode_of(self.read("cs"))

    def mode_of(self, selector: int) -> Bits:
        """The mode that code in a segment runs in."""
        return 64 if self.descriptor(selector).long_mode else 32

    # ------------------------------------------------------------ descriptors
    def descriptor(self, selector: int) -> Descriptor:
        """The descriptor in guest memory behind a selector; null where the table ends."""
        index = selector & 0xFFF8
        if index + 7 > self.segments.limit:
            return Descriptor.decode(0)
        return Descriptor.decode(_DESCRIPTOR.unpack_from(self._tables.ram.bytes, self._gdt + index)[0])

    def set_descriptor(self, selector: int, descriptor: Descriptor) -> None:
        """Change a descriptor in the GDT; segment registers keep what they loaded.

        Raises:
            IndexError: the selector lies outside the table.
        """
        index = selector & 0xFFF8
        if index + 7 > self.segments.limit:
            raise IndexError(f"selector {selector:#x} lies outside the GDT (limit {self.segments.limit:#x})")
        _DESCRIPTOR.pack_into(self._tables.ram.bytes, self._gdt + index, descriptor.encode())

    # ------------------------------------------------------------ running
    def enter(self, registers: Mapping[str, int]) -> None:
        """Set a whole user state, entered by an executed ``iretq`` when :meth:`run` starts.

        Args:
            registers: general registers (default 0), rip, rflags, cs, ss, and gs_base.
        """
        self._engine.load(self._ring0)
        for name in GENERAL[1:]:
            if name != "rsp":
                self.write(name, registers.get(name, 0))
        self._engine.set("FS", self.segments.teb)
        self._engine.set("GS", self.segments.gs)
        self._engine.set("GS_BASE", registers["gs_base"])
        at = self._physical(KERNEL_STACK)
        _DESCRIPTOR.pack_into(self._tables.ram.bytes, at, registers.get("rax", 0))
        _IRET.pack_into(
            self._tables.ram.bytes,
            at + 8,
            registers["rip"],
            registers["cs"],
            registers.get("rflags", 0x202),
            registers["rsp"],
            registers["ss"],
        )
        self.write("rsp", KERNEL_STACK)
        self.write("rip", KERNEL_STUB)
        self._engine.set("RAX", 0)
        self._arrive(registers["rip"], registers["cs"])

    def _arrive(self, rip: int, cs: int) -> None:
        """Run the stub's five instructions, so that the next start is user code."""
        self.step(5)
        if self.read("cs") != cs or self.read("rip") != rip:
            raise RuntimeError(
                f"iretq arrived at {self.read('cs'):x}:{self.read('rip'):x}, not {cs:x}:{rip:x}"
            )
        segments = self.segments
        self._engine.set("GDTR", (0, segments.address, segments.limit, 0))

    def resume_at(self, registers: Mapping[str, int]) -> None:
        """Set another user state as the kernel does on its way back: general registers, rip, rflags, cs, gs_base.

        What ``registers`` does not name is kept, FP and SSE state too; SS becomes the user data selector. Only between
        two runs of translated code: from an action given to :meth:`later`, or while the CPU stands.

        Args:
            registers: by name; ``cs`` (a user code selector) is needed.
        """
        self._engine.save()
        names = self._take_over(registers)
        self._resume()
        self.batch(*names).write(*(registers[name] for name in names))
        self.write("ss", self.segments.data)

    def floating_point(self) -> bytes:
        """x87 and SSE state as FXSAVE writes it (512 bytes); instruction and operand pointers are 0."""
        return self._float.read()

    def set_floating_point(self, image: bytes) -> None:
        """Load x87 and SSE state from an FXSAVE image; MXCSR bits that do not exist are dropped."""
        self._float.write(image)

    def float_exceptions(self) -> int:
        """x87 exceptions that are raised and not masked (bits of the status word)."""
        status: int = self._engine.get("FPSW")
        control: int = self._engine.get("FPCW")
        return status & ~control & 0x3F

    def usable(self, selector: int) -> bool:
        """Whether the kernel can return to ring 3 through a code selector: the mode it stands for is still its own."""
        found = self.descriptor(selector)
        wide = found.long_mode == 1
        return bool(
            found.is_code and found.present and found.dpl == 3 and wide == (selector == self.segments.code64)
        )

    def run(self) -> None:
        """Execute until a handler calls :meth:`stop`."""
        self._stopping = False
        self._run_deferred()  # put off while the CPU stood: an engine that is not running forgets to stop
        while not self._stopping:
            self._start = start = self.read("rip")
            recorder = self._recorder
            if recorder is not None:
                recorder.revalidate(start)
            self._execute(start)

    def _execute(self, start: int) -> None:
        self._inside += 1
        try:
            status = self._engine.start(start)
        finally:
            self._inside -= 1
        if self._changes and not self._inside:
            changes, self._changes = self._changes, []
            for change in changes:
                change()
        self._left_engine(status)

    def _change(self, change: Callable[[], None]) -> None:
        """Change hooks, once the engine has left the code it is in: it must not be made to forget that."""
        if self._inside:
            self._changes.append(change)
            self._engine.stop()
        else:
            change()

    def _left_engine(self, status: int) -> None:
        """Translated code was left: raise what a hook could not, do what it deferred."""
        self._raise_pending()
        if not self._run_deferred() and status:
            self._engine_error(status)

    def stop(self) -> None:
        """Make :meth:`run` return at the next instruction boundary; from handlers or another thread."""
        self._stopping = True
        self._engine.stop()

    def interrupt(self) -> None:
        """Leave translated code once without ending :meth:`run` (another thread's timer)."""
        self._engine.stop()

    @property
    def deferring(self) -> bool:
        """Whether an action given to :meth:`later` has not run yet."""
        return self._deferred is not None

    def later(self, action: Callable[[], None]) -> None:
        """From a handler: leave translated code, run ``action``, go on."""
        self._deferred = action
        self._engine.stop()

    def step(self, count: int = 1) -> None:
        """Execute ``count`` instructions outside the recorder; fewer when a handler stops the CPU.

        :attr:`stepped` tells how many.
        """
        outer, self._left = self._left, count
        self._depth = depth = self._depth + 1
        blocks = [(0, 0), (0, 0)]

        def block(engine: int, address: int, size: int, data: int) -> None:
            blocks[:] = blocks[1], (address, size)

        def each(engine: int, address: int, size: int, data: int) -> None:
            if self._undoing:
                return
            self._watched = (address, self._single["rflags"].read()[0])
            if self._depth != depth or (
                blocks[1] == (address, size) and is_repeated(*blocks[0], address, size)
            ):
                return
            self._left -= 1
            if self._left < 0:
                self._engine.stop()

        # not emu_start(count=): cached blocks lack its counter, and it deletes its hook at the next start
        pointers = e.CODE_CALLBACK(block), e.CODE_CALLBACK(each)
        hooks = [
            self._engine.hook(e.HOOK_BLOCK, pointers[0]),
            self._engine.hook(e.HOOK_CODE, pointers[1]),
        ]
        if self._recorder is not None:
            self._recorder.paused = True
        self._flush_blocks()
        if depth == 1:
            self._stopping = False
        try:
            while self._left > 0 and not self._stopping:
                self._start = start = self.read("rip")
                self._execute(start)
        finally:
            self.stepped, self._unused = count - max(self._left, 0) - self._unused, 0
            self._left, self._depth = outer, depth - 1
            if self._recorder is not None and not self._depth:
                self._recorder.paused = False
            for hook in hooks:
                self._unhook(hook)

    @property
    def stepping(self) -> bool:
        """Whether :meth:`step` is at work."""
        return self._depth > 0

    def end_step(self) -> None:
        """From a handler or deferred action: let the innermost :meth:`step` return at the next instruction."""
        self._unused, self._left = max(self._left, 0), 0
        self._engine.stop()

    def uncount(self, rip: int) -> None:
        """The instruction at ``rip`` was counted, but raised a fault instead of executing."""
        if self._depth:
            self._left += 1
        else:
            self._cut(rip)

    def _cut(self, address: int) -> None:
        """What the recorder holds of the last block did not run from ``address`` on."""
        if not self._depth and self._recorder is not None:
            self._recorder.cut(address)

    def _run_deferred(self) -> bool:
        """Do what a handler put off, and what that puts off; False when there was nothing."""
        acted = False
        while self._deferred is not None:
            action, self._deferred = self._deferred, None
            action()
            acted = True
        return acted

    def _unhook(self, hook: Any) -> None:
        self._engine.unhook(hook)
        self._watched = (-1, 0)
        self._flush_blocks()
        # deleting a hook makes the engine look up code it had translated, and what it cannot reach from the
        # current ring leaves a page fault "in flight"
        self._engine.save()
        self._resume()

    def _resume(self) -> None:
        """Put the saved context back with no exception in flight."""
        self._engine.put_saved_word(self._places.in_flight, -1)
        self._engine.resume()

    def save(self) -> bytes:
        """The whole CPU state, for :meth:`restore`."""
        self._engine.save()
        return self._engine.saved_bytes()

    def restore(self, state: bytes) -> None:
        """Put a state back that :meth:`save` returned."""
        self._engine.put_saved(state)
        self._resume()

    def saved_registers(self, state: bytes) -> tuple[dict[str, int], bytes]:
        """Registers by name and FXSAVE image of a saved state."""
        self._engine.put_saved(state)
        values = Batch(self._engine.saved, REGISTERS, saved=True).read()
        return dict(zip(REGISTERS, values, strict=True)), self._saved_float.read()

    def changed_state(self, state: bytes, registers: Mapping[str, int], fxsave: bytes | None) -> bytes:
        """A saved state with other registers, as :meth:`resume_at` would set them, and FP state if there is any."""
        self._engine.put_saved(state)
        names = self._take_over(registers)
        if names:
            Batch(self._engine.saved, names, saved=True).write(*(registers[name] for name in names))
        if fxsave is not None:
            self._saved_float.write(fxsave)
        return self._engine.saved_bytes()

    def _take_over(self, registers: Mapping[str, int]) -> list[str]:
        """Put the mode that CS stands for into the saved context; the registers that are left to write."""
        for offset, value in self._places.modes.get(registers.get("cs", 0), ()):
            self._engine.put_saved_word(offset, value)
        return [name for name in registers if name not in ("cs", "ss")]

    def state(self) -> CoreState:
        """Everything that decides how :meth:`run` goes on, as plain values."""
        passed = {watch: watch.stopped_at for watch in self._watches}
        return CoreState(self.save(), self._watched, passed, self._deferred)

    def set_state(self, state: CoreState) -> None:
        """Put back what :meth:`state` returned; watches stay, only whether they are to be passed is of the state."""
        self.restore(state.context)
        self._watched, self._deferred = state.watched, state.deferred
        for watch in self._watches:
            watch.stopped_at = state.passed.get(watch)

    def close(self) -> None:
        """Release the engine; the page tables may be closed afterwards."""
        self._callbacks.clear()
        self._single.clear()
        self._batches.clear()
        del self._ring0, self._before_port
        self._engine.close()

    # ------------------------------------------------------------ recording
    def attach(self, recorder: Recorder | None) -> None:
        """Record blocks from now on, or no longer."""
        for hook in self._recorder_hooks:
            self._unhook(hook)
        self._recorder_hooks = []
        self._recorder = recorder
        if recorder is not None:
            pointer = recorder.callback_address
            self._recorder_hooks.append(
                self._engine.hook(
                    e.HOOK_BLOCK, pointer, begin=0, end=0x7FFF_FFFF_FFFF, data=recorder.state_address
                )
            )
            self._edge = e.EDGE_CALLBACK(self._on_edge)
            self._recorder_hooks.append(self._engine.hook(e.HOOK_EDGE, self._edge))
        self._flush_blocks()

    def _on_edge(self, engine: int, new: Any, previous: Any, data: int) -> None:
        block = new.contents
        if self._recorder is not None and not self._recorder.paused:
            self._recorder.translated(block.pc, block.size, block.icount)

    def watch(
        self,
        callback: Callable[[int, int], object],
        begin: int = 0,
        end: int = 0x7FFF_FFFF_FFFF,
        watch: Watch | None = None,
    ) -> Callable[[], None]:
        """Call ``callback(address, size)`` before each instruction of a range; returns the remover. Slow.

        A callback that stops the CPU is not asked again about that instruction when execution goes on with it;
        ``watch`` is where that is kept, for one that comes and goes. One that calls :meth:`later` takes the
        instruction's place: what it put off says where execution goes on.
        """
        watch = watch or Watch()
        handles: list[Any] = []
        removed = False

        def each(engine: int, address: int, size: int, data: int) -> None:
            if self._undoing or removed:
                return
            passed, watch.stopped_at = watch.stopped_at == address == self._start, None
            self._watched = (address, self._single["rflags"].read()[0])
            if passed:
                return
            try:
                callback(address, size)
                if self._stopping or self._changes:
                    watch.stopped_at = address
                if self._stopping or self._changes or self._deferred is not None:
                    self._cut(address)  # the block was recorded whole before its first instruction
            except BaseException as error:
                self._cut(address)
                self._fail(error)

        pointer = e.CODE_CALLBACK(each)
        self._callbacks.append(pointer)
        self._watches.append(watch)

        def add() -> None:
            handles.append(self._engine.hook(e.HOOK_CODE, pointer, begin=begin, end=end))
            self._flush_blocks()

        def drop() -> None:
            self._unhook(handles.pop())
            self._callbacks.remove(pointer)

        def remove() -> None:
            nonlocal removed
            removed = True
            self._watches.remove(watch)
            self._change(drop)

        self._change(add)
        return remove

    # ------------------------------------------------------------ hooks
    def _fail(self, error: BaseException, rip: int | None = None) -> None:
        """Keep an error until translated code is left; ``rip`` is the instruction that can be tried again."""
        if self._error is None:
            self._error, self._error_rip = error, rip
        self.stop()

    def _raise_pending(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            if self._error_rip is not None:
                self.write("rip", self._error_rip)
            raise error
        if self._recorder is not None:
            self._recorder.raise_error()

    def _on_syscall(self, engine: int, data: int) -> None:
        if self._undoing:
            return
        try:
            self._handlers.on_syscall()
        except BaseException as error:
            self._fail(error, self._single["rip"].read()[0])

    def _on_sysenter(self, engine: int, data: int) -> None:
        """A fault at the instruction, where Windows does not use it.

        IA32_SYSENTER_CS is zero on 64-bit Windows (unverified): #GP (Intel SDM 2, SYSENTER). An AMD CPU has no
        SYSENTER in long mode: #UD (AMD APM 3, SYSENTER).
        """
        if self._undoing:
            return
        try:
            if self._sysenter is not None:
                self._sysenter()
                return
            rip = self._single["rip"].read()[0]
            self.uncount(rip)
            self._handlers.on_fault(Fault(6 if self.vendor == cpuid.AMD else 13, rip))
        except BaseException as error:
            self._fail(error, self._single["rip"].read()[0])

    def _on_interrupt(self, engine: int, vector: int, data: int) -> None:
        if self._undoing:
            return
        try:
            if vector == TRAP_VECTOR:
                rip, sp = self._place.read()
                self._handlers.on_trap(rip - 2, sp)
            elif vector >= 32:
                self._handlers.on_interrupt(vector)
            else:
                self._exception(vector)
        except BaseException as error:
            called = vector >= 32 and vector != TRAP_VECTOR
            self._fail(error, self._single["rip"].read()[0] - 2 if called else None)

    def _exception(self, vector: int) -> None:
        rip, cr2 = self.batch("rip", "cr2").read()
        engine, places = self._engine, self._places
        engine.save()
        software = engine.saved_word(places.error_code + 4) != 0
        if software:
            self._cut(rip)  # INTO stands within a block
            self._handlers.on_interrupt(vector)
            return
        error = engine.saved_word(places.error_code)
        self._resume()
        if self._watched[0] == rip:
            # a hooked instruction that faults: the engine has computed its flags for the hook, then takes the
            # result for operands it still has to compute them from
            self._single["rflags"].write(self._watched[1])
        if vector == 13 and self._answer_gp(rip):
            return
        vector, error = self._as_hardware(vector, error, rip)
        has_code = vector in (8, 10, 11, 12, 13, 14, 17)
        fault = Fault(vector, rip, error if has_code else 0, cr2 if vector == 14 else 0)
        if not fault.is_fetch:
            self.uncount(rip)
        self._handlers.on_fault(fault)

    def _on_invalid(self, engine: int, data: int) -> bool:
        if self._undoing:
            return True
        try:
            rip = self._single["rip"].read()[0]
            if not self._answer_ud(rip):
                self.uncount(rip)
                self._handlers.on_fault(Fault(6, rip))
        except BaseException as error:
            self._fail(error)
        return True

    def _on_cpuid(self, engine: int, data: int) -> int:
        leaf, subleaf = self.batch("rax", "rcx").read()
        answer = cpuid.answer(leaf & 0xFFFFFFFF, subleaf & 0xFFFFFFFF, self.vendor)
        self.batch("rax", "rbx", "rcx", "rdx").write(*answer)
        return 1

    # ------------------------------------------------------------ what Unicorn does otherwise
    def code_at(self, rip: int) -> bytes:
        """The bytes of an instruction, as many as there are."""
        return self._tables.peek(rip, 15) or self._tables.peek(rip, PAGE - (rip & 0xFFF)) or b""

    def _as_hardware(self, vector: int, error: int, rip: int) -> tuple[int, int]:
        """Vector and error code as a CPU raises them.

        The engine reads an operand before it writes it back, knows no #SS for addresses that are not canonical,
        and lets the string forms of IN and OUT touch memory before it asks for the privilege.
        """
        if vector == 13 and error == 0 and self.bits == 64:
            if operands.faults_on_stack(self.code_at(rip), self.read_all()):
                return 12, 0
        elif vector == 14 and not error & 0x10:
            found = operands.parse(self.code_at(rip), self.bits)
            if found is not None and found.opcode in _STRING_PORTS:
                return 13, 0
            if found is not None and found.writes_back:
                error |= 2
        return vector, error

    def _on_port(self, engine: int, *arguments: int) -> int:
        """IN or OUT: #GP at CPL 3, IOPL 0 (Intel SDM 1, 18.5); the engine has no such check.

        It goes on to the end of the translated block. Without page tables nothing that follows can store, and
        the registers are put back.
        """
        if not self._undoing:
            self._undoing = True
            self._engine.store(self._before_port)
            self._engine.set("CR3", 0)
            self.later(self._refuse_port)
        return 0

    def _refuse_port(self) -> None:
        self._undoing = False
        self._engine.load(self._before_port)
        rip = self.read("rip")
        self.uncount(rip)
        self._handlers.on_fault(Fault(13, rip))

    def _answer_gp(self, rip: int) -> bool:
        """#GPs that are ours to answer: RDTSC under CR4.TSD, and ``call far`` to a 64-bit segment."""
        code = self.code_at(rip)
        at = prefix_length(code)
        if code[at : at + 2] == b"\x0f\x31":
            now = self._timestamp()
            self.batch("rax", "rdx").write(now & 0xFFFFFFFF, now >> 32 & 0xFFFFFFFF)
            self.later(lambda: self._skip(rip, at + 2))
            return True
        if not self._retrying and is_call_far(code):
            self.later(lambda: self._call_far(rip))
            return True
        return False

    def _answer_ud(self, rip: int) -> bool:
        """#UDs of instructions the engine lacks: INT1, and on purpose RDTSCP, RDRAND, RDSEED."""
        code = self.code_at(rip)
        behind = prefix_length(code) + 1
        if code[behind - 1 : behind] == b"\xf1":  # INT1, which the engine takes for a debugger's
            self._cut(rip + behind)
            self._handlers.on_fault(Fault(1, rip + behind))
            return True
        if code[:3] == b"\x0f\x01\xf9":
            now = self._timestamp()
            self.batch("rax", "rdx", "rcx").write(now & 0xFFFFFFFF, now >> 32 & 0xFFFFFFFF, 0)
            self.later(lambda: self._skip(rip, 3))
            return True
        found = random_target(code)
        if found is None:
            return False
        name, size, length = found
        value = self._random()
        if size == 16:
            value = self.read(name) & ~0xFFFF | value & 0xFFFF
        elif size == 32:
            value &= 0xFFFFFFFF
        self.write(name, value)
        self.write("rflags", self.read("rflags") & ~0x8D5 | 1)
        self.later(lambda: self._skip(rip, length))
        return True

    def _skip(self, rip: int, length: int) -> None:
        self.write("rip", rip + length)
        self._cut(rip + length)

    def _call_far(self, rip: int) -> None:
        """QEMU's far call checks the limit of a 64-bit segment, which hardware ignores: lend it one for a step."""
        lent = {
            index: d for index in range(8, self.segments.limit, 8)
            if (d := self.descriptor(index)).is_code and d.long_mode and d.present and d.dpl == 3
        }  # fmt: skip
        faults: list[Fault] = []
        handlers, self._handlers = self._handlers, FaultCollector(faults, self.end_step)
        self._retrying = True
        try:
            for index in lent:
                self.set_descriptor(index, CALLABLE_CODE64)
            self.step()
        finally:
            for index, descriptor in lent.items():
                self.set_descriptor(index, descriptor)
            self._retrying = False
            self._handlers = handlers
        if faults:
            self.uncount(rip)
            handlers.on_fault(faults[0])
        else:
            self._cut(rip + 1)

    def _engine_error(self, status: int) -> None:
        rip = self.read("rip")
        if status == e.ILLEGAL_INSTRUCTION:
            self._handlers.on_fault(Fault(6, rip))
            self._run_deferred()
        else:
            raise RuntimeError(f"the engine stopped with {Engine.error(status)} at {rip:#x}")

    def _flush_translations(self) -> None:
        self._engine.flush_translations()

    def _flush_blocks(self) -> None:
        self._engine.flush_blocks()

    def _write_code(self, physical: int, data: bytes) -> None:
        """Write to a frame and drop the blocks translated from these bytes.

        The engine finds blocks by virtual address only, and the frame may be mapped nowhere by now.
        """
        self._tables.ram.bytes[physical : physical + len(data)] = data
        self._show(physical >> 12)
        self._flush_translations()
        start = CODE_WINDOW | physical & 0xFFF
        self._engine.remove_blocks(start, start + len(data))
        self._show(None)
        self._flush_translations()


_STRING_PORTS = range(0x6C, 0x70)
"""INS and OUTS."""
