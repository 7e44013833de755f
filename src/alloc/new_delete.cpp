// `operator new` and `delete` of programs that link this: mimalloc's, which keeps blocks of each
// size at hand. A program is made of small nodes, hundreds of thousands of which are made and
// dropped for each machine that is priced; with glibc's malloc, 30 % of the instructions.

// Sanitizers have an allocator of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SMEATON_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SMEATON_SANITIZED
#endif
#endif

#ifndef SMEATON_SANITIZED
#include <mimalloc-new-delete.h>
#endif
