"""Load on loopback: signed webhooks over kept connections, prepared beforehand so that the client costs little."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlencode, urlsplit

ACCOUNT, TOKEN, NUMBER = "AC" + "0" * 32, "benchmark-token", "+15005550006"


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured: requests a second, and how long answers took (seconds, sorted)."""

    per_second: float
    took: list[float]
    refused: int

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return self.took[min(int(share * len(self.took)), len(self.took) - 1)] * 1000


def signed(public: str, path: str, fields: dict[str, str]) -> bytes:
    """One whole HTTP request as Twilio sends it."""
    url = public + path
    text = url + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()
    body = urlencode(fields).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {urlsplit(public).netloc}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def messages(public: str, numbers: list[str], text: Callable[[int], str], first: int = 0) -> Iterator[bytes]:
    """Endless inbound SMS, the senders in turn."""
    for n in count(first):
        yield signed(
            public,
            "/twilio/sms",
            {
                "MessageSid": f"SM{n:032x}",
                "SmsSid": f"SM{n:032x}",
                "AccountSid": ACCOUNT,
                "From": numbers[n % len(numbers)],
                "To": NUMBER,
                "Body": text(n),
                "NumMedia": "0",
                "NumSegments": "1",
            },
        )


async def put_load(port: int, requests: list[bytes], concurrency: int) -> Load:
    """Send all, `concurrency` at a time, each over a connection that stays open."""
    queue, took, refused = iter(requests), [], 0

    async def client() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in queue:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            await reader.readexactly(length)
            took.append(time.perf_counter() - began)
            refused += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(concurrency)))
    return Load(len(took) / (time.perf_counter() - began), sorted(took), refused)
