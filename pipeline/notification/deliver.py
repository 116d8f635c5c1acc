"""Delivery: every alert reaches every sink that wants it at least once; its id lets the receiver
drop repetitions.

For one camera and one sink messages come in order: one that fails holds the later ones back, other
cameras go on. Quiet hours and rate limits hold back what is not critical; it is told of in one
digest afterwards. Critical alerts overtake what is held back, and nothing holds them but a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from pipeline.alerts.alerts import Alert, Severity
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import KizashiError, LeaseHeld
from pipeline.masking import masked
from pipeline.notification.compose import compose_alert, compose_digest
from pipeline.notification.message import Message
from pipeline.notification.outbox import Digest, DigestKind, PendingDelivery, PendingDigest
from pipeline.notification.pauses import pause_seconds, rest_until
from pipeline.notification.rules import day_due
from pipeline.notification.sinks import Channel, channels_of
from pipeline.store.leases import lease_kept

__all__ = ["DeliverySummary", "deliver_pending", "pause_seconds"]

_BATCH = 100
_LONGEST_ERROR = 300
_MOST_LOST_SECONDS = 15.0
"""After failures in a row that took so long a round leaves the sink alone: cameras wait for it."""


@dataclass(kw_only=True, slots=True)
class DeliverySummary:
    """What became of the pending messages of all sinks."""

    delivered: int = 0
    """Alerts handed over, those in digests of what was held back included."""
    failed: int = 0
    """Messages that could not be handed over; tried again later."""
    held: int = 0
    """Alerts that were held back now, by quiet hours or a limit."""
    digests: int = 0
    """Daily digests handed over."""


def deliver_pending(site: Site, channels: Sequence[Channel] | None = None) -> DeliverySummary:
    """Hand over what is due, to each channel of the site (None: those of its settings).

    The receipt is recorded after a message arrived; so a run that is killed between the two sends
    it again, under the same key. One worker at a time serves a sink: another one that comes
    meanwhile leaves its alerts to it.
    """
    summary = DeliverySummary()
    for channel in channels_of(site) if channels is None else channels:
        _serve(site, channel, summary)
    return summary


def _serve(site: Site, channel: Channel, summary: DeliverySummary) -> None:
    round_ = _Round(site, channel, summary)
    while round_.has_work():
        try:
            with lease_kept(site.store, f"notify/{channel.name}", site.settings.lease_seconds):
                round_.run()
        except LeaseHeld:
            return  # whoever holds it looks once more after giving it back, as the next line does
        if not round_.has_news():
            return


class _Round:
    """One look at everything that one sink has to receive."""

    def __init__(self, site: Site, channel: Channel, summary: DeliverySummary) -> None:
        self._site = site
        self._store = site.store
        self._channel = channel
        self._sink = channel.name
        self._summary = summary
        self._lost_seconds = 0.0
        """What the failures since the last receipt took."""
        self._gave_up = False

    def has_work(self) -> bool:
        """Return whether there may be anything to send."""
        if self._channel.rules.digest_at is not None:
            return True
        return bool(self._store.waiting_cameras(self._sink))

    def has_news(self) -> bool:
        """Return whether an alert came in while the round ran. One that failed is none, though its
        pause may be over by now: the rounds of a sink that does not answer would never end."""
        if self._gave_up:
            return False
        waiting = self._store.waiting_cameras(self._sink)
        heads = (self._store.fresh_deliveries(self._sink, name, 1) for name in waiting)
        return any(head and not head[0].attempts for head in heads)

    def run(self) -> None:
        """Send what is due."""
        rules = self._channel.rules
        heads = self._heads()
        self._gave_up = self._rests(heads)
        # Whoever was not tried yet comes first, or those that fail would take all of the time.
        cameras = sorted(self._store.cameras(), key=lambda one: _failures(heads.get(one.name, ())))
        for camera in cameras:
            if self._gave_up:
                return
            if camera.name in heads:
                quiet = rules.is_quiet(self._now(), camera.timezone)
                waiting = not self._send_held(camera, quiet)
                self._send_fresh(camera, quiet, waiting)
            if rules.digest_at is not None and rules.is_about(camera.name):
                self._send_daily(camera, rules.digest_at)

    def _heads(self) -> dict[str, list[PendingDelivery | PendingDigest]]:
        """Return what is the next to be sent of each camera of which something waits."""
        store, sink = self._store, self._sink
        daily = [DigestKind.DAILY] if self._channel.rules.digest_at is not None else []
        kinds = [DigestKind.HELD, *daily]
        return {
            name: [
                *store.fresh_deliveries(sink, name, 1),
                *(one for kind in kinds for one in store.pending_digests(sink, name, kind)),
            ]
            for name in store.waiting_cameras(sink)
        }

    def _rests(self, heads: Mapping[str, Sequence[PendingDelivery | PendingDigest]]) -> bool:
        """Return whether the sink, which failed last time and for several messages, is left alone
        for now."""
        until = rest_until([one for found in heads.values() for one in found])
        if until is None or until <= self._now():
            return False
        states = {state.sink: state for state in self._store.sink_states()}
        return states[self._sink].last_error is not None

    def _send_held(self, camera: Camera, quiet: bool) -> bool:
        """Send what was held back; return whether nothing of it waits any longer."""
        kind = DigestKind.HELD
        for pending in self._store.pending_digests(self._sink, camera.name, kind):
            if quiet or not self._is_due(pending) or not self._within_limit():
                return False
            if not self._send_digest(camera, pending):
                return False
        held = list(self._store.held_deliveries(self._sink, camera.name))
        # What has grown critical since then waits no longer.
        for item in [one for one in held if _is_critical(one.alert)]:
            if not self._is_due(item) or not self._send_alert(camera, item):
                return False
            held.remove(item)
        if not held:
            return True
        if quiet or not self._within_limit():
            return False
        alerts = [item.alert for item in held]
        digest = Digest.of_held(self._sink, camera.name, alerts)
        self._store.add_digest(digest, [alert.alert_id for alert in alerts])
        return self._send_digest(camera, PendingDigest(digest=digest, attempts=0, retry_utc=None))

    def _send_fresh(self, camera: Camera, quiet: bool, waiting: bool) -> None:
        """Send alerts in order, or hold them back: also behind others that wait (`waiting`)."""
        more = True
        while more:
            batch = self._store.fresh_deliveries(self._sink, camera.name, _BATCH)
            more = len(batch) == _BATCH
            for item in batch:
                if not self._is_due(item):
                    return
                if not _is_critical(item.alert) and (quiet or waiting or not self._within_limit()):
                    self._store.hold_delivery(item.alert.alert_id, self._sink, self._now())
                    self._summary.held += 1
                    waiting = True
                elif not self._send_alert(camera, item):
                    return

    def _send_daily(self, camera: Camera, at: time) -> None:
        day, due, before = day_due(at, camera.timezone, self._now())
        last = self._store.last_digest_until(self._sink, camera.name)
        if last is None or last < due:
            # After a pause of several days one digest tells of them all.
            digest = Digest.of_day(self._sink, camera.name, day, last or before, due)
            self._store.add_digest(digest, [])
        kind = DigestKind.DAILY
        for pending in self._store.pending_digests(self._sink, camera.name, kind):
            if not self._is_due(pending) or not self._send_digest(camera, pending):
                return

    def _send_alert(self, camera: Camera, item: PendingDelivery) -> bool:
        error = self._send(lambda: compose_alert(self._site, camera, item.alert))
        self._store.record_delivery(
            item.alert.alert_id, self._sink, self._now(), error, self._retry_utc(item, error)
        )
        self._summary.delivered += error is None
        return error is None

    def _send_digest(self, camera: Camera, item: PendingDigest) -> bool:
        digest = item.digest
        error = self._send(lambda: compose_digest(self._site, camera, digest))
        self._store.record_digest(
            digest.digest_id, self._now(), error, self._retry_utc(item, error)
        )
        if error is None and digest.kind is DigestKind.HELD:
            self._summary.delivered += len(self._store.digest_alerts(digest.digest_id))
        elif error is None:
            self._summary.digests += 1
        return error is None

    def _send(self, compose: Callable[[], Message]) -> str | None:
        """Return None once the sink has received a message, else why it has not."""
        begun = self._site.clock.monotonic()
        try:
            self._channel.sink.send(compose())
        except KizashiError as error:
            said = masked(str(error))[:_LONGEST_ERROR]
        except Exception as error:  # what breaks must not hold up other sinks and cameras
            # Without its text, of which nobody knows what it repeats.
            said = f"unexpected {type(error).__name__}; see kizashi --debug notify test"
        else:
            self._lost_seconds = 0.0
            return None
        self._summary.failed += 1
        self._lost_seconds += self._site.clock.monotonic() - begun
        self._gave_up = self._lost_seconds >= _MOST_LOST_SECONDS
        return said

    def _retry_utc(
        self, item: PendingDelivery | PendingDigest, error: str | None
    ) -> datetime | None:
        if error is None:
            return None
        return self._now() + timedelta(seconds=pause_seconds(item.attempts + 1))

    def _within_limit(self) -> bool:
        rules = self._channel.rules
        if rules.at_most is None:
            return True
        since = self._now() - timedelta(seconds=rules.per_seconds)
        return self._store.messages_since(self._sink, since) < rules.at_most

    def _is_due(self, item: PendingDelivery | PendingDigest) -> bool:
        return item.retry_utc is None or item.retry_utc <= self._now()

    def _now(self) -> datetime:
        return self._site.clock.now_utc()


def _is_critical(alert: Alert) -> bool:
    return alert.severity is Severity.CRITICAL


def _failures(heads: Sequence[PendingDelivery | PendingDigest]) -> int:
    return max((one.attempts for one in heads), default=0)
