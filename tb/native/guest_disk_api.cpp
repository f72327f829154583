// SPDX-License-Identifier: Apache-2.0
// What Python reaches of disks and their stores by ctypes (tb/disk.py).
#include <cstring>
#include <string>

#include "guest_store.h"

using guest::store;

namespace {

// Kept for the caller until the next call; null where nothing is wrong.
const char* told(const std::string& wrong) {
    static std::string& text = *new std::string;
    text = wrong;
    return text.empty() ? nullptr : text.c_str();
}

}  // namespace

extern "C" {

// Sizes of the structures, so that Python finds out if it lays them out differently.
std::uint64_t gd_layout(std::uint32_t which) {
    const std::uint64_t sizes[] = {sizeof(guest::StoreSettings), sizeof(guest::StoreCounters)};
    return which < sizeof sizes / sizeof *sizes ? sizes[which] : 0;
}

const char* gd_open(std::uint32_t index, const char* path, int read_only) {
    return told(store(index).disk().open(path, read_only != 0));
}

const char* gd_create(std::uint32_t index, std::uint64_t sectors) {
    return told(store(index).disk().create(sectors));
}

void gd_close(std::uint32_t index) { store(index).disk().close(); }

std::uint8_t* gd_bytes(std::uint32_t index, std::uint64_t* sectors) {
    *sectors = store(index).disk().sectors();
    return store(index).disk().bytes();
}

std::uint8_t* gd_stable(std::uint32_t index) { return store(index).disk().stable(); }

std::uint64_t gd_dirty(std::uint32_t index) { return store(index).disk().dirty(); }

std::uint64_t gd_commits(std::uint32_t index) { return store(index).disk().commits(); }

void gd_changed(std::uint32_t index, std::uint64_t sector, std::uint64_t sectors) {
    store(index).disk().changed(sector, sectors);
}

void gd_record(std::uint32_t index) { store(index).disk().record(); }

std::uint64_t gd_recorded(std::uint32_t index, const std::uint8_t** bytes) {
    *bytes = store(index).disk().recorded().data();
    return store(index).disk().recorded().size();
}

void gd_clear_record(std::uint32_t index) { store(index).disk().clear_record(); }

const char* gd_commit(std::uint32_t index) {
    guest::Disk& disk = store(index).disk();
    return told(disk.commit() ? std::string() : disk.error());
}

void gd_kill_in_step(std::uint64_t step) { guest::kill_in_step(step); }

void gd_configure(std::uint32_t index, const guest::StoreSettings* settings) {
    store(index).configure(*settings);
}

void gd_tell_capacity(std::uint32_t index, std::uint64_t sectors) {
    store(index).tell_capacity(sectors);
}

void gd_refuse(std::uint32_t index, std::uint64_t sector, std::uint64_t sectors) {
    store(index).refuse(sector, sectors);
}

void gd_accept_all(std::uint32_t index) { store(index).accept_all(); }

void gd_counters(std::uint32_t index, guest::StoreCounters* counters) {
    *counters = store(index).counters();
}

void gd_clear_counters(std::uint32_t index) {
    store(index).counters() = guest::StoreCounters{};
}

}  // extern "C"
