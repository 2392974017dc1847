r"""What a service works on: one machine's memory, objects, files and time (nt!PsGetCurrentProcess and all).

The simulation switches threads as :attr:`Kernel.scheduler` says and reads :attr:`Kernel.pending` after each service.
Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from wowsim.errors import GuestFault, StopReason, Unsupported, UsageError
from wowsim.kernel.access import FILE_MAPPING, FILE_SYNCHRONOUS_IO_NONALERT
from wowsim.kernel.atom_table import AtomTable
from wowsim.kernel.bug_checks import fast_fail
from wowsim.kernel.clock import Clock
from wowsim.kernel.console import Console, ConsoleDevice, Stream
from wowsim.kernel.device import NullDevice
from wowsim.kernel.dispatcher import KeyedEvent
from wowsim.kernel.machine_state import Ids, Languages, UuidState
from wowsim.kernel.names import from_utf16
from wowsim.kernel.namespace import Namespace, SymbolicLink
from wowsim.kernel.objects import CURRENT_PROCESS, CURRENT_THREAD, OBJ_INHERIT, HandleTable
from wowsim.kernel.pipe_device import PipeDevice
from wowsim.kernel.registry_defaults import fill
from wowsim.kernel.registry_objects import RegistryRoot
from wowsim.kernel.registry_tree import Registry
from wowsim.kernel.requests import Request, cancel_all
from wowsim.kernel.scheduler import Scheduler
from wowsim.kernel.standard_names import insert_standard_names
from wowsim.kernel.standard_pipes import standard_pipes
from wowsim.kernel.thread import InitialTeb, Process, Thread
from wowsim.kernel.volume import Volume
from wowsim.kernel.volume_api import Files
from wowsim.kernel.volume_device import VolumeDevice
from wowsim.kernel.win32k.state import Win32kState
from wowsim.nt.abi import Memory, Width, layout
from wowsim.nt.records import dataclass
from wowsim.nt.status import STATUS_ACCESS_VIOLATION, STATUS_OBJECT_NAME_INVALID
from wowsim.nt.structures import UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.image.model import Image
    from wowsim.kernel.image_files import ImageFile
    from wowsim.kernel.objects import KernelObject
    from wowsim.memory.sections import Section
    from wowsim.memory.space import AddressSpace
    from wowsim.nt.builds import Build
    from wowsim.nt.exceptions import ExceptionRecord
    from wowsim.nt.process_parameters import ProcessParameters

_UNICODE_STRING = {width: layout(UNICODE_STRING, width).struct for width in (32, 64)}
VOLUME_DEVICE = r"\Device\HarddiskVolume1"


@dataclass(frozen=True)
class Exit:
    """Why the machine is to stop behind the present service.

    Attributes:
        reason: what ``run()`` reports.
        status: the exit status, unsigned, where the program ended.
        detail: one line for people.
    """

    reason: StopReason
    status: int = 0
    detail: str = ""


class ThreadHost(Protocol):
    """The part of threads that is CPU and memory: the simulation's."""

    def create(self, request: ThreadRequest) -> Thread:
        """Make a thread with its blocks; it is not ready yet.

        Raises:
            GuestFault: there is no memory for it.
        """

    def delete(self, thread: Thread) -> None:
        """A thread has ended: free its blocks."""

    def registers(self, thread: Thread) -> tuple[dict[str, int], bytes]:
        """Where a thread stands in user mode: registers by name, and its FXSAVE image."""

    def set_registers(self, thread: Thread, registers: dict[str, int], fxsave: bytes | None) -> None:
        """Let it go on elsewhere: the registers that are named, and FP state if there is any."""

    def descriptor(self, thread: Thread, selector: int) -> int | None:
        """What stands in the GDT while the thread runs; None behind its limit."""


@dataclass(frozen=True)
class ThreadRequest:
    """What a new thread shall be.

    Attributes:
        start: its function.
        argument: what it is called with.
        reserve: bytes of stack to reserve; 0 for what the program's header says.
        commit: bytes of it to commit at once, likewise.
        skip_attach: DLLs are not told of it.
        stack: what to use as its stack, instead of a fresh one.
        context: the 32-bit CONTEXT in which it begins, instead of a call of ``start``.
    """

    start: int
    argument: int
    reserve: int = 0
    commit: int = 0
    skip_attach: bool = False
    stack: InitialTeb | None = None
    context: bytes | None = None


