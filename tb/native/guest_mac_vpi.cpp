// SPDX-License-Identifier: Apache-2.0
// The MAC's clock edge as a system task, for Icarus:
//   $gm_mac_clock(cycle, bus_bytes, control, out_keep, out_data, control_out, in_keep, in_data);
#include <array>
#include <cstring>

#include "guest_mac_pins.h"
#include "vpi_words.h"

namespace {

enum : unsigned {
    CYCLE, BUS_BYTES, CONTROL, OUT_KEEP, OUT_DATA, CONTROL_OUT, IN_KEEP, IN_DATA, ARGUMENTS
};

struct Call {
    std::array<vpiHandle, ARGUMENTS> argument{};
    std::uint32_t bus_bytes = 0;
    bool first = true;  // nothing put yet
    std::uint32_t control_out = 0;
};

PLI_INT32 compile_clock(PLI_BYTE8*) {
    vpi::keep_arguments<Call>("$gm_mac_clock");
    return 0;
}

PLI_INT32 call_clock(PLI_BYTE8*) {
    using vpi::get_double_word, vpi::get_word, vpi::get_words, vpi::put_words;
    auto* call = vpi::this_call<Call>();
    const auto& argument = call->argument;
    if (call->bus_bytes == 0) call->bus_bytes = get_word(argument[BUS_BYTES]);
    guest::MacInputs in{};
    std::uint32_t data[guest::BUS_BYTES / 4] = {};
    guest::unpack_mac(get_word(argument[CONTROL]), in);
    if (in.out_valid) {
        get_words(argument[OUT_DATA], data, call->bus_bytes / 4);
        in.out_keep = get_double_word(argument[OUT_KEEP]);
    }
    in.out_data = reinterpret_cast<const std::uint8_t*>(data);
    guest::Mac& mac = guest::mac();
    mac.clock(get_double_word(argument[CYCLE]), call->bus_bytes, in);
    const guest::MacOutputs& out = mac.outputs();
    const std::uint32_t control_out = guest::pack_mac(out);
    if (call->first || control_out != call->control_out) {
        put_words(argument[CONTROL_OUT], &control_out, 1);
        call->control_out = control_out;
    }
    if (call->first || out.in_valid) {
        std::uint32_t words[guest::BUS_BYTES / 4];
        std::memcpy(words, out.in_data, guest::BUS_BYTES);
        put_words(argument[IN_DATA], words, call->bus_bytes / 4);
        std::memcpy(words, &out.in_keep, sizeof out.in_keep);
        put_words(argument[IN_KEEP], words, 2);
    }
    call->first = false;
    return 0;
}

const vpi::Task task{"$gm_mac_clock", compile_clock, call_clock};

}  // namespace
