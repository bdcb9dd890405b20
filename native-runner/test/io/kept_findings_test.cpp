#include "io/kept_findings.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "io/json.h"
#include "support/files.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;

TEST_CASE("findings: what one process keeps, another finds, under the same circumstances alone") {
    const TemporaryFolder folder;
    const auto file = folder / "cache" / "findings.json";
    {
        KeptFindings findings(file, "card A");
        CHECK_FALSE(findings.find("one"));
        findings.keep();
        CHECK_FALSE(std::filesystem::exists(file));
        findings.add("one", "1");
        findings.add("two", "22");
        CHECK(findings.find("one") == "1");
        findings.keep();
    }
    KeptFindings again(file, "card A");
    CHECK(again.find("one") == "1");
    CHECK(again.find("two") == "22");
    again.add("two", "2");
    again.keep();
    CHECK(KeptFindings(file, "card A").find("two") == "2");

    KeptFindings other(file, "card B");
    CHECK_FALSE(other.find("one"));
    other.add("one", "b");
    other.keep();
    CHECK(KeptFindings(file, "card B").find("one") == "b");
    CHECK_FALSE(KeptFindings(file, "card A").find("one"));
    CHECK(names_containing(folder.path(), "wishbone-tmp").empty());
}

TEST_CASE("findings: processes that keep theirs at the same time keep all of them") {
    const TemporaryFolder folder;
    const auto file = folder / "findings.json";
    std::vector<std::jthread> processes;
    for (int process = 0; process < 6; ++process)
        processes.emplace_back([&file, process] {
            KeptFindings findings(file, "card");
            for (int i = 0; i < 5; ++i) {
                findings.add(std::to_string(process) + " " + std::to_string(i), "x");
                findings.keep();
            }
        });
    processes.clear();
    const KeptFindings all(file, "card");
    for (int process = 0; process < 6; ++process)
        for (int i = 0; i < 5; ++i) CHECK(all.find(std::to_string(process) + " " + std::to_string(i)) == "x");
}

TEST_CASE(
    "findings: a file that is damaged in any byte, cut off or foreign is no file, and is written anew") {
    const TemporaryFolder folder;
    const auto file = folder / "findings.json";
    {
        KeptFindings findings(file, "card");
        findings.add("name", "value");
        findings.keep();
    }
    const std::string whole = read_file(file);
    const auto found = [&] { return KeptFindings(file, "card").find("name"); };
    REQUIRE(found() == "value");
    for (std::size_t i = 0; i < whole.size(); ++i) {
        CAPTURE(i);
        std::string damaged = whole;
        damaged[i] = damaged[i] == 'q' ? 'r' : 'q';
        write_file(file, damaged);
        const auto value = found();
        CHECK((!value || value == "value"));
        write_file(file, whole.substr(0, i));
        CHECK((i + 1 == whole.size() || !found()));
    }
    for (const std::string& text :
         {std::string(), std::string("null"), std::string("[]"), std::string("{\"findings\": 3}"),
          std::string(200, '['), std::string(KeptFindings::most_bytes + 1, ' ')}) {
        write_file(file, text);
        CHECK_FALSE(found());
    }
    KeptFindings anew(file, "card");
    anew.add("name", "other");
    anew.keep();
    CHECK(found() == "other");
    // A folder in its place is passed over as well, and told of when it is to be written.
    std::filesystem::remove(file);
    std::filesystem::create_directories(file);
    CHECK_FALSE(found());
    KeptFindings blocked(file, "card");
    blocked.add("name", "value");
    blocked.keep();
    CHECK(std::filesystem::is_directory(file));
}

TEST_CASE("findings: more than may be kept are thrown away for new ones") {
    const TemporaryFolder folder;
    const auto file = folder / "findings.json";
    KeptFindings many(file, "card");
    for (std::size_t i = 0; i < KeptFindings::most_findings; ++i) many.add(std::to_string(i), "x");
    many.keep();
    KeptFindings one(file, "card");
    CHECK(one.find("17") == "x");
    one.add("new", "y");
    one.keep();
    const KeptFindings after(file, "card");
    CHECK(after.find("new") == "y");
    CHECK_FALSE(after.find("17"));
}
