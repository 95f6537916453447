"""What this machine and its interpreter are, for reports and `settle doctor`."""

import os
import platform
import sysconfig
from pathlib import Path


def describe() -> dict[str, str]:
    """By name: processor, cores that this process may use, memory, interpreter."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": f"{len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory_bytes() / 2**30:.0f} GiB",
        "interpreter": interpreter(),
    }


def interpreter() -> str:
    """The version of Python and how it was built: without optimisation it is a quarter slower. A distribution's own is
    optimised, and Debian's does not say so."""
    said = sysconfig.get_config_var("CONFIG_ARGS") or ""
    profiled = "--enable-optimizations" in said or "--prefix=/usr'" in said
    optimised = "profile-guided" if profiled else "NOT profile-guided"
    return f"{platform.python_implementation()} {platform.python_version()} ({optimised}, {platform.python_compiler()})"


def memory_bytes() -> int:
    """Of the whole machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _field(file: str, name: str) -> str:
    path = Path(file)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
