"""TLS in front of a server that speaks none, with certificates of our own."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.cuttable_proxy import CuttableProxy


@dataclass(frozen=True)
class Certificate:
    """Files in PEM."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
        self.file = self._issue("authority", self._name, self._key, None).certificate

    def issue(self, name: str) -> Certificate:
        """For a server or a client of that name."""
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        return self._issue(name, subject, ec.generate_private_key(ec.SECP256R1()), name)

    def _issue(
        self, file: str, subject: x509.Name, key: ec.EllipticCurvePrivateKey, dns: str | None
    ) -> Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=dns is None, path_length=None), critical=True)
        )
        if dns is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        issued = Certificate(self._folder / f"{file}.pem", self._folder / f"{file}.key")
        issued.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return issued


@contextlib.asynccontextmanager
async def tls_before(
    target: str, shown: Certificate, clients: Path | None = None
) -> AsyncIterator[CuttableProxy]:
    """A TLS server for HTTP/2 before `target`. It wants certificates that `clients` vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.certificate, shown.key)
    context.set_alpn_protocols(["h2"])
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    proxy = CuttableProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    proxy.address = f"127.0.0.1:{port}"
    try:
        yield proxy
    finally:
        server.close()
