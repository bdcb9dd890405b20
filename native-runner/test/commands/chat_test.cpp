#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "support/workshop.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

// `wishbone-runner chat`: one model, one request after the other, and beside it the one below its adapter.

namespace {

/// A chat that is asked something, and whose input ends when the object says so.
class Chat {
  public:
    explicit Chat(const Workshop& shop, const std::filesystem::path& model,
                  const std::filesystem::path& adapter = {}) {
        REQUIRE(::pipe(ends_.data()) == 0);
        std::vector<std::string> arguments{"chat", model, "--backend", "cpu", "--threads", "2"};
        if (!adapter.empty()) arguments.insert(arguments.end(), {"--adapter", adapter});
        process_.emplace(arguments, shop.folder.path(), [this] {
            ::dup2(ends_[0], 0);
            ::close(ends_[0]);
            ::close(ends_[1]);
        });
        ::close(ends_[0]);
    }
    ~Chat() { end(); }
    Chat(const Chat&) = delete;
    Chat& operator=(const Chat&) = delete;

    void say(const std::string& text) const {
        REQUIRE(::write(ends_[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    void end() {
        if (ends_[1] >= 0) ::close(ends_[1]);
        ends_[1] = -1;
    }
    int wait() { return process_->wait(); }
    std::string error() const { return process_->standard_error(); }

    std::vector<Json> lines() const {
        std::vector<Json> lines;
        std::istringstream out(process_->standard_output());
        for (std::string line; std::getline(out, line);)
            if (Json json = Json::parse(line, nullptr, false); !json.is_discarded()) lines.push_back(json);
        return lines;
    }
    std::vector<Json> of(const std::string& type) const {
        std::vector<Json> found;
        for (const Json& line : lines())
            if (line["type"] == type) found.push_back(line);
        return found;
    }
    /// Waits until so many lines of a type have come.
    void until(const std::string& type, std::size_t count) {
        const auto has_come = [&] {
            try {
                return of(type).size() >= count;
            } catch (const std::exception&) {
                return false;  // the file of its output is not there yet
            }
        };
        REQUIRE(process_->wait_until(has_come));
    }

  private:
    std::array<int, 2> ends_{-1, -1};
    std::optional<RunnerProcess> process_;
};

std::string request(const std::vector<int>& prompt, int most) {
    return Json{{"prompt", prompt}, {"max_new_tokens", most}}.dump() + "\n";
}

}  // namespace

TEST_CASE(
    "chat: tokens as they are drawn are those of sample, request after request, and it ends with its input") {
    const Workshop shop;
    write_file(shop.folder / "request.json", R"({"prompts":[[1,2,3],[4,5]],"max_new_tokens":12})");
    const RunnerResult sampled =
        run_runner({"sample", shop.model, shop.folder / "request.json", "--backend", "cpu", "--threads", "2"},
                   shop.folder.path());
    REQUIRE(sampled.exit_code == 0);
    std::istringstream expected(sampled.out);
    Chat chat(shop, shop.model);
    chat.until("ready", 1);
    chat.say(request({1, 2, 3}, 12));
    chat.until("completed", 1);
    chat.say("\n" + request({4, 5}, 12));
    chat.until("completed", 2);
    chat.end();
    CHECK(chat.wait() == 0);
    CHECK(chat.error().empty());
    std::string line;
    std::vector<int> drawn;
    std::size_t answers = 0;
    for (const Json& said : chat.lines()) {
        if (said["type"] == "token") drawn.push_back(said["token"]);
        if (said["type"] != "completed") continue;
        REQUIRE(std::getline(expected, line));
        CHECK(said["tokens"] == Json::parse(line)["tokens"]);
        CHECK(said["tokens"] == Json(drawn));
        drawn.clear();
        ++answers;
    }
    CHECK(answers == 2);
}

TEST_CASE(
    "chat: a line ends what is being written, and the next request is answered as if nothing had been") {
    const Workshop shop;
    ModelConfig config = tiny_config();
    config.max_position_embeddings = 200'000;
    const std::filesystem::path model = shop.folder / "roomy";
    write_random_model(model, config, 23);
    Chat chat(shop, model);
    chat.say(request({1, 2, 3}, 8));
    chat.until("completed", 1);
    chat.say(request({1, 2, 3}, 150'000));
    chat.until("token", 8 + 3);
    chat.say("\n");
    chat.until("completed", 2);
    const std::size_t written = chat.of("completed")[1]["tokens"].size();
    CHECK(written >= 3);
    CHECK(written < 150'000);
    chat.say(request({1, 2, 3}, 8));
    chat.until("completed", 3);
    CHECK(chat.of("completed")[2] == chat.of("completed")[0]);
    // The end of its input ends what it writes too.
    chat.say(request({1, 2, 3}, 150'000));
    chat.until("token", 8 + written + 8 + 1);
    chat.end();
    CHECK(chat.wait() == 0);
}

TEST_CASE("chat: with an adapter and without it at the same time, each as it is alone") {
    const Workshop shop;
    Json json = run_json(shop.model);
    json["training"]["use_peft"] = true;
    json["training"]["lora_r"] = 4;
    json["training"]["learning_rate"] = 0.05;
    const auto run = shop.make_run("adapter", json);
    REQUIRE(shop.train(run).exit_code == 0);
    write_file(shop.folder / "request.json", R"({"prompts":[[1,2,3],[4,5]],"max_new_tokens":20})");
    const auto sampled = [&](const std::vector<std::string>& more) {
        std::vector<std::string> arguments = {
            "sample", shop.model, shop.folder / "request.json", "--backend", "cpu", "--threads", "2"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const RunnerResult result = run_runner(arguments, shop.folder.path());
        REQUIRE(result.exit_code == 0);
        std::vector<Json> tokens;
        std::istringstream lines(result.out);
        for (std::string line; std::getline(lines, line);) tokens.push_back(Json::parse(line)["tokens"]);
        return tokens;
    };
    const std::vector<Json> with = sampled({"--adapter", run / "export"}), without = sampled({});
    REQUIRE(with != without);

    Chat chat(shop, shop.model, run / "export");
    const std::string below = R"({"prompt":[4,5],"max_new_tokens":20,"adapter":false})";
    chat.say(request({1, 2, 3}, 20) + below + "\n");
    chat.until("completed", 2);
    std::vector<bool> order;
    for (const Json& said : chat.of("token")) order.push_back(said.contains("adapter"));
    CHECK(std::ranges::adjacent_find(order, std::equal_to{}) == order.end());
    const auto is_of = [](const Json& said, const Json& tokens, bool is_below) {
        return said["tokens"] == tokens && said.contains("adapter") == is_below &&
               (!is_below || said["adapter"] == false);
    };
    CHECK(is_of(chat.of("completed")[0], with[0], false));
    CHECK(is_of(chat.of("completed")[1], without[1], true));

    // A request ends what its own model writes, an empty line what both do.
    chat.say(request({1, 2, 3}, 20) + below + "\n" + request({4, 5}, 20));
    chat.until("completed", 5);
    chat.say(request({4, 5}, 20) + below + "\n\n");
    chat.until("completed", 7);
    chat.say(below + "\n" + request({1, 2, 3}, 20) + R"({"stop":true,"adapter":false})" + "\n");
    chat.until("completed", 9);
    chat.say(std::string(R"({"prompt":[],"adapter":false})") + "\n");
    chat.until("failed", 1);
    CHECK(chat.of("failed")[0]["adapter"] == false);
    chat.end();
    CHECK(chat.wait() == 0);
    const std::vector<Json> completed = chat.of("completed");
    for (std::size_t i = 2; i < 5; ++i) {
        CAPTURE(i);
        const bool is_below = completed[i].contains("adapter");
        const std::size_t count = completed[i]["tokens"].size();
        const bool is_whole = is_of(completed[i], is_below ? without[1] : with[1], is_below);
        CHECK((is_whole || (!is_below && count < 20)));
    }
    CHECK(completed[2]["tokens"].size() < 20);
    CHECK(completed[7]["adapter"] == false);
    CHECK(completed[7]["tokens"].size() < 20);
    CHECK(is_of(completed[8], with[0], false));
}

TEST_CASE("chat: a request that cannot be is refused by name, and the next one answered") {
    const Workshop shop;
    Chat chat(shop, shop.model);
    const std::vector<std::pair<std::string, std::string>> cases = {
        {R"({"prompt":[]})", "prompt is empty"},
        {R"({"prompt":[-1]})", "token ids"},
        {R"({"prompt":[1],"max_new_tokens":1000})", "max_position_embeddings"},
        {R"({"prompt":[1],"end_tokens":[99999]})", "token ids"},
        {R"({"prompt":[1],"temperatur":1})", "temperatur"},
        {"no JSON", "JSON"},
        {"[1]", ""},
        {std::string("{\"\xff\":1}"), ""},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        CAPTURE(cases[i].first);
        chat.say(cases[i].first + "\n");
        chat.until("failed", i + 1);
        const Json failed = chat.of("failed")[i];
        CHECK(
            (failed["what"].get<std::string>() + failed["where"].get<std::string>()).find(cases[i].second) !=
            std::string::npos);
        CHECK(!failed["advice"].get<std::string>().empty());
    }
    chat.say(request({1, 2}, 4));
    chat.until("completed", 1);
    chat.end();
    CHECK(chat.wait() == 0);
}

TEST_CASE("chat: a model that cannot be loaded is said as by every command") {
    const Workshop shop;
    const RunnerResult result = run_runner({"chat", shop.folder / "nothing"}, shop.folder.path());
    CHECK(result.exit_code == 3);
    CHECK(result.out.empty());
    check_three_lines(result.err);
}
