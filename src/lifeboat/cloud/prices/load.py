"""Read price lists: the one that comes along for a region, and a file of the user's that wins over it, entry by entry.

Limits: a list comes along for us-east-1 alone. For any other region its prices are taken, and ``Prices.words`` says so.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from lifeboat.cloud.prices.prices import ClassPrices, Prices, Restore, Tier
from lifeboat.foundation.errors import SettingsError

COMES_ALONG = ("us-east-1",)
SPEEDS = ("bulk", "standard", "expedited")
_DOLLARS_AT_MOST = 1000.0
"""Nothing that S3 asks for a GB or for 1,000 requests is near it: a larger number is meant in another unit."""


class PriceFileInvalid(SettingsError):
    """A file of prices that cannot be read, or says something that is no price."""

    code = "price-file-invalid"


def load_prices(region: str | None = None, override: Path | None = None) -> Prices:
    """The prices of a region.

    Args:
        region: As AWS writes it; None: nobody said, and us-east-1 is meant.
        override: A file in the same form that need not be complete. One that says ``region`` is meant for that region.

    Raises:
        PriceFileInvalid
    """
    name = region if region in COMES_ALONG else COMES_ALONG[0]
    base = _parse(files("lifeboat.cloud.prices").joinpath(f"{name}.toml").read_text(), f"{name}.toml")
    if override is None:
        return _prices(base, "", region)
    try:
        text = override.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it is no text"
        raise PriceFileInvalid(
            f"the prices in {override} cannot be read: {why}", "prices under [aws] names it"
        ) from error
    own = _parse(text, str(override))
    return _prices(_merged(base, own), override.name, region)


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        said = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOML's own error is a ValueError; so is that of an endless number
        raise PriceFileInvalid(f"{name} is no TOML: {str(error)[:1].lower()}{str(error)[1:]}", _SEE) from error
    _check(said, _FORM, (), lambda path, why: _refused(name, text, path, why))
    return said


_SEE = "the form stands in docs/operations.md, section Cost: one entry is enough, such as [class.STANDARD] gb_month = 0.025"


def _refused(name: str, text: str, path: tuple[str, ...], why: str) -> PriceFileInvalid:
    line = _line_of(text, path)
    where = f"line {line} of {name}" if line else name
    return PriceFileInvalid(f"{where}: {'.'.join(path)} {why}", _SEE)


def _line_of(text: str, path: tuple[str, ...]) -> int | None:
    """Where an entry stands: the line of its key in its table, else that of the table, else of whatever holds it."""
    table: tuple[str, ...] = ()
    found: tuple[int, int | None] = (0, None)
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.split("#")[0].strip()
        if header := re.fullmatch(r"\[([^\[\]]+)\]", bare):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            here = table
        elif key := re.match(r"([\w.\"'-]+)\s*=", bare):
            here = (*table, *(part.strip("\"'") for part in key[1].split(".")))
        else:
            continue
        shared = len(here) if path[: len(here)] == here else 0
        if shared > found[0]:
            found = (shared, number)
    return found[1]


_Check = Callable[[object], str | None]


def _dollars(said: object) -> str | None:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return "is no number"
    if not 0 <= said <= _DOLLARS_AT_MOST:
        return f"is no price in dollars: {said}"
    return None


def _count(said: object) -> str | None:
    ok = isinstance(said, int) and not isinstance(said, bool) and said >= 0
    return None if ok else "is no whole number from 0 on"


def _gigabytes(said: object) -> str | None:
    ok = isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said < 1e15
    return None if ok else "is no number of GB"


def _tiers(said: object) -> str | None:
    if not isinstance(said, list):
        return _dollars(said)
    below = 0.0
    for number, one in enumerate(said, start=1):
        if not isinstance(one, Mapping) or not set(one) <= {"up_to_gb", "price"} or "price" not in one:
            return "is a list of { up_to_gb = ..., price = ... }"
        if why := _dollars(one["price"]):
            return f"tier {number} {why}"
        if ("up_to_gb" in one) == (number == len(said)):
            return "needs up_to_gb in each tier but the last"
        if "up_to_gb" in one and (_gigabytes(one["up_to_gb"]) or one["up_to_gb"] <= below):
            return f"tier {number} must end higher than the one before it"
        below = one.get("up_to_gb", below)
    return None if said else "is empty"


def _minutes(said: object) -> str | None:
    ok = (
        isinstance(said, list)
        and len(said) == 2
        and all(_gigabytes(one) is None for one in said)
        and said[0] <= said[1]
    )
    return None if ok else "is two numbers: at least, at most"


def _text(said: object) -> str | None:
    return None if isinstance(said, str) and said else "is no text"


_RESTORE: dict[str, Any] = {"gb": _dollars, "requests": _dollars, "minutes": _minutes}
_CLASS: dict[str, Any] = {
    "gb_month": _tiers,
    **dict.fromkeys(("puts", "gets", "moves", "retrieval_gb", "watching"), _dollars),
    **dict.fromkeys(("minimum_days", "minimum_bytes", "overhead_bytes", "overhead_standard_bytes"), _count),
    "restore": dict.fromkeys(SPEEDS, _RESTORE),
}
_CLASSES = ("STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
_FORM: dict[str, Any] = {
    "region": _text,
    "dated": lambda said: None if isinstance(said, date) else "is no date, as 2026-05-31 without quotes",
    "currency": lambda said: None if said == "USD" else "must be USD: AWS bills in dollars, and so does the budget",
    "sources": lambda said: None if isinstance(said, list) and not any(map(_text, said)) else "is no list of texts",
    "class": dict.fromkeys(_CLASSES, _CLASS),
    "transfer": {"out_gb": _dollars, "out_free_gb": _gigabytes},
    "kms": {"key_month": _dollars, "requests": _dollars},
    "cloudwatch": {"metric_month": _dollars, "metrics_free": _count, "alarm_month": _dollars, "alarms_free": _count},
}


def _check(
    said: object, form: "Mapping[str, Any]", path: tuple[str, ...], refused: Callable[[tuple[str, ...], str], Exception]
) -> None:
    if not isinstance(said, Mapping):
        raise refused(path, "is no table")
    for key, value in said.items():
        here = (*path, str(key))
        if key not in form:
            raise refused(here, f"is not known; there are: {', '.join(form)}")
        if isinstance(form[key], Mapping):
            _check(value, form[key], here, refused)
        elif why := form[key](value):
            raise refused(here, why)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(base[key], value) if isinstance(value, Mapping) and isinstance(base.get(key), Mapping) else value
        for key, value in own.items()
    }
    return {**base, **both}


def _prices(said: Mapping[str, Any], file: str, asked: str | None) -> Prices:
    transfer, kms, cloudwatch = (said.get(one, {}) for one in ("transfer", "kms", "cloudwatch"))
    return Prices(
        region=said["region"],
        dated=said["dated"],
        classes={name: _class(one, name) for name, one in said["class"].items()},
        sources=tuple(said.get("sources", ())),
        out_gb=transfer.get("out_gb", 0.0),
        out_free_gb=transfer.get("out_free_gb", 0.0),
        kms_key_month=kms.get("key_month", 0.0),
        kms_requests=kms.get("requests", 0.0),
        metric_month=cloudwatch.get("metric_month", 0.0),
        metrics_free=cloudwatch.get("metrics_free", 0),
        alarm_month=cloudwatch.get("alarm_month", 0.0),
        alarms_free=cloudwatch.get("alarms_free", 0),
        file=file,
        asked_region=asked,
    )


def _class(said: Mapping[str, Any], name: str) -> ClassPrices:
    plain = {key: value for key, value in said.items() if key not in ("gb_month", "restore")}
    tiers = said["gb_month"] if isinstance(said["gb_month"], list) else [{"price": said["gb_month"]}]
    restore: dict[str, Restore] = {}
    for speed, one in said.get("restore", {}).items():
        if missing := sorted(set(_RESTORE) - set(one)):
            raise PriceFileInvalid(f"class.{name}.restore.{speed} lacks {', '.join(missing)}", _SEE)
        restore[speed] = Restore(one["gb"], one["requests"], (one["minutes"][0], one["minutes"][1]))
    return ClassPrices(tuple(Tier(one["price"], one.get("up_to_gb")) for one in tiers), restore=restore, **plain)
