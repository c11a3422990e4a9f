"""Registers, spills and shared memory of every CUDA kernel, as the compiler reports them: no device is needed.

    pip install nvidia-cuda-nvrtc
    python benchmarks/speed/gpu_kernels.py [--out FILE]

Each kernel is compiled for both dtypes and two generations of devices, those on grids for 28 x 28 images
with 13 taps, an SE kernel of length scale 1, and with the longest filters that are taken. A spill is an
error. No device ran anything here.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pp_ref.errors import MissingExtraError
from pp_ref.kernels.gpu import grids, tiled
from pp_ref.kernels.gpu.ladder import KERNELS
from pp_ref.kernels.gpu.nvrtc import compile_for, nvrtc_version
from pp_ref.kernels.ways import Way

ARCHITECTURES = ("sm_80", "sm_90")
SIDE = 28
RAN_ON = "no device: compiled only; gpu.json has what one measured, once there is one"
HALVES = (6, grids.MOST_HALF)
DTYPES = {"float32": 4, "float64": 8}  # and their bytes


def on_grid(rung: Way) -> bool:
    return rung.takes in ("grid", "columns")


def shared_memory(rung: Way, half: int, images: int, itemsize: int) -> int:
    """Bytes a block, as the launcher asks for them."""
    if not on_grid(rung):
        return tiled.SHARED * itemsize if rung.name == "tiled" else 0
    return grids.shared_bytes(images, half, SIDE, SIDE, 1, itemsize)


def rows() -> list[dict[str, Any]]:
    """One for every kernel that is compiled."""
    measured = []
    for architecture in ARCHITECTURES:
        for rung in KERNELS:
            for dtype, itemsize in DTYPES.items():
                for half in HALVES if on_grid(rung) else HALVES[:1]:
                    images = grids.images_of_a_block(rung.name, half, SIDE, SIDE, 1, itemsize)
                    usage = compile_for(architecture, rung.kernel(dtype, half, SIDE, SIDE))
                    shared = usage.static_shared_bytes + shared_memory(rung, half, images, itemsize)
                    grid = {"taps": 2 * half + 1, "images_a_block": images} if on_grid(rung) else {}
                    measured.append(
                        {"rung": rung.name, "architecture": architecture, "dtype": dtype}
                        | grid
                        | {"registers": usage.registers, "spilled_bytes": usage.spilled_bytes}
                        | {"stack_bytes": usage.stack_bytes, "shared_bytes": shared}
                    )
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    try:
        record: dict[str, Any] = {"what": __doc__.splitlines()[0], "ran_on": RAN_ON, "nvrtc": nvrtc_version()}
        record |= {"side": SIDE, "rows": rows()}
    except MissingExtraError as error:
        sys.exit(f"gpu_kernels.py: {error}")
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    for row in record["rows"]:
        taps = f"{row['taps']} taps, {row['images_a_block']} images" if "taps" in row else ""
        print(
            "{architecture} {rung:10} {dtype} {said:18} {registers:3} registers, {spilled_bytes} spilled, "
            "{shared_bytes:6} bytes shared".format(said=taps, **row)
        )
    if any(row["spilled_bytes"] or row["stack_bytes"] for row in record["rows"]):
        sys.exit("gpu_kernels.py: registers are spilled to memory: raise a bound or shorten a run")


if __name__ == "__main__":
    main()
