// SPDX-License-Identifier: Apache-2.0
#include "guest_slave.h"

#include <algorithm>
#include <bitset>
#include <cstdio>
#include <cstring>

namespace guest {
namespace {

constexpr std::size_t EARLY_DATA = 256;  // W beats held without an address
constexpr std::size_t NONE = ~std::size_t{0};

// Address of lane 0 and the lanes that beat `number` of an INCR burst covers.
struct Lanes {
    std::uint64_t addr, mask;
};

Lanes lanes_of(std::uint64_t addr, unsigned size, unsigned number, unsigned bus_bytes) {
    const std::uint64_t bytes = std::uint64_t{1} << size;
    const std::uint64_t start = number == 0 ? addr : (addr & ~(bytes - 1)) + number * bytes;
    const std::uint64_t end = (start & ~(bytes - 1)) + bytes - 1;  // last byte of the beat
    const std::uint64_t base = start & ~std::uint64_t{bus_bytes - 1};
    const unsigned low = static_cast<unsigned>(start - base);
    const unsigned high = std::min(static_cast<unsigned>(end - base), bus_bytes - 1);
    const std::uint64_t upto = high == 63 ? ~std::uint64_t{0} : (std::uint64_t{1} << (high + 1)) - 1;
    return Lanes{base, upto & ~((std::uint64_t{1} << low) - 1)};
}

}  // namespace

// Never destroyed: Python's views of the memory may outlive every static object.
Memory& memory() {
    static Memory& instance = *new Memory;
    return instance;
}

Slave& slave() {
    static Slave& instance = *new Slave(memory());
    return instance;
}

void Slave::clear() {
    const Settings plain{1, 1, 1, 1, 100, 100, {0, 0, 0, 0, 0}, 0, 1024, 1024, 0, 1};
    configure(plain);
    counters_ = Counters{};
    reads_taken_ = 0;
    answered_.clear();
    forget();
}

void Slave::forget() {
    reads_.clear();
    writes_.clear();
    responses_.clear();
    early_data_.clear();
    open_read_ = -1;
    out_ = Outputs{};
    out_.published = memory_.followed().published();
}

bool Slave::configure(const Settings& settings) {
    const bool latencies = settings.read_latency_min >= 1 && settings.write_latency_min >= 1 &&
                           settings.read_latency_min <= settings.read_latency_max &&
                           settings.write_latency_min <= settings.write_latency_max;
    const bool shares = settings.read_percent >= 1 && settings.read_percent <= 100 &&
                        settings.write_percent >= 1 && settings.write_percent <= 100 &&
                        std::all_of(settings.stall_percent, settings.stall_percent + CHANNELS,
                                    [](std::uint32_t percent) { return percent < 100; });
    const bool limits = settings.reorder <= 2 && settings.max_reads >= 1 && settings.max_writes >= 1;
    if (!latencies || !shares || !limits) return false;
    if (settings.seed != settings_.seed) random_state_ = settings.seed * 2 + 1;
    settings_ = settings;
    return true;
}

// xorshift64*: the slave's own, so that a run repeats whatever else draws numbers
std::uint64_t Slave::random() {
    random_state_ ^= random_state_ >> 12;
    random_state_ ^= random_state_ << 25;
    random_state_ ^= random_state_ >> 27;
    return random_state_ * 0x2545F4914F6CDD1DULL >> 16;
}

bool Slave::chance(std::uint32_t percent) { return percent != 0 && random() % 100 < percent; }

std::uint64_t Slave::delay(std::uint32_t low, std::uint32_t high) {
    return low == high ? low : low + random() % (high - low + 1);
}

// IHI 0022: the run stops at the first rule broken (tb/axi_memory.v looks at `broken`).
void Slave::rule(bool kept, const char* what, std::uint64_t cycle, std::uint64_t addr,
                 unsigned id) {
    if (kept || out_.broken) return;
    out_.broken = true;
    std::printf("CHECK FAILED at cycle %llu: %s; burst at 0x%llx, id %u\n",
                static_cast<unsigned long long>(cycle), what,
                static_cast<unsigned long long>(addr), id);
    std::fflush(stdout);
}

void Slave::check_request(const Request& request, bool write, std::uint64_t cycle) {
    const std::uint64_t bytes = std::uint64_t{1} << request.size;
    const std::uint64_t offset = (request.addr & 0xfff) & ~(bytes - 1);
    const std::uint64_t end = offset + (request.length + 1U) * bytes;
    rule(request.kind == 1, write ? "AWBURST is not INCR" : "ARBURST is not INCR", cycle,
         request.addr, request.id);
    rule(bytes <= bus_bytes_, write ? "AWSIZE is more than the bus" : "ARSIZE is more than the bus",
         cycle, request.addr, request.id);
    rule(end <= 4096, write ? "a write crosses 4 KiB" : "a read crosses 4 KiB", cycle, request.addr,
         request.id);
}

void Slave::take_read(std::uint64_t cycle, const Inputs& in) {
    // valid from the edge before the handshake: hence -1
    const std::uint64_t due =
        cycle + delay(settings_.read_latency_min, settings_.read_latency_max) - 1;
    check_request(in.ar, false, cycle);
    reads_.push_back(Burst{in.ar.addr, due, in.ar.id, in.ar.size, OKAY, in.ar.length + 1U, 0,
                           cycle, reads_taken_++, {}});
    ++counters_.bursts_read;
    counters_.most_reads = std::max<std::uint64_t>(counters_.most_reads, reads_.size());
}

void Slave::take_write(std::uint64_t cycle, const Inputs& in) {
    check_request(in.aw, true, cycle);
    writes_.push_back(Burst{in.aw.addr, 0, in.aw.id, in.aw.size, OKAY, in.aw.length + 1U, 0, cycle,
                            answered_.size(), {}});
    answered_.push_back(-1);
    ++counters_.bursts_written;
    counters_.most_writes =
        std::max<std::uint64_t>(counters_.most_writes, writes_.size() + responses_.size());
    while (!early_data_.empty() && !writes_.empty()) {
        const Data data = early_data_.front();
        early_data_.pop_front();
        store(cycle, data);
    }
}

void Slave::store(std::uint64_t cycle, const Data& data) {
    Burst& burst = writes_.front();
    const Lanes lanes = lanes_of(burst.addr, burst.size, burst.done, bus_bytes_);
    const Beat beat{cycle, lanes.addr, data.strobes & lanes.mask, burst.asked, burst.number,
                    burst.id};
    rule(beat.strobes == data.strobes, "WSTRB outside the transfer", cycle, burst.addr, burst.id);
    rule(data.last == (burst.done + 1 == burst.beats), "WLAST does not agree with AWLEN", cycle,
         burst.addr, burst.id);
    if (settings_.late_writes != 0) {
        burst.held.push_back(Held{beat, data.bytes});
    } else {
        burst.response = std::max(burst.response, memory_.write_beat(beat, data.bytes.data()));
    }
    if (++burst.done < burst.beats) return;
    burst.due = cycle + delay(settings_.write_latency_min, settings_.write_latency_max) - 1;
    responses_.push_back(burst);
    writes_.pop_front();
}

// The burst to answer next: the oldest, or with reordering any id's oldest that is due.
std::size_t Slave::choose(const std::deque<Burst>& bursts, std::uint64_t cycle, bool hold) {
    if (bursts.empty()) return NONE;
    if (settings_.reorder == 0) return bursts.front().due <= cycle ? 0 : NONE;
    std::bitset<256> seen;
    std::array<std::size_t, 16> candidates{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < bursts.size() && count < candidates.size(); ++i) {
        const Burst& burst = bursts[i];
        if (seen[burst.id]) continue;
        seen.set(burst.id);
        if (hold && burst.id == open_read_) return i;
        if (burst.due <= cycle) candidates[count++] = i;
    }
    if (count == 0 || hold) return NONE;
    return candidates[random() % count];
}

void Slave::next_read(std::uint64_t cycle) {
    const std::size_t at = choose(reads_, cycle, settings_.reorder == 1 && open_read_ >= 0);
    if (at == NONE || read_credit_ < 100 || chance(settings_.stall_percent[R])) {
        if (!reads_.empty()) ++counters_.r_gap;
        return;
    }
    read_credit_ -= 100;
    Burst& burst = reads_[at];
    const Lanes lanes = lanes_of(burst.addr, burst.size, burst.done, bus_bytes_);
    // lanes outside the beat, and refused beats, carry noise: nobody may use them
    for (unsigned i = 0; i < bus_bytes_; i += 8) {
        const std::uint64_t noise = random() * 0x9E3779B97F4A7C15ULL;
        std::memcpy(out_.r_data + i, &noise, 8);
    }
    const Beat beat{cycle, lanes.addr, lanes.mask, burst.asked, burst.number, burst.id};
    out_.r_response = memory_.read_beat(beat, out_.r_data);
    out_.r_valid = true;
    out_.r_id = burst.id;
    out_.r_last = ++burst.done == burst.beats;
    open_read_ = out_.r_last ? -1 : burst.id;
    if (out_.r_last) reads_.erase(reads_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Slave::next_response(std::uint64_t cycle) {
    const std::size_t at = choose(responses_, cycle, false);
    if (at == NONE || chance(settings_.stall_percent[B])) return;
    Burst& burst = responses_[at];
    for (Held& held : burst.held) {
        held.beat.cycle = cycle;
        burst.response =
            std::max(burst.response, memory_.write_beat(held.beat, held.bytes.data()));
    }
    out_.b_valid = true;
    out_.b_id = burst.id;
    out_.b_response = burst.response;
    answering_ = burst.number;
    responses_.erase(responses_.begin() + static_cast<std::ptrdiff_t>(at));
}

std::int64_t Slave::answered(std::uint64_t burst) const {
    return burst < answered_.size() ? answered_[burst] : -1;
}

void Slave::next_ready() {
    out_.ar_ready = reads_.size() < settings_.max_reads && !chance(settings_.stall_percent[AR]);
    out_.aw_ready = writes_.size() + responses_.size() < settings_.max_writes &&
                    !chance(settings_.stall_percent[AW]);
    out_.w_ready = early_data_.size() < EARLY_DATA &&
                   write_credit_ + settings_.write_percent >= 100 &&  // what the next edge finds
                   !chance(settings_.stall_percent[W]);
    out_.busy = out_.r_valid || out_.b_valid || !reads_.empty() || !writes_.empty() ||
                !responses_.empty() || !early_data_.empty();
}

void Slave::clock(std::uint64_t cycle, unsigned bus_bytes, const Inputs& in) {
    if (in.reset) {
        forget();
        out_.ar_ready = out_.aw_ready = out_.w_ready = true;
        return;
    }
    bus_bytes_ = bus_bytes;
    memory_.catch_up(cycle);
    read_credit_ = std::min(read_credit_ + settings_.read_percent, 199U);
    write_credit_ = std::min(write_credit_ + settings_.write_percent, 199U);

    const bool moved[CHANNELS] = {in.ar_valid && out_.ar_ready, out_.r_valid && in.r_ready,
                                  in.aw_valid && out_.aw_ready, in.w_valid && out_.w_ready,
                                  out_.b_valid && in.b_ready};
    const bool valid[CHANNELS] = {in.ar_valid, out_.r_valid, in.aw_valid, in.w_valid, out_.b_valid};
    for (unsigned i = 0; i < CHANNELS; ++i) counters_.wait[i] += valid[i] && !moved[i];
    counters_.beats_read += moved[R];
    counters_.beats_written += moved[W];
    counters_.responses += moved[B];

    if (moved[R]) out_.r_valid = false;
    if (moved[B]) {
        out_.b_valid = false;
        answered_[answering_] = static_cast<std::int64_t>(cycle);
    }
    if (moved[AR]) take_read(cycle, in);
    if (moved[AW]) take_write(cycle, in);
    if (moved[W]) {
        write_credit_ -= 100;
        Data data{{}, in.w_strobes, in.w_last};
        std::memcpy(data.bytes.data(), in.w_data, bus_bytes);
        if (writes_.empty()) {
            early_data_.push_back(data);
        } else {
            store(cycle, data);
        }
    }
    if (!out_.r_valid) next_read(cycle);
    if (!out_.b_valid) next_response(cycle);
    next_ready();
    out_.published = memory_.followed().published();
}

}  // namespace guest
