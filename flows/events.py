"""Events: alerts as events of the Prefect server that runs the flows, for its automations."""

from __future__ import annotations

from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.events import Event, Resource
from prefect.settings import PREFECT_API_URL, temporary_settings

from pipeline.errors import NotificationError
from pipeline.notification.message import Message

__all__ = ["LOCAL_SERVER", "PrefectEventSink", "event_of"]

LOCAL_SERVER = "http://127.0.0.1:4200/api"
"""Where `prefect server start` listens. Without an address Prefect would start a server of its own
for the moment, and nobody would see the event."""


def event_of(message: Message) -> Event:
    """Return a message as the event kizashi.alert, kizashi.held_digest, kizashi.daily_digest or
    kizashi.test; its id is the message's key."""
    return Event(
        id=UUID(hex=message.key),
        event=f"kizashi.{message.kind.value}",
        resource=Resource(
            {
                "prefect.resource.id": f"kizashi.camera.{message.camera or 'none'}",
                "prefect.resource.name": message.camera or "none",
                "kizashi.title": message.title,
            }
        ),
        payload=message.body(),
    )


class PrefectEventSink:
    """Hands events to the server itself and waits for its answer: what `emit_event` queues in the
    background has no receipt."""

    def send(self, message: Message) -> None:
        """See `pipeline.notification.sinks.Sink`."""
        try:
            with (
                temporary_settings({PREFECT_API_URL: PREFECT_API_URL.value() or LOCAL_SERVER}),
                get_client(sync_client=True) as client,
            ):
                body = [event_of(message).model_dump(mode="json")]
                client.request("POST", "/events", json=body)
        except httpx.HTTPStatusError as error:
            raise NotificationError(
                f"Prefect server answered {error.response.status_code} to an event; see its log"
            ) from None
        except (httpx.HTTPError, OSError, RuntimeError) as error:
            raise NotificationError(
                f"Prefect server: {type(error).__name__}; is it running? prefect server start"
            ) from None
