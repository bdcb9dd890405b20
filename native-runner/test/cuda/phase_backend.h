#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/config.h"
#include "support/forwarding_backend.h"

namespace wishbone {

/// While `timed` it waits for the device after each operation and adds up their time by phase; the linear
/// layers are told apart by their weight's shape, and what a backend does in one operation with a layer's product (gated units, RoPE)
/// counts as that layer. Waiting leaves the device idle between operations, so what
/// an empty operation takes this way is subtracted from each.
class PhaseBackend final : public test::ForwardingBackend {
  public:
    PhaseBackend(std::unique_ptr<Backend> inner, const ModelConfig& config)
        : ForwardingBackend(std::move(inner)), config_(config) {}

    bool timed = false;

    /// Seconds by phase since the last call, and how many operations.
    struct Phase {
        double seconds = 0;
        std::int64_t operations = 0;
    };
    std::map<std::string, Phase> take_phases() { return std::exchange(phases_, {}); }

    /// Measures what an empty operation takes, the median of many.
    void calibrate() {
        const Buffer memory = allocate(256);
        const Tensor nothing(memory.get(), DType::f32, {1});
        std::vector<double> seconds;
        for (int i = 0; i < 200; ++i) seconds.push_back(elapsed([&] { inner().zero(nothing); }));
        std::ranges::nth_element(seconds, seconds.begin() + 100);
        overhead_ = seconds[100];
    }
    double overhead() const { return overhead_; }

    /// In its turn while timed: what goes on beside others has no time of its own.
    std::unique_ptr<Milestone> adamw_beside(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v,
                                            float grad_scale, const AdamW& options) override {
        if (!timed) return inner().adamw_beside(parameters, master, grad, m, v, grad_scale, options);
        adamw(parameters, master, grad, m, v, grad_scale, options);
        return nullptr;
    }

    /// One phase: to wait within it would hold up the bus.
    void stream_pieces(std::span<const StreamedPiece> pieces) override {
        if (!timed) return inner().stream_pieces(pieces);
        timed = false;
        synchronize();
        Phase& phase = phases_["optimizer in the host's memory"];
        phase.seconds += elapsed([&] { inner().stream_pieces(pieces); });
        ++phase.operations;
        timed = true;
    }

  private:
    std::string linear_name(const Tensor& weight) const override {
        const std::int64_t outputs = weight.rows(), inputs = weight.row_size();
        const std::int64_t query = config_.query_heads * config_.head_dim;
        if (outputs == query + 2 * config_.kv_heads * config_.head_dim) return "qkv";
        if (outputs == 2 * config_.intermediate_size) return "gate_up";
        return inputs == config_.intermediate_size ? "down" : "attention out";
    }

    double elapsed(const std::function<void()>& operation) {
        const auto begin = std::chrono::steady_clock::now();
        operation();
        synchronize();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }

    void around(const std::string& name, const std::function<void()>& operation) override {
        if (!timed) return operation();
        synchronize();
        Phase& phase = phases_[name];
        phase.seconds += std::max(0.0, elapsed(operation) - overhead_);
        ++phase.operations;
    }

    ModelConfig config_;
    std::map<std::string, Phase> phases_;
    double overhead_ = 0;
};

}  // namespace wishbone
