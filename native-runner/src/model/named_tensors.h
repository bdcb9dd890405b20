#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"

namespace wishbone {

/// A parameter under its Hugging Face name, e.g. `model.layers.0.self_attn.q_proj.weight`.
struct NamedTensor {
    std::string name;
    Tensor tensor;
    bool decays;  ///< weight decay applies (matrices, not norms and biases), as in transformers' Trainer
};

/// One that is in FP8 alone, and never trained.
struct FrozenMatrix {
    std::string name;
    Fp8Matrix matrix;
};

struct ParameterShape {
    std::string name;
    std::vector<std::int64_t> shape;
};

/// Consecutive elements of a parameter that lie somewhere: all of them, or what a shard has.
struct HeldElements {
    std::size_t parameter;  ///< its number in NamedTensors::named
    std::int64_t begin;     ///< the first of them among the parameter's
    Tensor elements;        ///< [count]
};

/// A stretch of the flat vector that ranks reduce and gather as one, each having an equal part of it: elements [begin, end).
struct Bucket {
    std::int64_t begin = 0, end = 0;
    std::int64_t place = 0;  ///< where it begins in memory; `begin`, unless several have one place in turn
    /// Number of its first element where no bucket is padded: the same for every number of parts.
    std::int64_t number = 0;

    std::int64_t size() const { return end - begin; }
};

/// Tensors with names in one allocation: what can be trained as one vector and stored tensor by tensor.
///
/// The flat vector consists of buckets, each of which can be divided into `parts()` equal parts. A shard has the parts of one
/// number of all buckets, one behind the other, in memory of its own: what a rank of several keeps.
class NamedTensors {
  public:
    /// Names, shapes and places of `like`, in memory of its own that is zero; a shard, where `like` is one.
    NamedTensors(Backend& backend, const NamedTensors& like, DType dtype);
    /// The shard of this number, from 0, of what `whole` has, or would have with room for all of it, zero.
    NamedTensors(Backend& backend, const NamedTensors& whole, DType dtype, std::int64_t number);

    /// In the order of a Hugging Face state dict. A shard has the names and shapes alone: use `held`.
    const std::vector<NamedTensor>& named() const { return named_; }
    /// What is beside them, by Hugging Face names.
    const std::vector<FrozenMatrix>& frozen() const { return frozen_; }
    /// Everything as one vector, for the optimizer.
    Tensor flat() const { return flat_; }
    /// Whose memory it is in.
    Backend& backend() const { return *backend_; }

    std::int64_t parts() const { return parts_; }
    const std::vector<Bucket>& buckets() const { return buckets_; }
    bool is_shard() const { return number_ >= 0; }

    /// What is here of every parameter.
    std::vector<HeldElements> held() const;
    /// Of what is not a shard: a bucket, and part number `part` of it.
    Tensor of(const Bucket& bucket) const { return flat_.slice(bucket.place, bucket.place + bucket.size()); }
    Tensor part_of(const Bucket& bucket, std::int64_t part) const {
        const std::int64_t size = bucket.size() / parts_;
        return of(bucket).slice(part * size, (part + 1) * size);
    }
    /// Of a shard: its part of a bucket.
    Tensor own_of(const Bucket& bucket) const {
        return flat_.slice(bucket.begin / parts_, bucket.end / parts_);
    }
    /// Where a parameter begins in the flat vector of the whole.
    std::int64_t place_of(std::size_t parameter) const { return places_[parameter]; }

  protected:
    NamedTensors() = default;

    /// Hands out consecutive pieces of one allocation; without memory, to learn names, shapes and how much is
    /// needed.
    class Cutter {
      public:
        /// To measure: every bucket can be divided into `parts`.
        Cutter(DType dtype, std::int64_t parts) : dtype_(dtype), parts_(parts) {}
        /// To cut what was measured.
        Cutter(void* memory, const Cutter& measured)
            : memory_(memory),
              dtype_(measured.dtype_),
              parts_(measured.parts_),
              planned_(measured.buckets_) {}
        Tensor take(std::initializer_list<std::int64_t> shape);
        /// What was taken since the last call is a bucket.
        void end_bucket();
        /// Having measured: of all buckets but the first and the last one, only so many are there at once, each in the place of the
        /// one so many before.
        void take_turns(std::size_t at_once);
        /// Elements of memory that are needed.
        std::int64_t needed() const { return needed_; }
        DType dtype() const { return dtype_; }
        std::int64_t parts() const { return parts_; }
        const std::vector<Bucket>& buckets() const { return buckets_; }
        /// Where a tensor of the bucket that is being cut begins in the flat vector; 0 while measuring.
        std::int64_t place_of(const Tensor& tensor) const;

      private:
        void* memory_ = nullptr;
        DType dtype_;
        std::int64_t parts_;
        std::int64_t taken_ = 0;   ///< of the bucket that is being cut
        std::int64_t number_ = 0;  ///< of its first element
        std::int64_t needed_ = 0;
        std::vector<Bucket> buckets_, planned_;
    };

    /// Memory for what the cutter has measured, all zero.
    void allocate(Backend& backend, const Cutter& measured);
    void* memory() const { return buffer_.get(); }
    /// Of the bucket that is being cut. Matrices decay.
    void name(std::string text, const Tensor& tensor, const Cutter& cutter);
    void freeze(std::string text, const Fp8Matrix& matrix) { frozen_.push_back({std::move(text), matrix}); }

  private:
    void allocate(Backend& backend, std::int64_t elements, DType dtype);

    Backend* backend_ = nullptr;
    Buffer buffer_;
    Tensor flat_;
    std::vector<NamedTensor> named_;
    std::vector<FrozenMatrix> frozen_;
    std::vector<std::int64_t> places_;  ///< of `named_`
    std::vector<Bucket> buckets_;
    std::int64_t parts_ = 1, number_ = -1;
};

}  // namespace wishbone
