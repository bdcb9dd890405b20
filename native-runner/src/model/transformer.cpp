#include "model/transformer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "model/activations.h"
#include "model/rope_table.h"

namespace wishbone {

struct DeviceBin {
    std::int64_t tokens = 0, rows = 0, targets = 0;
    Buffer memory;  ///< of all the tensors below
    Tensor token, position, read_row;
    HeadTargets head;
    /// For each of the model's windows.
    struct View {
        AttentionShape shape;
        std::shared_ptr<AttentionMask> mask;
    };
    std::vector<View> views;
};

namespace {

Error fault(const std::string& what) {
    return Error(ExitCode::internal, what, "model", "This is a fault of the runner, please report it.");
}

/// Rows a target reads, distinct and ascending, and for each target its place among them.
struct ReadRows {
    std::vector<std::int32_t> rows, place;

    explicit ReadRows(std::span<const std::int32_t> target_row) : rows(target_row.begin(), target_row.end()) {
        std::sort(rows.begin(), rows.end());
        rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
        place.reserve(target_row.size());
        for (const std::int32_t row : target_row)
            place.push_back(
                static_cast<std::int32_t>(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin()));
    }
};

}  // namespace

struct Transformer::Impl {
    Backend& backend;
    const ModelConfig config;
    const DType dtype;
    const AttentionShape shape;  ///< without a window
    const RmsNorm norm;
    const Recompute recompute;
    std::vector<std::int64_t> windows;  ///< those of the layers, each once
    Activations kept, passing;          ///< of a forward pass that keeps, and of one that does not
    Workspace work;
    struct Rotation {
        Buffer memory;
        Tensor cos, sin;
    };
    std::vector<Rotation> rotations;  ///< for each of `config.ropes`
    std::int64_t rope_positions = 0, longest = 0;
    const DeviceBin* kept_bin = nullptr;

    Impl(Backend& the_backend, ModelConfig the_config, Recompute the_recompute)
        : backend(the_backend),
          config(std::move(the_config)),
          dtype(backend.activation_dtype()),
          shape{.query_heads = config.query_heads,
                .kv_heads = config.kv_heads,
                .head_dim = config.head_dim,
                .scale = static_cast<float>(config.attention_scale > 0
                                                ? config.attention_scale
                                                : 1.0 / std::sqrt(static_cast<double>(config.head_dim))),
                .softcap = static_cast<float>(config.attention_softcap),
                .window = 0},
          norm{static_cast<float>(config.rms_norm_eps), config.norm_weights_less_one ? 1.0f : 0.0f},
          recompute(the_recompute),
          rotations(config.ropes.size()) {
        kept.layers.resize(static_cast<std::size_t>(config.layers));
        passing.layers.resize(1);  // every layer overwrites the one before
        for (std::int64_t i = 0; i < config.layers; ++i)
            if (std::ranges::find(windows, config.kind_of(i).window) == windows.end())
                windows.push_back(config.kind_of(i).window);
    }

    Tensor activation(Slot& slot, std::initializer_list<std::int64_t> dims) {
        return slot.get(backend, dtype, dims);
    }
    Tensor statistic(Slot& slot, std::initializer_list<std::int64_t> dims) {
        return slot.get(backend, DType::f32, dims);
    }

    Activations::Layer& layer_of(Activations& activations, std::int64_t layer) {
        return activations.layers[static_cast<std::size_t>(layer) % activations.layers.size()];
    }

    void expect_length(std::int64_t length) {
        longest = length;
        rope_positions = 0;
    }

    /// Tables grow with the longest sequence seen, so a config that allows long ones costs nothing.
    void reach_position(std::int64_t positions) {
        if (positions <= rope_positions) return;
        const std::int64_t grown = std::max(positions, std::min<std::int64_t>(2 * rope_positions, 1 << 20));
        rope_positions = 0;
        for (std::size_t i = 0; i < rotations.size(); ++i) {
            if (depends_on_length(config.ropes[i]) && positions > longest)
                throw fault("a sequence is longer than was said before");
            const RopeTable table = rope_table(config, config.ropes[i], longest, grown);
            const std::size_t bytes = table.cos.size() * sizeof(float);
            Rotation& rotation = rotations[i];
            rotation.memory = backend.allocate(2 * bytes);
            rotation.cos = Tensor(rotation.memory.get(), DType::f32,
                                  {grown, rotated_elements(config, config.ropes[i]) / 2});
            rotation.sin = rotation.cos;
            rotation.sin.data = static_cast<std::byte*>(rotation.memory.get()) + bytes;
            backend.upload(rotation.cos, table.cos.data());
            backend.upload(rotation.sin, table.sin.data());
        }
        rope_positions = grown;
    }

