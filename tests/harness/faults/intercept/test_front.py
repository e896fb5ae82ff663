"""The forward proxy on the wire: tunnels, certificates, what is refused."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def front(long_intercept, scenario_of):
    """A proxy without a timeline."""
    providers = {"openai": "openai", "anthropic": "anthropic", "azure": "azure"}
    return long_intercept(scenario_of([], providers), {"10.1.2.3": "openai", "plain.example.com": "openai"})


def ask(connection, request):
    """Send a request, and read a whole answer with its length."""
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return head, body


@pytest.mark.parametrize("host", ["api.openai.com", "API.OPENAI.COM", "contoso.openai.azure.com"])
def test_a_mapped_host_has_a_certificate_of_its_own(front, host):
    """A strict client accepts it, it names this host alone, and it is good for a server and nothing else."""
    with front.tunnel(host) as connection:
        seen = connection.getpeercert(binary_form=True)
    certificate = x509.load_der_x509_certificate(seen)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [host.lower()] == names.get_values_for_type(x509.DNSName)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [x509.ExtendedKeyUsageOID.SERVER_AUTH] == list(usage)


def test_an_address_may_be_mapped_too(front, request_of):
    """A router that resolves names itself asks for a tunnel to an address: the certificate is the address's."""
    with front.tunnel("10.1.2.3") as connection:
        head, _ = ask(connection, request_of("openai", 5, stream=False))
    assert head.startswith(b"HTTP/1.1 200")


def test_the_authority_can_vouch_for_nobody_else(front):
    """It is constrained to the mapped names, signs no further authorities, and lasts for weeks, not years."""
    authority = x509.load_pem_x509_certificate(front.door.authority.read_bytes())
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert {"api.openai.com", "openai.azure.com"} <= {
        each.value for each in constraints.value.permitted_subtrees if isinstance(each, x509.DNSName)
    }
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (True, 0) == (basic.ca, basic.path_length)
    assert (authority.not_valid_after_utc - authority.not_valid_before_utc).days <= 31


def test_no_private_key_is_ever_written(front):
    """The folder holds certificates alone: the authority's, and the system's with it."""
    files = sorted(front.door.authority.parent.iterdir())
    assert ["bundle.pem", "ca.pem"] == [each.name for each in files]
    assert all(b"PRIVATE" not in each.read_bytes() for each in files)
    assert isinstance(x509.load_pem_x509_certificate(files[1].read_bytes()).public_key(), ec.EllipticCurvePublicKey)
    assert front.door.authority.read_bytes() in front.door.bundle.read_bytes()
    assert len(x509.load_pem_x509_certificates(front.door.bundle.read_bytes())) > 20
    assert not any(each.stat().st_mode & stat.S_IWOTH for each in files)


def test_requests_through_the_tunnel_are_attempts_at_the_provider(front, request_of):
    """What comes through is joined by its mark, as at the provider's own listener, and one tunnel carries many."""
    with front.tunnel("api.openai.com") as connection:
        for call in (101, 102):
            head, body = ask(connection, request_of("openai", call, stream=False))
            assert head.startswith(b"HTTP/1.1 200")
            assert b"anstorm" not in head
            assert b"chat.completion" in body
    for call in (101, 102):
        row = front.child.wait_for_row("attempts", lambda row, call=call: row["call"] == call)
        assert ("openai", "/v1/chat/completions", 200, True) == (
            row["provider"],
            row["path"],
            row["status"],
            row["reached"],
        )
        assert 24 == row["delivered_tokens"]


def test_a_tunnel_may_carry_plain_http(front, request_of):
    """A client that asks for a tunnel and speaks no TLS in it is served, too."""
    connection, said = front.connect("plain.example.com", 80)
    assert said.startswith(b"HTTP/1.1 200")
    with connection:
        head, _ = ask(connection, request_of("openai", 6, stream=False))
    assert head.startswith(b"HTTP/1.1 200")


def test_a_request_without_tls_is_mapped_by_its_host(front, request_of):
    """HTTP_PROXY's way: the request line names the host, and the fake sees only the path."""
    request = request_of("openai", 103, stream=False).replace(
        b"POST /v1/chat/completions", b"POST http://plain.example.com/v1/chat/completions", 1
    )
    with socket.create_connection(("127.0.0.1", front.door.port), timeout=20) as connection:
        head, _ = ask(connection, request)
    assert head.startswith(b"HTTP/1.1 200")
    assert "/v1/chat/completions" == front.child.wait_for_row("attempts", lambda row: row["call"] == 103)["path"]


