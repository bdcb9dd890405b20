#include "comm/nccl/nccl.h"

#include <cstdlib>

#include "backend/cuda/runtime/shared_library.h"

namespace wishbone::nccl {

namespace {

constexpr int least_version = 21900;

std::string version_text(int version) {
    return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
           std::to_string(version % 100);
}

}  // namespace

Library::Library(const std::string& path) {
    // Multicast makes the order of a sum, and so its bits, a matter of the switch.
    ::setenv("NCCL_NVLS_ENABLE", "0", 0);
    cuda::load_library(
        {.name = "NCCL 2",
         .soname = "libnccl.so.2",
         .other_name = "libnccl.so",
         .variable = "WISHBONE_NCCL",
         .wheels = {"nvidia/nccl/lib", "nvidia/cu13/lib"},
         .advice =
             "Install NCCL 2.19 or newer for CUDA 13 (pip install nvidia-nccl-cu13, or NVIDIA's package libnccl2), "
             "name the file in $WISHBONE_NCCL, or run on one GPU."},
        path, [this](const std::string& file, std::string& why_not) { return load(file, why_not); });
}

bool Library::load(const std::string& path, std::string& why_not) {
    cuda::OpenLibrary library(path, why_not);
    if (!library) return false;
    const auto resolve = [&](auto& function, const char* name) { library.resolve(function, name, why_not); };
    resolve(get_version, "ncclGetVersion");
    int version = 0;
    if (get_version != nullptr && get_version(&version) == Result::success && version < least_version)
        why_not = "it is version " + version_text(version) + ", at least " + version_text(least_version) +
                  " is needed";
    resolve(error_string, "ncclGetErrorString");
    resolve(last_error, "ncclGetLastError");
    resolve(get_unique_id, "ncclGetUniqueId");
    resolve(init_rank, "ncclCommInitRankConfig");
    resolve(async_error, "ncclCommGetAsyncError");
    resolve(abort, "ncclCommAbort");
    resolve(group_start, "ncclGroupStart");
    resolve(group_end, "ncclGroupEnd");
    resolve(all_reduce, "ncclAllReduce");
    resolve(reduce_scatter, "ncclReduceScatter");
    resolve(all_gather, "ncclAllGather");
    resolve(broadcast, "ncclBroadcast");
    if (!why_not.empty()) return false;
    library.keep();
    path_ = cuda::file_of(reinterpret_cast<const void*>(get_version), path);
    return true;
}

std::string Library::version() const {
    int version = 0;
    (void)get_version(&version);
    return version_text(version);
}

}  // namespace wishbone::nccl
