# SPDX-License-Identifier: Apache-2.0
"""`make dpdk`: DPDK's virtio-user driver on the simulated Verilog, its packets sent back.

For each mode of the driver, testpmd forwards a capture file through the network device, whose wire
is a loopback, into another file, which must be equal. Then packets of several segments go round
and round, and all counters must agree.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional

from ci.toolchain import BUILD, group
from pymodel import Feature
from tb.build import BuildError
from tb.hil.columns import columns
from tb.hil.command import INTERRUPTED, USAGE_ERROR, interrupt, simulator, stop, switch, whole
from tb.hil.results import feature_names
from tb.hil.run import ServeError, Server, listen, serving
from tb.hil.server import Options as ServerOptions
from tb.hil.testpmd import Testpmd, TestpmdError
from tb.net import capture
from tb.runner import LAST, RunFailed, shown

FOLDER = BUILD / "hil" / "dpdk"
DRIVERS = ("mempool_ring", "net_pcap", "net_virtio")
HEADROOM = 128  # bytes that an mbuf has before its data
MBUFS = 4096
MEMORY_MIB = 64
MTU = 1500  # of tb_devices
SHORTEST, LONGEST = 60, MTU + 14  # frames, bytes without check sequence
LOCAL, IPV4 = b"\x02", b"\x08\x00"  # first byte of an address, type of a frame
SEGMENTS = (60, 100, 90)  # bytes of the packets that go round
FIRST_BURSTS = 2  # of 32 packets: so many go round at a time
# to packed rings: in an indirect table DPDK 22.11 marks the header, which the device reads, as one
# that it writes; the device refuses such a chain (readable ones come first)
NOT_OFFERED = Feature.INDIRECT_DESC
FILE, VIRTIO = 0, 1  # testpmd's ports
STEP_S = {"verilator": 30.0, "icarus": 600.0}  # without any packet, after which it has failed
MOST_PACKETS = 100_000
TAIL = 20  # lines of testpmd that a failure shows


@dataclass(frozen=True)
class Mode:
    """How the driver is set up.

    Attributes:
        name: what a user calls it.
        options: of the virtio-user device.
        ring: descriptors of each queue.
        room: bytes of a buffer.
    """

    name: str
    options: Mapping[str, int]
    ring: int = 256
    room: int = 2048


def _modes() -> dict[str, Mode]:
    """Return the modes: each format with each of both features and both; then other paths."""
    modes = []
    for packed, form in enumerate(("split", "packed")):
        for order, merge in ((0, 0), (1, 0), (0, 1), (1, 1)):
            name = form + "-in-order" * order + "-mergeable" * merge
            modes.append(Mode(name, {"packed_vq": packed, "in_order": order, "mrg_rxbuf": merge}))
        both = {"packed_vq": packed, "in_order": 0, "mrg_rxbuf": 1}
        modes.append(Mode(f"{form}-small-buffers", both, room=256))
        modes.append(Mode(f"{form}-short-ring", both, ring=32))
    vector = {"packed_vq": 0, "in_order": 0, "mrg_rxbuf": 0, "vectorized": 1}
    modes.append(Mode("split-vectorized", vector))
    return {mode.name: mode for mode in modes}


MODES = _modes()


@dataclass(frozen=True)
class Plan:
    """What the user asked for.

    Attributes:
        modes: which.
        packets: of the capture.
        sim, seed, waves: of the simulator; the seed draws the packets too.
        follow: the golden model follows.
        files: of the set-up's group.
    """

    modes: tuple[Mode, ...]
    packets: int = 400
    sim: str = "verilator"
    seed: int = 1
    waves: str = ""
    follow: bool = True
    files: Mapping[str, str] = field(default_factory=dict)

    def command(self, mode: Mode) -> str:
        """Return the command that repeats a mode with waves."""
        words = ["make", "dpdk", "WAVES=1", f"MODES={mode.name}", f"PACKETS={self.packets}"]
        words += [f"SEED={self.seed}", f"SIM={self.sim}"] + ["COMPARE=0"] * (not self.follow)
        return shlex.join(words)


@dataclass
class Outcome:
    """How a mode went.

    Attributes:
        mode: which.
        report: what the server counted.
        packets, octets: that came back.
        rate: packets a second of wall time, while they went round.
        failure: why it is none, or nothing.
        log: of testpmd.
        waves: of the simulator.
    """

    mode: Mode
    log: Path
    report: dict[str, Any] = field(default_factory=dict)
    packets: int = 0
    octets: int = 0
    rate: float = 0.0
    failure: str = ""
    waves: Optional[Path] = None


class Wrong(Exception):
    """What came back is not what went out; the text says how, in one line."""


def draw_frames(seed: int, count: int) -> list[bytes]:
    """Return frames of all lengths: IPv4 by their type, random otherwise."""
    draw = random.Random(seed)
    lengths = [SHORTEST, LONGEST] + [draw.randint(SHORTEST, LONGEST) for _ in range(count - 2)]
    return [
        b"".join((LOCAL, draw.randbytes(5), LOCAL, draw.randbytes(5), IPV4))
        + draw.randbytes(length - 14)
        for length in lengths
    ]


def compare(sent: Sequence[bytes], back: Sequence[bytes]) -> None:
    """Compare frames byte for byte, in their order.

    Raises:
        Wrong: they differ.
    """
    for number, (ours, theirs) in enumerate(zip(sent, back)):
        if ours != theirs:
            same = next(
                (at for at, (a, b) in enumerate(zip(ours, theirs)) if a != b),
                min(len(ours), len(theirs)),
            )
            raise Wrong(
                f"packet {number}: {len(ours)} bytes went out, {len(theirs)} came back, "
                f"the first that differs is byte {same}"
            )
    if len(sent) != len(back):
        raise Wrong(f"{len(sent)} packets went out, {len(back)} came back")


def run_mode(plan: Plan, mode: Mode, folder: Path) -> Outcome:
    """Run a mode to its end. No process, and no file outside `folder`, is left.

    Raises:
        BuildError: the design cannot be built.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="hil-") as name:
        run = _Run(plan, mode, Path(name), folder)
        try:
            run.run()
        except (ServeError, TestpmdError, Wrong) as error:
            run.outcome.failure = str(error)
            for path in (run.sent, run.back, run.report):
                if path.exists():
                    shutil.copy(path, folder)
    return run.outcome


