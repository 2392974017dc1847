"""Who may import whom (design section 3): lower layers never import higher ones, siblings are strangers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sampled import SAMPLED

SOURCE = Path(__file__).parent.parent / "src" / "wowsim"

LEAVES = {"errors", "nt"}
ALLOWED = {
    "errors": set[str](),
    "nt": {"errors"},
    "cpu": LEAVES,
    "image": LEAVES,
    "memory": LEAVES | {"image.model"},
    "guest32": LEAVES | {"image"},
    "host64": LEAVES | {"image"},
    "kernel": LEAVES | {"memory", "image.model"},
    "trace": LEAVES | {"image.model"},
    "render": LEAVES | {"trace", "image.model", "cpu.segments", "memory"},
    "sysroot": LEAVES | {"image"},
    "simulation": LEAVES
    | {"cpu", "image", "memory", "guest32", "host64", "kernel", "trace", "render", "sysroot"},
    "conformance": LEAVES | {"simulation"},
    "pytest_plugin": LEAVES | {"simulation", "trace", "render", ""},
    "cli": LEAVES
    | {"simulation", "trace", "render", "memory", "image", "cpu.segments", "conformance", "sysroot", ""},
    "__main__": {"cli"},
    "": LEAVES | {"simulation", "trace", "image"},
}
"""Package -> what it may import; ``image.model`` is the one module that describes an image to everybody."""

NATIVE = {
    "unicorn": "cpu/engine.py",
    "capstone": "render/decoder.py",
    "keystone": "image/synth.py",
}


def package(module: str) -> str:
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else ""
    return "cli" if name.startswith("cli") else name


def imports(path: Path) -> set[str]:
    """Every module a file imports at run time, wherever in the file; imports for type checkers do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for child in ast.walk(statement)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_layers(path: Path) -> None:
    relative = path.relative_to(SOURCE)
    own = relative.parts[0] if len(relative.parts) > 1 else relative.stem.replace("__init__", "")
    own = "cli" if own.startswith("cli") else own
    assert own in ALLOWED, f"{relative}: a new package; say in ALLOWED what it may import"
    for name in imports(path):
        if name.split(".")[0] != "wowsim":
            continue
        target = package(name)
        if target == own or (target == "" and name != "wowsim") or target not in ALLOWED:
            continue
        wanted = {target, ".".join(name.split(".")[1:3])}
        assert wanted & ALLOWED[own], (
            f"{relative} imports {name}; {own or 'wowsim'} may import {sorted(ALLOWED[own])}"
        )


@pytest.mark.parametrize("library", NATIVE)
def test_each_native_library_has_one_importer(library: str) -> None:
    importers = {
        path.relative_to(SOURCE).as_posix()
        for path in modules()
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert importers == {NATIVE[library]}


def test_the_walker_sees_what_it_should() -> None:
    assert "wowsim.cpu.core" in imports(SOURCE / "simulation" / "machine.py")
    assert "wowsim.kernel.context" not in imports(SOURCE / "kernel" / "table.py")


def test_no_trap_byte_outside_marked_traps() -> None:
    """``int 0FDh`` may stand only where an image says so: a trace never shows one by accident."""
    from wowsim.image.model import Provenance
    from wowsim.image.synth import TRAP_BYTES
    from wowsim.render.decoder import lengths
    from wowsim.simulation.images import built_in

    for build in SAMPLED:
        for image in built_in(build).images.values():
            marked = {r.start for r in image.provenance if r.provenance is Provenance.TRAP}
            assert marked == set(image.traps), image.name
            runs = [s for s in image.sections if s.executable]
            for part in image.provenance:
                if not any(s.rva <= part.start < s.rva + s.size for s in runs):
                    continue  # a table of addresses
                code = image.contents[part.start : part.end]
                if part.provenance is Provenance.TRAP:
                    assert code == TRAP_BYTES
                    continue
                at = part.start
                for length in lengths(code, image.base + at, image.bits):
                    assert image.contents[at : at + 2] != TRAP_BYTES or length != 2, f"{image.name}+{at:#x}"
                    at += length
