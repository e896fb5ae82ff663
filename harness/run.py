"""One run, from start to verdict: processes, readiness, timeline, drain, report."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

from ..reports.tables import ROUTER, Refusal
from . import events, intercept, not_ready
from .errors import HarnessError, Interrupted, NotReadyError
from .faults.base import Host
from .interruption import heard_it, undisturbed
from .launch import Child, Process, allow_files
from .ledger import Ledger
from .manifest import Manifest
from .plan import Plan
from .readiness import wait_ready
from .router_events import RouterEvents
from .sampling import Sampler
from .serving import STATS_S
from .targets.base import Endpoint
from .tripwire import Tripwire

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

    from ..reports.result import Result
    from ..reports.terms import Terms

LEAD_S: Final = 0.3
"""Least seconds between the start command and the first call; the load child says if its schedule needs more."""
DONE_S_MAX: Final = 5.0
"""Seconds after the last caller's give_up in which the load generator must say that it is done."""
SETTLE_S: Final = 0.2
"""Seconds for the last attempts to be recorded once the last call has ended."""


class Run:
    """One run of a plan. `execute` may be cancelled at any time: everything ends, and the ledger so far is kept."""

    def __init__(self, plan: Plan, listener: events.Listener) -> None:
        self.plan = plan
        self.manifest = Manifest(plan)
        self._listener = listener
        self._children: dict[str, Child] = {}
        self._broken = asyncio.Event()
        self._progress: dict[str, Any] = {"load": {}, "providers": {}}
        self._ledger: Ledger | None = None
        self._lead_s = LEAD_S
        self._tripwire = Tripwire(self._strayed)

    async def execute(self) -> Result:
        """Run everything and judge it.

        Raises:
            HarnessError: when it could not even begin (a taken port, a target that can't be configured).
            NotReadyError: when the target never answered a call.
            Interrupted: on Ctrl-C, once everything has ended and the report of what there is was written.
        """
        plan = self.plan
        try:
            await plan.target.prepare(lambda what: self._tell(events.Preparing(None, what)))
        except asyncio.CancelledError:
            heard_it()
            raise Interrupted from None
        self.prepare_folder()
        interrupted = False
        begun = False
        try:
            endpoint = await self._start()
            begun = True
            await self._play(endpoint)
        except asyncio.CancelledError:
            interrupted = heard_it()
        except HarnessError as error:
            # Before the timeline began nothing was lost, and the user mends it and runs again; afterwards the ledger
            # so far is worth keeping, and the verdict says that it proves nothing.
            self.manifest.own_failure(error.what)
            if not begun or isinstance(error, NotReadyError):
                raise
        finally:
            interrupted = await undisturbed(self._stop_all()) or interrupted
            self.manifest.interrupted = interrupted
            self.manifest.save(final=True)
        self._tell(events.Reporting(self._now_s(), plan.folder))
        try:
            result = await asyncio.to_thread(make_report, plan.folder, charts=plan.wish.charts and not interrupted)
            self._tell(events.Reported(self._now_s(), plan.folder, result.verdict, result.sentence))
        except asyncio.CancelledError:  # the thread goes on and finishes the report; nobody waits to hear of it
            interrupted = heard_it()
        if interrupted:
            raise Interrupted
        return result

    # -- start -----------------------------------------------------------------------------------------------------

    def prepare_folder(self) -> None:
        """Make the run's folder, with what is known of the run so far.

        Raises:
            HarnessError: when it can't be written.
        """
        folder = self.plan.folder
        try:
            folder.mkdir(parents=True)
            (folder / "scenario.yaml").write_text(self.plan.public_text, "utf-8")
            self._ledger = Ledger(folder / "ledger", "run")
            self.manifest.save()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise HarnessError(
                f"the run's folder can't be written: {reason}", str(folder), "choose another with --out"
            ) from error

    async def _start(self) -> Endpoint:
        """Start every process; each imports while the ones before it get ready."""
        plan = self.plan
        allow_files()
        inline = plan.wish.host is Host.INLINE
        fakes = self._child("fakes", "banstorm.harness.fakes_host")
        injector = None if inline else self._child("injector", "banstorm.harness.injector")
        load = self._child("load", "banstorm.harness.load")
        await asyncio.gather(*(each.spawn() for each in self._children.values()))
        common = {
            "run": plan.run,
            "seed": plan.scenario.seed,
            "ledger": str((plan.folder / "ledger").resolve()),
            "scenario": plan.scenario.model_dump(mode="json", by_alias=True),
        }
        wanted = {name: plan.wish.ports.get(name, 0) for name in plan.scenario.providers}
        free = dict.fromkeys(wanted, 0)
        self._tell(events.Starting(None, "providers"))
        ready = await fakes.configure(common | {"ports": wanted if inline else free, "inline": inline})
        ports, logins = ready["ports"], ready["logins"]
        if injector is not None:
            self._tell(events.Starting(None, "injector"))
            more = {"upstreams": ports, "ports": wanted, **plan.intercept_config}
            ready = await injector.configure(common | more)
            ports = ready["ports"]
            self._intercept(ready)
        self.manifest.ports = dict(ports)
        providers = plan.providers_at(ports, logins)
        self._tell(
            events.ProvidersReady(
                None,
                {name: each.base_url for name, each in providers.items()},
                {name: each.model for name, each in providers.items()},
                waiting_for_user=not plan.target.configured_by_us,
                intercepted=plan.hosts is not None,
            )
        )
        self._tell(events.Starting(None, plan.target.detail))
        if plan.hosts is None:
            plan.target.fence = await self._tripwire.open()
        endpoint = await plan.target.start(plan.scenario, providers, plan.folder)
        self.manifest.target_front = endpoint.front
        if plan.target.configured:
            self.manifest.target_settings = list(plan.target.configured)
            self._tell(events.Configured(None, plan.target.detail, plan.target.configured))
        self.manifest.target_url = endpoint.base_url
        self.manifest.target_model = endpoint.model
        if plan.target.process is not None:
            plan.target.process.on_exit = self._target_exited
        config = {
            "base_url": endpoint.base_url,
            "model": endpoint.model,
            "headers": dict(endpoint.headers),
            "api_key": endpoint.api_key,
            "in_flight_max": plan.in_flight_max,
            "front": endpoint.front,
        }
        ready = await load.configure(common | config)
        self._lead_s = max(LEAD_S, float(ready.get("lead_s", 0.0)))
        return endpoint

    def _intercept(self, ready: Mapping[str, Any]) -> None:
        """Let the target be started with the proxy's environment, if there is a proxy."""
        door = intercept.door(ready)
        if door is None or self.plan.hosts is None:
            return
        self.manifest.intercept = {"port": door.port, "hosts": self.plan.hosts.names}
        self.plan.target.environment = door.variables()
        waiting = not self.plan.target.configured_by_us
        path = intercept.environment_file(door)
        self._tell(events.Intercepting(None, door.url, path, door.variables(), waiting_for_user=waiting))

    def _child(self, name: str, module: str) -> Child:
        child = Child(name, module, self.plan.folder / "logs" / f"{name}.log")
        child.on_event = self._heard(name)
        child.on_exit = self._child_exited
        self._children[name] = child
        return child

    # -- play ------------------------------------------------------------------------------------------------------

    async def _play(self, endpoint: Endpoint) -> None:
        """Readiness, warm-up, load and timeline, until the load is done or something of ours breaks."""
        plan = self.plan
        load = self._children["load"]
        ready = await self._until_broken(wait_ready(plan.scenario.load, load, plan.ready_s))
        if ready is None:
            if self.manifest.target_exit is not None and plan.target.process is not None:
                raise not_ready.ended(plan.target.process)
            return
        self.manifest.readiness = ready.as_dict()
        if not ready.answered:
            await asyncio.sleep(2 * STATS_S)  # until the fault host has told of the last attempts
            attempts = {name: int(each["attempts"]) for name, each in self._progress["providers"].items()}
            intercepted = plan.hosts is not None
            raise not_ready.unanswered(ready, endpoint.base_url, plan.target.process, attempts, intercepted=intercepted)
        if not ready.marked:
            return
        self._tell(events.TargetReady(None, plan.target.detail, endpoint.base_url))
        shape = plan.scenario.load
        t0_ns = time.monotonic_ns() + round((self._lead_s + shape.warmup) * 1e9)
        self.manifest.t0_ns = t0_ns
        self.manifest.save()
        done = load.expect("done")
        for child in self._children.values():
            await child.send({"command": "start", "t0_ns": t0_ns})
        profile = shape.profile
        calls = round(profile.first * shape.warmup + profile.calls)
        self._tell(events.LoadStarted(self._now_s(), calls, profile.told, shape.duration))
        assert self._ledger  # noqa: S101 - made with the folder
        watched: dict[str, Process] = dict(self._children)
        if plan.target.process is not None:
            watched["target"] = plan.target.process
        sampler = asyncio.create_task(Sampler(self._ledger, watched, endpoint.metrics_url).run(), name="sampler")
        happening = self._begin_events(endpoint, t0_ns)
        longest = self._lead_s + shape.warmup + shape.duration + shape.give_up_s + DONE_S_MAX
        try:
            await self._until_broken(load.wait(done, "finish its calls", longest))
            if not self._broken.is_set():
                await asyncio.sleep(SETTLE_S)
        finally:
            await self._end(sampler, *happening)

    async def _end(self, *tasks: asyncio.Task[None]) -> None:
        """Cancel `tasks`; one that has failed was a part of ours."""
        for task in tasks:
            task.cancel()
        for task, end in zip(tasks, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
            if isinstance(end, Exception):  # which CancelledError is none of
                self.manifest.own_failure(f"the {task.get_name()} failed: {type(end).__name__}: {end}")

    def _begin_events(self, endpoint: Endpoint, t0_ns: int) -> list[asyncio.Task[None]]:
        """Let what the timeline does to the router happen."""
        process = self.plan.target.process
        if process is None or self._ledger is None:
            return []
        told = {"armed": events.FaultArmed, "bite": events.FaultBit, "disarmed": events.FaultDisarmed}

        def tell(what: str, entry: str, at_ns: int) -> None:
            self._tell(told[what](self._now_s(at_ns), entry, ROUTER))

        playing = RouterEvents(self.plan.scenario, process, endpoint.base_url, self._ledger, tell)
        return [asyncio.create_task(self._guarded(playing.run(t0_ns)), name="timeline of the router")]

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work`; if it fails, a part of ours has."""
        try:
            await work
        except HarnessError as error:
            self.manifest.own_failure(error.what)
            self._broken.set()

    async def _until_broken(self, work: Any) -> Any:
        """The result of `work`, or None as soon as a part of ours has failed."""
        task = asyncio.ensure_future(work)
        broken = asyncio.ensure_future(self._broken.wait())
        try:
            await asyncio.wait({task, broken}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            return None
        finally:
            for each in (task, broken):
                each.cancel()
            with contextlib.suppress(asyncio.CancelledError, HarnessError):
                await task

    # -- what is heard meanwhile -----------------------------------------------------------------------------------

    def _heard(self, name: str) -> Callable[[dict[str, Any]], None]:
        """A listener for the events of the child `name`."""
        windows = {"armed": events.FaultArmed, "bite": events.FaultBit, "disarmed": events.FaultDisarmed}

        def hear(event: dict[str, Any]) -> None:
            kind = event["event"]
            if kind == "stats":
                if name == "load":
                    self._progress["load"] = event
                    self._tell(events.Progress(self._now_s(), event, self._progress["providers"]))
                elif "providers" in event:
                    self._progress["providers"] = event["providers"]
            elif kind in windows:
                at_s = self._now_s(event.get("at_ns"))
                self._tell(windows[kind](at_s, str(event["entry"]), str(event["provider"])))
            elif kind == "warning":
                self.manifest.warnings.append(str(event.get("what")))
                self._tell(events.Warned(self._now_s(), str(event.get("what"))))
            elif kind == "canary":
                self._heard_canary(event)
            elif kind == "crashed":
                self.manifest.own_failure(f"{event.get('count')} exceptions inside the {name}; its log has them")

        return hear

    def _strayed(self, host: str, port: int, way: str) -> None:
        """The target wanted to call somebody else; it was refused, and that is written down and told once a host."""
        if self._ledger is not None:
            self._ledger.add("refusals", Refusal(at_ns=time.monotonic_ns(), host=host, port=port, way=way))
        if self._tripwire.hosts[host] == 1:
            what = f"the target called {host}, which is none of its providers: refused, and nothing left this machine"
            self.manifest.warnings.append(what)
            self._tell(events.Warned(self._now_s(), what))

    def _heard_canary(self, event: Mapping[str, Any]) -> None:
        """A connection of our own met a door; one that the timeline shuts and that stood open is our failure."""
        canary = {key: event[key] for key in ("provider", "entry", "at_ns", "found", "wanted")}
        self.manifest.canaries.append(canary)
        if canary["entry"] is not None and canary["found"] != canary["wanted"]:
            self.manifest.own_failure("{entry} on {provider}: {found} where {wanted} was due".format(**canary))

    def _child_exited(self, child: Process) -> None:
        if child.stopping:
            return
        reason = f"the {child.name} {child.end}" + (f": {tail}" if (tail := child.tail()) else "")
        self.manifest.own_failure(reason)
        self._tell(events.PartFailed(self._now_s(), child.name, reason))
        self._broken.set()

    def _target_exited(self, process: Process) -> None:
        if process.stopping:
            return
        self.manifest.exited(process, ours=False)
        self._tell(events.TargetExited(self._now_s(), f"{process.end}: {process.tail()}"))
        if self.manifest.t0_ns is None:  # it never became ready: there is nothing to wait for
            self._broken.set()

    def _tell(self, event: events.Event) -> None:
        with contextlib.suppress(OSError):  # a terminal that is gone ends neither the run nor its clean-up
            self._listener(event)

    def _now_s(self, at_ns: int | None = None) -> float | None:
        """Seconds after time 0 of a moment, now if none is given; None before time 0 is known."""
        if self.manifest.t0_ns is None:
            return None
        return ((at_ns or time.monotonic_ns()) - self.manifest.t0_ns) / 1e9

    # -- end -------------------------------------------------------------------------------------------------------

    async def _stop_all(self) -> None:
        """End every process: first the callers, then the router, last what stands behind it."""
        self._tell(events.Draining(self._now_s()))
        target = self.plan.target.process
        if target is not None and target.exited_ns is not None and target.stopping:
            self.manifest.exited(target, ours=True)
        if "load" in self._children:
            await self._children["load"].stop()
        if target is not None:
            await target.stop()
        self.plan.target.clean_up()
        await self._tripwire.close()
        rest = [child for name, child in self._children.items() if name != "load"]
        await asyncio.gather(*(child.stop() for child in rest))
        for child in self._children.values():
            # One that ended before it was asked to has been told of; and before time 0 there was nothing to write.
            if child.stopping and child.returncode != 0 and self.manifest.t0_ns is not None:
                self.manifest.own_failure(f"the {child.name} {child.end} while it wrote its last rows")
        if self._ledger is not None:
            try:
                self._ledger.close()
            except HarnessError as error:  # what the others wrote is still worth a report, which proves nothing
                self.manifest.own_failure(error.what)
            self._ledger = None


def make_report(folder: Path, *, charts: bool, terms: Terms | None = None, force: bool = False) -> Result:
    """Judge the run in `folder` and write its pages; raises HarnessError when it can't be read or written."""
    from ..reports.errors import ReportError
    from ..reports.render import report

    try:
        return report(folder, charts=charts, terms=terms, force=force)
    except ReportError as error:
        raise HarnessError(error.what, error.where, error.next_step) from error
