// SPDX-License-Identifier: Apache-2.0
// The MAC's clock edge as a DPI function, for Verilator.
#include <svdpi.h>

#include <cstring>

#include "guest_mac_pins.h"

extern "C" void gm_mac_clock(std::uint64_t cycle, std::uint32_t bus_bytes, std::uint32_t control,
                             std::uint64_t out_keep, const svBitVecVal* out_data,
                             std::uint32_t* control_out, std::uint64_t* in_keep,
                             svBitVecVal* in_data) {
    guest::MacInputs in{};
    guest::unpack_mac(control, in);
    in.out_keep = out_keep;
    in.out_data = reinterpret_cast<const std::uint8_t*>(out_data);  // little-endian hosts only
    guest::Mac& mac = guest::mac();
    mac.clock(cycle, bus_bytes, in);
    const guest::MacOutputs& out = mac.outputs();
    *control_out = guest::pack_mac(out);
    *in_keep = out.in_keep;
    std::memcpy(in_data, out.in_data, guest::BUS_BYTES);
}
