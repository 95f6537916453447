"""Values without their guards: what frozen dataclasses cost a running process, and how it is spared.

A frozen dataclass writes each of its fields through a guarded setter, and a settlement makes some hundreds of them. The
type checker and every test hold the guards; a process that does nothing else may drop them once its code is loaded.
A copy with changes looks up all fields of its class first; there it may have a function that knows them.
"""

import dataclasses
import gc
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import field, fields, is_dataclass, make_dataclass
from types import ModuleType
from typing import Any

GC_THRESHOLDS = (20_000, 20, 50)
_COPIERS: dict[tuple[type | str, ...], Callable[..., Any]] = {}
"""By class and the names of what changes, what copies values so. Any: values of the class."""


def settle_in() -> None:
    """All code is loaded: drop the guards of values, copy each by a function of its class, and collect only what is
    young (measured: DECISIONS, D14).

    All this is for a process that only serves, or only audits: whoever else uses values, as tests do, keeps the guards.
    """
    unguard(frozen_classes("services"))
    quicken([module for name, module in list(sys.modules.items()) if name.startswith(("services.", "settle."))])
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


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


def quicken(modules: Iterable[ModuleType]) -> None:
    """Have these modules, where they say `replace`, copy values by `copied`, which does the same; so do the named
    tuples that they define."""
    for module in modules:
        if vars(module).get("replace") is dataclasses.replace:
            vars(module)["replace"] = copied
        for thing in vars(module).values():
            own = isinstance(thing, type) and thing.__module__ == module.__name__
            if own and hasattr(thing, "_field_defaults"):
                thing._replace = _made(thing, thing._fields)


def copied(value: Any, /, **changes: Any) -> Any:  # Any: as `dataclasses.replace` has it
    """A dataclass with some fields changed."""
    cls = type(value)
    copier = _COPIERS.get((cls, *changes)) or _COPIERS.setdefault((cls, *changes), _copier(cls, changes))
    return copier(value, **changes)


def _copier(cls: type, changed: Collection[str]) -> Callable[..., Any]:  # Any: values of the class
    """A function that copies a value of this class, and changes these fields: all are named in it, as in the class's
    own `__init__`. Where nothing guards them, it writes each once, and calls nothing but the check of the class."""
    known = fields(cls)
    guarded = any("__setattr__" in vars(each) for each in cls.__mro__[:-1])
    if guarded or not all(f.init for f in known) or not {f.name for f in known}.issuperset(changed):
        return _made(cls, [f.name for f in known if f.init])
    lines = [f"_copy.{f.name} = {f.name if f.name in changed else f'_value.{f.name}'}" for f in known]
    check = ["_copy.__post_init__()"] if hasattr(cls, "__post_init__") else []
    body = "; ".join(["_copy = _new(_cls)", *lines, *check, "return _copy"])
    return _function(f"def copied(_value, {', '.join(changed)}): {body}", {"_cls": cls, "_new": object.__new__})


def _made(cls: type, names: Sequence[str]) -> Callable[..., Any]:  # Any: as above
    same = ", ".join(f"{name}=_same" for name in names)
    values = ", ".join(f"{name}=_value.{name} if {name} is _same else {name}" for name in names)
    return _function(
        f"def copied(_value, /, *, {same}): return _cls({values})", {"_same": object(), "_cls": cls}
    )


def _function(text: str, known: dict[str, Any]) -> Callable[..., Any]:  # Any: as above
    exec(text, known)  # noqa: S102  # names of fields only
    made: Callable[..., Any] = known["copied"]
    return made


def _is_frozen(cls: type) -> bool:
    return bool(cls.__dataclass_params__.frozen)  # type: ignore[attr-defined]
