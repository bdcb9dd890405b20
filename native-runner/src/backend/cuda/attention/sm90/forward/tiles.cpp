#include "backend/cuda/attention/sm90/forward/tiles.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace wishbone::cuda::sm90::forward {
namespace {

constexpr std::int32_t slot_keys = Tiles::slot_keys;

// What a query tile costs beside its key tiles (loading queries, storing the result), in key tiles.
constexpr std::int64_t item_cost = 1;

// The shortest items, this part of all work, come last whatever their tree, so that all blocks end together.
constexpr double short_part = 0.1;

/// Keys [begin, end) that queries before `until` see.
struct Run {
    std::int32_t begin, end, until;
};

struct Tile {
    std::int32_t query_begin, query_end, tree, key_tiles, first_slot;
    std::int64_t cost() const { return key_tiles + item_cost; }
};

class Cutter {
  public:
    Cutter(std::span<const std::int32_t> visible_until, std::span<const std::int32_t> first_seen,
           std::int32_t query_tile, std::int32_t slots_per_tile, std::vector<std::int32_t>& slots)
        : until_(visible_until),
          first_seen_(first_seen),
          length_(static_cast<std::int32_t>(visible_until.size())),
          query_tile_(query_tile),
          slots_per_tile_(slots_per_tile),
          slots_(slots) {
        if (visible_until.size() > std::size_t(Tiles::most_tokens)) refuse();
        // Least `until` of each slot that could be: minima of 2, 4, ... keys. Nobody sees what lies behind
        // the bin.
        least_.assign(visible_until.begin(), visible_until.end());
        least_.resize(visible_until.size() + slot_keys, 0);
        for (std::size_t width = 1; width < std::size_t(slot_keys); width *= 2)
            for (std::size_t i = 0; i + width < least_.size(); ++i)
                least_[i] = std::min(least_[i], least_[i + width]);
    }

    std::vector<Tile> cut() {
        std::vector<Tile> tiles;
        std::int32_t tree_end = 0, tree = -1;
        for (std::int32_t begin = 0; begin < length_;) {
            if (begin >= tree_end) tree_end = end_of_tree(begin), ++tree;
            std::int32_t end = std::min(begin + query_tile_, length_);
            // The next tree sees no key before the tile: where the tile ends then makes no difference here.
            find_oldest(begin, end);
            gather(begin, end);
            // A tile that would need one more key tile for the sake of the next tree leaves that tree alone.
            if (tree_end < end && tree_end - begin >= query_tile_ / 4 &&
                key_tiles(slots_of(begin, end)) > key_tiles(slots_of(begin, tree_end)))
                end = tree_end;
            const std::int32_t tile_tree = tree;
            while (tree_end < end) tree_end = end_of_tree(tree_end), ++tree;
            append_slots(begin, end);
            tiles.push_back({begin, end, tile_tree, emit(begin, end), first_});
            for (std::int32_t k = begin; k < end;) k = push(k, end);
            begin = end;
        }
        return tiles;
    }

  private:
    [[noreturn]] static void refuse() {
        throw Error(ExitCode::internal, "visible_until is no mask", "attention",
                    "This is a fault of the runner, please report it.");
    }

    std::int32_t until(std::int32_t k) const { return until_[static_cast<std::size_t>(k)]; }
    std::int32_t key_tiles(std::int32_t slots) const {
        return (slots + slots_per_tile_ - 1) / slots_per_tile_;
    }

    std::int32_t end_of_tree(std::int32_t begin) const {
        std::int32_t end = begin + 1;
        for (std::int32_t k = begin; k < end; ++k) {
            if (until(k) <= k || until(k) > length_) refuse();
            end = std::max(end, until(k));
        }
        return end;
    }

    /// Adds the run of keys with one `until` from k on to the open ones; returns where it ends.
    std::int32_t push(std::int32_t k, std::int32_t limit) {
        while (!open_.empty() && open_.back().until <= k) open_.pop_back();
        std::int32_t end = k + 1;
        while (end < limit && until(end) == until(k)) ++end;
        if (!open_.empty() && open_.back().end == k && open_.back().until == until(k))
            open_.back().end = end;
        else
            open_.push_back({k, end, until(k)});
        return end;
    }

    /// Prefix minima of the first tokens that the queries from `begin` on see.
    void find_oldest(std::int32_t begin, std::int32_t end) {
        if (first_seen_.empty()) return;
        oldest_.clear();
        for (std::int32_t q = begin, least = begin; q < end; ++q)
            oldest_.push_back(least = std::min(least, first_seen_[static_cast<std::size_t>(q)]));
    }
    /// The first key that any query of the tile which sees a run, window or no window, sees through the window.
    std::int32_t oldest_of(const Run& run, std::int32_t begin, std::int32_t end) const {
        if (oldest_.empty()) return 0;
        return oldest_[static_cast<std::size_t>(std::min(run.until, end) - begin - 1)];
    }

    /// Slots for the keys before `begin` that it sees. Runs that only a mask of no tree leaves among the open
    /// ones cost time; the element mask hides them.
    void gather(std::int32_t begin, std::int32_t end) {
        while (!open_.empty() && open_.back().until <= begin) open_.pop_back();
        gathered_.clear();
        std::int32_t covered = oldest_.empty() ? 0 : oldest_.back();
        for (auto run = open_.begin(); run != open_.end(); ++run) {
            if (run->end <= covered)
                run = std::partition_point(run, open_.end(), [&](const Run& r) { return r.end <= covered; });
            if (run == open_.end()) break;
            const std::int32_t first = std::max(run->begin, oldest_of(*run, begin, end));
            for (std::int32_t k = std::max(first, covered); k < run->end; k = covered) {
                gathered_.push_back(k);
                covered = gathered_.back() + slot_keys;
            }
        }
    }
    std::int32_t covered() const { return gathered_.empty() ? 0 : gathered_.back() + slot_keys; }

