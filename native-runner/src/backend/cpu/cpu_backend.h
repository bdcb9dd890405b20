#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/runtime/scratch.h"
#include "backend/cpu/runtime/thread_pool.h"

namespace wishbone::cpu {

/// fp32 on OpenBLAS. Host memory is device memory, so every operation is done when its call returns.
/// Each operation is defined in the file of its name.
class CpuBackend final : public Backend {
  public:
    explicit CpuBackend(int threads, MemorySource memory = {});

    std::string name() const override { return "cpu"; }
    std::string device_name() const override;
    int threads() const override { return pool_.threads(); }
    DType activation_dtype() const override { return DType::f32; }
    bool is_in_host_memory() const override { return true; }

#include "backend/overrides.inc"
    std::size_t peak_memory() const override { return memory_->peak; }
    std::size_t free_memory() const override;

  private:
    /// Bytes of the buffers handed out; they may outlive the backend.
    struct MemoryInUse {
        std::atomic<std::size_t> now = 0, peak = 0;
    };

    MemorySource source_;
    std::shared_ptr<MemoryInUse> memory_ = std::make_shared<MemoryInUse>();
    ThreadPool pool_;
    std::vector<Scratch> thread_scratch_;  ///< one a thread
    Scratch shared_scratch_;
};

}  // namespace wishbone::cpu
