"""A key vault on the loopback interface: the calls that Azure's client makes, over TLS, with real RSA."""

import json
import ssl
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from secrets import token_hex
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

TOKEN = "token-of-the-test"  # noqa: S105
NAME = "phms-root"


class KeyVault:
    """Serves until closed. `answer` (a status) is what it says to everything while it is set; `calls` are the paths."""

    def __init__(self, folder: Path, *, kind: str = "RSA") -> None:
        self.kind = kind
        self.versions: dict[str, RSAPrivateKey] = {}
        self.answer: int | None = None
        self.calls: list[str] = []
        self.certificate = folder / "vault.pem"
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _make_certificate(self.certificate)
        context.load_cert_chain(self.certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.base = f"https://127.0.0.1:{self.server.server_address[1]}"
        self.url = f"{self.base}/keys/{NAME}"
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.renew()

    def renew(self) -> str:
        version = token_hex(16)
        self.versions[version] = generate_private_key(65537, 2048)
        return version

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def options(self) -> dict[str, Any]:
        """For the client: trust this server, and do not insist that it is in Azure's domain."""
        return {"connection_verify": str(self.certificate), "verify_challenge_resource": False, "retry_total": 0}

    def reply(self, method: str, path: str, token: str | None, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.calls.append(f"{method} {path}")
        if self.answer is not None:
            return self.answer, _error("Asked", "as the test wants")
        if token != f"Bearer {TOKEN}":
            return 401, _error("Unauthorized", "no token")
        parts = path.strip("/").split("/")
        if parts[:2] != ["keys", NAME]:
            return 404, _error("KeyNotFound", "no such key")
        version = parts[2] if len(parts) > 2 and parts[2] else list(self.versions)[-1]
        if version not in self.versions:
            return 404, _error("KeyNotFound", "no such version")
        if method == "GET":
            return 200, self._bundle(version)
        return self._work(version, parts[3], body)

    def _bundle(self, version: str) -> dict[str, Any]:
        numbers = self.versions[version].public_key().public_numbers()
        key = {
            "kid": f"{self.base}/keys/{NAME}/{version}",
            "kty": self.kind,
            "key_ops": ["wrapKey", "unwrapKey"],
            "n": _coded(numbers.n.to_bytes(256, "big")),
            "e": _coded(numbers.e.to_bytes(3, "big")),
        }
        return {"key": key, "attributes": {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_000}}

    def _work(self, version: str, operation: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        private, value = self.versions[version], _decoded(body["value"])
        padding = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)
        if body["alg"] != "RSA-OAEP-256":
            return 400, _error("BadParameter", "algorithm")
        try:
            done = (
                private.decrypt(value, padding)
                if operation == "unwrapkey"
                else private.public_key().encrypt(value, padding)
            )
        except ValueError:
            return 400, _error("BadParameter", "The parameter is incorrect.")
        return 200, {"kid": f"{self.base}/keys/{NAME}/{version}", "value": _coded(done)}


def _handler(vault: KeyVault) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet for each answer, at once.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._do("GET")

        def do_POST(self) -> None:
            self._do("POST")

        def _do(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            status, told = vault.reply(method, self.path.partition("?")[0], self.headers.get("Authorization"), body)
            content = json.dumps(told).encode()
            self.send_response(status)
            if status == 401:
                challenge = 'Bearer authorization="https://127.0.0.1/tenant", resource="https://vault.azure.net"'
                self.send_header("WWW-Authenticate", challenge)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *told: Any) -> None:
            pass

    return Handler


def _make_certificate(path: Path) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vault")])
    made = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(made).not_valid_after(made + timedelta(days=36_500))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + builder.sign(key, SHA256()).public_bytes(Encoding.PEM))


def _coded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
