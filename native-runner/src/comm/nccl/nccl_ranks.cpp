#include "comm/nccl/nccl_ranks.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/stream.h"
#include "backend/require.h"
#include "comm/nccl/nccl.h"
#include "comm/nccl/peer_copies.h"
#include "comm/processes/process_ranks.h"
#include "core/stopwatch.h"

namespace wishbone {

namespace {

nccl::Type type_of(const Tensor& x) {
    require(x.dtype == DType::f32 || x.dtype == DType::bf16, "nccl");
    return x.dtype == DType::f32 ? nccl::Type::f32 : nccl::Type::bf16;
}

/// A stream beside a backend's, with a mark behind each thing that is done there. Of the current device, for one thread.
class SideStream {
  public:
    SideStream() {
        check(cudaEventCreateWithFlags(&asked_, cudaEventDisableTiming), "cudaEventCreate");
        for (cudaEvent_t& event : done_)
            check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
    }
    ~SideStream() {
        (void)cudaEventDestroy(asked_);
        for (const cudaEvent_t event : done_) (void)cudaEventDestroy(event);
    }
    SideStream(const SideStream&) = delete;
    SideStream& operator=(const SideStream&) = delete;

    cudaStream_t get() const { return stream_.get(); }
    std::uint64_t marks() const { return marks_; }

    /// What comes here begins after all that is in `other`.
    void follow(cudaStream_t other) {
        check(cudaEventRecord(asked_, other), "cudaEventRecord");
        check(cudaStreamWaitEvent(stream_.get(), asked_, 0), "cudaStreamWaitEvent");
    }
    void mark() { check(cudaEventRecord(done_[marks_++ % done_.size()], stream_.get()), "cudaEventRecord"); }
    /// What comes to `other` begins after the first so many marks; where one is long past, after a later one.
    void precede(cudaStream_t other, std::uint64_t marks) {
        if (marks == 0) return;
        const std::uint64_t oldest = marks_ > done_.size() ? marks_ - done_.size() + 1 : 1;
        check(cudaStreamWaitEvent(other, done_[(std::max(marks, oldest) - 1) % done_.size()], 0),
              "cudaStreamWaitEvent");
    }

  private:
    static void check(cudaError_t result, const char* what) { cuda::check(result, what); }

    cuda::Stream stream_;
    cudaEvent_t asked_ = nullptr;
    std::array<cudaEvent_t, 16> done_{};
    std::uint64_t marks_ = 0;
};

/// Which ranks an operation is among: all, those of a process, or one of each process (Communicator).
enum class Among : std::uint8_t { all, process, counterparts };

/// The communicators of all ranks. NCCL's calls do not wait (they are made so): each returns at once, and is asked for until it is
/// done, so that an end can reach a rank within one.
class NcclGroup {
  public:
    /// `first` and `all`: see Communicator::rank and size, of the first here.
    NcclGroup(std::span<Backend* const> backends, const std::string& library,
              std::chrono::duration<double> limit, ProcessGroup* processes, int first, int all)
        : library_(library),
          limit_(limit),
          processes_(processes),
          first_(first),
          all_(all),
          ranks_(backends.size()) {
        for (std::size_t r = 0; r < backends.size(); ++r) {
            auto* const backend = dynamic_cast<cuda::CudaBackend*>(backends[r]);
            require(backend != nullptr, "make_nccl_ranks");
            ranks_[r].backend = backend->stream();
            ranks_[r].device = backend->device();
        }
        if (processes_ != nullptr) processes_->on_end(this, [this](const Error&) { abort(); });
        try {
            connect(Among::all);
        } catch (...) {
            leave();
            throw;
        }
    }
    ~NcclGroup() { leave(); }
    NcclGroup(const NcclGroup&) = delete;
    NcclGroup& operator=(const NcclGroup&) = delete;

