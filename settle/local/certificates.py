"""A certificate authority for one machine, and certificates of it: `settle certificates`, and `settle up --tls`.

Whoever has its key can pass for anybody, so it is for development and tests. Made again, the authority stays and every
certificate is another: that is how they are rotated.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FOLDER = "certificates"
AUTHORITY = "ca"
NAMES = (
    "order", "credit-ledger", "card-redemption", "gateway", "acquirer", "verifier", "auditor", "client", "postgres",
    "kafka",
)
"""Who gets a certificate: it names them, and the machine."""
MACHINE = ("localhost", "127.0.0.1", "::1")
DAYS, AUTHORITY_DAYS = 30, 3_650
_BEFORE = timedelta(minutes=5)
"""Certificates hold from a little before they are made: clocks of others are slow."""


def files(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """Where the authority, a certificate and its key lie."""
    return folder / f"{AUTHORITY}.pem", folder / f"{name}.pem", folder / f"{name}.key"


def make(
    folder: Path, names: Sequence[str] = NAMES, hosts: Sequence[str] = (), days: int = DAYS, *, shared: bool = False
) -> list[Path]:
    """An authority, if there is none, and a new certificate for each of the names; answers the files. Keys are for
    their owner alone, or `shared` with the files' group; the authority's never is."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    ca, ca_key = folder / f"{AUTHORITY}.pem", folder / f"{AUTHORITY}.key"
    if not (ca.exists() and ca_key.exists()):
        make_authority(folder)
    signer = load_pem_private_key(ca_key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(ca.read_bytes())
    now = datetime.now(UTC)
    made = [ca]
    for name in names:
        made += write(
            folder, name, leaf((name, *MACHINE, *hosts), issuer, signer, (now, now + timedelta(days=days))),
            mode=0o640 if shared else 0o600,
        )
    return made


def make_authority(folder: Path) -> None:
    """A new one, in place of what there was."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "settlement development authority")])
    certificate = (
        _builder(subject, subject, key, (now, now + timedelta(days=AUTHORITY_DAYS)))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write(folder, AUTHORITY, (certificate, key))


def leaf(
    names: Sequence[str], issuer: x509.Certificate, signer: ec.EllipticCurvePrivateKey,
    valid: tuple[datetime, datetime],
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate for these names and addresses, of server and client alike, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        _builder(subject, issuer.subject, key, valid)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    return certificate, key


def write(
    folder: Path, name: str, made: tuple[x509.Certificate, ec.EllipticCurvePrivateKey], mode: int = 0o600
) -> tuple[Path, Path]:
    """The certificate for all to read, its key for its owner alone unless `mode` says otherwise; each file is replaced
    as a whole."""
    certificate, key = made
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    where = folder / f"{name}.pem", folder / f"{name}.key"
    _replace(where[1], pem, mode)
    _replace(where[0], certificate.public_bytes(Encoding.PEM), 0o644)
    return where


def _replace(file: Path, content: bytes, mode: int) -> None:
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as part:  # 0600
        part.write(content)
    os.chmod(part.name, mode)
    os.replace(part.name, file)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(valid[0] - _BEFORE).not_valid_after(valid[1])
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