@dataclass(frozen=True)
class ProcessRequest:
    """What a new process shall be.

    Attributes:
        image_path: NT path of its program, below the drive.
        image: the program.
        parameters: what it was started with; its handles are those of the child.
        handles: what it inherits: handle, object, rights and attributes.
        suspended: its thread begins suspended.
    """

    image_path: str
    image: Image
    parameters: ProcessParameters
    handles: tuple[tuple[int, KernelObject, int, int], ...]
    suspended: bool


class _NoThreads:
    """A kernel without CPU: every use is refused by name."""

    def create(self, request: ThreadRequest) -> Thread:
        raise Unsupported("creating a thread: no CPU is attached to this kernel")

    def delete(self, thread: Thread) -> None:
        """There are no blocks."""

    def registers(self, thread: Thread) -> tuple[dict[str, int], bytes]:
        raise Unsupported("a thread's context: no CPU is attached to this kernel")

    def set_registers(self, thread: Thread, registers: dict[str, int], fxsave: bytes | None) -> None:
        raise Unsupported("a thread's context: no CPU is attached to this kernel")

    def descriptor(self, thread: Thread, selector: int) -> int | None:
        raise Unsupported("the GDT: no CPU is attached to this kernel")


def _no_cpu(*_: object) -> None:
    raise Unsupported("NtContinue or NtRaiseException: no CPU is attached to this kernel")


def _no_processes(request: ProcessRequest) -> tuple[Process, Thread]:
    raise Unsupported(f"a child process of {request.image_path}: this kernel has nobody who makes one")


def _no_images(file: ImageFile, path: str) -> Image:
    raise Unsupported(f"NtCreateSection(SEC_IMAGE) of {path}: no reader of images is set")


def _no_tables(name: str) -> bytes | None:
    raise Unsupported(f"NLS section {name}: the machine has no *.nls files; they come with a system root")


