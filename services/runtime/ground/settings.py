"""What can be set from outside, read once from the environment (`SETTLE_<NAME>`) into one frozen dataclass.

`SETTLE_<SERVICE>_<NAME>` goes before `SETTLE_<NAME>`, so that one environment serves several services. Addresses of
peers are `SETTLE_<PEER>_TARGET`, secret keys `SETTLE_<USE>_KEY`, or `SETTLE_<USE>_KEYS` where they change; a service
reads what only it knows with `option`.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any
from urllib.parse import parse_qs, urlsplit


class SettingsError(Exception):
    """The environment does not make sense, or is not safe in production; the message names the variable."""


COUNT_MAX = 1_000_000
LIMIT_MAX = 10**15
KEY_BYTES = 32
KEY_VERSION_MAX = 1_000_000
SECONDS_MIN, SECONDS_MAX = 0.05, 86_400.0
PORT_MAX = 65_535
LOCAL_ISSUER = "settle-local"
_ADDRESS = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]*):(\d{1,5})", re.ASCII)
_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


def _setting(  # Any: it stands for every field's type
    default: object, meaning: str, choices: tuple[str, ...] = (), least: float | None = None, most: float | None = None,
) -> Any:
    if isinstance(default, float):
        least, most = SECONDS_MIN if least is None else least, SECONDS_MAX if most is None else most
    elif isinstance(default, int) and not isinstance(default, bool):
        least, most = 1 if least is None else least, COUNT_MAX if most is None else most
    return field(default=default, metadata={"meaning": meaning, "choices": choices, "least": least, "most": most})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. Build with `from_environ`, or by hand in tests."""

    service: str
    dsn: str = _setting("postgresql://postgres@127.0.0.1:5432/postgres", "PostgreSQL database of this service")
    kafka: str = _setting("127.0.0.1:9092", "Kafka bootstrap servers, host:port separated by commas")
    broker: str = _setting("kafka", "what answers there; the embedded broker keeps nothing", ("kafka", "embedded"))
    kafka_compression: str = _setting("none", "codec of what is sent", ("none", "lz4"))
    listen: str = _setting("127.0.0.1:0", "address of the gRPC server; port 0 picks a free one")
    tls_ca: str = _setting("", "file with the authorities that others' certificates are held to; with it there is TLS")
    tls_certificate: str = _setting("", "file with the certificate of this process, and its chain")
    tls_key: str = _setting("", "file with the key of that certificate")
    tls_clients: str = _setting(
        "required", "whether who calls has to show a certificate of the authority", ("required", "none")
    )
    tls_peers: str = _setting("", "names in certificates that may call, separated by commas; empty: any")
    kafka_security: str = _setting("plaintext", "how Kafka is spoken to", ("plaintext", "ssl", "sasl_ssl"))
    kafka_mechanism: str = _setting("SCRAM-SHA-512", "how who logs in", ("SCRAM-SHA-256", "SCRAM-SHA-512"))
    kafka_user: str = _setting("", "who logs in at Kafka, with the password SETTLE_KAFKA_PASSWORD")
    metrics_listen: str = _setting("127.0.0.1:0", "address of /metrics, /livez and /readyz")
    clock: str = _setting("system", "the database's time, or one that SetClock moves", ("system", "manual"))
    profile: str = _setting(
        "local", "production refuses what is only safe on one's own machine", ("local", "production")
    )
    log_level: str = _setting("info", "least severe log line written", ("debug", "info", "warning", "error"))
    mac_required: bool = _setting(
        False, "quarantine records without a code of their sender (production: true unless set)"
    )
    mac_version: int = _setting(
        0, "version of its key under which a service signs its records; 0: the newest it has", least=0,
        most=KEY_VERSION_MAX,
    )
    reflection: bool = _setting(True, "serve gRPC reflection (off in production unless set)")
    identity_jwks: str = _setting("", "file or https URL of the keys by which callers' tokens are verified")
    identity_issuer: str = _setting(LOCAL_ISSUER, "who issues the tokens (`iss`); production must say")
    identity_audience: str = _setting("settlement", "for whom the tokens are (`aud`)")
    token_seconds_max: float = _setting(900.0, "seconds for which a token may be valid", least=10)
    token_leeway_seconds: float = _setting(30.0, "seconds by which the issuer's clock may differ", least=0, most=300)
    partitions: int = _setting(32, "partitions of every topic; must never change for a database", most=1_024)
    lanes: int = _setting(1, "lanes in this process; at most one for each partition", most=1_024)
    batch_messages_max: int = _setting(512, "messages in one transaction", most=10_000)
    gather_ms_max: int = _setting(10, "milliseconds that a busy lane waits for company", least=0, most=1_000)
    deciding_ms_max: int = _setting(
        250, "milliseconds of deciding in one transaction; what is left waits for the next", most=4_000
    )
    queue_messages_max: int = _setting(4096, "calls waiting for a lane; more are answered RESOURCE_EXHAUSTED")
    queue_seconds_max: float = _setting(
        0.5, "seconds that a call may have to wait for a lane, as fast as that decides; more are answered"
        " RESOURCE_EXHAUSTED"
    )
    rpc_concurrent_max: int = _setting(
        4096, "commands under way, and as many reads; more are answered RESOURCE_EXHAUSTED"
    )
    rpc_watchers_max: int = _setting(
        4096, "calls that watch or wait; more streams are answered RESOURCE_EXHAUSTED, other calls do not wait"
    )
    unpublished_max: int = _setting(
        20_000, "records that Kafka has not acknowledged, at which calls are answered RESOURCE_EXHAUSTED"
    )
    outbox_age_seconds_max: float = _setting(
        30.0, "seconds that Kafka may acknowledge nothing of what waits, before calls are answered RESOURCE_EXHAUSTED"
    )
    open_sagas_max: int = _setting(20_000, "sagas under way, at which calls are answered RESOURCE_EXHAUSTED")
    actions_concurrent_max: int = _setting(64, "calls to the outside world at a time", most=10_000)
    actions_open_max: int = _setting(
        1_024, "calls to the outside world under way or waiting; more are dropped, and repeated by their timers"
    )
    action_seconds_max: float = _setting(30.0, "seconds that one call to the outside world may take")
    rpc_message_bytes_max: int = _setting(262_144, "bytes of one gRPC or Kafka message", least=4_096, most=16_777_216)
    deadline_seconds_max: float = _setting(30.0, "seconds given to a call whose caller gave no deadline")
    stream_seconds_max: float = _setting(600.0, "seconds a stream may last before its reader has to come again")
    stream_untaken_seconds_max: float = _setting(
        30.0, "seconds that the reader of a stream may take nothing of it, before it ends with UNAVAILABLE"
    )
    pool_connections_max: int = _setting(8, "pooled PostgreSQL connections for reads", most=1_000)
    pool_waiting_max: int = _setting(
        256, "readers waiting for a connection; more are answered RESOURCE_EXHAUSTED", least=0
    )
    pool_seconds_max: float = _setting(5.0, "seconds a reader waits for a connection")
    pg_statement_cache: int = _setting(512, "prepared statements kept per connection; 0 behind a pooler", least=0)
    statement_seconds_max: float = _setting(10.0, "seconds PostgreSQL gives one statement")
    idle_session_timeout_seconds: float = _setting(
        10.0, "seconds until PostgreSQL ends a silent lane and frees its partitions"
    )
    producer_stall_seconds: float = _setting(15.0, "seconds without an acknowledgement before the producer is replaced")
    reader_stall_seconds: float = _setting(
        30.0, "seconds a partition may lag without progress before its consumer is replaced"
    )
    drain_seconds: float = _setting(
        10.0, "seconds to finish what is under way on stop; 5 more and the process exits hard", least=0
    )
    retention_days: int = _setting(
        30, "days that answers to requests and ended sagas' answers are kept; the contract promises 30", least=30,
        most=36_500,
    )
    events_retention_days: int = _setting(
        0, "days that events are kept in the database; 0 keeps them for ever", least=0, most=36_500
    )
    accept_unlinked: bool = _setting(
        False, "accept from this start on what older processes wrote without links and seals: accept_unlinked()"
    )
    traced_ppm: int = _setting(
        0, "of a million settlements and calls, how many are traced; needs the extra `traces` (OpenTelemetry)", least=0
    )
    migrations: str = _setting(
        "apply", "what a process does at its start where migrations are missing: apply them, or end with a line that"
        " says so, where a job applies them before it", ("apply", "await"),
    )
    owner_dsn: str = _setting("", "PostgreSQL login that owns the tables, for what deletes; empty: the service's own")
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], service: str) -> "Settings":
        """Read, convert and check everything; raises `SettingsError`."""
        given: dict[str, Any] = {}  # Any: each value has the type of its field
        for known in _known():
            name, text = _text(environ, service, known.name)
            if text is not None:
                given[known.name] = _bounded(name, _converted(name, text, known), known)
        if given.get("profile") == "production":
            given.setdefault("reflection", False)
            given.setdefault("mac_required", True)
        ours = {name: value for name, value in environ.items() if name.startswith("SETTLE_")}
        settings = cls(service=service, environ=ours, **given)
        settings._refuse_unsafe()
        return settings

    def _refuse_unsafe(self) -> None:
        if self.profile == "production" and self.clock == "manual":
            raise SettingsError("SETTLE_CLOCK=manual is refused in the production profile")
        if self.profile == "production" and self.broker == "embedded":
            raise SettingsError("SETTLE_BROKER=embedded is refused in the production profile")
        if self.profile == "production" and self.reflection:
            raise SettingsError("SETTLE_REFLECTION=true is refused in the production profile")
        if self.lanes > self.partitions:
            raise SettingsError(
                f"SETTLE_LANES={self.lanes} is more than the partitions, SETTLE_PARTITIONS={self.partitions}"
            )

    def check_identity(self) -> None:
        """Raise `SettingsError` unless callers can be known: no process serves without."""
        if not self.identity_jwks:
            raise SettingsError("SETTLE_IDENTITY_JWKS is not set, so nobody could be known; `settle up` sets it")
        if self.profile == "production" and self.identity_issuer == LOCAL_ISSUER:
            raise SettingsError("SETTLE_IDENTITY_ISSUER is not set; production does not trust the local issuer")

    def refuse_clear_text(self, *, database: bool = True, kafka: bool = True) -> None:
        """In production, raise `SettingsError` where anything would go over the wire in clear text."""
        if self.profile != "production":
            return
        if not (self.tls_ca and self.tls_certificate and self.tls_key):
            raise SettingsError(
                "production serves no clear text: SETTLE_TLS_CA, SETTLE_TLS_CERTIFICATE and SETTLE_TLS_KEY are needed"
            )
        if kafka and self.kafka_security == "plaintext":
            raise SettingsError("SETTLE_KAFKA_SECURITY=plaintext is refused in the production profile")
        for name in ("dsn", "owner_dsn") if database else ():
            dsn = getattr(self, name)
            if dsn and parse_qs(urlsplit(dsn).query).get("sslmode") != ["verify-full"]:
                raise SettingsError(f"SETTLE_{name.upper()} needs sslmode=verify-full in the production profile")

    def option(self, name: str, default: str = "") -> str:
        """A setting that only one service knows: `SETTLE_<name>`."""
        text = _text(self.environ, self.service, name)[1]
        return default if text is None else text

    def limit(self, name: str) -> int:
        """A limit that only one service knows, `SETTLE_<name>`: a whole number; 0 and nothing are none."""
        given, text = _text(self.environ, self.service, name)
        if text and not (text.isascii() and text.isdigit() and int(text[:20]) <= LIMIT_MAX):
            raise SettingsError(f"{given}={text!r} is no whole number from 0 to {LIMIT_MAX:,}")
        return int(text or "0")

    def target(self, peer: str) -> str:
        """The gRPC address of another process: `SETTLE_<PEER>_TARGET`."""
        address = self.option(f"{peer}_target")
        if not address:
            raise SettingsError(f"SETTLE_{peer.upper()}_TARGET is not set")
        return address

    @property
    def chain_key(self) -> bytes:
        """The key of the chains, from `SETTLE_CHAIN_KEY`; without one, chains are made under none."""
        return self.key("chain") if self.option("chain_key") else b""

    def key(self, use: str) -> bytes:
        """The 32-byte key for a use, from `SETTLE_<USE>_KEY` (hex); locally there is a default, in production none."""
        name, text = f"SETTLE_{use.upper()}_KEY", self.option(f"{use}_key")
        return _key_of(name, text) if text else self._default_key(name, use)

    def keys(self, use: str) -> Mapping[int, bytes]:
        """Such keys by version, from `SETTLE_<USE>_KEYS` (`1:hex,2:hex`): the highest seals, the others still open."""
        name, text = f"SETTLE_{use.upper()}_KEYS", self.option(f"{use}_keys")
        if not text:
            return {1: self._default_key(name, use)}
        keys = {}
        for each in text.split(","):
            version, _, key = each.strip().partition(":")
            if not version.isdecimal() or not 1 <= int(version) <= KEY_VERSION_MAX or int(version) in keys:
                raise SettingsError(f"{name} must be like 1:hex,2:hex, each version once, up to {KEY_VERSION_MAX}")
            keys[int(version)] = _key_of(name, key)
        return keys

    def _default_key(self, name: str, use: str) -> bytes:
        if self.profile == "production":
            raise SettingsError(f"{name} is not set; production has no default keys")
        return hashlib.sha256(f"local {use} key".encode()).digest()


