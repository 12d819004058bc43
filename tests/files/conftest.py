"""Every restore is tried both ways: by one process alone, and with others that write small files beside it from the first one on."""

import pytest


@pytest.fixture(params=["alone", "beside"])
def writers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "beside":
        monkeypatch.setattr("lifeboat.sources.files.write_beside.WORTH_IT_FILES", 0)
    return str(request.param)
