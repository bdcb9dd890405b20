#include <doctest/doctest.h>
#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/workshop.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

// Runs that are killed, or told by the system that a file could not be changed, in the midst of copying, writing and exporting.
// `npm run campaign` does the same at every system call there is; here are some of each part.

namespace {

/// Checkpoints every second step, each written beside the training, and one at the end that the export is written beside or shares.
Json often_saved(const Workshop& shop, const char* export_dtype) {
    Json json = run_json(shop.model);
    json["training"]["save_steps"] = 2;
    json["training"]["save_final"] = true;
    json["training"]["export_dtype"] = export_dtype;
    return json;
}

/// The runner under at_syscall (test/campaign), which is told `how`.
RunnerResult train_at_syscall(const Workshop& shop, const std::filesystem::path& run,
                              const std::vector<std::string>& how) {
    std::vector<std::string> words = {WISHBONE_AT_SYSCALL};
    words.insert(words.end(), how.begin(), how.end());
    words.emplace_back(WISHBONE_RUNNER);
    for (const std::string& word : Workshop::arguments(run, false)) words.push_back(word);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return shop.train(run, false, [&argv] { ::execv(argv[0], argv.data()); });
}

/// System calls of a run that change files; 0 where this system lets nobody follow a program.
long count_syscalls(const Workshop& shop, const std::filesystem::path& run) {
    const RunnerResult result = train_at_syscall(shop, run, {"count"});
    return result.exit_code == 0
               ? std::stol(result.out.substr(result.out.rfind('\n', result.out.size() - 2) + 1))
               : 0;
}

/// One number of each of `parts` equal parts of 1 to `count`, drawn.
std::vector<long> some_of(long count, long parts, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<long> drawn;
    for (long part = 0; part < parts; ++part) {
        const long first = 1 + part * count / parts, last = std::max(first, (part + 1) * count / parts);
        drawn.push_back(std::uniform_int_distribution<long>(first, last)(random));
    }
    return drawn;
}

/// It goes on to the export that a run left alone has, and leaves nothing half-made.
void check_resumes(const Workshop& shop, const std::filesystem::path& run, const std::string& expected) {
    const RunnerResult resumed = shop.train(run, true);
    CAPTURE(resumed.err);
    REQUIRE(resumed.exit_code == 0);
    CHECK(exported(run) == expected);
    CHECK(names_containing(run, "wishbone-tmp").empty());
}

}  // namespace

TEST_CASE("interrupted: killed at system calls of all parts of a run, it goes on to the same bytes") {
    for (const char* dtype : {"float32", "bfloat16"}) {
        CAPTURE(dtype);
        const Workshop shop;
        const Json json = often_saved(shop, dtype);
        const auto whole = shop.make_run("whole", json), counted = shop.make_run("counted", json);
        REQUIRE(shop.train(whole).exit_code == 0);
        const long count = count_syscalls(shop, counted);
        if (count == 0) {
            MESSAGE("skipped: this system lets nobody follow a program");
            return;
        }
        CHECK(exported(counted) == exported(whole));
        for (const long number : some_of(count, 8, 1)) {
            CAPTURE(number);
            const auto run = shop.make_run("killed", json);
            train_at_syscall(shop, run, {"kill", std::to_string(number)});
            check_resumes(shop, run, exported(whole));
            std::filesystem::remove_all(run);
        }
    }
}

TEST_CASE("interrupted: a system call that fails ends in an error that says so, or in the same bytes") {
    const Workshop shop;
    const Json json = often_saved(shop, "float32");
    const auto whole = shop.make_run("whole", json), counted = shop.make_run("counted", json);
    REQUIRE(shop.train(whole).exit_code == 0);
    const long count = count_syscalls(shop, counted);
    if (count == 0) {
        MESSAGE("skipped: this system lets nobody follow a program");
        return;
    }
    unsigned turn = 0;
    for (const long number : some_of(count, 16, 2)) {
        const int error = turn++ % 2 == 0 ? ENOSPC : EIO;
        CAPTURE(number);
        CAPTURE(error);
        const auto run = shop.make_run("failed", json);
        const RunnerResult result =
            train_at_syscall(shop, run, {"fail", std::to_string(number), std::to_string(error)});
        CAPTURE(result.err);
        if (result.exit_code == 0) {
            CHECK(exported(run) == exported(whole));
        } else {
            check_three_lines(result.err);
            check_resumes(shop, run, exported(whole));
        }
        std::filesystem::remove_all(run);
    }
}

