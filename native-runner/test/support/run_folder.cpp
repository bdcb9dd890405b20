#include "support/run_folder.h"

namespace wishbone::test {

nlohmann::ordered_json run_json(const std::filesystem::path& model) {
    return {{"format", "wishbone-run"},
            {"version", 1},
            {"id", "20260102-150405-test"},
            {"name", "test"},
            {"created", "2026-01-02T15:04:05.000Z"},
            {"dataset", {{"path", "/pairs.jsonl"}, {"sha256", ""}, {"format", "trl-explicit"}, {"pairs", 1}}},
            {"model", {{"path", model.string()}}},
            {"plan",
             {{"sharing", "pair"},
              {"capacity", 128},
              {"batch_size", 4},
              {"epochs", 1},
              {"seed", 42},
              {"max_length", 64}}},
            {"training",
             {{"loss_type", "sigmoid"},
              {"beta", 0.1},
              {"learning_rate", 1e-3},
              {"lr_scheduler_type", "linear"},
              {"warmup_ratio", 0.1},
              {"weight_decay", 0.01},
              {"adam_beta1", 0.9},
              {"adam_beta2", 0.999},
              {"adam_epsilon", 1e-8},
              {"max_grad_norm", 1.0},
              {"reference", "precompute"},
              {"save_steps", 4},
              {"save_total_limit", 2}}},
            {"runner", {{"backend", "cpu"}, {"threads", 1}}}};
}

}  // namespace wishbone::test
