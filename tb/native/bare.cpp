// SPDX-License-Identifier: Apache-2.0
// The least that can drive the Verilated tb_top: a loop that toggles the clock, and a script of
// the driver's accesses (tb/speed/script.py) that it replays. No Python, no VPI, no events.
//   bare SCRIPT IMAGE LATENCY
// prints the cycles and nanoseconds between the script's marks, and leaves the memory's bytes
// in IMAGE. Ends with 1 when something that was read is not what the script says.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "model.cpp"  // the generated code and its headers
#include "guest_slave.h"
#include "verilated.h"

extern "C" void tb_waves(svBit) {}

double sc_time_stamp() { return 0; }

namespace {

constexpr std::uint64_t REGISTER_CYCLES = 100000;  // most that an access may take
constexpr unsigned POLLS = 1000;                   // most reads of one register in a row

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "bare: %s\n", what.c_str());
    std::exit(1);
}

class Loop {
public:
    Loop(int argc, char** argv) {
        context_.commandArgs(argc, argv);
        top_.clk = 0;
        top_.eval();
    }

    void reset() {
        pins_.tb_top__DOT__rst = 1;
        pass(4);
        pins_.tb_top__DOT__rst = 0;
        pins_.tb_top__DOT__s_axil_rready = 1;
        pins_.tb_top__DOT__s_axil_bready = 1;
        pass(1);
    }

    void tick() {
        top_.clk = 1;
        top_.eval();
        top_.clk = 0;
        top_.eval();
        ++cycle_;
    }

    void pass(std::uint64_t cycles) {
        for (; cycles != 0; --cycles) tick();
        if (context_.gotFinish()) fail("a check failed");
    }

    void wait_idle(std::uint64_t cycles) {
        for (; pins_.tb_top__DOT__idle == 0; --cycles) {
            if (cycles == 0 || context_.gotFinish()) fail("the engine does not become idle");
            tick();
        }
    }

    void write(std::uint32_t address, std::uint32_t value) {
        pins_.tb_top__DOT__s_axil_awaddr = static_cast<SData>(address);
        pins_.tb_top__DOT__s_axil_wdata = value;
        pins_.tb_top__DOT__s_axil_wstrb = 15;
        pins_.tb_top__DOT__s_axil_awvalid = 1;
        pins_.tb_top__DOT__s_axil_wvalid = 1;
        for (std::uint64_t left = REGISTER_CYCLES; left != 0; --left) {
            const bool aw = pins_.tb_top__DOT__s_axil_awvalid && pins_.tb_top__DOT__s_axil_awready;
            const bool w = pins_.tb_top__DOT__s_axil_wvalid && pins_.tb_top__DOT__s_axil_wready;
            const bool b = pins_.tb_top__DOT__s_axil_bvalid;
            tick();
            if (aw) pins_.tb_top__DOT__s_axil_awvalid = 0;
            if (w) pins_.tb_top__DOT__s_axil_wvalid = 0;
            top_.eval();
            if (b) return;
        }
        fail("a register write is not answered");
    }

    std::uint32_t read(std::uint32_t address) {
        pins_.tb_top__DOT__s_axil_araddr = static_cast<SData>(address);
        pins_.tb_top__DOT__s_axil_arvalid = 1;
        for (std::uint64_t left = REGISTER_CYCLES; left != 0; --left) {
            const bool ar = pins_.tb_top__DOT__s_axil_arvalid && pins_.tb_top__DOT__s_axil_arready;
            const bool r = pins_.tb_top__DOT__s_axil_rvalid;
            const std::uint32_t value = pins_.tb_top__DOT__s_axil_rdata;
            tick();
            if (ar) pins_.tb_top__DOT__s_axil_arvalid = 0;
            top_.eval();
            if (r) return value;
        }
        fail("a register read is not answered");
    }

    std::uint64_t cycle() const { return cycle_; }
    void finish() { top_.final(); }

private:
    VerilatedContext context_;
    Vtop top_{&context_, ""};
    Vtop___024root& pins_ = *top_.rootp;
    std::uint64_t cycle_ = 0;
};

struct Region {
    std::uint64_t base, size;
    std::uint8_t* bytes;
};

class Replay {
public:
    Replay(Loop& loop, std::vector<std::uint8_t> script)
        : loop_(loop), script_(std::move(script)) {}

