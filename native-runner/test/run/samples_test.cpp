#include "run/samples.h"

#include <doctest/doctest.h>

#include "backend/cpu/cpu_backend.h"
#include "support/files.h"
#include "support/plan_columns.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

TEST_CASE("samples: prompts are those of the pairs, however they lie in their bins") {
    const auto pairs = random_pairs(60, 61, 8);
    TrainingOptions options;
    options.sample_count = 60;
    options.sample_max_new_tokens = 1;
    cpu::CpuBackend backend(1);
    const ModelConfig config = tiny_config();
    Transformer transformer(backend, config);
    const Parameters parameters(backend, config, DType::f32);
    std::vector<Json> prompts;
    const TemporaryFolder folder;
    for (const Packing packing : {Packing::shared, Packing::naive}) {
        make_plan(pairs, 4, 1, 80, packing, 61).write(folder / "plan");
        const Plan plan = Plan::read(folder / "plan");
        const RunSamples samples(plan, options, 1, plan.longest_position(), {});
        const auto completed = samples.complete(backend, transformer, parameters, [] { return false; });
        REQUIRE(completed);
        prompts.push_back((*completed)["prompts"]);
        CHECK(!samples.complete(backend, transformer, parameters, [] { return true; }));
    }
    CHECK(prompts[0] == prompts[1]);
    REQUIRE(prompts[0].size() == 60);
    for (std::size_t i = 0; i < pairs.size(); ++i) CHECK(prompts[0][i] == pairs[i].prompt);
}

TEST_CASE("samples: a text ends at the tokens of generation_config.json, else of config.json") {
    const TemporaryFolder folder;
    CHECK(end_tokens_of(folder.path()).empty());
    write_file(folder / "config.json", R"({"eos_token_id": 7})");
    CHECK(end_tokens_of(folder.path()) == std::vector<std::int32_t>{7});
    write_file(folder / "generation_config.json", R"({"eos_token_id": [8, 9]})");
    CHECK(end_tokens_of(folder.path()) == std::vector<std::int32_t>{8, 9});
    write_file(folder / "generation_config.json", R"({"eos_token_id": null})");
    CHECK(end_tokens_of(folder.path()) == std::vector<std::int32_t>{7});
}
