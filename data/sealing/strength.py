"""Is a root key one that nobody else can have? Refuses what a person or a manual made up, and what is printed."""

from base64 import b64encode
from hashlib import sha256
from itertools import pairwise

# The first eight bytes of the SHA-256 of keys that anybody can look up; never the keys themselves.
_PUBLISHED = frozenset(
    bytes.fromhex(prefix)
    for prefix in (
        # examples of standards: FIPS 197, SP 800-38A, the GCM specification, RFC 8439 (2), 7748 and 8032, AESAVS
        "630dcd2966c43366",
        "b93c72b74bc8487d",
        "7f70dfd819c3c582",
        "82d86408530b765e",
        "b2fc17bf5e95289c",
        "c9ccbbf12f7c2cf4",
        "644d50ab64864c20",
        "8c8b570f4b9a31c3",
        # examples of programs: the Fernet specification, two of Airflow's, WireGuard's quick start (3)
        "cbeb362f1fa69a66",
        "5ca278330d08b9ce",
        "3990442a9e73e2e2",
        "230d3c13ce8bf141",
        "61d59e29b54bf215",
        "2decf5aadf239b17",
        # the SHA-256 of words that come to mind first
        "5df6e0e2761359d3",
        "bf5d3affb73efd2e",
        "4f8b42c22dd3729b",
        "954d5a49fd70d9b8",
        "73641c99f7719f57",
        "6d71475f6686be00",
        "3881219d087dd9c6",
        "f7591748145d61c0",
        "2ba9f15fcdcd7c3d",
        "9595c9df90075148",
        "bc62d4b80d9e36da",
        "dd474e450473186e",
        "d77580ab1c1a2a98",
        "ed6dc3428087a7d3",
        "6b9c686a4caa4888",
        "70d359f7d1028614",
        "150706f9b60014d1",
        "2ebf7eccc596b7b2",
        "ad80771095ffe245",
        "ff7f73b854845fc0",
        "18b84ae5b24e6518",
        "b867db875479bcc0",
        "e532843724f14eae",
        "130009e2c26c414e",
    )
)
# None of the rules below refuses more than one in 10^9 random keys: 32 random bytes have fewer than 12 different values
# once in 10^25, and their base64 lacks the capitals or the small letters once in 10^9.
_FEWEST = 12


def weakness(key: bytes) -> str | None:
    """Why a key must not be used, or None. What it says never holds a part of the key."""
    if len(key) != 32:
        return f"holds {len(key)} bytes instead of 32"
    if sha256(key).digest()[:8] in _PUBLISHED:
        return "is a published key that anybody can look up"
    if len(set(key)) < _FEWEST or key[:16] == key[16:]:
        return "repeats itself and is not random"
    if len({(after - before) % 256 for before, after in pairwise(key)}) < _FEWEST:
        return "counts and is not random"
    text = b64encode(key)
    if all(0x20 <= byte < 0x7F for byte in key) or text in (text.lower(), text.upper()):
        return "is text and not random"
    return None
