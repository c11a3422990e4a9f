"""Fits that ranks share: the same bits on any number of ranks, the gradient of one process, and no fault unseen."""

import pickle
from functools import partial

import numpy as np
import pytest

import pp_ref.training.distributed as distributed
from pp_ref.errors import DomainError
from pp_ref.training import Checkpoint, Group
from pp_ref.training.checkpoint import State
from tests.refused import refuses
from tests.training.fits import FITS, PARTS, SETTINGS, N, bits, data, fit_network, fit_rica, network, on_ranks

RANKS = (1, 2, 3)


@pytest.mark.parametrize("name", FITS)
def test_any_number_of_ranks_gives_the_same_bits(name):
    alone = bits(FITS[name](Group(PARTS)))
    for ranks in RANKS[1:]:
        assert on_ranks(ranks, lambda link: bits(FITS[name](Group(PARTS, link)))) == [alone] * ranks


@pytest.mark.parametrize("ranks", range(1, 13))
def test_every_part_belongs_to_one_rank(ranks):
    owned = on_ranks(ranks, lambda link: list(Group(12, link).own))
    assert [part for own in owned for part in own] == list(range(12))


def test_three_ranks_own_four_two_and_two_parts():
    assert on_ranks(3, lambda link: Group(8, link).own) == [range(4), range(4, 6), range(6, 8)]


def gradients(kind):
    """Loss and gradient of all examples in float64: of one process, and of parts of unequal size."""
    x, y = data(float)
    model = network("mlp", kind)
    params = model.init(np.random.default_rng(1), dtype=float)

    def objective(params, rows, _):  # without dropout, whose masks differ
        return model.loss_and_gradient(params, x[rows], y[rows])

    rows, rng = np.arange(N), partial(np.random.default_rng, 0)
    return objective(params, rows, None), on_ranks(
        2, lambda link: Group(PARTS, link).divide(objective)(params, rows, rng())
    )[0]


def check_gradients(kind):
    (loss, gradient), (cut_loss, cut) = gradients(kind)
    # Sums over 43 examples and at most 36 products, taken in another order, of numbers that a few layers have rounded.
    bound = 4 * (N + 36) * np.finfo(float).eps
    assert abs(cut_loss - loss) <= bound * abs(loss)
    for name, g in gradient.items():
        assert np.max(np.abs(cut[name] - g)) <= bound * np.max(np.abs(g)), name


@pytest.mark.parametrize("kind", ["full", "predicted"])
def test_the_gradient_is_that_of_one_process(kind):
    check_gradients(kind)


def masks(link=None):
    """What an objective draws in each part."""
    drawn = []

    def objective(params, rows, rng):
        drawn.append(rng.random())
        return np.zeros(()), {"w": np.zeros(1)}

    Group(PARTS, link).divide(objective)({"w": np.zeros(1)}, np.arange(N), np.random.default_rng(0))
    return drawn


def check_masks():
    assert len(set(masks())) == PARTS
    assert [mask for drawn in on_ranks(3, masks) for mask in drawn] == masks()


def test_each_part_draws_its_own_masks_and_the_ranks_do_not_change_them():
    check_masks()


@pytest.mark.parametrize(("first", "then"), [(1, 3), (3, 2), (2, 1)])
@pytest.mark.parametrize("fit", [partial(fit_network, "mlp"), partial(fit_rica, "ufldl")], ids=["sgd", "lbfgs"])
def test_a_fit_goes_on_with_another_number_of_ranks(tmp_path, fit, first, then):
    class Stopped(Exception):
        pass

    saves, right, kept = [], Checkpoint.save, Checkpoint(tmp_path / "fit.safetensors", {})

    def save(self, state):
        right(self, state)
        saves.append(state)
        if len(saves) == 3:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "save", save)
        with pytest.raises(Stopped):
            on_ranks(first, lambda link: fit("predicted", Group(PARTS, link), kept))
    whole = bits(fit("predicted", Group(PARTS)))
    assert on_ranks(then, lambda link: bits(fit("predicted", Group(PARTS, link), kept))) == [whole] * then


def test_one_part_is_the_objective_itself():
    assert Group().divide(check_masks) is check_masks
    assert Group().cuts(5) == [slice(0, 5)]


def test_what_it_costs():
    """Each rank but the first sends its sum up, and gets the whole one."""
    fits = {}
    for ranks in RANKS:

        def program(link):
            group = Group(PARTS, link)
            fit = fit_network("mlp", "predicted", group)
            return fit, group.cost()

        fits[ranks] = on_ranks(ranks, program)[0]
    for ranks, (fit, cost) in fits.items():
        numbers = sum(array.size for array in fit.params.values()) + 1  # and the loss
        message = 4 * numbers + distributed.HEADER
        assert (cost["ranks"], cost["parts"], cost["steps"]) == (ranks, PARTS, SETTINGS.epochs * 3)
        assert cost["bytes_a_step"] == 2 * (ranks - 1) * message
        # The comparison of four digests, and the counters, whose answer is still to come
        assert cost["other_bytes"] == 0 if ranks == 1 else cost["other_bytes"] >= 2 * (ranks - 1) * (4 * 32)
        assert cost["static_bytes"] == sum(each.nbytes for each in network("mlp", "predicted").static.values())
        assert cost["computation_s"] > 0
        assert cost["communication_s"] >= 0


