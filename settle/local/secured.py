"""TLS on one machine, `settle up --tls`: who has which certificate, and what processes, PostgreSQL and Kafka are told.

The certificates lie below the data folder and are made anew at each start; `settle certificates` on that folder
replaces them while the engine runs. Services, gateway and clients take the new ones by themselves, PostgreSQL and Kafka
at their next start.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from settle.local import certificates, children

CLIENT, POSTGRES, KAFKA = "client", "postgres", "kafka"
CALLERS = ("client", "gateway", "auditor", "order", "credit-ledger", "card-redemption")
"""Who calls a service, a sandbox or the auditor; a certificate of the authority with another name may not."""
KAFKA_CIPHERS = "TLS_CHACHA20_POLY1305_SHA256,TLS_AES_256_GCM_SHA384"
"""Those of TLS 1.3, the broker's choice first: its Java compiles for a quick start, so it has AES without the
instructions of the machine, at two to three times the price of ChaCha20."""
_HBA = """\
# written by settle: nobody comes in without TLS
hostssl all all 127.0.0.1/32 trust
hostssl replication all 127.0.0.1/32 trust
"""


@dataclass(frozen=True, slots=True)
class Secured:
    """The certificates of an engine."""

    folder: Path

    @classmethod
    def of(cls, data: Path) -> "Secured":
        """Those below a data folder, made anew under its authority."""
        folder = data / certificates.FOLDER
        certificates.make(folder)
        return cls(folder)

    @property
    def said(self) -> dict[str, str]:
        """For the endpoints file: what a client of this engine shows, and by which authority it knows the engine."""
        return self._files(CLIENT)

    def environ(self, name: str, *, kafka: bool) -> dict[str, str]:
        """What the process of this name is told; `kafka` speaks TLS too, or is the embedded broker, which does not."""
        files = {f"SETTLE_TLS_{part.upper()}": file for part, file in self._files(name.replace("_", "-")).items()}
        peers = {"SETTLE_TLS_CLIENTS": "required", "SETTLE_TLS_PEERS": "" if name == "gateway" else ",".join(CALLERS)}
        return files | peers | {"SETTLE_KAFKA_SECURITY": "ssl" if kafka else "plaintext"}

    def dsn_options(self) -> str:
        """What makes a DSN hold the server to the authority and to its name."""
        return "?" + urlencode({"sslmode": "verify-full", "sslrootcert": self._files(POSTGRES)["ca"]})

    def postgres(self, data: Path) -> dict[str, str]:
        """Settings of a server on this data, which gets copies of its files: it reads no key that is another user's."""
        _, certificate, key = certificates.files(self.folder, POSTGRES)
        for file, content in (
            ("server.pem", certificate.read_bytes()), ("server.key", key.read_bytes()), ("hba_tls.conf", _HBA.encode())
        ):
            _write(data / file, content)
        files = {"ssl_cert_file": "server.pem", "ssl_key_file": "server.key"}
        return {"ssl": "on", **files, "hba_file": str(data / "hba_tls.conf")}

    def kafka(self, folder: Path) -> str:
        """Properties of a broker that keeps its data there; its clients have to show a certificate."""
        authority, certificate, key = certificates.files(self.folder, KAFKA)
        _write(folder / "keystore.pem", key.read_bytes() + certificate.read_bytes())
        _write(folder / "truststore.pem", authority.read_bytes())
        return (
            "ssl.keystore.type=PEM\nssl.keystore.location=keystore.pem\nssl.truststore.type=PEM\n"
            "ssl.truststore.location=truststore.pem\nssl.client.auth=required\n"
            f"ssl.cipher.suites={KAFKA_CIPHERS}\n"
        )

    def of_kafka(self) -> dict[str, object]:
        """How a client of ours reaches that broker, as arguments of aiokafka."""
        return {"security_protocol": "SSL", "ssl_context": context_of(self.said)}

    def _files(self, name: str) -> dict[str, str]:
        return dict(zip(("ca", "certificate", "key"), map(str, certificates.files(self.folder, name)), strict=True))


def context_of(said: Mapping[str, str]) -> ssl.SSLContext:
    """How a client of the engine that says this of its TLS connects, with the present files."""
    context = ssl.create_default_context(cafile=said["ca"])
    context.load_cert_chain(said["certificate"], said["key"])
    return context


def said_by(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The same of a process with this environment, for whoever asks after its health; empty without TLS."""
    authority = environ.get("SETTLE_TLS_CA", "")
    return Secured(Path(authority).parent).said if authority else {}


def _write(file: Path, content: bytes) -> None:
    """Only for the user of the server that reads it."""
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        written.write(content)
    if os.geteuid() == 0 and file.parent.stat().st_uid != 0:
        os.chown(file, *children.nobody())