    /// The masks of the model's windows; one that no sequence of the bin outgrows is none.
    std::vector<DeviceBin::View> views_of(const BinView& view) {
        std::int64_t positions = 0;
        for (const std::int32_t position : view.position)
            positions = std::max(positions, std::int64_t{position} + 1);
        std::vector<DeviceBin::View> views;
        for (const std::int64_t window : windows) {
            AttentionShape own = shape;
            own.window = window < positions ? window : 0;
            const auto same = std::ranges::find_if(
                views, [&](const DeviceBin::View& other) { return other.shape.window == own.window; });
            if (same != views.end())
                views.push_back(*same);
            else
                views.push_back({own, backend.prepare_mask(view.visible_until, view.position, own)});
        }
        return views;
    }

    const DeviceBin::View& view_of(const DeviceBin& bin, std::int64_t layer) const {
        const auto window = std::ranges::find(windows, config.kind_of(layer).window);
        return bin.views[static_cast<std::size_t>(window - windows.begin())];
    }

    std::shared_ptr<DeviceBin> prepare(const BinView& view) {
        const std::size_t length = view.tokens.size(), count = view.target_row.size();
        if (view.position.size() != length || view.visible_until.size() != length ||
            view.target_token.size() != count)
            throw fault("the arrays of a bin differ in length");
        const auto outside = [](std::int64_t limit) {
            return [limit](std::int32_t value) { return value < 0 || value >= limit; };
        };
        if (std::any_of(view.tokens.begin(), view.tokens.end(), outside(config.vocab_size)) ||
            std::any_of(view.target_token.begin(), view.target_token.end(), outside(config.vocab_size)))
            throw fault("a bin has a token outside the model's vocabulary");
        if (std::any_of(view.target_row.begin(), view.target_row.end(),
                        outside(static_cast<std::int64_t>(length))) ||
            std::any_of(view.position.begin(), view.position.end(),
                        outside(static_cast<std::int64_t>(length))))
            throw fault("a bin has a target row or a position outside the bin");

        const ReadRows read(view.target_row);
        auto bin = std::make_shared<DeviceBin>();
        bin->tokens = static_cast<std::int64_t>(length);
        bin->rows = static_cast<std::int64_t>(read.rows.size());
        bin->targets = static_cast<std::int64_t>(count);
        if (length > 0) reach_position(1 + *std::max_element(view.position.begin(), view.position.end()));

        const auto padded = [](std::size_t n) { return (n + 63) / 64 * 64; };  // keeps each array aligned
        bin->memory = backend.allocate((2 * padded(length) + padded(read.rows.size()) + 2 * padded(count)) *
                                       sizeof(std::int32_t));
        std::size_t used = 0;
        const auto upload = [&](std::span<const std::int32_t> from) {
            Tensor tensor(static_cast<std::int32_t*>(bin->memory.get()) + used, DType::i32,
                          {static_cast<std::int64_t>(from.size())});
            used += padded(from.size());
            backend.upload(tensor, from.data());
            return tensor;
        };
        bin->token = upload(view.tokens);
        bin->position = upload(view.position);
        bin->read_row = upload(read.rows);
        bin->head.row = upload(read.place);
        bin->head.token = upload(view.target_token);
        bin->views = views_of(view);
        return bin;
    }

    /// A layer's results, of all `tokens` up to attention and of the `rows` that go on behind it. What the
    /// model has no norm or no adapter for is empty.
    struct LayerTensors {
        Tensor input, attention_inv_rms, qkv, attention, lse;
        Tensor attention_out, attention_out_inv_rms, middle, mlp_inv_rms;
        Tensor gate_up, mlp_out, mlp_out_inv_rms;
        Tensor qkv_low_rank, attention_out_low_rank, gate_up_low_rank, down_low_rank;
    };

