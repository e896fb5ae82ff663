"""The certificate authority of one interception: it vouches for the mapped hosts, and for no other.

Its private key is made when the injector starts, stays in that process's memory and is gone with it; only
certificates are ever written. Clients that obey name constraints (RFC 5280 4.2.1.10) would refuse anything else
it might sign. Importing this module loads `cryptography` and OpenSSL, which come with mitmproxy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL, crypto

if TYPE_CHECKING:
    from .faults.tls_broken import Flaw

DAYS: Final = 30
"""Days that an authority and its certificates are valid from their making on."""
HOSTS_MAX: Final = 1000
"""Hosts, under patterns, that get certificates of their own; further ones are refused."""
ALPN: Final = (b"h2", b"http/1.1")
"""Protocols that are spoken inside TLS, the preferred one first."""
_EARLIER: Final = timedelta(days=1)  # a client's clock may be behind
_KEY_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class TooManyHostsError(RuntimeError):
    """More hosts than `HOSTS_MAX` were asked for."""


class Authority:
    """Signs certificates and makes TLS contexts of them, one a host and flaw.

    Args:
        names: The hosts and patterns that it vouches for.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _authority(self._key, names)
        self._contexts: dict[tuple[str, Flaw | None], SSL.Context] = {}

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self._certificate.public_bytes(Encoding.PEM)

    def context(self, host: str, flaw: Flaw | None = None) -> SSL.Context:
        """The server side of a TLS connection to `host`, in order or with a flaw.

        Each has its own keys for resuming a session, so that no client carries one from before a flaw into it.

        Raises:
            TooManyHostsError: when too many have been made.
        """
        context = self._contexts.get((host, flaw))
        if context is None:
            if len(self._contexts) >= HOSTS_MAX:
                raise TooManyHostsError(host)
            context = self._contexts[host, flaw] = self._make(host, flaw)
        return context

    def _make(self, host: str, flaw: Flaw | None) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        select: Any = _select  # pyOpenSSL says that it returns nothing, which is not so
        context.set_alpn_select_callback(select)
        if flaw in {"handshake_failure", "close", "reset"}:
            return context  # without a certificate no cipher suits: the client gets the alert handshake_failure
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        until = now - _EARLIER if flaw == "expired" else now + timedelta(days=DAYS)
        since = until - timedelta(days=DAYS) if flaw == "expired" else now - _EARLIER
        name = f"other.{host}" if flaw == "wrong_host" else host  # below the host, or the constraints would speak first
        signer, issuer = self._key, self._certificate
        if flaw == "unknown_issuer":
            signer = ec.generate_private_key(ec.SECP256R1())
            issuer = _authority(signer, [host])
        certificate = (
            _builder(
                _name("banstorm stand-in"), issuer.subject, since, until
            )  # a host's name here would be constrained
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, SHA256())
        )
        context.use_certificate(crypto.X509.from_cryptography(certificate))
        context.use_privatekey(crypto.PKey.from_cryptography_key(key))
        return context


def _select(_: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """The first protocol in our order that the client offers, as the vendors' own fronts choose."""
    return next((protocol for protocol in ALPN if protocol in offered), SSL.NO_OVERLAPPING_PROTOCOLS)


def _authority(key: ec.EllipticCurvePrivateKey, names: Collection[str]) -> x509.Certificate:
    now = datetime.now(UTC)
    name = _name("banstorm interception")
    return (
        _builder(name, name, now - _EARLIER, now + timedelta(days=DAYS))
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=_subtrees(names), excluded_subtrees=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def _subtrees(names: Collection[str]) -> list[x509.GeneralName]:
    """What may be signed: the hosts, what a pattern has behind its last star, and addresses as they are."""
    hosts = dict.fromkeys(name.partition(":")[0].rpartition("*.")[2] for name in names)
    found: list[x509.GeneralName] = []
    for host in hosts:
        try:
            found.append(x509.IPAddress(ip_network(host)))
        except ValueError:
            found.append(x509.DNSName(host))
    return found


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, since: datetime, until: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*wanted: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{each: each in wanted for each in _KEY_USAGES})
