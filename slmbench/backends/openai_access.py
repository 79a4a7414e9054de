"""Around a request: the key it carries, and what a server says when it does not answer it."""

from __future__ import annotations

import ipaddress
import json
import os
from email.utils import parsedate_to_datetime

from slmbench.errors import InputError
from slmbench.schema.model_spec import ServerSpec

#: The variable that holds the key where the spec names no other.
KEY_VARIABLE = "OPENAI_API_KEY"


def is_this_machine(host: str) -> bool:
    """Say whether a host's name or address is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def key(server: ServerSpec, is_safe: bool) -> str | None:
    """Return the key; one that nobody named does not go to another host in clear text.

    Args:
        server: names the variable.
        is_safe: the connection is encrypted, or does not leave this machine.

    Raises:
        InputError: the named variable is not set, or holds no key.
    """
    if server.key_env is None and not is_safe:
        return None
    found = os.environ.get(server.key_env or KEY_VARIABLE, "").strip()
    if server.key_env is not None and not found:
        raise InputError(f"key_env names {server.key_env}, and no such variable is set.")
    if not found.isascii() or not found.isprintable():
        raise InputError(f"{server.key_env or KEY_VARIABLE} holds characters that no key has.")
    return found or None


def words(text: str) -> str:
    """Return the message in a server's error, however it wraps it; else all it sent."""
    try:
        found = json.loads(text)
    except ValueError:
        return text or "no words"
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return found if isinstance(found, str) else text


def retry_after_s(value: str | None) -> float | None:
    """Return the pause that a Retry-After header asks for, in seconds, or None."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (until - until.now(until.tzinfo)).total_seconds())
