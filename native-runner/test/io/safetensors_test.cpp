#include "io/safetensors.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <bit>
#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/half.h"
#include "io/atomic_file.h"
#include "support/files.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;

namespace {

std::string file_bytes(std::uint64_t header_length, const std::string& rest) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &header_length, 8);
    return bytes + rest;
}

std::string with_header(const std::string& header, std::size_t data_bytes) {
    return file_bytes(header.size(), header + std::string(data_bytes, 'x'));
}

/// A valid file with every dtype the writer knows.
std::string good_file(const TemporaryFolder& folder) {
    const std::vector<float> a = {1, -2, 3.5f, 0, 5, 6};
    const std::vector<double> b = {0.1, 1e300};
    const std::vector<std::int32_t> c = {1, 2, 3};
    write_safetensors(folder / "good.safetensors",
                      {{"a", FileDType::f32, {2, 3}, std::as_bytes(std::span(a))},
                       {"b", FileDType::f64, {2}, std::as_bytes(std::span(b))},
                       {"c", FileDType::i32, {3}, std::as_bytes(std::span(c))},
                       {"empty", FileDType::f32, {0, 4}, {}}},
                      {{"key", "value \"quoted\""}});
    return read_file(folder / "good.safetensors");
}

}  // namespace

TEST_CASE("what the writer writes, the reader reads") {
    const TemporaryFolder folder;
    good_file(folder);
    const SafetensorsFile file(folder / "good.safetensors");
    CHECK(file.metadata().at("key") == "value \"quoted\"");
    CHECK(file.tensors().size() == 4);
    CHECK(file.at("a").shape == std::vector<std::int64_t>{2, 3});
    CHECK(file.at("empty").size() == 0);
    std::vector<float> a(6), b(2);
    to_float(file.at("a"), a);
    CHECK(a == std::vector<float>{1, -2, 3.5f, 0, 5, 6});
    to_float(file.at("b"), b);
    CHECK(b[0] == 0.1f);
    CHECK(std::isinf(b[1]));
    for (const auto& [name, tensor] : file.tensors())
        CHECK(reinterpret_cast<std::uintptr_t>(tensor.data) % size_of(tensor.dtype) == 0);
    CHECK_THROWS_AS(file.at("missing"), Error);
    std::vector<float> c(3);
    CHECK_THROWS_AS(to_float(file.at("c"), c), Error);
    CHECK(names_containing(folder.path(), "tmp").empty());
}

