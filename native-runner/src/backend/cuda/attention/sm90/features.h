#pragma once

namespace wishbone::cuda::sm90 {

/// What a kernel is compiled with, so that models without it pay nothing for it. `Windowed`: a sliding window
/// hides keys. `Capped`: scores are capped.
template <bool Windowed_, bool Capped_>
struct Features {
    static constexpr bool Windowed = Windowed_, Capped = Capped_;
};

/// Calls `use` with the features of a call, a value of their type.
template <class Use>
void with_features(bool windowed, bool capped, const Use& use) {
    if (windowed && capped) return use(Features<true, true>{});
    if (windowed) return use(Features<true, false>{});
    if (capped) return use(Features<false, true>{});
    use(Features<false, false>{});
}

}  // namespace wishbone::cuda::sm90
