#include "core/pattern/python_pattern.h"

#include <doctest/doctest.h>

#include <string>

#include "core/error.h"
#include "core/stopwatch.h"
#include "support/files.h"

using namespace wishbone;
using Json = nlohmann::json;

namespace {

/// Of Python's re: scripts/fixtures/module_patterns.py.
const Json& fixture() {
    static const Json all =
        Json::parse(test::read_file(std::string(WISHBONE_TEST_FOLDER) + "/core/module_patterns.json"));
    return all;
}

/// 1 or 0 for each name: matched whole, then from the beginning.
std::string answers(const std::string& pattern) {
    const PythonPattern compiled(pattern, "test");
    std::string found;
    for (const auto& name : fixture()["names"]) {
        found += compiled.matches_whole(name.get<std::string>()) ? '1' : '0';
        found += compiled.matches_beginning(name.get<std::string>()) ? '1' : '0';
    }
    return found;
}

std::string refusal(const std::string& pattern, const std::string& name = "a") {
    try {
        PythonPattern(pattern, "run.json").matches_whole(name);
    } catch (const Error& error) {
        CHECK(error.code() == ExitCode::bad_input);
        CHECK(error.where() == "run.json");
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("patterns: the same names match as in Python") {
    CHECK(fixture()["matched"].size() > 300);
    for (const auto& [pattern, expected] : fixture()["matched"].items()) {
        CAPTURE(pattern);
        CHECK(answers(pattern) == expected.get<std::string>());
    }
}

TEST_CASE("patterns: what Python refuses, and what is not supported, is refused with a reason") {
    for (const char* kind : {"refused", "only_here"})
        for (const auto& pattern : fixture()[kind]) {
            CAPTURE(pattern);
            CHECK(refusal(pattern.get<std::string>()).find("not a regular expression that can be used: ") !=
                  std::string::npos);
        }
    CHECK(refusal("(?x)a").find("the flag x") != std::string::npos);
    CHECK(refusal("\\N{DIGIT ONE}").find("\\N{…}") != std::string::npos);
    CHECK(refusal("\xff").find("UTF-8") != std::string::npos);
    CHECK(refusal("a", "b\n").find("ASCII") != std::string::npos);
    // What is shown ends with a whole character.
    std::string long_one(199, 'a');
    for (int i = 0; i < 100; ++i) long_one += "é";
    CHECK(refusal("(" + long_one).find("aé\" is") == std::string::npos);
    CHECK(Json(refusal("(" + long_one)).dump().find("parenthesis is not closed") != std::string::npos);
}

TEST_CASE("patterns: one that has no end is stopped, whatever its kind, and none outgrows the stack") {
    const std::string name = "model.layers.0.self_attn." + std::string(300, 'a') + "!";
    const Stopwatch clock;
    for (const std::string pattern :
         {".*\\.(a+)+", "(.|[^.])*\\d", ".*(a*)*b", ".*(?:a|a)*b", "(?:.*)*(?<=b)",
          "(.*)(.*)(.*)(.*)(.*)\\1b", "(?=(.+)+x)", ".*(?:(?:a?){50}){50}b", "(?:(?>(?:a|a)*b)|.)*?b",
          "(?:){1000000}", "(?:(?:){1000}){1000}x", "(?:.*?){300}x"}) {
        CAPTURE(pattern);
        CHECK(refusal(pattern, name).find("takes too many steps") != std::string::npos);
    }
    CHECK(clock.seconds() < 10);
    CHECK(refusal(".*.*x", name) == "");
    CHECK(refusal("(?:a|.)*", std::string(20000, 'a')) == "");
}
