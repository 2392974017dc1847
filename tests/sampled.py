"""The builds that tests run on: of each kind of Windows one, and every one where that is cheap."""

from __future__ import annotations

from wowsim.nt.builds import BUILDS

EVERY_WOW64 = {name: build for name, build in BUILDS.items() if build.wow64}
_KINDS = ("winxp-x64", "vista", "win7sp1", "win8.1", "win10-1507", "win10-22h2", "win11-24h2")
WOW64 = {name: BUILDS[name] for name in _KINDS}
NATIVE = {name: BUILDS[name] for name in ("winxp-x86", "win7sp1-x86", "win8.1-x86", "win10-22h2-x86")}
SAMPLED = WOW64 | NATIVE