    /// call(comm, stream) of a rank, to its end, on a stream of its own, where it begins after what the backend was asked for so far.
    /// On another one among counterparts, where it begins after the calls before it, and no later ones wait. Throws RankAborted
    /// once the group is aborted.
    template <typename Call>
    void call(int rank, const char* what, Among among, const Call& call) {
        // The ranks of a single process are all.
        if (processes_ == nullptr) among = Among::all;
        if (among != Among::all) divide();
        Rank& own = own_of(rank);
        SideStream& side = made(own.side);
        SideStream& stream = among == Among::counterparts ? made(own.network) : side;
        stream.follow(own.backend);
        if (&stream != &side) stream.follow(side.get());
        {
            const std::lock_guard lock(own.mutex);
            nccl::Comm const comm = own.comm(among);
            if (comm == nullptr) throw ended(rank);
            check(call(comm, stream.get()), comm, what);
        }
        settle(own, among, rank, what);
        stream.mark();
    }

    /// work(backend, stream) in the place of such a call: it begins after what is on the one, and has the other wait for its end.
    template <typename Work>
    void beside(int rank, const Work& work) {
        Rank& own = own_of(rank);
        SideStream& side = made(own.side);
        work(own.backend, side.get());
        side.mark();
    }

    /// Whether its GPUs do by copies what they do among themselves: where each can read the memory of each other one.
    bool copies() const {
        const char* const said = std::getenv("WISHBONE_PEER_COPIES");
        if (said != nullptr && std::string_view(said) == "0") return false;
        std::vector<int> devices;
        for (const Rank& rank : ranks_) devices.push_back(rank.device);
        return devices.size() > 1 && devices.size() <= PeerCopies::most_ranks && reach_each_other(devices);
    }
    /// To be called in the rank's thread before copies from others.
    void reach_others(int rank) const { reach_others_of(own_of(rank).device); }

    /// How many calls of a rank there were, but for those among counterparts, and has its backend wait for the first so many.
    std::uint64_t calls(int rank) const {
        const Rank& own = own_of(rank);
        return own.side ? own.side->marks() : 0;
    }
    void join(int rank, std::uint64_t calls) {
        Rank& own = own_of(rank);
        if (own.side) own.side->precede(own.backend, calls);
    }
    /// The same of all calls.
    void join(int rank) {
        join(rank, calls(rank));
        Rank& own = own_of(rank);
        if (own.network) own.network->precede(own.backend, own.network->marks());
    }

    /// Copies from any device of the group, on a stream for that alone: sums of gradients wait for other ranks, weights do not.
    void pull(int rank, const Tensor& to, const void* from) {
        Rank& own = own_of(rank);
        if (!own.copies) reach_others(rank);
        made(own.copies);
        own.copies->follow(own.backend);
        cuda::check(cudaMemcpyAsync(to.data, from, to.bytes(), cudaMemcpyDefault, own.copies->get()),
                    "cudaMemcpyAsync between GPUs");
        own.copies->mark();
    }
    std::uint64_t pulls(int rank) const {
        const Rank& own = own_of(rank);
        return own.copies ? own.copies->marks() : 0;
    }
    void join_pulls(int rank, std::uint64_t pulls) {
        Rank& own = own_of(rank);
        if (own.copies) own.copies->precede(own.backend, pulls);
    }

    /// Ends what is under way on all devices. From any thread.
    void abort() noexcept {
        is_over_ = true;
        for (Rank& rank : ranks_) {
            const std::lock_guard lock(rank.mutex);
            for (nccl::Comm& each : rank.comms)
                if (nccl::Comm comm = std::exchange(each, nullptr)) (void)library_.abort(comm);
        }
    }

    const nccl::Library& library() const { return library_; }

  private:
    struct Rank {
        std::mutex mutex;                   ///< a communicator goes when it is aborted
        std::array<nccl::Comm, 3> comms{};  ///< by Among
        cudaStream_t backend = nullptr;
        std::unique_ptr<SideStream> side, network, copies;  ///< made in the rank's own thread, on its device
        int device = 0;

