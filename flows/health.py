"""Health: whether the Prefect server that is configured answers."""

from __future__ import annotations

from prefect.settings import PREFECT_API_URL

from pipeline.errors import SettingsError
from pipeline.masking import masked

__all__ = ["prefect_answer"]


def prefect_answer() -> tuple[str, str | None] | None:
    """Return the address of the configured server and what is wrong with it (None: it answers);
    None when none is configured."""
    url = PREFECT_API_URL.value()
    if not url:
        return None
    from flows.deployments import server_url  # with every flow: only for a server

    try:
        server_url()
    except SettingsError as error:
        return masked(url), str(error)
    return masked(url), None
