"""The same tests over every kind of store: what a user sees is one contract."""

from functools import partial

import pytest

import ziggurat


@pytest.fixture(params=["mapped", "log"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The kind of store that ``ziggurat.new`` makes where a test does not say."""
    name = str(request.param)
    if name != "mapped":
        monkeypatch.setattr(ziggurat, "new", partial(ziggurat.new, store=name))
    return name