class Kernel:
    """What a service receives as ``k``.

    Args:
        memory: guest memory.
        space: the address space of the process.
        build: the Windows it is.
        width: pointer width of the callers: 64 behind a 64-bit SYSCALL, 32 on 32-bit Windows.
        seed: of :attr:`random`, and of what has a source of its own.
        clock: simulated time.
        console: the standard streams.
        capacity: bytes on the volume.
        emit: takes the events of services.

    Attributes:
        process: the process.
        thread: the thread that called; the simulation sets it when it switches.
        threads: all that have not ended.
        scheduler: whose turn it is.
        cpu_vendor: ``"intel"`` or ``"amd"``, for what the registry says of the processor.
        registry: every hive.
        host: makes threads and knows their registers.
        keyed_event: the one that handle 0 means.
        atoms: the global atom table.
        languages: locales and languages.
        uuids: which UUIDs are given out.
        requests: to files, that wait for their end; oldest first.
        failure_frames: addresses that a bug check names: KTRAP_FRAME and EXCEPTION_RECORD.
        parse_image: reads an executable (the file and its guest path) for NtCreateSection; UsageError when it is
            none. The simulation sets it.
        reset_state: where wow64cpu.dll looks for RESET_STATE in the CPU area: the build's, or that of a root.
        unix_half: gives the handle of a DLL's Unix half, by its file name and whether 32-bit code will use it, where
            the DLLs are Wine's.
        lenient: for DLLs of Wine, which count on what Wine's own kernel half lets pass (observed): an image section
            takes the right to read its file only; attributes and times of a file are asked and set through any handle
            of it; a delay without an interval is endless; a file calls itself by its drive; a named pipe may be made
            with FILE_OVERWRITE_IF and without a timeout.
        apc_in_registers: ntdll!KiUserApcDispatcher takes an APC as Wine 8's does, not as Windows'.
        every_class: information classes newer than the build are there too, because the DLLs of a system root may be
            newer; the simulation sets it with the root.
        nls: the bytes of an ``*.nls`` file by its name in small letters, None when there is none; set with a system
            root.
        nls_sections: those files that were mapped, by name.
        resume: goes on with a CONTEXT (its bytes) behind the service.
        raise_exception: raises a record with a CONTEXT, with a first chance for handlers or without.
        relatives: the processes of the machine that have not ended, oldest first.
        create_process: makes a child and its first thread, ready or suspended; the simulation sets it.
        pending: set by a service that ends the run; nobody clears it but the simulation.
    """

    def __init__(
        self,
        memory: Memory,
        space: AddressSpace,
        build: Build,
        *,
        width: Width = 64,
        seed: int = 0,
        clock: Clock | None = None,
        console: Console | None = None,
        capacity: int = 256 << 20,
        emit: Callable[[Any], None] = lambda event: None,
    ) -> None:
        self.memory = memory
        self.space = space
        self.build = build
        self.width: Width = width
        self._string_layout = _UNICODE_STRING[width]
        self.seed = seed
        self.random = Random(seed)
        self.clock = clock or Clock()
        self.console = console or Console()
        self.emit = emit
        self.volume = Volume(self.clock, capacity)
        self.files = Files(self.volume)
        self.handles = HandleTable()
        self.lenient = self.apc_in_registers = False
        self.reset_state = build.reset_state
        self.unix_half: Callable[[str, bool], int] | None = None
        self.parse_image: Callable[[ImageFile, str], Image] = _no_images
        self.every_class = False
        self.nls: Callable[[str], bytes | None] = _no_tables
        self.nls_sections: dict[str, Section] = {}
        self.resume: Callable[[bytes], None] = _no_cpu
        self.raise_exception: Callable[[ExceptionRecord, bytes, bool], None] = _no_cpu
        self.process = Process(cookie=self.random.getrandbits(32), created=self.clock.now)
        self.thread = Thread()
        self.threads = [self.thread]
        self.scheduler = self.thread.scheduler = Scheduler(self.clock, seed, self.thread)
        self.process.kernel = self
        self.process.home = self.thread.home = self.handles
        self.relatives = [self.process]
        self.create_process: Callable[[ProcessRequest], tuple[Process, Thread]] = _no_processes
        self.requests: list[Request] = []
        self.host: ThreadHost = _NoThreads()
        self.ids = Ids(self.thread.id)
        self.failure_frames = (0, 0)
        self.pending: Exit | None = None
        self.handles.pseudo[CURRENT_PROCESS] = self.process
        self.use_thread(self.thread)
        self.cpu_vendor = "intel"
        self.registry = Registry(self.clock, self._fill_registry)
        self.namespace = Namespace()
        self.atoms = AtomTable()
        self.win32k = Win32kState()
        self.languages = Languages()
        self.uuids = UuidState()
        self.keyed_event = KeyedEvent(self, None)
        self._pipe_device = PipeDevice(r"\Device\NamedPipe", self)
        self._console_device = ConsoleDevice(r"\Device\ConDrv", self.console)
        self._name_devices()

    def _name_devices(self) -> None:
        insert = self.namespace.insert
        insert(r"\KernelObjects\CritSecOutOfMemoryEvent", self.keyed_event)
        insert(VOLUME_DEVICE, VolumeDevice(VOLUME_DEVICE, self.volume))
        insert(r"\Device\ConDrv", self._console_device)
        insert(r"\REGISTRY", RegistryRoot(self.registry))
        insert(r"\Device\Null", NullDevice(r"\Device\Null"))
        insert(r"\Device\NamedPipe", self._pipe_device)
        for name, target in (
            (rf"\??\{self.volume.drive}", VOLUME_DEVICE),
            (r"\SystemRoot", rf"\??\{self.volume.drive}\Windows"),
            (r"\??\NUL", r"\Device\Null"),
            (r"\??\PIPE", r"\Device\NamedPipe"),
            (r"\??\CON", r"\Device\ConDrv\Console"),
            (r"\??\CONIN$", r"\Device\ConDrv\CurrentIn"),
            (r"\??\CONOUT$", r"\Device\ConDrv\CurrentOut"),
        ):
            insert(name, SymbolicLink(target))
        insert_standard_names(self)

    def _fill_registry(self, registry: Registry) -> None:
        fill(registry, self.build, self.seed, self.cpu_vendor, self.clock.boot_time)

    def has_class(self, since: Mapping[int, tuple[int, ...]], information_class: int) -> bool:
        """Whether an information class is there, which came with the version that ``since`` names."""
        return self.every_class or self.build.version >= since.get(information_class, (0,))

    def serve_wine(self, unix_half: Callable[[str, bool], int]) -> None:
        """Be the kernel that Wine's DLLs count on.

        Args:
            unix_half: gives the handle of a DLL's Unix half, by its file name and whether 32-bit code will use it.
        """
        self.lenient, self.reset_state, self.unix_half = True, 0, unix_half
        self.space.releases_parts = False
        self.volume.readable = True
        self.process.settings[12] = (
            0  # ProcessDefaultHardErrorMode, which Wine's SetErrorMode does not invert
        )

    def use_thread(self, thread: Thread) -> None:
        """Make ``thread`` the one that calls: what pseudo-handle -2 means."""
        self.thread = thread
        self.handles.pseudo[CURRENT_THREAD] = thread

    def open_standard_handles(self) -> tuple[int, int, int]:
        """Handles of standard input, output and error, as a parent hands them to its child."""
        if self.console.redirected:
            pipes = standard_pipes(self._pipe_device, self.console)
            one, two, three = (self.handles.insert(end, end.access, OBJ_INHERIT) for end in pipes)
            return one, two, three
        device = self._console_device
        access = FILE_MAPPING.read | FILE_MAPPING.write
        files = [device.standard(stream, access, FILE_SYNCHRONOUS_IO_NONALERT) for stream in Stream]
        first, second, third = (self.handles.insert(file, access) for file in files)
        return first, second, third

    def capture_string(self, address: int, width: Width | None = None) -> str:
        """The text of a UNICODE_STRING; a NULL pointer is an empty one.

        Raises:
            GuestFault: STATUS_OBJECT_NAME_INVALID for an odd length, STATUS_ACCESS_VIOLATION for bad memory.
        """
        if address == 0:
            return ""
        shape = self._string_layout if width is None else _UNICODE_STRING[width]
        length, _, buffer = self.memory.unpack(shape, address)
        return self._text(length, buffer)

    def text_of(self, string: UNICODE_STRING) -> str:
        """The text of a captured UNICODE_STRING; the same errors as :meth:`capture_string`."""
        return self._text(string.Length, string.Buffer)

    def _text(self, length: int, buffer: int) -> str:
        if length == 0:
            return ""
        if length & 1:
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        if buffer == 0:
            raise GuestFault(STATUS_ACCESS_VIOLATION, 0)
        return from_utf16(self.memory.read(buffer, length))

    def win32_path(self, path: str) -> str:
        r"""``\Device\HarddiskVolume1\a.exe`` as ``C:\a.exe``; other paths as they are."""
        return self.volume.drive + path[len(VOLUME_DEVICE) :] if path.startswith(VOLUME_DEVICE) else path

    def next_luid(self) -> int:
        """A locally unique id that was not given before."""
        return self.ids.next_luid()

    def next_thread_id(self) -> int:
        """A client id that was not given before."""
        return self.ids.next_client()

    def exit_process(self, status: int) -> None:
        """End the process: its handles are closed and the run stops behind this service."""
        self.process.exit_status = status & 0xFFFFFFFF
        self.process.ended = True
        self.pending = Exit(StopReason.EXITED, self.process.exit_status)
        for thread in self.threads:
            thread.exit_status = self.process.exit_status
            self.scheduler.ended(thread)
        ended = list(self.threads)
        self.threads.clear()
        self.handles.close_all()
        for each in (*ended, self.process):
            self.scheduler.signal(each)

    def exit_thread(self, thread: Thread, status: int) -> None:
        """End a thread: who waits for it goes on, what it owns is abandoned; the last one takes the process along."""
        if thread not in self.threads:
            return
        self.threads.remove(thread)
        if not self.threads:
            self.threads.append(thread)
            self.exit_process(status)
            return
        thread.exit_status, thread.exited = status & 0xFFFFFFFF, self.clock.now
        scheduler = self.scheduler
        scheduler.ended(thread)
        owned, thread.mutants = thread.mutants, []
        for mutant in owned:
            mutant.abandon()
            scheduler.signal(mutant)
        for timer in tuple(thread.timers):
            timer.stop()
        # requests whose files have a port outlive their thread (Microsoft Learn, ExitThread)
        cancel_all(self, lambda each: each.thread is thread and each.file.port is None)
        scheduler.signal(thread)
        self.host.delete(thread)

    def fast_fail(self, code: int) -> NoReturn:
        """``__fastfail(code)`` in ring 0: the machine ends in a bug check.

        Args:
            code: FAST_FAIL_* (``wowsim.nt.fast_fail``).

        Raises:
            BugCheck: always.
        """
        if not isinstance(code, int):
            raise UsageError(f"fast_fail({code!r}); expected a FAST_FAIL_* number")
        raise fast_fail(code, self.build.fast_fail, *self.failure_frames)

    def stop(self, reason: StopReason, detail: str) -> None:
        """Stop the run behind this service for another reason than the program's end."""
        self.pending = Exit(reason, detail=detail)
