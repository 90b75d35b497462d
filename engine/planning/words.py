"""What precisions are called in sentences."""

from engine.api.plan import Precision

LABELS = {
    Precision.FP32: "FP32",
    Precision.BF16: "BF16",
    Precision.FP16: "FP16",
    Precision.INT8: "INT8",
    Precision.INT4: "INT4",
}
WORDS = {
    Precision.FP32: "32 bit",
    Precision.BF16: "16 bit",
    Precision.FP16: "16 bit",
    Precision.INT8: "8 bit",
    Precision.INT4: "4 bit",
}
