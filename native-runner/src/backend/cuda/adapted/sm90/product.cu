#include "backend/cuda/adapted/sm90/product.h"

#include "backend/cuda/adapted/sm90/epilogue.cuh"
#include "backend/cuda/matmul/sm90/kernel.cuh"

namespace wishbone::cuda::sm90 {

void adapted_product(const Device& device, cudaStream_t stream, product::Form form, __nv_bfloat16* out,
                     const product::Factors& of, product::Size size, const product::Behind& behind) {
    using product::Form;
    const adapted::Bare::Maps maps{product::result_map(out, size)};
    if (form == Form::forward)
        product::launch<product::Config<Form::forward, adapted::Bare>>(device, stream, of, maps, size, {},
                                                                       behind);
    else
        product::launch<product::Config<Form::input_gradient, adapted::Bare>>(device, stream, of, maps, size,
                                                                              {}, behind);
}

}  // namespace wishbone::cuda::sm90
