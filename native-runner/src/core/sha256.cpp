#include "core/sha256.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/error.h"

namespace wishbone {

void Sha256::update(std::span<const std::byte> data) {
    total_bytes_ += data.size();
    while (!data.empty()) {
        if (pending_bytes_ == 0 && data.size() >= 64) {
            const std::size_t whole = data.size() / 64 * 64;
            sha256_blocks(state_, data.first(whole));
            data = data.subspan(whole);
            continue;
        }
        const std::size_t take = std::min(data.size(), 64 - pending_bytes_);
        std::memcpy(pending_.data() + pending_bytes_, data.data(), take);
        pending_bytes_ += take;
        data = data.subspan(take);
        if (pending_bytes_ == 64) {
            sha256_blocks(state_, pending_);
            pending_bytes_ = 0;
        }
    }
}

std::string Sha256::hex() {
    const std::uint64_t bits = total_bytes_ * 8;
    pending_[pending_bytes_++] = std::byte{0x80};
    if (pending_bytes_ > 56) {
        std::fill(pending_.begin() + static_cast<std::ptrdiff_t>(pending_bytes_), pending_.end(),
                  std::byte{0});
        sha256_blocks(state_, pending_);
        pending_bytes_ = 0;
    }
    std::fill(pending_.begin() + static_cast<std::ptrdiff_t>(pending_bytes_), pending_.end(), std::byte{0});
    for (std::size_t i = 0; i < 8; ++i) pending_[63 - i] = static_cast<std::byte>(bits >> (8 * i) & 0xff);
    sha256_blocks(state_, pending_);

    constexpr const char* digits = "0123456789abcdef";
    std::string text;
    for (const std::uint32_t word : state_)
        for (int shift = 28; shift >= 0; shift -= 4) text += digits[word >> shift & 0xf];
    return text;
}

std::string sha256_of_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    Sha256 hash;
    std::vector<char> buffer(1 << 20);
    while (in) {
        in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
        hash.update(std::as_bytes(std::span(buffer.data(), static_cast<std::size_t>(in.gcount()))));
    }
    if (!in.eof())
        throw bad_input("The file cannot be read", file.string(), "Check that it exists and is readable.");
    return hash.hex();
}

}  // namespace wishbone
