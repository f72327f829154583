// SPDX-License-Identifier: Apache-2.0
// What Python reaches by ctypes (tb/native_memory.py). Nothing here throws to its caller: memory
// that cannot be had ends the process, as everywhere in the simulator.
#include <cstring>

#include "guest_lost.h"
#include "guest_slave.h"

using guest::memory;
using guest::slave;

extern "C" {

// Sizes of the structures, so that Python finds out if it lays them out differently.
std::uint64_t gm_layout(std::uint32_t which) {
    const std::uint64_t sizes[] = {sizeof(guest::Event),    sizeof(guest::Violation),
                                   sizeof(guest::Poke),     sizeof(guest::Settings),
                                   sizeof(guest::Counters), sizeof(guest::ClassCounters),
                                   sizeof(guest::Range),    sizeof(guest::Notice)};
    return which < sizeof sizes / sizeof *sizes ? sizes[which] : 0;
}

void gm_clear() {
    memory().clear();
    slave().clear();
}

std::uint8_t* gm_add_region(std::uint64_t base, std::uint64_t size) {
    return memory().add_region(base, size);
}

std::uint8_t* gm_attach_region(std::uint64_t base, std::uint64_t size, int fd,
                               std::uint64_t offset) {
    return memory().attach_region(base, size, fd, offset);
}

std::uint64_t gm_lost_pages() { return guest::lost_pages(); }

int gm_detach_region(std::uint64_t base) { return memory().detach_region(base) ? 1 : 0; }

int gm_configure(const guest::Settings* settings) { return slave().configure(*settings) ? 1 : 0; }

int gm_allow(std::uint64_t addr, std::uint64_t length, int add) {
    return memory().allow(addr, length, add != 0) ? 1 : 0;
}

void gm_check_writes(int on) { memory().check_writes(on != 0); }

int gm_watch(std::uint64_t addr, std::uint64_t length, std::uint8_t watch_class) {
    return memory().watch(addr, length, watch_class) ? 1 : 0;
}

std::int64_t gm_refuse(std::uint64_t first, std::uint64_t last, std::uint8_t kinds,
                       std::uint8_t response, std::uint64_t nth) {
    return memory().refuse(first, last, kinds, response, nth);
}

void gm_accept_all() { memory().accept_all(); }

std::int64_t gm_race(const guest::Poke* poke) { return memory().add_poke(*poke); }

void gm_clear_races() { memory().clear_pokes(); }

std::int64_t gm_race_cycle(std::int64_t id) { return memory().poke_cycle(id); }

void gm_catch_up(std::uint64_t cycle) { memory().catch_up(cycle); }

std::uint64_t gm_events(const guest::Event** events, std::uint64_t* lost) {
    *events = memory().events().data();
    *lost = memory().lost_events();
    return memory().events().size();
}

void gm_clear_events() { memory().clear_events(); }

std::int64_t gm_answered(std::uint64_t burst) { return slave().answered(burst); }

std::uint64_t gm_violations(const guest::Violation** violations, std::uint64_t* bytes) {
    *violations = memory().violations().data();
    *bytes = memory().violating_bytes();
    return memory().violations().size();
}

void gm_clear_violations() { memory().clear_violations(); }

void gm_counters(guest::Counters* counters) { *counters = slave().counters(); }

void gm_class_counters(std::uint8_t watch_class, guest::ClassCounters* counters) {
    *counters = memory().counters()[watch_class];
}

void gm_clear_counters() {
    slave().counters() = guest::Counters{};
    memory().counters().fill(guest::ClassCounters{});
}

int gm_follow() { return memory().follow() ? 1 : 0; }

// The images of the region that begins at `base`: 0 seen, 1 model, 2 state.
std::uint8_t* gm_follow_image(std::uint64_t base, std::uint32_t which) {
    const guest::Views* views = memory().views(base);
    if (views == nullptr) return nullptr;
    return which == 0 ? views->seen : which == 1 ? views->model : views->state;
}

int gm_follow_place(std::uint64_t addr, std::uint64_t length, std::uint32_t kind,
                    std::uint32_t queue) {
    return memory().follow_place(addr, length, kind, queue) ? 1 : 0;
}

void gm_follow_drop(std::uint32_t queue) { memory().followed().drop_places(queue); }

std::uint64_t gm_follow_notices(const guest::Notice** notices) {
    *notices = memory().followed().notices().data();
    return memory().followed().notices().size();
}

void gm_follow_clear_notices() { memory().followed().clear_notices(); }

std::uint32_t gm_follow_explain(const guest::Range* ranges, std::uint64_t count,
                                std::uint64_t* where) {
    return memory().explain(ranges, count, where);
}

int gm_follow_copy(std::uint64_t addr, std::uint64_t length) {
    return memory().copy_seen(addr, length) ? 1 : 0;
}

std::uint64_t gm_follow_marked() { return memory().followed().marked(); }

std::uint64_t gm_follow_unexplained(guest::Range* ranges, std::uint64_t most) {
    return memory().unexplained(ranges, most);
}

void gm_record(int on) { memory().followed().record(on != 0); }

std::uint64_t gm_recorded(const std::uint8_t** bytes) {
    *bytes = memory().followed().record().data();
    return memory().followed().record().size();
}

void gm_clear_record() { memory().followed().clear_record(); }

std::uint64_t gm_digest() { return memory().followed().digest(); }

void gm_feed(const std::uint8_t* bytes, std::uint64_t count) {
    memory().followed().feed(bytes, count);
}

std::uint64_t gm_feed_missed() { return memory().followed().missed(); }

}  // extern "C"
