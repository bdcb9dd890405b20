#include "pretrained/weights_hash.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "io/kept_findings.h"
#include "pretrained/model_config.h"
#include "pretrained/model_weights.h"
#include "support/files.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;

namespace {

std::string hash_of(const std::filesystem::path& model) {
    WeightsHash hash(model);
    hash.begin();
    return hash.get();
}

std::string computed(const std::filesystem::path& model) {
    return ModelWeights(model, read_model_config(model)).content_sha256([] { return false; });
}

/// $WISHBONE_CACHE for as long as it lives.
struct CacheFolder {
    explicit CacheFolder(const std::filesystem::path& folder) {
        if (const char* value = ::getenv("WISHBONE_CACHE")) before = value;
        ::setenv("WISHBONE_CACHE", folder.c_str(), 1);
    }
    ~CacheFolder() {
        if (before.empty())
            ::unsetenv("WISHBONE_CACHE");
        else
            ::setenv("WISHBONE_CACHE", before.c_str(), 1);
    }
    std::string before;
};

}  // namespace

TEST_CASE("hash of weights: one that changed lately is worked out every time, and an old one is remembered") {
    const TemporaryFolder folder;
    const CacheFolder cache(folder / "cache");
    for (const int shards : {1, 3}) {
        CAPTURE(shards);
        const auto model = folder / ("model-" + std::to_string(shards));
        write_random_model(model, tiny_config(), 5, FileDType::bf16, shards);
        CHECK(hash_of(model) == computed(model));
        // Files' times say nothing yet: they may change again within the tick of a clock.
        CHECK_FALSE(std::filesystem::exists(folder / "cache" / "weights"));
    }
    CHECK(hash_of(folder / "model-1") == hash_of(folder / "model-3"));

    std::this_thread::sleep_for(std::chrono::milliseconds(3200));
    const auto model = folder / "model-3";
    const std::string right = hash_of(model);
    CHECK(right == computed(model));
    const std::vector<std::string> files = names_containing(folder / "cache" / "weights", ".json");
    REQUIRE(files.size() == 1);
    const auto file = folder / "cache" / "weights" / files[0];
    const std::string name = nlohmann::json::parse(read_file(file))["findings"].begin().key();
    KeptFindings findings(file, "weights 1");
    findings.add(name, "remembered");
    findings.keep();
    CHECK(hash_of(model) == "remembered");

    // The same bytes, and even the same time of the last change, but written since.
    const auto shard = weight_files(model).back();
    const auto time = std::filesystem::last_write_time(shard);
    const std::string bytes = read_file(shard);
    write_file(shard, bytes);
    std::filesystem::last_write_time(shard, time);
    CHECK(hash_of(model) == right);
    // Another file of the same size in its place.
    std::string others = bytes;
    others.back() = static_cast<char>(others.back() ^ 1);
    write_file(folder / "other", others);
    std::filesystem::rename(folder / "other", shard);
    std::filesystem::last_write_time(shard, time);
    CHECK(hash_of(model) == computed(model));
    CHECK(hash_of(model) != right);
    CHECK_THROWS_AS(hash_of(folder / "none"), Error);
}

TEST_CASE("files of weights: the single one, or the index and the shards it names") {
    const TemporaryFolder folder;
    write_random_model(folder / "one", tiny_config(), 5);
    CHECK(weight_files(folder / "one") == std::vector{folder / "one" / "model.safetensors"});
    write_random_model(folder / "three", tiny_config(), 5, FileDType::f32, 3);
    CHECK(weight_files(folder / "three").size() == 4);
    std::filesystem::create_directories(folder / "none");
    CHECK_THROWS_AS(weight_files(folder / "none"), Error);
}
