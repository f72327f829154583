// SPDX-License-Identifier: Apache-2.0
#include "guest_follow.h"

#include <algorithm>
#include <cstring>

namespace guest {
namespace {

// Whether any of up to 64 bytes' states has one of these bits.
std::uint8_t any_state(const std::uint8_t* state, unsigned count) {
    std::uint8_t found = 0;
    for (unsigned i = 0; i < count; ++i) found |= state[i];
    return found;
}

constexpr std::size_t FED_HEAD = 17;  // cycle, address, length

std::uint64_t mix(std::uint64_t digest, std::uint64_t value) {
    digest = (digest ^ value) * 0x9E3779B97F4A7C15ULL;
    return digest ^ digest >> 29;
}

}  // namespace

bool Views::map(std::size_t size) {
    seen = map_zeroed(size);
    model = map_zeroed(size);
    state = map_zeroed(size);
    return seen != nullptr && model != nullptr && state != nullptr;
}

void Views::unmap(std::size_t size) const {
    guest::unmap(seen, size);
    guest::unmap(model, size);
    guest::unmap(state, size);
}

void Follow::stop() {
    on_ = false;
    marked_ = 0;
    places_.clear();
    notices_.clear();
    recording_ = false;
    record_.clear();
    feed_.clear();
    fed_ = 0;
    digest_ = missed_ = 0;
}

void Follow::forget(const Views& views, std::uint64_t size) {
    if (!on_) return;
    for (std::uint64_t i = 0; i < size && marked_ != 0; ++i) {
        if ((views.state[i] & WRITTEN) != 0) --marked_;
    }
}

void Follow::read(const Views& views, std::uint64_t offset, std::uint64_t addr,
                  const std::uint8_t* bytes, unsigned count, std::uint64_t cycle,
                  std::uint64_t asked) {
    std::uint8_t *seen = views.seen + offset, *model = views.model + offset;
    const std::uint8_t* state = views.state + offset;
    const std::uint8_t special = any_state(state, count);
    if (recording_) note_difference(seen, bytes, count, addr, cycle);
    const unsigned known = (state[0] & WISH) == 0 ? count : wish(bytes, count, addr, cycle, asked);
    if ((special & WRITTEN) == 0) {
        std::memcpy(seen, bytes, count);
        std::memcpy(model, bytes, known);
        return;
    }
    // what comes back of the device's own writes is no news to the model
    for (unsigned i = 0; i < count; ++i) {
        if ((state[i] & WRITTEN) != 0 && seen[i] == bytes[i]) continue;
        seen[i] = bytes[i];
        if (i < known) model[i] = bytes[i];
    }
}

// Give notice of a read of the driver's wish; returns how many bytes it is for. The rest of the
// beat, the available index beside the flags for instance, the device does not look at.
unsigned Follow::wish(const std::uint8_t* bytes, unsigned count, std::uint64_t addr,
                      std::uint64_t cycle, std::uint64_t asked) {
    unsigned known = count;
    for (const Place& place : places_) {
        if (place.kind != WISH || place.first != addr) continue;
        Notice notice{cycle, asked, WISH, place.queue, {}};
        std::memcpy(notice.data, bytes, std::min<std::size_t>(count, sizeof notice.data));
        notices_.push_back(notice);
        known = static_cast<unsigned>(std::min<std::uint64_t>(count, place.last - addr + 1));
    }
    return known;
}

void Follow::write(const Views& views, std::uint64_t offset, std::uint64_t addr,
                   const std::uint8_t* bytes, std::uint64_t strobes, unsigned count,
                   std::uint64_t cycle) {
    std::uint8_t *seen = views.seen + offset, *state = views.state + offset;
    std::uint8_t special = 0;
    for (unsigned i = 0; i < count; ++i) {
        if ((strobes >> i & 1) == 0) continue;
        seen[i] = bytes[i];
        special |= state[i];
        marked_ += (state[i] & WRITTEN) == 0;
        state[i] |= WRITTEN;
    }
    digest_ = mix(mix(mix(digest_, cycle), addr), strobes);
    for (unsigned i = 0; i < count; i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes + i, std::min(8U, count - i));
        digest_ = mix(digest_, word);
    }
    if ((special & PUBLISHES) == 0) return;
    for (const Place& place : places_) {
        if (place.kind != PUBLISHES || place.last < addr || place.first > addr + count - 1) continue;
        notices_.push_back(Notice{cycle, cycle, PUBLISHES, place.queue, {}});
        published_ = !published_;
        return;
    }
}

void Follow::note_difference(const std::uint8_t* seen, const std::uint8_t* bytes, unsigned count,
                             std::uint64_t addr, std::uint64_t cycle) {
    if (std::memcmp(seen, bytes, count) == 0) return;
    unsigned first = 0;
    while (seen[first] == bytes[first]) ++first;
    while (seen[count - 1] == bytes[count - 1]) --count;
    const std::uint64_t words[2] = {cycle, addr + first};
    const auto* raw = reinterpret_cast<const std::uint8_t*>(words);
    record_.insert(record_.end(), raw, raw + sizeof words);
    record_.push_back(static_cast<std::uint8_t>(count - first));
    record_.insert(record_.end(), bytes + first, bytes + count);
}

void Follow::feed(const std::uint8_t* bytes, std::uint64_t count) {
    feed_.erase(feed_.begin(), feed_.begin() + static_cast<std::ptrdiff_t>(fed_));
    fed_ = 0;
    feed_.insert(feed_.end(), bytes, bytes + count);
}

bool Follow::take_fed(std::uint64_t cycle, Fed* fed) {
    if (feed_.size() - fed_ < FED_HEAD) return false;
    std::uint64_t words[2];
    std::memcpy(words, &feed_[fed_], sizeof words);
    const unsigned count = feed_[fed_ + sizeof words];
    if (words[0] > cycle || feed_.size() - fed_ - FED_HEAD < count) return false;
    missed_ += words[0] < cycle;
    *fed = Fed{words[1], &feed_[fed_ + FED_HEAD], count};
    fed_ += FED_HEAD + count;
    return true;
}

void Follow::drop_places(std::uint32_t queue) {
    places_.erase(std::remove_if(places_.begin(), places_.end(),
                                 [queue](const Place& place) { return place.queue == queue; }),
                  places_.end());
}

std::uint64_t Follow::agreeing(const Views& views, std::uint64_t offset, std::uint64_t count,
                               std::uint32_t* wrong) {
    const std::uint8_t *seen = views.seen + offset, *model = views.model + offset,
                       *state = views.state + offset;
    for (std::uint64_t i = 0; i < count; ++i) {
        if ((state[i] & WRITTEN) == 0) {
            *wrong = NOT_WRITTEN;
            return i;
        }
        if (seen[i] != model[i]) {
            *wrong = DIFFERS;
            return i;
        }
    }
    return count;
}

void Follow::clear_marks(const Views& views, std::uint64_t offset, std::uint64_t count) {
    std::uint8_t* state = views.state + offset;
    for (std::uint64_t i = 0; i < count; ++i) {
        marked_ -= state[i] & WRITTEN;
        state[i] &= static_cast<std::uint8_t>(~WRITTEN);
    }
}

}  // namespace guest