    LayerTensors tensors_of(Activations& activations, std::int64_t layer, const Lora::Layer& adapters,
                            std::int64_t tokens, std::int64_t rows) {
        Activations::Layer& own = layer_of(activations, layer);
        Activations::Layer& attention = recompute == Recompute::block ? activations.recomputed : own;
        Activations::Layer& mlp = recompute != Recompute::none ? activations.recomputed : own;
        const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads, hidden = config.hidden_size;
        LayerTensors tensors;
        tensors.input = activation(own.input, {tokens, hidden});
        tensors.attention_inv_rms = statistic(attention.attention_inv_rms, {tokens});
        tensors.qkv = activation(attention.qkv, {tokens, heads, shape.head_dim});
        tensors.attention = activation(attention.attention, {tokens, shape.query_heads * shape.head_dim});
        tensors.lse = statistic(attention.lse, {shape.query_heads, tokens});
        if (!config.norms.after_attention.empty()) {
            tensors.attention_out = activation(attention.attention_out, {rows, hidden});
            tensors.attention_out_inv_rms = statistic(attention.attention_out_inv_rms, {rows});
        }
        tensors.middle = activation(attention.middle, {rows, hidden});
        tensors.mlp_inv_rms = statistic(attention.mlp_inv_rms, {rows});
        tensors.gate_up = activation(mlp.gate_up, {rows, 2 * config.intermediate_size});
        if (!config.norms.after_mlp.empty()) {
            tensors.mlp_out = activation(mlp.mlp_out, {rows, hidden});
            tensors.mlp_out_inv_rms = statistic(mlp.mlp_out_inv_rms, {rows});
        }
        const auto low_rank = [this](Slot& slot, const LowRank& adapter, std::int64_t of_rows) {
            return adapter ? activation(slot, {of_rows, adapter.a.rows()}) : Tensor();
        };
        tensors.qkv_low_rank = low_rank(attention.qkv_low_rank, adapters.qkv, tokens);
        tensors.attention_out_low_rank = low_rank(attention.attention_out_low_rank, adapters.attention_out, rows);
        tensors.gate_up_low_rank = low_rank(mlp.gate_up_low_rank, adapters.gate_up, rows);
        tensors.down_low_rank = low_rank(own.down_low_rank, adapters.down, rows);
        return tensors;
    }

    /// A layer of the model and its adapters.
    struct LayerWeights {
        const Parameters::Layer& base;
        const Lora::Layer& adapters;
    };

    static LayerWeights layer_weights(const ModelView& model, std::int64_t layer) {
        static const Lora::Layer none = {};
        const auto at = static_cast<std::size_t>(layer);
        return {model.base.layers[at], model.adapter != nullptr ? model.adapter->layers[at] : none};
    }

    /// A linear layer, the adapters on it and what lies between their two matrices.
    struct AdaptedLinear {
        const Linear& base;
        const LowRank& adapter;
        Tensor between;
    };

    static AdaptedLinear qkv_of(const LayerWeights& weights, const LayerTensors& layer) {
        return {weights.base.qkv, weights.adapters.qkv, layer.qkv_low_rank};
    }
    static AdaptedLinear attention_out_of(const LayerWeights& weights, const LayerTensors& layer) {
        return {weights.base.attention_out, weights.adapters.attention_out, layer.attention_out_low_rank};
    }
    static AdaptedLinear gate_up_of(const LayerWeights& weights, const LayerTensors& layer) {
        return {weights.base.gate_up, weights.adapters.gate_up, layer.gate_up_low_rank};
    }
    static AdaptedLinear down_of(const LayerWeights& weights, const LayerTensors& layer) {
        return {weights.base.down, weights.adapters.down, layer.down_low_rank};
    }

    // ---- pieces of a layer, forward ----

    void project(const Tensor& out, const Tensor& x, const AdaptedLinear& layer) {
        if (layer.adapter)
            backend.adapted_linear(out, layer.between, x, layer.base.weight, layer.adapter);
        else
            backend.linear(out, x, layer.base.weight);
        if (layer.base.bias) backend.add_bias(out, layer.base.bias);
    }

    /// sum = stream + delta (without `delta` the stream itself, which `sum` then is). Returns what the
    /// sublayer behind reads: the normed sum, or the sum where there is no norm.
    Tensor enter(const Tensor& sum, const Tensor& inv_rms, const Tensor& stream, const Tensor& delta,
                 const Tensor& weight) {
        if (!weight) {
            if (delta) backend.add(sum, stream, delta);
            return sum;
        }
        const Tensor normed = activation(work.normed, {sum.rows(), config.hidden_size});
        backend.add_rmsnorm(delta ? sum : Tensor(), normed, inv_rms, stream, delta, weight, norm);
        return normed;
    }

    /// delta = what a sublayer adds to the stream: its last linear layer, normed where a norm follows; then
    /// what the layer gave is left in `out`.
    void leave(const Tensor& delta, const Tensor& out, const Tensor& inv_rms, const Tensor& x,
               const AdaptedLinear& layer, const Tensor& weight) {
        if (!weight) return project(delta, x, layer);
        project(out, x, layer);
        backend.add_rmsnorm({}, delta, inv_rms, out, {}, weight, norm);
    }

