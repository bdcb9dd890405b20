#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "support/forwarding_backend.h"

namespace wishbone::test {

/// A CPU that plays a device: its memory is another than the host's, and what it works on has to be in its own. What does not come to
/// it is found spoilt there.
class DistantBackend final : public ForwardingBackend {
  public:
    explicit DistantBackend(int threads)
        : ForwardingBackend(make_cpu_backend(threads)), host_(make_cpu_backend(1)) {}

    bool is_in_host_memory() const override { return false; }
    Backend& host() override { return *host_; }

    Buffer allocate(std::size_t bytes) override {
        Buffer memory = inner().allocate(bytes);
        auto* const data = static_cast<const std::byte*>(memory.get());
        blocks_->push_back({data, bytes});
        return Buffer(memory.get(), [memory, blocks = blocks_, data](void*) {
            std::erase_if(*blocks, [data](const auto& block) { return block.first == data; });
        });
    }
    void copy(Tensor to, Tensor from) override {
        check({to, from});
        inner().copy(to, from);
    }
    void mix(Tensor to, Tensor from, float share) override {
        check({to, from});
        inner().mix(to, from, share);
    }
    void adamw(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v, float grad_scale,
               const AdamW& options) override {
        check({parameters, master, grad, m, v});
        inner().adamw(parameters, master, grad, m, v, grad_scale, options);
    }

    void stream_pieces(std::span<const StreamedPiece> pieces) override {
        for (const StreamedPiece& piece : pieces) {
            const Buffer place = allocate(piece.bytes());
            std::memset(place.get(), 0xff, piece.bytes());
            const std::vector<Tensor> here = piece.placed(place.get());
            for (std::size_t i = 0; i < here.size(); ++i)
                if (piece.tensors[i].comes)
                    std::memcpy(here[i].data, piece.tensors[i].on_host.data, here[i].bytes());
            piece.work(here);
            for (std::size_t i = 0; i < here.size(); ++i)
                if (piece.tensors[i].goes)
                    std::memcpy(piece.tensors[i].on_host.data, here[i].data, here[i].bytes());
            ++streamed;
        }
    }

    std::int64_t streamed = 0;  ///< pieces so far

  private:
    void check(const std::vector<Tensor>& tensors) const {
        for (const Tensor& tensor : tensors) {
            if (tensor.size() == 0) continue;
            const auto* const begin = static_cast<const std::byte*>(tensor.data);
            bool found = false;
            for (const auto& [block, bytes] : *blocks_)
                found |= begin >= block && begin + tensor.bytes() <= block + bytes;
            CHECK(found);
        }
    }

    std::unique_ptr<Backend> host_;
    std::shared_ptr<std::vector<std::pair<const std::byte*, std::size_t>>> blocks_ =
        std::make_shared<std::vector<std::pair<const std::byte*, std::size_t>>>();
};

}  // namespace wishbone::test