test_what_is_refused = refuses(
    lambda call: call(),
    {
        DomainError: [
            (lambda: on_ranks(3, partial(Group, 2)), "^there are 3 ranks for 2 parts of a batch, expected at most 2"),
            (lambda: Group(0), "^parts is 0, expected an integer >= 1$"),
            (
                lambda: Group(50).divide(lambda *_: None)({}, np.arange(N), np.random.default_rng(0)),
                "^a batch has 43 examples, expected at least 50, one for each part: take more$",
            ),
        ]
    },
)


# Faults: each changes what a rank does. A check has to fail, or an error to name the rank.


def on_rank_1(change, name):
    """Change a method of the class on rank 1 alone."""
    right = getattr(Group, name)

    def method(self, *arguments, **named):
        return change(right, self, *arguments, **named) if self.link.rank == 1 else right(self, *arguments, **named)

    return {name: method}


def changed_exchange(change):
    """Change what goes into `Group._exchange`: (leaf, combine) -> leaf, combine."""
    right = Group._exchange

    def exchange(self, kind, check, leaf, combine):
        if kind == distributed.STEP:
            leaf, combine = change(self, leaf, combine)
        return right(self, kind, check, leaf, combine)

    return {"_exchange": exchange}


def one_twice(self, n):
    return [RIGHT_CUTS(self, n)[0], *RIGHT_CUTS(self, n)[:-1]] if self.parts > 1 else RIGHT_CUTS(self, n)


def last_left_out(self, n):
    return [*RIGHT_CUTS(self, n)[:-1], slice(n, n)] if self.parts > 1 else RIGHT_CUTS(self, n)


def by_the_ranks(self, n):
    """Cut for the number of ranks, not of parts."""
    cuts = RIGHT_CUTS(Group(self.link.size), n)
    return (cuts + [slice(n, n)] * self.parts)[: self.parts]


RIGHT_CUTS = Group.cuts


def reweighted(weight):
    """Weigh a part by weight(its share)."""
    right = Group._sum

    def total(self, params, parts, objective, *also):
        def part(number):
            loss, gradient, share = objective(number)
            return loss, gradient, weight(share)

        return right(self, params, parts, part, *also)

    return {"_sum": total}


def in_order(self, leaf, combine):
    """Add up part after part on each rank, not in the tree."""
    first = self.own[0]

    def own(part):
        return sum((leaf(k) for k in self.own[1:]), leaf(first)) if part == first else np.zeros_like(leaf(first))

    return own, combine


def averaged(self, leaf, combine):
    """Halved where two ranks meet."""
    return leaf, lambda mine, theirs, source: (mine + theirs) / 2 * (2 if source == self.link.rank else 1)


def other_seed(right, self, of):
    return right(self, lambda: of() | {"static parameters": {"U": np.ones(3)}})


def other_data(right, self, of):
    return right(self, lambda: of() | {"examples": data()[0][::-1]})


def other_start(right, self, of):
    return right(self, lambda: of() | {"start": {"w": np.zeros(2)}})


def divided_with(change):
    """Change the objective of rank 1: change(divided objective) -> objective."""
    return on_rank_1(
        lambda right, self, objective, **named: change(self, right(self, objective, **named), objective), "divide"
    )


def skips_a_step(self, divided, objective):
    calls = []

    def skipping(params, rows, rng):
        calls.append(1)
        return objective(params, rows, rng) if len(calls) == 4 else divided(params, rows, rng)

    return skipping


def steps_twice(self, divided, objective):
    def twice(params, rows, rng):
        divided(params, rows, np.random.default_rng(0))
        return divided(params, rows, rng)

    return twice


def own_gradient(self, divided, objective):
    """The total does not come back down."""

    def own(params, rows, rng):
        state = rng.bit_generator.state
        divided(params, rows, rng)
        rng.bit_generator.state = state
        return objective(params, rows, np.random.default_rng(0))

    return own


def other_rate(self, divided, objective):
    def halved(params, rows, rng):
        loss, gradient = divided(params, rows, rng)
        return loss, {name: g / 2 for name, g in gradient.items()}

    return halved


def other_order(self, divided, objective):
    return lambda params, rows, rng: divided(params, rows[::-1].copy(), rng)


def other_masks(self, divided, objective):
    other = np.random.default_rng(99)
    return lambda params, rows, rng: divided(params, rows, other)


def stops_early(self, divided, objective):
    """The others are not told that rank 1 has stopped."""
    calls = []

    def stopping(params, rows, rng):
        calls.append(1)
        if len(calls) == 5:
            self.agree(lambda: {"end": 1})
        return divided(params, rows, rng)

    return stopping