    /// Queries and keys as attention reads them. `qkv` comes from the linear layer; it is rotated in place,
    /// or left alone when the heads are normed first.
    Tensor normed_and_rotated(const LayerWeights& weights, const Tensor& qkv, const DeviceBin& bin,
                              std::int64_t layer) {
        Tensor result = qkv;
        if (weights.base.query_norm) {
            result = activation(work.qkv, {qkv.shape[0], qkv.shape[1], qkv.shape[2]});
            backend.qk_norm(result, qkv, weights.base.query_norm, weights.base.key_norm, shape, norm);
        }
        rotate(result, bin, layer, false);
        return result;
    }

    void rotate(const Tensor& qkv, const DeviceBin& bin, std::int64_t layer, bool inverse) {
        const int rope = config.kind_of(layer).rope;
        if (rope == LayerKind::no_rope) return;
        const Rotation& rotation = rotations[static_cast<std::size_t>(rope)];
        backend.rope(qkv, rotation.cos, rotation.sin, bin.position, shape, inverse);
    }

    void attend(const LayerWeights& weights, const LayerTensors& layer, const Tensor& x,
                const DeviceBin& bin, std::int64_t index) {
        project(flat(layer.qkv), x, qkv_of(weights, layer));
        const Tensor qkv = normed_and_rotated(weights, layer.qkv, bin, index);
        const DeviceBin::View& view = view_of(bin, index);
        backend.attention(layer.attention, layer.lse, qkv, *view.mask, view.shape);
    }

    /// From attention to the gates of the MLP. `stream` and `attention`: the rows that go on. `delta` is
    /// scratch.
    void project_and_gate(const LayerWeights& weights, const LayerTensors& layer, const Tensor& stream,
                          const Tensor& attention, const Tensor& delta) {
        leave(delta, layer.attention_out, layer.attention_out_inv_rms, attention, attention_out_of(weights, layer),
              weights.base.after_attention);
        const Tensor x = enter(layer.middle, layer.mlp_inv_rms, stream, delta, weights.base.before_mlp);
        project(layer.gate_up, x, gate_up_of(weights, layer));
    }

    /// From the gates to what the MLP adds to the stream.
    void finish_mlp(const LayerWeights& weights, const LayerTensors& layer, const Tensor& delta) {
        const Tensor product = activation(work.wide, {layer.gate_up.rows(), config.intermediate_size});
        backend.glu(product, layer.gate_up, config.activation);
        leave(delta, layer.mlp_out, layer.mlp_out_inv_rms, product, down_of(weights, layer), weights.base.after_mlp);
    }

    /// Everything up to the head: returns the normed hidden states [rows, H] of the rows that are read.
    Tensor forward_hidden(const ModelView& model, DeviceBin& bin, Activations& activations) {
        const std::int64_t tokens = bin.tokens, hidden = config.hidden_size,
                           out_size = shape.query_heads * shape.head_dim;

        Tensor stream = activation(layer_of(activations, 0).input, {tokens, hidden});
        backend.embedding(stream, model.base.embedding, bin.token);
        if (config.embedding_scale != 1) backend.scale(stream, static_cast<float>(config.embedding_scale));
        Tensor delta;  // what the sublayer before adds to the stream
        for (std::int64_t i = 0; i < config.layers; ++i) {
            const LayerWeights weights = layer_weights(model, i);
            const std::int64_t rows = i + 1 == config.layers ? bin.rows : tokens;
            const LayerTensors layer = tensors_of(activations, i, weights.adapters, tokens, rows);

            const Tensor x =
                enter(layer.input, layer.attention_inv_rms, stream, delta, weights.base.before_attention);
            stream = layer.input;
            attend(weights, layer, x, bin, i);
            Tensor attention = layer.attention;
            if (i + 1 == config.layers) {
                attention = activation(activations.attention_rows, {rows, out_size});
                backend.gather_rows(attention, layer.attention, bin.read_row);
                stream = activation(activations.input_rows, {rows, hidden});
                backend.gather_rows(stream, layer.input, bin.read_row);
            }
            delta = activation(work.narrow, {rows, hidden});
            project_and_gate(weights, layer, stream, attention, delta);
            stream = layer.middle;
            finish_mlp(weights, layer, delta);
        }
        const Tensor last = activation(activations.last, {bin.rows, hidden});
        const Tensor normed = activation(activations.hidden, {bin.rows, hidden});
        backend.add_rmsnorm(last, normed, statistic(activations.final_inv_rms, {bin.rows}), stream, delta,
                            model.base.final_norm, norm);
        return normed;
    }

