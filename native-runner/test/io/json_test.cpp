#include "io/json.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/sha256.h"
#include "run/config/run_config.h"
#include "support/files.h"
#include "support/run_folder.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

TEST_CASE("SHA-256: the examples of FIPS 180-4 and awkward lengths") {
    const auto hash = [](const std::string& text, std::size_t piece) {
        Sha256 sha;
        for (std::size_t i = 0; i < text.size(); i += piece)
            sha.update(std::as_bytes(std::span(text).subspan(i, std::min(piece, text.size() - i))));
        return sha.hex();
    };
    CHECK(hash("", 1) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hash("abc", 3) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 7) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(hash(std::string(1000000, 'a'), 977) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    const TemporaryFolder folder;
    write_file(folder / "a", std::string(1000000, 'a'));
    CHECK(sha256_of_file(folder / "a") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    CHECK_THROWS_AS(sha256_of_file(folder / "b"), Error);
}

TEST_CASE("run.json reads, and every mistake names its field") {
    const TemporaryFolder folder;
    const auto read = [&](const Json& json) {
        write_file(folder / "run.json", json.dump());
        return RunConfig::read(folder.path());
    };
    const RunConfig good = read(run_json("/model"));
    CHECK(good.model == "/model");
    CHECK(good.training.learning_rate == 1e-3);
    CHECK(good.training.schedule == Schedule::linear);
    CHECK(good.backend.threads == 1);
    CHECK(good.recompute == std::nullopt);
    Json asked = run_json("/model");
    for (const Recompute one : {Recompute::none, Recompute::mlp, Recompute::block}) {
        asked["runner"]["recompute"] = name_of(one);
        CHECK(read(asked).recompute == one);
    }
    asked["runner"]["recompute"] = "auto";
    CHECK(read(asked).recompute == std::nullopt);

    struct Case {
        const char* field;
        std::function<void(Json&)> spoil;
    };
    const std::vector<Case> cases = {
        {"format", [](Json& r) { r["format"] = "wishbone-plan"; }},
        {"version", [](Json& r) { r["version"] = 2; }},
        {"id", [](Json& r) { r.erase("id"); }},
        {"name", [](Json& r) { r["name"] = 3; }},
        {"runner.backend", [](Json& r) { r["runner"]["backend"] = "tpu"; }},
        {"runner.recompute", [](Json& r) { r["runner"]["recompute"] = "all"; }},
        {"runner.deterministic", [](Json& r) { r["runner"]["deterministic"] = 1; }},
        {"runner.device", [](Json& r) { r["runner"]["device"] = -1; }},
        {"training.adam_moments", [](Json& r) { r["training"]["adam_moments"] = "float16"; }},
        {"extra", [](Json& r) { r["extra"] = 1; }},
        {"dataset", [](Json& r) { r["dataset"] = "pairs.jsonl"; }},
        {"dataset.pairs", [](Json& r) { r["dataset"]["pairs"] = -1; }},
        {"dataset.extra", [](Json& r) { r["dataset"]["extra"] = 1; }},
        {"model.path", [](Json& r) { r["model"].erase("path"); }},
        {"plan.capacity", [](Json& r) { r["plan"]["capacity"] = 0; }},
        {"training", [](Json& r) { r.erase("training"); }},
        {"training.loss_type", [](Json& r) { r["training"]["loss_type"] = "dpo"; }},
        {"training.beta", [](Json& r) { r["training"]["beta"] = 0; }},
        {"training.learning_rate", [](Json& r) { r["training"]["learning_rate"] = "1e-6"; }},
        {"training.lr_scheduler_type", [](Json& r) { r["training"]["lr_scheduler_type"] = "polynomial"; }},
        {"training.warmup_ratio", [](Json& r) { r["training"]["warmup_ratio"] = 1.5; }},
        {"training.adam_beta2", [](Json& r) { r["training"]["adam_beta2"] = 1; }},
        {"training.reference", [](Json& r) { r["training"]["reference"] = "none"; }},
        {"training.save_steps", [](Json& r) { r["training"]["save_steps"] = 1.5; }},
        {"training.learning_rat", [](Json& r) { r["training"]["learning_rat"] = 1; }},
        {"runner.threads", [](Json& r) { r["runner"]["threads"] = -1; }},
        {"runner.backend", [](Json& r) { r["runner"]["backend"] = nullptr; }},
    };
    for (const Case& wrong : cases) {
        CAPTURE(wrong.field);
        Json json = run_json("/model");
        wrong.spoil(json);
        try {
            read(json);
            FAIL("accepted");
        } catch (const Error& error) {
            CHECK(error.code() == ExitCode::bad_input);
            CHECK(error.where() == (folder / "run.json").string() + ": " + wrong.field);
        }
    }
}

TEST_CASE("JSON from outside: limits hold") {
    CHECK_THROWS_AS(parse_json(std::string(100000, '['), "x"), Error);
    CHECK_THROWS_AS(parse_json("{\"a\":1} trailing", "x"), Error);
    std::string wide = "{";
    for (int i = 0; i < 10001; ++i) wide += (i ? ",\"" : "\"") + std::to_string(i) + "\":0";
    CHECK_THROWS_AS(parse_json(wide + "}", "x"), Error);
    CHECK(parse_json_table(wide + "}", "x").size() == 10001);
    const TemporaryFolder folder;
    write_file(folder / "big", std::string(1000, ' '));
    CHECK_THROWS_AS(read_text(folder / "big", 999), Error);
    CHECK_THROWS_AS(read_text(folder.path()), Error);
    CHECK_THROWS_AS(read_text("/dev/zero"), Error);
}

TEST_CASE("JSON from outside: an unknown field names the nearest known one") {
    const auto advice = [](const char* name) {
        const nlohmann::ordered_json object = {{name, 1}};
        JsonFields fields(object, "run.json", "training");
        fields.has("learning_rate");
        fields.has("beta");
        try {
            fields.no_others();
        } catch (const Error& error) {
            CHECK(error.where() == std::string("run.json: training.") + name);
            return error.advice();
        }
        return std::string();
    };
    CHECK(advice("learning_rat") == "Did you mean \"learning_rate\"?");
    CHECK(advice("Betta") == "Did you mean \"beta\"?");
    CHECK(advice("zzzzzzzz") == "Remove it, or check its spelling against docs/formats.md.");
    CHECK(advice("beta").empty());
}
