#include "train/optimizer/optimizer.h"

#include <algorithm>

namespace wishbone {

namespace {

constexpr double clip_epsilon = 1e-6;  // as in torch.nn.utils.clip_grad_norm_

Tensor elements(const NamedTensors& tensors, std::int64_t begin, std::int64_t end) {
    return tensors.flat().flattened().slice(begin, end);
}

DType dtype_of(Moments moments) { return moments == Moments::f32 ? DType::f32 : DType::bf16; }

std::optional<NamedTensors> master_copy(Backend& backend, const NamedTensors& trained) {
    if (trained.flat().dtype == DType::f32) return std::nullopt;
    std::optional<NamedTensors> copy(std::in_place, backend, trained, DType::f32);
    backend.copy(copy->flat(), trained.flat());
    return copy;
}

}  // namespace

Optimizer::Optimizer(Backend& backend, NamedTensors& trained, const TrainingOptions& options)
    : backend_(backend),
      trained_(trained),
      beta1_(options.adam_beta1),
      beta2_(options.adam_beta2),
      epsilon_(options.adam_epsilon),
      max_grad_norm_(options.max_grad_norm),
      master_(master_copy(backend, trained)),
      first_moment_(backend, trained, dtype_of(options.moments)),
      second_moment_(backend, trained, dtype_of(options.moments)),
      groups_(optimizer_groups(trained, options)) {}

void Optimizer::update(const NamedTensors& gradients, double learning_rate, double grad_norm) {
    const double scale = max_grad_norm_ > 0 ? std::min(1.0, max_grad_norm_ / (grad_norm + clip_epsilon)) : 1;
    ++updates_;
    for (const OptimizerGroup& group : groups_) {
        const AdamW adamw = {static_cast<float>(learning_rate * group.learning_rate_factor),
                             static_cast<float>(beta1_),
                             static_cast<float>(beta2_),
                             static_cast<float>(epsilon_),
                             static_cast<float>(group.weight_decay),
                             updates_,
                             group.begin};
        const auto of = [&](const NamedTensors& tensors) {
            return elements(tensors, group.begin, group.end);
        };
        backend_.adamw(of(trained_), master_ ? of(*master_) : Tensor(), of(gradients), of(first_moment_),
                       of(second_moment_), static_cast<float>(scale), adamw);
    }
}

void Optimizer::master_changed() {
    if (master_) backend_.copy(trained_.flat(), master_->flat());
}

}  // namespace wishbone