    /// Brings back what the forward pass did not keep of a layer. The last layer's results are still there.
    void bring_back(const LayerWeights& weights, const LayerTensors& layer, const DeviceBin& bin,
                    std::int64_t index) {
        const Tensor delta = activation(work.narrow, {bin.tokens, config.hidden_size});
        if (recompute == Recompute::none) return;
        if (recompute == Recompute::mlp) {
            const Tensor x = enter(layer.middle, layer.mlp_inv_rms, layer.middle, {}, weights.base.before_mlp);
            project(layer.gate_up, x, gate_up_of(weights, layer));
        } else {
            const Tensor x =
                enter(layer.input, layer.attention_inv_rms, layer.input, {}, weights.base.before_attention);
            attend(weights, layer, x, bin, index);
            project_and_gate(weights, layer, layer.input, layer.attention, delta);
        }
        if (weights.base.after_mlp) finish_mlp(weights, layer, delta);
    }

    /// [T, heads, D] as the matrix [T, heads · D].
    static Tensor flat(const Tensor& qkv) {
        return Tensor(qkv.data, qkv.dtype, {qkv.shape[0], qkv.shape[1] * qkv.shape[2]});
    }

    /// Logits of as many rows as the backend thinks worth keeping; an empty tensor when there are none.
    Tensor kept_logits(const DeviceBin& bin) {
        const std::size_t row_bytes = static_cast<std::size_t>(config.vocab_size) * size_of(dtype);
        const auto rows =
            std::min(bin.rows, static_cast<std::int64_t>(backend.kept_logits_budget() / row_bytes));
        return rows > 0 ? activation(kept.kept_logits, {rows, config.vocab_size}) : Tensor();
    }

    std::vector<float> forward(const ModelView& model, DeviceBin& bin, bool keep,
                               std::vector<float>* log_sum_squares) {
        if (keep) kept_bin = &bin;
        if (bin.targets == 0) return {};
        Activations& activations = keep ? kept : passing;
        const Tensor hidden = forward_hidden(model, bin, activations);
        const Tensor logps = statistic(activations.logps, {bin.targets});
        backend.head_logps(logps, statistic(activations.head_lse, {bin.rows}),
                           keep ? kept_logits(bin) : Tensor(), hidden, model.base.head, bin.head,
                           static_cast<float>(config.logit_softcap));
        std::vector<float> result(static_cast<std::size_t>(bin.targets));
        backend.download(result.data(), logps);
        if (log_sum_squares != nullptr) {
            const Tensor of_rows = statistic(work.log_sum_squares, {bin.rows});
            backend.head_log_sum_squares(of_rows, keep ? kept_logits(bin) : Tensor(), hidden, model.base.head,
                                         statistic(activations.head_lse, {bin.rows}),
                                         static_cast<float>(config.logit_softcap));
            std::vector<float> rows(static_cast<std::size_t>(bin.rows));
            std::vector<std::int32_t> place(static_cast<std::size_t>(bin.targets));
            backend.download(rows.data(), of_rows);
            backend.download(place.data(), bin.head.row);
            log_sum_squares->resize(place.size());
            std::ranges::transform(place, log_sum_squares->begin(),
                                   [&](std::int32_t row) { return rows[static_cast<std::size_t>(row)]; });
        }
        return result;
    }

    // ---- and backward ----

    /// A layer of the gradients. What is frozen is empty.
    static LayerWeights d_layer_weights(const GradientView& gradients, std::int64_t layer) {
        static const Parameters::Layer frozen = {};
        static const Lora::Layer none = {};
        const auto at = static_cast<std::size_t>(layer);
        if (gradients.adapter != nullptr) return {frozen, gradients.adapter->layers[at]};
        return {gradients.base->layers[at], none};
    }

    /// The gradient of what lies between the two matrices of a layer's adapters.
    Tensor d_between(const AdaptedLinear& layer) {
        return activation(work.d_low_rank, {layer.between.rows(), layer.between.shape[1]});
    }

    void input_backward(const Tensor& d_x, const Tensor& d_out, const AdaptedLinear& layer) {
        if (layer.adapter)
            backend.adapted_linear_backward_input(d_x, d_between(layer), d_out, layer.base.weight, layer.adapter);
        else
            backend.linear_backward_input(d_x, d_out, layer.base.weight);
    }

    /// Behind `input_backward` of the same layer, which leaves the inner gradients of its adapters.
    void weight_backward(const Linear& d_base, const LowRank& d_adapter, const Tensor& d_out, const Tensor& x,
                         const AdaptedLinear& layer) {
        if (d_base.weight) backend.linear_backward_weight(d_base.weight, d_out, x);
        if (d_base.bias) backend.bias_backward(d_base.bias, d_out);
        if (d_adapter)
            backend.low_rank_backward_weight(d_adapter, d_out, x, layer.between, d_between(layer), layer.adapter);
    }

