#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "commands/loaded_model.h"
#include "core/error.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "support/files.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

namespace {

const std::filesystem::path fixtures =
    std::filesystem::path(WISHBONE_TEST_FOLDER) / "../../test/fixtures/hf-configs";

/// As `element` in scripts/fixtures/hf_config_variants.py.
std::vector<float> drawn(const std::string& name, std::size_t count) {
    std::uint32_t seed = 2166136261;
    for (const char byte : name) seed = (seed ^ static_cast<unsigned char>(byte)) * 16777619;
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t mixed = static_cast<std::uint32_t>(i) * 2654435761u + seed;
        mixed = (mixed ^ (mixed >> 15)) * 2246822519u;
        mixed = (mixed ^ (mixed >> 13)) * 3266489917u;
        mixed ^= mixed >> 16;
        values[i] = static_cast<float>(static_cast<double>(mixed >> 8) / 8388608.0 - 1);
    }
    return values;
}

std::vector<float> weights_of(const std::string& name, std::size_t count, std::size_t rank, bool gemma) {
    std::vector<float> values = drawn(name, count);
    for (float& value : values) {
        if (name.ends_with(".bias") || rank > 1)
            value *= 0.5f;
        else
            value = value * 0.25f + (gemma ? 0.0f : 1.0f);
    }
    return values;
}

/// The folder's weights. `kind`: where they depart from the model's own.
void write_weights(const std::filesystem::path& file, const Json& shapes, bool gemma,
                   const std::string& kind) {
    const bool head_is_embedding = kind.starts_with("head alone") || kind == "both equal";
    std::vector<OutTensor> tensors;
    std::vector<std::vector<float>> data;
    for (const auto& [name, shape] : shapes.items()) {
        const auto sizes = shape.get<std::vector<std::int64_t>>();
        std::size_t count = 1;
        for (const std::int64_t size : sizes) count *= static_cast<std::size_t>(size);
        const std::string own =
            name == "lm_head.weight" && head_is_embedding ? "model.embed_tokens.weight" : name;
        data.push_back(weights_of(own, count, sizes.size(), gemma));
        tensors.push_back({name, FileDType::f32, sizes, {}});
    }
    write_safetensors(file, tensors, {{"format", "pt"}},
                      [&](std::size_t i) { return std::as_bytes(std::span<const float>(data[i])); });
}

Json config_of(const Json& base, const Json& variant) {
    Json config = base;
    for (const auto& name : variant["remove"]) config.erase(name.get<std::string>());
    for (const auto& [name, value] : variant["set"].items()) config[name] = value;
    return config;
}

/// Without what the runner's messages and those of src/core differ in: the first letter and a full stop.
std::string plain(std::string line) {
    line[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(line[0])));
    if (line.ends_with(".")) line.pop_back();
    return line;
}

/// What is wrong, where below `folder`, and what to do.
std::string told(const Error& error, const std::string& folder) {
    std::string where = error.where();
    if (const auto at = where.find(folder); at != std::string::npos) where.erase(at, folder.size() + 1);
    return plain(error.what()) + "\n" + where + "\n" + plain(error.advice());
}
std::string told(const Json& refusal) {
    if (refusal.is_null()) return "nothing";
    return plain(refusal[0]) + "\n" + refusal[1].get<std::string>() + "\n" + plain(refusal[2]);
}

}  // namespace

TEST_CASE("config.json: every variant of the families computes what transformers computes, or is refused") {
    const Json all = parse_json(read_text(fixtures / "variants.json"), "variants.json");
    const Json refusals = parse_json(read_text(fixtures / "refusals.json"), "refusals.json");
    const auto tokens = all["tokens"].get<std::vector<std::int32_t>>();
    const auto position = all["position"].get<std::size_t>();
    const TemporaryFolder folder;
    BackendChoice cpu;
    cpu.name = "cpu";
    cpu.threads = 1;
    std::size_t computed = 0, refused = 0;
    for (const Json& family : all["families"]) {
        const auto name_of_family = family["family"].get<std::string>();
        std::string written;
        for (const Json& variant : family["variants"]) {
            const std::string name = name_of_family + ": " + variant["name"].get<std::string>();
            CAPTURE(name);
            const Json config = config_of(family["base"], variant);
            write_file(folder / "config.json", config.dump());
            const std::string kind = variant.value("weights", "own");
            const std::size_t tensors =
                variant.value("tensors", family["variants"][0]["tensors"].get<std::size_t>());
            if (const std::string wanted = std::to_string(tensors) + " " + kind; wanted != written) {
                write_weights(folder / "model.safetensors", all["tensors"][tensors],
                              name_of_family.starts_with("gemma"), kind);
                written = wanted;
            }
            const Json refusal = refusals.contains(name) ? refusals[name] : Json();
            try {
                LoadedModel model(folder.path(), cpu);
                const std::vector<float> logits = model.transformer().logits(model.view(), tokens);
                if (!refusal.is_null()) {
                    FAIL_CHECK("computed, but refusals.json says: " << refusal.dump());
                    continue;
                }
                ++computed;
                if (!variant.contains("logits")) continue;
                const auto expected =
                    all["logits"][variant["logits"].get<std::size_t>()].get<std::vector<double>>();
                double worst = 0;
                for (std::size_t i = 0; i < expected.size(); ++i)
                    worst = std::max(
                        worst,
                        std::abs(static_cast<double>(logits[position * expected.size() + i]) - expected[i]) /
                            std::max(1.0, std::abs(expected[i])));
                // f32 sums; of all of these the furthest was 1.1e-5, with OpenBLAS's kernels for Sapphire Rapids.
                CHECK(worst <= 2e-5);
            } catch (const Error& error) {
                ++refused;
                CHECK(told(error, folder.path().string()) == told(refusal));
            }
        }
    }
    MESSAGE(computed << " computed, " << refused << " refused");
}
