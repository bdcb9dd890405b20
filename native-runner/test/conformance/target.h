#pragma once

#include <doctest/doctest.h>

#include <string>

#include "backend/backend.h"

/// Every test of this folder runs every backend, each through a backend of its own that all tests of the
/// program share.
namespace wishbone::conformance {

struct Target {
    std::string name;
    Backend& (*backend)();  ///< made when first asked for
};

const Target& cpu_target();
const Target& cuda_target();

/// Whether tests can use a GPU. When not, says once why.
bool have_cuda();

}  // namespace wishbone::conformance

// In a build without CUDA there is one backend to test.
#ifdef WISHBONE_CUDA_TESTS
#define WISHBONE_CUDA_TEST(title, function)                                         \
    TEST_CASE("cuda: " title* doctest::skip(!wishbone::conformance::have_cuda())) { \
        function(wishbone::conformance::cuda_target());                             \
    }
#else
#define WISHBONE_CUDA_TEST(title, function)
#endif
#define WISHBONE_BACKEND_TEST(title, function)                                  \
    static void function(const wishbone::conformance::Target& target);          \
    TEST_CASE("cpu: " title) { function(wishbone::conformance::cpu_target()); } \
    WISHBONE_CUDA_TEST(title, function)                                         \
    static void function([[maybe_unused]] const wishbone::conformance::Target& target)

/// A test of every backend, a test case each: "cpu: title", "cuda: title". Its body has `target`. Without a GPU the latter
/// is counted as skipped.
#define BACKEND_TEST(title) WISHBONE_BACKEND_TEST(title, DOCTEST_ANONYMOUS(backend_test_))