class _Run:
    """One mode."""

    def __init__(self, plan: Plan, mode: Mode, work: Path, folder: Path) -> None:
        self.plan, self.mode, self.work = plan, mode, work
        self.sent, self.back = work / "sent.pcap", work / "back.pcap"
        self.socket, self.report = work / "net.socket", work / "report"
        self.outcome = Outcome(mode, folder / "testpmd.log")
        self.step_s = STEP_S[plan.sim]

    def run(self) -> None:
        frames = draw_frames(self.plan.seed, self.plan.packets)
        capture.write(self.sent, [capture.Captured(0, frame) for frame in frames])
        testpmd = Testpmd(self.command(), self.environment(), self.outcome.log)
        with self.serve(), testpmd:
            self.through_files(testpmd)
            compare(frames, [frame.data for frame in capture.read(self.back, MTU)])
            self.round_and_round(testpmd)
            testpmd.quit(self.step_s)
        self.judge()

    @contextlib.contextmanager
    def serve(self) -> Iterator[Server]:
        """Have a simulator that serves the device."""
        plan = self.plan
        with listen(self.socket) as listener:
            options = ServerOptions(
                device="net",
                listener=listener.fileno(),
                sessions=1,
                follow=plan.follow,
                hidden=int(NOT_OFFERED) if self.mode.options["packed_vq"] else 0,
                report=str(self.report),
                wire="loopback",
            )
            start = partial(serving, options, sim=plan.sim, seed=plan.seed, waves=plan.waves)
            try:
                with start(name=self.mode.name) as server:
                    if server.waves is not None:
                        self.outcome.waves = server.waves
                        note = {"log": str(server.log), "waves": str(server.waves)}
                        note["command"] = plan.command(self.mode)
                        LAST.write_text(json.dumps(note, indent=1) + "\n")
                    yield server
            except RunFailed as error:
                raise ServeError(str(error).partition("\n  repeat with waves:")[0]) from None

    def command(self) -> list[str]:
        """Return how testpmd is started."""
        mode = self.mode
        allowed = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        options = {"path": self.socket, "queues": 1, "queue_size": mode.ring, **mode.options}
        virtio = ",".join(f"{name}={value}" for name, value in options.items())
        return [
            self.plan.files["testpmd"],
            # one core to talk to, one that forwards, wherever there is room
            *(f"--lcores=0@({allowed}),1@({allowed})", "--no-huge", "-m", str(MEMORY_MIB)),
            *("--no-pci", "--no-shconf", "--no-telemetry"),
            *(word for name in DRIVERS for word in ("-d", f"librte_{name}.so")),
            f"--vdev=net_pcap0,rx_pcap={self.sent},tx_pcap={self.back}",
            f"--vdev=net_virtio_user0,{virtio}",
            *("--", "--interactive", "--no-mlockall", "--no-lsc-interrupt", "--no-flush-rx"),
            *("--disable-link-check", "--disable-device-start", "--nb-cores=1"),
            *(f"--total-num-mbufs={MBUFS}", f"--mbuf-size={mode.room + HEADROOM}"),
            *(f"--txd={mode.ring}", f"--rxd={mode.ring}"),
        ]

    def environment(self) -> dict[str, str]:
        """Return testpmd's variables: its own files are ours to remove."""
        return {**os.environ, "RUNTIME_DIRECTORY": str(self.work)}

    def through_files(self, testpmd: Testpmd) -> None:
        """Forward the capture through the device into another one."""
        if self.mode.room < LONGEST:
            testpmd.tell(f"port config {VIRTIO} rx_offload scatter on")
        testpmd.tell("port start all")
        testpmd.tell("set fwd io retry", "set burst tx delay 10 retry 1000000", "start")
        wanted = self.plan.packets
        testpmd.until(
            FILE, lambda port: port.sent >= wanted, self.step_s, f"{wanted} packets to come back"
        )
        testpmd.tell("stop")

    def round_and_round(self, testpmd: Testpmd) -> None:
        """Let packets of several segments go round; then take all in."""
        lengths = ",".join(map(str, SEGMENTS))
        before = testpmd.stats(VIRTIO, self.step_s).received
        testpmd.tell(f"set portlist {VIRTIO}", "set fwd io", f"set txpkts {lengths}")
        begin = time.monotonic()
        testpmd.tell(f"start tx_first {FIRST_BURSTS}")
        wanted = before + self.plan.packets
        found = testpmd.until(
            VIRTIO, lambda port: port.received >= wanted, self.step_s, "packets to go round"
        )
        self.outcome.rate = (found.received - before) / (time.monotonic() - begin)
        testpmd.tell("stop", "set fwd rxonly", "start")
        what = "the last packets to come back"
        found = testpmd.until(VIRTIO, lambda port: port.received == port.sent, self.step_s, what)
        testpmd.tell("stop")
        self.outcome.packets, self.outcome.octets = found.received, found.received_bytes
        if found.received_bytes != found.sent_bytes:
            raise Wrong(f"{found.sent_bytes} bytes went out, {found.received_bytes} came back")

    def judge(self) -> None:
        """Compare testpmd's counters with the device's."""
        lines = self.report.read_text().splitlines() if self.report.exists() else []
        if len(lines) != 1:
            raise Wrong(f"the device saw {len(lines)} clients")
        report = self.outcome.report = json.loads(lines[0])
        for name in ("tx_frames", "rx_frames"):
            found = report["counted"].get(name)
            if found != self.outcome.packets:
                raise Wrong(f"testpmd counts {self.outcome.packets} packets, {name} is {found}")


