// SPDX-License-Identifier: Apache-2.0
// Guest memory: the bytes, what the device may do with them, and what it did.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "guest_follow.h"

namespace guest {

constexpr std::size_t BUS_BYTES = 64;        // widest bus
constexpr std::size_t REGION_ALIGN = 64;     // regions start and end on the widest bus's lines
constexpr std::size_t MAX_EVENTS = 1 << 20;  // the log keeps the first so many
constexpr std::size_t MAX_VIOLATIONS = 1024;
constexpr std::size_t WATCH_CLASSES = 256;

enum : std::uint8_t { OKAY = 0, SLVERR = 2, DECERR = 3 };
enum : std::uint8_t { READ = 1, WRITE = 2 };  // kinds; a mask where both may be meant

// What Python sees: plain structures of the layouts given in tb/native_memory.py.

// One access of the device to watched bytes: one class, consecutive addresses, one beat.
struct Event {
    std::uint64_t cycle;
    std::uint64_t asked;  // cycle in which the burst's address was taken
    std::uint64_t burst;  // number of the burst, of its kind, from 0
    std::uint64_t addr;
    std::uint32_t length;
    std::uint8_t kind;
    std::uint8_t id;
    std::uint8_t response;
    std::uint8_t watch;  // class given to gm_watch
    std::uint8_t data[BUS_BYTES];
};

// Bytes that the device wrote outside what is allowed; adjacent ones are joined.
struct Violation {
    std::uint64_t cycle;
    std::uint64_t addr;
    std::uint64_t length;
};

struct ClassCounters {
    std::uint64_t read_beats, write_beats, read_bytes, write_bytes;
    std::uint64_t read_starts, write_starts;  // beats whose first byte is of the class
};

// A write by "another processor", at a moment given by what the device does.
struct Poke {
    std::uint64_t first, last;  // bytes that a beat must touch (triggers on beats)
    std::uint64_t count;        // the n-th such beat from now; or the cycle (trigger CYCLE)
    std::uint64_t delay;        // cycles from the trigger to the write
    std::uint64_t addr;         // where to write
    std::uint64_t length;
    const std::uint8_t* data;
    std::uint32_t trigger;
    std::uint32_t before;  // 1: before the beat that triggers it takes place (delay 0 only)
    std::int64_t after;    // trigger POKE: the poke that must have been done first
};
enum : std::uint32_t { ON_READ = 0, ON_WRITE = 1, ON_CYCLE = 2, ON_POKE = 3 };

struct Beat {
    std::uint64_t cycle;
    std::uint64_t addr;      // of lane 0
    std::uint64_t strobes;   // lanes that take part
    std::uint64_t asked, burst;
    std::uint8_t id;
};

class Memory {
public:
    Memory() = default;
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory();

    void clear();  // back to nothing: no region, no rule, no record

    // Map a zeroed region; null when it is misaligned, empty, overlaps or cannot be had.
    std::uint8_t* add_region(std::uint64_t base, std::uint64_t size);

    // Map a part of a file that others map too; null also when the file cannot be mapped.
    std::uint8_t* attach_region(std::uint64_t base, std::uint64_t size, int fd,
                                std::uint64_t offset);

    // Unmap a region; false when none begins at `base`.
    bool detach_region(std::uint64_t base);

    // Keep the views of each region from now on; false when they cannot be had.
    bool follow();
    Follow& followed() { return follow_; }
    const Views* views(std::uint64_t base) const;  // of the region that begins there

    // What a model of the device wrote; see `Follow`. All three are false outside of the regions.
    bool follow_place(std::uint64_t addr, std::uint64_t length, std::uint32_t kind,
                      std::uint32_t queue);
    std::uint32_t explain(const Range* ranges, std::uint64_t count, std::uint64_t* where);
    bool copy_seen(std::uint64_t addr, std::uint64_t length);
    std::uint64_t unexplained(Range* ranges, std::uint64_t most);

    // The device's accesses, one beat each; the response is returned.
    std::uint8_t read_beat(const Beat& beat, std::uint8_t* lanes);
    std::uint8_t write_beat(const Beat& beat, const std::uint8_t* lanes);

    bool allow(std::uint64_t addr, std::uint64_t length, bool add);
    void check_writes(bool on) { checking_ = on; }
    bool watch(std::uint64_t addr, std::uint64_t length, std::uint8_t watch_class);
    std::int64_t refuse(std::uint64_t first, std::uint64_t last, std::uint8_t kinds,
                        std::uint8_t response, std::uint64_t nth);
    void accept_all() { refusals_.clear(); }

    std::int64_t add_poke(const Poke& poke);
    void clear_pokes() { pokes_.clear(); live_pokes_ = 0; }
    std::int64_t poke_cycle(std::int64_t id) const;  // when it was done, or -1
    void catch_up(std::uint64_t cycle);              // do the pokes that are due

    const std::vector<Event>& events() const { return events_; }
    std::uint64_t lost_events() const { return lost_events_; }
    void clear_events();
    const std::vector<Violation>& violations() const { return violations_; }
    std::uint64_t violating_bytes() const { return violating_bytes_; }
    void clear_violations();
    std::array<ClassCounters, WATCH_CLASSES>& counters() { return counters_; }

private:
    struct Mapping {
        std::uint8_t* place;
        std::size_t size;
        std::size_t skip;  // bytes before the region's first: mappings begin with a page
    };
    struct Region {
        std::uint64_t base, last;  // first and last byte
        Mapping mapping;
        std::uint8_t *bytes, *allowed, *watched;
        Views views;
    };
    struct Refusal {
        std::uint64_t first, last, nth, seen;
        std::uint8_t kinds, response;
    };
    struct PendingPoke {
        Poke poke;
        std::vector<std::uint8_t> data;
        std::uint64_t seen, due;
        enum : std::uint8_t { WAITING, TIMED, DONE } state;
        std::uint64_t done_cycle;
    };

    std::uint8_t* insert(std::uint64_t base, std::uint64_t size, const Mapping& mapping);
    static void release(const Region& region);
    Region* find(std::uint64_t addr);
    template <typename Function>
    bool each_piece(std::uint64_t addr, std::uint64_t length, Function function);
    std::uint8_t refusal(const Beat& beat, std::uint8_t kind);
    void note(const Beat& beat, const Region& region, std::uint8_t kind, std::uint8_t response,
              const std::uint8_t* lanes);
    void check(const Beat& beat, const Region* region);
    void take_fed(std::uint64_t cycle);
    void violation(std::uint64_t cycle, std::uint64_t addr);
    void run_pokes(const Beat& beat, std::uint32_t trigger, bool before);
    void perform(PendingPoke& pending, std::uint64_t cycle);

    std::vector<Region> regions_;
    Region* recent_ = nullptr;
    std::vector<Refusal> refusals_;
    std::vector<PendingPoke> pokes_;
    std::size_t live_pokes_ = 0;
    std::vector<Event> events_;
    std::uint64_t lost_events_ = 0;
    std::vector<Violation> violations_;
    std::uint64_t violating_bytes_ = 0;
    bool checking_ = false;
    Follow follow_;
    std::array<ClassCounters, WATCH_CLASSES> counters_{};
};

}  // namespace guest
