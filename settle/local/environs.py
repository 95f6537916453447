"""The environment: checked before anything starts, and without what `settle up` decides by itself.

Where the processes of one machine listen and whom they call is not the environment's to say: `SETTLE_DSN` and its like
are set anew for each, and `SETTLE_ORDER_DSN`, which would go before it, is left out.
"""

from collections.abc import Mapping

from services.runtime.ground.settings import Settings, SettingsError
from settle.local.acquirer.faults import Faults
from settle.local.postgres import DATABASES
from settle.local.refusals import BadSetting
from settle.local.verifier.faults import VerifierFaults

_DECIDED = (
    "DSN", "OWNER_DSN", "KAFKA", "BROKER", "LISTEN", "METRICS_LISTEN", "CLOCK", "PROFILE", "PARTITIONS",
    "ACQUIRER_TARGET", "VERIFIER_TARGET", "IDENTITY_JWKS", "IDENTITY_ISSUER", "IDENTITY_AUDIENCE", "IDENTITY_KEY",
    "TOKEN_SECONDS_MAX",
    *(f"{service.upper()}_TARGET" for service in DATABASES),
)
_FAULTS = "SETTLE_ACQUIRER_FAULTS"
_VERIFIER_FAULTS = "SETTLE_VERIFIER_FAULTS"
_PERCENT = "SETTLE_AUDIT_PERCENT"
OF_THE_MACHINE: Mapping[str, str] = {
    "SETTLE_PG_DSN": "your own PostgreSQL server, postgresql://user@host:port/database",
    "SETTLE_PG_BIN": "folder with the programs initdb and postgres",
    _FAULTS: "how often the sandbox acquirer fails, in ppm, like timeout_done_ppm=300000,seed=7",
    _VERIFIER_FAULTS: "how often the sandbox verifier fails and how long it takes, in ppm, like latency_ppm=1000000",
    _PERCENT: "how much of the time of one core the auditor of `settle up` takes, in percent; 5 if not set, 0 for none",
    "SETTLE_PROFILE_DIR": "where `settle bench --profile` writes its reports",
    "SETTLE_PYTHON": "the Python that bin/settle makes its environment with",
    "SETTLE_VENV": "where bin/settle makes its environment; .venv of the checkout if not set",
}
"""What the command line reads beside the settings of a service, and what it means."""


def without_shadows(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without one service's own value of what is decided here."""
    shadows = {f"SETTLE_{service.upper()}_{name}" for service in DATABASES for name in _DECIDED}
    return {name: value for name, value in environ.items() if name not in shadows}


def chain_key(environ: Mapping[str, str]) -> bytes:
    """The key under which the services make their chains; empty for none."""
    return Settings("audit", environ=environ).chain_key


def audited(environ: Mapping[str, str]) -> bool:
    """Whether an auditor is to run beside the engine."""
    return _percent(environ) > 0


def _percent(environ: Mapping[str, str]) -> float:
    text = environ.get(_PERCENT, "") or "5"
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise BadSetting(f"{_PERCENT} is {text!r}, not a number from 0 to 100")
    return percent


def check(environ: Mapping[str, str]) -> None:
    """Raise `BadSetting` if a process would refuse what it is given."""
    given = {
        name: value for name, value in without_shadows(environ).items()
        if name.removeprefix("SETTLE_") not in _DECIDED
    }
    try:
        for service in DATABASES:
            settings = Settings.from_environ(given, service)
            for name in given:
                if name.startswith("SETTLE_") and name.endswith("_KEY"):
                    settings.key(name.removeprefix("SETTLE_").removesuffix("_KEY").lower())
                if name.startswith("SETTLE_") and name.endswith("_KEYS"):
                    settings.keys(name.removeprefix("SETTLE_").removesuffix("_KEYS").lower())
    except SettingsError as error:
        raise BadSetting(str(error)) from error
    _percent(given)
    for name, faults in ((_FAULTS, Faults), (_VERIFIER_FAULTS, VerifierFaults)):
        try:
            faults.parse(given.get(name, ""))
        except ValueError as error:
            raise BadSetting(f"{name} is {error}") from error
