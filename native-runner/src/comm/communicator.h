#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"

namespace wishbone {

/// What the ranks of a run say to each other. A rank is one device with a replica of the model; each has a communicator of its
/// own, used by one thread at a time. Every operation is called by all ranks, in the same order and with the same shapes.
///
/// What is divided into parts is divided among the ranks of a process, which have memory and a bus in common; every process has all of
/// it. So each part is there once a process, and the ranks that have it are called counterparts.
///
/// Operations on tensors work on device memory, in the order of the rank's backend: after everything asked of it before, ahead
/// of everything asked later. A sum is the same bits on every rank.
///
/// When one rank fails, all others must not wait for it: whatever ends a rank calls `abort`, and the others' operations, those
/// under way too, throw RankAborted. After that, or after a wait beyond the time limit, a communicator is of no more use.
class Communicator {
  public:
    virtual ~Communicator() = default;

    virtual int rank() const = 0;
    virtual int size() const = 0;
    /// The number of this rank's part, from 0, and how many parts there are: as many as ranks in this process, or one where processes
    /// have different numbers of ranks.
    virtual int part() const { return rank(); }
    virtual int parts() const { return size(); }

    /// x becomes the sum of all ranks' x. f32.
    virtual void all_reduce(Tensor x_accumulated) = 0;
    /// `own` [n] becomes part number `part()` of the sum of `all` [parts · n] over the ranks of this process. f32. `own` may be that
    /// part of `all`; the other parts of `all` are not to be read afterwards.
    virtual void reduce_scatter(Tensor own, Tensor all) = 0;
    /// x becomes the sum of its counterparts' x, one a process. f32. No other operation waits for it: where it is forked, `join()` of all
    /// does.
    virtual void reduce_counterparts(Tensor /*x_accumulated*/) {}
    /// `all` [parts · n] becomes `own` [n] of every rank of this process, in the order of parts. `own` may be its part of `all`.
    virtual void all_gather(Tensor all, Tensor own) = 0;
    /// x becomes that of rank `root`.
    virtual void broadcast(Tensor x, int root) = 0;
    /// From here to `join`, operations on tensors go on beside what the backend is asked for: each begins after everything asked of it
    /// before the operation, and nothing asked later waits. What one reads and writes is left alone until it is joined.
    virtual void fork() {}
    /// How many operations on tensors there were.
    virtual std::uint64_t operations() const { return 0; }
    /// What is asked of the backend from here on comes after the first so many operations.
    virtual void join(std::uint64_t /*operations*/) {}
    /// The same of all; those to come are in the backend's order again.
    virtual void join() {}

    /// What every rank of this process shows, by part: an address in memory that all of them can read.
    virtual std::vector<void*> show(void* own) { return {own}; }
    /// `to` becomes what lies at `from` in the memory of a rank of this process, which need not take part: beside what the backend is
    /// asked for, but after everything asked of it before.
    virtual void pull(Tensor to, const void* from);
    /// How many `pull`s there were.
    virtual std::uint64_t pulls() const { return 0; }
    /// What is asked of the backend from here on comes after the first so many of them.
    virtual void join_pulls(std::uint64_t /*pulls*/) {}

    /// Of numbers in host memory, in the order of ranks. Done when the call returns.
    virtual void sum(std::span<double> numbers_accumulated) = 0;
    /// Returns when all ranks have called it.
    virtual void barrier() = 0;
    /// To be called when the device was waited for, before what came of operations on it is used: throws RankAborted where they
    /// were ended.
    virtual void check() = 0;

    /// This rank is at its end. `reason` is what the others are told. From any thread; never throws.
    virtual void abort(const std::string& reason) noexcept = 0;
    /// The same with all that is known of the cause, where others can use it.
    virtual void fail(const Error& cause) noexcept { abort(cause.what()); }
};

/// One for tensors in host memory, on which others build.
class HostCommunicator : public Communicator {
  public:
    /// A barrier before an operation: all ranks mean the same one, of so many elements.
    virtual void agree(const char* operation, std::int64_t elements) = 0;
};

/// What a rank throws because another one has failed: never the cause itself.
class RankAborted : public Error {
  public:
    using Error::Error;
};

/// How long a rank waits for another one at most. Where bins are long on a slow device, waiting for the rank with the longest
/// takes long too.
inline constexpr std::chrono::duration<double> rank_time_limit = std::chrono::minutes(30);

/// Of a run that has one rank: every operation is done already. Shared by all who need one.
Communicator& single_rank();

/// Of `size` threads of this process, by rank, for tensors in host memory. Sums add in the order of ranks.
std::vector<std::unique_ptr<HostCommunicator>> make_thread_ranks(
    int size, std::chrono::duration<double> time_limit = rank_time_limit);

}  // namespace wishbone
