"""The faults by name: what each one means, which values it takes, and which of them are armed.

Owns the registry that docs/sandbox.md is held to. Where a fault acts is written where the sandbox does the right
thing otherwise.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from canvas_sis_sync.errors import UsageError


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which the sandbox can misbehave."""

    name: str
    #: One sentence, as in docs/sandbox.md.
    meaning: str
    #: False: used up by the next request or import it fits. True: acts until the faults are cleared.
    standing: bool = False
    #: What a bare name means; None when a value must be given.
    default: str | None = ""
    #: The words allowed as a value; empty when any word will do.
    words: tuple[str, ...] = ()
    #: True when the value is a number; `words` are allowed besides.
    number: bool = False


_ALL = (
    Fault(
        "refuse",
        "The next POST is answered 4xx; `record` leaves an initializing record.",
        default="400",
        words=("400", "404", "422", "record"),
    ),
    Fault(
        "error-500", "The next POST is answered 500; `accepted` keeps the import all the same.", words=("", "accepted")
    ),
    Fault(
        "html-502",
        "The next POST is answered 502 in HTML; `accepted` keeps the import all the same.",
        words=("", "accepted"),
    ),
    Fault("cut-before-accept", "The next POST is read and the connection reset; nothing is kept."),
    Fault("cut-after-accept", "The next POST is kept and the connection reset without an answer."),
    Fault(
        "late-record", "The next POST is cut, and its import appears that many seconds later.", default="5", number=True
    ),
    Fault(
        "late-answer", "The next POST is kept at once and answered that many seconds later.", default="5", number=True
    ),
    Fault("ignore-option", "The next POST does not take the parameter of that name.", default=None),
    Fault("stuck-initializing", "The next import never leaves `initializing`."),
    Fault("fail", "The next import ends `failed` before any row, with `data.error_message`."),
    Fault("abort", "The next import ends `aborted` by itself when half of its rows are in."),
    Fault("unknown-state", "The next import ends in a workflow_state that nobody knows.", default="reconciled"),
    Fault("throttle", "That many requests are answered 403 `Rate Limit Exceeded`.", default="1", number=True),
    Fault("throttle-429", "The same with the status 429.", default="1", number=True),
    Fault("get-500", "That many GET requests are answered 500.", default="1", number=True),
    Fault("get-cut", "That many GET requests are cut without an answer.", default="1", number=True),
    Fault("lose-announcement", "The next two-step announcement is kept and its answer lost."),
    Fault("cut-upload", "The next two-step upload is cut while its data are under way."),
    Fault("lose-confirmation", "The next GET that confirms a two-step upload takes effect, its answer is lost."),
    Fault("slow", "Rows are imported at that many a second.", standing=True, default="50", number=True),
    Fault(
        "late-attachment",
        "The errors attachment appears that many seconds after the end, or never.",
        standing=True,
        default="3",
        words=("never",),
        number=True,
    ),
    Fault("attachments-unreadable", "The content of attachments is answered 404.", standing=True),
    Fault("expired-token", "Every request with a token is answered 401.", standing=True),
    Fault(
        "token-ends",
        "The tokens end that many seconds after the sandbox began; from then on they are answered 401.",
        standing=True,
        default=None,
        number=True,
    ),
    Fault("forget", "Imports (or the one with that id) are unknown: 404, and missing from lists.", standing=True),
    Fault(
        "clock-skew",
        "All times, the Date header too, are that many seconds ahead (or behind, if negative).",
        standing=True,
        default=None,
        number=True,
    ),
    Fault(
        "deduplicate",
        "Exact duplicates are left out of files of 100 rows or more, which numbers rows again.",
        standing=True,
    ),
    Fault("errors-endpoint-fails", "The errors endpoints answer 500.", standing=True),
    Fault("no-pre-attachment", "The two-step way is unknown, as to a Canvas of before 2024.", standing=True),
    Fault(
        "upload-redirect",
        "Two-step uploads are answered by a redirect that must be followed, not by 201.",
        standing=True,
    ),
)
FAULTS = {fault.name: fault for fault in _ALL}


def parse(text: str) -> tuple[Fault, str]:
    """Split `NAME[=VALUE]` into the fault and its value.

    Raises UsageError for an unknown name or a value that does not fit, listing what does.
    """
    name, equals, value = text.partition("=")
    fault = FAULTS.get(name)
    if fault is None:
        near = difflib.get_close_matches(name, FAULTS, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no fault called {name}.{meant}", f"The faults are: {', '.join(FAULTS)}.")
    if not equals:
        if fault.default is None:
            raise UsageError(f"The fault {name} needs a value.", f"Write {name}=VALUE. {fault.meaning}")
        return fault, fault.default
    if not _fits(fault, value):
        raise UsageError(f"The fault {name} does not take the value {value!r}.", fault.meaning)
    return fault, value


def _fits(fault: Fault, value: str) -> bool:
    if value in fault.words or not (fault.words or fault.number):
        return True
    return fault.number and _is_number(value)


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


class Faults:
    """The armed faults, in the order in which they were given; safe to use from many threads."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._armed: list[tuple[Fault, str]] = [parse(text) for text in texts]

    def add(self, text: str) -> None:
        """Arm `NAME[=VALUE]`; raises UsageError as `parse` does."""
        armed = parse(text)
        with self._lock:
            self._armed.append(armed)

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._armed.clear()

    def take(self, name: str) -> str | None:
        """Return the value of the first such fault and use it up; None when none is armed."""
        with self._lock:
            for index, (fault, value) in enumerate(self._armed):
                if fault.name == name:
                    del self._armed[index]
                    return value
        return None

    def take_value(self, name: str, wanted: str) -> bool:
        """Use up the first such fault if its value is the wanted one, and return whether it was."""
        with self._lock:
            found = next(
                ((index, value) for index, (fault, value) in enumerate(self._armed) if fault.name == name), None
            )
            if found is None or found[1] != wanted:
                return False
            del self._armed[found[0]]
            return True

    def count_down(self, name: str) -> bool:
        """Return whether one more request has the fault, and take one from its number."""
        with self._lock:
            for index, (fault, value) in enumerate(self._armed):
                if fault.name == name:
                    left = int(float(value)) - 1
                    self._armed[index : index + 1] = [(fault, str(left))] if left > 0 else []
                    return True
        return False

    def standing(self, name: str) -> str | None:
        """Return the value that was given last, without using it up; None when none is armed."""
        with self._lock:
            return next((value for fault, value in reversed(self._armed) if fault.name == name), None)
