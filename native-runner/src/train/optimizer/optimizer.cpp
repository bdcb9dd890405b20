#include "train/optimizer/optimizer.h"

#include <algorithm>
#include <utility>

#include "backend/require.h"

namespace wishbone {

namespace {

constexpr double clip_epsilon = 1e-6;  // as in torch.nn.utils.clip_grad_norm_

DType dtype_of(Moments moments) { return moments == Moments::f32 ? DType::f32 : DType::bf16; }

/// Like `trained` and zero: the whole, or this rank's shard.
NamedTensors room_for_state(Backend& place, const NamedTensors& trained, DType dtype,
                            const Communicator& ranks, Sharding sharding) {
    if (trained.is_shard() || sharding == Sharding::none || ranks.parts() == 1)
        return {place, trained, dtype};
    require(trained.parts() == ranks.parts(), "sharded optimizer");
    return {place, trained, dtype, ranks.part()};
}

std::optional<NamedTensors> room_for_master(Backend& place, const NamedTensors& trained,
                                            const Communicator& ranks, Sharding sharding) {
    if (trained.flat().dtype == DType::f32) return std::nullopt;
    return std::optional<NamedTensors>(room_for_state(place, trained, DType::f32, ranks, sharding));
}

Backend& place_of_state(Backend& backend, const Offload& offload) {
    return offload.optimizer ? backend.host() : backend;
}

}  // namespace

Optimizer::Optimizer(Backend& backend, NamedTensors& trained, const TrainingOptions& options,
                     Communicator& ranks, Sharding sharding, std::function<void()> changed, Offload offload)
    : backend_(backend),
      ranks_(ranks),
      changed_(std::move(changed)),
      trained_(trained),
      offload_(offload),
      beta1_(options.adam_beta1),
      beta2_(options.adam_beta2),
      epsilon_(options.adam_epsilon),
      max_grad_norm_(options.max_grad_norm),
      master_(room_for_master(place_of_state(backend, offload), trained, ranks, sharding)),
      first_moment_(room_for_state(place_of_state(backend, offload), trained, dtype_of(options.moments),
                                   ranks, sharding)),
      second_moment_(room_for_state(place_of_state(backend, offload), trained, dtype_of(options.moments),
                                    ranks, sharding)),
      groups_(optimizer_groups(trained, options)) {
    // The pieces' room on the device is taken now.
    if (offload.optimizer)
        for_each_part(state(), false, false, [](const Stretch&, std::span<const Tensor>) {});
    if (master_) copy_to_master();
}

std::vector<Optimizer::Stretch> Optimizer::own_stretches() const {
    if (!is_sharded()) return {{0, trained_.flat().size(), 0, 0}};
    std::vector<Stretch> stretches;
    for (std::size_t i = 0; i < trained_.buckets().size(); ++i) {
        const Bucket& bucket = trained_.buckets()[i];
        const std::int64_t size = bucket.size() / trained_.parts(), offset = ranks_.part() * size;
        stretches.push_back({bucket.begin + offset, bucket.begin + offset + size, bucket.number + offset, i});
    }
    return stretches;
}

Tensor Optimizer::own_of(const NamedTensors& tensors, const Stretch& stretch) const {
    if (!is_sharded()) return tensors.flat().slice(stretch.begin, stretch.end);
    const Bucket& bucket = trained_.buckets()[stretch.bucket];
    const Tensor own = tensors.is_shard() ? tensors.own_of(bucket) : tensors.part_of(bucket, ranks_.part());
    const std::int64_t begin = bucket.begin + ranks_.part() * bucket.size() / trained_.parts();
    return own.slice(stretch.begin - begin, stretch.end - begin);
}

void Optimizer::for_each_part(const std::vector<NamedTensors*>& tensors, bool come, bool go,
                              const std::function<void(const Stretch&, std::span<const Tensor>)>& work,
                              const std::function<void(const Stretch&)>& done) {
    std::vector<StreamedPiece> pieces;
    for (const Stretch& whole : own_stretches()) {
        const std::int64_t size = offload_.optimizer ? part_elements() : whole.end - whole.begin;
        for (std::int64_t begin = whole.begin; begin < whole.end; begin += size) {
            const Stretch part = {begin, std::min(begin + size, whole.end),
                                  whole.number + begin - whole.begin, whole.bucket};
            StreamedPiece piece;
            for (const NamedTensors* one : tensors) piece.tensors.push_back({own_of(*one, part), come, go});
            piece.work = [&work, &done, part, whole](std::span<const Tensor> on_device) {
                work(part, on_device);
                if (part.end == whole.end) done(whole);
            };
            pieces.push_back(std::move(piece));
        }
    }
    if (offload_.optimizer) return backend_.stream_pieces(pieces);
    for (const StreamedPiece& piece : pieces) {
        std::vector<Tensor> in_place;
        for (const StreamedTensor& tensor : piece.tensors) in_place.push_back(tensor.on_host);
        piece.work(in_place);
    }
}

std::int64_t Optimizer::part_elements() const {
    // What is small is to take less room in parts than as a whole.
    constexpr std::int64_t least_parts = 16, unit = 1024;
    return std::min(offload_.piece, (first_moment_.flat().size() / least_parts / unit + 1) * unit);
}

/// The two moments, and the master copy where there is one.
std::vector<NamedTensors*> Optimizer::state() {
    std::vector<NamedTensors*> all = {&first_moment_, &second_moment_};
    if (master_) all.push_back(&*master_);
    return all;
}

void Optimizer::copy_to_master() {
    for_each_part({&*master_}, false, true, [&](const Stretch& part, std::span<const Tensor> master) {
        backend_.copy(master[0], own_of(trained_, part));
    });
}

void Optimizer::read_master(const std::function<void(std::int64_t, Tensor)>& read) {
    if (!master_) {
        for (const Stretch& own : own_stretches()) read(own.begin, own_of(trained_, own));
        return;
    }
    for_each_part({&*master_}, true, false,
                  [&](const Stretch& part, std::span<const Tensor> master) { read(part.begin, master[0]); });
}

/// `state`: of this part.
template <typename Update>
void Optimizer::for_each_group(const Stretch& part, const Tensor& gradient, std::span<const Tensor> state,
                               double learning_rate, double scale, const Update& adamw) {
    for (const OptimizerGroup& group : groups_) {
        const std::int64_t begin = std::max(group.begin, part.begin) - part.begin,
                           end = std::min(group.end, part.end) - part.begin;
        if (begin >= end) continue;
        const AdamW options = {static_cast<float>(learning_rate * group.learning_rate_factor),
                               static_cast<float>(beta1_),
                               static_cast<float>(beta2_),
                               static_cast<float>(epsilon_),
                               static_cast<float>(group.weight_decay),
                               updates_,
                               part.number + begin};
        const auto of = [&](const Tensor& tensor) { return tensor.slice(begin, end); };
        adamw(of(own_of(trained_, part)), master_ ? of(state[2]) : Tensor(), of(gradient), of(state[0]),
              of(state[1]), static_cast<float>(scale), options);
    }
}

double Optimizer::scale_of(double grad_norm) const {
    return max_grad_norm_ > 0 ? std::min(1.0, max_grad_norm_ / (grad_norm + clip_epsilon)) : 1;
}

std::vector<std::unique_ptr<Milestone>> Optimizer::update_beside(const NamedTensors& gradients,
                                                                 double learning_rate, double grad_norm) {
    require(may_update_beside(), "update beside");
    const double scale = scale_of(grad_norm);
    ++updates_;
    std::vector<std::unique_ptr<Milestone>> reached(trained_.buckets().size());
    for (std::size_t i = 0; i < reached.size(); ++i) {
        const Bucket& bucket = trained_.buckets()[i];
        const Stretch part = {bucket.begin, bucket.end, bucket.begin, i};
        std::vector<Tensor> own;
        for (const NamedTensors* one : state()) own.push_back(own_of(*one, part));
        // What is asked for beside is done in order.
        for_each_group(part, own_of(gradients, part), own, learning_rate, scale,
                       [&](auto&&... arguments) { reached[i] = backend_.adamw_beside(arguments...); });
    }
    return reached;
}

void Optimizer::update(const NamedTensors& gradients, double learning_rate, double grad_norm,
                       ExposedTime& exposed) {
    const double scale = scale_of(grad_norm);
    ++updates_;
    // One bucket is gathered while the next is updated.
    const bool gathers = is_sharded() && !trained_.is_shard();
    if (gathers) ranks_.fork();
    for_each_part(
        state(), true, true,
        [&](const Stretch& part, std::span<const Tensor> tensors) {
            for_each_group(part, own_of(gradients, part), tensors, learning_rate, scale,
                           [&](auto&&... arguments) { backend_.adamw(arguments...); });
        },
        [&](const Stretch& whole) {
            if (!gathers) return;
            const Tensor all = trained_.of(trained_.buckets()[whole.bucket]);
            exposed.beside([&] { ranks_.all_gather(all, own_of(trained_, whole)); });
        });
    if (gathers) exposed.ending([&] { ranks_.join(); });
    if (trained_.is_shard()) exposed.ending(changed_);
}

void Optimizer::master_changed() {
    if (master_)
        for_each_part({&*master_}, true, false, [&](const Stretch& part, std::span<const Tensor> master) {
            backend_.copy(own_of(trained_, part), master[0]);
        });
    if (trained_.is_shard()) return changed_();
    if (!master_ || !is_sharded()) return;
    for (const Stretch& own : own_stretches())
        ranks_.all_gather(trained_.of(trained_.buckets()[own.bucket]), own_of(trained_, own));
}

}  // namespace wishbone
