#pragma once

#include <cuda_runtime_api.h>

#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {

/// A point in a stream's work. Before it is recorded, nothing waits for it.
class Event {
  public:
    Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreate"); }
    ~Event() { (void)cudaEventDestroy(event_); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "cudaEventRecord"); }
    /// Whether what was recorded has happened.
    bool has_happened() const {
        const cudaError_t status = cudaEventQuery(event_);
        if (status == cudaErrorNotReady) return false;
        check(status, "cudaEventQuery");
        return true;
    }
    /// Until what was recorded has happened.
    void wait() { check(cudaEventSynchronize(event_), "cudaEventSynchronize"); }
    /// Whatever the stream is asked for from now on waits for it.
    void hold(cudaStream_t stream) const {
        check(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
    }

  private:
    cudaEvent_t event_ = nullptr;
};

}  // namespace wishbone::cuda
