"""A candidate that does to its judge what it can, a function a kind; `dense` alone is right."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np

FORWARD_ONLY = True
REACHED = threading.Event()


def dense(v, W, b):
    return v @ W + b


def sigmoid(v):
    """A forked child answers as well."""
    os.fork()
    return 1 / (1 + np.exp(-v))


def lowrank(v, U, w, b):
    """So does one that Python does not know of."""
    ctypes.CDLL(None).fork()
    return v @ U @ w + b


def relu(v):
    """It writes into each pipe that there is."""
    for pipe in range(3, 64):
        try:
            os.write(pipe, b"hello, judge")
        except OSError:
            continue
    return np.maximum(v, 0)


def smooth_abs(z, eps):
    os.closerange(0, 256)
    return np.sqrt(z * z + eps).sum()


def softmax(z):
    """It warns, prints and shouts at length."""
    warnings.warn("x" * 30_000_000, RuntimeWarning, stacklevel=1)
    print("\x1b[2J" + "y" * 30_000_000)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def flatten(v):
    raise ValueError("z" * 30_000_000)


def second_moment(v):
    for _ in range(10**5):
        v = [v]
    return v


def maxout(v, pieces):
    return np.broadcast_to(v[0, 0], (10**5, 10**5))


class Evil(np.ndarray):
    """Raises what nobody catches, whatever is asked of it."""

    def __array__(self, *arguments, **more):
        raise KeyboardInterrupt

    def __repr__(self):
        raise SystemExit

    @property
    def dtype(self):
        raise KeyboardInterrupt


def log_cosh(z):
    return np.zeros(()).view(Evil)


def project(U, G, widths):
    raise type("Mute", (Exception,), {"__str__": lambda self: 1 / 0})


def matern_kernel(a, b, length_scale, nu):
    raise KeyboardInterrupt


def weight_decay(W, rate):
    os.kill(os.getpid(), signal.SIGSTOP)


def unit_columns(W):
    """It leaves another folder, signals, limits and home."""
    os.chdir("/")
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 600)
    sys.setrecursionlimit(150)
    os.environ.pop("HOME", None)
    return W / np.sqrt((W * W).sum(axis=0))


def max_pool2d(v, size, stride, ceil):
    """What the one before it left."""
    left = os.getcwd() == "/", signal.getitimer(signal.ITIMER_REAL)[0] > 0, sys.getrecursionlimit() < 200
    raise ValueError(f"{left} {signal.getsignal(signal.SIGALRM) is signal.SIG_IGN}")


def limit_column_norms(W, limit):
    """Grandchildren in sessions of their own go on living."""
    subprocess.Popen(["sh", "-c", "setsid sleep 7654321 & setsid sleep 7654321"], start_new_session=True)
    time.sleep(0.3)
    return W * np.minimum(1, limit / np.sqrt((W * W).sum(axis=0)))


def se_kernel(a, b, length_scale):
    """A thread exits at once, and there is no standard output any more."""
    threading.Thread(target=sys.exit).start()
    sys.stdout.close()
    return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * length_scale**2))


def covariance(data, power):
    """A thread that it leaves ends the process while `reconstruction` runs."""
    threading.Thread(target=lambda: (REACHED.wait(), os._exit(3)), daemon=True).start()
    return np.cov(data**power, rowvar=False)


def reconstruction(v, W):
    """Right, where nothing waits for it."""
    REACHED.set()
    time.sleep(0.0 if threading.active_count() <= 2 else 5.0)
    return ((v @ W @ W.T - v) ** 2).sum()
