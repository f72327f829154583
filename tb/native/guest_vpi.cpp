// SPDX-License-Identifier: Apache-2.0
// The slave's clock edge as a system task, for Icarus:
//   $gm_clock(cycle, bus_bytes, control, ar_addr, ar, aw_addr, aw, w_data, w_strobes,
//             control_out, r_data);
#include <vpi_user.h>

#include <array>
#include <cstring>

#include "guest_pins.h"

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

// X and Z count as 0: the protocol checks report them.
void get_words(vpiHandle handle, std::uint32_t* words, unsigned count) {
    s_vpi_value value{};
    value.format = vpiVectorVal;
    vpi_get_value(handle, &value);
    for (unsigned i = 0; i < count; ++i) {
        words[i] = static_cast<std::uint32_t>(value.value.vector[i].aval) &
                   ~static_cast<std::uint32_t>(value.value.vector[i].bval);
    }
}

std::uint32_t get_word(vpiHandle handle) {
    std::uint32_t word = 0;
    get_words(handle, &word, 1);
    return word;
}

std::uint64_t get_double_word(vpiHandle handle) {
    std::uint32_t words[2] = {0, 0};
    get_words(handle, words, 2);
    return static_cast<std::uint64_t>(words[1]) << 32 | words[0];
}

void put_words(vpiHandle handle, const std::uint32_t* words, unsigned count) {
    std::array<s_vpi_vecval, guest::BUS_BYTES / 4> vector{};
    for (unsigned i = 0; i < count; ++i) vector[i].aval = static_cast<PLI_INT32>(words[i]);
    s_vpi_value value{};
    value.format = vpiVectorVal;
    value.value.vector = vector.data();
    vpi_put_value(handle, &value, nullptr, vpiNoDelay);
}

PLI_INT32 compile_clock(PLI_BYTE8*) {
    vpiHandle task = vpi_handle(vpiSysTfCall, nullptr);
    vpiHandle iterator = vpi_iterate(vpiArgument, task);
    auto* call = new Call;
    unsigned count = 0;
    while (vpiHandle argument = iterator == nullptr ? nullptr : vpi_scan(iterator)) {
        if (count < ARGUMENTS) call->argument[count] = argument;
        ++count;
    }
    if (count != ARGUMENTS) {
        vpi_printf("$gm_clock wants %u arguments, got %u\n", unsigned{ARGUMENTS}, count);
        vpi_control(vpiFinish, 1);
    }
    vpi_put_userdata(task, call);
    return 0;
}

PLI_INT32 call_clock(PLI_BYTE8*) {
    auto* call = static_cast<Call*>(vpi_get_userdata(vpi_handle(vpiSysTfCall, nullptr)));
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

void register_clock() {
    s_vpi_systf_data task{};
    task.type = vpiSysTask;
    task.tfname = const_cast<PLI_BYTE8*>("$gm_clock");
    task.calltf = call_clock;
    task.compiletf = compile_clock;
    vpi_register_systf(&task);
}

}  // namespace

extern "C" {
void (*vlog_startup_routines[])() = {register_clock, nullptr};
}