    /// Slots of the tile [begin, end), given those gathered for `begin`.
    std::int32_t slots_of(std::int32_t begin, std::int32_t end) const {
        const std::int32_t rest = std::max(end - std::max(begin, covered()), 0);
        return static_cast<std::int32_t>(gathered_.size()) + (rest + slot_keys - 1) / slot_keys;
    }

    void append_slots(std::int32_t begin, std::int32_t end) {
        for (std::int32_t k = std::max(begin, covered()); k < end; k = covered()) gathered_.push_back(k);
    }

    /// Whether every query of [begin, end) sees every key of the slot. `newest`: the last of the first tokens
    /// that these queries see.
    bool sees_all(std::int32_t begin, std::int32_t end, std::int32_t newest, std::int32_t slot) const {
        return newest <= slot && slot + slot_keys - 1 <= begin &&
               least_[static_cast<std::size_t>(slot)] >= end;
    }

    /// Writes the gathered slots as key tiles, the highest first; returns how many key tiles.
    std::int32_t emit(std::int32_t begin, std::int32_t end) {
        first_ = static_cast<std::int32_t>(slots_.size());
        const auto count = static_cast<std::int32_t>(gathered_.size());
        const std::int32_t newest =
            first_seen_.empty() ? 0
                                : *std::max_element(first_seen_.begin() + begin, first_seen_.begin() + end);
        for (std::int32_t tile_end = count; tile_end > 0;) {
            // The first tile takes what does not fill a tile.
            const std::int32_t size =
                tile_end == count && count % slots_per_tile_ != 0 ? count % slots_per_tile_ : slots_per_tile_;
            const std::int32_t* const slot = gathered_.data() + (tile_end - size);
            bool contiguous = size == slots_per_tile_;
            for (std::int32_t i = 1; i < size; ++i)
                contiguous = contiguous && slot[i] == slot[0] + i * slot_keys;
            for (std::int32_t i = 0; i < slots_per_tile_; ++i) {
                const bool full = i < size && sees_all(begin, end, newest, slot[i]);
                slots_.push_back(4 * (i < size ? slot[i] : Tiles::no_key) + (full ? 0 : Tiles::masked) +
                                 (i == 0 && contiguous ? Tiles::contiguous : 0));
            }
            tile_end -= size;
        }
        return key_tiles(count);
    }

    std::span<const std::int32_t> until_, first_seen_;
    std::int32_t length_, query_tile_, slots_per_tile_;
    std::vector<std::int32_t>& slots_;
    std::int32_t first_ = 0;
    std::vector<std::int32_t> least_;     ///< of the 32 keys from each on
    std::vector<Run> open_;               ///< runs that some query still to come sees, ascending
    std::vector<std::int32_t> oldest_;    ///< of the queries of the current tile; empty without a window
    std::vector<std::int32_t> gathered_;  ///< slots of the current query tile, ascending
};

}  // namespace

std::int64_t Tiles::steps() const {
    std::int64_t sum = 0;
    for (const Item& item : items) sum += item.key_tiles;
    return sum;
}

Tiles make_tiles(std::span<const std::int32_t> visible_until, std::int32_t kv_heads, std::int32_t query_tile,
                 std::int32_t slots_per_tile, std::span<const std::int32_t> first_seen) {
    Tiles out{.query_tile = query_tile, .slots_per_tile = slots_per_tile, .items = {}, .slots = {}};
    std::vector<Tile> tiles = Cutter(visible_until, first_seen, query_tile, slots_per_tile, out.slots).cut();
    if (tiles.empty()) return out;

    // Tiles of one tree and head run at about the same time, so that its keys and values stay in the L2
    // cache; trees and the tiles in them start with the costly ones.
    std::vector<std::int64_t> work(static_cast<std::size_t>(tiles.back().tree) + 1, 0);
    std::int64_t total = 0;
    for (const Tile& tile : tiles)
        work[static_cast<std::size_t>(tile.tree)] += tile.cost(), total += tile.cost();
    std::stable_sort(tiles.begin(), tiles.end(),
                     [](const Tile& a, const Tile& b) { return a.key_tiles > b.key_tiles; });
    auto rest = tiles.end();
    for (std::int64_t sum = 0; rest != tiles.begin() && double(sum) < short_part * double(total); --rest)
        sum += std::prev(rest)->cost();
    std::stable_sort(tiles.begin(), rest, [&](const Tile& a, const Tile& b) {
        const std::int64_t wa = work[static_cast<std::size_t>(a.tree)];
        const std::int64_t wb = work[static_cast<std::size_t>(b.tree)];
        return wa != wb ? wa > wb : a.tree < b.tree;
    });

    out.items.reserve(tiles.size() * static_cast<std::size_t>(kv_heads));
    const auto append = [&out](const Tile& tile, std::int32_t head) {
        out.items.push_back({tile.query_begin, tile.query_end, head, tile.key_tiles, tile.first_slot, {}});
    };
    for (auto begin = tiles.begin(); begin != rest;) {
        const auto end =
            std::find_if(begin, rest, [&](const Tile& tile) { return tile.tree != begin->tree; });
        for (std::int32_t head = 0; head < kv_heads; ++head)
            for (auto tile = begin; tile != end; ++tile) append(*tile, head);
        begin = end;
    }
    for (auto tile = rest; tile != tiles.end(); ++tile)
        for (std::int32_t head = 0; head < kv_heads; ++head) append(*tile, head);
    return out;
}

}  // namespace wishbone::cuda::sm90::forward
