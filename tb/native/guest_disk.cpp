// SPDX-License-Identifier: Apache-2.0
#include "guest_disk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace guest {

namespace {

constexpr std::uint64_t MAGIC = 0x314c4e524a515651;  // "QVQJRNL1", little-endian
constexpr std::size_t PIECE = 4096;                  // most bytes of one write

// A journal: magic, bytes of the image, number of runs, runs {sector, sectors}, their sectors'
// bytes, checksum of all that.
constexpr std::size_t HEAD = 3 * sizeof(std::uint64_t);
constexpr std::size_t RUN = 2 * sizeof(std::uint64_t);
constexpr std::size_t TAIL = sizeof(std::uint64_t);

std::uint64_t step_to_die = 0, steps = 0;

void step() {
    if (step_to_die != 0 && ++steps == step_to_die) ::raise(SIGKILL);
}

std::uint64_t checksum(const std::uint8_t* bytes, std::size_t length) {  // FNV-1a
    std::uint64_t sum = 0xcbf29ce484222325;
    for (std::size_t i = 0; i < length; ++i) sum = (sum ^ bytes[i]) * 0x100000001b3;
    return sum;
}

void put(std::vector<std::uint8_t>& to, std::uint64_t value) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    to.insert(to.end(), bytes, bytes + sizeof value);
}

std::uint64_t get(const std::uint8_t* from) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return value;
}

bool write_all(int file, const std::uint8_t* bytes, std::size_t length, std::uint64_t offset) {
    while (length > 0) {
        step();
        const ssize_t done =
            ::pwrite(file, bytes, std::min(length, PIECE), static_cast<off_t>(offset));
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        bytes += done;
        offset += static_cast<std::uint64_t>(done);
        length -= static_cast<std::size_t>(done);
    }
    return true;
}

bool sync_file(int file) {
    step();
    return ::fsync(file) == 0;
}

std::string journal_path(const std::string& path) { return path + ".journal"; }

// The folder's own entry for the journal must be on the disk too.
bool sync_folder(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return false;
    const bool done = sync_file(file);
    ::close(file);
    return done;
}

bool remove_journal(const std::string& path) {
    step();
    if (::unlink(journal_path(path).c_str()) != 0 && errno != ENOENT) return false;
    return sync_folder(path);
}

bool read_file(const std::string& path, std::vector<std::uint8_t>& bytes) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    std::uint8_t piece[PIECE];
    ssize_t got = 0;
    while ((got = ::read(file, piece, sizeof piece)) > 0) {
        bytes.insert(bytes.end(), piece, piece + got);
    }
    ::close(file);
    return got == 0;
}

// Whether it is a whole journal of an image of this size.
bool whole(const std::vector<std::uint8_t>& journal, std::uint64_t size) {
    if (journal.size() < HEAD + TAIL || get(journal.data()) != MAGIC) return false;
    if (get(&journal[8]) != size) return false;
    const std::size_t body = journal.size() - TAIL;
    const std::uint64_t count = get(&journal[16]);
    if (count > (body - HEAD) / RUN) return false;
    if (get(&journal[body]) != checksum(journal.data(), body)) return false;
    std::uint64_t bytes = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t sector = get(&journal[HEAD + RUN * i]);
        const std::uint64_t sectors = get(&journal[HEAD + RUN * i + 8]);
        if (sector > size / SECTOR || sectors > size / SECTOR - sector) return false;
        bytes += sectors * SECTOR;
    }
    return bytes == body - HEAD - RUN * count;
}

std::string system_error(const std::string& what) { return what + ": " + std::strerror(errno); }

}  // namespace

void kill_in_step(std::uint64_t step) {
    step_to_die = step;
    steps = 0;
}

std::string Disk::map(int file, std::uint64_t size) {
    const int flags = MAP_PRIVATE | (file < 0 ? MAP_ANONYMOUS : 0);
    void* found = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, file, 0);
    if (found == MAP_FAILED) return system_error("cannot be mapped");
    bytes_ = static_cast<std::uint8_t*>(found);
    sectors_ = size / SECTOR;
    dirty_.assign(sectors_, false);
    dirty_count_ = 0;
    return "";
}

std::string Disk::create(std::uint64_t sectors) {
    close();
    if (sectors == 0) return "a disk has at least one sector";
    const std::string wrong = map(-1, sectors * SECTOR);
    if (wrong.empty()) stable_.assign(sectors * SECTOR, 0);
    return wrong;
}

std::string Disk::open(const std::string& path, bool read_only) {
    close();
    path_ = path;
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
        return errno == ENOENT ? "there is no such file" : system_error("cannot be opened");
    }
    if (!S_ISREG(info.st_mode)) return "is no file of its own";
    file_ = ::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (file_ < 0) {
        const bool writable = read_only || (errno != EACCES && errno != EROFS && errno != EPERM);
        return system_error(writable ? "cannot be opened" : "cannot be written");
    }
    std::string wrong;
    if (::flock(file_, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        wrong = "is in use by another run";
    } else if (::fstat(file_, &info) != 0) {
        wrong = system_error("cannot be opened");
    } else if (info.st_size == 0 || info.st_size % static_cast<off_t>(SECTOR) != 0) {
        wrong = "its size, " + std::to_string(info.st_size) + " bytes, is no multiple of 512";
    } else {
        wrong = map(file_, static_cast<std::uint64_t>(info.st_size));
        if (wrong.empty()) wrong = recover(read_only);
    }
    if (!wrong.empty()) close();
    return wrong;
}

