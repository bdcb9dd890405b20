#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <map>

#include "core/crc32c.h"
#include "report/model_card.h"
#include "report/tensorboard_log.h"
#include "report/trainer_state.h"
#include "support/files.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

namespace {

std::string at(const std::string& bytes, std::size_t begin, std::size_t count) {
    REQUIRE(begin + count <= bytes.size());
    return bytes.substr(begin, count);
}

template <typename Number>
Number number_at(const std::string& bytes, std::size_t begin) {
    Number number{};
    std::memcpy(&number, at(bytes, begin, sizeof number).data(), sizeof number);
    return number;
}

std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

/// The messages of an event file, every checksum checked.
std::vector<std::string> records_of(const std::filesystem::path& file) {
    const std::string bytes = read_file(file);
    std::vector<std::string> records;
    for (std::size_t i = 0; i < bytes.size();) {
        const auto length = static_cast<std::size_t>(number_at<std::uint64_t>(bytes, i));
        CHECK(number_at<std::uint32_t>(bytes, i + 8) == masked(crc32c(at(bytes, i, 8))));
        records.push_back(at(bytes, i + 12, length));
        CHECK(number_at<std::uint32_t>(bytes, i + 12 + length) == masked(crc32c(records.back())));
        i += 16 + length;
    }
    return records;
}

}  // namespace

TEST_CASE("CRC-32C: the examples of RFC 3720") {
    CHECK(crc32c("") == 0);
    CHECK(crc32c("123456789") == 0xe3069283u);
    CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
    CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
}

TEST_CASE(
    "TensorBoard: a file a process, made with the first scalar; records with checksums, scalars by tag") {
    const TemporaryFolder folder;
    TensorBoardLog log(folder.path(), std::nullopt);
    CHECK(std::filesystem::is_empty(folder.path()));
    log.add({{"step", 300},
             {"steps", 900},
             {"loss", 0.5},
             {"stage", "sft"},
             {"nll_loss", nullptr},
             {"sources", {{"web", {{"loss", 0.25}}}}}});
    log.add({{"step", 300}, {"seconds", 2}, {"eval_rewards/margins", -1.5}});
    const auto names = names_containing(folder.path(), "tfevents");
    REQUIRE(names.size() == 1);
    const std::vector<std::string> records = records_of(names[0]);
    REQUIRE(records.size() == 3);
    CHECK(records[0].find("brain.Event:2") != std::string::npos);
    // wall_time, step 300, summary of two values: tag and simple_value.
    CHECK(records[1][0] == '\x09');
    CHECK(at(records[1], 9, 3) == "\x10\xac\x02");
    const auto value = [](const std::string& record, const std::string& tag) {
        const std::size_t begin = record.find(tag);
        REQUIRE(begin != std::string::npos);
        CHECK(record[begin - 1] == static_cast<char>(tag.size()));
        CHECK(record[begin + tag.size()] == '\x15');
        return number_at<float>(record, begin + tag.size() + 1);
    };
    CHECK(value(records[1], "train/loss") == 0.5f);
    CHECK(value(records[1], "train/sources/web/loss") == 0.25f);
    CHECK(records[1].find("nll_loss") == std::string::npos);
    CHECK(records[1].find("stage") == std::string::npos);
    CHECK(value(records[2], "eval/rewards/margins") == -1.5f);
    CHECK(records[2].find("seconds") == std::string::npos);

    const TemporaryFolder resumed;
    TensorBoardLog(resumed.path(), 7).add({{"step", 8}, {"loss", 1.0}});
    const std::vector<std::string> again = records_of(names_containing(resumed.path(), "tfevents")[0]);
    REQUIRE(again.size() == 3);
    // Step 8, session_log { status: START }.
    CHECK(at(again[1], 9, 6) == std::string("\x10\x08\x3a\x02\x08\x01"));
}

