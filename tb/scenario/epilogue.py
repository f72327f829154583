# SPDX-License-Identifier: Apache-2.0
"""What surrounds the steps: another queue at work, a device reset at the end, no hang.

The witness is a queue that the scenario does not use. It works while the scenario's queue meets
its fault, and has to go on afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymodel import Reg, Status

from .checks import same
from .errors import Problem, StepFailed
from .execute import Executor
from .schema import verb_of
from .targets import Target
from .work import WITHIN

WITNESS_SIZE = 8
END_CYCLES = 30_000


class Epilogue:
    """The parts of `epilogue` around an executor's steps."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.target: Target = executor.target
        wanted = executor.raw.get("epilogue", "")
        self.others = wanted.startswith("others")
        self.reset = wanted.endswith("reset")
        self.witness: int | None = None
        self._work: list[tuple[int, int, bytes]] = []

    # ---- around the steps

    async def run_steps(self) -> None:
        """Run the scenario's steps, with the witness busy from the first notification on."""
        executor = self.executor
        steps = executor.raw["steps"]
        used = {int(step["queue"]) for step in steps if verb_of(step) == "queue"}
        if self.others:
            free = set(range(executor.layout.device["queues"])) - used
            if not free:
                raise Problem("epilogue", "others needs a queue that the scenario does not use")
            self.witness = max(free)
        self._hook()
        await executor.steps(steps)

    def _hook(self) -> None:
        """Put the witness into `init` and before the first `notify`."""
        if self.witness is None:
            return
        executor, witness = self.executor, self.witness
        init, notify = executor._do_init, executor._do_notify

        async def init_with_witness(step: Mapping[str, Any]) -> None:
            how = step["init"]
            if how.get("until") != "features" and witness not in executor.layout.rings:
                self._lay_out(witness)
                if "queues" in how:
                    step = {"init": {**how, "queues": [*how["queues"], witness]}}
            await init(step)

        async def notify_with_witness(step: Mapping[str, Any]) -> None:
            if not self._work and witness in executor.layout.rings:
                self._work = executor.put_work(witness, 2, 24)
                await self.target.write(Reg.QUEUE_NOTIFY, witness)
            await notify(step)

        executor._do_init = init_with_witness  # type: ignore[method-assign]
        executor._do_notify = notify_with_witness  # type: ignore[method-assign]

    def _lay_out(self, queue: int) -> None:
        """Give a queue a ring of its own that asks for no interrupts."""
        layout = self.executor.layout
        layout.own_ring(queue, WITNESS_SIZE).silence(layout.store)

    # ---- after the steps

    async def finish(self) -> None:
        """Check that nothing hangs and nothing was written elsewhere; then the epilogue."""
        self._at("end")
        await self._no_hang()
        self.no_violations()
        if self.others:
            self._at("epilogue: others go on")
            await self._others_go_on()
        if self.reset:
            self._at("epilogue: reset recovers")
            await self._reset_recovers()
            await self._no_hang()
        self.no_violations()

    def _at(self, verb: str) -> None:
        place = self.executor.place
        place.verb, place.inner = verb, ""
        place.step = len(self.executor.raw["steps"])
        self.target.track(verb.rpartition(" ")[2], 0, 0)

    async def _no_hang(self) -> None:
        status = await self.target.read(Reg.STATUS)
        if not await self.target.wait_idle(END_CYCLES):
            raise StepFailed("no hang", f"idle within {END_CYCLES} cycles", f"Status {status:#x}")

    def no_violations(self) -> None:
        """Raise if the device wrote anything that was not given to it."""
        layout = self.executor.layout
        found = [w for w in self.target.violations() if not layout.gave(w.addr, w.length)]
        if found:
            shown = "; ".join(map(str, found[:4]))
            raise StepFailed("writes outside what was given", "none", shown)

    async def _others_go_on(self) -> None:
        executor, witness = self.executor, self.witness
        assert witness is not None
        if witness not in executor.layout.rings:
            self._lay_out(witness)
            await executor.set_up(executor.layout.rings[witness])
        if not await self.target.read(Reg.STATUS) & Status.DRIVER_OK:
            raise Problem("epilogue", "others needs DRIVER_OK: use init, or epilogue reset")
        if self._work:
            await executor.finish_work(witness, self._work)
        await executor.work(witness, 2, 72)

    async def _reset_recovers(self) -> None:
        """Reset the device; everything reads as at first, and the same queues work again."""
        executor, target = self.executor, self.target
        target.accept_all()
        await executor.device_reset(WITHIN)
        for reg in (Reg.INTERRUPT_STATUS, Reg.FAULT_CODE, Reg.FAULT_COUNT):
            same(f"{reg.name} after the reset", 0, await target.read(reg))
        same("interrupt line after the reset", 0, target.irq)
        queues = [q for q in executor.layout.rings if q < executor.layout.device["queues"]]
        for queue in queues:
            await target.write(Reg.QUEUE_SEL, queue)
            for reg in (Reg.QUEUE_READY, Reg.QUEUE_FAULT):
                same(f"{reg.name} of queue {queue} after the reset", 0, await target.read(reg))
            executor.layout.own_ring(queue, WITNESS_SIZE)
        await executor.bring_up(2, [executor.layout.rings[queue] for queue in queues])
        for queue in queues:
            await executor.work(queue, 2, 56)
            await self._no_hang()
            await executor.checks.check({"interrupt": ["USED_BUFFER"]})
            await target.write(Reg.INTERRUPT_ACK, 1)
        await executor.checks.check({"fault": "none"})
