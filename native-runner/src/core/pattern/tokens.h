#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wishbone::pattern {

/// A character of a pattern, alone or behind a backslash.
struct Token {
    char32_t character = 0;
    bool is_escaped = false;

    /// As a character that may have a meaning of its own.
    bool is(char32_t plain) const { return !is_escaped && character == plain; }
};

/// The tokens of a pattern, one after the other.
class Tokens {
  public:
    /// Throws SyntaxError when the text is too long, no UTF-8, or ends with a backslash.
    explicit Tokens(const std::string& text);

    bool at_end() const { return at_ == tokens_.size(); }
    /// The next one; at the end one that nothing is.
    Token next() const { return at_end() ? Token{0, true} : tokens_[at_]; }
    Token take() {
        const Token token = next();
        ++at_;
        return token;
    }
    /// Goes on behind the next one when it is this character.
    bool skip(char32_t plain) {
        const bool is_it = !at_end() && next().is(plain);
        if (is_it) ++at_;
        return is_it;
    }
    /// As many of `allowed` as follow, `most` of them at most.
    std::string take_while(std::string_view allowed, std::size_t most);
    /// Up to the terminator, which is skipped. Throws SyntaxError when it or the name is missing.
    std::string take_until(char32_t terminator);

    std::size_t position() const { return at_; }
    void go_back(std::size_t position) { at_ = position; }

  private:
    std::vector<Token> tokens_;
    std::size_t at_ = 0;
};

inline bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }
inline bool is_octal(char32_t c) { return c >= '0' && c <= '7'; }
inline bool is_letter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace wishbone::pattern