    /// The lowest layer with something to train; below it no gradient is needed.
    static std::int64_t lowest_trained(const GradientView& gradients) {
        if (gradients.adapter == nullptr) return 0;
        std::int64_t lowest = static_cast<std::int64_t>(gradients.adapter->layers.size());
        for (const LoraModule& module : gradients.adapter->modules()) lowest = std::min(lowest, module.linear.layer);
        return lowest;
    }

    /// The gradient of what a sublayer's last linear layer gave, `out`, from that of what was added to the
    /// stream.
    Tensor before_norm(const Tensor& d_delta, const Tensor& out, const Tensor& inv_rms, const Tensor& weight,
                       const Tensor& d_weight) {
        if (!weight) return d_delta;
        const Tensor d_out = activation(work.d_branch, {out.rows(), config.hidden_size});
        backend.zero(d_out);
        backend.rmsnorm_backward(d_out, d_weight, activation(work.normed, {out.rows(), config.hidden_size}),
                                 d_delta, out, inv_rms, weight, norm);
        return d_out;
    }

    /// Adds to the stream's gradient what comes back from a sublayer. Returns what the sublayer read.
    Tensor enter_backward(const Tensor& d_stream, const Tensor& d_x, const Tensor& stream,
                          const Tensor& inv_rms, const Tensor& weight, const Tensor& d_weight) {
        if (!weight) {
            backend.add(d_stream, d_stream, d_x);
            return stream;
        }
        const Tensor normed = activation(work.normed, {stream.rows(), config.hidden_size});
        backend.rmsnorm_backward(d_stream, d_weight, normed, d_x, stream, inv_rms, weight, norm);
        return normed;
    }