        nccl::Comm& comm(Among among) { return comms[static_cast<std::size_t>(among)]; }
    };

    static SideStream& made(std::unique_ptr<SideStream>& stream) {
        if (!stream) stream = std::make_unique<SideStream>();
        return *stream;
    }

    /// Copies go from card to card where the machine has a way, else by way of the host.
    void reach_others_of(int device) const {
        for (const Rank& other : ranks_) {
            int can = 0;
            if (other.device == device ||
                cudaDeviceCanAccessPeer(&can, device, other.device) != cudaSuccess || can == 0)
                continue;
            // NCCL may have done so already, which is an error.
            (void)cudaDeviceEnablePeerAccess(other.device, 0);
            (void)cudaGetLastError();
        }
    }

    /// Of this process.
    Rank& own_of(int rank) { return ranks_[static_cast<std::size_t>(rank - first_)]; }
    const Rank& own_of(int rank) const { return ranks_[static_cast<std::size_t>(rank - first_)]; }

    void leave() noexcept {
        if (processes_ != nullptr) processes_->forget(this);
        abort();
    }

    /// What ranks find each other by: made by the first process. Of so many groups of ranks.
    std::vector<nccl::UniqueId> meeting_places(std::size_t groups, bool of_all_processes) {
        std::vector<nccl::UniqueId> ids(groups);
        const bool is_told = processes_ != nullptr && of_all_processes;
        const bool makes_them = !is_told || processes_->is_first();
        std::string bytes;
        for (nccl::UniqueId& id : ids) {
            if (makes_them) check(library_.get_unique_id(&id), nullptr, "ncclGetUniqueId");
            if (makes_them) bytes.append(id.internal, sizeof id.internal);
        }
        if (!is_told) return ids;
        bytes = processes_->told(bytes);
        require(bytes.size() == groups * sizeof(nccl::UniqueId), "ncclGetUniqueId");
        for (std::size_t i = 0; i < groups; ++i)
            std::memcpy(ids[i].internal, bytes.data() + i * sizeof ids[i].internal, sizeof ids[i].internal);
        return ids;
    }

    /// Communicators for what is shared out, once they are needed: they take memory. All ranks here have come to the same operation, and
    /// one of them makes them for all.
    void divide() {
        const std::lock_guard lock(dividing_);
        if (is_divided_) return;
        // An attempt that fails is the end of all.
        is_divided_ = true;
        connect(Among::process);
        connect(Among::counterparts);
    }

    void connect(Among among) {
        int current = 0;
        cuda::check(cudaGetDevice(&current), "cudaGetDevice");
        const bool are_counterparts = among == Among::counterparts;
        const std::vector<nccl::UniqueId> ids =
            meeting_places(are_counterparts ? ranks_.size() : 1, among != Among::process);
        check(library_.group_start(), nullptr, "ncclGroupStart");
        nccl::Config config;
        config.blocking = 0;
        for (std::size_t r = 0; r < ranks_.size(); ++r) {
            const int local = static_cast<int>(r), here = static_cast<int>(ranks_.size());
            const int size = among == Among::all ? all_ : are_counterparts ? processes_->processes() : here;
            const int rank = among == Among::all ? first_ + local
                             : are_counterparts  ? processes_->process()
                                                 : local;
            cuda::check(cudaSetDevice(ranks_[r].device), "cudaSetDevice");
            const std::lock_guard lock(ranks_[r].mutex);
            check(library_.init_rank(&ranks_[r].comm(among), size, ids[are_counterparts ? r : 0], rank,
                                     &config),
                  nullptr, "ncclCommInitRankConfig");
        }
        check(library_.group_end(), nullptr, "ncclGroupEnd");
        for (std::size_t r = 0; r < ranks_.size(); ++r)
            settle(ranks_[r], among, first_ + static_cast<int>(r), "connecting the GPUs");
        cuda::check(cudaSetDevice(current), "cudaSetDevice");
    }