std::string Disk::recover(bool read_only) {
    std::vector<std::uint8_t> found;
    if (!read_file(journal_path(path_), found)) {
        return errno == ENOENT ? "" : system_error("its journal cannot be read");
    }
    const bool good = whole(found, sectors_ * SECTOR);
    if (read_only) {
        if (good) {  // as the image would be
            const std::uint64_t count = get(&found[16]);
            std::size_t at = HEAD + RUN * count;
            for (std::uint64_t i = 0; i < count; ++i) {
                const std::size_t length = get(&found[HEAD + RUN * i + 8]) * SECTOR;
                std::memcpy(bytes_ + get(&found[HEAD + RUN * i]) * SECTOR, &found[at], length);
                at += length;
            }
        }
        return "";
    }
    if (good && !apply(found)) return system_error("its journal cannot be applied");
    if (!remove_journal(path_)) return system_error("its journal cannot be removed");
    return "";
}

void Disk::close() {
    if (bytes_ != nullptr) ::munmap(bytes_, sectors_ * SECTOR);
    if (file_ >= 0) ::close(file_);  // which gives up the lock
    bytes_ = nullptr;
    file_ = -1;
    sectors_ = 0;
    dirty_.clear();
    dirty_count_ = 0;
    stable_.clear();
    known_.clear();
    record_.clear();
}

void Disk::changed(std::uint64_t sector, std::uint64_t sectors) {
    for (std::uint64_t i = sector; i < sector + sectors; ++i) {
        if (!dirty_[i]) ++dirty_count_;
        dirty_[i] = true;
        if (!known_.empty()) known_[i] = true;
    }
}

void Disk::record() {
    known_.assign(sectors_, false);
    record_.clear();
}

void Disk::reading(std::uint64_t sector) {
    if (known_.empty() || known_[sector]) return;
    known_[sector] = true;
    put(record_, sector);
    const std::uint8_t* from = bytes_ + sector * SECTOR;
    record_.insert(record_.end(), from, from + SECTOR);
}

std::vector<Disk::Run> Disk::runs() const {
    std::vector<Run> found;
    for (std::uint64_t i = 0; i < sectors_; ++i) {
        if (!dirty_[i]) continue;
        if (!found.empty() && found.back().sector + found.back().sectors == i) {
            ++found.back().sectors;
        } else {
            found.push_back({i, 1});
        }
    }
    return found;
}

std::vector<std::uint8_t> Disk::journal(const std::vector<Run>& runs) const {
    std::vector<std::uint8_t> made;
    put(made, MAGIC);
    put(made, sectors_ * SECTOR);
    put(made, runs.size());
    for (const Run& run : runs) {
        put(made, run.sector);
        put(made, run.sectors);
    }
    for (const Run& run : runs) {
        const std::uint8_t* from = bytes_ + run.sector * SECTOR;
        made.insert(made.end(), from, from + run.sectors * SECTOR);
    }
    put(made, checksum(made.data(), made.size()));
    return made;
}

// Write the sectors of a whole journal to the image.
bool Disk::apply(const std::vector<std::uint8_t>& journal) {
    const std::uint64_t count = get(&journal[16]);
    std::size_t at = HEAD + RUN * count;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::size_t length = get(&journal[HEAD + RUN * i + 8]) * SECTOR;
        const std::uint64_t offset = get(&journal[HEAD + RUN * i]) * SECTOR;
        if (!write_all(file_, &journal[at], length, offset)) return false;
        at += length;
    }
    return sync_file(file_);
}

bool Disk::fail(const char* what) {
    error_ = system_error(path_ + ": " + what);
    return false;
}

bool Disk::commit() {
    error_.clear();
    if (dirty_count_ == 0) return true;
    const std::vector<Run> changed = runs();
    if (file_ < 0) {
        for (const Run& run : changed) {
            std::memcpy(&stable_[run.sector * SECTOR], bytes_ + run.sector * SECTOR,
                        run.sectors * SECTOR);
        }
    } else {
        const std::vector<std::uint8_t> made = journal(changed);
        step();
        const int file = ::open(journal_path(path_).c_str(),
                                O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (file < 0) return fail("its journal cannot be made");
        const bool written = write_all(file, made.data(), made.size(), 0) && sync_file(file);
        ::close(file);
        if (!written || !sync_folder(path_)) return fail("its journal cannot be written");
        if (!apply(made)) return fail("the image cannot be written");
        if (!remove_journal(path_)) return fail("its journal cannot be removed");
    }
    std::fill(dirty_.begin(), dirty_.end(), false);
    dirty_count_ = 0;
    ++commits_;
    return true;
}

}  // namespace guest
