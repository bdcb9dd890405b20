#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/free_port.h"
#include "support/ranks_workshop.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;
using Variables = std::vector<std::pair<std::string, std::string>>;

namespace {

/// What torchrun tells process `process` of `processes`.
Variables torchrun(int process, int processes, int port) {
    return {{"RANK", std::to_string(process)},  {"WORLD_SIZE", std::to_string(processes)},
            {"MASTER_ADDR", "127.0.0.1"},       {"MASTER_PORT", std::to_string(port)},
            {"WISHBONE_MEETING_SECONDS", "30"}, {"WISHBONE_SILENCE_SECONDS", "2"}};
}

struct Processes {
    explicit Processes(const RanksWorkshop& shop) : folder(shop.folder.path()) {}

    void start(const std::vector<std::string>& words, const Variables& variables) {
        all.push_back(std::make_unique<RunnerProcess>(words, folder, [&variables] {
            for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
        }));
    }
    /// Of every process, its exit code.
    std::vector<int> codes() {
        std::vector<int> codes;
        for (const auto& process : all) codes.push_back(process->wait());
        return codes;
    }
    std::string errors() const {
        std::string text;
        for (const auto& process : all) text += process->standard_error() + "--\n";
        return text;
    }

    std::filesystem::path folder;
    std::vector<std::unique_ptr<RunnerProcess>> all;
};

/// The run in all processes, the first one's folder for all.
void start_all(Processes& processes, const std::filesystem::path& run, int count, bool resume = false,
               const Variables& more = {}) {
    const int port = free_port();
    for (int process = 0; process < count; ++process) {
        Variables variables = torchrun(process, count, port);
        variables.insert(variables.end(), more.begin(), more.end());
        std::vector<std::string> words = {"train", run.string()};
        if (resume) words.push_back("--resume");
        processes.start(words, variables);
    }
}

std::vector<double> losses(const std::filesystem::path& run) {
    std::vector<double> all;
    for (const auto& event : events_of_type(run / "events.jsonl", "step")) all.push_back(event["loss"]);
    for (const auto& event : events_of_type(run / "events.jsonl", "eval")) all.push_back(event["eval_loss"]);
    return all;
}

std::size_t steps_done(const std::filesystem::path& run) {
    return std::filesystem::exists(run / "events.jsonl") ? events_of_type(run / "events.jsonl", "step").size()
                                                         : 0;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("train: several processes are as many ranks of one, bit for bit, and one rank but for rounding") {
    const RanksWorkshop shop;
    const auto one = shop.make_run("one", nullptr, 20);
    REQUIRE(shop.train(one).exit_code == 0);
    for (const auto& [count, devices] : {std::pair{2, 1}, {3, 1}, {2, 2}, {3, 2}}) {
        CAPTURE(count);
        CAPTURE(devices);
        const std::string name = std::to_string(count) + "-" + std::to_string(devices);
        const auto threads = shop.make_run("threads-" + name, count * devices, 20);
        REQUIRE(shop.train(threads).exit_code == 0);
        const auto run = shop.make_run("processes-" + name, devices, 20);
        Processes processes(shop);
        start_all(processes, run, count);
        const std::vector<int> codes = processes.codes();
        CAPTURE(processes.errors());
        REQUIRE(codes == std::vector<int>(static_cast<std::size_t>(count), 0));
        // What others write would be here too.
        CHECK(files_of(run) == files_of(threads));
        CHECK(losses(run) == losses(threads));
        CHECK(weights(run) == weights(threads));
        CHECK(relative_difference(weights(run), weights(one)) < 1e-5);
        CHECK(events_of_type(run / "events.jsonl", "start").size() == 1);
        CHECK(events_of_type(run / "events.jsonl", "finished").size() == 1);
    }
}

TEST_CASE(
    "train: what each process shares out among its devices changes nothing; checkpoints go on with any other") {
    const RanksWorkshop shop;
    const auto one = shop.make_run("one", nullptr);
    REQUIRE(shop.train(one).exit_code == 0);
    const auto trained = [&](const std::filesystem::path& run, int count, bool resume) {
        Processes processes(shop);
        start_all(processes, run, count, resume);
        const std::vector<int> codes = processes.codes();
        CAPTURE(processes.errors());
        REQUIRE(codes == std::vector<int>(static_cast<std::size_t>(count), 0));
        CHECK(relative_difference(weights(run), weights(one)) < 1e-5);
        const std::vector<double> found = losses(run), expected = losses(one);
        if (resume) return;
        REQUIRE(found.size() == expected.size());
        for (std::size_t i = 0; i < found.size(); ++i)
            CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-5));
    };
    struct Part {
        int processes, devices;
        const char* shard;
    };
    struct Case {
        Part first, then;
    };
    for (const auto& [first, then] : {Case{{2, 2, "optimizer"}, {1, 4, "parameters"}},
                                      {{2, 2, "gradients"}, {1, 1, "none"}},
                                      {{2, 2, "parameters"}, {3, 2, "gradients"}},
                                      {{2, 3, "parameters"}, {4, 1, "none"}},
                                      {{4, 1, "optimizer"}, {2, 2, "parameters"}},
                                      {{4, 1, "gradients"}, {2, 2, "optimizer"}},
                                      {{4, 1, "parameters"}, {2, 2, "gradients"}},
                                      {{1, 4, "gradients"}, {2, 2, "auto"}}}) {
        CAPTURE(first.processes);
        CAPTURE(first.devices);
        CAPTURE(first.shard);
        CAPTURE(then.shard);
        const auto run = shop.make_run("run", first.devices, 40, first.shard);
        trained(run, first.processes, false);
        CHECK(files_of(run) == files_of(one));
        // From the checkpoint before the last.
        std::filesystem::remove_all(run / "checkpoints" / "step-000010");
        std::filesystem::remove_all(run / "export");
        Json json = Json::parse(read_file(run / "run.json"));
        json["runner"]["devices"] = then.devices;
        json["runner"]["shard"] = then.shard;
        write_file(run / "run.json", json.dump(2));
        trained(run, then.processes, true);
        std::filesystem::remove_all(run);
    }
}

