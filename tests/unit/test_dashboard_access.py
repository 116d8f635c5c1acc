"""Every route and every kind of visitor: nobody sees what no rule allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx import Response

from dashboards.access import Rules
from dashboards.app import create_app
from dashboards.trials import assumptions_seen
from pipeline.accounts.accounts import Role, User
from pipeline.accounts.login import SESSION_LIFE, change_user, log_in
from pipeline.assembly import Site
from pipeline.timebase import Clock
from pipeline.trial.trial_file import load_trial
from pipeline.zones.areas import areas_of
from tests.alerts_makers import MODEL, NOON
from tests.dashboard_site import LATER, PASSWORD, client_of, filled_site, signed_in
from tests.store_samples import hold

OPEN = {"/healthz", "/login", "/login/oidc", "/login/oidc/callback", "/language/{language}"}
REPORT = "20260302.en.html"
RANGE = {"since": "2026-03-02T03:00:00Z", "until": "2026-03-02T06:00:00Z"}

# Route -> codes for: nobody, a viewer of another camera, viewer, reviewer, administrator.
HOLD = "a" * 32
EXPECTED = {
    "GET /": (303, 200, 200, 200, 200),
    "GET /cameras/{name}": (303, 403, 200, 200, 200),
    "GET /cameras/{name}/still": (303, 403, 200, 200, 200),
    "GET /cameras/{name}/settings": (303, 403, 200, 200, 200),
    "POST /cameras/{name}/settings": (303, 403, 403, 403, 200),
    "GET /cameras/{name}/kept": (303, 403, 200, 200, 200),
    "POST /cameras/{name}/holds/{hold_id}/release": (303, 403, 403, 200, 200),
    "POST /alerts/{alert_id}/holds": (303, 403, 403, 200, 200),
    "POST /alerts/{alert_id}/holds/{hold_id}/release": (303, 403, 403, 200, 200),
    "POST /cameras/{name}/areas": (303, 403, 403, 403, 200),
    "GET /alerts": (303, 200, 200, 200, 200),
    "GET /alerts/{alert_id}": (303, 403, 200, 200, 200),
    "GET /review": (303, 200, 200, 200, 200),
    "GET /media/{alert_id}/{kind}": (303, 403, 200, 200, 200),
    "GET /models": (303, 200, 200, 200, 200),
    "GET /models/{model_id}": (303, 404, 200, 200, 200),
    "GET /models/{model_id}/samples/{kind}": (303, 404, 200, 200, 200),
    "POST /models/{model_id}/promote": (303, 403, 403, 403, 204),
    "POST /models/{model_id}/promote-compared": (303, 403, 403, 403, 422),
    "POST /cameras/{name}/rollback": (303, 403, 403, 403, 422),
    "GET /runs": (303, 200, 200, 200, 200),
    "GET /trials": (303, 200, 200, 200, 200),
    "POST /trials": (303, 403, 403, 403, 204),
    "GET /trials/{trial}": (303, 404, 200, 200, 200),
    "POST /trials/{trial}/assumptions": (303, 403, 403, 204, 204),
    "POST /trials/{trial}/noticed": (303, 403, 403, 204, 204),
    "POST /trials/{trial}/report": (303, 403, 403, 204, 204),
    "GET /reports": (303, 200, 200, 200, 200),
    "GET /reports/{name}/{file}": (303, 403, 200, 200, 200),
    "GET /sql": (303, 403, 403, 403, 200),
    "POST /logout": (303, 204, 204, 204, 204),
    "GET /api/v1/openapi.json": (401, 200, 200, 200, 200),
    "GET /api/v1/cameras": (401, 200, 200, 200, 200),
    "GET /api/v1/cameras/{name}/scores": (401, 403, 200, 200, 200),
    "GET /api/v1/alerts": (401, 200, 200, 200, 200),
    "GET /api/v1/alerts/{alert_id}": (401, 403, 200, 200, 200),
    "POST /api/v1/alerts/{alert_id}/reviews": (401, 403, 403, 201, 201),
    # The reviewer's verdict was given before the administrator's, who takes back their own: then
    # it counts again, and is not theirs.
    "DELETE /api/v1/alerts/{alert_id}/reviews/latest": (401, 403, 403, 403, 200),
    "DELETE /api/v1/patterns/{pattern_id}": (401, 403, 403, 404, 404),
    "GET /api/v1/queue": (401, 200, 200, 200, 200),
    "GET /api/v1/models/{model_id}/metrics": (401, 404, 200, 200, 200),
}


class MovableClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOON + timedelta(hours=6)

    def now_utc(self):  # type: ignore[no-untyped-def]
        return self.now

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled_site(tmp_path_factory.mktemp("site")) as filled:
        alert = filled.store.alerts("line-1")[0]
        filled.store.add_hold(hold(alert, hold_id=HOLD))
        yield filled


@pytest.fixture
def moving(site: Site) -> Iterator[tuple[Site, MovableClock]]:
    clock = MovableClock()
    yield replace(site, clock=_as_clock(clock)), clock
    for user in site.store.users():
        site.store.put_user(replace(user, failed_logins=0, locked_until_utc=None, disabled=False))


def _as_clock(clock: MovableClock) -> Clock:
    return clock


def routes(site: Site) -> list[str]:
    app = create_app(site, Rules(secure=False), ("127.0.0.1",))
    return [
        f"{method} {route.path}"
        for route in _flat(app.routes)
        for method in sorted(route.methods - {"HEAD"})
    ]


def _flat(found: object) -> Iterator[APIRoute]:
    for route in found:  # type: ignore[attr-defined]
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from _flat(route.original_router.routes)


def ask(client: TestClient, site: Site, route: str, **more: object) -> Response:
    method, path = route.split(" ", 1)
    alert = site.store.alerts("line-1")[0].alert_id
    places = {
        "{name}": "line-1",
        "{alert_id}": alert,
        "{kind}": "clip",
        "{model_id}": MODEL,
        "{file}": REPORT,
        "{trial}": "small",
        "{hold_id}": HOLD,
    }
    for name, value in places.items():
        path = path.replace(name, value)
    if path.endswith("/scores"):
        more["params"] = RANGE
    if path.endswith("/still"):
        more["params"] = {"at": "2026-03-02T03:00:02Z"}
    if path.endswith("/promote") or "/samples/" in path:
        path = path.replace(MODEL, LATER).replace("/samples/clip", "/samples/rebuilt")
    if path.endswith("/holds"):
        more["data"] = {"reason": "the insurer asks"}
    if path.endswith("/reviews"):
        more["json"] = {"verdict": "anomaly"}
    if path.endswith("/settings") and method == "POST":
        more["data"] = {
            "purpose": "p", "owner": "o", "retention_days": "30", "budget_per_day": "1",
        }  # fmt: skip
    if path.endswith("/areas"):
        known = areas_of(site.store.camera("line-1"))
        more["json"] = {"seen": known.digest, **known.to_dict()}
    if path == "/trials" and method == "POST":
        more["data"] = {"camera": "line-1", "name": "again"}
    if path.endswith("/noticed"):
        more["data"] = {"alert": alert, "at": "2026-03-02T12:31:50"}
    if path.endswith("/assumptions"):
        trial = load_trial(site, "small")
        given = {key: str(value) for key, value in trial.assumptions.model_dump().items()}
        more["data"] = {**given, "seen": assumptions_seen(trial)}
    return client.request(method, path, **more)  # type: ignore[arg-type]


def test_the_table_holds_every_route(site: Site) -> None:
    found = {route for route in routes(site) if route.split(" ")[1] not in OPEN}
    assert found == set(EXPECTED)


def test_routes_answer_those_who_may_and_nobody_else(site: Site) -> None:
    visitors = [client_of(site), *(signed_in(site, name) for name in ("oto", "vic", "rei", "ada"))]
    for route, codes in sorted(EXPECTED.items(), key=lambda item: item[0] == "POST /logout"):
        found = tuple(ask(visitor, site, route).status_code for visitor in visitors)
        assert found == codes, route


def test_what_opens_without_a_login_shows_nothing(site: Site) -> None:
    client = client_of(site)
    assert client.get("/healthz").text == "ok"
    login = client.get("/login")
    assert login.status_code == 200
    assert "line-1" not in login.text


def test_tokens_that_are_forged_or_over_or_of_a_closed_account_open_nothing(
    moving: tuple[Site, MovableClock],
) -> None:
    site, clock = moving
    forged, client = client_of(site), signed_in(site, "ada")
    forged.cookies.set("kizashi-session", "A" * 43)
    codes = {route: nobody for route, (nobody, *_) in EXPECTED.items()}

    def answers(of: TestClient) -> dict[str, int]:
        return {route: ask(of, site, route).status_code for route in EXPECTED}

    assert answers(forged) == codes
    clock.now += SESSION_LIFE
    assert answers(client) == codes
    clock.now -= SESSION_LIFE
    user = site.store.user("ada")
    assert user is not None
    site.store.put_user(replace(user, disabled=True))
    assert answers(client) == codes


def test_what_changes_something_must_come_from_a_page_of_the_session(site: Site) -> None:
    client = signed_in(site, "ada")
    good = client.headers.pop("x-csrf-token")
    elsewhere = {"x-csrf-token": good, "origin": "http://elsewhere.example"}
    for headers in ({}, {"x-csrf-token": "guessed"}, elsewhere):
        for route in EXPECTED:
            if not route.startswith("GET"):
                answer = ask(client, site, route, headers=headers)
                assert answer.status_code == 403, (route, headers, answer.text)


def test_a_program_comes_in_with_its_token_in_the_header(site: Site) -> None:
    token = log_in(site, "rei", PASSWORD).token
    client = client_of(site)
    client.headers["authorization"] = f"Bearer {token}"
    assert ask(client, site, "GET /api/v1/alerts").status_code == 200
    assert ask(client, site, "POST /api/v1/alerts/{alert_id}/reviews").status_code == 201


def test_the_cookie_is_for_this_server_alone(site: Site) -> None:
    form = {"name": "vic", "password": PASSWORD}
    plain = client_of(site).post("/login", data=form)
    assert plain.status_code == 303
    said = plain.headers["set-cookie"].lower()
    assert said.startswith("kizashi-session=")
    assert "httponly" in said
    assert "samesite=strict" in said
    secure = client_of(site, Rules(secure=True)).post("/login", data=form)
    said = secure.headers["set-cookie"].lower()
    assert said.startswith("__host-kizashi=")
    assert "; secure" in said
    assert "path=/" in said
    assert "domain" not in said
    assert secure.headers["strict-transport-security"]


def test_a_login_never_keeps_a_token_that_was_there_before(site: Site) -> None:
    client = client_of(site)
    client.cookies.set("kizashi-session", "planted-by-somebody-else")
    answer = client.post("/login", data={"name": "vic", "password": PASSWORD})
    assert "planted" not in answer.headers["set-cookie"]
    assert client_with(site, "planted-by-somebody-else").get("/").status_code == 303


def client_with(site: Site, token: str) -> TestClient:
    client = client_of(site)
    client.cookies.set("kizashi-session", token)
    return client


def test_a_token_is_worth_nothing_after_logging_out(site: Site) -> None:
    client = signed_in(site, "vic")
    token = client.cookies["kizashi-session"]
    assert client.get("/").status_code == 200
    assert client.post("/logout").status_code == 204
    assert client_with(site, token).get("/").status_code == 303


def test_a_new_password_logs_everybody_out_who_had_the_old_one(site: Site) -> None:
    client = signed_in(site, "oto")
    change_user(site, "oto", who="ada", password="another-of-mine")
    assert client.get("/").status_code == 303
    change_user(site, "oto", who="ada", password=PASSWORD)


def test_twenty_wrong_passwords_lock_the_account_and_the_right_one_waits(
    moving: tuple[Site, MovableClock],
) -> None:
    site, clock = moving
    client = client_of(site)
    answers = [
        client.post("/login", data={"name": "rei", "password": f"wrong-{n}"}) for n in range(20)
    ]
    assert {answer.status_code for answer in answers} == {403}
    right = {"name": "rei", "password": PASSWORD}
    assert client.post("/login", data=right).status_code == 403
    clock.now += timedelta(seconds=31)
    assert client.post("/login", data=right).status_code == 303
    user = site.store.user("rei")
    assert user is not None
    assert user.failed_logins == 0


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(
    moving: tuple[Site, MovableClock],
) -> None:
    site, _ = moving
    client = client_of(site)
    unknown = client.post("/login", data={"name": "nobody", "password": PASSWORD})
    wrong = client.post("/login", data={"name": "vic", "password": "not-this-one"})
    assert unknown.status_code == wrong.status_code == 403
    assert unknown.text == wrong.text


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "x\n/y"],
)
def test_a_login_leads_to_no_other_server(site: Site, target: str) -> None:
    form = {"name": "vic", "password": PASSWORD, "next": target}
    assert client_of(site).post("/login", data=form).headers["location"] == "/"
    moved = client_of(site).get("/language/ja", params={"next": target})
    assert moved.headers["location"] == "/"


@pytest.mark.parametrize("origin", ["null", "http://elsewhere.example", "http://127.0.0.1:99"])
def test_no_other_page_logs_somebody_in(site: Site, origin: str) -> None:
    form = {"name": "vic", "password": PASSWORD}
    answer = client_of(site).post("/login", data=form, headers={"origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_model_whose_file_differs_is_not_promoted(site: Site) -> None:
    site.store.promote(MODEL, NOON)
    stored = next((site.folder / "models" / "line-1" / LATER).glob("*.safetensors"))
    whole = stored.read_bytes()
    stored.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    answer = signed_in(site, "ada").post(f"/models/{LATER}/promote")
    stored.write_bytes(whole)
    assert answer.status_code == 422
    active = site.store.active_model("line-1")
    assert active is not None
    assert active.model_id == MODEL


def test_every_answer_carries_the_headers_and_footage_is_kept_by_nobody(site: Site) -> None:
    client = signed_in(site, "ada")
    for path in ("/", "/nothing-here", "/login", "/api/v1/alerts", "/static/kizashi.css"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    clip = ask(client, site, "GET /media/{alert_id}/{kind}")
    assert clip.headers["cache-control"] == "no-store"


def test_another_name_of_this_machine_is_not_answered(site: Site) -> None:
    assert client_of(site).get("/healthz", headers={"host": "rebound.example"}).status_code == 400


def test_an_unexpected_error_says_nothing_of_the_inside(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("postgresql://kizashi:secret@db/ is broken")

    monkeypatch.setattr("dashboards.routes.overview.overview_cards", fail)
    answer = signed_in(site, "ada").get("/")
    assert answer.status_code == 500
    for inside in ("secret", "postgresql", "Traceback", "dashboards/"):
        assert inside not in answer.text


def test_who_looked_at_what_is_recorded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, str]] = []

    def record(who: str, what: str, subject: str, detail: object) -> None:
        seen.append((who, what, subject))

    client = signed_in(site, "vic")
    monkeypatch.setattr(type(site.store), "audit", lambda self, *given: record(*given))
    alert = site.store.alerts("line-1")[0].alert_id
    client.get(f"/alerts/{alert}")
    client.get(f"/media/{alert}/clip")
    client.get(f"/media/{alert}/clip", headers={"range": "bytes=100-"})
    client.get("/cameras/line-1/still", params={"at": "2026-03-02T03:00:02Z"})
    assert seen == [
        ("vic", "saw alert", alert),
        ("vic", "saw clip", alert),
        ("vic", "saw frame", "line-1"),
    ]


def test_a_viewer_of_one_camera_reads_nothing_of_the_others(site: Site) -> None:
    client = signed_in(site, "oto")
    everything = "".join(
        client.get(path).text
        for path in (
            "/",
            "/alerts",
            "/models",
            "/runs",
            "/trials",
            "/api/v1/cameras",
            "/api/v1/alerts",
        )
    )
    assert "press-9" in everything
    assert "line-1" not in everything


def test_on_this_machine_alone_everybody_may_be_one_user(site: Site) -> None:
    everybody = User(
        name="local", role=Role.ADMIN, cameras=("*",), password_hash="", created_utc=NOON
    )
    client = client_of(site, Rules(secure=False, open_to=everybody))
    assert client.get("/").status_code == 200
    assert client.post("/logout", headers={"origin": "http://elsewhere"}).status_code == 403


@pytest.mark.parametrize(
    "name", ["%2e%2e", "%2e%2e%2fline-1", "line-1%00", "%2fetc%2fpasswd", "line-1%2f..%2fpress-9"]
)
def test_names_lead_to_no_file(site: Site, name: str) -> None:
    client = signed_in(site, "ada")
    for path in (
        f"/cameras/{name}",
        f"/media/{name}/clip",
        f"/static/{name}",
        f"/reports/line-1/{name}",
        f"/trials/{name}",
        f"/reports/{name}/{REPORT}",
    ):
        assert client.get(path).status_code in (400, 404, 405), path


def test_evidence_that_a_row_puts_outside_the_site_is_not_served(
    site: Site, tmp_path: Path
) -> None:
    outside = tmp_path / "secret.webm"
    outside.write_bytes(b"not for you")
    alert = site.store.alerts("line-1")[1]
    files = site.store.evidence(alert.alert_id)
    wrong = [replace(file, path=f"../../{outside}") for file in files]
    site.store.add_alert(replace(alert, end_utc=alert.end_utc + timedelta(seconds=1)), wrong)
    answer = signed_in(site, "ada").get(f"/media/{alert.alert_id}/clip")
    assert answer.status_code == 400
    assert b"not for you" not in answer.content
    site.store.add_alert(replace(alert, end_utc=alert.end_utc + timedelta(seconds=2)), files)
