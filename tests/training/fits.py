"""Small fits that ranks share, on threads or, with this module as an MPI program, on processes."""

import json
import queue
import sys
import threading
from functools import partial
from hashlib import sha256

import numpy as np

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.models import MLP, RICA, Full, Predicted, pretrain
from pp_ref.models.convnet import ConvNet
from pp_ref.models.stages import Activation, Convolution, Dense, Dropout, Flatten, MaxPool
from pp_ref.training import SGD, Group, fit_lbfgs, fit_sgd, world

N, PARTS, EPOCHS, ITERATIONS = 43, 8, 5, 20  # batches of 20 leave 3 examples, fewer than parts
SETTINGS = SGD(EPOCHS, 0.05, batch=20, momentum=0.5, decay=1.01)


class ThreadLink:
    """A rank that is a thread."""

    def __init__(self, rank, queues):
        self.rank, self.size, self.queues = rank, len(queues), queues

    def send(self, message, to):
        self.queues[to][self.rank].put(message.copy())

    def receive(self, source):
        message = self.queues[self.rank][source].get(timeout=60)
        if message is None:
            raise ConnectionAbortedError
        return message


def on_ranks(size, program):
    """Return program(link) of every rank. If one raises, all end, and its error is raised."""
    queues = [[queue.Queue() for _ in range(size)] for _ in range(size)]
    results, errors = [None] * size, []

    def work(rank):
        try:
            results[rank] = program(ThreadLink(rank, queues))
        except ConnectionAbortedError:
            pass
        except BaseException as error:
            errors.append(error)
            for row in queues:
                for each in row:
                    each.put(None)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def data(dtype=np.float32):
    rng = np.random.default_rng(7)
    return rng.random((N, 36)).astype(dtype), rng.integers(0, 3, N)


def weights(kind, space, m, seed=3):
    if kind == "full":
        return Full(space.size, m)
    settings = {"proportion": 0.25, "n_columns": 2}
    return Predicted(make_dictionary("se", space, rng=np.random.default_rng(seed), **settings), m)


def network(model, kind, seed=3):
    """An MLP with dropout and decay, or a convnet, of 36 pixels and 3 classes."""
    if model == "mlp":
        layers = (weights(kind, Grid(6, 6), 10, seed), Full(10, 8))
        return MLP(layers, 3, dropout=0.2, weight_decay=1e-3)
    convolution = Convolution(weights(kind, Grid(3, 3), 4, seed), (3, 3), padding=1)
    stages = (convolution, MaxPool(2, stride=2), Activation("relu"), Flatten(), Dense(Full(36, 6)), Dropout(0.2))
    return ConvNet((6, 6, 1), stages, 3, weight_decay=1e-3)


def fit_network(model, kind, group, checkpoint=None, settings=SETTINGS, seeds=(3, 1)):
    """seeds  of the dictionary, and of the start and the order"""
    x, y = data()
    net, rng = network(model, kind, seeds[0]), np.random.default_rng(seeds[1])
    x = x.reshape(-1, *net.input_shape)
    start = net.init(rng)
    group.agree(lambda: {"examples": x, "labels": y, "static parameters": net.static, "start": start})

    def objective(params, rows, rng):
        return net.loss_and_gradient(params, x[rows], y[rows], rng)

    return fit_sgd(group.divide(objective), start, N, settings, rng, checkpoint=group.checkpoint(checkpoint))


def fit_rica(objective, kind, group, checkpoint=None, iterations=ITERATIONS):
    x, _ = data()
    x -= x.mean()
    model = RICA(weights(kind, Grid(6, 6), 5), objective, trade_off=0.2 if objective == "ufldl" else float(N))
    start = model.init(np.random.default_rng(2))
    group.agree(lambda: {"patches": x, "static parameters": model.static, "start": start})
    cuts = group.cuts(N)
    own = {k: (model.of_share((cuts[k].stop - cuts[k].start) / N), model.prepare(x[cuts[k]])) for k in group.own}

    def part(params, number):
        share, prepared = own[number]
        return share.loss_and_gradient(params, prepared)

    kept = group.checkpoint(checkpoint)
    return fit_lbfgs(group.total(part), start, iterations=iterations, gtol=0, ftol=0, checkpoint=kept)


def fit_layers(stacked, kind, group, checkpoint=None):
    """Pretraining of two layers; returns the second layer's fit, which the first one decides."""
    x, _ = data()
    settings = SGD(EPOCHS, 1e-3, batch=20)
    choose = [lambda v: weights(kind, Grid(6, 6), 10), lambda v: Full(10, 6)]
    ways = {"per_column": stacked == "stacked", "stacked_cost": stacked == "stacked", "group": group}
    return pretrain(x, choose, settings, np.random.default_rng(1), **ways).fits[-1]


FITS = {
    f"{name}, {kind}": partial(fit, which, kind)
    for name, fit, which in (
        ("mlp", fit_network, "mlp"),
        ("convnet", fit_network, "convnet"),
        ("rica", fit_rica, "ufldl"),
        ("le2011", fit_rica, "le2011"),
        ("pretraining", fit_layers, "together"),
        ("stacked", fit_layers, "stacked"),
    )
    for kind in ("full", "predicted")
}


def bits(fit):
    """What has to be equal: the parameters' digest and the history, without its seconds."""
    history = [{key: value for key, value in each.items() if key != "seconds"} for each in fit.history]
    parameters = {name: sha256(array.tobytes()).hexdigest() for name, array in fit.params.items()}
    return {"params": parameters, "history": history, "stop": fit.stop.name}


if __name__ == "__main__":
    link, which = world(), sys.argv[1]
    found = {name: bits(fit(Group(PARTS, link))) for name, fit in FITS.items() if which in name}
    if not link or link.rank == 0:
        print(json.dumps(found))