TEST_CASE("hostile headers are refused with one error that names the file") {
    struct Case {
        const char* what;
        std::string bytes;
        const char* message;  ///< a part of it
    };
    const std::string f32 = R"("dtype":"F32","shape":[2],"data_offsets":)";
    const std::string deep(200000, '[');
    const std::vector<Case> cases = {
        {"empty", "", "too few"},
        {"seven bytes", "1234567", "too few"},
        {"length past the end", file_bytes(100, "{}"), "past the end"},
        {"length absurd", file_bytes(std::numeric_limits<std::uint64_t>::max(), "{}"),
         "more than the format allows"},
        {"length overflows when 8 is added", file_bytes(std::numeric_limits<std::uint64_t>::max() - 7, "{}"),
         "more than the format allows"},
        {"length zero", file_bytes(0, "{}"), "not a JSON object"},
        {"not an object", with_header("[1,2]", 0), "not a JSON object"},
        {"bad JSON", with_header("{\"a\":", 0), "Not valid JSON"},
        {"bad UTF-8", with_header("{\"\xff\xfe\":{}}", 0), "Not valid JSON"},
        {"number overflows", with_header("{\"a\":1e999}", 0), "Not valid JSON"},
        {"nested too deeply", with_header("{\"a\":" + deep, 0), "nested too deeply"},
        {"duplicate tensor", with_header("{\"a\":{" + f32 + "[0,8]},\"a\":{" + f32 + "[0,8]}}", 8),
         "appears twice"},
        {"duplicate field", with_header("{\"a\":{\"dtype\":\"F32\"," + f32 + "[0,8]}}", 8), "appears twice"},
        {"entry is no object", with_header("{\"a\":[]}", 0), "not an object"},
        {"unknown field", with_header("{\"a\":{\"x\":1," + f32 + "[0,8]}}", 8), "unknown key"},
        {"no dtype", with_header(R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8), "no dtype"},
        {"dtype is no string", with_header(R"({"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}})", 8),
         "no dtype"},
        {"unknown dtype", with_header(R"({"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}})", 8),
         "Unknown dtype"},
        {"no shape", with_header(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", 8), "no shape"},
        {"negative dimension", with_header(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8),
         "at least 0"},
        {"fractional dimension",
         with_header(R"({"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}})", 8), "at least 0"},
        {"shape overflows",
         with_header(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", 8),
         "absurdly"},
        {"dimension beyond int64",
         with_header(R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,8]}})", 8),
         "absurdly"},
        {"shape overflows past a zero",
         with_header(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}})", 0),
         "absurdly"},
        {"no offsets", with_header(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "data_offsets"},
        {"one offset", with_header("{\"a\":{" + f32 + "[0]}}", 8), "data_offsets"},
        {"three offsets", with_header("{\"a\":{" + f32 + "[0,8,8]}}", 8), "data_offsets"},
        {"negative offset", with_header("{\"a\":{" + f32 + "[-8,0]}}", 8), "at least 0"},
        {"offsets reversed", with_header("{\"a\":{" + f32 + "[8,0]}}", 8), "does not lie inside"},
        {"offsets past the end", with_header("{\"a\":{" + f32 + "[0,8]}}", 7), "does not lie inside"},
        {"offsets huge", with_header("{\"a\":{" + f32 + "[18446744073709551607,18446744073709551615]}}", 8),
         "does not lie inside"},
        {"shape and range differ", with_header("{\"a\":{" + f32 + "[0,4]}}", 4), "The shape needs 8 bytes"},
        {"overlap", with_header("{\"a\":{" + f32 + "[0,8]},\"b\":{" + f32 + "[4,12]}}", 12), "overlap"},
        {"same range twice", with_header("{\"a\":{" + f32 + "[0,8]},\"b\":{" + f32 + "[0,8]}}", 8),
         "overlap"},
        {"gap before", with_header("{\"a\":{" + f32 + "[4,12]}}", 12), "gap"},
        {"gap between", with_header("{\"a\":{" + f32 + "[0,8]},\"b\":{" + f32 + "[12,20]}}", 20), "gap"},
        {"bytes left over", with_header("{\"a\":{" + f32 + "[0,8]}}", 9), "belong to no tensor"},
        {"metadata is no object", with_header(R"({"__metadata__":3})", 0), "__metadata__"},
        {"metadata is no string", with_header(R"({"__metadata__":{"a":3}})", 0), "must be strings"},
    };
    const TemporaryFolder folder;
    const auto file = folder / "hostile.safetensors";
    for (const Case& hostile : cases) {
        CAPTURE(hostile.what);
        write_file(file, hostile.bytes);
        try {
            const SafetensorsFile read(file);
            FAIL("accepted");
        } catch (const Error& error) {
            CHECK(error.code() == ExitCode::bad_input);
            CHECK(std::string(error.what()).find(hostile.message) != std::string::npos);
            CHECK(error.where().find(file.string()) != std::string::npos);
            CHECK_FALSE(error.advice().empty());
        }
    }
}

TEST_CASE("files that are no files are refused") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS(SafetensorsFile(folder / "absent"), Error);
    CHECK_THROWS_AS(SafetensorsFile(folder.path()), Error);
    CHECK_THROWS_AS(SafetensorsFile("/dev/null"), Error);
}