@pytest.mark.parametrize(
    ("host", "port"),
    [("example.com", 443), ("api.openai.com.evil.org", 443), ("169.254.169.254", 80), ("localhost", 22)],
)
def test_an_unmapped_host_gets_no_tunnel(front, host, port):
    """It is refused with words that say what to do, written down, and told to the user once."""
    for _ in range(2):
        connection, said = front.connect(host, port)
        connection.close()
        assert said.startswith(f"HTTP/1.1 403 Forbidden by banstorm: {host} is no provider\r\n".encode())
        assert f"--map {host}=PROVIDER".encode() in said
    row = front.child.wait_for_row("refusals", lambda row: row["host"] == host)
    assert (port, "connect") == (row["port"], row["way"])
    assert "stands for no provider" in front.warned(host)
    assert 1 == sum(host + "," in event.get("what", "") for event in front.child.events)


@pytest.mark.parametrize("line", ["GET http://example.net/secret HTTP/1.1", "GET /secret HTTP/1.1"])
def test_an_unmapped_request_without_tls_is_refused(front, line):
    """So is a request that doesn't name its host but in the header, and its path is written nowhere."""
    with socket.create_connection(("127.0.0.1", front.door.port), timeout=20) as connection:
        head, body = ask(connection, f"{line}\r\nHost: example.net\r\n\r\n".encode())
    assert head.startswith(b"HTTP/1.1 403")
    assert b"example.net stands for no provider" in body
    row = front.child.wait_for_row("refusals", lambda row: row["host"] == "example.net")
    assert ("plain", 80) == (row["way"], row["port"])
    assert all(b"secret" not in path.read_bytes() for path in front.child.ledger.iterdir() if path.is_file())


def test_odd_names_can_be_written_down(front):
    """A host of signs that no name has is refused, and neither the ledger nor the answer's head breaks."""
    connection = socket.create_connection(("127.0.0.1", front.door.port), timeout=20)
    with connection:
        connection.sendall(b"CONNECT \xff\xfe\x7f%s:443 HTTP/1.1\r\n\r\n" % (b"a" * 400))
        said = connection.recv(65536)
    assert said.split(b" ", 2)[1] in {b"400", b"403"}
    assert b"\n\n" not in said.partition(b"\r\n\r\n")[0]


def test_a_client_that_trusts_somebody_else_is_told_of(front):
    """The commonest mistake of all, a router without our authority, is told in words that name the host."""
    connection, _ = front.connect("auth.openai.com")
    with connection, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(connection, server_hostname="auth.openai.com")
    assert "does not trust" in front.warned("auth.openai.com")


def test_what_no_proxy_should_get_is_answered_as_http(front):
    """TLS to the proxy itself, or noise, ends in an error of HTTP and breaks nothing."""
    for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00\x01\x02\x03\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", front.door.port), timeout=20) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass


@pytest.mark.debian
@pytest.mark.parametrize(("flag", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
def test_curl_believes_it(front, flag, version):
    """An unmodified curl with nothing but the environment speaks HTTP/1.1 or HTTP/2 with the vendor, so it thinks."""
    command = ["curl", "-sS", flag, "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{ssl_verify_result}"]
    headers = ["-H", "x-api-key: sk-ant-api03-test", "-H", "anthropic-version: 2023-06-01", "-d", "{}"]
    done = subprocess.run(
        [*command, *headers, "https://api.anthropic.com/v1/messages"],
        env=front.variables,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert f"{version} 400 0" == done.stdout, done.stderr


def test_many_requests_share_an_http2_connection(front):
    """A hundred at once on one connection, more than mitmproxy lets through of itself, are all answered."""
    code = """
import asyncio, httpx, json, time
async def main():
    async with httpx.AsyncClient(http2=True, timeout=30) as client:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        headers = {"authorization": "Bearer sk-proj-test"}
        url = "https://api.openai.com/v1/chat/completions"
        got = await asyncio.gather(*(client.post(url, json=body, headers=headers) for _ in range(100)))
        print(json.dumps({"versions": sorted({each.http_version for each in got}),
                          "statuses": sorted({each.status_code for each in got})}))
asyncio.run(main())
"""
    assert {"versions": ["HTTP/2"], "statuses": [200]} == front.run(code)


def test_tunnels_do_not_wait_for_each_other(front, request_of):
    """Twenty routers at once, each with a tunnel of its own."""

    def one(call):
        with front.tunnel("api.openai.com") as connection:
            return ask(connection, request_of("openai", call, stream=False))[0][:12]

    with ThreadPoolExecutor(20) as pool:
        assert {b"HTTP/1.1 200"} == set(pool.map(one, range(200, 220)))


def test_everything_ends_well(front):
    """Nothing of the above was an exception inside the injector; in the end it tells how often it refused whom."""
    front.stop()
    assert "169.254.169.254 2 times" in front.warned("refused, for they stand for no provider")
