#pragma once

#include <cuda_runtime_api.h>

#include <climits>
#include <cstddef>
#include <string>

namespace wishbone::nccl {

// What is used of NCCL's interface, as its own headers have it from version 2.19 on: the library is loaded by name, and its
// headers need not be there to build.

enum class Result : int { success = 0, in_progress = 7 };
enum class Type : int { f32 = 7, bf16 = 9 };
enum class Operation : int { sum = 0 };
struct OpaqueComm;
using Comm = OpaqueComm*;
struct UniqueId {
    char internal[128];
};

/// Settings of a communicator, up to those of 2.19. The library takes what later versions have beyond from the defaults, as
/// `version` and `size` tell it to.
struct Config {
    static constexpr int unset = INT_MIN;

    std::size_t size = sizeof(Config);
    unsigned int magic = 0xcafebeef;
    unsigned int version = 21903;
    int blocking = unset;
    int cga_cluster_size = unset;
    int min_ctas = unset;
    int max_ctas = unset;
    const char* net_name = nullptr;
    int split_share = unset;
    int beyond = unset;  ///< padding in 2.19, a setting in later ones
};

/// The functions of libnccl that are used, loaded when they are first needed.
class Library {
  public:
    /// Loads `path`, or searches when it is empty: $WISHBONE_NCCL, the loader's own places, CUDA toolkits and the wheels of the
    /// Python environments in reach. NVLink multicast is switched off unless the environment says otherwise. Throws
    /// Error(bad_input) when there is none that will do.
    explicit Library(const std::string& path);
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    const std::string& path() const { return path_; }
    /// "2.27.3"
    std::string version() const;

    Result (*get_version)(int*) = nullptr;
    const char* (*error_string)(Result) = nullptr;
    const char* (*last_error)(Comm) = nullptr;
    Result (*get_unique_id)(UniqueId*) = nullptr;
    Result (*init_rank)(Comm*, int ranks, UniqueId, int rank, Config*) = nullptr;
    Result (*async_error)(Comm, Result*) = nullptr;
    Result (*abort)(Comm) = nullptr;
    Result (*group_start)() = nullptr;
    Result (*group_end)() = nullptr;
    Result (*all_reduce)(const void*, void*, std::size_t, Type, Operation, Comm, cudaStream_t) = nullptr;
    Result (*reduce_scatter)(const void*, void*, std::size_t, Type, Operation, Comm, cudaStream_t) = nullptr;
    Result (*all_gather)(const void*, void*, std::size_t, Type, Comm, cudaStream_t) = nullptr;
    Result (*broadcast)(const void*, void*, std::size_t, Type, int root, Comm, cudaStream_t) = nullptr;

  private:
    /// Whether `path` is a usable library; `why_not` says what is wrong with it.
    bool load(const std::string& path, std::string& why_not);

    std::string path_;
};

}  // namespace wishbone::nccl
