"""AWS's services, one server for a file of tests, cleared for each test."""

from collections.abc import Iterator

import boto3
import moto_aws
import pytest
from moto_aws import MotoAws

_SESSION = boto3.session.Session()


@pytest.fixture(scope="module")
def aws_server() -> Iterator[MotoAws]:
    with moto_aws.running() as server:
        yield server


@pytest.fixture(autouse=True)
def _descriptions_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boto reads large descriptions of services for each session; here one session serves all runs. Keys are given to each client."""
    monkeypatch.setattr(boto3.session, "Session", lambda: _SESSION)


@pytest.fixture
def aws(aws_server: MotoAws) -> MotoAws:
    aws_server.clear()
    return aws_server
