"""One Dask cluster of processes, which the tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from distributed import Client

from tests.support.dask_cluster import start_client


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with start_client() as client:
        yield client
