#include "io/atomic_file.h"

#include <doctest/doctest.h>

#include <string>

#include "support/files.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;

TEST_CASE("shared files: the same content, which stays when the other is replaced or removed") {
    const TemporaryFolder folder;
    const std::string content(100000, 'x');
    write_text(folder / "from", content);
    REQUIRE(share_file(folder / "from", folder / "to"));
    CHECK(read_file(folder / "to") == content);
    // As the runner writes: another file in the place of the first.
    write_text(folder / "from", "other");
    CHECK(read_file(folder / "to") == content);
    REQUIRE(share_file(folder / "from", folder / "again"));
    std::filesystem::remove(folder / "from");
    CHECK(read_file(folder / "again") == "other");
}

TEST_CASE("shared files: where it cannot be done there is no file, and none is replaced") {
    const TemporaryFolder folder;
    CHECK_FALSE(share_file(folder / "none", folder / "to"));
    CHECK_FALSE(std::filesystem::exists(folder / "to"));
    write_text(folder / "from", "new");
    write_text(folder / "to", "old");
    CHECK_FALSE(share_file(folder / "from", folder / "to"));
    CHECK(read_file(folder / "to") == "old");
    CHECK_FALSE(share_file(folder / "from", folder / "no folder" / "to"));
}
