"""A helper that lies beside a candidate."""


def product(a, b):
    return a @ b
