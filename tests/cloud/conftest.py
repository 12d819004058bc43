"""AWS's services, one server for a file of tests, cleared for each test."""

from collections.abc import Iterator

import moto_aws
import pytest
from moto_aws import MotoAws


@pytest.fixture(scope="module")
def aws_server() -> Iterator[MotoAws]:
    with moto_aws.running() as server:
        yield server


@pytest.fixture
def aws(aws_server: MotoAws) -> MotoAws:
    aws_server.clear()
    return aws_server
