#pragma once

#include "model/model_view.h"

namespace wishbone {

/// What training changes: all parameters of a model, or an adapter on a model that stays as it is. A rank may have a shard of
/// the model alone, and bring the rest when it is needed.
struct Policy {
    Policy(Parameters& the_base) : base(the_base) {}
    Policy(Parameters& the_base, Lora& the_adapter) : base(the_base), adapter(&the_adapter) {}
    Policy(Parameters& the_base, Lora* the_adapter, NamedTensors* the_shard, WeightSupply* the_supply)
        : base(the_base), adapter(the_adapter), shard(the_shard), supply(the_supply) {}

    ModelView view() const { return {base, adapter, supply}; }
    /// The same with another adapter, or none.
    ModelView view_with(const Lora* other) const { return {base, other, supply}; }
    NamedTensors& trained() const {
        if (adapter != nullptr) return *adapter;
        return shard != nullptr ? *shard : base;
    }

    Parameters& base;
    Lora* adapter = nullptr;
    NamedTensors* shard = nullptr;   ///< of the model
    WeightSupply* supply = nullptr;  ///< which brings the layers of all shards
};

}  // namespace wishbone
