// SPDX-License-Identifier: Apache-2.0
// The slave's clock edge as a system task, for Icarus:
//   $gm_clock(cycle, bus_bytes, control, ar_addr, ar, aw_addr, aw, w_data, w_strobes,
//             control_out, r_data);
#include <array>
#include <cstring>

#include "guest_pins.h"
#include "vpi_words.h"

namespace {

enum : unsigned {
    CYCLE, BUS_BYTES, CONTROL, AR_ADDR, AR, AW_ADDR, AW, W_DATA, W_STROBES, CONTROL_OUT, R_DATA,
    ARGUMENTS
};

struct Call {
    std::array<vpiHandle, ARGUMENTS> argument{};
    std::uint32_t bus_bytes = 0;
    bool first = true;  // nothing put yet
    std::uint32_t control_out = 0;
    std::array<std::uint8_t, guest::BUS_BYTES> r_data{};
};

PLI_INT32 compile_clock(PLI_BYTE8*) {
    vpi::keep_arguments<Call>("$gm_clock");
    return 0;
}

PLI_INT32 call_clock(PLI_BYTE8*) {
    auto* call = vpi::this_call<Call>();
    using vpi::get_double_word, vpi::get_word, vpi::get_words, vpi::put_words;
    const auto& argument = call->argument;
    if (call->bus_bytes == 0) call->bus_bytes = get_word(argument[BUS_BYTES]);
    guest::Inputs in{};
    std::uint32_t w_data[guest::BUS_BYTES / 4] = {};
    guest::unpack_control(get_word(argument[CONTROL]), in);
    if (in.ar_valid) {
        in.ar = guest::unpack_request(get_double_word(argument[AR_ADDR]), get_word(argument[AR]));
    }
    if (in.aw_valid) {
        in.aw = guest::unpack_request(get_double_word(argument[AW_ADDR]), get_word(argument[AW]));
    }
    if (in.w_valid) {
        get_words(argument[W_DATA], w_data, call->bus_bytes / 4);
        in.w_strobes = get_double_word(argument[W_STROBES]);
    }
    in.w_data = reinterpret_cast<const std::uint8_t*>(w_data);
    guest::Slave& slave = guest::slave();
    slave.clock(get_double_word(argument[CYCLE]), call->bus_bytes, in);
    const guest::Outputs& out = slave.outputs();
    const std::uint32_t control_out = guest::pack_control(out);
    if (call->first || control_out != call->control_out) {
        put_words(argument[CONTROL_OUT], &control_out, 1);
        call->control_out = control_out;
    }
    if (call->first || std::memcmp(call->r_data.data(), out.r_data, call->bus_bytes) != 0) {
        std::uint32_t words[guest::BUS_BYTES / 4];
        std::memcpy(words, out.r_data, guest::BUS_BYTES);
        put_words(argument[R_DATA], words, call->bus_bytes / 4);
        std::memcpy(call->r_data.data(), out.r_data, call->bus_bytes);
    }
    call->first = false;
    return 0;
}

const vpi::Task task{"$gm_clock", compile_clock, call_clock};

}  // namespace

extern "C" {
void (*vlog_startup_routines[])() = {vpi::Task::register_all, nullptr};
}
