#include "run/checkpoint/best_model.h"

#include <cmath>
#include <limits>

namespace wishbone {

bool BestModel::add(std::int64_t step, double metric, const TrainingOptions& options) {
    const double gain = options.greater_is_better ? metric - metric_ : metric_ - metric;
    const bool better = !step_ || gain > 0;
    without_better_ = better && (!step_ || gain > options.early_stopping_threshold) ? 0 : without_better_ + 1;
    last_step_ = step;
    if (!better) return false;
    step_ = step;
    metric_ = metric;
    return true;
}

nlohmann::ordered_json BestModel::to_json() const {
    nlohmann::ordered_json json = {{"last_step", last_step_}, {"without_better", without_better_}};
    if (step_) {
        json["step"] = *step_;
        json["metric"] = metric_;
    }
    return json;
}

BestModel BestModel::from_json(JsonFields fields) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    constexpr double largest = std::numeric_limits<double>::max();
    BestModel best;
    best.last_step_ = fields.integer("last_step", -1, most);
    best.without_better_ = fields.integer("without_better", 0, most);
    if (fields.has("step")) {
        best.step_ = fields.integer("step", 0, most);
        best.metric_ = fields.number("metric", -largest, largest);
    }
    return best;
}

}  // namespace wishbone
