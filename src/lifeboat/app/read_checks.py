"""The tables ``[[drills.check]]`` of ``lifeboat.toml``: what the application is asked after a drill's restore."""

from pathlib import Path

from lifeboat.app.settings_file import SettingsFileInvalid
from lifeboat.app.settings_tables import (
    CheckTable,
    CommandCheckTable,
    HttpCheckTable,
    QueryCheckTable,
    ServiceCheckTable,
    SignInCheckTable,
)
from lifeboat.app.variables import Variables, absolute_path, follow
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret
from lifeboat.operations.drill.checks.kinds import AppCheck, Command, Http, Query, References, Service, SignIn


def read_check(said: CheckTable, variables: Variables, base: Path) -> AppCheck:
    """Args: base: the folder that relative paths are meant from."""
    if isinstance(said, CommandCheckTable):
        cwd = absolute_path(said.cwd, base) if said.cwd else base
        return Command(said.name, tuple(said.argv), cwd, said.timeout, said.expect_exit, said.expect_text)
    if isinstance(said, ServiceCheckTable):
        cwd = absolute_path(said.cwd, base) if said.cwd else base
        return Service(said.name, tuple(said.argv), said.ready, cwd, said.timeout, said.expect_status)
    if isinstance(said, HttpCheckTable):
        headers = {name: Secret(value) for name, value in said.headers.items()}
        headers |= {name: _secret(value, variables, base) for name, value in said.secret_headers.items()}
        return Http(
            said.name,
            said.url,
            said.method,
            headers,
            said.body,
            said.expect_status,
            said.expect_text,
            dict(said.expect_json),
            said.allow_host,
            said.timeout,
        )
    if isinstance(said, SignInCheckTable):
        return SignIn(
            said.name,
            said.url,
            said.user,
            _secret(said.password, variables, base),
            said.form,
            said.user_field,
            said.password_field,
            said.expect_status,
            said.token_field,
            said.then_url,
            said.then_status,
            said.allow_host,
            said.timeout,
        )
    if isinstance(said, QueryCheckTable):
        bounds = (said.count, said.at_least, said.at_most)
        if bounds == (None, None, None):
            raise SettingsFileInvalid(
                f"[[drills.check]] {said.name} expects nothing", "say count, at_least or at_most: at_least = 1"
            )
        return Query(said.name, said.collection, said.filter, *bounds, said.timeout)
    return References(said.name, said.collection, said.field, absolute_path(said.root, base), said.strip)


def _secret(said: str, variables: Variables, base: Path) -> Secret:
    """What ``env:NAME`` or ``file:/path`` leads to; empty where it is not there now: the check then fails, and no backup does."""
    try:
        return follow(said, variables, base) or Secret("")
    except SettingsError:
        return Secret("")
