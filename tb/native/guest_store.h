// SPDX-License-Identifier: Apache-2.0
// The store's port of the block device in front of a disk of the bench: one call a clock edge.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "guest_disk.h"
#include "guest_memory.h"

namespace guest {

constexpr unsigned STORES = 4;  // in one simulation

// How the store behaves; as tb/disk.py lays it out.
struct StoreSettings {
    std::uint32_t latency_min, latency_max;  // command to its first beat or its end, cycles
    std::uint32_t cmd_stall, wr_stall, rd_stall, done_stall;  // percent of cycles held back
    std::uint32_t max_commands;                               // accepted and not ended
    std::uint32_t unused;
    std::uint64_t seed;
};

struct StoreCounters {
    std::uint64_t commands[5];           // by operation, those that ended well
    std::uint64_t failed, damaged;       // that ended otherwise; of these, writes cut by damage
    std::uint64_t stable, most;          // had to be stable; most under way at once
    std::uint64_t beats_read, beats_written;
};

struct StoreInputs {
    bool reset, cmd_valid, wr_valid, wr_last, wr_user, rd_ready, done_ready, stable;
    std::uint8_t op;
    std::uint64_t sector;
    std::uint32_t sectors;
    const std::uint8_t* wr_data;
};

// Registered: what the pins show from this edge to the next.
struct StoreOutputs {
    bool busy, cmd_ready, wr_ready, rd_valid, rd_last, done_valid, done_ok, broken;
    std::uint64_t capacity;
    std::uint8_t rd_data[BUS_BYTES];
};

class Store {
public:
    Store() { configure({}); }

    Disk& disk() { return disk_; }
    void configure(const StoreSettings& settings);
    void tell_capacity(std::uint64_t sectors) { told_ = sectors; }  // at most the disk's
    void refuse(std::uint64_t sector, std::uint64_t sectors);
    void accept_all() { refused_.clear(); }
    void clock(std::uint64_t cycle, unsigned bus_bytes, const StoreInputs& in);
    const StoreOutputs& outputs() const { return out_; }
    StoreCounters& counters() { return counters_; }

private:
    enum : std::uint8_t { READ, WRITE, FLUSH, DISCARD, WRITE_ZEROES, OPERATIONS };
    struct Command {
        std::uint8_t op;
        bool stable, fails, damaged;
        std::uint64_t sector, sectors, due, beats, done;
    };
    struct Range {
        std::uint64_t first, count;
    };

    std::uint64_t random();
    bool held_back(std::uint32_t percent);
    std::uint64_t delay();
    bool rule(bool kept, const char* what, std::uint64_t cycle);
    void take_command(std::uint64_t cycle, const StoreInputs& in);
    void take_beat(std::uint64_t cycle, const StoreInputs& in);
    void next_beat(std::uint64_t cycle);
    void finish(std::uint64_t due);

    Disk disk_;
    StoreSettings settings_{};
    StoreCounters counters_{};
    StoreOutputs out_{};
    unsigned bus_bytes_ = 8;
    std::uint64_t told_ = ~std::uint64_t{0};
    std::uint64_t random_state_ = 1;
    std::vector<Range> refused_;
    std::deque<Command> commands_;  // not yet carried out
    struct End {
        std::uint64_t due;
        bool ok;
    };
    std::deque<End> ends_;  // not yet told
};

Store& store(unsigned index);  // those of the process

}  // namespace guest
