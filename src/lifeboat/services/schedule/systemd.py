"""The jobs as systemd units: for each a service and a timer, and one service that tells when one of them failed.

Invariant: no unit holds a secret: the jobs read ``.env`` and ``lifeboat.toml`` in the application's folder, and an ``EnvironmentFile=`` by name.
"""

from pathlib import Path

from lifeboat.services.schedule.installation import Installation
from lifeboat.services.schedule.jobs import HOUR, Job

MARK = "# Written by `lifeboat schedule install systemd`, which also replaces it; `lifeboat schedule remove` takes it away."
SYSTEM_FOLDER = Path("/etc/systemd/system")
STREAM = "stream"
SERVE = "serve"
LONGEST_RUN = "1d"
"""A run that hangs longer is stopped, and told of."""


def units(installation: Installation) -> dict[str, str]:
    """Name of the file to its content. System units where the installation names a user, else for the user's own manager."""
    files = {f"{installation.name}-tell@.service": _teller(installation)}
    for job in installation.jobs:
        files[f"{unit_of(installation, job.name)}.service"] = _service(installation, job)
        files[f"{unit_of(installation, job.name)}.timer"] = _timer(installation, job)
    if installation.stream:
        files[f"{unit_of(installation, STREAM)}.service"] = _stream(installation)
    return files


def unit_of(installation: Installation, job: str) -> str:
    return f"{installation.name}-{job}"


def _service(installation: Installation, job: Job) -> str:
    unit = [f"Description=Lifeboat: {job.title} ({_value(str(installation.folder))})"]
    if installation.user:
        unit += ["Wants=network-online.target", "After=network-online.target"]
    unit.append(f"OnFailure={installation.name}-tell@{job.name}.service")
    service = [
        "Type=oneshot",
        *_common(installation),
        f"ExecStart={_word(installation.command)} schedule run {job.name} --quiet",
        f"TimeoutStartSec={LONGEST_RUN}",
        "Nice=10",
        "IOSchedulingClass=best-effort",
        "IOSchedulingPriority=7",
        "",
        *_hardening(installation),
    ]
    return _file(("Unit", unit), ("Service", service))


def _stream(installation: Installation) -> str:
    """Never given up: a stream that ends, for whatever reason, begins again; it tells of trouble by itself."""
    unit = [f"Description=Lifeboat: the stream ({_value(str(installation.folder))})", "StartLimitIntervalSec=0"]
    if installation.user:
        unit += ["Wants=network-online.target", "After=network-online.target"]
    service = [
        "Type=exec",
        *_common(installation),
        f"ExecStart={_word(installation.command)} stream",
        "Restart=always",
        "RestartSec=5",
        "# What was read is stored before it ends.",
        "TimeoutStopSec=2min",
        "",
        *_hardening(installation),
    ]
    wanted = "multi-user.target" if installation.user else "default.target"
    return _file(("Unit", unit), ("Service", service), ("Install", [f"WantedBy={wanted}"]))


def serve_unit(installation: Installation) -> dict[str, str]:
    """Everything in one service, in place of timers: `lifeboat serve`."""
    unit = [f"Description=Lifeboat ({_value(str(installation.folder))})", "StartLimitIntervalSec=0"]
    if installation.user:
        unit += ["Wants=network-online.target", "After=network-online.target"]
    service = [
        "Type=notify",
        "NotifyAccess=main",
        *_common(installation),
        f"ExecStart={_word(installation.command)} serve",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=always",
        "RestartSec=5",
        "WatchdogSec=3min",
        "# Serve hands the end on to its jobs; what is left after that is killed.",
        "KillMode=mixed",
        "TimeoutStopSec=90",
        "Nice=5",
        "",
        *_hardening(installation),
    ]
    wanted = "multi-user.target" if installation.user else "default.target"
    content = _file(("Unit", unit), ("Service", service), ("Install", [f"WantedBy={wanted}"]))
    return {f"{unit_of(installation, SERVE)}.service": content}


def _teller(installation: Installation) -> str:
    service = [
        "Type=oneshot",
        *_common(installation),
        f"ExecStart={_word(installation.command)} schedule tell %i",
        "TimeoutStartSec=5min",
        "",
        *_hardening(installation),
    ]
    title = f"Description=Lifeboat: tell that %i failed ({_value(str(installation.folder))})"
    return _file(("Unit", [title]), ("Service", service))


def _timer(installation: Installation, job: Job) -> str:
    jitter = 120 if job.every_seconds <= HOUR else 600
    timer = [
        f"OnCalendar={job.calendar}",
        "# A run that was missed while the machine was off is made up for.",
        "Persistent=true",
        f"RandomizedDelaySec={jitter}",
    ]
    unit = [f"Description=Lifeboat: {job.title} ({_value(str(installation.folder))})"]
    return _file(("Unit", unit), ("Timer", timer), ("Install", ["WantedBy=timers.target"]))


def _common(installation: Installation) -> list[str]:
    lines = [f"User={installation.user}"] if installation.user else []
    lines.append(f"WorkingDirectory={_value(str(installation.folder))}")
    lines += [f"Environment={_word(f'{name}={text}')}" for name, text in sorted(installation.environment.items())]
    if installation.environment_file:
        lines.append(f"EnvironmentFile={_value(str(installation.environment_file))}")
    return [*lines, "UMask=0077"]


def _hardening(installation: Installation) -> list[str]:
    lines = [
        "NoNewPrivileges=true",
        "LockPersonality=true",
        "RestrictRealtime=true",
        "RestrictSUIDSGID=true",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallErrorNumber=EPERM",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    ]
    if not installation.user:
        return [*lines, "# A user's own manager may not set up the rest (mounts, capabilities): that is for --system."]
    rights = (["CAP_DAC_READ_SEARCH"] if installation.reads_everything else []) + (
        ["CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER"] if installation.writes_everything else []
    )
    return [
        *lines,
        f"CapabilityBoundingSet={' '.join(rights)}",
        "AmbientCapabilities=",
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        # A folder that is not there yet must not keep the job from starting and saying so itself: hence the minus.
        f"ReadWritePaths={' '.join(_word(f'-{path}') for path in installation.writable)}",
        f"PrivateTmp={'true' if installation.private_tmp else 'false'}",
        "PrivateDevices=true",
        "ProtectKernelTunables=true",
        "ProtectKernelModules=true",
        "ProtectKernelLogs=true",
        "ProtectControlGroups=true",
        "ProtectClock=true",
        "ProtectHostname=true",
        "RestrictNamespaces=true",
        "ProtectProc=invisible",
    ]


def _file(*sections: tuple[str, list[str]]) -> str:
    body = "\n\n".join(f"[{name}]\n" + "\n".join(lines) for name, lines in sections)
    return f"{MARK}\n{body}\n"


def _value(text: str) -> str:
    """As the rest of a line: a per cent sign begins a specifier."""
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """As one word of a list or a command line."""
    escaped = _value(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    plain = escaped.replace("/", "").replace("-", "").replace(".", "").replace("_", "").replace("=", "")
    return escaped if plain.isalnum() else f'"{escaped}"'
