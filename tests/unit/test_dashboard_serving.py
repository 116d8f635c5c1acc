"""The dashboard refuses to start where it would be open to people that nobody meant."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from dashboards.serving import Place, check_free, check_place
from pipeline.errors import SettingsError


def place(tmp_path: Path, **changes: Any) -> Place:
    files = {}
    for name in ("certificate", "key"):
        if changes.pop(name, False):
            files[name] = tmp_path / name
            files[name].write_text("pem", encoding="utf-8")
    return Place(**changes, **files)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"host": "::1"},
        {"host": "localhost"},
        {"without_login": True},
        {"host": "0.0.0.0", "certificate": True, "key": True},
        {"behind_proxy": True, "names": ("kizashi.plant",)},
    ],
)
def test_places_that_will_do(tmp_path: Path, changes: dict[str, Any]) -> None:
    check_place(place(tmp_path, **changes), users=1)


@pytest.mark.parametrize(
    ("changes", "users", "says"),
    [
        ({}, 0, "kizashi user add"),
        ({"host": "0.0.0.0"}, 1, "TLS"),
        ({"host": "192.168.3.4"}, 1, "TLS"),
        ({"host": "plant-server"}, 1, "TLS"),
        ({"host": "0.0.0.0", "without_login": True}, 1, "this machine alone"),
        ({"behind_proxy": True, "names": ("a",), "without_login": True}, 1, "this machine alone"),
        ({"names": ("a",), "without_login": True}, 1, "this machine alone"),
        ({"behind_proxy": True}, 1, "--name"),
        ({"certificate": True}, 1, "give both"),
    ],
)
def test_places_that_will_not(
    tmp_path: Path, changes: dict[str, Any], users: int, says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        check_place(place(tmp_path, **changes), users=users)


def test_a_port_that_is_in_use_is_told_before_anything_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} of 127.0.0.1 is in use; give anothe"):
            check_free(Place(port=port))
    check_free(Place(port=port))
