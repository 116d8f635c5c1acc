"""Logging in at a provider: who its groups let in, and nobody by a token that is not for us."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from fastapi.testclient import TestClient
from httpx import Response
from joserfc import jwt
from joserfc.jwk import OctKey

from dashboards.access import Rules
from dashboards.oidc import provider_of
from pipeline.accounts.accounts import Role, User
from pipeline.accounts.login import change_user
from pipeline.accounts.oidc_table import OidcTable
from pipeline.assembly import Site
from pipeline.errors import SettingsError
from pipeline.settings import load_settings
from pipeline.timebase import SystemClock
from tests.alerts_makers import camera
from tests.dashboard_site import add_people, client_of
from tests.oidc_provider import CLIENT, SECRET, FakeProvider, running_provider
from tests.reports_makers import open_small_site

GROUPS = (
    {"name": "line-1-people", "role": "reviewer", "cameras": ("line-1",)},
    {"name": "press-people", "role": "reviewer", "cameras": ("press-9",)},
    {"name": "guests", "role": "viewer", "cameras": ("press-9",)},
    {"name": "chiefs", "role": "admin", "cameras": ("*",)},
)
CALLBACK = "/login/oidc/callback"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = open_small_site(tmp_path_factory.mktemp("site"))
    site.store.put_camera(camera())
    site.store.put_camera(camera(name="press-9", source=Path("footage/press-9")))
    yield replace(site, clock=SystemClock())
    site.close()


@pytest.fixture(scope="module")
def running() -> Iterator[FakeProvider]:
    with running_provider() as started:
        yield started


@pytest.fixture
def provider(running: FakeProvider) -> FakeProvider:
    running.__init__(running.issuer)  # type: ignore[misc]
    return running


@pytest.fixture
def site(opened: Site, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("KIZASHI_TEST_CLIENT_SECRET", SECRET)
    for user in opened.store.users():
        opened.store.remove_user(user.name)
    add_people(opened)
    return with_table(opened, table(provider))


def table(provider: FakeProvider, **changes: Any) -> OidcTable:
    values: dict[str, Any] = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret_env": "KIZASHI_TEST_CLIENT_SECRET",
        "groups": GROUPS,
    }
    return OidcTable(**{**values, **changes})


def with_table(site: Site, wanted: OidcTable) -> Site:
    settings = site.settings.model_copy(update={"dashboard": {"oidc": wanted}})
    return replace(site, settings=settings)


def browser_of(site: Site) -> TestClient:
    return client_of(site, Rules(secure=False, provider=provider_of(site)))


def sent_back(client: TestClient, target: str = "/") -> str:
    """Return where the provider sends a browser that begins a login."""
    begun = client.get("/login/oidc", params={"next": target})
    assert begun.status_code == 303
    there = requests.get(begun.headers["location"], allow_redirects=False, timeout=5)
    parts = urlsplit(there.headers["location"])
    assert parts.path == CALLBACK
    return f"{parts.path}?{parts.query}"


def logged_in(client: TestClient, target: str = "/") -> Response:
    return client.get(sent_back(client, target))


def user_named(site: Site, name: str) -> User:
    user = site.store.user(name)
    assert user is not None
    return user


def refused(site: Site, answer: Response, says: str) -> None:
    assert answer.status_code == 403
    assert says in answer.text
    assert answer.text.count('role="alert"') == 1
    assert "kizashi-session=" not in answer.headers.get("set-cookie", "")
    assert len(site.store.users()) == 4


def test_a_first_login_makes_the_account_that_the_groups_give(site: Site) -> None:
    client = browser_of(site)
    answer = logged_in(client, "/alerts?camera=line-1")
    assert answer.status_code == 200
    assert 'content="0;url=/alerts?camera=line-1"' in answer.text
    user = user_named(site, "rei@plant.example")
    assert (user.role, user.cameras) == (Role.REVIEWER, ("line-1",))
    assert client.get("/cameras/line-1").status_code == 200
    assert client.get("/cameras/press-9").status_code == 403
    said = answer.headers.get_list("set-cookie")
    (session,) = [cookie.lower() for cookie in said if cookie.startswith("kizashi-session=")]
    assert "samesite=strict" in session
    assert "httponly" in session
    assert logged_in(browser_of(site)).status_code == 200
    assert len(site.store.users()) == 5  # once more adds nobody


def test_the_request_carries_pkce_state_and_nonce_of_this_browser_alone(site: Site) -> None:
    first, second = (
        {
            name: values[0]
            for name, values in parse_qs(
                urlsplit(browser_of(site).get("/login/oidc").headers["location"]).query
            ).items()
        }
        for _ in range(2)
    )
    assert first["code_challenge_method"] == "S256"
    assert first["response_type"] == "code"
    assert first["redirect_uri"] == f"http://127.0.0.1{CALLBACK}"
    own = [first[name] for name in ("state", "nonce", "code_challenge")]
    assert len({*own, *(second[name] for name in ("state", "nonce", "code_challenge"))}) == 6
    assert SECRET not in json.dumps(first)


def test_a_local_account_still_logs_in_with_its_password(site: Site) -> None:
    client = browser_of(site)
    assert "/login/oidc" in client.get("/login").text
    form = {"name": "vic", "password": "fits-nobody-else"}
    assert client.post("/login", data=form).status_code == 303


def test_logging_out_ends_the_session(site: Site) -> None:
    client = browser_of(site)
    logged_in(client)
    token = client.cookies["kizashi-session"]
    csrf = client.get("/").text.split('data-csrf="')[1].split('"')[0]
    assert client.post("/logout", headers={"x-csrf-token": csrf}).status_code == 204
    after = browser_of(site)
    after.cookies.set("kizashi-session", token)
    assert after.get("/").status_code == 303


STALE = int(time.time()) - 3600
BENT: dict[str, tuple[dict[str, Any], str]] = {
    "another nonce": ({"claims": {"nonce": "of-another-login"}}, "nonce"),
    "no nonce": ({"left_out": {"nonce"}}, "nonce"),
    "expired": ({"claims": {"exp": STALE, "iat": STALE - 300}}, "Expired"),
    "no end": ({"left_out": {"exp"}}, "exp"),
    "another audience": ({"claims": {"aud": "another-program"}}, "aud"),
    "made for another": ({"claims": {"aud": [CLIENT, "b"], "azp": "b"}}, "azp"),
    "another issuer": ({"claims": {"iss": "https://elsewhere.example"}}, "iss"),
    "of the future": ({"claims": {"nbf": STALE + 90_000}}, "nbf"),
    "nobody": ({"left_out": {"sub"}}, "sub"),
    "another key": ({"signs_with": "second"}, ""),
    "a forged signature": ({"signs_with": "second", "header": {"kid": "first"}}, "Signature"),
    "another access token": ({"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}}, "at_hash"),
}


@pytest.mark.parametrize(("bent", "why"), BENT.values(), ids=list(BENT))
def test_a_token_that_is_not_for_this_login_opens_nothing(
    site: Site,
    provider: FakeProvider,
    bent: dict[str, Any],
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in bent.items():
        setattr(provider, name, value)
    refused(site, logged_in(browser_of(site)), "not meant for this server, or is too old")
    assert why in capsys.readouterr().out


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_no_key_pair_signed_opens_nothing(
    site: Site, provider: FakeProvider, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsigned(asked: dict[str, str]) -> str:
        good = FakeProvider.id_token(provider, asked)
        if algorithm == "none":
            payload = good.split(".")[1]
            return f"eyJhbGciOiJub25lIn0.{payload}."
        claims = jwt.decode(good, _first_key(), algorithms=["RS256"]).claims
        secret = OctKey.import_key(SECRET.ljust(64, "x"))
        return jwt.encode({"alg": "HS256"}, claims, secret, algorithms=["HS256"])

    monkeypatch.setattr(provider, "id_token", unsigned)
    refused(site, logged_in(browser_of(site)), "not meant for this server")


def _first_key() -> Any:
    from tests.oidc_provider import key

    return key("first")


def test_a_new_key_of_the_provider_is_fetched(site: Site, provider: FakeProvider) -> None:
    client = browser_of(site)
    assert logged_in(client).status_code == 200
    provider.shows, provider.signs_with = ["first", "second"], "second"
    assert logged_in(client).status_code == 200


def test_what_another_browser_began_ends_nowhere(site: Site) -> None:
    back = sent_back(browser_of(site))
    refused(site, browser_of(site).get(back), "not begun in this browser")
    stolen = browser_of(site)
    sent_back(stolen)
    refused(site, stolen.get(back), "not begun in this browser")
    tampered = browser_of(site)
    refused(site, tampered.get(sent_back(tampered) + "x"), "")
    refused(site, tampered.get(CALLBACK), "not begun in this browser")


def test_an_answer_that_names_another_issuer_is_refused(site: Site) -> None:
    client = browser_of(site)
    back = sent_back(client).split("&iss=")[0] + "&iss=https%3A%2F%2Felsewhere.example"
    refused(site, client.get(back), "not meant for this server")


def test_a_code_is_good_once_and_with_its_verifier(site: Site, provider: FakeProvider) -> None:
    client = browser_of(site)
    back = sent_back(client)
    for asked in provider.codes.values():
        asked["code_challenge"] = "of-somebody-else"
    refused(site, client.get(back), "refuses or does not answer")


@pytest.mark.parametrize(
    ("claims", "changes", "says"),
    [
        ({"groups": ["everybody"]}, {}, "None of your groups"),
        ({"groups": []}, {}, "None of your groups"),
        ({"groups": "line-1"}, {}, "None of your groups"),
        ({"groups": {"line-1-people": True}}, {}, "None of your groups"),
        ({"email": "rei@elsewhere.example"}, {"allowed_domains": ("plant.example",)}, "e-mail"),
        ({"email": "rei@x.plant.example"}, {"allowed_domains": ("plant.example",)}, "e-mail"),
        ({"email_verified": False}, {"allowed_domains": ("plant.example",)}, "e-mail"),
        ({"email_verified": "true"}, {"allowed_domains": ("plant.example",)}, "e-mail"),
        ({"email": "vic", "preferred_username": "x"}, {}, "Another account has your name"),
        ({"email": "a b", "sub": "<b>", "preferred_username": "!"}, {}, "gives no name"),
    ],
    ids=str,
)
def test_who_is_not_meant_to_come_in_is_told_so_in_one_line(
    site: Site, provider: FakeProvider, claims: dict[str, Any], changes: dict[str, Any], says: str
) -> None:
    provider.claims = claims
    refused(site, logged_in(browser_of(with_table(site, table(provider, **changes)))), says)


def test_groups_change_rights_at_the_next_login_and_end_what_was_open(
    site: Site, provider: FakeProvider
) -> None:
    before = browser_of(site)
    logged_in(before)
    provider.claims = {"groups": ["press-people", "guests", "line-1-people"]}
    logged_in(browser_of(site))
    user = user_named(site, "rei@plant.example")
    assert (user.role, set(user.cameras)) == (Role.REVIEWER, {"line-1", "press-9"})
    assert before.get("/").status_code == 303
    inside = browser_of(site)
    logged_in(inside)
    provider.claims = {"groups": ["everybody"]}
    assert logged_in(browser_of(site)).status_code == 403
    assert inside.get("/").status_code == 303


def test_a_group_gives_no_camera_more_rights_than_it_says(provider: FakeProvider) -> None:
    grant = table(provider).grant
    mixed = grant(("guests", "line-1-people"))
    assert mixed is not None
    assert (mixed.role, mixed.cameras) == (Role.REVIEWER, ("line-1",))
    chief = grant(("chiefs", "guests"))
    assert chief is not None
    assert (chief.role, chief.cameras) == (Role.VIEWER, ("*",))
    assert grant(()) is None


def test_an_account_that_was_closed_here_stays_closed_under_any_name(
    site: Site, provider: FakeProvider
) -> None:
    logged_in(browser_of(site))
    change_user(site, "rei@plant.example", who="ada", disabled=True)
    for email in ("rei@plant.example", "rei.new@plant.example"):
        provider.claims = {"email": email}
        answer = logged_in(browser_of(site))
        assert answer.status_code == 403
        assert "closed here" in answer.text
    assert site.store.user("rei.new@plant.example") is None


def test_an_address_that_went_to_somebody_else_opens_not_the_old_account(
    site: Site, provider: FakeProvider
) -> None:
    logged_in(browser_of(site))
    provider.claims = {"sub": "subject-2"}
    answer = logged_in(browser_of(site))
    assert answer.status_code == 403
    assert "Another account has your name" in answer.text


def test_no_password_opens_an_account_of_the_provider(site: Site) -> None:
    logged_in(browser_of(site))
    kept = user_named(site, "rei@plant.example").password_hash
    for tried in (kept, "", "fits-nobody-else"):
        form = {"name": "rei@plant.example", "password": tried}
        assert browser_of(site).post("/login", data=form).status_code == 403


def test_groups_may_come_from_userinfo_and_from_inside_another_claim(
    site: Site, provider: FakeProvider
) -> None:
    provider.left_out = {"groups"}
    provider.info = {"realm": {"roles": ["guests"]}}
    nested = with_table(site, table(provider, groups_claim="realm.roles"))
    assert logged_in(browser_of(nested)).status_code == 200
    assert user_named(site, "rei@plant.example").role is Role.VIEWER
    provider.info = {"sub": "somebody-else", "realm": {"roles": ["chiefs"]}}
    assert logged_in(browser_of(nested)).status_code == 403


@pytest.mark.parametrize(
    "about",
    [
        {"issuer": "https://elsewhere.example"},
        {"authorization_endpoint": "http://elsewhere.example/authorize"},
        {"authorization_endpoint": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_a_provider_that_is_not_what_it_should_be_is_not_followed(
    site: Site, provider: FakeProvider, about: dict[str, str]
) -> None:
    provider.about = about
    answer = browser_of(site).get("/login/oidc")
    assert answer.status_code == 503
    assert "refuses or does not answer" in answer.text


def test_without_a_provider_there_is_no_such_login(site: Site) -> None:
    client = client_of(site)
    assert "/login/oidc" not in client.get("/login").text
    assert client.get("/login/oidc").status_code == 404
    assert client.get(CALLBACK).status_code == 404


def test_a_login_leads_to_no_other_server(site: Site) -> None:
    answer = logged_in(browser_of(site), "//evil.example")
    assert 'content="0;url=/"' in answer.text


def test_a_secret_stands_in_no_log_no_page_and_no_row(
    site: Site,
    provider: FakeProvider,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    pages = [logged_in(browser_of(site)).text]
    provider.claims = {"nonce": "wrong"}
    pages.append(logged_in(browser_of(site)).text)
    client = browser_of(site)
    back = sent_back(client)
    provider.codes.clear()
    pages.append(client.get(back).text)
    shown = capsys.readouterr()
    everything = [caplog.text, shown.out, shown.err, repr(site.settings), *pages]
    everything += [file.read_bytes().decode("latin-1") for file in site.folder.glob("kizashi.db*")]
    for secret in (SECRET, "canary-access-token-77"):
        assert not [text for text in everything if secret in text]
    assert "oidc login refused" in shown.out


def test_logins_and_refusals_stand_in_the_audit_log(site: Site, provider: FakeProvider) -> None:
    logged_in(browser_of(site))
    provider.claims = {"groups": []}
    logged_in(browser_of(site))
    with closing(sqlite3.connect(site.folder / "kizashi.db")) as connection:
        rows = connection.execute("SELECT who, what, detail FROM audit_log ORDER BY audit_id")
        last = [(who, what, json.loads(detail)) for who, what, detail in rows][-3:]
    assert [(who, what, detail["by"]) for who, what, detail in last] == [
        ("rei@plant.example", "user add", "oidc"),
        ("rei@plant.example", "login", "oidc"),
        ("rei@plant.example", "login refused", "oidc"),
    ]
    assert last[2][2]["why"] == "group"


WRONG = {
    'client_secret = "x"': "never written here",
    'issuer = "http://login.plant.example"': "https",
    'client_secret_env = "A"\nclient_secret_file = "b"': "not both",
    'scopes = ["email"]': "openid",
    "groups = []": "must not be empty",
}


@pytest.mark.parametrize(("line", "says"), WRONG.items(), ids=list(WRONG))
def test_settings_that_would_be_unsafe_are_refused(tmp_path: Path, line: str, says: str) -> None:
    good = {
        "issuer": 'issuer = "https://login.plant.example/realms/main"',
        "client_id": 'client_id = "kizashi"',
        "groups": 'groups = [{name = "a", cameras = ["*"]}]',
    }
    good[line.split(" ")[0]] = line
    text = "[dashboard.oidc]\n" + "\n".join(good.values())
    (tmp_path / "kizashi.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=says):
        load_settings(tmp_path)


def test_what_cannot_work_is_said_before_serving(
    site: Site, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = [{"name": "a", "cameras": ["no-such"]}]
    with pytest.raises(SettingsError, match="group a: there is no camera no-such"):
        provider_of(with_table(site, table(provider, groups=unknown)))
    monkeypatch.delenv("KIZASHI_TEST_CLIENT_SECRET")
    with pytest.raises(SettingsError, match="KIZASHI_TEST_CLIENT_SECRET holds no secret"):
        provider_of(site)
