"""Events in words: one line an event, for logs and for the live view's list of what happened."""

from __future__ import annotations

import shlex
from typing import Final

from . import events
from .intercept_environment import export_lines

UNSEEN: Final = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), 0x061C, *range(0x200E, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A)],
    " ",
)
"""What moves a terminal's cursor, ends a line or turns its direction: a router's last words may hold it."""


def moment(at_s: float | None) -> str:
    """A moment as it stands at the beginning of a line: seconds after the first measured call."""
    return "        " if at_s is None else f"{at_s:+7.2f}s"


def narrate(event: events.Event) -> list[str]:  # noqa: C901, PLR0912 - a table, one case an event
    """The lines that tell of `event`; none for events that are only counters."""
    match event:
        case events.Starting(part=part):
            text = [f"starting {part}"]
        case events.Preparing(what=what):
            text = [what]
        case events.Configured(target=target, departures=departures):
            text = [f"{target}, configured with:", *(f"  {each}" for each in departures)]
        case events.Intercepting(url=url, file=file, variables=variables, waiting_for_user=waiting):
            text = [f"the proxy that stands in for the internet: {url}"]
            if waiting:
                text += ["start your router with this environment, its providers' base URLs as they are:"]
                text += [f"  {line}" for line in export_lines(variables)]
                text += [f"  # or: . {shlex.quote(str(file))}"]
        case events.ProvidersReady(base_urls=urls, models=models, waiting_for_user=waiting, intercepted=intercepted):
            head = "point your router's providers here:" if waiting else "providers:"
            head = "providers, by the vendors' own addresses:" if intercepted else head
            width = max(map(len, urls))
            text = [head, *(f"  {name:<{width}}  {url}  (model {models[name]})" for name, url in urls.items())]
            if waiting:
                text.append("  any API key is accepted; waiting for the router to answer marked calls …")
        case events.TargetReady(target=target, base_url=url):
            text = [f"ready: {target} at {url}"]
        case events.LoadStarted(calls=calls, rate=rate, until_s=until):
            text = [f"load: about {calls} calls, {rate}, until {until:g} s"]
        case events.FaultArmed(entry=entry, provider=provider):
            text = [f"fault {entry} armed on {provider}"]
        case events.FaultBit(entry=entry, provider=provider):
            text = [f"fault {entry} bit {provider} for the first time"]
        case events.FaultDisarmed(entry=entry, provider=provider):
            text = [f"fault {entry} disarmed on {provider}"]
        case events.Warned(what=what):
            text = [f"warning: {what}"]
        case events.PartFailed(reason=reason):
            text = [f"FAILED: {reason}"]
        case events.TargetExited(reason=reason):
            text = [f"the target {reason}"]
        case events.Draining():
            text = ["draining"]
        case events.Reporting(folder=folder):
            text = [f"writing the report to {folder}"]
        case _:
            return []
    return [f"{moment(event.at_s)}  {line.translate(UNSEEN)}" for line in text]
