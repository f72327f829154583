// SPDX-License-Identifier: Apache-2.0
// Mappings of files that another process may cut short. What is lost of one becomes zeroed memory
// of this process alone at the first access, which otherwise would end it (SIGBUS).
#pragma once
#include <cstddef>
#include <cstdint>

namespace guest {

// Look after a mapping until `unguard`; false when there are too many.
bool guard(std::uint8_t* place, std::size_t size);
void unguard(const std::uint8_t* place);

std::uint64_t lost_pages();  // since the process began

}  // namespace guest
