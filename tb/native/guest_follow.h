// SPDX-License-Identifier: Apache-2.0
// Guest memory as the device has seen it, beside that of a model that follows it.
//
// Another process may change guest memory at any time, so it tells nothing about what the device
// did. Two images of each region do: what the device read or wrote last, and what the model is to
// find: the same reads, and its own writes. A byte that the device wrote is marked until the model
// has written the same one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace guest {

std::uint8_t* map_zeroed(std::size_t size);  // null when it cannot be had
void unmap(std::uint8_t* place, std::size_t size);

// Bits of a byte's state
enum : std::uint8_t {
    WRITTEN = 1,    // by the device, and not yet by the model
    PUBLISHES = 2,  // a write of it publishes used buffers
    WISH = 4        // it holds the driver's wish for interrupts
};

// Answers of `Memory::explain`
enum : std::uint32_t { EXPLAINED = 0, NOT_WRITTEN = 1, DIFFERS = 2 };

// What Python sees: plain structures of the layouts given in tb/native_memory.py.

struct Range {
    std::uint64_t addr, length;
};

// A write that publishes, or a read of the driver's wish that begins where the wish does.
struct Notice {
    std::uint64_t cycle;
    std::uint64_t asked;  // of a read, the cycle in which its burst's address was taken
    std::uint32_t kind;   // PUBLISHES or WISH
    std::uint32_t queue;
    std::uint8_t data[8];  // first bytes of what was read
};

struct Views {
    std::uint8_t *seen = nullptr, *model = nullptr, *state = nullptr;

    bool map(std::size_t size);
    void unmap(std::size_t size) const;
};

struct Place {
    std::uint64_t first, last;
    std::uint32_t kind, queue;
};

class Follow {
public:
    void start() { on_ = true; }
    void stop();  // back to nothing
    bool on() const { return on_; }
    void forget(const Views& views, std::uint64_t size);  // a region goes

    // The device's accesses: `count` bytes at `addr`, which is `offset` in its region.
    void read(const Views& views, std::uint64_t offset, std::uint64_t addr,
              const std::uint8_t* bytes, unsigned count, std::uint64_t cycle, std::uint64_t asked);
    void write(const Views& views, std::uint64_t offset, std::uint64_t addr,
               const std::uint8_t* bytes, std::uint64_t strobes, unsigned count,
               std::uint64_t cycle);

    void add_place(const Place& place) { places_.push_back(place); }
    void drop_places(std::uint32_t queue);

    const std::vector<Notice>& notices() const { return notices_; }
    void clear_notices() { notices_.clear(); }
    // What the device reads that differs from what it saw last, as bytes: the cycle and the
    // address, 8 each, a length in one, and so many bytes.
    void record(bool on) { recording_ = on; }
    const std::vector<std::uint8_t>& record() const { return record_; }
    void clear_record() { record_.clear(); }
    std::uint64_t digest() const { return digest_; }  // of each write and its cycle, so far

    // The other way round: such bytes, which come into memory just before they are read.
    void feed(const std::uint8_t* bytes, std::uint64_t count);
    std::uint64_t missed() const { return missed_; }  // that were not read in their cycle
    struct Fed {
        std::uint64_t addr;
        const std::uint8_t* bytes;
        unsigned count;
    };
    bool take_fed(std::uint64_t cycle, Fed* fed);  // the next one that is due by a cycle

    bool published() const { return published_; }  // changes with each beat that publishes
    std::uint64_t marked() const { return marked_; }

    // How many bytes from `offset` on are marked and the same in both images; `wrong` says what
    // is the matter with the next one where that is not all of them.
    static std::uint64_t agreeing(const Views& views, std::uint64_t offset, std::uint64_t count,
                                  std::uint32_t* wrong);
    void clear_marks(const Views& views, std::uint64_t offset, std::uint64_t count);

private:
    unsigned wish(const std::uint8_t* bytes, unsigned count, std::uint64_t addr,
                  std::uint64_t cycle, std::uint64_t asked);
    void note_difference(const std::uint8_t* seen, const std::uint8_t* bytes, unsigned count,
                         std::uint64_t addr, std::uint64_t cycle);

    bool on_ = false, published_ = false, recording_ = false;
    std::vector<std::uint8_t> record_, feed_;
    std::size_t fed_ = 0;  // bytes of the feed that were taken
    std::uint64_t digest_ = 0, missed_ = 0;
    std::uint64_t marked_ = 0;
    std::vector<Place> places_;
    std::vector<Notice> notices_;
};

}  // namespace guest
