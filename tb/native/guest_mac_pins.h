// SPDX-License-Identifier: Apache-2.0
// How tb/mac.v packs its pins into the words that cross to native code.
#pragma once
#include "guest_mac.h"

namespace guest {

// Control in: bit 0 rst, 1 out_tvalid, 2 out_tlast, 3 out_tuser, 4 in_tready.
inline void unpack_mac(std::uint32_t control, MacInputs& in) {
    in.reset = control & 1;
    in.out_valid = control >> 1 & 1;
    in.out_last = control >> 2 & 1;
    in.out_user = control >> 3 & 1;
    in.in_ready = control >> 4 & 1;
}

// Control out: bit 0 busy, 1 link up, 2 out_tready, 3 in_tvalid, 4 in_tlast, 5 in_tuser, 6 a rule
// was broken.
inline std::uint32_t pack_mac(const MacOutputs& out) {
    return static_cast<std::uint32_t>(out.busy) | static_cast<std::uint32_t>(out.link_up) << 1 |
           static_cast<std::uint32_t>(out.out_ready) << 2 |
           static_cast<std::uint32_t>(out.in_valid) << 3 |
           static_cast<std::uint32_t>(out.in_last) << 4 |
           static_cast<std::uint32_t>(out.in_user) << 5 |
           static_cast<std::uint32_t>(out.broken) << 6;
}

}  // namespace guest
