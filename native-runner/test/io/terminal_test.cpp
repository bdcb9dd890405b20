#include "core/terminal.h"

#include <doctest/doctest.h>

using wishbone::printable;

TEST_CASE("printable: what a terminal would act on is shown, what it writes stays") {
    CHECK(printable("plain, caf\xc3\xa9, \xe6\x97\xa5, \xf0\x9f\xa6\xb4") ==
          "plain, caf\xc3\xa9, \xe6\x97\xa5, \xf0\x9f\xa6\xb4");
    CHECK(printable("\x1b]0;title\x07") == "\\u001b]0;title\\u0007");
    CHECK(printable("two\nlines\r") == "two\\u000alines\\u000d");
    CHECK(printable("\xc2\x9b"
                    "31m\x7f") == "\\u009b31m\\u007f");
    CHECK(printable("\xe2\x80\xae\xe2\x81\xa6") == "\\u202e\\u2066");
    // No UTF-8: a lone byte, a cut one, an overlong one, a surrogate.
    CHECK(printable("a\xff") == "a\\xff");
    CHECK(printable("\xe2\x82") == "\\xe2\\x82");
    CHECK(printable("\xc0\x9b") == "\\xc0\\x9b");
    CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");
}
