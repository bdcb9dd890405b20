#include "core/sha256.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/sha256_blocks.h"

using namespace wishbone;

namespace {

std::string hash_of(std::string_view text) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(text)));
    return hash.hex();
}

}  // namespace

TEST_CASE("sha256: the examples of FIPS 180-4") {
    CHECK(hash_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(hash_of(std::string(1'000'000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: pieces of any size make the whole, and this processor's instructions what all have") {
    std::mt19937 random(1);
    std::vector<std::byte> data(5000);
    for (std::byte& one : data) one = static_cast<std::byte>(random());
    for (int round = 0; round < 50; ++round) {
        const std::span<const std::byte> some = std::span(data).first(random() % data.size());
        Sha256 whole, pieces;
        whole.update(some);
        for (std::size_t at = 0; at < some.size();) {
            const std::size_t count = std::min<std::size_t>(1 + random() % 200, some.size() - at);
            pieces.update(some.subspan(at, count));
            at += count;
        }
        CHECK(whole.hex() == pieces.hex());

        Sha256State here, everywhere;
        for (std::uint32_t& word : here) word = static_cast<std::uint32_t>(random());
        everywhere = here;
        const auto blocks = some.first(some.size() / 64 * 64);
        sha256_blocks(here, blocks);
        sha256_blocks_portable(everywhere, blocks);
        CHECK(here == everywhere);
    }
}