def last_bit(self, divided, objective):
    """Its machine rounds otherwise, once."""

    def off(params, rows, rng):
        loss, gradient = divided(params, rows, rng)
        gradient["1.b"][0] = np.nextafter(gradient["1.b"][0], np.float32(9))
        return loss, gradient

    return off


def not_told_of_the_checkpoint(right, self, checkpoint):
    class Empty(Checkpoint):
        def load(self):
            return None

        def save(self, state):
            pass

    return Empty("nowhere", {})


def one_seed(right):
    """The same masks in every part."""

    def divide(self, objective, **named):
        divided = right(self, lambda params, rows, rng: objective(params, rows, np.random.default_rng(5)), **named)
        return divided if self.parts > 1 else objective

    return {"divide": divide}


def wide(self, leaf, combine):
    return (lambda part: leaf(part).astype(float)) if self.link.rank == 1 else leaf, combine


def stale(self, leaf, combine):
    """A part's numbers of the step before."""
    kept = self.__dict__.setdefault("_stale", {})

    def old(part):
        new = leaf(part)
        given, kept[part] = kept.get(part, new), new
        return given if part == self.parts - 1 and self.link.size > 1 else new

    return old, combine


def takes_one_for_both(self, leaf, combine):
    """The right half is forgotten where it comes from another rank."""
    return leaf, lambda mine, theirs, source: combine(mine, theirs, source) if source == self.link.rank else mine


def zero_loss(self, leaf, combine):
    """The losses of other ranks are left out."""

    def without(mine, theirs, source):
        total = combine(mine, theirs, source)
        if source != self.link.rank:
            total[-1] = mine[-1]
        return total

    return leaf, without


FAULTS = {
    "a part counted twice": {"cuts": one_twice},
    "a part left out": {"cuts": last_left_out},
    "cut by the number of ranks": {"cuts": by_the_ranks},
    "a mean of means over unequal parts": reweighted(lambda share: 1 / PARTS),
    "a sum in place of a mean": reweighted(lambda share: 1.0),
    "part after part in place of the tree": changed_exchange(in_order),
    "a mean of the ranks' sums": changed_exchange(averaged),
    "the right half forgotten": changed_exchange(takes_one_for_both),
    "losses of other ranks left out": changed_exchange(zero_loss),
    "a stale part": changed_exchange(stale),
    "another dtype on one rank": changed_exchange(wide),
    "static parts from another seed": on_rank_1(other_seed, "agree"),
    "other data": on_rank_1(other_data, "agree"),
    "another start": on_rank_1(other_start, "agree"),
    "a rank that skips a step": divided_with(skips_a_step),
    "a rank that does a step twice": divided_with(steps_twice),
    "no way back down": divided_with(own_gradient),
    "another learning rate": divided_with(other_rate),
    "another order of examples": divided_with(other_order),
    "other masks on one rank": divided_with(other_masks),
    "a stop that is not told": divided_with(stops_early),
    "one bit": divided_with(last_bit),
    "the same masks in every part": one_seed(Group.divide),
}


def check_all():
    """Everything that a fault may break, in little."""

    def fit(link=None):
        group = Group(PARTS, link)
        found = bits(fit_network("mlp", "predicted", group))
        group.agree(lambda: {"losses": found["history"]})  # as a run's end does
        return found

    assert on_ranks(2, fit) == [fit()] * 2
    assert on_ranks(3, fit) == [fit()] * 3
    check_gradients("predicted")
    check_masks()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught(monkeypatch, name):
    for method, fault in FAULTS[name].items():
        monkeypatch.setattr(Group, method, fault)
    with pytest.raises((AssertionError, DomainError, ValueError)):
        check_all()


def test_without_a_fault_all_checks_pass():
    check_all()


def test_a_rank_that_is_not_told_of_the_checkpoint_is_caught(monkeypatch, tmp_path):
    kept = Checkpoint(tmp_path / "fit.safetensors", {})
    half = fit_network("mlp", "full", Group(PARTS), kept, settings=SETTINGS.__class__(2, 0.05, batch=20))
    assert len(half.history) == 2
    right = Group.checkpoint
    monkeypatch.setattr(
        Group,
        "checkpoint",
        lambda self, kept: not_told_of_the_checkpoint(right, self, kept) if self.link.rank == 1 else right(self, kept),
    )
    with pytest.raises(DomainError, match="^rank [01] is at exchange"):
        on_ranks(2, lambda link: fit_network("mlp", "full", Group(PARTS, link), kept))


def test_only_the_state_of_a_checkpoint_travels():
    state = State({"params": np.arange(3.0)}, {}, [])
    shared = on_ranks(3, lambda link: Group(PARTS, link).shared(state if link.rank == 0 else None))
    assert [pickle.dumps(each) for each in shared] == [pickle.dumps(state)] * 3
