#include "model/recompute.h"

namespace wishbone {

std::string text_of(RecomputePlan plan, std::int64_t layers) {
    const RecomputePlan own = plan.within(layers);
    const std::string of_all = " of " + std::to_string(layers) + " layers";
    if (own.is_none()) return "no activations are computed again";
    if (own.block_layers == 0)
        return "activations of the MLPs of " + std::to_string(own.mlp_layers) + of_all +
               " are computed again";
    const std::string mlps =
        own.mlp_layers == 0 ? "" : " and of the MLPs of " + std::to_string(own.mlp_layers) + " more";
    return "activations of " + std::to_string(own.block_layers) + of_all + mlps + " are computed again";
}

}  // namespace wishbone
