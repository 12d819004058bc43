"""Templates and the few files beside them: part of the package, never looked for by a name that somebody sent."""

import hashlib
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.responses import Response

from lifeboat.services.web.words import FILTERS

_PACKAGE = files("lifeboat.services.web")
TYPES = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
"""All there is to be had below ``/static/``."""
A_DAY = "public, max-age=86400, immutable"


def make_templates() -> Environment:
    """Everything put into a page is escaped; a name that is not there is a bug, not an empty place."""
    environment = Environment(
        loader=FunctionLoader(lambda name: (_PACKAGE / "templates" / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)
    environment.globals["version_of"] = _versions().__getitem__
    return environment


def static(name: str) -> Response:
    """One of ``TYPES``; 404 for everything else."""
    if name not in TYPES:
        return Response("Not found.\n", 404, media_type="text/plain")
    content = (_PACKAGE / "static" / name).read_bytes()
    return Response(content, media_type=TYPES[name], headers={"Cache-Control": A_DAY})


def _versions() -> dict[str, str]:
    """Put behind the name, so that a new Lifeboat's are not taken from an old one's memory."""
    return {name: hashlib.sha256((_PACKAGE / "static" / name).read_bytes()).hexdigest()[:12] for name in TYPES}
