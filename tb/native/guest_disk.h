// SPDX-License-Identifier: Apache-2.0
// A disk of the bench: the sectors of an image file, or of memory alone.
//
// The image is mapped privately: what is written stays in this process until it is committed. A
// commit changes the file in place by way of a journal beside it, so that whenever the process
// ends, killed or not, the image is as it was before a commit or as it is after it, as soon as it
// has been opened again:
//   1  the sectors that changed are written to IMAGE.journal, with a checksum, and synced
//   2  they are written to the image, and synced
//   3  the journal is removed
// A journal that is found when an image is opened belongs to a run that was ended: if it is whole
// it is applied again, else its commit had not begun to change the image, and it is thrown away.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace guest {

constexpr std::size_t SECTOR = 512;

class Disk {
public:
    Disk() = default;
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;
    ~Disk() { close(); }

    // What is wrong, in one line, or nothing. A read-only disk changes neither image nor journal.
    std::string open(const std::string& path, bool read_only);
    std::string create(std::uint64_t sectors);  // of zeros, in memory alone
    void close();                               // what was not committed is lost

    std::uint64_t sectors() const { return sectors_; }
    std::uint8_t* bytes() { return bytes_; }
    // What a loss of power would leave, where that is not a file: null for an image.
    std::uint8_t* stable() { return stable_.empty() ? nullptr : stable_.data(); }

    void changed(std::uint64_t sector, std::uint64_t sectors);  // after bytes() was written
    // Sectors as they were when the device first read them: number, 8 bytes, and their bytes.
    void record();
    void reading(std::uint64_t sector);
    const std::vector<std::uint8_t>& recorded() const { return record_; }
    void clear_record() { record_.clear(); }

    bool commit();  // false: the image could not be written; what to commit is kept
    std::uint64_t dirty() const { return dirty_count_; }
    std::uint64_t commits() const { return commits_; }
    const std::string& error() const { return error_; }  // of the last commit

private:
    struct Run {
        std::uint64_t sector, sectors;
    };

    std::string map(int file, std::uint64_t size);
    std::string recover(bool read_only);
    std::vector<Run> runs() const;
    std::vector<std::uint8_t> journal(const std::vector<Run>& runs) const;
    bool apply(const std::vector<std::uint8_t>& journal);
    bool fail(const char* what);

    std::string path_, error_;
    int file_ = -1;
    std::uint8_t* bytes_ = nullptr;
    std::uint64_t sectors_ = 0;
    std::vector<bool> dirty_;
    std::uint64_t dirty_count_ = 0, commits_ = 0;
    std::vector<std::uint8_t> stable_, record_;
    std::vector<bool> known_;  // read or written since the record was begun; empty: there is none
};

// For tests: the process is killed in the n-th step of the commits from now on (0: never). A step
// is a write of at most some KiB, a sync, or the removal of the journal.
void kill_in_step(std::uint64_t step);

}  // namespace guest
