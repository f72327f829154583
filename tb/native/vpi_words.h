// SPDX-License-Identifier: Apache-2.0
// What the system tasks for Icarus share: their arguments as words, and how they register.
#pragma once
#include <vpi_user.h>

#include <array>
#include <cstdint>
#include <vector>

namespace vpi {

constexpr unsigned MAX_WORDS = 16;  // 512 bits

// X and Z count as 0: the protocol checks report them.
inline void get_words(vpiHandle handle, std::uint32_t* words, unsigned count) {
    s_vpi_value value{};
    value.format = vpiVectorVal;
    vpi_get_value(handle, &value);
    for (unsigned i = 0; i < count; ++i) {
        words[i] = static_cast<std::uint32_t>(value.value.vector[i].aval) &
                   ~static_cast<std::uint32_t>(value.value.vector[i].bval);
    }
}

inline std::uint32_t get_word(vpiHandle handle) {
    std::uint32_t word = 0;
    get_words(handle, &word, 1);
    return word;
}

inline std::uint64_t get_double_word(vpiHandle handle) {
    std::uint32_t words[2] = {0, 0};
    get_words(handle, words, 2);
    return static_cast<std::uint64_t>(words[1]) << 32 | words[0];
}

inline void put_words(vpiHandle handle, const std::uint32_t* words, unsigned count) {
    std::array<s_vpi_vecval, MAX_WORDS> vector{};
    for (unsigned i = 0; i < count; ++i) vector[i].aval = static_cast<PLI_INT32>(words[i]);
    s_vpi_value value{};
    value.format = vpiVectorVal;
    value.value.vector = vector.data();
    vpi_put_value(handle, &value, nullptr, vpiNoDelay);
}

// The arguments of the task that is being compiled, kept in `Call::argument`, an array; the
// simulation ends when there are too few or too many. To be called from a task's compiletf.
template <typename Call>
void keep_arguments(const char* name) {
    vpiHandle task = vpi_handle(vpiSysTfCall, nullptr);
    vpiHandle iterator = vpi_iterate(vpiArgument, task);
    auto* call = new Call;
    unsigned count = 0;
    while (vpiHandle argument = iterator == nullptr ? nullptr : vpi_scan(iterator)) {
        if (count < call->argument.size()) call->argument[count] = argument;
        ++count;
    }
    if (count != call->argument.size()) {
        const auto wanted = static_cast<unsigned>(call->argument.size());
        vpi_printf("%s wants %u arguments, got %u\n", name, wanted, count);
        vpi_control(vpiFinish, 1);
    }
    vpi_put_userdata(task, call);
}

// The call for which a task's calltf runs.
template <typename Call>
Call* this_call() {
    return static_cast<Call*>(vpi_get_userdata(vpi_handle(vpiSysTfCall, nullptr)));
}

using Function = PLI_INT32 (*)(PLI_BYTE8*);

// A system task of this VPI module: `static const vpi::Task task{"$name", compile, call};`
class Task {
public:
    Task(const char* name, Function compile, Function call)
        : name_(name), compile_(compile), call_(call) {
        all().push_back(this);
    }

    static void register_all() {
        for (const Task* each : all()) {
            s_vpi_systf_data task{};
            task.type = vpiSysTask;
            task.tfname = const_cast<PLI_BYTE8*>(each->name_);
            task.calltf = each->call_;
            task.compiletf = each->compile_;
            vpi_register_systf(&task);
        }
    }

private:
    static std::vector<const Task*>& all() {
        static std::vector<const Task*> tasks;
        return tasks;
    }

    const char* name_;
    Function compile_, call_;
};

}  // namespace vpi
