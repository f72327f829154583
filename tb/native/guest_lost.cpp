// SPDX-License-Identifier: Apache-2.0
#include "guest_lost.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

namespace guest {
namespace {

constexpr std::size_t MAX_GUARDED = 256;

// Read by the signal handler, so that nothing of it moves. A free slot has size 0.
struct Guarded {
    std::atomic<std::uintptr_t> place;
    std::atomic<std::size_t> size;
};
Guarded guarded[MAX_GUARDED];
std::atomic<std::uint64_t> lost;
struct sigaction before;
std::uintptr_t page_bytes;

bool replace(std::uintptr_t place, std::size_t size) {
    void* wanted = reinterpret_cast<void*>(place);  // NOLINT
    return mmap(wanted, size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

// One page is replaced, or the whole mapping where its pages are larger.
void on_bus_error(int number, siginfo_t* info, void* context) {
    const auto addr = reinterpret_cast<std::uintptr_t>(info->si_addr);
    for (const Guarded& each : guarded) {
        const std::uintptr_t place = each.place;
        if (addr - place >= each.size) continue;
        if (!replace(addr & ~(page_bytes - 1), page_bytes) && !replace(place, each.size)) break;
        ++lost;
        return;
    }
    if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
        before.sa_sigaction(number, info, context);  // it is not about a guest's memory
        return;
    }
    sigaction(number, &before, nullptr);  // the access is tried again, and meets that
}

void install() {
    page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, &before);
}

}  // namespace

bool guard(std::uint8_t* place, std::size_t size) {
    if (page_bytes == 0) install();
    for (Guarded& each : guarded) {
        if (each.size != 0) continue;
        each.place = reinterpret_cast<std::uintptr_t>(place);
        each.size = size;
        return true;
    }
    return false;
}

void unguard(const std::uint8_t* place) {
    for (Guarded& each : guarded) {
        if (each.size != 0 && each.place == reinterpret_cast<std::uintptr_t>(place)) each.size = 0;
    }
}

std::uint64_t lost_pages() { return lost; }

}  // namespace guest
