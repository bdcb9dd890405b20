#include "backend/fp8.h"

#include "backend/backend.h"
#include "core/error.h"

namespace wishbone {

namespace {

[[noreturn]] void not_here(const Backend& backend) {
    throw Error(ExitCode::internal, "FP8 products were asked for: " + backend.fp8_problem(), backend.name(),
                "This is a fault of the runner, please report it.");
}

}  // namespace

void Backend::fp8_quantise(Fp8Matrix, Fp8Matrix, Tensor) { not_here(*this); }
void Backend::fp8_quantise_scaled(Fp8Matrix, Tensor, Tensor) { not_here(*this); }
void Backend::fp8_transpose(Fp8Matrix, Tensor) { not_here(*this); }
void Backend::fp8_add_rmsnorm(Fp8Matrix, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, RmsNorm) {
    not_here(*this);
}
void Backend::fp8_glu(Fp8Matrix, Tensor, Tensor, Activation) { not_here(*this); }
void Backend::fp8_glu_backward(Fp8Matrix, Fp8Matrix, Fp8Matrix, Tensor, Tensor, Activation) {
    not_here(*this);
}
void Backend::fp8_linear(Tensor, Fp8Matrix, Fp8Matrix, bool) { not_here(*this); }
void Backend::fp8_backward_input(Tensor, Fp8Matrix, Fp8Matrix, bool) { not_here(*this); }
void Backend::fp8_backward_weight(Tensor, Fp8Matrix, Fp8Matrix, bool) { not_here(*this); }
double Backend::measure_fp8_ceiling() { not_here(*this); }

}  // namespace wishbone
