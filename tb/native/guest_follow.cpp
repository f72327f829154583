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
    if ((special & WRITTEN) == 0) {
        std::memcpy(seen, bytes, count);
        std::memcpy(model, bytes, count);
    } else {
        // what comes back of the device's own writes is no news to the model
        for (unsigned i = 0; i < count; ++i) {
            if ((state[i] & WRITTEN) != 0 && seen[i] == bytes[i]) continue;
            seen[i] = model[i] = bytes[i];
        }
    }
    if ((state[0] & WISH) == 0) return;
    for (const Place& place : places_) {
        if (place.kind != WISH || place.first != addr) continue;
        Notice notice{cycle, asked, WISH, place.queue, {}};
        std::memcpy(notice.data, bytes, std::min<std::size_t>(count, sizeof notice.data));
        notices_.push_back(notice);
    }
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
    if ((special & PUBLISHES) == 0) return;
    for (const Place& place : places_) {
        if (place.kind != PUBLISHES || place.last < addr || place.first > addr + count - 1) continue;
        notices_.push_back(Notice{cycle, cycle, PUBLISHES, place.queue, {}});
        published_ = !published_;
        return;
    }
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
