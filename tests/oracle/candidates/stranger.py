"""Answers to exported vectors, found out from the files alone, as a program in another language does."""

import json

import numpy as np
from safetensors.numpy import load_file, save_file

from pp_ref.oracle.candidates import own


def answer(folder, functions=None):
    """pp_ref's functions, or others of the documented names, on every case of a folder; writes its answers."""
    functions = functions or own.functions()
    manifest = json.loads((folder / "manifest.json").read_text())
    found = {}
    for case in manifest["cases"]:
        operation = case["operation"]
        if not {operation, f"{operation}_forward", f"{operation}_loss_and_gradient"} & functions.keys():
            continue
        file = f"{operation}.safetensors"
        tensors = load_file(folder / file)
        given = {
            argument["name"]: read(argument, lambda name, t=tensors, c=case: t[f"{c['id']}/{name}"])
            for argument in case["arguments"]
        }
        cotangents = [tensors[f"{case['id']}/{each['name']}"] for each in case["cotangents"]]
        with np.errstate(all="ignore"):
            results = called(functions, operation, list(given.values()), cotangents)
        due = [each["name"] for each in case["answers"]]
        assert len(results) == len(due) or case["wild"]
        for name, x in zip(due, results, strict=False):
            found.setdefault(file, {})[f"{case['id']}/{name}"] = np.array(x, order="C")
    (folder / "answers").mkdir(exist_ok=True)
    for file, answers in found.items():
        save_file(answers, folder / "answers" / file)
    return found


def read(argument, tensor):
    if "value" in argument:
        value = argument["value"]
        return tuple(value) if isinstance(value, list) else value
    names = [each["name"] for each in argument["tensors"]]
    if names == [argument["name"]]:
        return tensor(names[0])
    nested = {}
    for name in names:  # "U[0][1]"
        *way, last = map(int, name[:-1].replace("][", "[").split("[")[1:])
        place = nested
        for step in way:
            place = place.setdefault(step, {})
        place[last] = tensor(name)
    return lists(nested)


def lists(nested):
    return [lists(each) for _, each in sorted(nested.items())] if isinstance(nested, dict) else nested


def called(functions, operation, arguments, cotangents):
    """The value and the gradients, in one row."""
    if f"{operation}_loss_and_gradient" in functions:
        return flat(functions[f"{operation}_loss_and_gradient"](*arguments), arguments)
    if not cotangents:
        return flat(functions[operation](*arguments), arguments)
    y, cache = functions[f"{operation}_forward"](*arguments)
    dy = cotangents if isinstance(y, list) else cotangents[0]
    return flat([y, functions[f"{operation}_backward"](dy, cache)], arguments)


def flat(value, arguments):
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in flat(each, arguments)]
    dtype = next(x.dtype for x in flat_arrays(arguments))
    return [np.asarray(value, np.int64 if np.asarray(value).dtype.kind == "i" else dtype)]


def flat_arrays(value):
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in flat_arrays(each)]
    return [value] if isinstance(value, np.ndarray) and value.dtype.kind == "f" else []