TEST_CASE("train: adapters and references within the steps of processes that share out are those of one") {
    const RanksWorkshop shop;
    const auto lora = [](Json& json) {
        json["training"]["use_peft"] = true;
        json["training"]["lora_r"] = 4;
        json["training"]["lora_alpha"] = 8;
        json["training"]["lora_target_modules"] = {"q_proj", "down_proj"};
    };
    const auto follows = [](Json& json) {
        json["training"]["reference"] = "in_step";
        json["training"]["sync_ref_model"] = true;
        json["training"]["ref_model_sync_steps"] = 2;
        json["training"]["ref_model_mixup_alpha"] = 0.25;
    };
    int number = 0;
    for (const auto& change : std::vector<std::function<void(Json&)>>{lora, follows}) {
        const std::string name = "-" + std::to_string(number++);
        const auto one = shop.make_run("one" + name, nullptr, 40, nullptr, change);
        const RunnerResult result = shop.train(one);
        CAPTURE(result.err);
        REQUIRE(result.exit_code == 0);
        const auto exported = [&](const std::filesystem::path& run) {
            const bool is_adapter = std::filesystem::exists(run / "export" / "adapter_model.safetensors");
            return weights_in(run / "export" /
                              (is_adapter ? "adapter_model.safetensors" : "model.safetensors"));
        };
        for (const char* shard : {"optimizer", "gradients", "parameters"}) {
            CAPTURE(shard);
            const auto run = shop.make_run(shard + name, 2, 40, shard, change);
            Processes processes(shop);
            start_all(processes, run, 2);
            const std::vector<int> codes = processes.codes();
            CAPTURE(processes.errors());
            REQUIRE(codes == std::vector<int>{0, 0});
            CHECK(files_of(run) == files_of(one));
            CHECK(relative_difference(exported(run), exported(one)) < 1e-4);
        }
    }
}

TEST_CASE(
    "train: processes with different numbers of devices share nothing out, and say so where they are to") {
    const RanksWorkshop shop;
    for (const char* shard : {"auto", "optimizer", "parameters"}) {
        CAPTURE(shard);
        const auto run = shop.make_run(shard, 2, 20, shard), other = shop.make_run("other", 1, 20, shard);
        Processes processes(shop);
        const int port = free_port();
        processes.start({"train", run.string()}, torchrun(0, 2, port));
        processes.start({"train", other.string()}, torchrun(1, 2, port));
        const std::vector<int> codes = processes.codes();
        CAPTURE(processes.errors());
        if (std::string(shard) == "auto") {
            CHECK(codes == std::vector<int>{0, 0});
            continue;
        }
        CHECK(codes == std::vector<int>{3, 3});
        for (const auto& process : processes.all)
            CHECK(contains(process->standard_error(),
                           std::string("Processes with different numbers of devices cannot share out \"") +
                               shard + "\""));
    }
}