TEST_CASE("trainer state: the later of two equal steps, nothing behind the last one, sums") {
    const TemporaryFolder folder;
    write_file(
        folder / "events.jsonl",
        "{\"seq\":0,\"type\":\"start\"}\n"
        "{\"seq\":1,\"type\":\"step\",\"step\":1,\"steps\":4,\"epoch\":0.5,\"pairs\":4,\"tokens\":10,\"flops\":100,\"loss\":1}\n"
        "{\"seq\":2,\"type\":\"step\",\"step\":2,\"steps\":4,\"epoch\":1,\"pairs\":4,\"tokens\":11,\"loss\":9}\n"
        "{\"seq\":2,\"type\":\"st\n"
        "{\"seq\":3,\"type\":\"eval\",\"step\":2,\"eval_loss\":0.5}\n"
        "{\"seq\":4,\"type\":\"step\",\"step\":2,\"steps\":4,\"epoch\":1,\"pairs\":4,\"tokens\":12,\"flops\":200,\"loss\":0.75}\n"
        "{\"seq\":5,\"type\":\"step\",\"step\":3,\"steps\":4,\"epoch\":1.5,\"pairs\":4,\"tokens\":13,\"loss\":0.5}\n");
    const TrainerStateFacts facts = {
        .steps_done = 2, .steps = 4, .best_step = 2, .best_metric = 0.5, .eval_steps = 2, .save_steps = 0};
    const Json state = trainer_state(folder / "events.jsonl", facts);
    CHECK(state["global_step"] == 2);
    CHECK(state["max_steps"] == 4);
    CHECK(state["num_train_epochs"] == 2);
    CHECK(state["num_input_tokens_seen"] == 22);
    CHECK(state["total_flos"] == 300);
    CHECK(state["best_global_step"] == 2);
    CHECK(state["best_metric"] == 0.5);
    CHECK(state["best_model_checkpoint"] == "checkpoints/step-000002");
    REQUIRE(state["log_history"].size() == 3);
    CHECK(state["log_history"][1]["loss"] == 0.75);
    CHECK(state["log_history"][2] == Json{{"step", 2}, {"eval_loss", 0.5}});
    CHECK_FALSE(state["log_history"][0].contains("seq"));
}

TEST_CASE("trainer state: lines that are no events of ours are passed over, whatever they hold") {
    const TemporaryFolder folder;
    const std::string deep(200000, '[');
    write_file(
        folder / "events.jsonl",
        "{\"seq\":1,\"type\":5,\"step\":1}\n{\"seq\":1,\"type\":null,\"step\":1}\n{\"type\":[\"step\"],\"step\":1}\n"
        "{\"type\":\"step\",\"step\":\"1\"}\n{\"type\":\"step\",\"step\":18446744073709551615}\n{\"type\":\"step\",\"step\":-1}\n"
        "{\"type\":\"step\",\"step\":1,\"x\":" +
            deep + std::string(200000, ']') +
            "}\n\"step\"\n[]\n\xff\n"
            "{\"type\":\"step\",\"step\":1,\"tokens\":1e300,\"epoch\":\"x\",\"pairs\":1e99,\"loss\":1e999}\n"
            "{\"type\":\"step\",\"step\":1,\"tokens\":1e300,\"epoch\":\"x\",\"pairs\":1e99,\"loss\":{\"a\":1}}");
    TrainerStateFacts facts;
    facts.steps_done = 2;
    facts.steps = 4;
    const Json state = trainer_state(folder / "events.jsonl", facts);
    REQUIRE(state["log_history"].size() == 1);
    CHECK(state["num_input_tokens_seen"].get<std::int64_t>() > 0);
    CHECK_FALSE(model_card({{"id", "a"}}, state, {"cpu", false, 2}).empty());
    CHECK_FALSE(state.dump().empty());
    CHECK(trainer_state(folder / "absent", facts)["log_history"].empty());
}

