"""The builds that tests run on: every 64-bit one, and of the 32-bit ones those that differ in kind."""

from __future__ import annotations

from wowsim.nt.builds import BUILDS

WOW64 = {name: build for name, build in BUILDS.items() if build.wow64}
NATIVE = {name: BUILDS[name] for name in ("winxp-x86", "win7sp1-x86", "win8.1-x86", "win10-22h2-x86")}
SAMPLED = WOW64 | NATIVE
