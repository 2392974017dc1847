"""What is run: every program with its arguments, its input and the files it finds.

A program's own folder is ``C:\\app`` (real Wine: a folder of the prefix), the current directory is ``C:\\work``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

APP, WORK = "C:\\app", "C:\\work"
BOTH = ("wine-8.0", "wine-10.0")
SYSTEM = "C:\\windows\\syswow64\\"


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
        name: of the case; unique.
        program: ``fixture:NAME``, a fetched file (``7za/7za.exe``), or a path in the root (``C:\\...``).
        args: its arguments.
        stdin: its standard input.
        env: variables beside the default ones.
        beside: further files of its folder; text that begins with ``fixture:`` names one of ours.
        work: files of the current directory, likewise.
        blurred: regular expressions whose matches may differ (times, free space ...), with what stands for them.
        unordered: lines of the output come in any order.
        times: the modification times of the files left are compared, too.
        roots: the roots it is run with.
        build: the Windows whose kernel wowsim is.
    """

    name: str
    program: str
    args: tuple[str, ...] = ()
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, bytes | str] = field(default_factory=dict)
    work: Mapping[str, bytes | str] = field(default_factory=dict)
    blurred: tuple[tuple[str, str], ...] = ()
    times: bool = False
    roots: tuple[str, ...] = ("wine-8.0",)
    build: str = "win7sp1"

    def blur(self, output: bytes) -> bytes:
        """Output without what may differ from run to run."""
        for pattern, replacement in self.blurred:
            output = re.sub(pattern.encode("latin-1"), replacement.encode("latin-1"), output)
        return output


def _fixture(name: str, *args: str, **more: object) -> Case:
    program = name if "." in name else f"{name}.exe"
    label = " ".join([name, *args])
    return Case(label, f"fixture:{program}", args, **({"roots": BOTH} | more))  # type: ignore[arg-type]


def _fixtures() -> Iterator[Case]:
    """Our own programs (fixtures/README.md).

    ``int3`` ends Wine 8.0 itself, ``waits`` and ``deadlock`` do not end there.
    """
    names = (
        "createfile helloworld ntonly k32only compute regloop spin regdemo peb noreloc reloc tls laa nolaa iathook"
        " inlinehook directnt wow64transition threads manythreads vectored frames overflow"
        " guard singlestep raise fault_read fault_write fault_exec div0 ud2 heaps files crtthreads"
        " crossing seh missing"
    )
    for name in names.split():
        yield _fixture(name)
    for name in ("fshook", "turbohook", "apc"):
        yield _fixture(name, roots=("wine-8.0",))  # Wine 10 is nearer to Windows
    yield _fixture("pairs", "50")
    yield _fixture("fastfail", build="win8")  # before Windows 8 `int 29h` is an access violation
    yield _fixture("exitcode")
    yield _fixture("exitcode", "0xC0000409")
    yield _fixture("args", "a", "b c", 'd"e', "", "f\\", "g h\\", env={"WOWSIM_TEST": "value"})
    yield _fixture("hello")
    yield _fixture("hello", "-", "two words", stdin=b"first\r\nsecond\nlast", env={"WOWSIM_TEST": "here"})
    yield _fixture("ucrt", "x", "y z", env={"WOWSIM_TEST": "here"})
    yield _fixture("hello64", "x")
    yield _fixture("usedll", beside={"lib.dll": "fixture:lib.dll"})
    yield _fixture("usetlslib", beside={"tlslib.dll": "fixture:tlslib.dll"})
    yield _fixture("dllthreads", beside={"notes.dll": "fixture:notes.dll"})
    for mode in "0123":
        yield _fixture("filter", mode)