    /// Waits until what was called last has been taken.
    void settle(Rank& rank, Among among, int number, const char* what) {
        const Stopwatch watch;
        while (true) {
            {
                const std::lock_guard lock(rank.mutex);
                nccl::Comm const comm = rank.comm(among);
                if (comm == nullptr || is_over_) throw ended(number);
                auto state = nccl::Result::success;
                check(library_.async_error(comm, &state), comm, what);
                check(state, comm, what);
                if (state == nccl::Result::success) return;
            }
            if (watch.seconds() > limit_.count())
                throw Error(ExitCode::internal, std::string(what) + " was not done in time", place(number),
                            "See what the devices do; NCCL_DEBUG=INFO makes NCCL say more.");
            std::this_thread::yield();
        }
    }

    void check(nccl::Result result, nccl::Comm comm, const char* what) const {
        if (result == nccl::Result::success || result == nccl::Result::in_progress) return;
        // A process that is gone breaks NCCL's connections, perhaps before it is known that it is gone.
        if (processes_ != nullptr && processes_->end_within(std::chrono::seconds(5))) processes_->throw_end();
        std::string text = std::string(what) + " failed: " + library_.error_string(result);
        if (const char* const more = library_.last_error(comm); more != nullptr && *more != '\0')
            text += std::string(" (") + more + ")";
        throw Error(
            ExitCode::internal, text, library_.path(),
            "NCCL " + library_.version() + " says more with NCCL_DEBUG=INFO. On one GPU it is not needed.");
    }

    std::string place(int rank) const {
        return "rank " + std::to_string(rank) + " of " + std::to_string(all_);
    }
    RankAborted ended(int rank) const {
        return {ExitCode::internal, "Another rank has failed", place(rank), "See what that rank says."};
    }

    nccl::Library library_;
    std::chrono::duration<double> limit_;
    ProcessGroup* processes_;
    int first_, all_;
    std::vector<Rank> ranks_;
    std::mutex dividing_;
    bool is_divided_ = false;
    std::atomic<bool> is_over_ = false;
};

class NcclRank final : public Communicator {
  public:
    NcclRank(std::unique_ptr<HostCommunicator> host, std::shared_ptr<NcclGroup> group)
        : host_(std::move(host)), group_(std::move(group)), are_copied_(group_->copies() && parts() > 1) {}

    int rank() const override { return host_->rank(); }
    int size() const override { return host_->size(); }
    int part() const override { return host_->part(); }
    int parts() const override { return host_->parts(); }

    void all_reduce(Tensor x) override {
        require(x.dtype == DType::f32, "all_reduce");
        if (are_copied_ && size() == parts())
            return copy(x.size(), [&](cudaStream_t backend, cudaStream_t after) {
                copies_->all_reduce(backend, after, x);
            });
        call("all-reduce", Among::all, x.size(), [&](nccl::Comm comm, cudaStream_t stream) {
            return group_->library().all_reduce(x.data, x.data, count(x), type_of(x), nccl::Operation::sum,
                                                comm, stream);
        });
    }

    void reduce_scatter(Tensor own, Tensor all) override {
        require(all.dtype == DType::f32 && own.dtype == DType::f32 && all.size() == parts() * own.size(),
                "reduce_scatter");
        if (are_copied_)
            return copy(all.size(), [&](cudaStream_t backend, cudaStream_t after) {
                copies_->reduce_scatter(backend, after, own, all);
            });
        call("reduce-scatter", Among::process, all.size(), [&](nccl::Comm comm, cudaStream_t stream) {
            return group_->library().reduce_scatter(all.data, own.data, count(own), type_of(own),
                                                    nccl::Operation::sum, comm, stream);
        });
    }

    void reduce_counterparts(Tensor x) override {
        require(x.dtype == DType::f32, "reduce_counterparts");
        if (size() == parts()) return;
        call("sum of counterparts", Among::counterparts, x.size(), [&](nccl::Comm comm, cudaStream_t stream) {
            return group_->library().all_reduce(x.data, x.data, count(x), type_of(x), nccl::Operation::sum,
                                                comm, stream);
        });
    }

