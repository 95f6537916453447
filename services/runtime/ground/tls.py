"""Certificates: from files that may be replaced at any time, without a restart and without a failed connection.

New connections get what the files hold then; those that are open stay. Files that do not belong together yet, for
somebody is just replacing them, or that are none, change nothing: what was read last goes on.
"""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate, load_pem_x509_certificates

from services.runtime.ground.settings import Settings, SettingsError

RECORD_BYTES_MAX = 2**14
"""What one record of TLS holds at most, and so what one reading of a connection answers."""
LOOK_SECONDS = 0.5
"""How often it is looked at most whether the files are others."""
T = TypeVar("T")

log = structlog.get_logger(__name__)


class Records(ssl.SSLObject):
    """A connection of which no more is asked at a time than it answers.

    The loop asks for 256 KiB each time that something arrived. Room for that is mostly taken from the system and given
    back, two page faults for a few hundred bytes, which costs more than TLS itself does.
    """

    def read(self, asked: int = 1024, buffer: Any = None) -> Any:  # Any: a buffer; and bytes, or how many came
        """Of one record at most, as ever; who wants more asks again."""
        return super().read(min(asked, RECORD_BYTES_MAX), buffer)


ssl.SSLContext.sslobject_class = Records
"""For every context of the process: asyncpg makes its own."""


@dataclass(frozen=True, slots=True)
class Pems:
    """A certificate with its chain, its key, and those of the authorities that others are held to."""

    ca: bytes
    certificate: bytes
    key: bytes


class Certificates:
    """The files of one process's identity."""

    def __init__(self, ca: Path, certificate: Path, key: Path) -> None:
        self._files = (ca, certificate, key)
        self._looked_at = time.monotonic()
        self._stamps = self._stamped()
        self.pems = self._read()
        """What was read last; the same object until it is replaced."""

    @classmethod
    def of(cls, settings: Settings) -> "Certificates | None":
        """Those that the settings name, all three or none."""
        given = {name: getattr(settings, name) for name in ("tls_ca", "tls_certificate", "tls_key")}
        if not any(given.values()):
            return None
        if missing := [f"SETTLE_{name.upper()}" for name, file in given.items() if not file]:
            raise SettingsError(f"{', '.join(missing)} must be set too: authority, certificate and key go together")
        try:
            return cls(*map(Path, given.values()))
        except (OSError, ValueError) as error:
            raise SettingsError(f"the certificate of SETTLE_TLS_CERTIFICATE cannot be used: {error}") from error

    def look(self) -> Pems:
        """What new connections get."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            try:
                stamps = self._stamped()
                if stamps != self._stamps:
                    self.pems, self._stamps = self._read(), stamps
                    log.info("certificate_replaced", file=str(self._files[1]))
            except (OSError, ValueError) as error:  # half of it is there: looked at again
                log.warning("certificate_not_replaced", error=repr(error))
        return self.pems

    def _stamped(self) -> list[tuple[int, int, int]]:
        found = [file.stat() for file in self._files]
        return [(each.st_ino, each.st_mtime_ns, each.st_size) for each in found]

    def _read(self) -> Pems:
        """Raise ValueError for files that do not belong together."""
        pems = Pems(*(file.read_bytes() for file in self._files))
        load_pem_x509_certificates(pems.ca)
        own = load_pem_x509_certificate(pems.certificate).public_key()
        known = load_pem_private_key(pems.key, None).public_key()
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if own.public_bytes(*form) != known.public_bytes(*form):
            raise ValueError("the key is not that of the certificate")
        return pems

    def files(self) -> tuple[str, str, str]:
        """Where authority, certificate and key are."""
        ca, certificate, key = map(str, self._files)
        return ca, certificate, key


class FreshContext(ssl.SSLContext):
    """A context whose connections are each made by one with the present certificates, so that both authorities and
    certificates may be replaced; whoever asks for a context of OpenSSL's takes it."""

    _made: tuple[Pems, ssl.SSLContext] | None
    _certificates: Certificates
    _make: Callable[[Certificates], ssl.SSLContext]

    @classmethod
    def over(cls, certificates: Certificates, make: Callable[[Certificates], ssl.SSLContext]) -> "FreshContext":
        """Over these files; `make` makes a context of them."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._certificates, context._make, context._made = certificates, make, None
        return context

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:  # Any: as OpenSSL's has it
        """One connection."""
        return self._present().wrap_bio(*given, **named)

    def wrap_socket(self, *given: Any, **named: Any) -> ssl.SSLSocket:  # Any: as OpenSSL's has it
        """One connection."""
        return self._present().wrap_socket(*given, **named)

    def _present(self) -> ssl.SSLContext:
        pems = self._certificates.look()
        if self._made is None or self._made[0] is not pems:
            try:
                self._made = pems, self._make(self._certificates)
            except (OSError, ValueError) as error:  # replaced once more since it was looked at
                if self._made is None:
                    raise
                log.warning("certificate_not_replaced", error=repr(error))
        return self._made[1]


def client_context(certificates: Certificates) -> ssl.SSLContext:
    """For connections to a server that is held to the authority and to its name, with our certificate."""
    return FreshContext.over(certificates, _client)


def server_context(certificates: Certificates, *, clients: bool) -> ssl.SSLContext:
    """For a server; `clients` have to show a certificate of the authority."""
    return FreshContext.over(certificates, lambda files: _server(files, clients=clients))


def _client(certificates: Certificates) -> ssl.SSLContext:
    ca, certificate, key = certificates.files()
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    return context


def _server(certificates: Certificates, *, clients: bool) -> ssl.SSLContext:
    ca, certificate, key = certificates.files()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if clients:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