TEST_CASE("mutated files either read whole or are refused, never worse") {
    const TemporaryFolder folder;
    const std::string good = good_file(folder);
    const auto file = folder / "mutated.safetensors";
    std::mt19937 random(20240607);
    const std::string spice = "{}[]\",:0123456789eE-.F\\";
    int refused = 0;
    constexpr int rounds = 4000;
    for (int round = 0; round < rounds; ++round) {
        std::string bytes = good;
        const int changes = 1 + static_cast<int>(random() % 4);
        for (int change = 0; change < changes && !bytes.empty(); ++change) {
            // Mostly in the header, where it hurts.
            const std::size_t at =
                random() % std::min<std::size_t>(bytes.size(), random() % 4 ? 400 : bytes.size());
            switch (random() % 5) {
                case 0:
                    bytes[at] = static_cast<char>(random());
                    break;
                case 1:
                    bytes[at] = spice[random() % spice.size()];
                    break;
                case 2:
                    bytes.erase(at, 1 + random() % 9);
                    break;
                case 3:
                    bytes.insert(at, 1 + random() % 9, spice[random() % spice.size()]);
                    break;
                default:
                    bytes.resize(at);
                    break;
            }
        }
        write_file(file, bytes);
        try {
            const SafetensorsFile read(file);
            // Whatever was accepted must be readable to its last byte.
            unsigned sum = 0;
            for (const auto& [name, tensor] : read.tensors())
                for (std::size_t i = 0; i < tensor.bytes; ++i)
                    sum += std::to_integer<unsigned>(tensor.data[i]);
            CHECK(sum != 1u);
        } catch (const Error& error) {
            CHECK(error.code() == ExitCode::bad_input);
            ++refused;
        }
    }
    CHECK(refused > rounds / 2);
}

TEST_CASE("half precision, every bit pattern") {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
        const float value = half_to_float(half);
        if (exponent == 31) {
            REQUIRE((fraction ? std::isnan(value) : std::isinf(value)));
        } else {
            const double magnitude = exponent ? std::ldexp(1.0 + fraction / 1024.0, exponent - 15)
                                              : std::ldexp(fraction / 1024.0, -14);
            REQUIRE(value == static_cast<float>(bits & 0x8000 ? -magnitude : magnitude));
        }
        REQUIRE(std::signbit(value) == ((bits & 0x8000) != 0));
        const float wide = bfloat16_to_float(half);
        if (!std::isnan(wide)) REQUIRE(float_to_bfloat16(wide) == half);
    }
    CHECK(float_to_bfloat16(1.0f + 0x1p-8f) == 0x3f80);            // halfway, to even: down
    CHECK(float_to_bfloat16(1.0f + 0x1p-7f + 0x1p-8f) == 0x3f82);  // halfway, to even: up
    CHECK(std::isnan(bfloat16_to_float(float_to_bfloat16(std::nanf("")))));
}

TEST_CASE("floats are rounded to the nearest half, ties to even") {
    // Every two neighbours: between them, at them, and a float to each side of the middle.
    for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
        const auto low = static_cast<std::uint16_t>(bits), high = static_cast<std::uint16_t>(bits + 1);
        const float a = half_to_float(low), b = half_to_float(high), middle = (a + b) / 2;
        for (const float sign : {1.0f, -1.0f}) {
            const auto stored = [&](float value) {
                return static_cast<std::uint32_t>(float_to_half(sign * value)) ^ (sign < 0 ? 0x8000u : 0u);
            };
            REQUIRE(stored(a) == low);
            REQUIRE(stored(b) == high);
            REQUIRE(stored(middle) == (low % 2 == 0 ? low : high));
            REQUIRE(stored(std::nextafter(middle, 0.0f)) == low);
            REQUIRE(stored(std::nextafter(middle, 1e9f)) == high);
        }
    }
    CHECK(float_to_half(std::nextafter(65520.0f, 0.0f)) == 0x7bff);
    CHECK(float_to_half(65520.0f) == 0x7c00);
    CHECK(float_to_half(-INFINITY) == 0xfc00);
    CHECK(std::isnan(half_to_float(float_to_half(std::nanf("")))));
    CHECK(std::isnan(half_to_float(float_to_half(std::bit_cast<float>(0x7f800001u)))));
}

