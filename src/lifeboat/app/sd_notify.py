"""Tell systemd that we are ready, alive or ending; nothing where it did not start us (sd_notify(3))."""

import os
import socket
from collections.abc import Mapping


class SystemdNotice:
    """Args: environment: Holds ``NOTIFY_SOCKET`` and ``WATCHDOG_USEC`` when systemd wants to hear."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        about_us = environment.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self._watched = bool(environment.get("WATCHDOG_USEC")) and about_us

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self, monotonic_seconds: float) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic_seconds * 1e6)}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        if self._watched:
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # An address that begins with @ lies in the abstract namespace.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
                one.sendto(text.encode(), address)
        except OSError:
            return  # Systemd then does what it does with a service that says nothing.
