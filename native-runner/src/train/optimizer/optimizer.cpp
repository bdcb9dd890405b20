#include "train/optimizer/optimizer.h"

#include <algorithm>
#include <utility>

#include "backend/require.h"

namespace wishbone {

namespace {

constexpr double clip_epsilon = 1e-6;  // as in torch.nn.utils.clip_grad_norm_

DType dtype_of(Moments moments) { return moments == Moments::f32 ? DType::f32 : DType::bf16; }

/// Like `trained` and zero: the whole, or this rank's shard.
NamedTensors state(Backend& backend, const NamedTensors& trained, DType dtype, const Communicator& ranks,
                   Sharding sharding) {
    if (trained.is_shard() || sharding == Sharding::none || ranks.size() == 1)
        return {backend, trained, dtype};
    require(trained.parts() == ranks.size(), "sharded optimizer");
    return {backend, trained, dtype, ranks.rank()};
}

std::optional<NamedTensors> master_copy(Backend& backend, const NamedTensors& trained,
                                        const Communicator& ranks, Sharding sharding) {
    if (trained.flat().dtype == DType::f32) return std::nullopt;
    std::optional<NamedTensors> copy(state(backend, trained, DType::f32, ranks, sharding));
    if (trained.is_shard() || !copy->is_shard())
        backend.copy(copy->flat(), trained.flat());
    else
        for (const Bucket& bucket : trained.buckets())
            backend.copy(copy->own_of(bucket), trained.part_of(bucket, ranks.rank()));
    return copy;
}

}  // namespace

Optimizer::Optimizer(Backend& backend, NamedTensors& trained, const TrainingOptions& options,
                     Communicator& ranks, Sharding sharding, std::function<void()> changed)
    : backend_(backend),
      ranks_(ranks),
      changed_(std::move(changed)),
      trained_(trained),
      beta1_(options.adam_beta1),
      beta2_(options.adam_beta2),
      epsilon_(options.adam_epsilon),
      max_grad_norm_(options.max_grad_norm),
      master_(master_copy(backend, trained, ranks, sharding)),
      first_moment_(state(backend, trained, dtype_of(options.moments), ranks, sharding)),
      second_moment_(state(backend, trained, dtype_of(options.moments), ranks, sharding)),
      groups_(optimizer_groups(trained, options)) {}

std::vector<Optimizer::Stretch> Optimizer::own_stretches(const NamedTensors& gradients) {
    if (!is_sharded())
        return {{0, trained_.flat().size(), 0, trained_.flat(), master_ ? master_->flat() : Tensor(),
                 gradients.flat(), first_moment_.flat(), second_moment_.flat()}};
    std::vector<Stretch> stretches;
    for (const Bucket& bucket : trained_.buckets()) {
        const std::int64_t size = bucket.size() / trained_.parts(), offset = ranks_.rank() * size;
        stretches.push_back(
            {bucket.begin + offset, bucket.begin + offset + size, bucket.number + offset,
             trained_.is_shard() ? trained_.own_of(bucket) : trained_.part_of(bucket, ranks_.rank()),
             master_ ? master_->own_of(bucket) : Tensor(),
             gradients.is_shard() ? gradients.own_of(bucket) : gradients.part_of(bucket, ranks_.rank()),
             first_moment_.own_of(bucket), second_moment_.own_of(bucket)});
    }
    return stretches;
}

void Optimizer::update(const Stretch& stretch, double learning_rate, double scale) {
    for (const OptimizerGroup& group : groups_) {
        const std::int64_t begin = std::max(group.begin, stretch.begin) - stretch.begin,
                           end = std::min(group.end, stretch.end) - stretch.begin;
        if (begin >= end) continue;
        const AdamW adamw = {static_cast<float>(learning_rate * group.learning_rate_factor),
                             static_cast<float>(beta1_),
                             static_cast<float>(beta2_),
                             static_cast<float>(epsilon_),
                             static_cast<float>(group.weight_decay),
                             updates_,
                             stretch.number + begin};
        const auto of = [&](const Tensor& tensor) { return tensor.slice(begin, end); };
        backend_.adamw(of(stretch.trained), master_ ? of(stretch.master) : Tensor(), of(stretch.gradient),
                       of(stretch.first_moment), of(stretch.second_moment), static_cast<float>(scale), adamw);
    }
}

void Optimizer::update(const NamedTensors& gradients, double learning_rate, double grad_norm,
                       ExposedTime& exposed) {
    const double scale = max_grad_norm_ > 0 ? std::min(1.0, max_grad_norm_ / (grad_norm + clip_epsilon)) : 1;
    ++updates_;
    if (!is_sharded()) return update(own_stretches(gradients).front(), learning_rate, scale);
    if (trained_.is_shard()) {
        for (const Stretch& stretch : own_stretches(gradients)) update(stretch, learning_rate, scale);
        return exposed.ending(changed_);
    }
    // One bucket is gathered while the next is updated.
    ranks_.fork();
    const std::vector<Stretch> stretches = own_stretches(gradients);
    for (std::size_t i = 0; i < stretches.size(); ++i) {
        update(stretches[i], learning_rate, scale);
        exposed.beside([&] { ranks_.all_gather(trained_.of(trained_.buckets()[i]), stretches[i].trained); });
    }
    exposed.ending([&] { ranks_.join(); });
}

void Optimizer::master_changed() {
    if (trained_.is_shard()) {
        if (master_) backend_.copy(trained_.flat(), master_->flat());
        return changed_();
    }
    if (!master_) return;
    if (!is_sharded()) return backend_.copy(trained_.flat(), master_->flat());
    for (const Bucket& bucket : trained_.buckets()) {
        const Tensor own = trained_.part_of(bucket, ranks_.rank());
        backend_.copy(own, master_->own_of(bucket));
        ranks_.all_gather(trained_.of(bucket), own);
    }
}

}  // namespace wishbone
