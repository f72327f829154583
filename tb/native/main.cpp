// SPDX-License-Identifier: Apache-2.0
// Main program of a Verilated bench: the event loop that cocotb's VPI library needs.
//
// It differs from cocotb's own in three ways. The clock of a design built with
// -DTB_CLOCK_HALF=n is toggled here, every n time units, which costs neither a Python call nor
// a coroutine per cycle. Waves are written only while the bench wants them (tb_waves). And a run
// that ends on a failed check ends at once.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "Vtop.h"
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

void settle_callbacks() {
    while (VerilatedVpi::callValueCbs()) {
    }
}

// Evaluate until neither the design nor a Python callback changes anything at this time.
void evaluate(Vtop& top) {
    do {
        do {
            top.eval_step();
            VerilatedVpi::clearEvalNeeded();
            VerilatedVpi::doInertialPuts();
            settle_callbacks();
        } while (VerilatedVpi::evalNeeded());
        VerilatedVpi::callCbs(cbReadWriteSynch);
        VerilatedVpi::doInertialPuts();
        settle_callbacks();
    } while (VerilatedVpi::evalNeeded());
    top.eval_end_step();
    VerilatedVpi::callCbs(cbReadOnlySynch);
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

    std::uint64_t next_edge = NEVER;
#ifdef TB_CLOCK_HALF
    top->clk = 0;
    next_edge = TB_CLOCK_HALF;
#endif
    while (!Verilated::gotFinish()) {
        evaluate(*top);
#if VM_TRACE
        if (trace && waves_wanted) trace->dump(now);
#endif
        std::uint64_t next = std::min(next_edge, VerilatedVpi::cbNextDeadline());
        if (top->eventsPending()) next = std::min(next, top->nextTimeSlot());
        if (next == NEVER || Verilated::gotFinish()) break;
        now = next;
        VerilatedVpi::callCbs(cbNextSimTime);
        settle_callbacks();
        VerilatedVpi::callTimedCbs();
        settle_callbacks();
#ifdef TB_CLOCK_HALF
        if (now == next_edge) {
            top->clk = !top->clk;
            next_edge += TB_CLOCK_HALF;
            settle_callbacks();  // before the design sees the edge: they sample what it does
        }
#endif
    }
    top->final();
    VerilatedVpi::callCbs(cbEndOfSimulation);
#if VM_TRACE
    if (trace) trace->close();
#endif
    return Verilated::threadContextp()->errorCount() > 0 ? 1 : 0;
}