_TEXT = b"The quick brown fox jumps over the lazy dog.\r\n" * 40
_NUMBERS = "".join(f"{n * n % 9973} " for n in range(5000)).encode()
_FOLDER = {
    "docs/a.txt": _TEXT,
    "docs/sub/numbers.txt": _NUMBERS,
    "docs/empty.txt": b"",
    "b.bin": bytes(range(256)) * 8,
}
# Made by 7za 21.07: a.txt ("hello from an archive\n") and docs\b.txt, 2001-09-09 01:46:40 UTC.
_ARCHIVE = {"in.7z": "file:in.7z"}


def _archives() -> Iterator[Case]:
    program = "7za/7za.exe"

    def case(name: str, *args: str, **more: object) -> Case:
        return Case(f"7za {name}", program, args, **more)  # type: ignore[arg-type]

    yield case("no arguments", roots=BOTH)
    yield case("i", "i")
    yield case("a x.7z", "a", "x.7z", "docs", "b.bin", work=_FOLDER)
    yield case("a x.7z -mmt=off -m0=ppmd", "a", "x.7z", "docs", "-m0=ppmd", "-mmt=off", work=_FOLDER)
    yield case("a x.zip", "a", "x.zip", "docs", "b.bin", "-r", work=_FOLDER)
    yield case("a x.tar", "a", "-ttar", "x.tar", "docs", "b.bin", work=_FOLDER)
    yield case(
        "a -si", "a", "x.gz", "-si", "-tgzip", stdin=_TEXT, blurred=((r"(?s)^(\x1f\x8b\x08.).{4}", r"\1"),)
    )
    salted = ((r"(?s)^7z\xbc\xaf.*", "an archive"),)
    yield case(
        "a with a password", "a", "x.7z", "docs", "-psecret", "-mhe=on", "-mx1", work=_FOLDER, blurred=salted
    )
    yield case("a nothing", "a", "x.7z", "nosuch.txt")
    yield case("l", "l", "in.7z", work=_ARCHIVE)
    yield case("l -slt", "l", "-slt", "in.7z", work=_ARCHIVE)
    yield case("t", "t", "in.7z", work=_ARCHIVE, roots=BOTH)
    yield case("x", "x", "in.7z", "-oout", work=_ARCHIVE, times=True)
    yield case("e to stdout", "e", "-so", "in.7z", "a.txt", work=_ARCHIVE)
    yield case("x over a file, answered", "x", "in.7z", work={**_ARCHIVE, "a.txt": b"old"}, stdin=b"n\n")
    yield case("t of no archive", "t", "in.7z", work={"in.7z": b"7z\xbc\xaf\x27\x1cgarbage"})
    yield case("t of a cut archive", "t", "in.7z", work={"in.7z": "file:in.7z:90"})
    yield case("h", "h", "-scrcSHA256", "docs", work=_FOLDER)
    yield case("d", "d", "in.7z", "a.txt", work=_ARCHIVE)
    yield case("rn", "rn", "in.7z", "a.txt", "c.txt", work=_ARCHIVE)
    yield case("u", "u", "in.7z", "a.txt", work={**_ARCHIVE, "a.txt": b"newer"})
    yield case("nonsense", "q", "--nonsense")
    # the table's numbers, the machine's description
    blurred = (
        (r"(?s)RAM size.*?(\r\n\r\n|$)", "RAM"),
        (r"(?m)^(?![-A-Z ]*7-Zip|Dict|LZMA|Avr|Tot)[^\r\n]+", "x"),
        (r"[ ]*\d[ \d.|]*", " N "),
    )
    yield case("b 1", "b", "1", "-md10", "-mmt1", blurred=blurred)
    yield Case("7za64 t", "7za64/7za.exe", ("t", "in.7z"), work=_ARCHIVE)
    yield Case("7za64 a x.7z", "7za64/7za.exe", ("a", "x.7z", "docs", "b.bin"), work=_FOLDER)


_BUILD = b"""rule copy
  command = cmd /c copy /y $in $out
  description = COPY $out
rule join
  command = cmd /c type $in > $out
build one.txt: copy in.txt
build two.txt: copy one.txt
build both.txt: join one.txt two.txt
default both.txt
"""