TEST_CASE("interrupted: killed at random times while checkpoints are copied, written and exported") {
    const Workshop shop;
    const Json json = often_saved(shop, "float32");
    const auto whole = shop.make_run("whole", json, 480);
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(shop.train(whole).exit_code == 0);
    const std::chrono::duration<double> all = std::chrono::steady_clock::now() - begin;
    std::mt19937 random(3);
    std::uniform_real_distribution<double> share(0, 1.1);
    for (int times = 0; times < 6; ++times) {
        const auto run = shop.make_run("killed", json, 480);
        bool resumes = false;
        for (int kills = 0; kills < 2; ++kills) {
            RunnerProcess process(Workshop::arguments(run, resumes), shop.folder.path());
            std::this_thread::sleep_for(all * share(random));
            process.signal(SIGKILL);
            process.wait();
            resumes = std::filesystem::exists(run / "events.jsonl");
        }
        check_resumes(shop, run, exported(whole));
        std::filesystem::remove_all(run);
    }
}

TEST_CASE("interrupted: a disk that fills beside the training costs checkpoints, not the run") {
    const Workshop shop;
    Json json = run_json(shop.model);
    json["training"]["save_steps"] = 5;
    json["training"]["save_final"] = false;
    json["training"]["save_total_limit"] = 2;
    const auto whole = shop.make_run("whole", json, 8000);
    REQUIRE(shop.train(whole).exit_code == 0);

    // The log is elsewhere: space for a checkpoint is asked for before any of it is written, so that what little is left is the
    // log's.
    const auto run = shop.make_run("run", json, 8000);
    const auto disk = run / "checkpoints";
    std::filesystem::create_directories(disk);
    if (::mount("wishbone-test", disk.c_str(), "tmpfs", 0, "size=24m") != 0) {
        MESSAGE("skipped: mounting a small tmpfs needs root");
        return;
    }
    struct Unmount {
        std::filesystem::path path;
        ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
    } const unmount{disk};

    RunnerProcess process(Workshop::arguments(run, false), shop.folder.path());
    REQUIRE(process.wait_until([&] { return has_event(run, "checkpoint"); }));
    // Somebody else takes what is left, and what the next ones leave.
    for (int times = 0; times < 50 && !has_event(run, "warning"); ++times) {
        try {
            write_file(disk / ("ballast-" + std::to_string(times)),
                       std::string(std::filesystem::space(disk).available, 'x'));
        } catch (const std::runtime_error&) {
            // The runner was quicker.
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    REQUIRE(process.wait_until([&] { return has_event(run, "warning"); }));
    const int kept = newest_saved(run);
    CHECK(std::filesystem::exists(
        run / "checkpoints" /
        ("step-" + std::string(6 - std::to_string(kept).size(), '0') + std::to_string(kept)) / "state.json"));
    // One that has just become whole is there before an old one goes.
    CHECK(process.wait_until([&] { return names_containing(run / "checkpoints", "step-").size() <= 2; }));
    for (int times = 0; times < 50; ++times)
        std::filesystem::remove(disk / ("ballast-" + std::to_string(times)));
    REQUIRE(process.wait_until([&] { return newest_saved(run) > kept; }));
    CHECK(process.wait() == 0);
    const auto warnings = events_of_type(run / "events.jsonl", "warning");
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0]["what"].get<std::string>().find("No space left") != std::string::npos);
    CHECK(exported(run) == exported(whole));
    CHECK(names_containing(run, "wishbone-tmp").empty());
}