    void all_gather(Tensor all, Tensor own) override {
        require(all.dtype == own.dtype && all.size() == parts() * own.size(), "all_gather");
        if (are_copied_)
            return copy(all.size(), [&](cudaStream_t backend, cudaStream_t after) {
                copies_->all_gather(backend, after, all, own);
            });
        call("all-gather", Among::process, all.size(), [&](nccl::Comm comm, cudaStream_t stream) {
            return group_->library().all_gather(own.data, all.data, count(own), type_of(own), comm, stream);
        });
    }

    void broadcast(Tensor x, int root) override {
        require(0 <= root && root < size(), "broadcast");
        call("broadcast", Among::all, x.size(), [&](nccl::Comm comm, cudaStream_t stream) {
            return group_->library().broadcast(x.data, x.data, count(x), type_of(x), root, comm, stream);
        });
    }

    void fork() override { is_forked_ = true; }
    std::uint64_t operations() const override { return group_->calls(rank()); }
    void join(std::uint64_t operations) override { group_->join(rank(), operations); }
    void join() override {
        is_forked_ = false;
        group_->join(rank());
    }

    std::vector<void*> show(void* own) override { return host_->show(own); }
    void pull(Tensor to, const void* from) override { group_->pull(rank(), to, from); }
    std::uint64_t pulls() const override { return group_->pulls(rank()); }
    void join_pulls(std::uint64_t pulls) override { group_->join_pulls(rank(), pulls); }

    void sum(std::span<double> numbers) override { host_->sum(numbers); }
    void barrier() override { host_->barrier(); }
    void check() override { host_->check(); }

    void abort(const std::string& reason) noexcept override {
        // In this order: whoever finds its operation ended is then told why.
        host_->abort(reason);
        group_->abort();
    }
    void fail(const Error& cause) noexcept override {
        host_->fail(cause);
        group_->abort();
    }

  private:
    static std::size_t count(const Tensor& x) { return static_cast<std::size_t>(x.size()); }

    template <typename Call>
    void call(const char* what, Among among, std::int64_t elements, const Call& call) {
        host_->agree(what, elements);
        if (elements == 0) return;
        group_->call(rank(), what, among, call);
        if (!is_forked_) group_->join(rank());
    }

    template <typename Work>
    void copy(std::int64_t elements, const Work& work) {
        if (elements == 0) return;
        if (!copies_) {
            group_->reach_others(rank());
            copies_ = std::make_unique<PeerCopies>(*host_);
        }
        group_->beside(rank(), work);
        if (!is_forked_) group_->join(rank());
    }

    std::unique_ptr<HostCommunicator> host_;
    std::shared_ptr<NcclGroup> group_;
    const bool are_copied_;               ///< not by NCCL
    std::unique_ptr<PeerCopies> copies_;  ///< made in the rank's own thread, on its device
    bool is_forked_ = false;
};

}  // namespace

std::vector<std::unique_ptr<Communicator>> make_nccl_ranks(std::span<Backend* const> backends,
                                                           const std::string& library,
                                                           std::chrono::duration<double> time_limit,
                                                           ProcessGroup* processes) {
    const int size = static_cast<int>(backends.size());
    auto hosts =
        processes != nullptr ? make_process_ranks(*processes, size) : make_thread_ranks(size, time_limit);
    const auto group = std::make_shared<NcclGroup>(backends, library, time_limit, processes,
                                                   hosts.front()->rank(), hosts.front()->size());
    std::vector<std::unique_ptr<Communicator>> ranks;
    for (auto& host : hosts) ranks.push_back(std::make_unique<NcclRank>(std::move(host), group));
    return ranks;
}

std::string why_gpus_stay_apart() {
    try {
        const nccl::Library library("");
        return "";
    } catch (const Error& error) {
        return std::string(error.what()) + ". " + error.advice();
    }
}

}  // namespace wishbone
