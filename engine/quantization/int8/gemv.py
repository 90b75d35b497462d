"""A product of INT8 weights with few rows of activations for NVIDIA cards, compiled by the driver's own compiler.

One warp computes one output feature: it reads 16 weights at a time, so that the memory is what limits it. NVRTC comes
with PyTorch; neither a C compiler nor the CUDA toolkit is needed, and the source includes no header.
"""

import ctypes
from collections.abc import Callable
from functools import cache

import torch

GEMV_ROWS = 4
_WARPS = 4
_STEP = 16  # weights that one lane reads at once
_SOURCE = r"""
__device__ __forceinline__ float low(unsigned int pair) {
#if IS_BF16
    return __uint_as_float(pair << 16);
#else
    float value;
    asm("{ cvt.f32.f16 %0, %1; }" : "=f"(value) : "h"((unsigned short)pair));
    return value;
#endif
}
__device__ __forceinline__ float high(unsigned int pair) {
#if IS_BF16
    return __uint_as_float(pair & 0xffff0000u);
#else
    return low(pair >> 16);
#endif
}
__device__ __forceinline__ float narrow(unsigned int packed, int index) {
    return (float)((signed char)(packed >> (8 * index)));
}
extern "C" __global__ void hearth_int8_gemv(
    const uint4* weight, const uint4* states, const unsigned short* scale, unsigned short* result,
    int rows, int features, int columns
) {
    int feature = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    if (feature >= features) return;
    int steps = columns / 16;
    float sums[4] = {0.f, 0.f, 0.f, 0.f};
    for (int step = lane; step < steps; step += 32) {
        uint4 packed = weight[(long long)feature * steps + step];
        unsigned int words[4] = {packed.x, packed.y, packed.z, packed.w};
        #pragma unroll
        for (int row = 0; row < 4; row++) {
            if (row >= rows) break;
            uint4 first = states[((long long)row * steps + step) * 2];
            uint4 second = states[((long long)row * steps + step) * 2 + 1];
            unsigned int pairs[8] = {first.x, first.y, first.z, first.w, second.x, second.y, second.z, second.w};
            float sum = 0.f;
            #pragma unroll
            for (int pair = 0; pair < 8; pair++) {
                unsigned int word = words[pair / 2];
                int index = (pair % 2) * 2;
                sum += narrow(word, index) * low(pairs[pair]) + narrow(word, index + 1) * high(pairs[pair]);
            }
            sums[row] += sum;
        }
    }
    float factor = low(scale[feature]);
    #pragma unroll
    for (int row = 0; row < 4; row++) {
        if (row >= rows) break;
        float sum = sums[row];
        for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
        if (lane == 0) {
            float value = sum * factor;
#if IS_BF16
            unsigned int bits = __float_as_uint(value);
            bits += 0x7fffu + ((bits >> 16) & 1u);
            result[(long long)row * features + feature] = (unsigned short)(bits >> 16);
#else
            unsigned short half;
            asm("{ cvt.rn.f16.f32 %0, %1; }" : "=h"(half) : "f"(value));
            result[(long long)row * features + feature] = half;
#endif
        }
    }
}
"""


def takes(states: torch.Tensor, weight: torch.Tensor) -> bool:
    """Tell whether gemv computes this shape: M <= 4, K a multiple of 16, 16-bit formats."""
    is_short = states.shape[0] <= GEMV_ROWS and states.dtype in (torch.bfloat16, torch.float16)
    return is_short and states.shape[1] % _STEP == 0 and weight.is_contiguous() and weight.data_ptr() % _STEP == 0


def gemv(states: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return states (M, K) x weight (N, K) int8, scaled by row; for what takes() says.

    Raises RuntimeError, OSError or AttributeError where the kernel can't be compiled or loaded.
    """
    states = states.contiguous()
    if states.data_ptr() % _STEP:
        states = states.clone()
    rows, columns = states.shape
    features = weight.shape[0]
    result = torch.empty(rows, features, dtype=states.dtype, device=states.device)
    index = states.device.index or 0
    kernel = _kernel(index, states.dtype is torch.bfloat16)
    with torch.cuda.device(index):
        kernel(
            grid=(-(features // -_WARPS), 1, 1),
            block=(32 * _WARPS, 1, 1),
            args=[weight, states, scale, result, rows, features, columns],
        )
    return result


@cache
def _kernel(device_index: int, is_bf16: bool) -> Callable[..., None]:
    from torch.cuda._utils import _cuda_load_module

    major, minor = torch.cuda.get_device_capability(device_index)
    binary = _compile(f"#define IS_BF16 {int(is_bf16)}\n{_SOURCE}", f"--gpu-architecture=sm_{major}{minor}")
    with torch.cuda.device(device_index):
        kernels = _cuda_load_module(binary, ["hearth_int8_gemv"])
    kernel: Callable[..., None] = kernels["hearth_int8_gemv"]  # type: ignore[index]
    return kernel


def _compile(source: str, architecture: str) -> bytes:
    """Return the binary for the card. Raises RuntimeError with the compiler's words.

    WORKAROUND torch 2.13: torch.cuda._compile_kernel looks for the CUDA toolkit's folder, which users don't have.
    """
    from torch.cuda._utils import _get_gpu_rtc_library

    library = _get_gpu_rtc_library()
    program = ctypes.c_void_p()
    created = library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"hearth.cu", 0, None, None)
    if created != 0:
        raise RuntimeError(f"NVRTC made no program ({created})")
    try:
        options = (ctypes.c_char_p * 1)(architecture.encode())
        if library.nvrtcCompileProgram(program, 1, options) != 0:
            raise RuntimeError("NVRTC did not compile the INT8 kernel")
        size = ctypes.c_size_t()
        if library.nvrtcGetCUBINSize(program, ctypes.byref(size)) != 0 or not size.value:
            raise RuntimeError("NVRTC gave no binary")
        binary = ctypes.create_string_buffer(size.value)
        if library.nvrtcGetCUBIN(program, binary) != 0:
            raise RuntimeError("NVRTC gave no binary")
        return bytes(binary.raw)
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))
