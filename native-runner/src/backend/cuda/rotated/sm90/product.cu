#include "backend/cuda/matmul/sm90/kernel.cuh"
#include "backend/cuda/rotated/sm90/epilogue.cuh"
#include "backend/cuda/rotated/sm90/product.h"
#include "backend/require.h"

namespace wishbone::cuda::sm90 {

void rotated_product(const Device& device, cudaStream_t stream, __nv_bfloat16* qkv,
                     const product::Factors& of, product::Size size, const RotatedHeads& heads,
                     const product::Behind& behind) {
    using product::Form;
    require(heads.head_dim == 64 || heads.head_dim == 128, "rotated_product");
    const auto run = [&]<class Epilogue>(Epilogue) {
        product::launch<product::Config<Form::forward, Epilogue>>(device, stream, of,
                                                                  {product::result_map(qkv, size)}, size,
                                                                  {.cos = heads.cos,
                                                                   .sin = heads.sin,
                                                                   .position = heads.position,
                                                                   .rows = static_cast<int>(size.rows),
                                                                   .turned = static_cast<int>(heads.turned)},
                                                                  behind);
    };
    if (heads.head_dim == 64)
        run(rotated::Rotated<64>{});
    else
        run(rotated::Rotated<128>{});
}

}  // namespace wishbone::cuda::sm90