def settings_table(settings: Settings | None = None) -> list[tuple[str, str, str, str]]:
    """(name, default, value, meaning) of every setting, for `settle doctor`; the value is empty without `settings`."""
    rows = [
        (
            f"SETTLE_{known.name.upper()}", str(known.default), str(getattr(settings, known.name, "")),
            known.metadata["meaning"],
        )
        for known in _known()
    ]
    rows.append(("SETTLE_<PEER>_TARGET", "", "", "gRPC address of another process"))
    rows.append(("SETTLE_KAFKA_PASSWORD", "", "", "password of SETTLE_KAFKA_USER"))
    rows.append(("SETTLE_<USE>_KEY", "(local only)", "", "secret key of 32 bytes, hexadecimal"))
    rows.append(("SETTLE_<USE>_KEYS", "(local only)", "", "such keys by version, 1:hex,2:hex; the highest seals"))
    rows.append((
        "SETTLE_CHAIN_KEY", "", "",
        "such a key for the chains of events and logs, from a database's first start on, for the auditor too",
    ))
    return rows


def _key_of(name: str, text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise SettingsError(f"{name} must be hexadecimal") from None
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{name} must be {KEY_BYTES} bytes")
    return key


def _known() -> list[Field[Any]]:
    return [known for known in fields(Settings) if "meaning" in known.metadata]


def _text(environ: Mapping[str, str], service: str, name: str) -> tuple[str, str | None]:
    general = f"SETTLE_{name.upper()}"
    own = f"SETTLE_{service.upper()}_{name.upper()}"
    return (own, environ[own]) if own in environ else (general, environ.get(general))


def _converted(name: str, text: str, known: Field[Any]) -> object:
    choices = known.metadata["choices"]
    if choices and text not in choices:
        raise SettingsError(f"{name}={text!r} is none of {', '.join(choices)}")
    try:
        if known.type is bool:
            return {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}[text.lower()]
        return known.type(text) if known.type in (int, float) else text
    except (KeyError, ValueError):
        raise SettingsError(f"{name}={text!r} is not {_KINDS[type(known.default)]}") from None


def _bounded(name: str, value: object, known: Field[Any]) -> object:
    """The value, if the process can live with it; an address only in form."""
    least, most = known.metadata["least"], known.metadata["most"]
    if isinstance(value, int | float) and least is not None and not least <= value <= most:  # nan is within no bounds
        raise SettingsError(f"{name}={value} is not within {least:g} and {most:,}")
    if known.name.endswith("listen"):
        address = _ADDRESS.fullmatch(str(value))
        if address is None or int(address[1]) > PORT_MAX:
            raise SettingsError(f"{name}={value!r} is not host:port")
    return value