    void backward(const ModelView& model, const GradientView& gradients, DeviceBin& bin,
                  std::span<const float> weight) {
        if (kept_bin != &bin) throw fault("backward without a forward pass of the same bin that keeps");
        if (static_cast<std::int64_t>(weight.size()) != bin.targets)
            throw fault("backward with too few weights");
        if ((model.adapter != nullptr) != (gradients.adapter != nullptr))
            throw fault("an adapter without its gradient");
        kept_bin = nullptr;
        if (bin.targets == 0) return;
        const std::int64_t tokens = bin.tokens, hidden = config.hidden_size,
                           feed_forward = config.intermediate_size;
        const std::int64_t heads = shape.query_heads + 2 * shape.kv_heads,
                           out_size = shape.query_heads * shape.head_dim;

        const Tensor target_weight = statistic(work.target_weight, {bin.targets});
        backend.upload(target_weight, weight.data());
        std::int64_t rows = bin.rows;
        Tensor d_normed = activation(work.narrow, {rows, hidden});
        const bool frozen = gradients.base == nullptr;
        backend.head_logps_backward(d_normed, frozen ? Tensor() : gradients.base->head, kept_logits(bin),
                                    activation(kept.hidden, {rows, hidden}), model.base.head,
                                    statistic(kept.head_lse, {rows}), bin.head, target_weight,
                                    static_cast<float>(config.logit_softcap));
        Tensor d_stream = activation(work.d_rows, {rows, hidden});
        backend.zero(d_stream);
        backend.rmsnorm_backward(d_stream, frozen ? Tensor() : gradients.base->final_norm,
                                 activation(work.normed, {rows, hidden}), d_normed,
                                 activation(kept.last, {rows, hidden}),
                                 statistic(kept.final_inv_rms, {rows}), model.base.final_norm, norm);

        const std::int64_t lowest = lowest_trained(gradients);
        for (std::int64_t i = config.layers - 1; i >= lowest; --i) {
            const LayerWeights weights = layer_weights(model, i);
            const LayerWeights d_weights = d_layer_weights(gradients, i);
            const LayerTensors layer = tensors_of(kept, i, weights.adapters, tokens, rows);
            const bool last = i + 1 == config.layers;
            if (!last) bring_back(weights, layer, bin, i);

            const Tensor product = activation(work.wide, {rows, feed_forward});
            const Tensor d_product = activation(work.wide2, {rows, feed_forward});
            const Tensor d_mlp = before_norm(d_stream, layer.mlp_out, layer.mlp_out_inv_rms,
                                             weights.base.after_mlp, d_weights.base.after_mlp);
            input_backward(d_product, d_mlp, down_of(weights, layer));
            const Tensor d_gate_up = layer.gate_up;
            backend.glu_backward(d_gate_up, product, d_product, layer.gate_up, config.activation);
            weight_backward(d_weights.base.down, d_weights.adapters.down, d_mlp, product, down_of(weights, layer));

            d_normed = activation(work.narrow, {rows, hidden});
            input_backward(d_normed, d_gate_up, gate_up_of(weights, layer));
            Tensor x = enter_backward(d_stream, d_normed, layer.middle, layer.mlp_inv_rms, weights.base.before_mlp,
                                      d_weights.base.before_mlp);
            weight_backward(d_weights.base.gate_up, d_weights.adapters.gate_up, d_gate_up, x,
                            gate_up_of(weights, layer));

            const Tensor d_attention = activation(work.d_attention, {tokens, out_size});
            const Tensor d_out = before_norm(d_stream, layer.attention_out, layer.attention_out_inv_rms,
                                             weights.base.after_attention, d_weights.base.after_attention);
            if (last) {
                // Only the rows that are read went on; the others get their gradient through attention alone.
                const Tensor d_rows = activation(work.d_attention_rows, {rows, out_size});
                input_backward(d_rows, d_out, attention_out_of(weights, layer));
                weight_backward(d_weights.base.attention_out, d_weights.adapters.attention_out, d_out,
                                activation(kept.attention_rows, {rows, out_size}), attention_out_of(weights, layer));
                backend.zero(d_attention);
                backend.scatter_add_rows(d_attention, d_rows, bin.read_row);
                const Tensor d_read = d_stream;
                d_stream = activation(work.d_stream, {tokens, hidden});
                backend.zero(d_stream);
                backend.scatter_add_rows(d_stream, d_read, bin.read_row);
                rows = tokens;
            } else {
                input_backward(d_attention, d_out, attention_out_of(weights, layer));
                weight_backward(d_weights.base.attention_out, d_weights.adapters.attention_out, d_out, layer.attention,
                                attention_out_of(weights, layer));
            }

            const Tensor d_qkv = activation(work.d_qkv, {tokens, heads, shape.head_dim});
            const Tensor qkv =
                weights.base.query_norm ? normed_and_rotated(weights, layer.qkv, bin, i) : layer.qkv;
            const DeviceBin::View& view = view_of(bin, i);
            backend.attention_backward(d_qkv, d_attention, layer.attention, layer.lse, qkv, *view.mask,
                                       view.shape);
            rotate(d_qkv, bin, i, true);
            if (weights.base.query_norm)
                backend.qk_norm_backward(d_qkv, d_weights.base.query_norm, d_weights.base.key_norm, layer.qkv,
                                         weights.base.query_norm, weights.base.key_norm, shape, norm);
            d_normed = activation(work.narrow, {tokens, hidden});
            input_backward(d_normed, flat(d_qkv), qkv_of(weights, layer));
            x = enter_backward(d_stream, d_normed, layer.input, layer.attention_inv_rms,
                               weights.base.before_attention, d_weights.base.before_attention);
            weight_backward(d_weights.base.qkv, d_weights.adapters.qkv, flat(d_qkv), x, qkv_of(weights, layer));
        }
        if (frozen) return;
        if (config.embedding_scale != 1) backend.scale(d_stream, static_cast<float>(config.embedding_scale));
        backend.embedding_backward(gradients.base->embedding, bin.token, d_stream);
    }

