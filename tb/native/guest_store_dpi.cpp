// SPDX-License-Identifier: Apache-2.0
// The store's clock edge as a DPI function, for Verilator.
#include <svdpi.h>

#include <cstring>

#include "guest_store_pins.h"

extern "C" void gd_clock(std::uint32_t index, std::uint64_t cycle, std::uint32_t bus_bytes,
                         std::uint32_t control, std::uint64_t sector, std::uint32_t sectors,
                         const svBitVecVal* wr_data, std::uint32_t* control_out,
                         std::uint64_t* capacity, svBitVecVal* rd_data) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(wr_data);  // little-endian hosts
    guest::Store& store = guest::store(index);
    store.clock(cycle, bus_bytes, guest::unpack_store(control, sector, sectors, bytes));
    const guest::StoreOutputs& out = store.outputs();
    *control_out = guest::pack_store(out);
    *capacity = out.capacity;
    std::memcpy(rd_data, out.rd_data, guest::BUS_BYTES);
}
