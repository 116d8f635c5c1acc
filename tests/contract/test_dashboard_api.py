"""The JSON API as its own description has it: whatever is sent, no server error comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis.schemas import APIOperation

from dashboards.access import Rules
from dashboards.app import create_app
from pipeline.assembly import Site
from tests.alerts_makers import MODEL
from tests.dashboard_site import filled_site, signed_in

# The description depends on no site.
APP = create_app(None, Rules(secure=False), ("127.0.0.1",))  # type: ignore[arg-type]
JSON = (dict, list, str, int, float, bool)
OPERATIONS = [
    found.ok() for found in schemathesis.openapi.from_dict(APP.openapi()).get_all_operations()
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled_site(tmp_path_factory.mktemp("site"), pictures=False) as filled:
        yield filled


@pytest.fixture(scope="module")
def client(site: Site) -> TestClient:
    return signed_in(site, "ada")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_whatever_is_sent_no_server_error_comes_back(
    operation: APIOperation[Any, Any, Any, Any], client: TestClient, site: Site
) -> None:
    # Ids that there are, so that something is done with what else is sent.
    known: dict[str, Any] = {
        "name": "line-1",
        "alert_id": site.store.alerts("line-1")[0].alert_id,
        "model_id": MODEL,
    }

    @given(case=operation.as_strategy())
    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def send(case: schemathesis.Case) -> None:
        drawn = dict(case.path_parameters or {})
        for parameters in (drawn, {**drawn, **known}):
            names = {
                key: quote(str(value), safe="", errors="replace")
                for key, value in parameters.items()
            }
            body = case.body if isinstance(case.body, JSON) else None
            answer = client.request(
                case.method, operation.path.format(**names), params=case.query or {}, json=body
            )
            assert answer.status_code < 500, (case.method, names, case.query, body, answer.text)

    send()


def test_every_operation_of_the_description_is_tried() -> None:
    described = sum(len(methods) for methods in APP.openapi()["paths"].values())
    assert len(OPERATIONS) == described >= 9