def _builds() -> Iterator[Case]:
    def case(name: str, *args: str, **more: object) -> Case:
        options: dict[str, object] = {"work": {"build.ninja": _BUILD, "in.txt": b"in\r\n"}} | more
        return Case(f"ninja {name}", "ninja/ninja.exe", args, **options)  # type: ignore[arg-type]

    yield case("--version", "--version", roots=BOTH)
    yield case("--help", "--help", blurred=((r"default=\d+", "default=N"),))
    yield case("no build file", work={})
    yield case("-n", "-n")
    yield case("-t targets", "-t", "targets", "all")
    yield case("-t graph", "-t", "graph", blurred=((r"0x[0-9A-Fa-f]+|[0-9A-F]{8}", "ADDRESS"),))
    yield case("-t commands", "-t", "commands")
    yield case("-t compdb", "-t", "compdb")
    yield case("wrong syntax", work={"build.ninja": b"rule x\n  nonsense = 1\n"})
    yield case("missing input", work={"build.ninja": _BUILD})
    log = ((r"(?m)^\d+\t\d+\t\d+\t", "TIMES "),)
    yield case("builds", "-j1", "-v", "-d", "nostatcache", blurred=log)


_SEXP = b'(private-key (rsa (n #00B5A1#) (e #010001#) (comment "a key")) 5:abcde)\n'


def _libgcrypt() -> Iterator[Case]:
    def case(program: str, *args: str, **more: object) -> Case:
        name = " ".join([program, *args]) + more.pop("what", "")  # type: ignore[operator]
        dlls = {}
        if program == "mpicalc":
            dlls = {name: f"libgcrypt/{name}" for name in ("libgcrypt-20.dll", "libgpg-error-0.dll")}
        if program == "gpg-error":
            dlls = {"libgpg-error-0.dll": "libgcrypt/libgpg-error-0.dll"}
        beside = {file: f"fetched:{path}" for file, path in dlls.items()}
        return Case(name, f"libgcrypt/{program}.exe", args, beside=beside, **more)  # type: ignore[arg-type]

    for program in ("hmac256", "dumpsexp"):
        yield case(program, "--version", roots=BOTH)
        yield case(program, "--help")
    yield case("hmac256", "a key", "a.txt", work={"a.txt": _TEXT})
    yield case("hmac256", "--binary", "a key", "a.txt", work={"a.txt": _TEXT})
    yield case("hmac256", "a key", stdin=_TEXT, what=" of stdin")
    yield case("hmac256", "a key", "nosuch.txt")
    yield case("hmac256")
    yield case("dumpsexp", "a.sexp", work={"a.sexp": _SEXP})
    yield case("dumpsexp", "--hex", "a.sexp", work={"a.sexp": _SEXP})
    yield case("dumpsexp", "--assume-hex", stdin=b"283a6162632930", what=" of stdin")
    yield case("mpicalc", "--version")
    yield case("mpicalc", stdin=b"7 3 100 ^ p\nF1 F2 * p\n5 20 - p\n", what=" calculates")
    yield case("gpg-error", "--version")
    yield case("gpg-error", "2", "GPG_ERR_EOF", "16383")
    yield case("gpg-error", "--list")


def _resources() -> Iterator[Case]:
    own = {"x.exe": "fixture:exitcode.exe"}

    def rcedit(*args: str, **more: object) -> Case:
        return Case(" ".join(["rcedit", *args]), "rcedit/rcedit.exe", args, **more)  # type: ignore[arg-type]

    yield rcedit()
    yield rcedit("-h", roots=BOTH)
    yield rcedit(
        "x.exe", "--set-version-string", "ProductName", "Demo", "--set-file-version", "1.2.3.4", work=own
    )
    yield rcedit("x.exe", "--get-version-string", "ProductName", work=own)
    yield rcedit("nosuch.exe", "--set-file-version", "1.2.3.4")
    yield rcedit("x.exe", "--set-requested-execution-level", "asInvoker", work=own)
    yield Case("WriteZipToSetup", "writezip/WriteZipToSetup.exe", roots=BOTH)
    yield Case(
        "WriteZipToSetup x.exe a.zip",
        "writezip/WriteZipToSetup.exe",
        ("x.exe", "a.zip"),
        work={**own, "a.zip": _TEXT},
    )
    yield Case("WriteZipToSetup of no files", "writezip/WriteZipToSetup.exe", ("no.exe", "no.zip"))