WORDS = {"sent.pcap": "sent", "back.pcap": "received", "report": "counted by the device"}
COLUMNS = (
    *("mode", "negotiated", "packets", "bytes", "packets/s", "cycles/packet"),
    *("kicks", "interrupts", "compared"),
)


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the lines of the table: a row a mode, and what all negotiated."""
    names = [set(feature_names("net", one.report["features"])) for one in outcomes]
    common = set.intersection(*names)
    rows: list[Sequence[str]] = [COLUMNS]
    for one, own in zip(outcomes, names):
        report = one.report
        compared = report.get("compared", {}).get("elements", 0)
        numbers = [one.packets, one.octets, round(one.rate)]
        numbers += [round(report["cycles"] / one.packets), report["kicks"], report["calls"]]
        more = " ".join(sorted(own - common)) or "-"
        rows.append(
            (
                one.mode.name,
                more,
                *(f"{n:,}" for n in numbers),
                f"{compared:,}" if compared else "-",
            )
        )
    lines = columns(rows, left=2)
    return [*lines, f"all negotiated {', '.join(sorted(common))}"]


def failure_text(outcome: Outcome, plan: Plan) -> str:
    """Return what the user reads about a mode that failed."""
    lines = [f"FAILED {outcome.mode.name}"]
    lines += [f"  {line}" for line in outcome.failure.splitlines()]
    if outcome.log.exists():
        said = outcome.log.read_text(errors="replace").splitlines()
        lines += [f"  end of {shown(outcome.log)}:", *(f"    {line}" for line in said[-TAIL:])]
    for name in ("sent.pcap", "back.pcap", "report"):
        path = outcome.log.with_name(name)
        lines += [f"  what was {WORDS[name]}: {shown(path)}"] if path.exists() else []
    if outcome.waves is not None:
        lines.append(f"  waves: {shown(outcome.waves)}")
    return "\n".join([*lines, "  repeat with waves:", f"    {plan.command(outcome.mode)}"])


def read_options(words: Sequence[str]) -> Plan:
    """Return what the user asked for."""
    parser = argparse.ArgumentParser(prog="make dpdk", description=__doc__)
    for name in ("sim", "seed", "waves", "modes", "packets", "compare"):
        parser.add_argument(f"--{name}", default="")
    given = parser.parse_args(words)
    sim = simulator(given.sim)
    names = given.modes.replace(",", " ").split() or list(MODES)
    for name in names:
        if name not in MODES:
            stop(f"MODES: there is no {name}, but {', '.join(MODES)}", USAGE_ERROR)
    return Plan(
        modes=tuple(MODES[name] for name in names),
        packets=whole("PACKETS", given.packets or "400", 2, MOST_PACKETS),
        sim=sim,
        seed=whole("SEED", given.seed or "1", 0, 2**31 - 1),
        waves="all" if switch("WAVES", given.waves) else "",
        follow=switch("COMPARE", given.compare or "1"),
        files=group("dpdk"),
    )


def run(plan: Plan, tell: Callable[[str], None]) -> list[Outcome]:
    """Run all modes."""
    outcomes = []
    for number, mode in enumerate(plan.modes, 1):
        begin = time.monotonic()
        outcome = run_mode(plan, mode, FOLDER / mode.name)
        outcomes.append(outcome)
        how = f"{time.monotonic() - begin:.1f} s"
        if outcome.failure:
            tell(failure_text(outcome, plan))
            how = "FAILED"
        tell(f"  {number}/{len(plan.modes)} {mode.name}: {how}")
    return outcomes


def main() -> None:
    """Run, show how it went, end with 0 if it went well."""
    plan = read_options(sys.argv[1:])
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    print(
        f"DPDK's virtio-user driver on the simulated Verilog, {plan.sim}: {plan.packets} packets "
        f"of {SHORTEST} to {LONGEST} bytes through files, as many round and round",
        flush=True,
    )
    try:
        outcomes = run(plan, partial(print, flush=True))
    except (BuildError, ServeError) as error:
        stop(str(error), 1)
    except KeyboardInterrupt:
        stop("interrupted", INTERRUPTED)
    good = [outcome for outcome in outcomes if not outcome.failure]
    if good:
        print("\n" + "\n".join(table(good)))
    bad = len(outcomes) - len(good)
    print(f"{len(good)} modes: packets out equal packets back" + (f"; {bad} FAILED" if bad else ""))
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
