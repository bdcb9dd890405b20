#include "backend/cuda/attention_out/sm90/product.h"

#include "backend/cuda/attention_out/sm90/epilogue.cuh"
#include "backend/cuda/matmul/sm90/kernel.cuh"
#include "backend/require.h"

namespace wishbone::cuda::sm90 {

void attention_out_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_out, float* delta,
                            const product::Factors& of, const __nv_bfloat16* out, product::Size size,
                            std::int64_t head_dim, const product::Behind& behind) {
    using product::Form;
    require((head_dim == 64 || head_dim == 128) && size.columns % head_dim == 0, "attention_out_backward");
    const auto run = [&]<class Epilogue>(Epilogue) {
        product::launch<product::Config<Form::input_gradient, Epilogue>>(
            device, stream, of, {product::result_map(d_out, size), product::result_map(out, size)}, size,
            {.delta = delta,
             .rows = static_cast<int>(size.rows),
             .heads = static_cast<int>(size.columns / head_dim)},
            behind);
    };
    if (head_dim == 64)
        run(attention_out::Deltas<64>{});
    else
        run(attention_out::Deltas<128>{});
}

}  // namespace wishbone::cuda::sm90
