"""Text from outside is data: stored and returned unchanged, or refused with a reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import CameraError, KizashiError, StoreError
from pipeline.identity import content_id
from pipeline.store.contract import Store
from pipeline.store.sql import SqlStore
from tests.hostile_strings import STRINGS
from tests.store_dump import dump
from tests.store_samples import MORNING, camera, fill, footage, line, model, refused, review

pytest_plugins = ("tests.store_fixtures",)


def test_there_are_at_least_200_hostile_strings() -> None:
    assert len(STRINGS) >= 200


def test_every_string_comes_back_unchanged_as_a_note_and_a_reviewer(store: SqlStore) -> None:
    one = fill(store, reviewed=False)
    tables = store.row_counts()
    put = [
        review(one.alert, minutes=n, review_id=f"{n:032x}", note=text, reviewer=text)
        for n, text in enumerate(STRINGS)
    ]
    for said in put:
        assert store.add_review(said) == 1
        assert store.add_review(said) == 0
    assert store.reviews(one.alert.alert_id) == put
    assert store.row_counts() == {**tables, "reviews": len(STRINGS)}


def test_every_string_comes_back_unchanged_as_a_path_and_a_detail(store: SqlStore) -> None:
    store.put_camera(camera())
    put = [
        replace(refused(), footage_id=content_id("footage", n), path=text, detail=text)
        for n, text in enumerate(STRINGS)
    ]
    for film in put:
        assert store.add_footage(film, [], []) == 1
    assert {film.footage_id: film for film in store.footage_of("press-1")} == {
        film.footage_id: film for film in put
    }


def test_every_string_comes_back_unchanged_in_json(store: Store) -> None:
    store.put_camera(camera())
    manifest = {"list": STRINGS, "keys": dict.fromkeys(STRINGS, 1)}
    store.add_model(model(manifest=manifest), [])
    assert store.models("press-1")[0].manifest == manifest


def test_every_string_comes_back_unchanged_as_purpose_owner_and_source(store: Store) -> None:
    for text in STRINGS[::2]:
        put = camera(purpose=text + "x", owner="x" + text, source=Path(text))
        store.put_camera(put)
        assert store.camera("press-1") == put


def test_every_string_is_refused_as_a_name_of_a_camera_or_comes_back(store: SqlStore) -> None:
    accepted, refusals = [], []
    for text in STRINGS:
        try:
            store.put_camera(camera(text))
        except CameraError as error:
            refusals.append(str(error))
        else:
            accepted.append(text)
            assert store.camera(text).name == text
    assert not [said for said in refusals if "\n" in said]
    assert [known.name for known in store.cameras()] == sorted(accepted)
    assert {"null", "0x1", "pg_catalog", "sqlite_master"} < set(accepted)
    assert len(accepted) < 15


def test_no_string_finds_anything_by_being_asked_for(store: SqlStore) -> None:
    one = fill(store)
    before = dump(store)
    for text in STRINGS[::3]:
        assert store.segments(text) == store.events(text) == store.alerts(text) == []
        assert store.footage_ids(text) == set()
        assert list(store.anomalies(text, text)) == []
        assert store.reviews(text) == store.evidence(text) == []
        assert store.unscored_segments("press-1", text) == [one.segment]
        for ask in (store.alert, store.camera, store.footage, store.segment):
            with pytest.raises(KizashiError):
                ask(text)
    assert dump(store) == before


def test_strings_can_be_audited_and_leased(store: SqlStore) -> None:
    some = STRINGS[::3]
    for text in some:
        store.audit(text, text, text, {text: text})
        lease = store.acquire_lease(text, "me", 60.0)
        assert (lease.name, lease.fence) == (text, 1)
    rows = dump(store)["audit_log"]
    assert [(r["who"], r["what"], r["subject"], r["detail"]) for r in rows] == sorted(
        ((t, t, t, {t: t}) for t in some),
        key=lambda r: repr({"who": r[0], "what": r[1], "subject": r[2], "detail": r[3]}),
    )


NUL = "a\0b"


def test_a_nul_character_is_refused_with_a_clear_error_everywhere(store: SqlStore) -> None:
    one = fill(store)
    before = dump(store)
    attempts = [
        lambda: store.add_review(review(one.alert, minutes=9, review_id="9" * 32, note=NUL)),
        lambda: store.add_footage(footage(number=5, path=NUL), [], []),
        lambda: store.add_model(model(number=3, manifest={"deep": [{NUL: 1}]}), []),
        lambda: store.put_camera(camera(purpose=NUL)),
        lambda: store.audit(NUL, "look", "x", {}),
        lambda: store.acquire_lease(NUL, "me", 1.0),
        lambda: store.footage(NUL),
        lambda: store.alert("123456" + NUL),
        lambda: store.record_delivery(one.alert.alert_id, "file", MORNING, NUL),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError, match="NUL"):
            attempt()
    assert dump(store) == before


def test_names_that_are_not_utf_8_are_readable_in_sql(store: Store) -> None:
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    one = line()
    store.put_camera(one.camera)
    store.add_footage(replace(one.footage, path=name), [one.segment], [])
    store.add_model(one.model, [])
    store.add_anomalies(one.anomalies)
    store.put_events([one.event])
    store.add_alert(one.alert, [])
    _, rows = store.query("SELECT footage_path FROM flagged_clips")
    assert rows == [("caf\ufffd{dce9}.mp4",)]
