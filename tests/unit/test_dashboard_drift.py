"""Pages say what drifts and how candidates did, in two languages, and offer what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.assembly import Site
from pipeline.reports.words import catalogue
from tests.alerts_makers import MODEL
from tests.dashboard_site import LATER, filled_site, signed_in
from tests.store_dump import dump
from tests.store_samples import comparison, drift_check, model, statistic


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with filled_site(tmp_path, pictures=False) as opened:
        yield opened


def page(site: Site, path: str, name: str = "ada", language: str = "en") -> str:
    client = signed_in(site, name)
    client.cookies.set("kizashi-language", language)
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.text


def tried(site: Site, *, not_worse: bool) -> None:
    records = {record.model_id: record for record in site.store.models("line-1")}
    made = comparison(records[LATER], records[MODEL], not_worse=not_worse)
    site.store.add_comparison(made)


def test_a_camera_that_nobody_checked_does_not_say_that_nothing_drifts(site: Site) -> None:
    shown = page(site, "/cameras/line-1")
    assert "not checked yet" in shown
    assert "None found" not in shown


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Serious: score of clips", "0.434 → 0.9 (4.5 times the usual spread)")),
        ("ja", ("重大: クリップのスコア", "0.434 → 0.9（通常のばらつきの 4.5 倍）")),
    ],
)
def test_a_camera_says_what_drifts(site: Site, language: str, words: tuple[str, ...]) -> None:
    active = site.store.active_model("line-1")
    assert active is not None
    site.store.put_drift(drift_check(active))
    shown = page(site, "/cameras/line-1", language=language)
    for text in words:
        assert text in shown
    quiet = statistic(severity=None, since_utc=None, found_utc=None)
    later = drift_check(active, quiet)
    site.store.put_drift(replace(later, checked_utc=later.checked_utc + timedelta(hours=1)))
    assert words[1] not in page(site, "/cameras/line-1", language=language)


@pytest.mark.parametrize(
    ("language", "refused"), [("en", "Refused, because:"), ("ja", "却下。理由:")]
)
def test_a_refused_candidate_has_its_reasons_and_no_button(
    site: Site, language: str, refused: str
) -> None:
    tried(site, not_worse=False)
    shown = page(site, "/models", language=language)
    assert refused in shown
    assert "reversed" in shown
    assert "promote-compared" not in shown
    client = signed_in(site, "ada")
    answer = client.post(f"/models/{LATER}/promote-compared")
    assert answer.status_code == 422
    assert "none of the 3 injected faults of kind reversed" in answer.text
    active = site.store.active_model("line-1")
    assert active is not None
    assert active.model_id == MODEL
    (told,) = [row for row in dump(site.store)["audit_log"] if row["what"] == "refuse promotion"]  # type: ignore[arg-type]
    assert (told["who"], told["subject"]) == ("ada", LATER)


def test_an_administrator_promotes_what_is_not_worse_and_goes_back(site: Site) -> None:
    tried(site, not_worse=True)
    shown = page(site, "/models")
    assert "20 of 24" in shown
    assert "21 of 24" in shown
    assert f"/models/{LATER}/promote-compared" in shown
    assert "promote-compared" not in page(site, "/models", "rei")
    client = signed_in(site, "ada")
    assert client.post(f"/models/{LATER}/promote-compared").status_code == 204
    active = site.store.active_model("line-1")
    assert active is not None
    assert active.model_id == LATER
    assert "/cameras/line-1/rollback" in page(site, "/models")
    told = [
        (row["who"], row["subject"], row["detail"]["by"].split()[0])
        for row in dump(site.store)["audit_log"]  # type: ignore[arg-type]
        if row["what"] == "promote"
    ]
    assert ("ada", LATER, "comparison") in told


def test_a_candidate_that_was_not_tried_says_how(site: Site) -> None:
    assert f"kizashi model compare {LATER[:12]}" in page(site, "/models")


def test_every_refusal_has_words() -> None:
    from pipeline.evaluation.refusals import Refusal

    for language in ("en", "ja"):
        texts = catalogue(language, "dashboards.text")
        assert {f"compare.why.{why}" for why in Refusal} <= set(texts)


@pytest.mark.parametrize(
    ("language", "said", "unseen"),
    [
        ("en", "Started from the networks of", "a camera that you may not see"),
        ("ja", "学習の出発点としたモデル", "閲覧権限のないカメラのモデル"),
    ],
)
def test_the_page_of_a_model_says_where_it_began_to_whom_it_concerns(
    site: Site, language: str, said: str, unseen: str
) -> None:
    origin = {"camera": "press-9", "model": "9" * 32}
    begun = model(name="line-1", number=9, manifest={"origin": origin})
    site.store.add_model(begun, [])
    shown = page(site, f"/models/{begun.model_id}", language=language)
    assert said in shown
    assert "press-9 <code>999999999999</code>" in shown
    hidden = page(site, f"/models/{begun.model_id}", "rei", language=language)
    assert unseen in hidden
    assert "press-9" not in hidden
    assert said not in page(site, f"/models/{LATER}", language=language)


@pytest.mark.parametrize(
    ("language", "found", "nothing", "slower"),
    [
        ("en", "every 4.00 s: upper right", "nothing was found", "cycle of 4.00 s"),
        ("ja", "4.00 秒ごと: 右上", "見つかりませんでした", "4.00 秒周期の動作"),
    ],
)
def test_the_page_of_a_model_says_what_repeats_itself(
    site: Site, language: str, found: str, nothing: str, slower: str
) -> None:
    place = {"x": 0.7, "y": 0.1, "width": 0.2, "height": 0.2}
    arm = {"seconds": 4.0, "strength": 0.9, "share": 0.07, "place": place}
    knows = model(name="line-1", number=10, calibration={"cycles": [arm]})
    knows_none = model(name="line-1", number=11, calibration={"cycles": []})
    for record in (knows, knows_none):
        site.store.add_model(record, [])
    assert found in page(site, f"/models/{knows.model_id}", language=language)
    assert nothing in page(site, f"/models/{knows_none.model_id}", language=language)
    unlooked = page(site, f"/models/{LATER}", language=language)
    assert found not in unlooked
    assert nothing not in unlooked
    active = site.store.active_model("line-1")
    assert active is not None
    site.store.put_drift(drift_check(active, statistic("cycle of 4.00 s")))
    assert slower in page(site, "/cameras/line-1", language=language)
