// SPDX-License-Identifier: Apache-2.0
#include "guest_store.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

namespace guest {

// Never destroyed: Python's views of the disks may outlive every static object.
Store& store(unsigned index) {
    static auto& instances = *new std::array<Store, STORES>;
    return instances[index % STORES];
}

void Store::configure(const StoreSettings& settings) {
    settings_ = settings;
    settings_.latency_min = std::max(settings_.latency_min, 1U);
    settings_.latency_max = std::max(settings_.latency_max, settings_.latency_min);
    settings_.max_commands = settings_.max_commands == 0 ? 64 : settings_.max_commands;
    random_state_ = settings_.seed * 0x9E3779B97F4A7C15ULL | 1;
}

void Store::refuse(std::uint64_t sector, std::uint64_t sectors) {
    refused_.push_back({sector, sectors});
}

std::uint64_t Store::random() {
    random_state_ ^= random_state_ >> 12;
    random_state_ ^= random_state_ << 25;
    random_state_ ^= random_state_ >> 27;
    return random_state_ * 0x2545F4914F6CDD1DULL >> 16;
}

bool Store::held_back(std::uint32_t percent) { return percent != 0 && random() % 100 < percent; }

std::uint64_t Store::delay() {
    const std::uint64_t low = settings_.latency_min, high = settings_.latency_max;
    return low == high ? low : low + random() % (high - low + 1);
}

bool Store::rule(bool kept, const char* what, std::uint64_t cycle) {
    if (!kept && !out_.broken) {
        out_.broken = true;
        std::printf("CHECK FAILED at cycle %llu: store: %s\n",
                    static_cast<unsigned long long>(cycle), what);
        std::fflush(stdout);
    }
    return kept;
}

void Store::take_command(std::uint64_t cycle, const StoreInputs& in) {
    Command command{in.op, in.stable, false, false, in.sector, in.sectors, cycle + delay(), 0, 0};
    if (!rule(in.op < OPERATIONS, "a command that there is not", cycle)) return;
    if (command.op == FLUSH) {
        command.sector = command.sectors = 0;
    } else {
        const std::uint64_t size = disk_.sectors();
        const bool within = command.sector <= size && command.sectors <= size - command.sector;
        if (!rule(command.sectors > 0, "a command without a sector", cycle)) return;
        if (!rule(within, "a command past the end of the disk", cycle)) return;
    }
    for (const Range& range : refused_) {
        command.fails |= command.sector < range.first + range.count &&
                         range.first < command.sector + command.sectors;
    }
    command.beats = command.sectors * SECTOR / bus_bytes_;
    commands_.push_back(command);
    const std::uint64_t under_way = commands_.size() + ends_.size();
    counters_.most = std::max(counters_.most, under_way);
}

void Store::take_beat(std::uint64_t cycle, const StoreInputs& in) {
    Command& command = commands_.front();
    const bool last = ++command.done == command.beats;
    if (!rule(in.wr_last == last, "the last beat of a write is not where it should be", cycle)) {
        return;
    }
    rule(in.wr_user || !command.damaged, "a good beat behind a damaged one", cycle);
    command.damaged |= in.wr_user;
    if (!command.damaged && !command.fails) {
        const std::uint64_t at = command.sector * SECTOR + (command.done - 1) * bus_bytes_;
        std::memcpy(disk_.bytes() + at, in.wr_data, bus_bytes_);
        disk_.changed(at / SECTOR, 1);
        ++counters_.beats_written;
    }
    if (last) finish(cycle + delay());
}

// The first command has been carried out.
void Store::finish(std::uint64_t due) {
    Command& command = commands_.front();
    const bool writes = command.op == WRITE || command.op == WRITE_ZEROES;
    bool good = !command.fails && !command.damaged;
    counters_.stable += writes && command.stable;
    counters_.damaged += command.damaged;
    if (good && (command.op == FLUSH || (writes && command.stable)) && !disk_.commit()) {
        std::printf("store: %s\n", disk_.error().c_str());
        std::fflush(stdout);
        good = false;
    }
    ++(good ? counters_.commands[command.op] : counters_.failed);
    ends_.push_back({due, good});
    commands_.pop_front();
}

// Carry out what can be, and put the next beat read on the pins.
void Store::next_beat(std::uint64_t cycle) {
    while (!commands_.empty()) {
        Command& command = commands_.front();
        if (command.op == WRITE) return;
        if (command.op == READ) {
            if (cycle < command.due || out_.rd_valid || held_back(settings_.rd_stall)) return;
            const std::uint64_t at = command.sector * SECTOR + command.done * bus_bytes_;
            if (command.fails) {
                std::memset(out_.rd_data, 0, bus_bytes_);
            } else {
                disk_.reading(at / SECTOR);
                std::memcpy(out_.rd_data, disk_.bytes() + at, bus_bytes_);
            }
            out_.rd_valid = true;
            out_.rd_last = ++command.done == command.beats;
            ++counters_.beats_read;
            if (!out_.rd_last) return;
        } else if (command.op == WRITE_ZEROES && !command.fails) {
            std::memset(disk_.bytes() + command.sector * SECTOR, 0, command.sectors * SECTOR);
            disk_.changed(command.sector, command.sectors);
        }
        finish(std::max(cycle, command.due));
    }
}

void Store::clock(std::uint64_t cycle, unsigned bus_bytes, const StoreInputs& in) {
    bus_bytes_ = bus_bytes;
    out_.capacity = std::min(told_, disk_.sectors());
    if (in.reset) {
        commands_.clear();
        ends_.clear();
        const std::uint64_t capacity = out_.capacity;
        out_ = StoreOutputs{};
        out_.capacity = capacity;
        out_.cmd_ready = disk_.bytes() != nullptr;
        return;
    }
    if (in.cmd_valid && out_.cmd_ready) take_command(cycle, in);
    if (in.wr_valid && out_.wr_ready) take_beat(cycle, in);
    if (in.rd_ready) out_.rd_valid = false;
    if (in.done_ready && out_.done_valid) out_.done_valid = false;
    if (out_.broken) return;
    next_beat(cycle);
    if (!out_.done_valid && !ends_.empty() && ends_.front().due <= cycle &&
        !held_back(settings_.done_stall)) {
        out_.done_valid = true;
        out_.done_ok = ends_.front().ok;
        ends_.pop_front();
    }
    const std::size_t under_way = commands_.size() + ends_.size();
    out_.cmd_ready = disk_.bytes() != nullptr && under_way < settings_.max_commands &&
                     !held_back(settings_.cmd_stall);
    out_.wr_ready = !commands_.empty() && commands_.front().op == WRITE &&
                    !held_back(settings_.wr_stall);
    out_.busy = under_way != 0 || out_.rd_valid || out_.done_valid || !out_.cmd_ready;
}

}  // namespace guest