    std::vector<float> next_logits(const ModelView& model, KeyValueCache& cache,
                                   std::span<const std::int32_t> tokens) {
        const auto count = static_cast<std::int64_t>(tokens.size());
        const std::int64_t start = cache.length, total = start + count, hidden = config.hidden_size,
                           out_size = shape.query_heads * shape.head_dim;
        if (count == 0 || total > cache.capacity()) throw fault("a cache has no room for the tokens");
        if (longest == 0) expect_length(cache.capacity());
        reach_position(total);
        std::vector<std::int32_t> position(static_cast<std::size_t>(total)),
            until(static_cast<std::size_t>(total), static_cast<std::int32_t>(total));
        for (std::size_t i = 0; i < position.size(); ++i) position[i] = static_cast<std::int32_t>(i);
        const auto views = [&] {
            BinView view;
            view.position = position;
            view.visible_until = until;
            return views_of(view);
        }();
        DeviceBin bin;  // of the new tokens; attention is over all
        bin.tokens = bin.rows = count;
        bin.views = views;
        const std::int64_t padded = (count + 63) / 64 * 64;
        bin.memory = backend.allocate(static_cast<std::size_t>(2 * padded) * sizeof(std::int32_t));
        bin.token = Tensor(bin.memory.get(), DType::i32, {count});
        bin.position = Tensor(static_cast<std::int32_t*>(bin.memory.get()) + padded, DType::i32, {count});
        backend.upload(bin.token, tokens.data());
        backend.upload(bin.position, position.data() + start);

        Tensor stream = activation(layer_of(passing, 0).input, {count, hidden});
        backend.embedding(stream, model.base.embedding, bin.token);
        if (config.embedding_scale != 1) backend.scale(stream, static_cast<float>(config.embedding_scale));
        Tensor delta;
        Slot all_attention, all_lse;
        for (std::int64_t i = 0; i < config.layers; ++i) {
            const LayerWeights weights = layer_weights(model, i);
            const LayerTensors layer = tensors_of(passing, i, weights.adapters, count, count);
            const Tensor x =
                enter(layer.input, layer.attention_inv_rms, stream, delta, weights.base.before_attention);
            stream = layer.input;
            project(flat(layer.qkv), x, qkv_of(weights, layer));
            backend.copy(cache.rows(i, start, total), normed_and_rotated(weights, layer.qkv, bin, i));
            const DeviceBin::View& view = view_of(bin, i);
            const Tensor attention = activation(all_attention, {total, out_size});
            backend.attention(attention, statistic(all_lse, {shape.query_heads, total}), cache.rows(i, 0, total),
                              *view.mask, view.shape);
            delta = activation(work.narrow, {count, hidden});
            project_and_gate(weights, layer, stream, attention.slice(start, total), delta);
            stream = layer.middle;
            finish_mlp(weights, layer, delta);
        }
        const Tensor last = activation(passing.last, {count, hidden}), normed = activation(passing.hidden, {count, hidden});
        backend.add_rmsnorm(last, normed, statistic(passing.final_inv_rms, {count}), stream, delta,
                            model.base.final_norm, norm);
        cache.length = total;
        return logits_of(model, normed.slice(count - 1, count));
    }

    /// Logits of normed hidden states [rows, H], on the host.
    std::vector<float> logits_of(const ModelView& model, const Tensor& hidden) {
        const std::int64_t rows = hidden.rows();
        Slot slot, converted;
        const Tensor out = activation(slot, {rows, config.vocab_size});
        backend.linear(out, hidden, model.base.head);
        const Tensor out_f32 = dtype == DType::f32 ? out : statistic(converted, {rows, config.vocab_size});
        if (dtype != DType::f32) backend.copy(out_f32, out);
        std::vector<float> result(static_cast<std::size_t>(out.size()));
        backend.download(result.data(), out_f32);
        const auto cap = static_cast<float>(config.logit_softcap);
        if (cap > 0)
            for (float& logit : result) logit = cap * std::tanh(logit / cap);
        return result;
    }

    std::vector<float> logits(const ModelView& model, std::span<const std::int32_t> tokens) {
        const auto length = static_cast<std::int32_t>(tokens.size());
        std::vector<std::int32_t> position(tokens.size()), until(tokens.size(), length);
        for (std::int32_t i = 0; i < length; ++i) position[static_cast<std::size_t>(i)] = i;
        BinView view;
        view.tokens = tokens;
        view.position = position;
        view.visible_until = until;
        view.target_row = position;  // every row is read
        view.target_token = tokens;
        if (longest == 0) expect_length(length);
        const std::shared_ptr<DeviceBin> bin = prepare(view);
        if (length == 0) return {};
        return logits_of(model, forward_hidden(model, *bin, passing));
    }
};

Transformer::Transformer(Backend& backend, ModelConfig config, Recompute recompute)
    : impl_(std::make_unique<Impl>(backend, std::move(config), recompute)) {}
Transformer::~Transformer() = default;

const ModelConfig& Transformer::config() const { return impl_->config; }

void Transformer::expect_length(std::int64_t longest) { impl_->expect_length(longest); }

std::shared_ptr<DeviceBin> Transformer::prepare(const BinView& bin) { return impl_->prepare(bin); }

std::vector<float> Transformer::forward(const ModelView& model, DeviceBin& bin, bool keep,
                                        std::vector<float>* log_sum_squares) {
    return impl_->forward(model, bin, keep, log_sum_squares);
}

void Transformer::backward(const ModelView& model, const GradientView& gradients, DeviceBin& bin,
                           std::span<const float> weight) {
    impl_->backward(model, gradients, bin, weight);
}

std::vector<float> Transformer::logits(const ModelView& model, std::span<const std::int32_t> tokens) {
    return impl_->logits(model, tokens);
}

std::vector<float> Transformer::next_logits(const ModelView& model, KeyValueCache& cache,
                                            std::span<const std::int32_t> tokens) {
    return impl_->next_logits(model, cache, tokens);
}

}  // namespace wishbone
