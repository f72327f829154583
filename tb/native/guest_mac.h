// SPDX-License-Identifier: Apache-2.0
// The MAC beside a network device: frames into it and out of it, one call a clock edge.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "guest_memory.h"

namespace guest {

// How the MAC behaves; as tb/mac.py lays it out.
struct MacSettings {
    std::uint32_t in_percent;   // share of cycles that may carry a beat into the device, at random
    std::uint32_t out_percent;  // the same, out of it
    std::uint32_t loopback;     // 1: what comes out goes in again
    std::uint32_t link_up;      // level of the link
    std::uint64_t delay;        // cycles from a frame's end to its way back, with loopback
    std::uint64_t seed;
};

struct MacFrame {
    std::uint64_t cycle;  // of its last beat's handshake; of one that waits: the earliest
    bool bad;
    std::vector<std::uint8_t> bytes;
};

struct MacInputs {
    bool reset, out_valid, out_last, out_user, in_ready;
    std::uint64_t out_keep;
    const std::uint8_t* out_data;
};

// Registered: what the pins show from this edge to the next.
struct MacOutputs {
    bool busy, link_up, out_ready, in_valid, in_last, in_user, broken;
    std::uint64_t in_keep;
    std::uint8_t in_data[BUS_BYTES];
};

class Mac {
public:
    Mac() { clear(); }

    void clear();
    bool configure(const MacSettings& settings);
    void queue(MacFrame frame) { waiting_.push_back(std::move(frame)); }
    void clock(std::uint64_t cycle, std::uint32_t bus_bytes, const MacInputs& in);

    const MacOutputs& outputs() const { return out_; }
    // Frames that came out of the device, and those that have gone into it
    const std::vector<MacFrame>& sent() const { return sent_; }
    const std::vector<MacFrame>& given() const { return given_; }
    std::size_t waiting() const { return waiting_.size(); }

private:
    void take(std::uint64_t cycle, std::uint32_t bus_bytes, const MacInputs& in);
    void offer(std::uint64_t cycle, std::uint32_t bus_bytes, bool taken);
    bool chance(std::uint32_t percent);

    MacSettings settings_{};
    MacOutputs out_{};
    std::deque<MacFrame> waiting_;
    std::vector<MacFrame> sent_, given_;
    MacFrame coming_;        // out of the device, not yet whole
    std::size_t place_ = 0;  // bytes of the first frame that waits that were offered
    std::uint64_t random_ = 1;
    // What was offered and not taken must not change
    bool held_ = false, held_last_ = false, held_user_ = false;
    std::uint64_t held_keep_ = 0;
    std::uint8_t held_data_[BUS_BYTES]{};
};

Mac& mac();

}  // namespace guest
