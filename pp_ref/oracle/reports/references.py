"""Public reports of the bugs that a regime is there to catch, as Project Wycheproof flags its test vectors."""

from collections.abc import Sequence

__all__ = ["REFERENCES", "references"]

# Regime, or operation and regime -> where such a bug was reported: repository and number of the issue.
REFERENCES: dict[str | tuple[str, str], Sequence[str]] = {
    ("softmax_cross_entropy", "large logits"): ("pytorch#11752", "tensorflow#126634", "crysx_nn#7"),
    ("softmax_cross_entropy", "many classes"): ("KernelBench#165",),
    ("softmax", "saturation"): ("reference-kernels#149", "crysx_nn#7"),
    ("sigmoid", "saturation"): ("candle#1722", "dynet#1525", "tt-metal#55724"),
    ("max_pool2d", "minus infinity"): ("pytorch#39044",),
    ("limit_column_norms", "zero columns"): ("pytorch#2421", "keras#23075"),
    ("unit_columns", "short columns"): ("chainer#4765", "pytorch#184575"),
    ("covariance", "large mean"): ("scikit-learn#9354",),
    ("se_kernel", "grid"): ("scikit-learn#9354",),
    "tails": ("llm.c#852", "KernelBench#82"),
    "cancellation": ("pytorch#67384",),
    "small numbers": ("numpy#20895",),
    "Fortran order": ("numpy#29164", "burn#5304"),
    "strided": ("numpy#29164", "burn#5304"),
    "reversed": ("numpy#29164",),
    "partial sums": ("pytorch#85791",),
    "NaN": ("tensorflow#2501", "pytorch#7645"),
    "geometry": ("backpack#30", "tf-encrypted#150"),
    ("max_pool2d", "geometry"): ("onnx#5276",),
    ("average_pool2d", "geometry"): ("tract#2851", "coremltools#2844"),
    ("local_response", "geometry"): ("MIOpen#127",),
    "edges": ("KernelBench#82", "AgentKernelArena#82"),
    "long edges": ("KernelBench#82", "AgentKernelArena#82"),
}


def references(operation: str, regime: str) -> tuple[str, ...]:
    """Of "geometry 3" as of "geometry", and of "NaN in v" as of "NaN"; those of the operation first."""
    kind = regime.partition(" in ")[0].rstrip("0123456789 ") if regime[-1:].isdigit() else regime.partition(" in ")[0]
    found = (REFERENCES.get((operation, kind)), REFERENCES.get(kind))
    return tuple(next((each for each in found if each), ()))
