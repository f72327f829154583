// SPDX-License-Identifier: Apache-2.0
// Main program of a Verilated bench: the event loop that cocotb's VPI library needs.
//
// It differs from cocotb's own in four ways. The clock of a design built with
// -DTB_CLOCK_HALF=n is toggled here, every n time units, which costs neither a Python call nor
// a coroutine per cycle. While no callback but those on values can come, the clock runs in a loop
// that looks at nothing else. Waves are written only while the bench wants them (tb_waves). And a
// run that ends on a failed check ends at once.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "model.cpp"  // the generated code and its headers
#include "verilated.h"
#include "verilated_vpi.h"
#if VM_TRACE
#include "verilated_fst_c.h"
#endif

extern "C" {
void vlog_startup_routines_bootstrap(void);
void tb_waves(svBit on);
}

namespace {

constexpr std::uint64_t NEVER = ~std::uint64_t{0};
std::uint64_t now = 0;      // in units of the time precision
bool waves_wanted = true;   // set by the design through tb_waves

// These return whether any callback was made.
bool settle_callbacks() {
    bool called = false;
    while (VerilatedVpi::callValueCbs()) called = true;
    return called;
}

void step(Vtop& top) {
    top.eval_step();
    VerilatedVpi::clearEvalNeeded();
}

// After a step: more of them until neither the design nor a callback changes anything now.
bool settle(Vtop& top) {
    bool called = false;
    while (true) {
        VerilatedVpi::doInertialPuts();
        called |= settle_callbacks();
        if (!VerilatedVpi::evalNeeded()) {
            called |= VerilatedVpi::callCbs(cbReadWriteSynch);
            VerilatedVpi::doInertialPuts();
            called |= settle_callbacks();
            if (!VerilatedVpi::evalNeeded()) break;
        }
        step(top);
    }
    top.eval_end_step();
    return VerilatedVpi::callCbs(cbReadOnlySynch) || called;
}

const char* option(int argc, char** argv, const char* name) {
    for (int i = 1; i + 1 < argc; ++i) {
        if (std::strcmp(argv[i], name) == 0) return argv[i + 1];
    }
    return nullptr;
}

}  // namespace

double sc_time_stamp() { return static_cast<double>(now); }

void tb_waves(svBit on) { waves_wanted = on != 0; }

int main(int argc, char** argv) {
    Verilated::commandArgs(argc, argv);
    auto top = std::make_unique<Vtop>("");
    Verilated::fatalOnVpiError(false);  // cocotb probes for things that may be missing
#if VM_TRACE
    std::unique_ptr<VerilatedFstC> trace;
    if (const char* file = option(argc, argv, "--trace-file")) {
        Verilated::traceEverOn(true);
        trace = std::make_unique<VerilatedFstC>();
        top->trace(trace.get(), 99);
        trace->open(file);
    }
#else
    if (option(argc, argv, "--trace-file") != nullptr) {
        std::fprintf(stderr, "this model was built without waves\n");
        return 2;
    }
#endif
    vlog_startup_routines_bootstrap();
    VerilatedVpi::callCbs(cbStartOfSimulation);
    settle_callbacks();

#ifdef TB_CLOCK_HALF
    top->clk = 0;
    std::uint64_t next_edge = TB_CLOCK_HALF;
    const auto toggle = [&] {
        top->clk = !top->clk;
        next_edge += TB_CLOCK_HALF;
    };
#else
    const std::uint64_t next_edge = NEVER;
    const auto toggle = [] {};
#endif
    const auto dump = [&] {
#if VM_TRACE
        if (trace && waves_wanted) trace->dump(now);
#endif
    };
    step(*top);
    settle(*top);
    dump();
    bool called = true;  // a callback was made at this time
    while (!Verilated::gotFinish()) {
        const std::uint64_t deadline = VerilatedVpi::cbNextDeadline();
        // A time without callbacks leaves none behind but those that are due later and those on
        // values, none of them on the clock. Until one is made nothing else need be looked at.
        if (!called && next_edge < deadline && !top->eventsPending()) {
            do {
                now = next_edge;
                toggle();
                step(*top);
                called = VerilatedVpi::callValueCbs();
                if (called) settle(*top);
                dump();
            } while (!called && next_edge < deadline && !Verilated::gotFinish());
            continue;
        }
        std::uint64_t next = std::min(next_edge, deadline);
        if (top->eventsPending()) next = std::min(next, top->nextTimeSlot());
        if (next == NEVER) break;
        now = next;
        called = VerilatedVpi::callCbs(cbNextSimTime) || now == deadline;
        called |= settle_callbacks();
        VerilatedVpi::callTimedCbs();
        called |= settle_callbacks();
        if (now == next_edge) {
            toggle();
            called |= settle_callbacks();  // before the design sees the edge: they sample it
        }
        step(*top);
        called |= settle(*top);
        dump();
    }
    top->final();
    VerilatedVpi::callCbs(cbEndOfSimulation);
#if VM_TRACE
    if (trace) trace->close();
#endif
    return Verilated::threadContextp()->errorCount() > 0 ? 1 : 0;
}
