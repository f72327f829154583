// SPDX-License-Identifier: Apache-2.0
// AXI4 slave in front of the guest memory: one call a clock edge.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "guest_memory.h"

namespace guest {

// Channels, as indices
enum : unsigned { AR = 0, R = 1, AW = 2, W = 3, B = 4, CHANNELS = 5 };

// How the slave behaves; as tb/native_memory.py lays it out.
struct Settings {
    std::uint32_t read_latency_min, read_latency_max;    // AR to first R handshake, cycles, from 1
    std::uint32_t write_latency_min, write_latency_max;  // last W to B handshake, cycles, from 1
    std::uint32_t read_percent, write_percent;  // bandwidth: share of cycles that carry a beat
    std::uint32_t stall_percent[CHANNELS];      // share of cycles in which a channel holds back
    std::uint32_t reorder;                      // 0 none, 1 bursts, 2 beats too, across ids
    std::uint32_t max_reads, max_writes;        // accepted and unanswered bursts at once
    std::uint32_t late_writes;                  // 1: bytes change with the response, not before
    std::uint64_t seed;
};

struct Counters {
    std::uint64_t bursts_read, bursts_written;       // accepted
    std::uint64_t beats_read, beats_written;         // handshakes on R and W
    std::uint64_t responses;                         // handshakes on B
    std::uint64_t wait[CHANNELS];                    // cycles valid and not ready
    std::uint64_t r_gap;                             // cycles with a read waiting and no R beat
    std::uint64_t most_reads, most_writes;           // most outstanding at once
};

// Payload of an address channel: ARLEN and so on as on the pins.
struct Request {
    std::uint64_t addr;
    std::uint8_t id, length, size, kind;
};

struct Inputs {
    bool reset, ar_valid, aw_valid, w_valid, r_ready, b_ready, w_last;
    Request ar, aw;
    std::uint64_t w_strobes;
    const std::uint8_t* w_data;
};

// Registered: what the pins show from this edge to the next.
struct Outputs {
    bool busy, ar_ready, aw_ready, w_ready, r_valid, r_last, b_valid, broken;
    bool published;  // changes when a beat published used buffers, see guest_follow.h
    std::uint8_t r_id, r_response, b_id, b_response;
    std::uint8_t r_data[BUS_BYTES];
};

class Slave {
public:
    explicit Slave(Memory& memory) : memory_(memory) { clear(); }

    void clear();  // back to the settings at start, nothing in flight
    bool configure(const Settings& settings);
    void clock(std::uint64_t cycle, unsigned bus_bytes, const Inputs& in);
    const Outputs& outputs() const { return out_; }
    Counters& counters() { return counters_; }
    std::int64_t answered(std::uint64_t burst) const;  // cycle of a write's B handshake, or -1

private:
    struct Data {
        std::array<std::uint8_t, BUS_BYTES> bytes;
        std::uint64_t strobes;
        bool last;
    };
    struct Held {
        Beat beat;
        std::array<std::uint8_t, BUS_BYTES> bytes;
    };
    struct Burst {
        std::uint64_t addr, due;
        std::uint8_t id, size, response;
        unsigned beats, done;
        std::uint64_t asked, number;
        std::vector<Held> held;  // beats that take effect with the response
    };

    std::uint64_t random();
    bool chance(std::uint32_t percent);
    std::uint64_t delay(std::uint32_t low, std::uint32_t high);
    void forget();
    void rule(bool kept, const char* what, std::uint64_t cycle, std::uint64_t addr, unsigned id);
    void check_request(const Request& request, bool write, std::uint64_t cycle);
    void take_read(std::uint64_t cycle, const Inputs& in);
    void take_write(std::uint64_t cycle, const Inputs& in);
    void store(std::uint64_t cycle, const Data& data);
    std::size_t choose(const std::deque<Burst>& bursts, std::uint64_t cycle, bool hold);
    void next_read(std::uint64_t cycle);
    void next_response(std::uint64_t cycle);
    void next_ready();

    Memory& memory_;
    Settings settings_{};
    Counters counters_{};
    Outputs out_{};
    unsigned bus_bytes_ = 8;
    std::uint64_t random_state_ = 1;
    std::deque<Burst> reads_, writes_, responses_;
    std::deque<Data> early_data_;  // W beats that came before their address
    std::uint64_t reads_taken_ = 0;
    std::vector<std::int64_t> answered_;  // of each write taken
    std::uint64_t answering_ = 0;         // number of the write whose response is on the pins
    std::uint32_t read_credit_ = 100, write_credit_ = 100;
    int open_read_ = -1;  // id whose burst has begun and must end first
};

Memory& memory();  // the process has one memory
Slave& slave();    // and one slave

}  // namespace guest