TEST_CASE(
    "train: a stop that any process is asked for is one checkpoint for all, and a resume goes on from it") {
    const RanksWorkshop shop;
    const auto whole = shop.make_run("whole", 2, 240);
    REQUIRE(shop.train(whole).exit_code == 0);
    for (const std::size_t asked : {std::size_t{0}, std::size_t{1}}) {
        CAPTURE(asked);
        const auto run = shop.make_run("run-" + std::to_string(asked), nullptr, 240);
        {
            Processes processes(shop);
            start_all(processes, run, 2);
            REQUIRE(processes.all[0]->wait_until([&] { return steps_done(run) >= 3; }));
            processes.all[asked]->signal(SIGTERM);
            const std::vector<int> codes = processes.codes();
            CAPTURE(processes.errors());
            CHECK(codes == std::vector<int>{0, 0});
        }
        const auto stopped = events_of_type(run / "events.jsonl", "stopped");
        REQUIRE(stopped.size() == 1);
        CHECK(stopped[0]["step"] == steps_done(run));
        CHECK(steps_done(run) < 60);
        {
            Processes processes(shop);
            start_all(processes, run, 2, true);
            const std::vector<int> codes = processes.codes();
            CAPTURE(processes.errors());
            CHECK(codes == std::vector<int>{0, 0});
        }
        CHECK(weights(run) == weights(whole));
    }
}

TEST_CASE("train: a process that is killed, hangs or fails ends all, with its message in the run") {
    const RanksWorkshop shop;
    struct Case {
        const char* name;
        std::size_t who;
        int signal;
        const char* told;  ///< by the others
        int devices = 1;
        const char* shard = "none";
    };
    const auto begin = std::chrono::steady_clock::now();
    for (const auto& [name, who, signal, told, devices, shard] :
         {Case{"killed", 1, SIGKILL, "Process 1 on "},
          {"stopped", 2, SIGSTOP, "has said nothing for 2 s"},
          {"killed-parameters", 2, SIGKILL, "Process 2 on ", 2, "parameters"},
          {"stopped-gradients", 1, SIGSTOP, "has said nothing for 2 s", 2, "gradients"},
          {"first-killed", 0, SIGKILL, "ended without a word"},
          {"first-stopped", 0, SIGSTOP, "has said nothing for 2 s"}}) {
        CAPTURE(name);
        const auto run = shop.make_run(name, devices, 8000, shard);
        Processes processes(shop);
        start_all(processes, run, 3);
        REQUIRE(processes.all[0]->wait_until([&] { return steps_done(run) >= 2; }));
        processes.all[who]->signal(signal);
        for (std::size_t process = 0; process < 3; ++process) {
            if (process == who) continue;
            CHECK(processes.all[process]->wait() == 70);
            CAPTURE(processes.all[process]->standard_error());
            CHECK(contains(processes.all[process]->standard_error(), told));
        }
        const auto failed = events_of_type(run / "events.jsonl", "failed");
        if (who != 0) {
            REQUIRE(failed.size() == 1);
            CHECK(contains(failed[0]["what"], told));
            CHECK(contains(failed[0]["what"], "Process " + std::to_string(who)));
            CHECK(failed[0]["exitCode"] == 70);
        } else {
            // Nobody else writes events; the log of the run has it.
            CHECK(failed.empty());
            CHECK(contains(read_file(run / "runner.log"), told));
        }
        processes.all[who]->signal(SIGKILL);
    }
    // 2 s of silence in place of 20, three times.
    CHECK(seconds_since(begin) < 90);
}

TEST_CASE(
    "train: processes with another plan, settings or model than the first are refused before any work") {
    const RanksWorkshop shop;
    const auto refused = [&](const std::string& name, const std::filesystem::path& others, const char* what) {
        CAPTURE(name);
        const auto run = shop.make_run(name, nullptr);
        Processes processes(shop);
        const int port = free_port();
        processes.start({"train", run.string()}, torchrun(0, 2, port));
        processes.start({"train", others.string()}, torchrun(1, 2, port));
        const std::vector<int> codes = processes.codes();
        CAPTURE(processes.errors());
        CHECK(codes == std::vector<int>{3, 3});
        for (const auto& process : processes.all) CHECK(contains(process->standard_error(), what));
        CHECK(events_of_type(run / "events.jsonl", "failed").size() == 1);
        CHECK(steps_done(run) == 0);
        CHECK_FALSE(std::filesystem::exists(others / "events.jsonl"));
    };
    refused("plan", shop.make_run("other-plan", nullptr, 44), "The plan of process 1 on ");
    const auto other = shop.make_run("other-training", nullptr);
    Json json = Json::parse(read_file(other / "run.json"));
    json["training"]["beta"] = 0.2;
    write_file(other / "run.json", json.dump(2));
    refused("training", other, "The training settings of process 1 on ");
    const auto model = shop.make_run("other-model", nullptr);
    write_random_model(shop.folder / "model-2", tiny_config(), 22);
    json = Json::parse(read_file(model / "run.json"));
    json["model"]["path"] = (shop.folder / "model-2").string();
    write_file(model / "run.json", json.dump(2));
    refused("model", model, "The model of process 1 on ");
    refused("shard", shop.make_run("other-shard", nullptr, 40, "parameters"),
            "The runner settings of process 1 on ");
    refused("gone", shop.folder / "no-such-run", "no-such-run");
}

