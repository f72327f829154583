// SPDX-License-Identifier: Apache-2.0
// The slave's clock edge as a DPI function, for Verilator.
#include <svdpi.h>

#include <cstring>

#include "guest_pins.h"

extern "C" void gm_clock(std::uint64_t cycle, std::uint32_t bus_bytes, std::uint32_t control,
                         std::uint64_t ar_addr, std::uint32_t ar, std::uint64_t aw_addr,
                         std::uint32_t aw, const svBitVecVal* w_data, std::uint64_t w_strobes,
                         std::uint32_t* control_out, svBitVecVal* r_data) {
    guest::Inputs in{};
    guest::unpack_control(control, in);
    in.ar = guest::unpack_request(ar_addr, ar);
    in.aw = guest::unpack_request(aw_addr, aw);
    in.w_strobes = w_strobes;
    in.w_data = reinterpret_cast<const std::uint8_t*>(w_data);  // little-endian hosts only
    guest::Slave& slave = guest::slave();
    slave.clock(cycle, bus_bytes, in);
    *control_out = guest::pack_control(slave.outputs());
    std::memcpy(r_data, slave.outputs().r_data, guest::BUS_BYTES);
}
