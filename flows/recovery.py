"""Recovery: what a killed `kizashi serve` left on the Prefect server is put in order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

__all__ = ["clear_dead_runs"]

_UNFINISHED = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def clear_dead_runs(client: SyncPrefectClient, deployments: Iterable[RunnerDeployment]) -> int:
    """Mark the unfinished runs of these deployments as crashed and free their slots; return how
    many there were. Only for the one process that serves the site, before it begins.

    A run that was killed keeps its deployment's only slot. Prefect takes it back when the run's
    lease ends, but keeps leases in memory: once the server was restarted too, as after a power
    cut, the slot would stay taken, and every round of watching be left out for ever.
    """
    dead = 0
    for deployment in deployments:
        try:
            known = client.read_deployment_by_name(f"{deployment.flow_name}/{deployment.name}")
        except ObjectNotFound:
            continue
        dead += _crash_unfinished(client, known)
        if known.global_concurrency_limit is not None:
            client.update_global_concurrency_limit(
                known.global_concurrency_limit.name, GlobalConcurrencyLimitUpdate(active_slots=0)
            )
    return dead


def _crash_unfinished(client: SyncPrefectClient, deployment: DeploymentResponse) -> int:
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED))
        ),
    )
    for run in runs:
        state: State[Any] = Crashed(message="kizashi serve, which ran this, is gone")
        client.set_flow_run_state(run.id, state, force=True)
    return len(runs)
