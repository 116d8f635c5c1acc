"""What can go wrong inside the neural model.

TganError
├── NonFiniteError     a NaN or an infinity was met; nothing was changed
├── CheckpointError    a checkpoint cannot be written, read or trusted
└── ProcessesDisagree  processes that train together do not hold the same networks

A wrong configuration is a plain `ValueError`, raised when the configuration is made.
"""

__all__ = ["CheckpointError", "NonFiniteError", "ProcessesDisagree", "TganError"]


class TganError(Exception):
    """Base of every error that the neural model raises on purpose."""


class NonFiniteError(TganError):
    """A tensor holds a NaN or an infinity; raised before anything was updated or written."""

    def __init__(self, tensor_name: str, *, step: int | None = None) -> None:
        self.tensor_name = tensor_name
        self.step = step
        place = "" if step is None else f" at training step {step}"
        super().__init__(f"{tensor_name} is not finite{place}; nothing was changed")


class CheckpointError(TganError):
    """A checkpoint cannot be written, is damaged, or is not the one that was asked for."""

    def __init__(self, place: object, reason: str) -> None:
        self.place = str(place)
        self.reason = reason
        super().__init__(f"checkpoint {place}: {reason}")


class ProcessesDisagree(TganError):
    """Processes that train together hold different networks; raised for all of them alike."""

    def __init__(self, size: int, *, step: int) -> None:
        self.size = size
        self.step = step
        super().__init__(
            f"the {size} processes do not hold the same networks before training step {step + 1}; "
            "begin again, all from the same checkpoint"
        )
