// Files that are mapped into memory, and may be cut while they are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pyuniform {

// From here on a page of this memory that its file no longer has is one of zeros: the system would
// end the process (SIGBUS). `mapped_cut` then says so, and whoever has read must ask it. False if
// nothing can be done: too many are guarded, or the system has no such signal.
bool guard_mapped(uintptr_t begin, size_t size);

// The end of that; to be called before the memory becomes anything else.
void release_mapped(uintptr_t begin);

// Whether a page that is guarded was missing when it was read. Rows may have been copied from there
// since, so nobody can tell whose they are: every call fails until the map is gone.
bool mapped_cut();

}  // namespace pyuniform
