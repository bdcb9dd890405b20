#include "run/pair_record.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "support/files.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;

namespace {

using Kind = PairRecord::Kind;

const PairRecord::Plans plans{std::string(64, 'a'), std::string(64, '1'), 8, 3};

std::vector<PairValues> values(std::size_t count, float base) {
    std::vector<PairValues> all(count);
    for (std::size_t i = 0; i < count; ++i)
        all[i] = {base + static_cast<float>(i), base, -base, -10 * base, -11 * base};
    return all;
}

void add_steps(PairRecord& record, std::int64_t from, std::int64_t to) {
    for (std::int64_t done = from; done <= to; ++done) {
        record.add(done == 1 ? Kind::warm_up : Kind::step, done, 2 * (done - 1),
                   values(2, static_cast<float>(done)));
        if (done % 2 == 0) record.add(Kind::evaluation, done, 0, values(3, 100 * static_cast<float>(done)));
    }
}

}  // namespace

TEST_CASE("pair record: one that is gone on with is that of a run that was not interrupted") {
    const TemporaryFolder folder;
    const auto file = folder / "whole", cut = folder / "cut";
    {
        PairRecord record(file, plans, std::nullopt);
        add_steps(record, 1, 4);
        record.sync();
    }
    const std::string whole = read_file(file);
    CHECK(whole.size() == 76 + 4 * (20 + 2 * 20) + 2 * (20 + 3 * 20));
    CHECK(whole.starts_with("WBPAIRS\x01"));
    for (std::int64_t steps = 0; steps <= 4; ++steps)
        // Nothing after the checkpoint, a block that was cut off, or one of which not all bytes came to the disk.
        for (const std::size_t lost : {std::size_t{0}, std::size_t{1}, std::size_t{70}}) {
            CAPTURE(steps);
            CAPTURE(lost);
            std::string left = whole.substr(0, whole.size() - lost);
            if (lost == 70) left += std::string(70, '\0');
            write_file(cut, left);
            const std::int64_t last_evaluation = steps < 2 ? -1 : steps / 2 * 2;
            PairRecord record(cut, plans, PairRecord::Place{steps, last_evaluation});
            if (steps == 4 && lost > 0)
                record.add(Kind::evaluation, 4, 0, values(3, 400));
            else
                add_steps(record, steps + 1, 4);
            CHECK(read_file(cut) == whole);
        }
}

TEST_CASE("pair record: an evaluation that the checkpoint does not know of is there once") {
    const TemporaryFolder folder;
    const auto file = folder / "pairs.bin";
    {
        PairRecord record(file, plans, std::nullopt);
        add_steps(record, 1, 2);
    }
    const std::string whole = read_file(file);
    PairRecord record(file, plans, PairRecord::Place{2, -1});
    CHECK(read_file(file).size() == whole.size() - (20 + 3 * 20));
    record.add(Kind::evaluation, 2, 0, values(3, 200));
    CHECK(read_file(file) == whole);
}

TEST_CASE("pair record: what is no record of these plans makes way for one") {
    const TemporaryFolder folder;
    const auto file = folder / "pairs.bin";
    {
        const PairRecord record(file, plans, std::nullopt);
    }
    const std::string empty = read_file(file);
    PairRecord::Plans others = plans;
    others.eval_sha256 = std::string(64, '2');
    for (const std::string& found :
         {std::string(), std::string("{}"), std::string(500, 'x'), empty.substr(0, 40)}) {
        write_file(file, found);
        const PairRecord record(file, plans, PairRecord::Place{3, 2});
        CHECK(read_file(file) == empty);
    }
    {
        PairRecord record(file, plans, std::nullopt);
        add_steps(record, 1, 4);
    }
    {
        const PairRecord record(file, others, PairRecord::Place{4, 4});
    }
    CHECK(read_file(file).size() == empty.size());
    CHECK(read_file(file) != empty);
}

TEST_CASE("pair record: counts that no plan has end it") {
    const TemporaryFolder folder;
    const auto file = folder / "pairs.bin";
    {
        const PairRecord record(file, plans, std::nullopt);
    }
    const std::string empty = read_file(file);
    for (const std::string head : {std::string("\1\0\0\0\1\0\0\0\0\0\0\0\xff\xff\xff\xff", 16),
                                   std::string("\1\0\0\0\1\0\0\0\xff\xff\xff\xff\2\0\0\0", 16),
                                   std::string("\7\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 16)}) {
        write_file(file, empty + head + std::string(100, '\0'));
        const PairRecord record(file, plans, PairRecord::Place{4, 4});
        CHECK(read_file(file) == empty);
    }
}

TEST_CASE("pair record: a pipe in its place is refused at once") {
    const TemporaryFolder folder;
    const auto file = folder / "pairs.bin";
    REQUIRE(::mkfifo(file.c_str(), 0666) == 0);
    CHECK_THROWS_AS(PairRecord(file, plans, std::nullopt), Error);
}

TEST_CASE("pair record: all evaluations are recorded, unless they take too much") {
    for (std::int64_t done = 10; done <= 100; done += 10) CHECK(records_evaluation(done, 100, 10, 1000));
    // 1,000 evaluations of 100,000 pairs would be 2 GB.
    std::int64_t recorded = 0;
    for (std::int64_t done = 10; done <= 10000; done += 10)
        recorded += records_evaluation(done, 10000, 10, 100000);
    CHECK(recorded > 60);
    CHECK(recorded * 100000 * 20 < (std::int64_t{256} << 20) + 100000 * 20);
    CHECK(records_evaluation(10000, 10000, 10, 100000));
    CHECK(records_evaluation(10003, 10003, 10, 100000));
}
