"""Byte counts, rates and spans of time, as people read them."""

import re

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_UNITS = (("TiB", 1024 * GIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB))


def show_bytes(count: float) -> str:
    """Write a byte count with three significant digits: ``"1.46 GiB"``, ``"712 B"``."""
    for unit, size in _UNITS:
        if count >= size:
            value = count / size
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
    return f"{count:.0f} B"


def show_seconds(seconds: float) -> str:
    """Write a span of time: ``"0.4 s"``, ``"3 min 20 s"``, ``"2 h 5 min"``, ``"3 d 4 h"``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def read_bytes(text: str) -> int:
    """Read a byte count: ``"10GB"`` (of 1000), ``"1.5 GiB"`` (of 1024), ``"500m"`` (as MB), ``"4096"``; raises ``ValueError``."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(b?)\s*", text, re.IGNORECASE)
    if not found or (found[3] and not found[2]):
        raise ValueError("a size is written like 500MB, 10GB or 1.5GiB")
    count = float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2].lower() or " ")
    if not 1 <= count < 2**63:
        raise ValueError("a size is more than nothing, and less than there is room for anywhere")
    return int(count)
