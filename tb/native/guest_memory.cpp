// SPDX-License-Identifier: Apache-2.0
#include "guest_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "guest_lost.h"

namespace guest {

std::uint8_t* map_zeroed(std::size_t size) {
    void* place = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return place == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(place);
}

void unmap(std::uint8_t* place, std::size_t size) {
    if (place != nullptr) munmap(place, size);
}

namespace {

// Lanes of a beat: first and last one that takes part; false if none does.
bool lane_span(std::uint64_t strobes, unsigned& first, unsigned& last) {
    if (strobes == 0) return false;
    first = static_cast<unsigned>(__builtin_ctzll(strobes));
    last = 63U - static_cast<unsigned>(__builtin_clzll(strobes));
    return true;
}

bool touches(const Beat& beat, std::uint64_t first, std::uint64_t last) {
    unsigned low = 0;
    unsigned high = 0;
    if (!lane_span(beat.strobes, low, high)) return false;
    return beat.addr + low <= last && beat.addr + high >= first;
}

}  // namespace

Memory::~Memory() { clear(); }

void Memory::clear() {
    for (const Region& region : regions_) release(region);
    regions_.clear();
    recent_ = nullptr;
    refusals_.clear();
    clear_pokes();
    clear_events();
    clear_violations();
    checking_ = false;
    follow_.stop();
    counters_.fill(ClassCounters{});
}

void Memory::clear_events() {
    events_.clear();
    lost_events_ = 0;
}

void Memory::clear_violations() {
    violations_.clear();
    violating_bytes_ = 0;
}

std::uint8_t* Memory::add_region(std::uint64_t base, std::uint64_t size) {
    return insert(base, size, Mapping{map_zeroed(size), size, 0});
}

std::uint8_t* Memory::attach_region(std::uint64_t base, std::uint64_t size, int fd,
                                    std::uint64_t offset) {
    const std::uint64_t page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    const std::uint64_t skip = offset % page;
    if (size + skip < size || offset > static_cast<std::uint64_t>(INT64_MAX)) return nullptr;
    void* place = mmap(nullptr, size + skip, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                       static_cast<off_t>(offset - skip));
    if (place == MAP_FAILED) return nullptr;
    const Mapping mapping{static_cast<std::uint8_t*>(place), size + skip, skip};
    if (!guard(mapping.place, mapping.size)) {
        unmap(mapping.place, mapping.size);
        return nullptr;
    }
    return insert(base, size, mapping);
}

bool Memory::detach_region(std::uint64_t base) {
    const auto at = std::find_if(regions_.begin(), regions_.end(),
                                 [base](const Region& region) { return region.base == base; });
    if (at == regions_.end()) return false;
    follow_.forget(at->views, at->last - at->base + 1);
    release(*at);
    regions_.erase(at);
    recent_ = nullptr;
    return true;
}

void Memory::release(const Region& region) {
    const std::size_t size = region.last - region.base + 1;
    unguard(region.mapping.place);
    unmap(region.mapping.place, region.mapping.size);
    unmap(region.allowed, size);
    unmap(region.watched, size);
    region.views.unmap(size);
}

// Take over a mapping as a region; it is unmapped where that cannot be.
std::uint8_t* Memory::insert(std::uint64_t base, std::uint64_t size, const Mapping& mapping) {
    const std::uint64_t last = base + size - 1;  // a region may end at the last byte of all
    bool fits = mapping.place != nullptr && size != 0 && base % REGION_ALIGN == 0 &&
                size % REGION_ALIGN == 0 && last >= base;
    for (const Region& other : regions_) fits &= base > other.last || last < other.base;
    Region region{base, last, mapping, mapping.place + mapping.skip, nullptr, nullptr, {}};
    if (fits) {
        region.allowed = map_zeroed(size);
        region.watched = map_zeroed(size);
        fits = !follow_.on() || region.views.map(size);
    }
    if (!fits || region.allowed == nullptr || region.watched == nullptr) {
        release(region);
        return nullptr;
    }
    regions_.push_back(region);
    std::sort(regions_.begin(), regions_.end(),
              [](const Region& a, const Region& b) { return a.base < b.base; });
    recent_ = nullptr;
    return region.bytes;
}

bool Memory::follow() {
    for (Region& region : regions_) {
        if (region.views.seen != nullptr) continue;
        if (!region.views.map(region.last - region.base + 1)) return false;
    }
    follow_.start();
    return true;
}

const Views* Memory::views(std::uint64_t base) const {
    for (const Region& region : regions_) {
        if (region.base == base) return &region.views;
    }
    return nullptr;
}

Memory::Region* Memory::find(std::uint64_t addr) {
    if (recent_ != nullptr && addr >= recent_->base && addr <= recent_->last) return recent_;
    auto after = std::upper_bound(
        regions_.begin(), regions_.end(), addr,
        [](std::uint64_t value, const Region& region) { return value < region.base; });
    if (after == regions_.begin()) return nullptr;
    Region& region = *(after - 1);
    if (addr > region.last) return nullptr;
    recent_ = &region;
    return recent_;
}

// Call function(region, offset in region, length) for each region's part of a range; false, and
// no call, when a byte of it lies in no region.
template <typename Function>
bool Memory::each_piece(std::uint64_t addr, std::uint64_t length, Function function) {
    for (const bool doing : {false, true}) {
        std::uint64_t at = addr;
        std::uint64_t left = length;
        while (left != 0) {
            Region* region = find(at);
            if (region == nullptr) return false;
            const std::uint64_t offset = at - region->base;
            const std::uint64_t part = std::min(left, region->last - at + 1);
            if (doing) function(*region, offset, part);
            at += part;
            left -= part;
            if (left != 0 && at == 0) return false;  // past 2^64
        }
    }
    return true;
}

bool Memory::allow(std::uint64_t addr, std::uint64_t length, bool add) {
    return each_piece(addr, length, [add](Region& region, std::uint64_t offset, std::uint64_t n) {
        std::uint8_t* count = region.allowed + offset;
        for (std::uint64_t i = 0; i < n; ++i) {
            if (add && count[i] != 255) ++count[i];
            if (!add && count[i] != 0) --count[i];
        }
    });
}

bool Memory::watch(std::uint64_t addr, std::uint64_t length, std::uint8_t watch_class) {
    return each_piece(addr, length,
                      [watch_class](Region& region, std::uint64_t offset, std::uint64_t n) {
                          std::memset(region.watched + offset, watch_class, n);
                      });
}

std::int64_t Memory::refuse(std::uint64_t first, std::uint64_t last, std::uint8_t kinds,
                            std::uint8_t response, std::uint64_t nth) {
    if (first > last || (kinds & (READ | WRITE)) == 0) return -1;
    if (response != SLVERR && response != DECERR) return -1;
    refusals_.push_back(Refusal{first, last, nth, 0, kinds, response});
    return static_cast<std::int64_t>(refusals_.size()) - 1;
}

std::uint8_t Memory::refusal(const Beat& beat, std::uint8_t kind) {
    std::uint8_t response = OKAY;
    for (Refusal& rule : refusals_) {
        if ((rule.kinds & kind) == 0 || !touches(beat, rule.first, rule.last)) continue;
        ++rule.seen;
        if (rule.nth == 0 || rule.nth == rule.seen) response = std::max(response, rule.response);
    }
    return response;
}

// What another process wrote before this beat, from a record.
void Memory::take_fed(std::uint64_t cycle) {
    Follow::Fed fed;
    while (follow_.take_fed(cycle, &fed)) {
        const std::uint8_t* data = fed.bytes;
        each_piece(fed.addr, fed.count,
                   [&data](Region& region, std::uint64_t offset, std::uint64_t n) {
                       std::memcpy(region.bytes + offset, data, n);
                       data += n;
                   });
    }
}

std::uint8_t Memory::read_beat(const Beat& beat, std::uint8_t* lanes) {
    if (follow_.on()) take_fed(beat.cycle);
    if (live_pokes_ != 0) run_pokes(beat, ON_READ, true);
    std::uint8_t response = refusals_.empty() ? std::uint8_t{OKAY} : refusal(beat, READ);
    unsigned first = 0;
    unsigned last = 0;
    if (lane_span(beat.strobes, first, last)) {
        Region* region = find(beat.addr + first);
        if (region == nullptr) {
            response = DECERR;
        } else {
            if (response == OKAY) {
                const std::uint64_t offset = beat.addr + first - region->base;
                const unsigned count = last - first + 1;
                std::memcpy(lanes + first, region->bytes + offset, count);
                if (follow_.on()) {
                    follow_.read(region->views, offset, beat.addr + first, lanes + first, count,
                                 beat.cycle, beat.asked);
                }
            }
            note(beat, *region, READ, response, lanes);
        }
    }
    if (live_pokes_ != 0) run_pokes(beat, ON_READ, false);
    return response;
}

std::uint8_t Memory::write_beat(const Beat& beat, const std::uint8_t* lanes) {
    if (live_pokes_ != 0) run_pokes(beat, ON_WRITE, true);
    std::uint8_t response = refusals_.empty() ? std::uint8_t{OKAY} : refusal(beat, WRITE);
    unsigned first = 0;
    unsigned last = 0;
    if (lane_span(beat.strobes, first, last)) {
        Region* region = find(beat.addr + first);
        if (region == nullptr) {
            response = DECERR;
            if (checking_) check(beat, nullptr);
        } else {
            if (checking_) check(beat, region);
            if (response == OKAY) {
                std::uint8_t* bytes = region->bytes + (beat.addr + first - region->base);
                const unsigned count = last - first + 1;
                if (static_cast<unsigned>(__builtin_popcountll(beat.strobes)) == count) {
                    std::memcpy(bytes, lanes + first, count);
                } else {
                    for (unsigned i = 0; i < count; ++i) {
                        if ((beat.strobes >> (first + i) & 1) != 0) bytes[i] = lanes[first + i];
                    }
                }
                if (follow_.on()) {
                    follow_.write(region->views, beat.addr + first - region->base,
                                  beat.addr + first, lanes + first, beat.strobes >> first, count,
                                  beat.cycle);
                }
            }
            note(beat, *region, WRITE, response, lanes);
        }
    }
    if (live_pokes_ != 0) run_pokes(beat, ON_WRITE, false);
    return response;
}

// Log and count the parts of a beat that are watched, one event for each run of one class.
void Memory::note(const Beat& beat, const Region& region, std::uint8_t kind, std::uint8_t response,
                  const std::uint8_t* lanes) {
    unsigned first = 0;
    unsigned last = 0;
    lane_span(beat.strobes, first, last);
    const std::uint8_t* watched = region.watched + (beat.addr + first - region.base);
    const unsigned count = last - first + 1;
    auto member = [&](unsigned i) {
        return (beat.strobes >> (first + i) & 1) != 0 ? watched[i] : std::uint8_t{0};
    };
    for (unsigned start = 0; start < count;) {
        const std::uint8_t watch_class = member(start);
        unsigned end = start + 1;
        while (end < count && member(end) == watch_class) ++end;
        const unsigned n = end - start;
        ClassCounters& counters = counters_[watch_class];
        if (kind == READ) {
            ++counters.read_beats;
            counters.read_bytes += n;
            counters.read_starts += start == 0;
        } else {
            ++counters.write_beats;
            counters.write_bytes += n;
            counters.write_starts += start == 0;
        }
        if (watch_class != 0 && events_.size() == MAX_EVENTS) {
            ++lost_events_;
        } else if (watch_class != 0) {
            Event event{};
            event.cycle = beat.cycle;
            event.asked = beat.asked;
            event.burst = beat.burst;
            event.addr = beat.addr + first + start;
            event.length = n;
            event.kind = kind;
            event.id = beat.id;
            event.response = response;
            event.watch = watch_class;
            std::memcpy(event.data, lanes + first + start, n);
            events_.push_back(event);
        }
        start = end;
    }
}

bool Memory::follow_place(std::uint64_t addr, std::uint64_t length, std::uint32_t kind,
                          std::uint32_t queue) {
    if (!follow_.on()) return false;
    const bool inside =
        each_piece(addr, length, [kind](Region& region, std::uint64_t offset, std::uint64_t n) {
            std::uint8_t* state = region.views.state + offset;
            for (std::uint64_t i = 0; i < n; ++i) state[i] |= static_cast<std::uint8_t>(kind);
        });
    if (inside) follow_.add_place(Place{addr, addr + length - 1, kind, queue});
    return inside;
}

std::uint32_t Memory::explain(const Range* ranges, std::uint64_t count, std::uint64_t* where) {
    std::uint32_t wrong = EXPLAINED;
    for (std::uint64_t i = 0; i < count && wrong == EXPLAINED; ++i) {
        std::uint64_t at = ranges[i].addr;
        const bool inside = each_piece(
            at, ranges[i].length, [&](Region& region, std::uint64_t offset, std::uint64_t n) {
                if (wrong == EXPLAINED) {
                    const std::uint64_t same = Follow::agreeing(region.views, offset, n, &wrong);
                    at += same;
                }
            });
        if (!inside) wrong = NOT_WRITTEN;
        *where = at;
    }
    if (wrong != EXPLAINED) return wrong;
    for (std::uint64_t i = 0; i < count; ++i) {
        each_piece(ranges[i].addr, ranges[i].length,
                   [this](Region& region, std::uint64_t offset, std::uint64_t n) {
                       follow_.clear_marks(region.views, offset, n);
                   });
    }
    return EXPLAINED;
}

bool Memory::copy_seen(std::uint64_t addr, std::uint64_t length) {
    return each_piece(addr, length, [this](Region& region, std::uint64_t offset, std::uint64_t n) {
        std::memcpy(region.views.model + offset, region.views.seen + offset, n);
        follow_.clear_marks(region.views, offset, n);
    });
}

std::uint64_t Memory::unexplained(Range* ranges, std::uint64_t most) {
    std::uint64_t found = 0;
    std::uint64_t left = follow_.marked();
    for (const Region& region : regions_) {
        const std::uint64_t size = region.last - region.base + 1;
        for (std::uint64_t i = 0; i < size && left != 0 && found < most; ++i) {
            if ((region.views.state[i] & WRITTEN) == 0) continue;
            const std::uint64_t begin = i;
            while (i < size && (region.views.state[i] & WRITTEN) != 0) ++i;
            ranges[found++] = Range{region.base + begin, i - begin};
            left -= i - begin;
        }
    }
    return found;
}

void Memory::check(const Beat& beat, const Region* region) {
    for (std::uint64_t left = beat.strobes; left != 0; left &= left - 1) {
        const std::uint64_t addr = beat.addr + static_cast<unsigned>(__builtin_ctzll(left));
        if (region == nullptr || region->allowed[addr - region->base] == 0) {
            violation(beat.cycle, addr);
        }
    }
}

void Memory::violation(std::uint64_t cycle, std::uint64_t addr) {
    ++violating_bytes_;
    if (!violations_.empty() && violations_.back().addr + violations_.back().length == addr) {
        ++violations_.back().length;
    } else if (violations_.size() < MAX_VIOLATIONS) {
        violations_.push_back(Violation{cycle, addr, 1});
    }
}

std::int64_t Memory::add_poke(const Poke& poke) {
    const auto known = static_cast<std::int64_t>(pokes_.size());
    if (poke.trigger > ON_POKE || (poke.trigger == ON_POKE && (poke.after < 0 || poke.after >= known))) {
        return -1;
    }
    if (!each_piece(poke.addr, poke.length, [](Region&, std::uint64_t, std::uint64_t) {})) return -1;
    PendingPoke pending{poke, {poke.data, poke.data + poke.length}, 0, 0, PendingPoke::WAITING, 0};
    pending.poke.data = nullptr;
    if (poke.trigger == ON_CYCLE) {
        pending.state = PendingPoke::TIMED;
        pending.due = poke.count + poke.delay;
    } else if (poke.trigger == ON_POKE && pokes_[poke.after].state == PendingPoke::DONE) {
        pending.state = PendingPoke::TIMED;
        pending.due = pokes_[poke.after].done_cycle + poke.delay;
    }
    pokes_.push_back(std::move(pending));
    ++live_pokes_;
    return known;
}

std::int64_t Memory::poke_cycle(std::int64_t id) const {
    if (id < 0 || id >= static_cast<std::int64_t>(pokes_.size())) return -1;
    const PendingPoke& pending = pokes_[static_cast<std::size_t>(id)];
    return pending.state == PendingPoke::DONE ? static_cast<std::int64_t>(pending.done_cycle) : -1;
}

void Memory::perform(PendingPoke& pending, std::uint64_t cycle) {
    const std::uint8_t* data = pending.data.data();
    each_piece(pending.poke.addr, pending.poke.length,
               [&data](Region& region, std::uint64_t offset, std::uint64_t n) {
                   std::memcpy(region.bytes + offset, data, n);
                   data += n;
               });
    pending.state = PendingPoke::DONE;
    pending.done_cycle = cycle;
    --live_pokes_;
    const std::int64_t id = &pending - pokes_.data();
    for (PendingPoke& other : pokes_) {
        if (other.state != PendingPoke::WAITING) continue;
        if (other.poke.trigger == ON_POKE && other.poke.after == id) {
            other.state = PendingPoke::TIMED;
            other.due = cycle + other.poke.delay;
            if (other.poke.delay == 0) perform(other, cycle);
        }
    }
}

void Memory::catch_up(std::uint64_t cycle) {
    while (live_pokes_ != 0) {
        PendingPoke* earliest = nullptr;
        for (PendingPoke& pending : pokes_) {
            if (pending.state != PendingPoke::TIMED || pending.due > cycle) continue;
            if (earliest == nullptr || pending.due < earliest->due) earliest = &pending;
        }
        if (earliest == nullptr) return;
        perform(*earliest, earliest->due);
    }
}

// `before`: the beat has not taken place yet; only pokes that ask for it are done then.
void Memory::run_pokes(const Beat& beat, std::uint32_t trigger, bool before) {
    for (PendingPoke& pending : pokes_) {
        const Poke& poke = pending.poke;
        if (pending.state != PendingPoke::WAITING || poke.trigger != trigger) continue;
        if ((poke.before != 0) != before || !touches(beat, poke.first, poke.last)) continue;
        if (++pending.seen < poke.count) continue;
        if (poke.delay == 0) {
            perform(pending, beat.cycle);
        } else {
            pending.state = PendingPoke::TIMED;
            pending.due = beat.cycle + poke.delay;
        }
    }
}

}  // namespace guest
