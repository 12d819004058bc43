"""Whom ``aws setup --iam`` makes for these settings: who there is stands in the repository, where there is one."""

from collections.abc import Callable, Sequence
from pathlib import Path

from lifeboat.app.aws_bucket import need_bucket
from lifeboat.app.aws_place import place_of
from lifeboat.app.build import build_aws, build_repository
from lifeboat.app.private_files import SecretFileRefused, write_private_file
from lifeboat.app.settings import Settings
from lifeboat.cloud.people.person import Kind, Person, people
from lifeboat.cloud.people.steps import people_steps
from lifeboat.cloud.steps import Step
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import NoRepository
from lifeboat.repository.roles import Role
from lifeboat.storage.errors import BucketMissing


class PeopleRequest(Value):
    """How they are made.

    Args:
        kind: Users with keys of their own, or roles that ``trusted`` takes on.
        only: Roles to leave it at; empty: all of the profile.
        keys: Folder for access keys of users that have none yet; None: none are made.
    """

    kind: Kind = "user"
    trusted: str = ""
    only: tuple[Role, ...] = ()
    keys: Path | None = None


def iam_steps(settings: Settings, clock: Clock, request: PeopleRequest) -> list[Step]:
    """The steps. Raises ``SettingsError`` where it cannot be known who there is."""
    if request.kind == "role" and not request.trusted:
        raise SettingsError(
            "a role has to be taken on by somebody, and nobody is named",
            "--trust ec2.amazonaws.com for machines at AWS, or the ARN of a user or role",
        )
    keys = None if request.keys is None else KeyFiles(request.keys)
    return people_steps(build_aws(settings), _people(settings, clock, request), keys)


def _people(settings: Settings, clock: Clock, request: PeopleRequest) -> Sequence[Person]:
    profile, writers = _who(settings, clock)
    found = people(
        place_of(settings, need_bucket(settings)),
        profile,
        writers,
        kind=request.kind,
        trusted=request.trusted,
        only=request.only,
    )
    if not found:
        raise SettingsError(
            f"a repository of the profile {profile} has nobody of the role {', '.join(request.only)}",
            "leave out --only; a writer is there once `lifeboat writer add` or `init` has made it",
        )
    return found


def _who(settings: Settings, clock: Clock) -> tuple[str, list[tuple[str, str]]]:
    """The profile, and names and ids of the machines that write: not of a keeper, which may write anyway."""
    try:
        repository = build_repository(settings, clock)
    except (NoRepository, BucketMissing):
        return "simple", []
    own = repository.state.load_writer() if repository.identity is not None else None
    mine = own.writer.hex() if own is not None else ""
    found = [(one.label, writer) for writer, one in repository.registrations.items() if writer != mine]
    return repository.description.profile, found


class KeyFiles:
    """A folder with a file for each user's key pair, as ``.env`` takes it; readable for this user alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place_of(self, person: Person) -> str:
        return str(self._folder / f"{person.name}.env")

    def begin(self, person: Person) -> Callable[[str, Secret], None]:
        path = Path(self.place_of(person))
        if path.exists():
            raise SecretFileRefused(
                f"{path} exists already, and a secret is never overwritten",
                "name another folder, or move that file away",
            )

        def write(key_id: str, secret: Secret) -> None:
            lines = Secret(f"AWS_ACCESS_KEY_ID={key_id}\nAWS_SECRET_ACCESS_KEY={secret.reveal()}")
            write_private_file(path, lines, f"{person.name}: {person.title}")

        return write