def _others() -> Iterator[Case]:
    link = f"{WORK}\\a.lnk"
    yield Case("Shortcut /?", "shortcut/Shortcut.exe", ("/?",), roots=BOTH)
    yield Case("Shortcut", "shortcut/Shortcut.exe")
    make = f"/F:{link}|/A:C|/T:{APP}\\Shortcut.exe|/P:one two|/W:{WORK}|/D:a description|/R:3".split("|")
    # the link holds the three times of its target
    times = (("(?s)^(L\\x00{3}.{24}).{24}", r"\1"),)
    yield Case("Shortcut makes", "shortcut/Shortcut.exe", tuple(make), blurred=times)
    yield Case("Shortcut asks", "shortcut/Shortcut.exe", (f"/F:{link}", "/A:Q"), work={"a.lnk": "file:a.lnk"})
    yield Case("Shortcut of none", "shortcut/Shortcut.exe", (f"/F:{link}", "/A:Q"))
    yield Case("cli-32", "setuptools/cli-32.exe", roots=BOTH)
    script = b"#!C:\\app\\python.exe -I\nprint('never run: python.exe here shows its arguments')\n"
    python: dict[str, bytes | str] = {"cli-32-script.py": script, "python.exe": "fixture:args.exe"}
    yield Case(
        "cli-32 with its script", "setuptools/cli-32.exe", ("one", "two words", 'quo"te'), beside=python
    )
    yield Case(
        "cli-32 with a script and no python", "setuptools/cli-32.exe", beside={"cli-32-script.py": script}
    )
    yield Case("t32", "distlib/t32.exe", roots=BOTH)
    yield Case("t32 with arguments", "distlib/t32.exe", ("--help",))


def _tools() -> Iterator[Case]:
    clang, swig, gpgv = "clang-format/clang-format.exe", "swig/swig.exe", "gpgv/gpgv.exe"
    source = b"int main( ) {int a=1;\n  return a ;}\n"
    yield Case("clang-format --version", clang, ("--version",))
    yield Case("clang-format of a file", clang, ("a.cc",), work={"a.cc": source})
    yield Case("clang-format in place", clang, ("-i", "--style=Google", "a.cc"), work={"a.cc": source})
    yield Case("clang-format of stdin", clang, ("--dump-config",), stdin=source)
    yield Case("swig -version", swig, ("-version",))
    yield Case(
        "swig of an interface",
        swig,
        ("-xml", "-noextern", "m.i"),
        work={"m.i": b"%module m\nint add(int a);\n"},
    )
    yield Case("gpgv --version", gpgv, ("--version",))
    yield Case("gpgv of nothing", gpgv, ("nosuch.sig",))


_BATCH = b"""@echo off
setlocal enabledelayedexpansion
set count=0
for %%f in (*.txt) do (
  set /a count+=1
  echo !count! %%f %%~nf %%~xf %%~zf
)
if exist a.txt (echo a.txt is there) else echo a.txt is missing
if "%1"=="x" goto :second
echo no x
:second
call :sub one two
for /l %%i in (1,1,3) do echo line %%i >> out.log
type out.log
exit /b 7
:sub
echo in sub: %1 %2 %~f0
goto :eof
"""


