#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "backend/milestone.h"
#include "model/model_view.h"

namespace wishbone {

/// An update of all parameters that goes on beside the next pass, which awaits each layer when it comes to it.
class UpdateUnderWay final : public LayerWatch {
  public:
    UpdateUnderWay() = default;
    // What it changes may go to others.
    ~UpdateUnderWay() override {
        try {
            settle();
        } catch (const std::exception&) {  // of a device that has failed already
        }
    }
    UpdateUnderWay(const UpdateUnderWay&) = delete;
    UpdateUnderWay& operator=(const UpdateUnderWay&) = delete;

    /// `reached`: by the bucket of Parameters, as Optimizer::update_beside gives them.
    void begin(std::vector<std::unique_ptr<Milestone>> reached) { reached_ = std::move(reached); }

    /// A pass is about to read the embedding.
    void begin_pass() {
        if (!reached_.empty()) await(0);
    }
    void use(std::int64_t layer) override {
        if (reached_.empty()) return;
        const auto bucket = static_cast<std::size_t>(1 + layer);
        await(bucket);
        // Behind the last layer comes all that is left.
        if (bucket + 2 == reached_.size()) settle();
    }
    /// What the backend is asked for from here on comes behind all of it.
    void settle() {
        for (std::size_t bucket = 0; bucket < reached_.size(); ++bucket) await(bucket);
        reached_.clear();
    }

  private:
    void await(std::size_t bucket) {
        if (reached_[bucket] != nullptr) reached_[bucket]->await();
        reached_[bucket] = nullptr;
    }

    std::vector<std::unique_ptr<Milestone>> reached_;
};

}  // namespace wishbone
