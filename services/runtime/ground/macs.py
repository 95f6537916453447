"""Who wrote a record: a code over all of it, under a key that only our processes have, so that what nobody of ours
wrote, or what somebody changed on the way, is quarantined and never decided.

The header `mac` is `<producer>:<version of its key>:<HMAC-SHA-256>`, over topic, key, value and every header whose name
begins with `ce_`. It is made when a record is sent, also when sent again: rotating a key leaves nothing unreadable.
"""

import hmac
from collections.abc import Mapping, Sequence
from functools import cache
from struct import Struct

from services.kernel.errors import Untrusted
from services.runtime.ground.records import PLACE, REPLY_TO, REPLY_TYPE, SERVICES, Headers, Outgoing
from services.runtime.ground.settings import Settings, SettingsError

MAC = "mac"
FIRST_MAC = "ce_firstmac"
"""What a record was first sent with, once it was set aside and is sent again by whoever set it aside."""
DIGEST = "sha256"
_SOURCE, _TYPE, _BRANCH = "ce_source", "ce_type", "ce_branch"


class Signer:
    """Signs what one producer sends, under the key of `SETTLE_MAC_VERSION`, the newest it has if that is 0."""

    def __init__(self, settings: Settings) -> None:
        keys = settings.keys(use_of(settings.service))
        version = settings.mac_version or max(keys)
        if version not in keys:
            raise SettingsError(f"SETTLE_MAC_VERSION={version}: {settings.service} has no such key")
        self._prefix, self._key = f"{settings.service}:{version}:", _scheduled(keys[version])

    def signed(self, record: Outgoing) -> Headers:
        """Its headers with the code; one that it had before is replaced."""
        headers = [header for header in record.headers if header[0] != MAC]
        code = _code(self._key, record.topic, record.key.encode(), record.payload, headers)
        return [*headers, (MAC, f"{self._prefix}{code}".encode())]


class Verifier:
    """Checks what a service hears, under the keys of all who may send to it."""

    def __init__(self, settings: Settings) -> None:
        self._service, self._required = settings.service, settings.mac_required
        self._keys = {
            name: {version: _scheduled(key) for version, key in settings.keys(use_of(name)).items()}
            for name in SERVICES | {settings.service}
        }

    def check(self, topic: str, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]]) -> None:
        """Raise `Untrusted` for a record that no producer of ours can be shown to have sent, as it is, to this topic
        and under this key."""
        told = [value for name, value in headers if name == MAC]
        if not told and not self._required:
            return
        producer = self._checked(told, topic, key, value, headers)
        named = dict(headers)
        if PLACE not in named:
            _check_sender(producer, named)
            return
        if producer != self._service:
            raise Untrusted("FORGED", f"{producer} retries what {self._service} set aside")
        first = [value for name, value in headers if name == FIRST_MAC]
        as_first = [header for header in headers if header[0] not in (PLACE, FIRST_MAC)]
        if first or self._required:
            _check_sender(self._checked(first, topic, key, value, as_first), named)

    def _checked(
        self, told: Sequence[bytes], topic: str, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> str:
        """The producer whose code it is."""
        if len(told) != 1:
            raise Untrusted("FORGED" if told else "UNSIGNED", f"{len(told)} codes")
        producer, version, code = _parts(told[0])
        known = self._keys.get(producer, {}).get(version)
        if known is None:
            raise Untrusted("UNKNOWN_MAC_KEY", f"{producer} has no key {version} here")
        if not hmac.compare_digest(code, _code(known, topic, key or b"", value, headers)):
            raise Untrusted("FORGED", f"it is not what {producer} sent")
        return producer


def use_of(producer: str) -> str:
    """The use of a producer's keys, by which the settings know them: `SETTLE_MAC_<PRODUCER>_KEYS`."""
    return f"mac_{producer}"


def as_retried(headers: Sequence[tuple[str, bytes]], place: int) -> Headers:
    """The headers of a record that was set aside, for its sending again: what it was first sent with stays with it."""
    told = dict(headers)
    first = told.get(FIRST_MAC) or told.get(MAC)
    kept = [header for header in headers if header[0] not in (MAC, FIRST_MAC, PLACE)]
    return [*kept, *([(FIRST_MAC, first)] if first else []), (PLACE, str(place).encode())]


def _check_sender(producer: str, told: Mapping[str, bytes]) -> None:
    """Nobody speaks, answers or asks to be answered in the name of another one."""
    named = producer.encode()
    if told.get(_SOURCE) != b"settlement/" + named:
        raise Untrusted("FORGED", f"{producer} sends as {told.get(_SOURCE)!r}")
    if REPLY_TO in told and told[REPLY_TO].partition(b"/")[0] != named:
        raise Untrusted("FORGED", f"{producer} wants {told[REPLY_TO]!r} to be answered")
    if told.get(_TYPE) == REPLY_TYPE.encode() and told.get(_BRANCH) != named:
        raise Untrusted("FORGED", f"{producer} answers for {told.get(_BRANCH)!r}")


def _parts(told: bytes) -> tuple[str, int, str]:
    producer, _, rest = told.decode("ascii", "replace").partition(":")
    version, _, code = rest.partition(":")
    if not (version.isdecimal() and len(version) <= len("1000000") and code.isascii()):
        raise Untrusted("FORGED", "no code of ours looks like that")
    return producer, int(version), code


def _scheduled(key: bytes) -> hmac.HMAC:
    """What a code under this key begins with, copied for each record: to make it anew is half of the hashing."""
    return hmac.new(key, digestmod=DIGEST)


def _code(key: hmac.HMAC, topic: str, record_key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> str:
    """All lengths stand before all parts, so that no two records come to the same bytes."""
    parts = [topic.encode(), record_key, value]
    for name, held in headers:
        if name.startswith("ce_"):
            parts += (name.encode(), held)
    lengths = _lengths(len(parts)).pack(len(parts), *map(len, parts))
    code = key.copy()
    code.update(lengths + b"".join(parts))
    return code.hexdigest()


@cache
def _lengths(count: int) -> Struct:
    return Struct(f">{count + 1}I")