    void run() {
        while (at_ < script_.size()) step(static_cast<char>(script_[at_++]));
        std::printf("%llu %llu\n", static_cast<unsigned long long>(cycles_),
                    static_cast<unsigned long long>(nanoseconds_));
    }

    void save(const char* path) const {
        std::FILE* file = std::fopen(path, "wb");
        if (file == nullptr) fail(std::string("cannot write ") + path);
        for (const Region& region : regions_) {
            if (std::fwrite(region.bytes, 1, region.size, file) != region.size) fail("short write");
        }
        if (std::fclose(file) != 0) fail("short write");
    }

private:
    using Clock = std::chrono::steady_clock;

    template <typename Number>
    Number take() {
        Number number;
        std::memcpy(&number, bytes(sizeof number), sizeof number);  // little-endian hosts only
        return number;
    }

    const std::uint8_t* bytes(std::size_t count) {
        if (count > script_.size() - at_) fail("the script ends within a record");
        at_ += count;
        return script_.data() + at_ - count;
    }

    std::uint8_t* place(std::uint64_t addr, std::uint64_t length) {
        for (const Region& region : regions_) {
            if (addr >= region.base && addr - region.base + length <= region.size) {
                return region.bytes + (addr - region.base);
            }
        }
        fail("the script leaves its memory");
    }

    void step(char kind) {
        switch (kind) {
            case 'M': {
                const auto base = take<std::uint64_t>();
                const auto size = take<std::uint64_t>();
                std::uint8_t* place = guest::memory().add_region(base, size);
                if (place == nullptr) fail("a region that cannot be");
                guest::memory().allow(base, size, true);
                regions_.push_back(Region{base, size, place});
                break;
            }
            case 'S': {
                const auto addr = take<std::uint64_t>();
                const auto length = take<std::uint32_t>();
                std::memcpy(place(addr, length), bytes(length), length);
                break;
            }
            case 'L': {
                const auto addr = take<std::uint64_t>();
                const auto length = take<std::uint32_t>();
                if (std::memcmp(place(addr, length), bytes(length), length) != 0) {
                    fail("the memory at " + std::to_string(addr) + " is not what the script says");
                }
                break;
            }
            case 'W': {
                const auto address = take<std::uint32_t>();
                loop_.write(address, take<std::uint32_t>());
                break;
            }
            case 'R': {
                const auto address = take<std::uint32_t>();
                const auto value = take<std::uint32_t>();
                unsigned polls = POLLS;
                while (loop_.read(address) != value) {
                    if (--polls == 0) {
                        fail("register " + std::to_string(address) + " does not become " +
                             std::to_string(value));
                    }
                }
                break;
            }
            case 'I': loop_.wait_idle(take<std::uint64_t>()); break;
            case 'C': loop_.pass(take<std::uint64_t>()); break;
            case 'B':
                cycles_ = loop_.cycle();
                begin_ = Clock::now();
                break;
            case 'E':
                nanoseconds_ = static_cast<std::uint64_t>(
                    std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin_)
                        .count());
                cycles_ = loop_.cycle() - cycles_;
                break;
            default: fail(std::string("no record of kind ") + kind);
        }
    }

    Loop& loop_;
    const std::vector<std::uint8_t> script_;
    std::size_t at_ = 0;
    std::vector<Region> regions_;
    std::uint64_t cycles_ = 0, nanoseconds_ = 0;
    Clock::time_point begin_;
};

std::vector<std::uint8_t> contents(const char* path) {
    std::FILE* file = std::fopen(path, "rb");
    if (file == nullptr) fail(std::string("cannot read ") + path);
    std::vector<std::uint8_t> all;
    std::uint8_t buffer[1 << 16];
    while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, file)) {
        all.insert(all.end(), buffer, buffer + count);
    }
    std::fclose(file);
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) fail("wants SCRIPT IMAGE LATENCY");
    const auto latency = static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10));
    const guest::Settings settings{latency, latency, latency, latency, 100,  100,
                                   {0, 0, 0, 0, 0}, 0, 1024, 1024, 0, 1};
    if (!guest::slave().configure(settings)) fail("a latency that cannot be");
    guest::memory().check_writes(true);
    Loop loop(argc, argv);
    loop.reset();
    Replay replay(loop, contents(argv[1]));
    replay.run();
    if (!guest::memory().violations().empty()) fail("the device wrote where it may not");
    replay.save(argv[2]);
    loop.finish();
    return 0;
}
