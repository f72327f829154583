// SPDX-License-Identifier: Apache-2.0
// The store's clock edge as a system task, for Icarus:
//   $gd_clock(index, cycle, bus_bytes, control, sector, sectors, wr_data, control_out, capacity,
//             rd_data);
#include <array>
#include <cstring>

#include "guest_store_pins.h"
#include "vpi_words.h"

namespace {

enum : unsigned {
    INDEX, CYCLE, BUS_BYTES, CONTROL, SECTOR, SECTORS, WR_DATA, CONTROL_OUT, CAPACITY, RD_DATA,
    ARGUMENTS
};

struct Call {
    std::array<vpiHandle, ARGUMENTS> argument{};
};

PLI_INT32 compile_clock(PLI_BYTE8*) {
    vpi::keep_arguments<Call>("$gd_clock");
    return 0;
}

PLI_INT32 call_clock(PLI_BYTE8*) {
    using vpi::get_double_word, vpi::get_word, vpi::get_words, vpi::put_words;
    const auto& argument = vpi::this_call<Call>()->argument;
    const std::uint32_t bus_bytes = get_word(argument[BUS_BYTES]);
    const std::uint32_t control = get_word(argument[CONTROL]);
    std::uint32_t data[guest::BUS_BYTES / 4] = {};
    get_words(argument[WR_DATA], data, bus_bytes / 4);
    guest::Store& store = guest::store(get_word(argument[INDEX]));
    store.clock(get_double_word(argument[CYCLE]), bus_bytes,
                guest::unpack_store(control, get_double_word(argument[SECTOR]),
                                    get_word(argument[SECTORS]),
                                    reinterpret_cast<const std::uint8_t*>(data)));
    const guest::StoreOutputs& out = store.outputs();
    const std::uint32_t control_out = guest::pack_store(out);
    const std::uint32_t capacity[2] = {static_cast<std::uint32_t>(out.capacity),
                                       static_cast<std::uint32_t>(out.capacity >> 32)};
    std::memcpy(data, out.rd_data, guest::BUS_BYTES);
    put_words(argument[CONTROL_OUT], &control_out, 1);
    put_words(argument[CAPACITY], capacity, 2);
    put_words(argument[RD_DATA], data, bus_bytes / 4);
    return 0;
}

const vpi::Task task{"$gd_clock", compile_clock, call_clock};

}  // namespace
