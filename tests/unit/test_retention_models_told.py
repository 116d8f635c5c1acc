"""What is said of a model whose files are gone: the command line and pages, in two languages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.assembly import Site
from pipeline.errors import ModelError
from pipeline.learning.candidate import compare_candidate
from pipeline.learning.choose_origin import choose_origin
from pipeline.learning.presets import preset_named
from pipeline.learning.registration import made_before
from pipeline.reports.what_if import what_if
from pipeline.retention.policy import Kind
from pipeline.retention.run import run_retention
from pipeline.store.sql import open_store
from tests.command_line import Run, command_line
from tests.dashboard_site import LATER, filled_site, signed_in
from tests.retention_makers import RetentionSite, retention_site
from tests.store_samples import MORNING, comparison, model

DAY = timedelta(days=1)
SAID = "were removed by retention on 2026-08-0"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[RetentionSite]:
    """A site whose camera press-1 has three models; the files of the first are gone."""
    folder = tmp_path / "plant"
    folder.mkdir()
    opened = retention_site(folder, open_store(f"sqlite:///{folder / 'kizashi.db'}"), MORNING)
    opened.add_camera()
    tail = {"threshold": 1.0, "events_per_day": 10.0, "scale": 0.1, "shape": 0.0}
    for number in (1, 2, 3):
        plain = model(number=number)
        known = replace(
            plain,
            calibration={**plain.calibration, "tail": tail},
            manifest={**plain.manifest, "job": f"job {number}"},
        )
        opened.store.add_model(known, [])
        opened.store.promote(known.model_id, MORNING + number * DAY)
    opened.clock.advance(timedelta(days=183).total_seconds())
    assert run_retention(opened.site, "press-1").items(Kind.MODELS) == 2
    yield opened
    opened.site.close()


@pytest.fixture
def kizashi(here: RetentionSite, capsys: pytest.CaptureFixture[str]) -> Run:
    return command_line(here.site.folder, capsys)


def test_models_without_files_are_listed_and_shown_as_such(kizashi: Run) -> None:
    listed = json.loads(kizashi("model", "list", "--format", "json")[1])
    assert [row["files_removed_utc"] for row in listed] == [
        *["2026-08-02T08:00:00Z"] * 2,
        None,
        None,
    ]
    shown = json.loads(kizashi("model", "show", model(number=1).model_id)[1])
    assert shown["files_removed_utc"] == "2026-08-02T08:00:00Z"
    assert shown["state"] == "retired"


@pytest.mark.parametrize(
    "arguments",
    [
        ("model", "promote"),
        ("model", "samples"),
        ("model", "distil"),
        ("model", "compare"),
        ("model", "export", "--out", "student.onnx"),
        ("what-if", "press-1", "--model"),
    ],
)
def test_commands_that_need_the_files_say_in_one_line_that_they_are_gone(
    kizashi: Run, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gone = model(number=1).model_id
    if "--out" in arguments:
        code, _, err = kizashi(*arguments[:2], gone, *arguments[2:])
    else:
        code, _, err = kizashi(*arguments, gone)
    assert code == 5
    assert err.count("\n") == 1
    assert f"files of model {gone[:12]} of camera press-1 {SAID}" in err
    assert "kizashi model list press-1" in err


def test_nothing_is_learnt_from_or_taken_for_a_model_without_files(here: RetentionSite) -> None:
    gone = model(number=1).model_id
    assert made_before(here.site, "press-1", "job 1") is None
    for use in (
        lambda: what_if(here.site, "press-1", model=gone),
        lambda: compare_candidate(here.site, gone, who="ada"),
    ):
        with pytest.raises(ModelError, match=SAID):
            use()
    other = replace(here.store.camera("press-1"), name="press-2")
    here.store.put_camera(other)
    student = replace(model(number=9), manifest={"teacher": gone})
    here.store.add_model(student, [])
    here.store.promote(student.model_id, here.clock.now_utc())
    with pytest.raises(ModelError, match=SAID):
        choose_origin(here.site, other, "press-1", [], preset_named("compact"))


@pytest.mark.parametrize(
    ("language", "listed", "said", "refused"),
    [
        (
            "en",
            "files removed",
            "Retention removed the files of this model on",
            "only its scores and alerts stay; choose another",
        ),
        (
            "ja",
            "ファイル削除済み",
            "このモデルのファイルは保存期間の規定により",
            "保存期間により削除され、スコアとアラートだけが残っています",
        ),
    ],
)
def test_pages_say_that_the_files_are_gone_and_offer_nothing(
    tmp_path: Path, language: str, listed: str, said: str, refused: str
) -> None:
    with filled_site(tmp_path, pictures=False) as site:
        _refused_long_ago(site)
        client = signed_in(site, "ada")
        client.cookies.set("kizashi-language", language)
        assert listed in client.get("/models").text
        page = client.get(f"/models/{LATER}").text
        assert said in page
        assert f"/models/{LATER}/promote" not in page
        assert "kizashi model samples" not in page
        answer = client.post(f"/models/{LATER}/promote")
        assert answer.status_code == 404
        assert refused in answer.text
        kept = client.get("/cameras/line-1/kept").text
        assert ("Models, after they were" in kept) == (language == "en")


def _refused_long_ago(site: Site) -> None:
    active = site.store.active_model("line-1")
    (later,) = [one for one in site.store.models("line-1") if one.model_id == LATER]
    assert active is not None
    made = comparison(later, active, not_worse=False)
    site.store.add_comparison(replace(made, at_utc=site.clock.now_utc() - 400 * DAY))
    run_retention(site, "line-1")
