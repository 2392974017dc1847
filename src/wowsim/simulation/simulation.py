"""The composition root: a simulated Windows with one 32-bit process, and how it is run and looked at."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any, BinaryIO

from wowsim.errors import GuestFault, StopReason, Unsupported, UsageError, WowsimError
from wowsim.host64.wow64_startup import Entry64
from wowsim.image.pe import parse_program
from wowsim.kernel.console import KEPT, Console, Stream
from wowsim.kernel.image_information import image_information
from wowsim.kernel.registry_api import RegistryKeys
from wowsim.kernel.scheduler import QUANTUM
from wowsim.kernel.services import implemented
from wowsim.memory.layout import layout_of, with_3_gb
from wowsim.memory.sections import ImageSection
from wowsim.nt.builds import Stub32, build_named
from wowsim.nt.records import dataclass
from wowsim.nt.status import STATUS_NO_MEMORY
from wowsim.simulation import checks, dlls, parameters, wow64info
from wowsim.simulation.breakpoints import Breakpoints
from wowsim.simulation.children import ENDS, Children, Member, Relative, start_of
from wowsim.simulation.gates import Gates
from wowsim.simulation.host_input import standard_input
from wowsim.simulation.interception import Interception, ServiceLayer, When
from wowsim.simulation.interventions import KernelView, answering
from wowsim.simulation.listeners import Listeners
from wowsim.simulation.machine import Machine, Stop
from wowsim.simulation.native_process import create_native_process
from wowsim.simulation.outside_call import call32
from wowsim.simulation.program import (
    APPLICATION,
    add_known_dlls,
    check_imports,
    command_line,
    find,
    standard_folders,
)
from wowsim.simulation.progress import Progress, ProgressWatch
from wowsim.simulation.refusals import Refusals
from wowsim.simulation.root_system import root_system
from wowsim.simulation.runner import Runner
from wowsim.simulation.shared_data import initialise, refresher
from wowsim.simulation.snapshots import Snapshot, Snapshots
from wowsim.simulation.startup import NewProcess, create_process, loader_lists
from wowsim.simulation.threads import Threads
from wowsim.simulation.tracer import LEVELS, Level, Trace
from wowsim.simulation.traps import TrapTable
from wowsim.simulation.vads import Vads
from wowsim.simulation.views import DebuggerMemory, Gdt, LoadedModule, Registers, Subscription, ThreadView
from wowsim.simulation.way import Way
from wowsim.simulation.wide_process import create_wide_process
from wowsim.sysroot.root import open_root
from wowsim.trace.events import (
    Event,
    FastFailed,
    GateCrossed,
    MemoryChanged,
    Redirected,
    ServiceEvent,
    SyscallEntered,
    SyscallReturned,
    UnsupportedCalled,
)
from wowsim.trace.symbols import SymbolTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from wowsim.image.model import Image
    from wowsim.kernel.context import Kernel, ProcessRequest
    from wowsim.nt.trap import Routine, Trap
    from wowsim.simulation.answers import Answer
    from wowsim.simulation.images import BuiltIn

MEMORY = 1 << 30
"""Guest RAM by default."""
SHELLCODE, ROOT_SHELLCODE = 0x200000, 0x10000000
"""Where shellcode lies (the base of seed 002's program)."""
CONTINUABLE = (StopReason.LIMIT, StopReason.TIMEOUT, StopReason.STOPPED)


@dataclass(frozen=True)
class RunResult:
    """What ``run()`` returns.

    Attributes:
        reason: why the run stopped.
        exit_status: exit status or exception code, unsigned; None when the program can go on.
        stdout: everything the program has written so far; ``stderr`` likewise.
        instructions: executed in this run; None when neither a limit nor a trace was set.
        trace: what was recorded, or None.
        detail: one line for people.
        address: of the instruction at fault, for exceptions and fast fails; else None.
    """

    reason: StopReason
    exit_status: int | None
    stdout: bytes
    stderr: bytes
    instructions: int | None
    trace: Trace | None
    detail: str = ""
    address: int | None = None


class Simulation:
    """One simulated Windows with one 32-bit process.

    Args:
        build: one of :func:`wowsim.builds`.
        seed: of time, randomness, addresses and turns of threads.
        sysroot: real system DLLs instead of the built-in ones: ``"wine"`` or another name that ``wowsim sysroot list``
            shows, or the path of a folder.
        memory: bytes of guest RAM, the commit limit.
        quantum: mean instructions of a thread's turn while others are ready.
        cpu_vendor: ``"intel"`` or ``"amd"``: what CPUID says, and what SYSENTER and SYSCALL do in 32-bit code.
        on_output: called with ``"stdout"`` or ``"stderr"`` and bytes as the program writes.
        keep_output: keep both outputs for :class:`RunResult`, up to 64 MB, then its disk
                is full; False keeps nothing, and there is no end.
        three_gb: a 32-bit Windows started with /3GB, for programs that are LARGEADDRESSAWARE.
        on_unsupported: what a service does that wowsim lacks, wholly or for what was asked of it: ``"stop"`` ends
            the run, naming the service and its callers; ``"status"`` answers STATUS_NOT_IMPLEMENTED. Either way it
            is a :class:`wowsim.UnsupportedCalled` event.
        turbo: whether wow64cpu calls the kernel itself where it can; False sets WOW64INFO's DisableTurboDispatch, and
            every service passes wow64.dll.

    Raises:
        UsageError: there is no such build, or another argument makes no sense.
        Unsupported: the system root has something that wowsim lacks.
    """

    def __init__(
        self,
        build: str = "win7sp1",
        seed: int = 0,
        sysroot: str | Path | None = None,
        *,
        memory: int = MEMORY,
        quantum: int = QUANTUM,
        cpu_vendor: str = "intel",
        on_output: Callable[[str, bytes], None] | None = None,
        keep_output: bool = True,
        three_gb: bool = False,
        on_unsupported: str = "stop",
        turbo: bool = True,
        _relative: Relative | None = None,
    ) -> None:
        checks.machine(seed, memory, quantum, cpu_vendor)
        self.build = build_named(build)
        self.seed = seed
        layout = with_3_gb(layout_of(self.build.name)) if three_gb else None
        self._turbo = checks.turbo(self.build, turbo)
        if sysroot is not None:
            checks.sysroot(self.build, sysroot)
        if _relative is not None:
            self._system, console, creator = _relative.system, _relative.creator.console, _relative.creator
        else:
            self._system = _built_in(self.build.name) if sysroot is None else root_system(open_root(sysroot))
            console, creator = (
                Console(on_output=_output(on_output), limit=KEPT if keep_output else None),
                None,
            )
            console.redirected = sysroot is not None
        numbers = self._system.numbers if self._system.folders else None
        layout = self._system.layout(layout or layout_of(self.build.name))
        self._machine = Machine(self.build, seed, memory, console, cpu_vendor, layout, numbers, creator)
        self._machine.kernel.scheduler.quantum = quantum
        self._same = partial(
            Simulation, build, memory=memory, quantum=quantum, cpu_vendor=cpu_vendor, three_gb=three_gb,
            on_unsupported=on_unsupported, turbo=turbo,
        )  # fmt: skip
        self._registry = RegistryKeys(self._machine.kernel.registry, seed)
        self.kernel = KernelView(self._machine, self._blame)
        self.symbols = SymbolTable()
        self._gdt = Gdt(self._machine.core)
        self._registers = Registers(self._machine.core)
        self._memory = DebuggerMemory(self._machine.tables)
        self._modules: dict[int, LoadedModule] = {}
        self._process: NewProcess | None = None
        self._start: parameters.Start | None = None
        self._runner = Runner(self._machine, self.symbols)
        self._gates = Gates(self._machine, self.symbols, lambda: self._runner.executed)
        self._breakpoints = Breakpoints(self._machine.core, self.symbols, self._system.module)
        self._interception = Interception(
            self._machine,
            self._breakpoints,
            self._runner.observers,
            self._system.images,
            self._system.rows(self.build),
            sysroot is None,
            {name: service.prototype for name, service in implemented().items()},
            lambda: self._runner.executed,
            self._blame,
        )
        self._refusals = Refusals(
            self._machine,
            self._runner,
            Way(self._machine, self.symbols).frames,
            lambda: self._callback_error,
            on_unsupported,
        )
        self._machine.table.unsupported = self._refusals.service
        self._listeners = Listeners(self._machine, self._runner)
        self._ended: Stop | None = None
        self._first_ended: Stop | None = None
        self._closed = self._running = False
        self._callback_error: WowsimError | None = None
        self._snapshots = Snapshots(
            self._machine,
            self._runner,
            self._gates,
            lambda: self._breakpoints.follow({m.base: m.name for m in self._modules.values()}),
            leave=[self, self._listeners],
        )
        if _relative is None:
            for folder in standard_folders(self.build, self._system.folders):
                self.files.add_directory(folder)
            for folder, host in self._system.folders.items():
                self.files.mount(host, folder)
        first = Member(self._machine, self._runner, self._release)
        self._children = Children(first, self._child) if _relative is None else _relative.children
        self._machine.kernel.create_process = self._children.creator(self._machine.kernel)
        self._own = tuple(vars(self))  # what a snapshot holds; attributes that the caller adds are not ours

    # ------------------------------------------------------------ life
    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the engine and the guest's memory; a second call does nothing.

        Raises:
            UsageError: a callback tries to close what runs it.
        """
        if not self._closed:
            self._check_idle("close()")
            self._children.close()
            self._release()

    def _release(self) -> None:
        self._closed = True
        self._machine.close()

    def _check_idle(self, what: str) -> None:
        if self._running:
            raise UsageError(
                f"{what} from a callback; call sim.stop() there, and {what} when run() has returned"
            )

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("this Simulation is closed; make a new one")

    # ------------------------------------------------------------ views
    @property
    def files(self) -> Any:
        """The virtual volume: ``add``, ``read``, ``list``, ``exists``, ``mount``."""
        return self._machine.kernel.files

    @property
    def gdt(self) -> Gdt:
        """The GDT in guest memory, by selector."""
        self._check_open()
        return self._gdt

    @property
    def registers(self) -> Registers:
        """The CPU's registers as attributes."""
        self._check_open()
        return self._registers

    @property
    def memory(self) -> DebuggerMemory:
        """Guest memory as a debugger sees it: ``read`` and ``write``."""
        self._check_open()
        return self._memory

    @property
    def registry(self) -> RegistryKeys:
        """The registry: ``get``, ``set``, ``keys``, ``values``, ``delete``, ``load`` and ``save`` of registry text."""
        return self._registry

    @property
    def services(self) -> Mapping[str, int]:
        """Numbers of services by Nt name: the build's, or those in the stubs of a root's DLLs."""
        return self._machine.table.numbers

    def snapshot(self) -> Snapshot:
        """Keep the state of everything: CPU, memory, kernel objects, volume, clock, random source, trace position.

        Possible whenever the simulation stands, also before a program is loaded and after it has ended. The first one
        copies the memory in use, further ones what has changed since.

        Raises:
            UsageError: from a callback while the simulation runs.
        """
        self._check_open()
        self._check_idle("snapshot()")
        if self._children.alive:
            raise Unsupported("snapshot() while a child process lives")
        return self._snapshots.take({name: getattr(self, name) for name in self._own})

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot, at the cost of the memory pages written since; what runs then runs as it did before.

        Snapshots can be gone back to in any order and any number of times. Event listeners, breakpoints and replaced
        services stay as they are; a breakpoint set by symbol waits again while its module is not mapped. Files of the
        host, in writable mounts, are not rolled back, and output that ``on_output`` was given is not taken back.

        Raises:
            UsageError: it is not a snapshot of this simulation, or from a callback while the simulation runs.
        """
        self._check_open()
        self._check_idle("restore()")
        if not isinstance(snapshot, Snapshot) or snapshot.owner is not self._snapshots:
            raise UsageError(f"restore({snapshot!r}); expected what snapshot() of this Simulation returned")
        self._children.close()
        vars(self).update(snapshot.attributes)
        self._snapshots.put_back(snapshot)

    @property
    def vads(self) -> Vads:
        """The VAD tree of the process: rows, look-up by address, steps of its creation, explanations."""
        return Vads(self._machine.space, None if self._process is None else self._process.space)

    @property
    def modules(self) -> dict[str, LoadedModule]:
        """Mapped images by WinDbg name, in the order they were mapped."""
        return {module.name: module for module in self._modules.values()}

    @property
    def threads(self) -> list[ThreadView]:
        """The threads that have not ended."""
        threads = self._machine.kernel.threads
        if not self.build.wow64:
            return [ThreadView(t.id, 0, t.teb) for t in threads]
        return [ThreadView(t.id, t.teb, t.teb32) for t in threads]

    # ------------------------------------------------------------ loading
    def load(
        self,
        program: str | Path | bytes,
        args: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: str = "C:\\",
        stdin: bytes | BinaryIO = b"",
        name: str | None = None,
    ) -> None:
        r"""Create the process of a 32-bit program, or with a system root of a 64-bit one.

        The folder of a program of the host is shown to it, read-only, as ``C:\app``. A string that begins with a drive
        (``C:\work\x.exe``) names a program of the guest if there is one: in the volume, a mount or the system root.

        Args:
            program: path on the host or in the guest, or the file's bytes.
            args: arguments behind the program's name, quoted as the C run-time unquotes them.
            env: variables added to (or, with None as value, taken from) the default environment.
            cwd: current directory in the guest.
            stdin: what the program can read from standard input: bytes, or a binary stream that is read when the
                program reads; one that cannot seek (a pipe, a terminal) line-wise as it comes. Waiting for it takes
                no simulated time.
            name: file name in the guest, not for a program that is there; default the host file's, or ``program.exe``.

        Raises:
            UsageError: no such file, no 32-bit program, imports that do not exist, or a process is there already.
        """
        self._check_unused()
        program = bytes(program) if isinstance(program, (bytearray, memoryview)) else program
        checks.program(program, args, stdin, name)
        source = find(program, name, self.files)
        image = parse_program(
            source.data, file_name=source.file_name, path=source.path, wide=bool(self._system.folders)
        )
        if not self._system.folders:
            check_imports(image, source, self._system.images, self.files, self._system_directory)
        if source.folder is not None:
            self.files.mount(source.folder, APPLICATION)
        elif isinstance(program, bytes):
            self.files.add(image.path, source.data)
        self._create(image, [image.path, *args], env, cwd, stdin)

    def load_shellcode(self, code: bytes, bits: int = 32, *, env: Mapping[str, str] | None = None) -> None:
        """Create a process that runs ``code`` as a thread function; its EAX is the exit status.

        The code lies at 200000h; with a system root at 10000000h, as stacks are larger there.

        Args:
            code: flat code.
            bits: 32, or 64 for code that is called in 64-bit mode behind a gate of its own.
            env: as for :meth:`load`.

        Raises:
            UsageError: ``bits`` is neither, the code is empty or does not fit, or a process is there already.
        """
        code = bytes(code) if isinstance(code, (bytearray, memoryview)) else code
        checks.code(code)
        if bits == 64 and not self.build.wow64:
            raise UsageError(f"64-bit shellcode cannot run on {self.build.title}; choose a 64-bit build")
        if bits not in (32, 64) or not 0 < len(code) <= 0x180000 - 0x1000:
            raise UsageError(
                f"shellcode of {len(code)} bytes for {bits} bits; expected 1 to 17F000h bytes, 32 or 64"
            )
        self._check_unused()
        from wowsim.simulation.shellcode import host_image, shellcode_image

        base = ROOT_SHELLCODE if self._system.folders else SHELLCODE
        host = host_image()
        if self._system.folders:  # a real loader opens the program's file
            self.files.add(host.path, host.contents)
        self._create(host, [f"{APPLICATION}\\shellcode.exe"], env, "C:\\", b"", base)
        image = shellcode_image(code, bits, base)
        space = self._machine.space
        space.cause = "load_shellcode"
        space.allocate(base, image.size, 0x3000, 0x40)
        self._machine.tables.poke(base, image.contents)
        self.symbols.add(image, base)

    @property
    def _system_directory(self) -> str:
        """The system directory of 32-bit programs."""
        return self.build.ntdll.path.rpartition("\\")[0]

    def _check_unused(self) -> None:
        self._check_open()
        if self._process is not None:
            raise UsageError("a program is loaded already; use one Simulation for each process")

    def _create(
        self,
        image: Image,
        command: Sequence[str],
        env: Mapping[str, str] | None,
        cwd: str,
        stdin: bytes | BinaryIO,
        start_address: int | None = None,
    ) -> None:
        checks.start(command, env, cwd)
        kernel = self._machine.kernel
        kernel.console.stdin = standard_input(stdin, self._runner.wait_for_host, self._blame)
        if not self.files.exists(cwd):
            raise UsageError(
                f"the current directory {cwd!r} does not exist in the guest; add or mount it first"
            )
        environment = parameters.default_environment(self.build.wow64, image.bits)
        environment = parameters.changed_environment(environment, self._system.environment)
        start = parameters.Start(
            image_path=image.path,
            command_line=command_line(command),
            current_directory=cwd if cwd.endswith("\\") else cwd + "\\",
            environment=parameters.changed_environment(environment, env or {}),
            handles=kernel.open_standard_handles(),
        )
        try:
            self._begin(image, start, start_address)
        except GuestFault as fault:
            raise UsageError(
                f"memory={self._machine.ram.size:#x} is too little for a process of {image.file_name} "
                f"({fault.status:08X}); give it more"
            ) from fault

    def _begin(self, image: Image, start: parameters.Start, start_address: int | None = None) -> None:
        machine, kernel = self._machine, self._machine.kernel
        kernel.parse_image, self._start = dlls.opener(self._system.folders), start
        machine.space.notify = self._memory_changed
        images = self._system.images
        add_known_dlls(kernel, {} if self._system.folders else images)
        process = kernel.process
        create = create_process if self.build.wow64 else create_native_process
        if image.bits == 64:
            create = create_wide_process
        new = create(
            machine.space,
            machine.tables,
            self.build,
            image,
            image.path[2:],
            images,
            self._start,
            (process.id, kernel.thread.id),
            kernel.random.randrange,
            start_address,
        )
        self._process = new
        process.image_path = "\\Device\\HarddiskVolume1" + image.path[2:]
        process.command_line = self._start.command_line
        process.peb, process.peb32 = new.peb64, new.peb32
        process.image = image_information(new.space.image)
        if new.peb32:
            wow64info.write(machine.tables, new.peb32 + self.build.peb32_size, turbo=self._turbo)
        kernel.thread.teb, kernel.thread.teb32 = new.teb64, new.teb32
        machine.trap.teb64, machine.trap.teb32 = new.teb64, new.teb32 or new.teb64
        selector = machine.core.segments.teb
        self.gdt[selector] = self.gdt[selector].with_base(machine.trap.teb32)
        page = new.space.shared_data_frame * 0x1000
        machine.tables.untracked.add(new.space.shared_data_frame)
        self._initialise(page)
        memory: Any = machine.ram.bytes  # mmap is a writable buffer
        machine.refresh = refresher(memory, page, machine.clock, self._system.tick_units)
        machine.refresh()
        self._system.prepare(kernel, new)
        machine.exception_dispatcher = self._address("ntdll!KiUserExceptionDispatcher")
        machine.apc_dispatcher = self._address("ntdll!KiUserApcDispatcher")
        machine.traps = TrapTable(machine.core, machine.trap, self._routines(), self._refusals.trap)
        for module in self._modules.values():
            machine.traps.add(module.image, module.base)
        machine.core.enter(new.registers)
        self._begin_threads(new, image)
        new.space.record("running")

    def _child(self, request: ProcessRequest, creator: Kernel) -> Member:
        """The simulation of a child process, ready to run."""
        if request.image.bits == 64 and not self._system.folders:
            raise Unsupported(f"a child process of the 64-bit program {request.image.file_name}")
        seed = Random(f"child {self.seed} {creator.ids.client}").getrandbits(32)
        child = self._same(seed, _relative=Relative(self._system, creator, self._children))
        try:
            child._begin(request.image, start_of(request))
        except BaseException as error:
            child._release()
            creator.relatives.remove(child._machine.kernel.process)
            if isinstance(error, UsageError):  # it does not fit: the creator's mistake, not the caller's
                raise GuestFault(STATUS_NO_MEMORY) from error
            raise
        return Member(child._machine, child._runner, child._release)

    def _initialise(self, page: int) -> None:
        """Fill KUSER_SHARED_DATA, and tell the machine where system calls of 32-bit Windows return to."""
        machine, pointers = self._machine, None
        if machine.native_calls is not None:
            machine.native_calls.return_address = self._address("ntdll!KiFastSystemCallRet")
            if self.build.stub32 is Stub32.SYSTEM_CALL_POINTER:
                pointers = self._address("ntdll!KiFastSystemCall"), machine.native_calls.return_address
        buffer: Any = machine.ram.bytes  # mmap is a writable buffer
        initialise(buffer, page, self.build, pointers)

    def _begin_threads(self, new: NewProcess, image: Image) -> None:
        machine = self._machine
        threads = Threads(machine, new, (image.stack_reserve, image.stack_commit))
        threads.begin()
        threads.leaving += [self._runner.charge, self._gates.forget]
        threads.turn_changed = self._runner.next_turn
        machine.threads = machine.kernel.host = threads
        machine.kernel.thread.start, machine.kernel.thread.stacks = new.entry, new.stacks
        machine.kernel.thread.created = machine.clock.now

    def _routines(self) -> list[Mapping[str, Routine]]:
        """The Python behind the traps of this process' images."""
        machine = self._machine
        found = self._system.routines(self.build, self.symbols, machine.kernel, machine.table)
        return [{"ntdll.LdrpInitializeLists": self._loader_lists}, *found]

    def _loader_lists(self, trap: Trap) -> None:
        assert self._process is not None
        order = [m for m in self._modules.values() if m.image.bits == 64 or not m.image.system]
        entries = [Entry64(m.base, m.image.size, m.image.entry, m.image.path) for m in order]
        loader_lists(self._process, trap.memory, entries)

    # ------------------------------------------------------------ running
    def run(
        self, limit: int | None = None, timeout: float | None = None, trace: Level | None = None
    ) -> RunResult:
        """Run until the program ends, a limit is reached or somebody stops it; then it can be continued.

        Args:
            limit: instructions at most, exactly.
            timeout: host seconds at most.
            trace: ``"calls"``, ``"blocks"`` or ``"full"``; None records nothing and costs nothing.

        Raises:
            UsageError: nothing is loaded, or an argument makes no sense.
        """
        self._check_open()
        self._check_idle("run()")
        if self._process is None:
            raise UsageError("nothing is loaded; call load() or load_shellcode() first")
        if trace is not None and trace not in LEVELS:
            raise UsageError(f"trace={trace!r}; expected one of {', '.join(LEVELS)} or None")
        checks.running(limit, timeout)
        if self._ended is not None:
            return self._result(
                self._ended, 0 if limit is not None or trace else None, Trace(trace) if trace else None
            )
        collected = Trace(trace) if trace else None
        self._children.executed, executed = 0, 0 if limit is not None or trace else None
        with self._busy():
            stop = self._first_ended
            if stop is None:
                began = monotonic()
                stop, executed = self._runner.run(limit, timeout, collected)
                if limit is not None:
                    limit = max(0, limit - (executed or 0) - self._children.executed)
                if timeout is not None:
                    timeout = max(timeout - (monotonic() - began), 0.001)
            if stop.reason in ENDS and self._children.alive:
                stop = self._let_children_finish(stop, limit, timeout)
        if stop.reason not in CONTINUABLE:
            self._ended = stop
        executed = None if executed is None else executed + self._children.executed
        return self._result(stop, executed, collected)

    def _let_children_finish(self, stop: Stop, limit: int | None, timeout: float | None) -> Stop:
        """The program has ended, and its children have not; the limits are what is left of them."""
        self._first_ended = stop
        if not self._machine.kernel.process.ended:
            self._machine.kernel.exit_process(stop.status or 0)
        return self._children.finish(limit, timeout) or stop

    @contextmanager
    def _busy(self) -> Iterator[None]:
        self._running, self._callback_error = True, None
        try:
            yield
        finally:
            self._running = False
        if self._callback_error is not None:
            raise self._callback_error

    def _blame(self, error: WowsimError) -> None:
        """The caller's function is wrong: the error leaves ``run()``."""
        self._callback_error = error

    def _callback(self, function: Callable[[Any], object]) -> Callable[[Any], Any]:
        """The caller's function; what it raises leaves ``run()``, unlike the same error of a service."""
        if not callable(function):
            raise UsageError(f"callback {function!r} cannot be called; expected a function")

        def call(argument: Any) -> Any:
            self._runner.in_callback = True
            try:
                return function(argument)
            except WowsimError as error:
                self._callback_error = error
                raise
            finally:
                self._runner.in_callback = False

        return call

    def _result(self, stop: Stop, executed: int | None, trace: Trace | None) -> RunResult:
        console = self._machine.kernel.console
        return RunResult(
            stop.reason,
            stop.status,
            bytes(console.stdout),
            bytes(console.stderr),
            executed,
            trace,
            stop.detail,
            stop.address,
        )

    def stop(self) -> None:
        """From a callback: end the run; ``run()`` continues behind."""
        self._check_open()
        self._runner.interrupt(StopReason.STOPPED)

    # ------------------------------------------------------------ observing
    def on(self, event: type[Event], callback: Callable[[Any], None]) -> Subscription:
        """Call ``callback`` with each event of a class; remove by the returned handle.

        Listening to :class:`wowsim.GateCrossed` looks at every instruction, which is slow.

        Raises:
            Unsupported: nothing emits that class yet.
        """
        self._check_open()
        called = self._callback(callback)
        observers = self._runner.observers
        listeners = {
            SyscallEntered: observers.entered,
            SyscallReturned: observers.returned,
            MemoryChanged: self._listeners.memory,
            GateCrossed: self._gates.listeners,
            FastFailed: self._listeners.fast_fails,
            Redirected: self._listeners.redirections,
            UnsupportedCalled: self._refusals.listeners,
        }.get(event)
        if not isinstance(event, type):
            raise UsageError(f"on({event!r}); expected a class of events such as wowsim.MemoryChanged")
        if listeners is None:
            raise Unsupported(f"{event.__name__} events are not emitted yet")

        def remove() -> None:
            listeners.remove(called)
            observers.rebind()
            self._gates.rebind()

        listeners.append(called)
        observers.rebind()
        self._gates.rebind()
        return Subscription(remove)

    def on_service(
        self,
        name: str | None,
        callback: Callable[[ServiceEvent], Answer | None],
        *,
        layer: ServiceLayer = "kernel",
        when: When = "pre",
    ) -> Subscription:
        """Call ``callback`` with each call of a service at one of its layers; it may answer in the call's place.

        A callback that returns an :class:`wowsim.Answer` before the call ends it: the layers below do not run, and
        the caller finds the status and the outputs. After the call an Answer replaces the status and overwrites
        outputs. The first who answers a call is the last who is asked before it; after it all are told.

        Args:
            name: the service, with Nt or Zw; None for all.
            callback: called with a :class:`wowsim.ServiceEvent`; returns an Answer or None.
            layer: ``"stub"``, the 32-bit ntdll's code; ``"wow64"``, wow64!Wow64SystemServiceEx, which turbo services
                bypass; ``"kernel"``, the service table, for 64-bit callers too.
            when: ``"pre"`` or ``"post"``: after a stub means before its ``ret``. A call that does not come back
                (NtContinue, NtTerminateProcess) has no end.

        Raises:
            UsageError: there is no such service, or the build has no such layer; from ``run()``: the callback
                returned something else, or outputs that the service does not have.
        """
        self._check_open()
        called = self._callback(answering(callback))
        return Subscription(self._interception.listen(name, called, layer, when))

    def on_progress(
        self, callback: Callable[[Progress], object], *, after: float = 2.0, every: float = 0.5
    ) -> Subscription:
        """Call ``callback`` with a :class:`Progress` while a run takes long; the guest runs as it would without.

        Args:
            callback: called from within ``run()``.
            after: host seconds from the start of a run to the first call.
            every: host seconds between two calls.

        Raises:
            UsageError: somebody is told already.
        """
        self._check_open()
        observers = self._runner.observers
        if observers.progress is not None:
            raise UsageError("on_progress: somebody is told already; remove that subscription first")
        watch = ProgressWatch(self._callback(callback), after, every)
        observers.progress, observers.called = watch, watch.entered

        def remove() -> None:
            observers.progress = observers.called = None

        return Subscription(remove)

    def at(self, address: int | str, callback: Callable[[Simulation], object]) -> Subscription:
        """Call ``callback(sim)`` each time the instruction at ``address`` is about to run.

        Args:
            address: where, or ``"module!symbol"``; a system DLL need not be mapped yet.
            callback: what to call; after its ``sim.stop()``, the next ``run()`` begins with that instruction.

        Raises:
            UsageError: there is no such address or symbol.
        """
        self._check_open()
        called = self._callback(callback)
        if isinstance(address, str):
            return Subscription(self._breakpoints.at_symbol(address, lambda: called(self)))
        return Subscription(self._breakpoints.at(self._address(address), lambda: called(self)))

    def _memory_changed(self, kind: str, start: int, size: int, protection: int, name: str | None) -> None:
        if kind == "map":
            self._mapped(start)
        elif kind == "unmap" and self._modules.pop(start, None) is not None:
            self.symbols.remove(start)
        self._listeners.memory_changed(kind, start, size, protection, name)

    def _mapped(self, start: int) -> None:
        vad = self._machine.space.vads.at(start >> 12)
        section = vad.section if vad is not None else None
        if isinstance(section, ImageSection):
            image = section.image
            name = self.symbols.add(image, start)
            self._modules[start] = LoadedModule(name, start, start + image.size, image.path, image)
            self._breakpoints.mapped(image.name, start)
            if self._machine.traps is not None:
                self._machine.traps.add(image, start)

    # ------------------------------------------------------------ intervening
    def call32(self, function: int | str, *args: int, limit: int = 50_000_000) -> int:
        """Call a 32-bit stdcall or cdecl function in the process and return its EAX.

        A process that has not begun is first run to its entry point, one that stands behind the gate back to
        32-bit code.

        Args:
            function: its address, or ``"module!symbol"``.
            args: 32-bit arguments, left to right.
            limit: instructions it may take.

        Raises:
            UsageError: nothing is loaded, the process has ended, there is no such symbol, or the function did not
                return.
            Unsupported: the function asked for something that wowsim lacks.
        """
        self._check_open()
        self._check_idle("call32()")
        if self._process is None or self._ended is not None:
            raise UsageError("call32 needs a process that is loaded and has not ended")
        if self._process.space.image.image.bits == 64:
            raise UsageError("call32 needs the process of a 32-bit program; this one has 64 bits")
        if not all(isinstance(argument, int) for argument in args):
            raise UsageError(f"call32 arguments {args!r}; expected integers, which addresses are too")
        checks.running(limit, None)
        self._reach_32_bit_code()
        address = self._address(function)
        with self._busy():
            outcome = call32(self._machine, self._runner, self._gates, address, args, limit)
        if isinstance(outcome, int):
            return outcome
        self._ended = outcome if outcome.reason in (StopReason.EXITED, StopReason.BUG_CHECK) else None
        kind = Unsupported if outcome.reason is StopReason.UNSUPPORTED else UsageError
        raise kind(f"the function at {address:#x} did not return: {outcome.reason.value}, {outcome.detail}")

    def _address(self, place: int | str) -> int:
        if isinstance(place, int) and 0 <= place < 1 << 64:
            return place
        if not isinstance(place, str):
            raise UsageError(f"{place!r} is no address; expected one, or a name like 'kernel32!Sleep'")
        return self.symbols.address(place)

    def _reach_32_bit_code(self) -> None:
        """Run a process that has not begun to its entry point, one behind the gate back to 32-bit code."""
        assert self._process is not None
        core = self._machine.core
        if not self._machine.kernel.process.started:
            where, remove = "its entry point", self.at(self._process.entry, lambda sim: sim.stop()).remove
        elif core.bits == 64:
            where, remove = "32-bit code", core.watch(lambda *_: self.stop() if core.bits == 32 else None)
        else:
            return
        try:
            result = self.run()
        finally:
            remove()
        if result.reason is not StopReason.STOPPED:
            raise UsageError(f"the process did not reach {where}: {result.reason.value}, {result.detail}")


def _output(callback: Callable[[str, bytes], None] | None) -> Callable[[Stream, bytes], None] | None:
    if callback is None:
        return None
    return lambda stream, data: callback("stderr" if stream is Stream.ERROR else "stdout", data)


def _built_in(build: str) -> BuiltIn:
    # Imported here because a system root needs none of it.
    from wowsim.simulation.images import built_in

    return built_in(build)
