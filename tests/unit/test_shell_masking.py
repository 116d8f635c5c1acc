"""No secret leaves in a line of text or a log, however it is written."""

import io
import json
import logging

import pytest
import structlog

from pipeline.logs import configure_logs
from pipeline.masking import masked

CANARY = "cAnArY"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            f"open rtsp://user:{CANARY}@10.0.0.7:554/stream1 failed",
            "open rtsp://***@10.0.0.7:554/stream1 failed",
            id="user and password",
        ),
        pytest.param(f"rtsp://first.last:{CANARY}@host/s", "rtsp://***@host/s", id="dotted user"),
        pytest.param(
            f"rtsp://user:p%40{CANARY}%2F@host/s", "rtsp://***@host/s", id="percent-encoded"
        ),
        pytest.param(
            f"rtsp://user:a/{CANARY}?b#c@host/s", "rtsp://***@host/s", id="unescaped signs"
        ),
        pytest.param(f"rtsp://u:a@{CANARY}@host/s", "rtsp://***@host/s", id="unescaped @"),
        pytest.param(
            f"https://cam/snap?user=a&token={CANARY}&size=2",
            "https://cam/snap?user=a&token=***&size=2",
            id="token in the query",
        ),
        pytest.param(
            f"postgresql+psycopg://kizashi:{CANARY}@db.plant:5432/kizashi?sslmode=require",
            "postgresql+psycopg://***@db.plant:5432/kizashi?sslmode=require",
            id="database",
        ),
        pytest.param(
            f"https://hooks.example.com/services/T0/{CANARY}0123456789abcdef",
            "https://hooks.example.com/services/T0/***",
            id="webhook's token in the path",
        ),
        pytest.param(
            f"rtsp://10.0.0.7/user=admin_password={CANARY}_channel=1",
            "rtsp://10.0.0.7/user=admin_password=***",
            id="password in the path",
        ),
        pytest.param(f"smtp login password: {CANARY}", "smtp login password: ***", id="words"),
        pytest.param(f'{{"session_key": "{CANARY}"}}', '{"session_key": "***"}', id="JSON"),
        pytest.param(f"host=db password='{CANARY}'", "host=db password='***'", id="conninfo"),
        pytest.param(f"Auth: Bearer {CANARY}", "Auth: ***", id="bearer"),
        pytest.param(f"rtsp://[::bad:{CANARY}", "rtsp://***", id="no host can be parsed"),
        pytest.param("sqlite:///srv/kizashi.db", "sqlite:///srv/kizashi.db", id="nothing secret"),
        pytest.param(
            "see https://docs.python.org/3/library/logging.html#levels",
            "see https://docs.python.org/3/library/logging.html#levels",
            id="an ordinary link",
        ),
        pytest.param(
            f"no folder /srv/rtsp:/user:{CANARY}@host/s",
            "no folder /srv/rtsp:/***@host/s",
            id="taken for a path",
        ),
        pytest.param("two\nlines\r", "two\\nlines\\r", id="one line"),
    ],
)
def test_secrets_are_hidden_and_the_rest_stays(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert CANARY not in masked(text)


def test_logs_are_masked_json_lines_with_exceptions_too() -> None:
    stream = io.StringIO()
    configure_logs(debug=True, stream=stream)
    secret = f"rtsp://u:{CANARY}@host/s"
    structlog.get_logger("kizashi").info("opened", source=secret, password=CANARY, frames=3)
    logging.getLogger("library").warning("cannot open %s", secret)
    try:
        raise OSError(f"no route to {secret}")
    except OSError:
        logging.getLogger("library").warning("failed", exc_info=True)
    structlog.get_logger("kizashi").debug("many", cameras=[{"url": secret, "token": CANARY}])
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert CANARY not in stream.getvalue()
    assert [line["event"] for line in lines] == [
        "opened",
        "cannot open rtsp://***@host/s",
        "failed",
        "many",
    ]
    assert (lines[0]["source"], lines[0]["password"], lines[0]["frames"]) == (
        "rtsp://***@host/s",
        "***",
        3,
    )
    assert "OSError" in lines[2]["exception"]
    assert lines[3]["cameras"] == [{"url": "rtsp://***@host/s", "token": "***"}]
