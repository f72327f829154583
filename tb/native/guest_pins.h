// SPDX-License-Identifier: Apache-2.0
// How tb/axi_memory.v packs its pins into the words that cross to native code.
#pragma once
#include "guest_slave.h"

namespace guest {

// Control in: bit 0 arvalid, 1 awvalid, 2 wvalid, 3 rready, 4 bready, 5 wlast, 6 rst.
inline void unpack_control(std::uint32_t control, Inputs& in) {
    in.ar_valid = control & 1;
    in.aw_valid = control >> 1 & 1;
    in.w_valid = control >> 2 & 1;
    in.r_ready = control >> 3 & 1;
    in.b_ready = control >> 4 & 1;
    in.w_last = control >> 5 & 1;
    in.reset = control >> 6 & 1;
}

// Burst: bits 3:0 id, 11:4 length, 14:12 size, 16:15 kind.
inline Request unpack_request(std::uint64_t addr, std::uint32_t word) {
    return Request{addr, static_cast<std::uint8_t>(word & 15),
                   static_cast<std::uint8_t>(word >> 4 & 255),
                   static_cast<std::uint8_t>(word >> 12 & 7),
                   static_cast<std::uint8_t>(word >> 15 & 3)};
}

// Control out: bit 0 busy, 1 arready, 2 awready, 3 wready, 4 rvalid, 5 rlast, 6 bvalid,
// 7 a rule was broken, 11:8 rid, 13:12 rresp, 19:16 bid, 21:20 bresp, 22 published.
inline std::uint32_t pack_control(const Outputs& out) {
    return static_cast<std::uint32_t>(out.busy) | static_cast<std::uint32_t>(out.ar_ready) << 1 |
           static_cast<std::uint32_t>(out.aw_ready) << 2 |
           static_cast<std::uint32_t>(out.w_ready) << 3 |
           static_cast<std::uint32_t>(out.r_valid) << 4 |
           static_cast<std::uint32_t>(out.r_last) << 5 |
           static_cast<std::uint32_t>(out.b_valid) << 6 |
           static_cast<std::uint32_t>(out.broken) << 7 |
           static_cast<std::uint32_t>(out.r_id & 15) << 8 |
           static_cast<std::uint32_t>(out.r_response) << 12 |
           static_cast<std::uint32_t>(out.b_id & 15) << 16 |
           static_cast<std::uint32_t>(out.b_response) << 20 |
           static_cast<std::uint32_t>(out.published) << 22;
}

}  // namespace guest
