"""Write the sample application's configuration: what an operator would miss after the disaster.

Every secret in it says that it is not one.
"""

from pathlib import Path

_FAKE = "not-a-real-secret-sample-only"
_FILES = {
    ".env": (
        0o600,
        f"""# Sample application; nothing in here opens anything.
NODE_ENV=production
PORT=8080
MONGODB_URI=mongodb://casework_app:{_FAKE}@db.example.internal:27017/casework
JWT_SECRET={_FAKE}
SMTP_PASSWORD="{_FAKE}"
FRONTEND_URL=https://casework.example.com
APP_NAME=مكتب المحاماة
""",
    ),
    "config/production.json": (
        0o640,
        """{
  "uploads": {"folder": "/srv/casework/uploads", "largestBytes": 52428800},
  "languages": ["ar", "en"],
  "reminders": {"hearingDaysBefore": [7, 1]}
}
""",
    ),
    "nginx/casework.conf": (
        0o644,
        """server {
    listen 443 ssl;
    server_name casework.example.com;
    client_max_body_size 50m;
    location / { proxy_pass http://127.0.0.1:8080; }
}
""",
    ),
}


def write_configuration(folder: Path) -> tuple[Path, ...]:
    """Write the files and return their paths; existing ones of the same name are replaced."""
    written = []
    for name, (mode, text) in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        written.append(path)
    return tuple(written)
