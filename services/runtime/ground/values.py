"""Values without their guards: what frozen dataclasses cost a running process, and how it is spared.

A frozen dataclass writes each of its fields through a guarded setter, and a settlement makes some hundreds of them. The
type checker and every test hold the guards; a process that serves may drop them once all its code is loaded.
"""

import sys
from collections.abc import Iterable
from dataclasses import field, fields, is_dataclass, make_dataclass


def frozen_classes(package: str) -> list[type]:
    """Every frozen dataclass that the loaded modules of a package define."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith(f"{package}.")]
    found = {
        thing for module in modules for thing in vars(module).values()
        if isinstance(thing, type) and is_dataclass(thing) and thing.__module__.startswith(f"{package}.")
    }
    return sorted((kind for kind in found if _is_frozen(kind)), key=lambda kind: kind.__qualname__)


def unguard(classes: Iterable[type]) -> None:
    """Let these frozen dataclasses write their fields plainly; equality, hash and signature stay as they are."""
    for cls in classes:
        specs = [
            (
                f.name, f.type,
                field(init=f.init, default=f.default, default_factory=f.default_factory, kw_only=f.kw_only),
            )
            for f in fields(cls)
        ]
        checked = getattr(cls, "__post_init__", None)
        plain = make_dataclass(cls.__name__, specs, namespace={"__post_init__": checked} if checked else {})
        cls.__init__ = vars(plain)["__init__"]  # type: ignore[misc]
        for guard in ("__setattr__", "__delattr__"):
            if guard in vars(cls):
                delattr(cls, guard)


def _is_frozen(cls: type) -> bool:
    return bool(cls.__dataclass_params__.frozen)  # type: ignore[attr-defined]
