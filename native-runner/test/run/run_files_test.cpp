#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/stopwatch.h"
#include "run/checkpoint/checkpoint.h"
#include "run/event_log.h"
#include "run/process/process_identity.h"
#include "run/process/run_lock.h"
#include "support/checkpoints.h"
#include "support/files.h"
#include "support/loaded_run.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;

TEST_CASE("a run's log is its owner's alone: it holds samples") {
    const TemporaryFolder folder;
    const mode_t before = ::umask(022);
    EventLog log(folder / "log");
    ::umask(before);
    CHECK((std::filesystem::status(folder / "log").permissions() & std::filesystem::perms::mask) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("event log: numbers go on, lines stand alone after a cut-off one") {
    const TemporaryFolder folder;
    const auto file = folder / "events.jsonl";
    {
        EventLog log(file);
        CHECK_FALSE(log.has_started());
        log.write("start", {{"pid", 1}});
        log.write("step", {{"step", 1}, {"loss", 0.1}});
    }
    const std::string whole = read_file(file);
    CHECK(whole.ends_with("\n"));
    write_file(file, whole + "{\"seq\":2,\"time\":\"2026-01-0");
    {
        EventLog log(file);
        CHECK(log.has_started());
        CHECK(log.next_seq() == 2);
        log.write("step", {{"step", 2}});
        log.raise_next_seq(10);
        log.write("step", {{"step", 3}});
        log.raise_next_seq(5);
        log.write("failed", {{"what", "bytes \xff that are no UTF-8"}});
        log.sync();
    }
    CHECK(read_file(file).starts_with(whole + "{\"seq\":2,\"time\":\"2026-01-0\n{\"seq\":2,"));
    const auto events = read_events(file);
    REQUIRE(events.size() == 5);
    std::set<int> seqs;
    for (const auto& event : events) {
        CHECK(seqs.insert(event["seq"].get<int>()).second);
        const std::string time = event["time"];
        CHECK(time.size() == 24);
        CHECK(time[10] == 'T');
        CHECK(time.ends_with("Z"));
    }
    CHECK(events[4]["seq"] == 11);
}

TEST_CASE("event log: a log with foreign lines is still continued") {
    const TemporaryFolder folder;
    write_file(folder / "log", "not json\n[1,2]\n{\"seq\":\"x\"}\n{\"seq\":-4}\n\n{\"seq\":7,\"type\":5}\n");
    EventLog log(folder / "log");
    CHECK(log.next_seq() == 8);
    CHECK_FALSE(log.has_started());
}

TEST_CASE("event log: numbers that no log has, depth and length are no reason to stop") {
    const TemporaryFolder folder;
    const std::string deep(1000000, '['),
        huge = "{\"seq\":3,\"text\":\"" + std::string(70 << 20, 'x') + "\"}";
    write_file(folder / "log",
               "{\"seq\":18446744073709551615}\n{\"seq\":9223372036854775807}\n{\"seq\":2,\"x\":" + deep +
                   "\n{\"seq\":1}\n" + huge + "\n");
    EventLog log(folder / "log");
    CHECK(log.next_seq() == 2);
    log.raise_next_seq(std::numeric_limits<std::int64_t>::max());
    CHECK(log.next_seq() > 0);
    CHECK(log.next_seq() + 1 > log.next_seq());
}

TEST_CASE("event log: a pipe or a device in its place keeps nobody waiting") {
    const TemporaryFolder folder;
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    CHECK_THROWS_AS(EventLog(folder / "pipe"), Error);
    std::filesystem::create_symlink("/dev/zero", folder / "zero");
    EventLog log(folder / "zero");
    CHECK(log.next_seq() == 0);
}

TEST_CASE("event log: a disk that is full is an error with its own code") {
    try {
        EventLog log("/dev/full");
        log.write("step", {{"step", 1}});
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(error.code() == ExitCode::cannot_write);
        CHECK(error.where() == "/dev/full");
    }
}

TEST_CASE("run lock: one holder at a time") {
    const TemporaryFolder folder;
    {
        const RunLock first(folder.path());
        CHECK_THROWS_AS(RunLock(folder.path()), Error);
    }
    const RunLock again(folder.path());
    CHECK_THROWS_AS(RunLock(folder / "absent"), Error);
}

TEST_CASE("run lock: who is about to go is waited for, who is at work is not") {
    using namespace std::chrono_literals;
    const TemporaryFolder folder;
    const auto events = folder / "events.jsonl";
    const auto seconds_to_refuse = [&](std::chrono::duration<double> patience) {
        const Stopwatch watch;
        try {
            const RunLock second(folder.path(), patience);
            FAIL("two have it");
        } catch (const Error& error) {
            CHECK(error.code() == ExitCode::bad_input);
            CHECK(std::string(error.what()) == "Another runner is at work in this folder");
        }
        return watch.seconds();
    };
    for (const char* last : {"finished", "stopped", "failed"}) {
        CAPTURE(last);
        auto first = std::make_unique<RunLock>(folder.path());
        write_file(events, "");
        CHECK(seconds_to_refuse(10s) < 5);
        // Longer than what is read of it.
        EventLog(events).write("start", {{"text", std::string(std::size_t{3} << 20, 'x')}});
        CHECK(seconds_to_refuse(10s) < 5);
        EventLog(events).write("step", {{"type_of", "finished"}});
        CHECK(seconds_to_refuse(10s) < 5);
        EventLog(events).write(last, {{"step", 1}});
        CHECK(seconds_to_refuse(200ms) >= 0.2);
        std::jthread goes([&] {
            std::this_thread::sleep_for(300ms);
            first.reset();
        });
        const RunLock second(folder.path());
        goes.join();
        // It goes on, and is at work.
        EventLog(events).write("start", {{"step", 1}});
        CHECK(seconds_to_refuse(10s) < 5);
        std::filesystem::remove(events);
    }
}

TEST_CASE("run lock: a folder that was moved, removed or replaced is noticed") {
    const TemporaryFolder folder;
    const auto run = folder / "run", elsewhere = folder / "elsewhere";
    const auto moved = [&](const RunLock& lock) {
        try {
            lock.check();
            return false;
        } catch (const Error& error) {
            CHECK(error.code() == ExitCode::cannot_write);
            CHECK(error.where() == run.string());
            return true;
        }
    };
    std::filesystem::create_directory(run);
    const RunLock lock(run);
    CHECK_FALSE(moved(lock));
    std::filesystem::rename(run, elsewhere);
    CHECK(moved(lock));
    // Whoever makes a folder of that name again makes another one.
    std::filesystem::create_directory(run);
    CHECK(moved(lock));
    const RunLock other(run);
    CHECK(moved(lock));
    CHECK_FALSE(moved(other));
    std::filesystem::remove_all(run);
    std::filesystem::rename(elsewhere, run);
    CHECK_FALSE(moved(lock));
    CHECK_THROWS_AS(RunLock{run}, Error);
}

TEST_CASE("process identity: what /proc says of this process") {
    const ProcessIdentity self = identify_this_process();
    CHECK(self.pid == ::getpid());
    CHECK(self.start > 0);
    CHECK(self.boot_id.size() == 36);
}

TEST_CASE("checkpoints: the limit, damaged ones, replaced ones") {
    const TemporaryFolder folder;
    LoadedRun run(tiny_config(), {});
    const auto save = [&](std::int64_t step, std::int64_t limit) {
        TrainingOptions options;
        options.save_total_limit = limit;
        return write_whole(folder.path(), {step, 0, "plan", "{}"}, {&run.trainer}, options);
    };
    CHECK_FALSE(newest_checkpoint(folder.path()));
    CHECK(save(5, 2) == "checkpoints/step-000005");
    save(10, 2);
    save(15, 2);
    CHECK_FALSE(std::filesystem::exists(folder / "checkpoints/step-000005"));
    CHECK(newest_checkpoint(folder.path())->state.step == 15);
    save(1000000, 0);
    CHECK(newest_checkpoint(folder.path())->state.step == 1000000);
    CHECK(std::filesystem::exists(folder / "checkpoints/step-000010"));
    std::filesystem::remove_all(folder / "checkpoints/step-1000000");

    const auto newest = folder / "checkpoints/step-000015";
    const std::string state = read_file(newest / "state.json"),
                      model = read_file(newest / "model.safetensors");
    for (const auto& [name, text] : {std::pair<std::string, std::string>{"state.json", "{"},
                                     {"state.json", "{}"},
                                     {"model.safetensors", model.substr(0, model.size() - 1)}}) {
        const std::string good = read_file(newest / name);
        write_file(newest / name, text);
        CHECK(newest_checkpoint(folder.path())->state.step == 10);
        write_file(newest / name, good);
    }
    std::filesystem::remove(newest / "optimizer.safetensors");
    CHECK(newest_checkpoint(folder.path())->state.step == 10);
    save(15, 2);
    CHECK(newest_checkpoint(folder.path())->state.step == 15);
    write_file(folder / "checkpoints/step-000020x/state.json", state);
    CHECK(newest_checkpoint(folder.path())->state.step == 15);
    CHECK(names_containing(folder.path(), "tmp").empty());
}

TEST_CASE("checkpoints: the best one stays beyond the limit where it is to be exported") {
    const TemporaryFolder folder;
    TrainingOptions options;
    options.save_total_limit = 1;
    options.eval_steps = 1;
    options.load_best_model_at_end = true;
    LoadedRun run(tiny_config(), options);
    BestModel best;
    best.add(2, 0.5, options);
    for (const std::int64_t step : {1, 2, 3, 4}) {
        best.add(step + 10, 0.6, options);
        write_whole(folder.path(), {step, 0, "plan", "{}", best}, {&run.trainer}, options);
    }
    CHECK(names_containing(folder / "checkpoints", "step-").size() == 2);
    CHECK(std::filesystem::exists(folder / "checkpoints/step-000002/state.json"));
    const BestModel kept = newest_checkpoint(folder.path())->state.best;
    CHECK(kept.step() == 2);
    CHECK(kept.metric() == 0.5);
    CHECK(kept.last_step() == 14);
    CHECK(kept.to_json() == best.to_json());
}

TEST_CASE("checkpoints: the weights of the best evaluation stay, and nothing is resumed from them") {
    const TemporaryFolder folder;
    TrainingOptions options;
    options.save_total_limit = 1;
    options.eval_steps = 1;
    LoadedRun run(tiny_config(), options);
    BestModel best;
    const auto state = [&](std::int64_t step) { return CheckpointState{step, 0, "plan", "{}", best}; };
    const auto names = [&] {
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator(folder / "checkpoints"))
            found.push_back(entry.path().filename().string());
        std::sort(found.begin(), found.end());
        return found;
    };
    using Names = std::vector<std::string>;
    best.add(1, 0.6, options);
    write_weights(folder.path(), state(1), {&run.trainer}, options, std::nullopt);
    CHECK_FALSE(newest_checkpoint(folder.path()));
    CHECK_FALSE(std::filesystem::exists(folder / "checkpoints/step-000001/optimizer.safetensors"));
    best.add(2, 0.5, options);
    write_whole(folder.path(), state(2), {&run.trainer}, options);
    CHECK(names() == Names{"step-000002"});
    best.add(3, 0.4, options);
    write_weights(folder.path(), state(3), {&run.trainer}, options, 2);
    // A resume goes on from step 2, whose best evaluation is still its own.
    CHECK(names() == Names{"step-000002", "step-000003"});
    CHECK(newest_checkpoint(folder.path())->state.step == 2);
    for (const std::int64_t step : {4, 5, 6})
        write_whole(folder.path(), state(step), {&run.trainer}, options);
    CHECK(names() == Names{"step-000003", "step-000006"});
    CHECK(weights_file(folder.path(), 3) == folder / "checkpoints/step-000003/model.safetensors");
    CHECK_THROWS_AS(weights_file(folder.path(), 4), Error);
    // Asked for at the same step, a whole one takes its place.
    best.add(7, 0.3, options);
    write_weights(folder.path(), state(7), {&run.trainer}, options, 3);
    write_whole(folder.path(), state(7), {&run.trainer}, options);
    CHECK(names() == Names{"step-000007"});
    CHECK(newest_checkpoint(folder.path())->state.step == 7);
    // As a crash may leave one: not to be resumed from without a word, as it would be were the flag not there.
    std::filesystem::remove(folder / "checkpoints/step-000007/optimizer.safetensors");
    CHECK_FALSE(newest_checkpoint(folder.path()));
}

TEST_CASE("best model: patience and threshold as in transformers' EarlyStoppingCallback") {
    TrainingOptions options;
    options.early_stopping_patience = 2;
    options.early_stopping_threshold = 0.05;
    BestModel best;
    CHECK(best.add(1, 0.60, options));
    CHECK(best.add(2, 0.58, options));  // better, but by too little
    CHECK_FALSE(best.should_stop(options));
    CHECK(best.add(3, 0.50, options));
    CHECK_FALSE(best.add(4, 0.55, options));
    CHECK_FALSE(best.should_stop(options));
    CHECK_FALSE(best.add(5, 0.50, options));
    CHECK(best.should_stop(options));
    CHECK(best.step() == 3);
    options.greater_is_better = true;
    CHECK(best.add(6, 0.7, options));
    CHECK_FALSE(best.should_stop(options));
}

TEST_CASE("checkpoints: another model's are refused") {
    const TemporaryFolder folder;
    LoadedRun run(tiny_config(), {});
    write_whole(folder.path(), {1, 0, "plan", "{}"}, {&run.trainer}, {});
    ModelConfig other = tiny_config();
    other.intermediate_size = 40;
    LoadedRun different(other, {});
    CHECK_THROWS_AS(load_checkpoint(*newest_checkpoint(folder.path()), different.trainer), Error);
    LoadedRun untied(tiny_config(false), {});
    CHECK_THROWS_AS(load_checkpoint(*newest_checkpoint(folder.path()), untied.trainer), Error);
}
