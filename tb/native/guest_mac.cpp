// SPDX-License-Identifier: Apache-2.0
#include "guest_mac.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace guest {

Mac& mac() {
    static Mac only;
    return only;
}

void Mac::clear() {
    settings_ = MacSettings{100, 100, 0, 1, 1, 1};
    out_ = MacOutputs{};
    waiting_.clear();
    sent_.clear();
    given_.clear();
    coming_ = MacFrame{};
    place_ = 0;
    random_ = 1;
    held_ = false;
}

bool Mac::configure(const MacSettings& settings) {
    if (settings.in_percent > 100 || settings.out_percent > 100) return false;
    settings_ = settings;
    random_ = settings.seed * 2 + 1;
    return true;
}

bool Mac::chance(std::uint32_t percent) {
    if (percent >= 100) return true;
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return (random_ >> 16) % 100 < percent;
}

// A beat that the device offers.
void Mac::take(std::uint64_t cycle, std::uint32_t bus_bytes, const MacInputs& in) {
    const std::uint64_t all = bus_bytes == 64 ? ~std::uint64_t{0}
                                              : (std::uint64_t{1} << bus_bytes) - 1;
    if (held_ && (!in.out_valid || in.out_last != held_last_ || in.out_user != held_user_ ||
                  in.out_keep != held_keep_ ||
                  std::memcmp(in.out_data, held_data_, bus_bytes) != 0)) {
        std::fprintf(stderr, "MAC: a beat changed before it was taken, cycle %llu\n",
                     static_cast<unsigned long long>(cycle));
        out_.broken = true;
    }
    held_ = in.out_valid && !out_.out_ready;
    if (held_) {
        held_last_ = in.out_last;
        held_user_ = in.out_user;
        held_keep_ = in.out_keep;
        std::memcpy(held_data_, in.out_data, bus_bytes);
    }
    if (!in.out_valid || !out_.out_ready) return;
    const std::uint64_t keep = in.out_keep;
    if (keep == 0 || (keep & (keep + 1)) != 0 || (!in.out_last && keep != all)) {
        std::fprintf(stderr, "MAC: tkeep %#llx, cycle %llu\n",
                     static_cast<unsigned long long>(keep),
                     static_cast<unsigned long long>(cycle));
        out_.broken = true;
    }
    for (std::uint32_t i = 0; i < bus_bytes && (keep >> i & 1); ++i) {
        coming_.bytes.push_back(in.out_data[i]);
    }
    if (!in.out_last) return;
    coming_.cycle = cycle;
    coming_.bad = in.out_user;
    sent_.push_back(coming_);
    if (settings_.loopback && !coming_.bad) {
        coming_.cycle = cycle + settings_.delay;
        waiting_.push_back(std::move(coming_));
    }
    coming_ = MacFrame{};
}

// The beat that is shown until the next edge.
void Mac::offer(std::uint64_t cycle, std::uint32_t bus_bytes, bool taken) {
    if (out_.in_valid && !taken) return;
    if (taken && out_.in_last) {
        waiting_.front().cycle = cycle;
        given_.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
        place_ = 0;
    }
    out_.in_valid = false;
    if (waiting_.empty()) return;
    const MacFrame& frame = waiting_.front();
    if ((place_ == 0 && frame.cycle > cycle) || !chance(settings_.in_percent)) return;
    const std::size_t count = std::min<std::size_t>(bus_bytes, frame.bytes.size() - place_);
    out_.in_valid = true;
    std::memset(out_.in_data, 0, sizeof out_.in_data);
    std::memcpy(out_.in_data, frame.bytes.data() + place_, count);
    out_.in_keep = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    place_ += count;
    out_.in_last = place_ == frame.bytes.size();
    out_.in_user = out_.in_last && frame.bad;
}

void Mac::clock(std::uint64_t cycle, std::uint32_t bus_bytes, const MacInputs& in) {
    out_.link_up = settings_.link_up != 0;
    if (in.reset) {
        out_.in_valid = out_.out_ready = false;
        held_ = false;
        coming_ = MacFrame{};
        place_ = 0;
    } else {
        take(cycle, bus_bytes, in);
        offer(cycle, bus_bytes, out_.in_valid && in.in_ready);
        out_.out_ready = chance(settings_.out_percent);
    }
    out_.busy = !waiting_.empty();
}

}  // namespace guest

// What Python reaches by ctypes (tb/mac.py).
extern "C" {

void gm_mac_clear() { guest::mac().clear(); }

int gm_mac_configure(const guest::MacSettings* settings) {
    return guest::mac().configure(*settings) ? 1 : 0;
}

std::uint64_t gm_mac_layout() { return sizeof(guest::MacSettings); }

void gm_mac_queue(const std::uint8_t* bytes, std::uint64_t length, int bad, std::uint64_t cycle) {
    guest::MacFrame frame{cycle, bad != 0, {}};
    frame.bytes.assign(bytes, bytes + length);
    guest::mac().queue(std::move(frame));
}

std::uint64_t gm_mac_waiting() { return guest::mac().waiting(); }

std::uint64_t gm_mac_count(int given) {
    return given ? guest::mac().given().size() : guest::mac().sent().size();
}

// A frame by its number, which must be below that count; its length is returned.
std::uint64_t gm_mac_frame(int given, std::uint64_t number, const std::uint8_t** bytes,
                           std::uint64_t* cycle, int* bad) {
    const auto& frames = given ? guest::mac().given() : guest::mac().sent();
    const guest::MacFrame& frame = frames[number];
    *bytes = frame.bytes.data();
    *cycle = frame.cycle;
    *bad = frame.bad;
    return frame.bytes.size();
}

}  // extern "C"