TEST_CASE("model card: base, data with hashes, figures of the exported step, settings without paths") {
    const Json run = {
        {"id", "20260102-harbor"},
        {"name", "my run"},
        {"model", {{"path", "/home/me/models/base-1b/"}}},
        {"dataset",
         {{"path", "/home/me/pairs.jsonl"}, {"sha256", "abc"}, {"format", "ranked"}, {"pairs", 96}}},
        {"plan", {{"sharing", "tree"}}},
        {"training", {{"loss_type", {"sigmoid", "sft"}}, {"reference_model", "/home/me/other"}}}};
    const Json state = {{"epoch", 1.5},
                        {"num_input_tokens_seen", 22},
                        {"log_history",
                         {{{"step", 1}, {"loss", 0.7}},
                          {{"step", 1}, {"eval_loss", 0.65}},
                          {{"step", 2}, {"loss", 0.1}, {"rewards/margins", nullptr}}}}};
    const std::string card = model_card(run, state, {"some device", false, 1});
    const auto has = [&](const std::string& part) { return card.find(part) != std::string::npos; };
    CHECK(card.starts_with("---\nbase_model: \"base-1b\"\nlibrary_name: transformers\n"));
    CHECK(has("# my run"));
    CHECK(has("`sigmoid + sft`"));
    CHECK(has("| training | `pairs.jsonl` | ranked | 96 | `abc` |"));
    CHECK(has("| `loss` | 0.7 | 0.65 |"));
    CHECK(has("\"sharing\": \"tree\""));
    CHECK_FALSE(has("/home/me"));
    // By the folder or entry that the data were named by, if there is one.
    const auto shown = [&](const std::string& name) {
        Json named = run;
        named["dataset"]["names"] = {name};
        const std::string text = model_card(named, state, {"some device", false, 1});
        const std::size_t at = text.find("| training | `");
        return text.substr(at + 14, text.find('`', at + 14) - at - 14);
    };
    CHECK(shown("/home/me/saved#test") == "saved#test");
    CHECK(shown("/home/me/pairs.jsonl:0.5") == "pairs.jsonl");
    CHECK(shown("/home/me/*.jsonl") == "pairs.jsonl");
    const std::string adapter = model_card(run, state, {"some device", true, 2});
    CHECK(adapter.find("library_name: peft") != std::string::npos);
    CHECK(adapter.find("| `rewards/margins` | not a number |") != std::string::npos);
    CHECK(adapter.find("PeftModel.from_pretrained") != std::string::npos);
}

TEST_CASE("model card: what comes from the hub is named as there, at its commit, wherever the cache is") {
    const std::string commit(40, 'a'), other(40, 'b');
    const std::string cache = "/home/me/.cache/huggingface/hub/";
    const Json run = {{"id", "20260102-harbor"},
                      {"name", "my run"},
                      {"model", {{"path", cache + "models--org--base-1b/snapshots/" + commit}}},
                      {"dataset",
                       {{"path", cache + "datasets--org--pairs/snapshots/" + other + "/data/train.parquet"},
                        {"sha256", "abc"},
                        {"format", "ranked"},
                        {"pairs", 96}}},
                      {"plan", Json::object()},
                      {"training", {{"reference_model", cache + "models--org--ref/snapshots/" + other}}}};
    const Json state = {{"epoch", 1.5}, {"num_input_tokens_seen", 22}, {"log_history", Json::array()}};
    for (const bool is_adapter : {false, true}) {
        const std::string card = model_card(run, state, {"cpu", is_adapter, 1});
        const auto has = [&](const std::string& part) { return card.find(part) != std::string::npos; };
        CHECK(card.starts_with("---\nbase_model: \"org/base-1b\"\n"));
        CHECK(has("`org/base-1b` (commit `" + commit + "`)"));
        CHECK(has("| training | `org/pairs@" + other + "`, `train.parquet` | ranked | 96 | `abc` |"));
        CHECK(has("\"reference_model\": \"org/ref@" + other + "\""));
        CHECK(has("from_pretrained(\"org/base-1b\", revision=\"" + commit + "\")") == is_adapter);
        CHECK_FALSE(has("/home/me"));
        CHECK_FALSE(has("snapshots"));
    }
}