def _of_the_root() -> Iterator[Case]:
    def case(program: str, *args: str, **more: object) -> Case:
        name = " ".join([program, *args]) + more.pop("what", "")  # type: ignore[operator]
        return Case(name, f"{SYSTEM}{program}.exe", args, **more)  # type: ignore[arg-type]

    files = {"a.txt": b"alpha\r\nbeta\r\ngamma\r\n", "b.txt": b"alpha\r\nBETA\r\n", "sub/c.txt": b"gamma\r\n"}
    volume = (
        (r"Serial Number is [0-9A-Fa-f-]+", "Serial Number is SERIAL"),
        (r"Volume in drive C[^\r\n]*", "Volume in drive C"),
        (r"[ \d,.]+ bytes free", " N bytes free"),
        (r"(?m)^ *\d+/\d+/\d{4} +\d+:\d\d [AP]M( +<DIR> )", r"DATE\1"),
    )
    yield case("hostname", roots=BOTH)
    yield case("hostname", "/?")
    for line in ("", "/user", "/groups", "/priv", "/user /fo csv", "/logonid", "/nonsense"):
        yield case("whoami", *line.split())
    yield case("cmd", "/c", "echo hello, world", roots=BOTH)
    yield case("cmd", "/c", "echo one & echo two 1>&2 & exit 3")
    yield case("cmd", "/c", "ver")
    yield case("cmd", "/c", "cd")
    yield case("cmd", "/c", "dir", work=files, blurred=volume)
    yield case("cmd", "/c", "dir /b /s", work=files)
    yield case("cmd", "/c", "dir nosuch", blurred=volume)
    yield case("cmd", "/c", "set WOWSIM", env={"WOWSIM_A": "1", "WOWSIM_B": "two words"})
    yield case("cmd", "/c", "set /a 6*7+(1<<4)")
    yield case("cmd", "/c", "type a.txt", work=files)
    yield case("cmd", "/c", "type nosuch.txt")
    yield case("cmd", "/c", "copy a.txt+b.txt c.txt", work=files)
    yield case("cmd", "/c", "ren a.txt z.txt & del b.txt & md new\\deep & rd /s /q sub", work=files)
    yield case("cmd", "/c", "nosuchprogram")
    yield case("cmd", "/c", "script.bat x", work={**files, "script.bat": _BATCH})
    yield case("cmd", "/c", f"{APP}\\args.exe 1 2 && echo ran", what=" (a child)", work=files)
    yield case("cmd", "/c", 'echo piped| find "pip"')
    yield case("cmd", "/c", "for /f %i in ('type a.txt') do @echo [%i]", work=files)
    yield case("cmd", stdin=b"echo from standard input\r\nexit 5\r\n", what=" of stdin", blurred=volume)
    yield case("find", '"beta"', "a.txt", "b.txt", work=files)
    yield case("find", "/i", '"beta"', "b.txt", work=files)
    yield case("findstr", "a", "a.txt", work=files)
    yield case("fc", "a.txt", "b.txt", work=files)
    yield case("attrib", "+r", "a.txt", work=files)
    yield case("attrib", work=files)
    yield case("xcopy", "/e", "/i", "sub", "copy", work=files)
    yield case("where", "cmd.exe")
    yield case("expand", "a.txt", "e.txt", work=files)
    yield case("reg", "query", "HKCU\\Software\\nosuch")
    yield case("reg", "add", "HKCU\\Software\\wowsim-ladder", "/v", "x", "/t", "REG_DWORD", "/d", "5", "/f")
    yield case("reg", "/?")
    yield case("fsutil", "hardlink", "create", "h.txt", "a.txt", work=files)
    yield case("tasklist", "/?")
    yield case("net", "help")
    yield case("subst")
    yield case("cabarc", "n", "x.cab", "a.txt", work=files)
    yield case("extrac32", "/?")


def _all() -> Iterator[Case]:
    for group in (_fixtures, _archives, _builds, _libgcrypt, _resources, _others, _tools, _of_the_root):
        yield from group()


CASES = {case.name: case for case in _all()}
"""Every case by its name."""
