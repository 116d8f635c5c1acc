"""Options that mean nothing without another one are refused, and nothing is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.accounts.accounts import Role
from pipeline.accounts.login import add_user
from pipeline.assembly import open_site
from tests.command_line import Run, command_line
from tests.store_samples import camera

CORNERS = "0,0 0.3,0 0.3,0.5"
REGISTER = ("--purpose", "see jams", "--owner", "line 3", "--retention-days", "30")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a site with a camera and an account."""
    (tmp_path / "footage" / "press-1").mkdir(parents=True)
    site = open_site(tmp_path)
    site.store.put_camera(camera())
    word = "long-enough-to-be-one"
    add_user(site, "rei", role=Role.ADMIN, cameras=("*",), password=word, who="ada")
    site.close()
    return tmp_path


@pytest.fixture
def kizashi(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command on that site."""

    return command_line(folder, capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("camera", "mask", "press-1", "--name", "door"), "--polygon", id="name"),
        pytest.param(
            ("camera", "mask", "press-1", "--clear", "--name", "door"), "--polygon", id="clear"
        ),
        pytest.param(("camera", "mask", "press-1", "--confirm"), "--clear", id="confirm"),
        pytest.param(("camera", "zone", "press-1", "--kind", "watch"), "--add", id="kind"),
        pytest.param(("camera", "zone", "press-1", "--polygon", CORNERS), "--add", id="polygon"),
        pytest.param(("camera", "zone", "press-1", "--budget", "2"), "--add", id="budget"),
        pytest.param(
            ("camera", "zone", "press-1", "--remove", "gate", "--hours", ""), "--add", id="hours"
        ),
        pytest.param(
            ("camera", "add", "two", "--source", "footage", *REGISTER, "--sequence-start", "7d"),
            "--clock sequence",
            id="sequence start of a new camera",
        ),
        pytest.param(
            ("camera", "set", "press-1", "--sequence-start", "2026-01-31"),
            "--clock sequence",
            id="sequence start of a camera",
        ),
        pytest.param(
            ("camera", "set", "press-1", "--clock", "name", "--sequence-start", "2026-01-31"),
            "--clock sequence",
            id="sequence start with another clock",
        ),
        pytest.param(
            ("model", "export", "abcdef", "--out", "no-such/x.onnx"),
            "there is no folder no-such",
            id="a folder that is not there",
        ),
        pytest.param(("user", "set", "rei"), "user rei: nothing to change", id="nothing"),
    ],
)
def test_an_option_without_its_other_half_is_one_line(
    folder: Path, kizashi: Run, arguments: tuple[str, ...], said: str
) -> None:
    site = open_site(folder)
    before = site.store.row_counts()
    code, out, err = kizashi(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert site.store.row_counts() == before
    site.close()


def test_the_start_of_a_sequence_may_follow_its_clock(kizashi: Run) -> None:
    assert kizashi("camera", "set", "press-1", "--clock", "sequence")[0] == 0
    assert kizashi("camera", "set", "press-1", "--sequence-start", "2026-01-31")[0] == 0


def test_an_account_that_is_on_is_unlocked_by_on(kizashi: Run) -> None:
    assert kizashi("user", "set", "rei", "--on")[0] == 0
