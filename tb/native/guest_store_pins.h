// SPDX-License-Identifier: Apache-2.0
// How tb/disk.v packs its pins into the words that cross to native code.
#pragma once
#include "guest_store.h"

namespace guest {

// Control in: bit 0 cmd_valid, 1 wr_valid, 2 wr_last, 3 wr_user, 4 rd_ready, 5 done_ready, 6 rst,
// 9:7 op, 10 stable.
inline StoreInputs unpack_store(std::uint32_t control, std::uint64_t sector,
                                std::uint32_t sectors, const std::uint8_t* wr_data) {
    StoreInputs in{};
    in.cmd_valid = control & 1;
    in.wr_valid = control >> 1 & 1;
    in.wr_last = control >> 2 & 1;
    in.wr_user = control >> 3 & 1;
    in.rd_ready = control >> 4 & 1;
    in.done_ready = control >> 5 & 1;
    in.reset = control >> 6 & 1;
    in.op = static_cast<std::uint8_t>(control >> 7 & 7);
    in.stable = control >> 10 & 1;
    in.sector = sector;
    in.sectors = sectors;
    in.wr_data = wr_data;
    return in;
}

// Control out: bit 0 busy, 1 cmd_ready, 2 wr_ready, 3 rd_valid, 4 rd_last, 5 done_valid,
// 6 done_ok, 7 a rule was broken.
inline std::uint32_t pack_store(const StoreOutputs& out) {
    return static_cast<std::uint32_t>(out.busy) | static_cast<std::uint32_t>(out.cmd_ready) << 1 |
           static_cast<std::uint32_t>(out.wr_ready) << 2 |
           static_cast<std::uint32_t>(out.rd_valid) << 3 |
           static_cast<std::uint32_t>(out.rd_last) << 4 |
           static_cast<std::uint32_t>(out.done_valid) << 5 |
           static_cast<std::uint32_t>(out.done_ok) << 6 |
           static_cast<std::uint32_t>(out.broken) << 7;
}

}  // namespace guest
