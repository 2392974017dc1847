"""``load(stdin=...)`` with streams of the host's: lazily, line-wise, the same run however slowly they come."""

from __future__ import annotations

import io
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
from programs import BIN

import wowsim
from wowsim import StopReason, UsageError
from wowsim.nt.status import STATUS_END_OF_FILE
from wowsim.trace.jsonl import lines

if TYPE_CHECKING:
    from collections.abc import Iterator

CAT = BIN / "cat.exe"
ERROR_IO_DEVICE = 1117


@contextmanager
def fed(*pieces: bytes, slowly: bool = False, close: bool = True) -> Iterator[BinaryIO]:
    """The reading end of a pipe, and somebody who writes."""
    reading, writing = os.pipe()

    def feed() -> None:
        for piece in pieces:
            if slowly:
                time.sleep(0.05)
            os.write(writing, piece)
        if close:
            os.close(writing)

    writer = threading.Thread(target=feed)
    with open(reading, "rb") as stream:
        writer.start()
        yield stream
        writer.join()
    if not close:
        os.close(writing)


def traced(stdin: Any, build: str = "win7sp1") -> tuple[wowsim.RunResult, list[str]]:
    with wowsim.Simulation(build) as sim:
        sim.load(CAT, stdin=stdin)
        result = sim.run(trace="calls")
        assert result.trace is not None
        calls = list(
            lines(
                result.trace.calls(), result.trace.events, build=build, seed=0, program="cat.exe", version=""
            )
        )
    return result, calls


def test_how_fast_input_comes_does_not_matter() -> None:
    with fed(b"one\n", b"two\n", b"three\n") as stream:
        fast = traced(stream)
    with fed(b"one\n", b"two\n", b"three\n", slowly=True) as stream:
        slow = traced(stream)
    assert fast[0].stdout == b"one\ntwo\nthree\n"
    assert fast[0].instructions == slow[0].instructions
    assert fast[1] == slow[1]


@pytest.mark.parametrize("data", [b"", b"one\ntwo", b"line\n" * 5000])
def test_a_file_is_read_as_bytes_are(data: bytes) -> None:
    assert traced(io.BytesIO(data))[1] == traced(data)[1]


def test_the_program_takes_what_it_reads_and_no_more() -> None:
    stream = io.BytesIO(b"abc")
    with wowsim.Simulation() as sim:
        sim.load(BIN / "exitcode.exe", stdin=stream)
        assert sim.run().reason is StopReason.EXITED
    assert stream.tell() == 0


@pytest.mark.parametrize("build", ["win7sp1", "win11-24h2", "winxp-x86", "win7sp1-x86", "win10-22h2-x86"])
@pytest.mark.parametrize("trace", [None, "calls"])
def test_waiting_for_input_ends_with_the_timeout_and_goes_on(build: str, trace: Any) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as stream, wowsim.Simulation(build) as sim:
        sim.load(CAT, stdin=stream)
        assert sim.run(timeout=0.5).reason is StopReason.TIMEOUT
        for data, written in ((b"one\n", b"one\n"), (b"two\n", b"one\ntwo\n")):
            os.write(writing, data)
            while (result := sim.run(timeout=0.05, trace=trace)).stdout != written:
                assert result.reason is StopReason.TIMEOUT
        os.close(writing)
        result = sim.run(trace=trace)
        assert (result.reason, result.exit_status) == (StopReason.EXITED, 0)
        assert (result.stdout, result.stderr) == (b"one\ntwo\n", b"..")
        if result.trace is not None:
            assert [call.status for call in result.trace.calls("NtReadFile")] == [STATUS_END_OF_FILE]


def test_a_snapshot_reads_again_what_was_read_behind_it() -> None:
    with fed(b"one\n", b"two\n", b"three\n") as stream, wowsim.Simulation() as sim:
        sim.load(CAT, stdin=stream)
        sim.on_service("NtReadFile", lambda call: sim.stop(), layer="kernel")
        sim.run()
        sim.run()
        snapshot = sim.snapshot()
        for _ in range(2):
            while (result := sim.run()).reason is StopReason.STOPPED:
                pass
            assert result.stdout == b"one\ntwo\nthree\n"
            sim.restore(snapshot)


class Broken(io.RawIOBase):
    """A stream that fails in a chosen way."""

    def __init__(self, gives: Any, seeks: bool) -> None:
        self.gives, self.seeks = gives, seeks

    def seekable(self) -> bool:
        return self.seeks

    def read(self, size: int = -1) -> Any:
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


@pytest.mark.parametrize("seeks", [False, True])
def test_a_stream_that_fails_is_a_device_that_fails(seeks: bool) -> None:
    with wowsim.Simulation() as sim:
        sim.load(CAT, stdin=Broken(OSError(5, "gone"), seeks))  # type: ignore[arg-type]
        result = sim.run()
    assert (result.reason, result.exit_status) == (StopReason.EXITED, ERROR_IO_DEVICE)


@pytest.mark.parametrize("seeks", [False, True])
@pytest.mark.parametrize(
    ("gives", "error"), [("text", UsageError), (None, UsageError), (KeyError("x"), KeyError)]
)
def test_what_the_streams_owner_did_wrong_leaves_run(gives: Any, error: type[Exception], seeks: bool) -> None:
    with wowsim.Simulation() as sim:
        sim.load(CAT, stdin=Broken(gives, seeks))  # type: ignore[arg-type]
        with pytest.raises(error):
            sim.run()


@pytest.mark.parametrize("stdin", [io.StringIO("text"), "text", None, 5])
def test_no_stream_of_bytes_is_refused(stdin: Any) -> None:
    with wowsim.Simulation() as sim, pytest.raises(UsageError, match="binary stream"):
        sim.load(CAT, stdin=stdin)
