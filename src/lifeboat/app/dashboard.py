"""The dashboard put together: for ``lifeboat serve``, which shows it beside health and metrics, and alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.routing import BaseRoute, Mount

from lifeboat.app.dashboard_facts import DashboardFacts
from lifeboat.app.serve_web import WebServer
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.services.web.guard import hosts_of
from lifeboat.services.web.pages import Dashboard
from lifeboat.services.web.users import Users


@contextmanager
def dashboard_routes(facts: DashboardFacts, settings: Settings, clock: Clock) -> Iterator[list[BaseRoute]]:
    """Its pages, at every address that nothing before them answers; what they show is gathered while the block runs."""
    listen = settings.serve.listen
    hosts = {*settings.serve.hosts, *(hosts_of(listen[0]) if listen else ())}
    dashboard = Dashboard(facts, Users(settings.state), clock, hosts)
    facts.gathering.start()
    try:
        yield [Mount("/", app=dashboard.app)]
    finally:
        facts.gathering.stop()


@contextmanager
def dashboard_alone(
    facts: DashboardFacts, settings: Settings, clock: Clock, say: Callable[[str], None]
) -> Iterator[WebServer]:
    """Serve the pages and nothing else while the block runs."""
    from starlette.applications import Starlette

    listen = settings.serve.listen or ("127.0.0.1", 8765)
    with dashboard_routes(facts, settings, clock) as routes:
        server = WebServer(Starlette(routes=routes), listen)
        server.start()
        say(f"the dashboard is on http://{listen[0]}:{server.port}/")
        try:
            yield server
        finally:
            server.stop()