TEST_CASE("a file is written in pieces, in any order and from several threads") {
    const TemporaryFolder folder;
    std::vector<float> wide(5000);
    std::iota(wide.begin(), wide.end(), 0.0f);
    std::vector<std::uint16_t> narrow(777, 0x3f80);
    const std::vector<OutTensor> tensors = {
        {"narrow", FileDType::bf16, {777}, std::as_bytes(std::span(narrow))},
        {"wide", FileDType::f32, {50, 100}, std::as_bytes(std::span(wide))}};
    write_safetensors(folder / "whole", tensors, {{"format", "pt"}});
    {
        SafetensorsWriter out(folder / "pieces", tensors, {{"format", "pt"}});
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                for (std::size_t begin = (3 - t) * 5000; begin < (4 - t) * 5000; begin += 1000)
                    out.write(1, begin, tensors[1].data.subspan(begin, 1000));
            });
        out.write(0, 700, tensors[0].data.subspan(700));
        out.write(0, 0, tensors[0].data.first(700));
        CHECK_THROWS_AS(out.write(0, 1500, tensors[0].data.first(100)), Error);
        threads.clear();
        CHECK(!std::filesystem::exists(folder / "pieces"));
        out.commit();
    }
    CHECK(read_file(folder / "pieces") == read_file(folder / "whole"));
    {
        SafetensorsWriter given_up(folder / "given up", tensors, {});
    }
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("a tensor that is not aligned reads right") {
    const TemporaryFolder folder;
    const float values[] = {1.25f, -7};
    std::string data = "x";
    data.append(reinterpret_cast<const char*>(values), sizeof values);
    const std::string header = R"({"pad":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                               R"("a":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
    write_file(folder / "f", file_bytes(header.size(), header + data));
    const SafetensorsFile file(folder / "f");
    std::vector<float> read(2);
    to_float(file.at("a"), read);
    CHECK(read == std::vector<float>{1.25f, -7});
}

TEST_CASE("a write that fails leaves the old file and nothing else") {
    const TemporaryFolder folder;
    const auto file = folder / "f.safetensors";
    write_file(file, "old");
    const std::vector<float> big(1 << 20, 1.0f);
    const std::vector<OutTensor> tensors = {{"a", FileDType::f32, {1 << 20}, std::as_bytes(std::span(big))}};

    // A file size limit fails in the middle of the file, as a full disk does.
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit small = {100000, before.rlim_max};
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    ExitCode code = ExitCode::ok;
    try {
        write_safetensors(file, tensors, {});
    } catch (const Error& error) {
        code = error.code();
    }
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, old_handler);
    CHECK(code == ExitCode::cannot_write);
    CHECK(read_file(file) == "old");
    CHECK(names_containing(folder.path(), "").size() == 1);

    CHECK_THROWS_AS(write_safetensors(folder / "absent" / "f", tensors, {}), Error);
}

TEST_CASE("an abandoned atomic folder goes, a committed one replaces the old") {
    const TemporaryFolder folder;
    {
        AtomicFolder abandoned(folder / "a");
        write_file(abandoned.path() / "x", "1");
    }
    CHECK(std::filesystem::is_empty(folder.path()));
    for (const char* text : {"1", "2"}) {
        AtomicFolder out(folder / "a");
        write_file(out.path() / "x", text);
        out.commit();
    }
    CHECK(read_file(folder / "a" / "x") == "2");
    CHECK(names_containing(folder.path(), "tmp").empty());
    write_file(folder / ".wishbone-tmp-x-1" / "y", "left by a crash");
    remove_leftovers(folder.path());
    CHECK(names_containing(folder.path(), "tmp").empty());
    CHECK(read_file(folder / "a" / "x") == "2");
}
