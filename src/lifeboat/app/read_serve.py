"""What ``[serve]`` in lifeboat.toml says. Its times are read by whoever serves: ``duties.check_times``."""

from msgspec.structs import asdict

from lifeboat.app.settings import ServeSettings
from lifeboat.app.settings_tables import ServeTable, read_address


def read_serve(said: ServeTable) -> ServeSettings:
    times = {job: time for job, time in asdict(said.jobs).items() if time is not None}
    hosts = tuple(name.lower() for name in said.hosts)
    return ServeSettings(
        read_address(said.listen), said.timezone, said.stream, said.jitter, hosts, tuple(times.items())
    )