TEST_CASE("train: a first process that cannot begin tells the others why") {
    const RanksWorkshop shop;
    const auto run = shop.make_run("run", nullptr);
    REQUIRE(shop.train(run).exit_code == 0);
    Processes processes(shop);
    start_all(processes, run, 2);
    CHECK(processes.codes() == std::vector<int>{3, 3});
    for (const auto& process : processes.all)
        CHECK(contains(process->standard_error(), "This run has begun already"));
    CHECK(events_of_type(run / "events.jsonl", "failed").empty());
}

TEST_CASE("train: those who are not there are waited for within the limit, and named") {
    const RanksWorkshop shop;
    const auto run = shop.make_run("run", nullptr);
    const auto alone = [&](int process, const char* what) {
        Processes processes(shop);
        Variables variables = torchrun(process, 3, free_port());
        variables.emplace_back("WISHBONE_MEETING_SECONDS", "0.5");
        processes.start({"train", run.string()}, variables);
        CHECK(processes.codes() == std::vector<int>{3});
        CAPTURE(processes.errors());
        CHECK(contains(processes.errors(), what));
    };
    alone(0, "Of 3 processes, number 1, 2 did not come within 0.5 s");
    alone(2, "Process 0 was not there within 0.5 s: Connection refused");
    CHECK(events_of_type(run / "events.jsonl", "failed").size() == 1);
}

TEST_CASE("train: strangers at the port, and a port that is taken") {
    const RanksWorkshop shop;
    const auto run = shop.make_run("run", nullptr);
    {
        const FreePort port;
        ::listen(port.held.get(), 1);
        Processes processes(shop);
        processes.start({"train", run.string()}, torchrun(0, 2, port.number));
        CHECK(processes.codes() == std::vector<int>{3});
        CHECK(contains(processes.errors(), "Port " + std::to_string(port.number) + " cannot be listened on"));
        CHECK(contains(processes.errors(), "MASTER_PORT"));
    }
    std::filesystem::remove(run / "events.jsonl");
    const int port = free_port();
    Processes processes(shop);
    processes.start({"train", run.string()}, torchrun(0, 2, port));
    std::vector<FileDescriptor> strangers;
    const std::string rubbish[] = {"GET / HTTP/1.1\r\n\r\n",
                                   std::string(4, '\0'),
                                   std::string("\x04\0\0\0{}{}", 8),
                                   std::string("\x0b\0\0\0WISHBONE {}", 15),
                                   "\xff\xff\xff\xff",
                                   "",
                                   std::string("\x40\0\0\0WISHBONE ", 13)};
    for (const std::string& bytes : rubbish) {
        FileDescriptor stranger;
        REQUIRE(processes.all[0]->wait_until([&] { return bool(stranger = connected_to(port)); }));
        REQUIRE(::write(stranger.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
        strangers.push_back(std::move(stranger));
    }
    processes.start({"train", run.string()}, torchrun(1, 2, port));
    const std::vector<int> codes = processes.codes();
    CAPTURE(processes.errors());
    CHECK(codes == std::vector<int>{0, 0});
    CHECK(contains(processes.errors(), "turned away"));
}

TEST_CASE("train: a process that joins takes part in whatever run the first has") {
    const RanksWorkshop shop;
    const auto run = shop.make_run("run", nullptr);
    const int port = free_port();
    Processes processes(shop);
    processes.start({"train", "--join"}, torchrun(1, 2, port));
    processes.start({"train", run.string()}, torchrun(0, 2, port));
    const std::vector<int> codes = processes.codes();
    CAPTURE(processes.errors());
    CHECK(codes == std::vector<int>{0, 0});
    CHECK(run_runner({"train", "--join"}, shop.folder.path()).exit_code == 2);
    CHECK(run_runner({"train"}, shop.folder.path()).exit_code == 2);
}

TEST_CASE("train: variables that contradict each other are one error that names the variable") {
    const RanksWorkshop shop;
    const auto run = shop.make_run("run", nullptr);
    const auto names = [&](const Variables& variables, const char* name) {
        Processes processes(shop);
        processes.start({"train", run.string()}, variables);
        CHECK(processes.codes() == std::vector<int>{3});
        CAPTURE(processes.errors());
        CHECK(contains(processes.errors(), std::string("environment variable ") + name));
        CHECK_FALSE(std::filesystem::exists(run / "events.jsonl"));
    };
    names({{"RANK", "0"}}, "WORLD_SIZE");
    names({{"WORLD_SIZE", "2"}}, "RANK");
    names({{"RANK", "2"}, {"WORLD_SIZE", "2"}}, "RANK");
    names({{"RANK", "0"}, {"WORLD_SIZE", "2"}}, "MASTER_ADDR");
}
