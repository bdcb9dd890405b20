#include "run/metric_fields.h"

namespace wishbone {

nlohmann::ordered_json metric_fields(const PreferenceMetrics& mean, const PreferenceLoss& loss,
                                     const std::string& prefix) {
    nlohmann::ordered_json fields = {{prefix + "loss", mean.loss},
                                     {prefix + "rewards/chosen", mean.rewards_chosen},
                                     {prefix + "rewards/rejected", mean.rewards_rejected},
                                     {prefix + "rewards/margins", mean.margins},
                                     {prefix + "rewards/accuracies", mean.accuracies},
                                     {prefix + "logps/chosen", mean.logps_chosen},
                                     {prefix + "logps/rejected", mean.logps_rejected}};
    if (loss.logs_nll()) fields[prefix + "nll_loss"] = mean.nll_loss;
    if (loss.logs_odds()) {
        fields[prefix + "log_odds_ratio"] = mean.log_odds_ratio;
        fields[prefix + "log_odds_chosen"] = mean.log_odds_chosen;
    }
    return fields;
}

nlohmann::ordered_json source_fields(const std::vector<PairMetrics>& sources,
                                     const std::vector<std::string>& names) {
    nlohmann::ordered_json fields = nlohmann::ordered_json::object();
    for (std::size_t i = 0; i < sources.size(); ++i) {
        if (sources[i].pairs == 0) continue;
        const PreferenceMetrics mean = sources[i].mean();
        fields[names[i]] = {{"pairs", sources[i].pairs},
                            {"loss", mean.loss},
                            {"rewards/margins", mean.margins},
                            {"rewards/accuracies", mean.accuracies}};
    }
    return fields;
}

}  // namespace wishbone
